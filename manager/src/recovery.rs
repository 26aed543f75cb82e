//! What a worker finds of the one that died before it: slots, and the descriptors they name.
//!
//! It looks at every slot before it opens anything, so that a number in a slot can only mean what it meant to the dead
//! worker, and closes what no slot names. The first worker of all finds nothing.
#![forbid(unsafe_code)]

use std::collections::{HashSet, VecDeque};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::sys::socket::{Shutdown, shutdown};
use send_file_wire::ReceiveError;

use crate::job::{Contradiction, Descriptors, Place};
use crate::limits::MAX_FAULTS;
use crate::staging::Staging;
use crate::sys::descriptors::{Landed, Unclaimed};
use crate::sys::slot::{Slot, SlotState};
use crate::sys::socket;
use crate::sys::table::{JobTable, SlotIndex};

/// Everything that was found.
#[derive(Debug, Default)]
pub struct Found {
    /// Workers that wait for an answer or will commit.
    pub waiting: Vec<(SlotIndex, Waiting)>,
    /// Downloads.
    pub running: VecDeque<Dormant>,
    /// Slots whose descriptors are not there.
    pub lost: Vec<SlotIndex>,
    /// What workers died of again and again; a download, if it was one.
    pub poison: Vec<(SlotIndex, Option<Dormant>)>,
}

/// A worker that waits.
#[derive(Debug)]
pub enum Waiting {
    /// Nothing was received from it yet.
    Connected(OwnedFd),
    /// A packet of it was received, and not answered for certain.
    Landed(OwnedFd, Result<send_file_wire::Descriptors, ReceiveError>),
    /// Its offer was accepted; it may have been told.
    Offered(OwnedFd, Descriptors),
}

/// A download that nobody carries.
#[derive(Debug)]
pub struct Dormant {
    /// Its slot.
    pub slot: SlotIndex,
    /// The descriptors it began with.
    pub descriptors: Descriptors,
    /// What pieces of its file are staged in.
    pub staging: Option<Staging>,
}

impl Found {
    /// Looks at all slots, and marks those in use as such.
    pub fn look(table: &mut JobTable, unclaimed: &mut Unclaimed) -> Found {
        let mut found = Found::default();
        let mut used = HashSet::new();
        let poison = blame(table);
        // What a damaged slot names may be another's, who comes first.
        let doubts = table
            .indices()
            .filter_map(|index| Some((doubt(&table.slot(index))?, index)));
        let mut indices: Vec<(u8, SlotIndex)> = doubts.collect();
        indices.sort_unstable();
        for (_, index) in indices {
            table.head().set_current(Some(index));
            let slot = table.slot(index);
            match slot.state() {
                Some(SlotState::Free) => continue,
                // Its descriptors are closed with all that nobody claims: a worker that was not told that its offer was
                // accepted keeps its connection.
                Some(SlotState::Receiving) if poison == Some(index) => {
                    found.poison.push((index, None));
                }
                Some(SlotState::Offered) if poison == Some(index) && !is_committed(&slot) => {
                    let peer = claim_peer(&slot, unclaimed);
                    break_off(&slot, peer, unclaimed.claim(slot.numbers().connection));
                    found.poison.push((index, None));
                }
                Some(SlotState::Receiving) => found.receiving(index, &slot, unclaimed),
                Some(SlotState::Offered) if !is_committed(&slot) => {
                    found.offered(index, &slot, unclaimed);
                }
                Some(_) => found.running(index, &slot, unclaimed),
                None => {
                    let connection = unclaimed.claim(slot.numbers().connection);
                    // Once the commit has come the number of the peer is somebody else's.
                    let may_commit = !is_committed(&slot);
                    let peer = may_commit.then(|| claim_peer(&slot, unclaimed));
                    found.lose(index, &slot, peer.flatten(), connection);
                }
            }
            used.insert(index);
        }
        table.head().set_current(None);
        if let Some(at) = found
            .running
            .iter()
            .position(|job| Some(job.slot) == poison)
        {
            let download = found.running.remove(at);
            found.poison.extend(poison.map(|index| (index, download)));
        }
        table.keep(&used);
        found
    }

    fn receiving(&mut self, index: SlotIndex, slot: &Slot, unclaimed: &mut Unclaimed) {
        let landed = unclaimed.claim_landed(slot);
        match (claim_peer(slot, unclaimed), landed) {
            (None, _) => self.lost.push(index),
            (Some(peer), Landed::Nothing) => {
                self.waiting.push((index, Waiting::Connected(peer)));
            }
            (Some(peer), Landed::Packet(descriptors)) => {
                self.waiting
                    .push((index, Waiting::Landed(peer, descriptors)));
            }
        }
    }

