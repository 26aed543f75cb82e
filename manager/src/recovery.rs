//! What a worker finds of the one that died before it: slots, and the descriptors they name.
//!
//! It looks at every slot before it opens anything, so that a number in a slot can only mean what it meant to the dead
//! worker, and closes what no slot names. The first worker of all finds nothing.
#![forbid(unsafe_code)]

use std::collections::{HashSet, VecDeque};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use nix::sys::socket::{Shutdown, shutdown};
use send_file_wire::{Offer, ReceiveError};

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
        for index in table.indices() {
            table.head().set_current(Some(index));
            let slot = table.slot(index);
            match slot.state() {
                Some(SlotState::Free) => continue,
                // Its descriptors are closed with all that nobody claims: a worker that offered keeps its connection.
                Some(SlotState::Receiving) if poison == Some(index) => {
                    found.poison.push((index, None));
                }
                // So does this one, unless its commit is in the queue.
                Some(SlotState::Offered)
                    if poison == Some(index)
                        && !is_committed(&slot)
                        && !unclaimed
                            .claim(slot.numbers().peer)
                            .is_some_and(|peer| give_up(&peer, &slot)) =>
                {
                    found.poison.push((index, None));
                }
                Some(SlotState::Receiving) => found.receiving(index, &slot, unclaimed),
                Some(SlotState::Offered) if !is_committed(&slot) => {
                    found.offered(index, &slot, unclaimed);
                }
                Some(_) => found.running(index, &slot, unclaimed),
                None => found.lost.push(index),
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
        match (unclaimed.claim(slot.numbers().peer), landed) {
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
        let peer = unclaimed.claim(slot.numbers().peer);
        match (peer, claim_descriptors(slot, unclaimed)) {
            (Some(peer), Some(descriptors)) if !slot.has_no_commit_but_bytes() => {
                self.waiting
                    .push((index, Waiting::Offered(peer, descriptors)));
            }
            // The peer's end tells the worker that the connection is still its own.
            _ => self.lost.push(index),
        }
    }

    fn running(&mut self, slot_index: SlotIndex, slot: &Slot, unclaimed: &mut Unclaimed) {
        let descriptors = claim_descriptors(slot, unclaimed);
        let number = slot.numbers().staging;
        let staging = unclaimed.claim(number).map(Staging::from);
        // Without it the place in the file would be taken from where the file itself stands, which is another one.
        let is_whole = number < 0 || staging.is_some();
        match descriptors.filter(|_| is_whole) {
            Some(descriptors) => self.running.push_back(Dormant {
                slot: slot_index,
                descriptors,
                staging,
            }),
            None => self.lost.push(slot_index),
        }
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
        let connection = self.descriptors.connection.as_fd();
        if socket::cookie(connection).is_ok_and(|cookie| cookie == slot.identity().cookie) {
            socket::reset_on_close(connection);
        }
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
        .is_some_and(|commit| commit.0 == Offer::claimed_id(&slot.packet()))
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

/// The descriptors that a slot names; `None` where one is not there.
fn claim_descriptors(slot: &Slot, unclaimed: &mut Unclaimed) -> Option<Descriptors> {
    let numbers = slot.numbers();
    let mut optional = |number| match number {
        -1 => Some(None),
        number => unclaimed.claim(number).map(Some),
    };
    let connection = optional(numbers.connection);
    let file = optional(numbers.file);
    let literals = optional(numbers.literals);
    let frames = optional(numbers.frames);
    Some(Descriptors {
        connection: connection??,
        file: file??,
        literals: literals?,
        frames: frames?,
    })
}
