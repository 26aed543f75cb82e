//! When the bytes of a body may leave under a [`Rate`]: a token bucket, with time as a parameter.
//!
//! The bucket starts with the burst and fills at the rate. It holds at most the burst or what [`PACE_CREDIT_TIME`] earns,
//! so that a client that stalled does not get all it missed at once. Bytes leave in quanta and not one by one, see
//! [`Pace::ready_at`]. At no time have more than burst + rate * time left, and a connection that always takes what is
//! allowed is never behind that by a quantum, however long it runs: the credit is kept to the billionth of a byte, which
//! is what one byte a second earns in a nanosecond.
#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

use crate::limits::{MAX_PACE_INTERVAL, MIN_PACE_INTERVAL, PACE_CREDIT_TIME, PACE_QUANTUM_BYTES};
use crate::message::Rate;

/// What a byte costs in the unit of the credit.
const NANOBYTES: u128 = 1_000_000_000;

/// The state of one download under a rate.
#[derive(Clone, Debug)]
pub struct Pace {
    bytes_per_sec: u128,
    /// What a pause earns; never 0.
    quantum_bytes: u64,
    max_credit_nanobytes: u128,
    /// As of `updated`.
    credit_nanobytes: u128,
    updated: Instant,
    /// The part of the credit that may be spent without waiting for a quantum first.
    released_bytes: u64,
    /// Of the body: its end need not wait for a whole quantum.
    left_bytes: u64,
}

impl Pace {
    /// A download that starts now, of so many bytes.
    pub fn new(rate: Rate, body_bytes: u64, now: Instant) -> Pace {
        let bytes_per_sec = u128::from(rate.bytes_per_sec.get());
        let earned_in = |time: Duration| bytes_per_sec * time.as_nanos() / NANOBYTES;
        let quantum_bytes = u128::from(PACE_QUANTUM_BYTES)
            .clamp(earned_in(MIN_PACE_INTERVAL), earned_in(MAX_PACE_INTERVAL))
            .max(1);
        let max_credit_bytes = u128::from(rate.burst_bytes)
            .max(earned_in(PACE_CREDIT_TIME))
            .max(1);
        Pace {
            bytes_per_sec,
            quantum_bytes: quantum_bytes as u64,
            max_credit_nanobytes: max_credit_bytes * NANOBYTES,
            credit_nanobytes: u128::from(rate.burst_bytes) * NANOBYTES,
            updated: now,
            released_bytes: rate.burst_bytes,
            left_bytes: body_bytes,
        }
    }

    /// The bytes that may leave now. 0 until [`Pace::ready_at`]; then all there is credit for.
    pub fn allowance(&mut self, now: Instant) -> u64 {
        let elapsed = now.saturating_duration_since(self.updated);
        let earned = self.bytes_per_sec.saturating_mul(elapsed.as_nanos());
        self.credit_nanobytes = self
            .credit_nanobytes
            .saturating_add(earned)
            .min(self.max_credit_nanobytes);
        self.updated = self.updated.max(now);
        if self.credit_nanobytes >= self.quantum_nanobytes() {
            self.released_bytes = (self.credit_nanobytes / NANOBYTES) as u64;
        }
        self.released_bytes
    }

    /// So many bytes have left, no more than [`Pace::allowance`] said.
    pub fn spend(&mut self, bytes: u64) {
        debug_assert!(bytes <= self.released_bytes, "more left than was allowed");
        self.released_bytes = self.released_bytes.saturating_sub(bytes);
        self.left_bytes = self.left_bytes.saturating_sub(bytes);
        self.credit_nanobytes = self
            .credit_nanobytes
            .saturating_sub(u128::from(bytes) * NANOBYTES);
    }

    /// When the next piece is worth waking up for: at once while some of the last is left, else when the credit has
    /// grown to a quantum, 10 to 125 ms after it was used up, or to one byte where that takes longer.
    pub fn ready_at(&self) -> Instant {
        if self.released_bytes > 0 {
            return self.updated;
        }
        let missing = self
            .quantum_nanobytes()
            .saturating_sub(self.credit_nanobytes);
        // At most a second, by the longest interval and the one byte.
        self.updated + Duration::from_nanos(missing.div_ceil(self.bytes_per_sec) as u64)
    }

