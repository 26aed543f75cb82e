//! A worker with its downloads, until it dies.

use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use send_file_manager::filesystem::Mounts;
use send_file_manager::job::{Job, Turn};
use send_file_manager::outcome::Outcome;
use send_file_manager::peer::{Admission, Peer, PeerOutcome};
use send_file_manager::spare::SpareFrames;
use send_file_manager::sys::slot::Slot;
use send_file_manager::sys::socket;
use send_file_manager::sys::table::{JobTable, SlotIndex};
use send_file_manager::unsent::Unsent;
use send_file_wire::{Commit, Framing, Offer, channel};

use super::accidents::Accidents;
use crate::input::Input;
use crate::limits::{MAX_DOWNLOADS, MAX_FILE_BYTES};
use crate::rig::{self, Client, End, PATIENCE};
use crate::stream::{offer_from, uninterrupted};

const OFFER_TIMEOUT: Duration = Duration::from_secs(60);

/// When the worker dies, as one of its downloads has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Moment {
    Connected,
    Landed,
    Offered,
    /// The commit is on its way.
    CommitSent,
    /// The commit is in the slot.
    Committed,
    Sending,
}

/// What a worker leaves.
pub(super) struct Scene {
    pub(super) table: JobTable,
    pub(super) downloads: Vec<Download>,
    /// All descriptors that nobody owns any more.
    pub(super) left: Vec<OwnedFd>,
}

/// One download as its client and its PHP worker have it.
pub(super) struct Download {
    pub(super) slot: SlotIndex,
    pub(super) moment: Moment,
    pub(super) offer: Offer,
    /// Of its connection.
    pub(super) cookie: u64,
    pub(super) client: Client,
    /// The PHP worker's end.
    pub(super) worker: OwnedFd,
    /// It was told to end early.
    is_cut: bool,
    /// It had ended.
    is_over: bool,
    is_stalled: bool,
}

impl Scene {
    pub(super) fn from(input: &mut Input) -> Scene {
        let mut scene = Scene {
            table: JobTable::create(MAX_DOWNLOADS as u32).expect("a table"),
            downloads: Vec::new(),
            left: Vec::new(),
        };
        for _ in 0..1 + input.below(MAX_DOWNLOADS) {
            scene.add_download(input);
        }
        if input.flag() {
            // Something that belonged to no download.
            scene.left.push(rig::file(input.below(1000)));
        }
        scene
    }

    fn add_download(&mut self, input: &mut Input) {
        use Moment::{CommitSent, Committed, Connected, Landed, Offered, Sending};
        let moments = [
            Connected, Landed, Offered, CommitSent, Committed, Sending, Sending, Sending,
        ];
        let moment = input.one_of(&moments);
        let file_bytes = 1 + u64::from(input.u32()) % (MAX_FILE_BYTES - 1);
        let offer = offer_from(input, file_bytes);
        let is_tcp = offer.framing == Framing::Raw || input.flag();
        let (connection, client) = if is_tcp {
            Client::on_tcp()
        } else {
            Client::on_unix()
        };
        let file = rig::file(file_bytes as usize);
        let (worker, manager) = rig::channel();
        let index = self.table.claim().expect("there is room");
        let mut download = Download {
            slot: index,
            moment,
            offer,
            cookie: socket::cookie(connection.as_fd()).expect("it is a socket"),
            client,
            worker,
            is_cut: false,
            is_over: false,
            is_stalled: false,
        };
        if moment >= Landed {
            let packet = download.offer.encode().expect("it is short");
            let along = [connection.as_fd(), file.as_fd()];
            channel::send(download.worker.as_fd(), &packet, &along).expect("it is listened to");
        }
        drop((connection, file));
        let left = download.serve(manager, &self.table.slot(index), input);
        self.left.extend(left);
        self.downloads.push(download);
    }
}

