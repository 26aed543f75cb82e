//! The head of the job table: what guardian and workers tell each other.
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};

/// How far the manager is with ending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub enum Ending {
    /// It serves.
    No = 0,
    /// No new offers; running downloads go on.
    Draining = 1,
    /// Running downloads were cut and finish their last record.
    Cut = 2,
}

/// What outlives every worker. All of it is zero when the table is made.
#[repr(C, align(64))]
pub struct Head {
    /// How many workers were started.
    generation: AtomicU32,
    /// The last of them that got as far as serving.
    served: AtomicU32,
    ending: AtomicU32,
    /// The signal that ended the last worker; the exit status below 0, -1 for 1.
    last_death: AtomicI32,
}

impl Head {
    /// A worker is about to be started.
    pub fn count_worker(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    /// How many workers were started, this one included.
    pub fn generation(&self) -> u32 {
        self.generation.load(Ordering::Acquire)
    }

    /// This worker has got as far as serving.
    pub fn note_served(&self) {
        self.served.store(self.generation(), Ordering::Release);
    }

    /// Whether the last worker got as far as serving.
    pub fn has_served(&self) -> bool {
        self.served.load(Ordering::Acquire) == self.generation()
    }

    /// Whether any worker got as far as serving.
    pub fn has_ever_served(&self) -> bool {
        self.served.load(Ordering::Acquire) > 0
    }

    /// How far the ending is.
    pub fn ending(&self) -> Ending {
        match self.ending.load(Ordering::Acquire) {
            0 => Ending::No,
            1 => Ending::Draining,
            _ => Ending::Cut,
        }
    }

    /// Ends, or ends faster if it is ending already.
    pub fn advance_ending(&self) {
        let next = match self.ending() {
            Ending::No => Ending::Draining,
            Ending::Draining | Ending::Cut => Ending::Cut,
        };
        self.ending.fetch_max(next as u32, Ordering::AcqRel);
    }

    /// How the last worker ended.
    pub fn note_death(&self, signal_or_status: i32) {
        self.last_death.store(signal_or_status, Ordering::Release);
    }

    /// How the last worker ended, as it was noted.
    pub fn last_death(&self) -> i32 {
        self.last_death.load(Ordering::Acquire)
    }
}
