//! Whether the other side still takes what it is given, and enough of it.
//!
//! What it has taken is what it was given less what is pending. Within each stall timeout that must be what the lowest
//! rate asks for, or all there was: who has taken everything owes nothing, however little it was. Our own sends say
//! nothing, since they go into a queue that would take them for minutes, so both numbers are looked at together.
#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

use send_file_wire::Rate;

use crate::limits::{FRAMED_GRAIN_BYTES, RATE_SLACK};
use crate::outcome::Outcome;

/// How long the other side is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// The time in which it must have taken enough.
    pub stall_timeout: Duration,
    /// What is enough; with 0 anything is.
    pub min_bytes_per_sec: u64,
}

impl Patience {
    /// What must be taken within each stall timeout. A download under a rate of its own cannot be taken faster than that.
    pub fn owed_bytes(&self, rate: Option<Rate>, is_framed: bool) -> u64 {
        let possible = rate.map_or(u64::MAX, |rate| rate.bytes_per_sec.get() / RATE_SLACK);
        let bytes_per_sec = u128::from(self.min_bytes_per_sec.min(possible));
        let bytes = bytes_per_sec * self.stall_timeout.as_millis() / 1000;
        let grain = if is_framed { FRAMED_GRAIN_BYTES } else { 0 };
        u64::try_from(bytes)
            .unwrap_or(u64::MAX)
            .saturating_sub(grain)
            .max(1)
    }
}

/// What the other side has taken, and when.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    owed_bytes: u64,
    /// When it last took something.
    at: Instant,
    /// Since then it owes `owed_bytes`.
    since: Instant,
    /// So many of them it has taken.
    taken_bytes: u64,
    given_bytes: u64,
    /// Bytes or memory, see [`crate::sys::socket::unacknowledged`].
    pending: u64,
}