    fn offered(&mut self, index: SlotIndex, slot: &Slot, unclaimed: &mut Unclaimed) {
        let peer = claim_peer(slot, unclaimed);
        match (peer, claim_descriptors(slot, unclaimed)) {
            (Some(peer), Ok(descriptors)) if !slot.has_no_commit_but_bytes() => {
                self.waiting
                    .push((index, Waiting::Offered(peer, descriptors)));
            }
            (peer, Ok(descriptors)) => self.lose(index, slot, peer, Some(descriptors.connection)),
            (peer, Err(connection)) => self.lose(index, slot, peer, connection),
        }
    }

    fn running(&mut self, slot_index: SlotIndex, slot: &Slot, unclaimed: &mut Unclaimed) {
        let descriptors = claim_descriptors(slot, unclaimed);
        let number = slot.numbers().staging;
        let staging = unclaimed.claim(number).map(Staging::from);
        // Without it the place in the file would be taken from where the file itself stands, which is another one.
        let is_whole = number == -1 || staging.is_some();
        match descriptors {
            Ok(descriptors) if is_whole => self.running.push_back(Dormant {
                slot: slot_index,
                descriptors,
                staging,
            }),
            Ok(descriptors) => self.lose(slot_index, slot, None, Some(descriptors.connection)),
            Err(connection) => self.lose(slot_index, slot, None, connection),
        }
    }

    /// Its descriptors are not there, or nobody knows what it was.
    fn lose(
        &mut self,
        index: SlotIndex,
        slot: &Slot,
        peer: Option<OwnedFd>,
        connection: Option<OwnedFd>,
    ) {
        break_off(slot, peer, connection);
        self.lost.push(index);
    }
}

impl Dormant {
    /// How many descriptors it holds.
    pub fn descriptor_count(&self) -> usize {
        self.descriptors.count() + usize::from(self.staging.is_some())
    }

    /// Where it stands.
    ///
    /// # Errors
    /// Why it must not be gone on with.
    pub fn place(&self, slot: &Slot) -> Result<Place, Contradiction> {
        Place::find(slot, &self.descriptors, self.staging.as_ref())
    }

    /// Makes the coming close a visible break, if the connection is still the one it began with.
    pub fn reset_on_close(&self, slot: &Slot) {
        reset_if_it_is_the_one(self.descriptors.connection.as_fd(), slot);
    }
}

/// A client whose connection was given away must not take the close that comes now for the end of the file; to any other
/// worker the peer's end tells that the connection is still its own.
fn break_off(slot: &Slot, peer: Option<OwnedFd>, connection: Option<OwnedFd>) {
    let is_running = matches!(
        slot.state(),
        Some(SlotState::Active | SlotState::Lingering | SlotState::Closing)
    );
    let was_given_away =
        is_running || is_committed(slot) || peer.is_some_and(|peer| give_up(&peer, slot));
    if let Some(connection) = connection.filter(|_| was_given_away) {
        reset_if_it_is_the_one(connection.as_fd(), slot);
    }
}

fn reset_if_it_is_the_one(connection: BorrowedFd, slot: &Slot) {
    if socket::cookie(connection).is_ok_and(|cookie| cookie == slot.identity().cookie) {
        socket::reset_on_close(connection);
    }
}

/// What the last worker died of, if that was a fault and not the first one in a row.
fn blame(table: &JobTable) -> Option<SlotIndex> {
    let head = table.head();
    let current = head.current().filter(|index| table.contains(*index));
    head.set_current(None);
    let index = current.filter(|_| head.last_death().may_be_a_fault())?;
    (table.slot(index).note_fault() >= MAX_FAULTS).then_some(index)
}

/// Whether the commit of the offer in this slot has come.
pub fn is_committed(slot: &Slot) -> bool {
    slot.commit()
        .is_some_and(|commit| commit.0 == slot.claimed_id())
}

/// How doubtful it is that the slot names what is its own: not at all, if it is as it was when its offer was accepted.
/// `None`: it names nothing. There may be a million of those, so that their seals are not looked at.
fn doubt(slot: &Slot) -> Option<u8> {
    match slot.state() {
        Some(SlotState::Free) => None,
        Some(SlotState::Receiving) => Some(1),
        Some(_) if slot.is_sealed() => Some(0),
        _ => Some(2),
    }
}

/// Gives up on an offer that cannot be gone on with: whether its commit had come, so that the connection is ours.
pub fn give_up(peer: &OwnedFd, slot: &Slot) -> bool {
    let _ = shutdown(peer.as_raw_fd(), Shutdown::Read);
    while let Ok(1..) | Err(nix::Error::ECONNRESET) = slot.receive_commit(peer.as_fd()) {
        if is_committed(slot) {
            return true;
        }
    }
    false
}

/// The connection of the PHP worker: an answer to it must not go to a client.
fn claim_peer(slot: &Slot, unclaimed: &mut Unclaimed) -> Option<OwnedFd> {
    let peer = unclaimed.claim(slot.numbers().peer);
    peer.filter(socket::is_channel)
}

