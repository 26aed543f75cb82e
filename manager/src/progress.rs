//! Whether the other side still takes what it is given.
//!
//! It does while we can send, since the queue in between is bounded, and while that queue changes. Under a rate our own
//! sends say nothing: they would go on for minutes into the queue of a client that takes nothing. There the queue is
//! looked at when a pause begins and when it is over; what is gone then was taken, and who has taken everything owes
//! nothing.
#![forbid(unsafe_code)]

use std::time::Instant;

/// When the other side last took something.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    at: Instant,
    given_bytes: u64,
    /// Bytes or memory, see [`crate::sys::socket::unacknowledged`].
    pending: u64,
}

impl Progress {
    /// Counted from now.
    pub fn new(now: Instant) -> Progress {
        Progress {
            at: now,
            given_bytes: 0,
            pending: 0,
        }
    }

    /// When it last took something, as far as was looked.
    pub fn at(&self) -> Instant {
        self.at
    }

    /// What it had not taken at the last look.
    pub fn pending(&self) -> u64 {
        self.pending
    }

    /// Counts from now.
    pub fn touch(&mut self, now: Instant) {
        self.at = now;
    }

    /// So much of the body has been given, so much is pending.
    pub fn look(&mut self, given_bytes: u64, pending: u64, now: Instant) {
        if given_bytes != self.given_bytes || pending != self.pending {
            *self = Progress {
                at: now,
                given_bytes,
                pending,
            };
        }
    }

    /// From here on nothing is sent, for the sake of a rate.
    pub fn pause(&mut self, given_bytes: u64, pending: u64) {
        self.given_bytes = given_bytes;
        self.pending = pending;
    }

    /// So much is pending in a pause.
    pub fn look_in_pause(&mut self, pending: u64, now: Instant) {
        if pending == 0 || pending < self.pending {
            self.at = now;
        }
        self.pending = pending;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn without_a_rate_whatever_moves_is_progress() {
        let start = Instant::now();
        let at = |second| start + Duration::from_secs(second);
        let mut progress = Progress::new(start);
        progress.look(10, 10, at(1));
        assert_eq!(progress.at(), at(1));
        progress.look(10, 10, at(2));
        assert_eq!(progress.at(), at(1));
        progress.look(10, 9, at(3));
        assert_eq!(progress.at(), at(3));
    }

    #[test]
    fn in_the_pauses_of_a_rate_only_what_the_other_side_takes_is_progress() {
        let start = Instant::now();
        let at = |second| start + Duration::from_secs(second);
        let mut progress = Progress::new(start);
        for second in 1..5 {
            // A piece was sent, and nothing of it taken until the pause was over.
            progress.pause(10 * second, 10 * second);
            progress.look_in_pause(10 * second, at(second));
            assert_eq!(progress.at(), start);
        }
        progress.look_in_pause(39, at(5));
        assert_eq!(progress.at(), at(5));
        progress.look_in_pause(39, at(6));
        assert_eq!(progress.at(), at(5));
    }

    #[test]
    fn who_has_taken_everything_is_not_stalled_however_long_a_pause_is() {
        let start = Instant::now();
        let mut progress = Progress::new(start);
        progress.pause(10, 0);
        let later = start + Duration::from_secs(100);
        progress.look_in_pause(0, later);
        assert_eq!(progress.at(), later);
    }
}