impl Progress {
    /// Counted from now, for somebody who owes so much in each stall timeout.
    pub fn new(owed_bytes: u64, now: Instant) -> Progress {
        Progress {
            owed_bytes,
            at: now,
            since: now,
            taken_bytes: 0,
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
        self.count_from(now);
    }

    /// So much has been given in all, so much of it is pending.
    ///
    /// Memory is more than the bytes in it. So what is given and not taken counts less than nothing there, which is taken
    /// as nothing, and what is taken then counts a little more.
    pub fn look(&mut self, given_bytes: u64, pending: u64, now: Instant) {
        let given = given_bytes.saturating_sub(self.given_bytes);
        let taken = (self.pending + given).saturating_sub(pending);
        self.given_bytes = given_bytes;
        self.pending = pending;
        if taken > 0 {
            self.at = now;
            self.taken_bytes += taken;
        }
        if pending == 0 || self.taken_bytes >= self.owed_bytes {
            self.count_from(now);
        }
    }

    /// Why it is not waited for any longer.
    pub fn verdict(&self, stall_timeout: Duration, now: Instant) -> Option<Outcome> {
        if now < self.since + stall_timeout {
            None
        } else if now < self.at + stall_timeout {
            Some(Outcome::TooSlow)
        } else {
            Some(Outcome::Stalled)
        }
    }

    fn count_from(&mut self, now: Instant) {
        self.since = now;
        self.taken_bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::num::NonZeroU64;

    const TIMEOUT: Duration = Duration::from_secs(60);

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn patience(min_bytes_per_sec: u64) -> Patience {
        Patience {
            stall_timeout: TIMEOUT,
            min_bytes_per_sec,
        }
    }

    fn rate(bytes_per_sec: u64) -> Option<Rate> {
        Some(Rate {
            bytes_per_sec: NonZeroU64::new(bytes_per_sec).unwrap(),
            burst_bytes: 0,
        })
    }

    #[test]
    fn what_is_owed_follows_the_lower_of_both_rates_and_is_never_nothing() {
        assert_eq!(patience(100).owed_bytes(None, false), 6000);
        assert_eq!(patience(100).owed_bytes(rate(1 << 20), false), 6000);
        assert_eq!(patience(100).owed_bytes(rate(100), false), 3000);
        assert_eq!(patience(100).owed_bytes(rate(1), false), 1);
        assert_eq!(patience(0).owed_bytes(None, false), 1);
        assert_eq!(patience(100).owed_bytes(None, true), 1);
        assert_eq!(patience(10_000).owed_bytes(None, true), 600_000 - 65_536);
        assert_eq!(patience(u64::MAX).owed_bytes(None, false), u64::MAX);
    }

    #[test]
    fn our_own_sends_are_no_progress() {
        let start = Instant::now();
        let mut progress = Progress::new(1, start);
        for second in 1..=60 {
            progress.look(10 * second, 10 * second, start + seconds(second));
        }
        assert_eq!(progress.at(), start);
        assert_eq!(
            progress.verdict(TIMEOUT, start + TIMEOUT),
            Some(Outcome::Stalled)
        );
    }

    #[test]
    fn with_one_byte_owed_whatever_is_taken_gives_another_timeout() {
        let start = Instant::now();
        let mut progress = Progress::new(1, start);
        for second in (50..1000).step_by(50) {
            let now = start + seconds(second);
            progress.look(1000, 1000 - second / 50, now);
            assert_eq!(progress.verdict(TIMEOUT, now + seconds(59)), None);
        }
    }

    #[test]
    fn a_byte_a_minute_is_too_slow_and_none_is_stalled() {
        let start = Instant::now();
        let mut progress = Progress::new(6000, start);
        progress.look(100_000, 100_000, start);
        progress.look(100_000, 99_999, start + seconds(59));
        assert_eq!(progress.verdict(TIMEOUT, start + seconds(59)), None);
        let minute = start + TIMEOUT;
        assert_eq!(progress.verdict(TIMEOUT, minute), Some(Outcome::TooSlow));
        let later = start + seconds(119);
        assert_eq!(progress.verdict(TIMEOUT, later), Some(Outcome::Stalled));
    }

    #[test]
    fn who_has_taken_everything_owes_nothing_however_little_it_was() {
        let start = Instant::now();
        let mut progress = Progress::new(6000, start);
        for minute in 1..10 {
            let now = start + TIMEOUT * minute;
            progress.look(u64::from(minute), 0, now);
            assert_eq!(progress.verdict(TIMEOUT, now + seconds(59)), None);
        }
        // But that there is still nothing is nothing new.
        let at = progress.at();
        progress.look(9, 0, at + TIMEOUT);
        assert_eq!(progress.at(), at);
    }

    #[test]
    fn memory_that_is_more_than_its_bytes_does_not_count_against_who_takes_them() {
        let start = Instant::now();
        let mut progress = Progress::new(1000, start);
        // Pieces of 125 bytes that take 900 each, none taken for 50 s; then as many are taken as are given.
        let (mut given, mut pending) = (0, 0);
        for second in 1..=200 {
            given += 125;
            pending += if second <= 50 { 900 } else { 0 };
            let now = start + seconds(second);
            progress.look(given, pending, now);
            assert_eq!(progress.verdict(TIMEOUT, now), None, "second {second}");
        }
    }

    proptest! {
        /// TCP, looked at twice in a stall timeout: what is taken is known to the byte.
        #[test]
        fn who_takes_what_is_owed_is_never_broken_off_and_who_takes_half_always_is(
            owed in 2..1_000_000u64,
            looks in prop::collection::vec(1..30u64, 200),
            queue in 1_000_000_000..2_000_000_000u64,
        ) {
            let start = Instant::now();
            for (share, survives) in [(1.05, true), (0.6, false)] {
                let mut progress = Progress::new(owed, start);
                let mut elapsed = 0;
                let mut broken_off = false;
                for pause in &looks {
                    elapsed += pause;
                    let taken = (owed as f64 * share * elapsed as f64 / 60.0).ceil() as u64;
                    let now = start + seconds(elapsed);
                    progress.look(queue + taken, queue, now);
                    broken_off |= progress.verdict(seconds(90), now).is_some();
                }
                prop_assert_eq!(!broken_off, survives, "share {}", share);
            }
        }
    }
}
