//! How the loop ends: by a signal that the guardian passed on, by the end of the grace period, for want of a guardian.
#![forbid(unsafe_code)]

use std::time::Instant;

use super::{EventLoop, deregister};
use crate::key::Key;
use crate::outcome::Outcome;
use crate::registry::Handle;
use crate::sys::head::Ending;

impl EventLoop {
    /// The guardian has written something into the head of the table.
    pub(super) fn answer_doorbell(&mut self, now: Instant) {
        // It is the head that counts: a ring may have been heard by a worker that died of it.
        let _ = self.doorbell.read();
        self.follow_ending(now);
    }

    /// Without a guardian nobody would go on with the downloads if this process died: they are finished, and no more
    /// are taken.
    pub(super) fn note_lost_guardian(&mut self, now: Instant) {
        tracing::error!("the guardian is gone; this worker ends when its downloads have");
        let head = self.table.head();
        if head.ending() == Ending::No {
            head.advance_ending();
        }
        self.follow_ending(now);
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
                if let Some(listener) = self.listener.take() {
                    deregister(&self.poll, listener.as_fd());
                    listener.close();
                }
                self.timers
                    .set(Key::Drain, Some(now + self.settings.drain_timeout));
                tracing::info!(downloads = self.downloads(), "ending: no new downloads");
            }
            Ending::Draining => {
                self.ending = Ending::Cut;
                self.timers.set(Key::Drain, None);
                tracing::info!(
                    downloads = self.downloads(),
                    "ending: cutting running downloads"
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

    fn downloads(&self) -> usize {
        self.jobs.len() + self.dormant.len()
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

    /// Accepted offers are waited for as downloads are: their workers may commit at any moment.
    pub(super) fn is_over(&self) -> bool {
        let offered = || self.peers.iter().any(|(_, peer)| peer.slot().is_some());
        match self.ending {
            Ending::No => false,
            Ending::Draining => self.downloads() == 0 && !offered(),
            Ending::Cut => self.downloads() == 0,
        }
    }
}