/// The descriptors that a slot names; where one is not there, the connection, if it is.
fn claim_descriptors(
    slot: &Slot,
    unclaimed: &mut Unclaimed,
) -> Result<Descriptors, Option<OwnedFd>> {
    let numbers = slot.numbers();
    let mut optional = |number| match number {
        -1 => Some(None),
        number => unclaimed.claim(number).map(Some),
    };
    let connection = optional(numbers.connection).flatten();
    let file = optional(numbers.file).flatten();
    let literals = optional(numbers.literals);
    let frames = optional(numbers.frames);
    match (connection, file, literals, frames) {
        (Some(connection), Some(file), Some(literals), Some(frames)) => Ok(Descriptors {
            connection,
            file,
            literals,
            frames,
        }),
        (connection, ..) => Err(connection),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::head::Death;
    use crate::sys::memfd;
    use crate::sys::slot::{Identity, Numbers};
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
    use send_file_wire::{Commit, channel};
    use std::io::{self, Read};
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::net::UnixStream;

    fn numbers(connection: &OwnedFd, file: &OwnedFd) -> Numbers {
        Numbers {
            peer: -1,
            connection: connection.as_raw_fd(),
            file: file.as_raw_fd(),
            literals: -1,
            frames: -1,
            staging: -1,
        }
    }

    #[test]
    fn a_client_is_never_taken_for_a_worker_that_waits_for_an_answer() {
        let mut table = JobTable::create(1).unwrap();
        let (connection, _client) = UnixStream::pair().unwrap();
        let connection = OwnedFd::from(connection);
        let index = table.claim().unwrap();
        let numbers = Numbers {
            peer: connection.as_raw_fd(),
            ..numbers(&connection, &connection)
        };
        table.slot(index).set_numbers(numbers);
        table.slot(index).set_state(SlotState::Receiving);
        let found = Found::look(&mut table, &mut Unclaimed::left_by(vec![connection]));
        assert!(found.waiting.is_empty());
        assert_eq!(found.lost, vec![index]);
    }

    /// A slot with an accepted offer that workers have died of, whose commit is on its way or not, and how its client
    /// sees the end.
    fn end_of_a_poisonous_offer(is_committed: bool) -> io::Result<usize> {
        let mut table = JobTable::create(1).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let connection = OwnedFd::from(listener.accept().unwrap().0);
        // The PHP worker's: it keeps the connection open.
        let kept = connection.try_clone().unwrap();
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let (worker, peer) =
            socketpair(AddressFamily::Unix, SockType::SeqPacket, None, flags).unwrap();
        let index = table.claim().unwrap();
        let slot = table.slot(index);
        slot.set_numbers(Numbers {
            peer: peer.as_raw_fd(),
            ..numbers(&connection, &connection)
        });
        slot.set_identity(Identity {
            cookie: socket::cookie(connection.as_fd()).unwrap(),
            device: 0,
            inode: 0,
        });
        slot.seal();
        slot.set_state(SlotState::Offered);
        if is_committed {
            let commit = Commit(slot.claimed_id()).encode();
            channel::send(worker.as_fd(), &commit, &[]).unwrap();
        }
        for _ in 1..MAX_FAULTS {
            slot.note_fault();
        }
        table.head().set_current(Some(index));
        table.head().note_death(Death::Hung);
        let mut unclaimed = Unclaimed::left_by(vec![connection, peer]);
        let found = Found::look(&mut table, &mut unclaimed);
        unclaimed.close_the_rest().unwrap();
        assert!(matches!(found.poison[..], [(at, None)] if at == index));
        drop(kept);
        client.read(&mut [0])
    }

    #[test]
    fn a_poisonous_offer_stays_with_its_worker_unless_its_commit_is_on_its_way() {
        assert_eq!(end_of_a_poisonous_offer(false).unwrap(), 0);
        let error = end_of_a_poisonous_offer(true).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }

    #[test]
    fn a_damaged_slot_does_not_take_the_descriptors_of_one_that_is_not() {
        let mut table = JobTable::create(2).unwrap();
        let connection = OwnedFd::from(UnixStream::pair().unwrap().0);
        let file = memfd::with_bytes("test", b"x", 1).unwrap();
        let (damaged, intact) = (table.claim().unwrap(), table.claim().unwrap());
        for index in [damaged, intact] {
            let slot = table.slot(index);
            slot.set_numbers(numbers(&connection, &file));
            slot.set_state(SlotState::Active);
        }
        table.slot(intact).seal();
        let mut unclaimed = Unclaimed::left_by(vec![connection, file]);
        let found = Found::look(&mut table, &mut unclaimed);
        let running: Vec<SlotIndex> = found.running.iter().map(|dormant| dormant.slot).collect();
        assert_eq!((running, found.lost), (vec![intact], vec![damaged]));
    }
}
