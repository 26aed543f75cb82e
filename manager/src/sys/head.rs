//! The head of the job table: what guardian and workers tell each other.
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};

use super::table::SlotIndex;

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
    /// A `Death` as bits.
    last_death: AtomicI32,
    /// The turns of the loop, of all workers.
    turns: AtomicU32,
    /// What is being worked on: the number of a slot plus 1, or 0.
    current: AtomicU32,
    /// How often it was asked how things are.
    inquiries: AtomicU32,
}

/// How a worker ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Death {
    /// None: its guardian was gone, and it became one.
    Promoted,
    /// This exit status.
    Exited(i32),
    /// This signal.
    Killed(i32),
    /// The guardian killed it, as its loop stood still.
    Hung,
}

impl Death {
    const SIGNALS_FROM: i32 = 1 << 10;
    const HUNG: i32 = 1 << 20;
    const PROMOTED: i32 = 1 << 21;

    /// Whether what the worker was doing may have been the reason. Nobody is killed by SIGKILL for what it does.
    pub fn may_be_a_fault(self) -> bool {
        use nix::libc::{SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP};
        match self {
            Death::Hung => true,
            Death::Killed(signal) => {
                [SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSYS, SIGTRAP].contains(&signal)
            }
            Death::Promoted | Death::Exited(_) => false,
        }
    }

    fn to_bits(self) -> i32 {
        match self {
            Death::Exited(status) => status,
            Death::Killed(signal) => Death::SIGNALS_FROM + signal,
            Death::Hung => Death::HUNG,
            Death::Promoted => Death::PROMOTED,
        }
    }

    fn from_bits(bits: i32) -> Death {
        match bits {
            Death::PROMOTED.. => Death::Promoted,
            Death::HUNG.. => Death::Hung,
            Death::SIGNALS_FROM.. => Death::Killed(bits - Death::SIGNALS_FROM),
            status => Death::Exited(status),
        }
    }
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

    /// Ends at least so far. To say it twice changes nothing.
    pub fn end(&self, ending: Ending) {
        self.ending.fetch_max(ending as u32, Ordering::AcqRel);
    }

    /// How the last worker ended.
    pub fn note_death(&self, death: Death) {
        self.last_death.store(death.to_bits(), Ordering::Release);
    }

    /// How the last worker ended, as it was noted.
    pub fn last_death(&self) -> Death {
        Death::from_bits(self.last_death.load(Ordering::Acquire))
    }

    /// The loop begins another turn.
    pub fn count_turn(&self) {
        self.turns.fetch_add(1, Ordering::Relaxed);
    }

    /// A number that changes with every turn of the loop.
    pub fn turns(&self) -> u32 {
        self.turns.load(Ordering::Relaxed)
    }

    /// What is being worked on from now.
    pub fn set_current(&self, slot: Option<SlotIndex>) {
        let word = slot.map_or(0, |SlotIndex(number)| number.wrapping_add(1));
        self.current.store(word, Ordering::Release);
    }

    /// What was being worked on.
    pub fn current(&self) -> Option<SlotIndex> {
        let word = self.current.load(Ordering::Acquire);
        word.checked_sub(1).map(SlotIndex)
    }

    /// Asks how things are.
    pub fn inquire(&self) {
        self.inquiries.fetch_add(1, Ordering::AcqRel);
    }

    /// How often it was asked how things are.
    pub fn inquiries(&self) -> u32 {
        self.inquiries.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deaths_read_back_as_noted() {
        for death in [
            Death::Promoted,
            Death::Hung,
            Death::Exited(1),
            Death::Exited(255),
            Death::Killed(9),
            Death::Killed(64),
        ] {
            assert_eq!(Death::from_bits(death.to_bits()), death);
        }
        assert!(Death::Hung.may_be_a_fault() && Death::Killed(11).may_be_a_fault());
        assert!(!Death::Killed(9).may_be_a_fault() && !Death::Exited(1).may_be_a_fault());
    }
}
