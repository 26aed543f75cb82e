//! Going on with what a dead worker left: its PHP workers at once, its downloads bit by bit.
#![forbid(unsafe_code)]

use std::os::fd::{AsFd, OwnedFd};
use std::time::Instant;

use super::EventLoop;
use crate::crash;
use crate::job::{Contradiction, Descriptors, Job, Place};
use crate::limits::REVIVED_PER_TURN;
use crate::outcome::Outcome;
use crate::peer::Peer;
use crate::recovery::{Dormant, Found, Waiting, give_up};
use crate::registry::Handle;
use crate::sys::head::{Death, Ending, Head};
use crate::sys::socket;
use crate::sys::table::SlotIndex;

impl EventLoop {
    /// Takes up everything that was found. Running downloads are only counted: PHP workers wait 100 ms for an answer, and
    /// thousands of downloads take longer to be looked at.
    pub(super) fn take_up(&mut self, found: Found, now: Instant) {
        let head = self.table.head();
        if head.generation() > 1 {
            log_succession(head, &found);
        }
        for slot in found.lost {
            tracing::error!(
                slot = slot.0,
                "gave up a slot whose descriptors are not there"
            );
            self.table.release(slot);
        }
        for (slot, poison) in found.poison {
            tracing::error!(slot = slot.0, "broke off what workers kept dying of");
            if let Some(download) = poison {
                download.reset_on_close(&self.table.slot(slot));
            }
            self.table.release(slot);
        }
        for dormant in found.running {
            // So that nobody can offer its connection meanwhile.
            let slot = self.table.slot(dormant.slot);
            self.census.enter(slot.identity().cookie, slot.share());
            if dormant.staging.is_some() {
                self.census.stage(slot.identity().cookie);
            }
            self.job_descriptors += dormant.descriptor_count();
            self.dormant.push_back(dormant);
        }
        for (slot, waiting) in found.waiting {
            self.table.head().set_current(Some(slot));
            match waiting {
                Waiting::Connected(socket) => {
                    self.table.release(slot);
                    self.greet_again(socket, now);
                }
                Waiting::Landed(socket, descriptors) => {
                    let Some(handle) = self.greet_again(socket, now) else {
                        self.table.release(slot);
                        continue;
                    };
                    let outcome = self.hear_offer(handle, slot, Some(descriptors), now);
                    self.follow(handle, outcome, now);
                }
                Waiting::Offered(socket, descriptors) => {
                    self.wait_for_commit_again(slot, socket, descriptors, now);
                }
            }
            crash::point("recovery.offer_taken_up");
        }
        self.table.head().set_current(None);
    }

    fn greet_again(&mut self, socket: OwnedFd, now: Instant) -> Option<Handle> {
        let uid = socket::peer_uid(socket.as_fd()).unwrap_or(u32::MAX);
        self.add_peer(Peer::new(socket, uid, now), now)
    }

    fn wait_for_commit_again(
        &mut self,
        index: SlotIndex,
        socket: OwnedFd,
        descriptors: Descriptors,
        now: Instant,
    ) {
        let slot = self.table.slot(index);
        let place = match Place::find(&slot, &descriptors, None) {
            Ok(place) => place,
            Err(contradiction) => {
                log_contradiction(index, &contradiction);
                if give_up(&socket, &slot) {
                    socket::reset_on_close(descriptors.connection.as_fd());
                }
                return self.table.release(index);
            }
        };
        let job = Box::new(Job::resume(place, descriptors, None, now));
        self.census.enter(job.cookie(), slot.share());
        self.job_descriptors += job.descriptor_count();
        let offer_timeout = self.settings.offer_timeout;
        let peer = Peer::resume(socket, index, &slot, job, offer_timeout, now);
        if let Some(handle) = self.add_peer(peer, now) {
            self.serve_peer(handle, now);
        }
    }

    /// Goes on with some of the downloads of a dead worker.
    pub(super) fn revive_some(&mut self, now: Instant) {
        for _ in 0..REVIVED_PER_TURN {
            match self.dormant.pop_front() {
                Some(dormant) => self.revive(dormant, now),
                None => return,
            }
        }
    }

    fn revive(&mut self, dormant: Dormant, now: Instant) {
        self.table.head().set_current(Some(dormant.slot));
        let slot = self.table.slot(dormant.slot);
        // A slot that does not hold it is one whose place is not found either.
        let ended = slot.outcome().ok().flatten();
        let place = match dormant.place(&slot) {
            Ok(place) => place,
            Err(contradiction) => {
                log_contradiction(dormant.slot, &contradiction);
                dormant.reset_on_close(&slot);
                self.census.leave(slot.identity().cookie);
                self.job_descriptors -= dormant.descriptor_count();
                return self.table.release(dormant.slot);
            }
        };
        let Dormant {
            slot,
            descriptors,
            staging,
        } = dormant;
        let job = Box::new(Job::resume(place, descriptors, staging, now));
        let must_cut = self.ending == Ending::Cut && !job.is_cut();
        let handle = self.spawn(slot, job, now);
        crash::point("recovery.revived");
        match (handle, ended) {
            (Some(handle), Some(outcome)) => self.end_job(handle, outcome, now),
            (Some(handle), None) if must_cut => self.cut_job(handle, now),
            _ => {}
        }
    }
}

fn log_succession(head: &Head, found: &Found) {
    let (signal, status) = match head.last_death() {
        Death::Promoted => {
            return tracing::warn!(
                worker = head.generation(),
                downloads = found.running.len(),
                offers = found.waiting.len(),
                "a guardian died; its worker takes its place"
            );
        }
        Death::Killed(signal) => (Some(signal), None),
        Death::Exited(status) => (None, Some(status)),
        Death::Hung => (None, None),
    };
    tracing::warn!(
        worker = head.generation(),
        signal,
        status,
        hung = head.last_death() == Death::Hung,
        downloads = found.running.len(),
        offers = found.waiting.len(),
        "a worker died; its successor goes on"
    );
}

fn log_contradiction(slot: SlotIndex, contradiction: &Contradiction) {
    tracing::error!(
        slot = slot.0,
        outcome = %Outcome::PlaceUnknown,
        "broke a download off: {contradiction}"
    );
}