    fn quantum_nanobytes(&self) -> u128 {
        u128::from(self.quantum_bytes.min(self.left_bytes.max(1))) * NANOBYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::num::NonZeroU64;

    fn rate(bytes_per_sec: u64, burst_bytes: u64) -> Rate {
        Rate {
            bytes_per_sec: NonZeroU64::new(bytes_per_sec).unwrap(),
            burst_bytes,
        }
    }

    /// What leaves, as `(when, bytes)`, of a connection that takes everything and is looked at only when it is ready.
    fn pieces(rate: Rate, count: usize) -> Vec<(Duration, u64)> {
        let start = Instant::now();
        let mut pace = Pace::new(rate, u64::MAX, start);
        let piece = || {
            let now = pace.ready_at();
            let bytes = pace.allowance(now);
            pace.spend(bytes);
            (now - start, bytes)
        };
        std::iter::repeat_with(piece).take(count).collect()
    }

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_small_body_and_the_end_of_a_large_one_leave_as_soon_as_they_may() {
        let start = Instant::now();
        let mut pace = Pace::new(rate(100_000, 0), 13_000, start);
        let at_ms = |pace: &Pace| (pace.ready_at() - start).as_millis();
        assert_eq!(at_ms(&pace), 125);
        assert_eq!(pace.allowance(start + millis(125)), 12_500);
        pace.spend(12_500);
        assert_eq!(at_ms(&pace), 130);
        assert_eq!(at_ms(&Pace::new(rate(100_000, 0), 200, start)), 2);
    }

    #[test]
    fn slow_bodies_leave_eight_times_a_second_and_fast_ones_a_hundred_times() {
        assert_eq!(
            pieces(rate(1024, 0), 3),
            [(millis(125), 128), (millis(250), 128), (millis(375), 128)]
        );
        assert_eq!(
            pieces(rate(1_000_000_000, 0), 2),
            [(millis(10), 10_000_000), (millis(20), 10_000_000)]
        );
        assert_eq!(
            pieces(rate(1 << 20, 0), 1),
            [(Duration::from_micros(62_500), 1 << 16)]
        );
    }

    #[test]
    fn the_slowest_rate_sends_a_byte_a_second() {
        assert_eq!(
            pieces(rate(1, 0), 2),
            [(millis(1000), 1), (millis(2000), 1)]
        );
    }

    #[test]
    fn the_burst_leaves_at_once_and_the_rate_begins_behind_it() {
        assert_eq!(
            pieces(rate(1024, 5), 3),
            [(millis(0), 5), (millis(125), 128), (millis(250), 128)]
        );
    }

    #[test]
    fn a_client_that_stalled_gets_half_a_second_or_the_burst_at_once_and_no_more() {
        for (rate, at_once) in [
            (rate(1000, 0), 500),
            (rate(1000, 700), 700),
            (rate(1, 0), 1),
        ] {
            let start = Instant::now();
            let mut pace = Pace::new(rate, u64::MAX, start);
            let burst = pace.allowance(start);
            pace.spend(burst);
            assert_eq!(pace.allowance(start + Duration::from_secs(3600)), at_once);
        }
    }

    #[test]
    fn a_piece_that_did_not_leave_whole_goes_on_at_once() {
        let start = Instant::now();
        let mut pace = Pace::new(rate(1000, 0), u64::MAX, start);
        let now = pace.ready_at();
        assert_eq!(pace.allowance(now), 125);
        pace.spend(100);
        assert_eq!((pace.ready_at(), pace.allowance(now)), (now, 25));
        pace.spend(25);
        assert_eq!(pace.allowance(now + millis(124)), 0);
    }

    #[test]
    fn a_clock_that_steps_back_earns_nothing_twice() {
        let start = Instant::now();
        let mut pace = Pace::new(rate(1000, 0), u64::MAX, start);
        let bytes = pace.allowance(start + millis(250));
        pace.spend(bytes);
        assert_eq!(pace.allowance(start + millis(50)), 0);
        assert_eq!(pace.allowance(start + millis(250)), 0);
    }

    #[test]
    fn nothing_drifts_in_ten_days() {
        let slow = rate(7, 3);
        let start = Instant::now();
        let (mut pace, mut now, mut sent) = (Pace::new(slow, u64::MAX, start), start, 0);
        while now < start + Duration::from_secs(864_000) {
            // Never a whole quantum, and never a whole number of bytes.
            now = pace.ready_at() + Duration::from_nanos(333_333_333 / 7);
            sent += pace.allowance(now);
            pace.spend(pace.released_bytes);
        }
        let exact = 3 + 7 * (now - start).as_nanos() / NANOBYTES;
        assert!(
            u128::from(sent) <= exact && u128::from(sent) + 1 >= exact,
            "{sent} of {exact}"
        );
    }

    fn any_rate() -> impl Strategy<Value = Rate> {
        let speed = prop_oneof![1..20u64, 1..10_000_000u64, 1..=u64::MAX];
        let burst = prop_oneof![Just(0), 1..300u64, any::<u64>()];
        (speed, burst).prop_map(|(speed, burst)| rate(speed, burst))
    }

    /// Nanoseconds to the next look, and the part of what is allowed that the connection takes, of 8.
    fn any_looks() -> impl Strategy<Value = Vec<(u64, u64)>> {
        let pause = prop_oneof![0..1000u64, 0..50_000_000u64, 0..5_000_000_000u64];
        prop::collection::vec((pause, 0..=8u64), 1..200)
    }

    /// The naive model, in nanobytes: all that may have left by now.
    fn earned(rate: Rate, time: Duration) -> u128 {
        u128::from(rate.burst_bytes) * NANOBYTES
            + u128::from(rate.bytes_per_sec.get()) * time.as_nanos()
    }

    proptest! {
        #[test]
        fn never_has_more_left_than_burst_and_rate_allow(rate in any_rate(), looks in any_looks()) {
            let start = Instant::now();
            let (mut pace, mut now, mut sent) = (Pace::new(rate, u64::MAX, start), start, 0u128);
            for (pause, eighths) in looks {
                now += Duration::from_nanos(pause);
                let allowed = pace.allowance(now);
                let bytes = (u128::from(allowed) * u128::from(eighths) / 8) as u64;
                pace.spend(bytes);
                sent += u128::from(bytes);
                prop_assert!((sent + u128::from(allowed - bytes)) * NANOBYTES <= earned(rate, now - start));
            }
        }

        /// Looked at whenever it is ready, and at any other time besides.
        #[test]
        fn who_takes_what_is_allowed_is_never_behind_by_a_quantum(rate in any_rate(), looks in any_looks()) {
            let start = Instant::now();
            let (mut pace, mut now, mut sent) = (Pace::new(rate, u64::MAX, start), start, 0u128);
            for (pause, _) in looks {
                now = (now + Duration::from_nanos(pause)).min(pace.ready_at().max(now));
                let bytes = pace.allowance(now);
                pace.spend(bytes);
                sent += u128::from(bytes);
                let behind = earned(rate, now - start) - sent * NANOBYTES;
                prop_assert!(behind < pace.quantum_nanobytes());
                prop_assert!(pace.ready_at() > now);
            }
        }

        #[test]
        fn what_it_says_is_ready_is_ready_then_and_not_before(rate in any_rate(), looks in any_looks()) {
            let start = Instant::now();
            let (mut pace, mut now) = (Pace::new(rate, u64::MAX, start), start);
            for (pause, _) in looks {
                now += Duration::from_nanos(pause);
                let bytes = pace.allowance(now);
                pace.spend(bytes);
                let ready_at = pace.ready_at();
                let before = ready_at - Duration::from_nanos(1);
                prop_assert_eq!(pace.clone().allowance(before), 0);
                prop_assert!(pace.clone().allowance(ready_at) > 0);
                prop_assert!(ready_at - now <= Duration::from_secs(1));
            }
        }
    }
}
