//! The worker that comes after, as far as it is about what it finds: the event loop without its events.

use std::collections::BTreeSet;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};

use send_file_manager::filesystem::Mounts;
use send_file_manager::job::{Descriptors, Job, Place};
use send_file_manager::outcome::Outcome;
use send_file_manager::peer::{Admission, Peer, PeerOutcome};
use send_file_manager::recovery::{Dormant, Found, Waiting, give_up};
use send_file_manager::spare::SpareFrames;
use send_file_manager::sys::socket;
use send_file_manager::sys::table::{JobTable, SlotIndex};
use send_file_manager::unsent::Unsent;
use send_file_wire::{Answer, channel};

use super::scene::{Download, Moment};
use crate::rig::{self, PATIENCE};

const OFFER_TIMEOUT: Duration = Duration::from_secs(60);

pub(super) struct Successor<'a> {
    pub(super) table: &'a mut JobTable,
    pub(super) downloads: &'a mut [Download],
    pub(super) now: Instant,
}

impl Successor<'_> {
    /// Each number has one owner.
    pub(super) fn assert_owns_once(&self, found: &Found) {
        let mut numbers: Vec<RawFd> = Vec::new();
        let mut add = |descriptors: &Descriptors| {
            numbers.extend([
                descriptors.connection.as_raw_fd(),
                descriptors.file.as_raw_fd(),
            ]);
            numbers.extend(descriptors.literals.as_ref().map(AsRawFd::as_raw_fd));
            numbers.extend(descriptors.frames.as_ref().map(AsRawFd::as_raw_fd));
        };
        let poison = || {
            found
                .poison
                .iter()
                .filter_map(|(_, dormant)| dormant.as_ref())
        };
        for dormant in found.running.iter().chain(poison()) {
            add(&dormant.descriptors);
        }
        for (_, waiting) in &found.waiting {
            if let Waiting::Offered(_, descriptors) = waiting {
                add(descriptors);
            }
        }
        for (_, waiting) in &found.waiting {
            let (Waiting::Connected(peer) | Waiting::Landed(peer, _) | Waiting::Offered(peer, _)) =
                waiting;
            numbers.push(peer.as_raw_fd());
            if let Waiting::Landed(_, Ok(landed)) = waiting {
                numbers.extend([landed.connection.as_raw_fd(), landed.file.as_raw_fd()]);
            }
        }
        let stagings = found
            .running
            .iter()
            .chain(poison())
            .filter_map(|dormant| dormant.staging.as_ref());
        numbers.extend(stagings.map(AsRawFd::as_raw_fd));
        let distinct: BTreeSet<RawFd> = numbers.iter().copied().collect();
        assert_eq!(distinct.len(), numbers.len(), "{numbers:?}");
    }

    pub(super) fn go_on(&mut self, found: Found) {
        for slot in found.lost {
            self.table.release(slot);
        }
        for (slot, poison) in found.poison {
            if let Some(dormant) = poison {
                dormant.reset_on_close(&self.table.slot(slot));
            }
            self.table.release(slot);
        }
        for (slot, waiting) in found.waiting {
            match waiting {
                Waiting::Connected(peer) => {
                    drop(peer);
                    self.table.release(slot);
                }
                Waiting::Landed(peer, descriptors) => self.hear(slot, peer, descriptors),
                Waiting::Offered(peer, descriptors) => {
                    self.wait_for_commit(slot, peer, descriptors)
                }
            }
        }
        for dormant in found.running {
            self.revive(dormant);
        }
    }

    fn hear(
        &mut self,
        index: SlotIndex,
        socket: OwnedFd,
        descriptors: Result<send_file_wire::Descriptors, send_file_wire::ReceiveError>,
    ) {
        let mut peer = Peer::new(socket, 0, self.now);
        let admission = Admission {
            refusal: None,
            memory_left_bytes: u64::MAX,
            allow_remote_files: false,
            mounts: &mut Mounts::default(),
            frames: &mut SpareFrames::default(),
            is_active: &|_| false,
        };
        let slot = self.table.slot(index);
        let outcome = peer.answer_offer(
            index,
            &slot,
            descriptors,
            admission,
            OFFER_TIMEOUT,
            self.now,
        );
        if matches!(outcome, PeerOutcome::Keep) {
            self.await_commit(index, peer);
        } else {
            self.table.release(index);
        }
    }

    fn wait_for_commit(&mut self, index: SlotIndex, socket: OwnedFd, descriptors: Descriptors) {
        let slot = self.table.slot(index);
        match Place::find(&slot, &descriptors, None) {
            Ok(place) => {
                let job = Box::new(Job::resume(place, descriptors, None, self.now));
                let peer = Peer::resume(socket, index, &slot, job, OFFER_TIMEOUT, self.now);
                self.await_commit(index, peer);
            }
            Err(_) => {
                if give_up(&socket, &slot) {
                    socket::reset_on_close(descriptors.connection.as_fd());
                }
                self.table.release(index);
            }
        }
    }

    /// The PHP worker commits if it is told that its offer was accepted; before it has, nothing may be written.
    fn await_commit(&mut self, index: SlotIndex, mut peer: Peer) {
        if let Some(download) = self.downloads.get_mut(index.0 as usize) {
            let mut packet = [0; 32];
            let answer = channel::receive(download.worker.as_fd(), &mut packet);
            let is_accepted = answer.is_ok_and(|bytes| {
                Answer::decode(&packet[..bytes]) == Ok(Answer::Accept(download.offer.id))
            });
            let is_new = matches!(download.moment, Moment::Landed | Moment::Offered);
            assert!(!is_new || download.client.received.is_empty());
            if is_new && is_accepted {
                let commit = send_file_wire::Commit(download.offer.id).encode();
                let _ = channel::send(download.worker.as_fd(), &commit, &[]);
            }
        }
        let outcome = peer.receive_commit(&self.table.slot(index));
        if let PeerOutcome::Spawn(_, job) = outcome {
            self.carry(index, *job, None);
        } else {
            self.table.release(index);
        }
    }

    fn revive(&mut self, dormant: Dormant) {
        let slot = self.table.slot(dormant.slot);
        let ended = slot.outcome().ok().flatten();
        let Ok(place) = dormant.place(&slot) else {
            dormant.reset_on_close(&slot);
            return self.table.release(dormant.slot);
        };
        let Dormant {
            slot,
            descriptors,
            staging,
        } = dormant;
        self.carry(
            slot,
            Job::resume(place, descriptors, staging, self.now),
            ended,
        );
    }

    fn carry(&mut self, index: SlotIndex, mut job: Job, ended: Option<Outcome>) {
        let slot = self.table.slot(index);
        let taken = job.take_over(
            &slot,
            PATIENCE,
            Unsent::new(u64::MAX, 1, self.now),
            self.now,
        );
        let mut downloads = self.downloads.iter_mut();
        let download = downloads.find(|download| download.cookie == job.cookie());
        match (taken, ended, download) {
            (Ok(()), None, Some(download)) => {
                let outcome = rig::carry(job, &slot, &mut download.client, self.now);
                download.note(outcome);
            }
            (_, ended, _) => job.end(ended.unwrap_or(Outcome::PlaceUnknown), self.now),
        }
        self.table.release(index);
    }
}
