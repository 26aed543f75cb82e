//! How the loop ends: as the head of the table says, which the guardian writes.
#![forbid(unsafe_code)]

use std::time::Instant;

use super::{EventLoop, Leaving, deregister};
use crate::outcome::Outcome;
use crate::peer::{CloseReason, Peer};
use crate::registry::Handle;
use crate::sys::head::Ending;

impl EventLoop {
    /// The guardian has written something into the head of the table.
    pub(super) fn answer_doorbell(&mut self, now: Instant) {
        self.doorbell.hear();
        self.follow_ending(now);
        self.follow_inquiries();
    }

    /// From serving to draining to cutting, as far as the head of the table says.
    pub(super) fn follow_ending(&mut self, now: Instant) {
        while self.ending < self.table.head().ending() {
            self.advance_ending(now);
        }
    }

    fn advance_ending(&mut self, now: Instant) {
        match self.ending {
            Ending::No => {
                self.ending = Ending::Draining;
                self.seat.entry().set_serving(false);
                self.seat.ring();
                if let Some(listener) = self.seat.listener.take() {
                    deregister(&self.poll, listener.as_fd());
                }
                self.close_resting_peers(now);
                tracing::info!(downloads = self.downloads(), "retiring: no new downloads");
            }
            Ending::Draining => {
                self.ending = Ending::Cut;
                tracing::info!(
                    downloads = self.downloads(),
                    "retiring: cutting running downloads"
                );
                // From here on no commit comes: those that are there are honoured, then cut like the others.
                for handle in self.peers.handles() {
                    self.expire_peer(handle, now);
                }
                for handle in self.jobs.handles() {
                    self.cut_job(handle, now);
                }
            }
            Ending::Cut => {}
        }
    }

    /// Their next offers are for others: the worker of one that is on its way connects anew.
    fn close_resting_peers(&mut self, now: Instant) {
        for handle in self.peers.handles() {
            let rests = |peer: &Peer| peer.slot().is_none();
            if self.peers.get_mut(handle).is_some_and(|peer| rests(peer)) {
                self.close_peer(handle, &CloseReason::NotNeeded, now);
            }
        }
    }

    pub(super) fn cut_job(&mut self, handle: Handle, now: Instant) {
        if let Some(running) = self.jobs.get_mut(handle) {
            let turn = {
                let slot = self.table.slot(running.slot);
                running.job.cut(&slot, Outcome::CutByShutdown, now)
            };
            self.settle(handle, turn, now);
        }
    }

    /// Why the loop is over, if it is. Accepted offers are waited for as downloads are: their workers may commit at any
    /// moment.
    pub(super) fn leaving(&self) -> Option<Leaving> {
        let offered = || self.peers.iter().any(|(_, peer)| peer.slot().is_some());
        let has_ended = match self.ending {
            Ending::No => false,
            Ending::Draining => self.downloads() == 0 && !offered(),
            Ending::Cut => self.downloads() == 0,
        };
        match (has_ended, self.is_orphaned) {
            (true, _) => Some(Leaving::Ended),
            (false, true) => Some(Leaving::Orphaned),
            (false, false) => None,
        }
    }
}
