//! How things are: for the master, the other cells, and whoever asks with SIGUSR1.
#![forbid(unsafe_code)]

use super::EventLoop;
use crate::limits::{MAX_DESCRIPTORS_PER_JOB, RELIEF_SHARE};

impl EventLoop {
    pub(super) fn downloads(&self) -> usize {
        self.jobs.len() + self.dormant.len()
    }

    /// Downloads and the accepted offers that may become some.
    pub(super) fn engagements(&self) -> u32 {
        self.census.len()
    }

    /// Writes to the board what is news, and rings for what the master waits for.
    pub(super) fn report(&mut self) {
        let head = self.table.head();
        let entry = self.seat.entry();
        entry.set_downloads(self.engagements());
        if !head.has_served() {
            head.note_served();
        }
        if self.seat.listener.is_some() && !entry.is_serving() {
            entry.set_serving(true);
            self.seat.ring();
        }
        if self.is_nearly_full() && entry.note_full() {
            self.seat.ring();
        }
    }

    fn is_nearly_full(&self) -> bool {
        let (budget, slots) = (self.settings.job_descriptors, self.settings.slots);
        // An offer must have room for the most it may need; with little room at all that is what decides.
        let reserve = MAX_DESCRIPTORS_PER_JOB + budget / RELIEF_SHARE;
        let is_short = self.job_descriptors + reserve > budget;
        let is_crowded = self.engagements() + (slots / RELIEF_SHARE as u32).max(1) > slots;
        // With no more slots than downloads allowed at all, another cell would not help.
        is_short || (is_crowded && slots < self.settings.max_jobs)
    }

    /// Says how things are, once for all that have asked since.
    pub(super) fn follow_inquiries(&mut self) {
        let inquiries = self.table.head().inquiries();
        if inquiries == self.inquiries {
            return;
        }
        self.inquiries = inquiries;
        tracing::info!(
            cell = self.seat.number,
            worker = self.table.head().generation(),
            serving = self.seat.listener.is_some(),
            downloads = self.downloads(),
            peers = self.peers.len(),
            job_descriptors = self.job_descriptors,
            slots_in_use = self.table.used_slots(),
            slots = self.settings.slots,
            "status"
        );
    }
}