impl Download {
    /// Serves it to its moment; what is open then.
    fn serve(&mut self, manager: OwnedFd, slot: &Slot, input: &mut Input) -> Vec<OwnedFd> {
        let now = Instant::now();
        if self.moment <= Moment::Landed {
            let mut left = Vec::new();
            if let Ok((_, descriptors)) = slot.receive_offer(manager.as_fd()) {
                let descriptors = descriptors.expect("they are right");
                left.extend([descriptors.connection, descriptors.file]);
            }
            left.push(manager);
            return left;
        }
        let mut peer = Peer::new(manager, 0, now);
        let admission = Admission {
            refusal: None,
            memory_left_bytes: u64::MAX,
            allow_remote_files: false,
            mounts: &mut Mounts::default(),
            frames: &mut SpareFrames::default(),
            is_active: &|_| false,
        };
        let outcome = peer.receive_offer(self.slot, slot, admission, OFFER_TIMEOUT, now);
        assert!(matches!(outcome, PeerOutcome::Keep), "{outcome:?}");
        if self.moment == Moment::Offered {
            return peer.leave_open();
        }
        self.commit();
        if self.moment == Moment::CommitSent {
            return peer.leave_open();
        }
        let PeerOutcome::Spawn(_, mut job) = peer.receive_commit(slot) else {
            panic!("the commit has come");
        };
        let mut left = Vec::new();
        if self.moment == Moment::Committed && input.flag() {
            left.extend(peer.leave_open());
        }
        if self.moment == Moment::Sending {
            let unsent = Unsent::new(u64::MAX, 1, now);
            job.take_over(slot, PATIENCE, unsent, now)
                .expect("it is ready");
            self.send_some(&mut job, slot, input, now);
        }
        left.extend(job.leave_open());
        left
    }

    fn send_some(&mut self, job: &mut Job, slot: &Slot, input: &mut Input, now: Instant) {
        for _ in 0..input.below(40) {
            match input.byte() {
                250.. => {
                    let reasons = [Outcome::CutByShutdown, Outcome::FileTruncated];
                    self.is_cut = true;
                    if let Turn::Ended(outcome) = job.cut(slot, input.one_of(&reasons), now) {
                        self.is_over = true;
                        return slot.close(outcome);
                    }
                }
                byte => {
                    self.client.take(usize::from(byte) * 400);
                }
            }
            job.woken(true);
            if let Turn::Ended(outcome) = job.turn(slot, now) {
                self.is_over = true;
                return slot.close(outcome);
            }
        }
    }

    pub(super) fn commit(&self) {
        let commit = Commit(self.offer.id).encode();
        channel::send(self.worker.as_fd(), &commit, &[]).expect("it is listened to");
    }

    /// Carried by a successor, to its end.
    pub(super) fn note(&mut self, outcome: Outcome) {
        self.is_stalled |= outcome == Outcome::Stalled;
    }

    pub(super) fn assert_was_served_right(&mut self, accidents: &Accidents, at: usize) {
        self.client.take_to_the_end();
        if self.moment == Moment::Connected {
            assert!(self.client.received.is_empty(), "nobody gave it away");
            return;
        }
        // Only on TCP there is another witness of the place.
        let is_misled = accidents.were_moves() && self.offer.framing != Framing::Raw;
        if accidents.is_forged(at) || is_misled {
            return;
        }
        let received = &self.client.received;
        let expected = uninterrupted(&self.offer);
        if self.moment <= Moment::Offered && accidents.were_some() {
            return;
        }
        let right = received
            .iter()
            .zip(&expected)
            .take_while(|(is, should)| is == should);
        let right_bytes = right.count();
        if right_bytes == received.len() {
            let is_whole = received.len() == expected.len();
            let may_be_short = accidents.is_unknown(at)
                || self.is_cut
                || self.is_stalled
                || self.offer.framing != Framing::Raw;
            assert!(
                is_whole || may_be_short || self.client.end != End::Orderly,
                "an orderly end after {} of {} bytes",
                received.len(),
                expected.len()
            );
            assert!(
                is_whole || accidents.were_some() || self.is_cut || self.is_stalled,
                "only {} of {} bytes although nothing happened: {:?}",
                received.len(),
                expected.len(),
                self.client.end
            );
            return;
        }
        let may_be_filled_up = self.is_cut || accidents.were_some();
        assert!(
            may_be_filled_up
                && is_filled_up(&received[right_bytes..])
                && received.len() < expected.len(),
            "a wrong byte at {right_bytes} of {}, {} expected",
            received.len(),
            expected.len()
        );
    }
}

/// Whether these are the zeros and the end of a response that a web server is told to be none, perhaps not all of it:
/// a record that ends early, or the END_REQUEST in place of the next.
fn is_filled_up(rest: &[u8]) -> bool {
    let zeros = rest.iter().take_while(|byte| **byte == 0).count();
    // STDOUT of length 0 and END_REQUEST, of which the first byte may have been that of the next record, too.
    rest.len() - zeros <= 32
}
