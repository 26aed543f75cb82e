//! How much of a download the kernel may hold unsent for one TCP client (TCP_NOTSENT_LOWAT).
//!
//! Little, since ten thousand slow clients share the kernel's memory. But a client that takes that much in a fraction of a
//! millisecond may wake the loop for each such piece. For one that does it is what the client takes in some milliseconds,
//! between two bounds; the fast ones together then have in the kernel what the network takes in that time.
#![forbid(unsafe_code)]

use std::time::Instant;

use crate::limits::{
    FEWEST_NOTSENT_BYTES, MOST_NOTSENT_BYTES, NOTSENT_BYTES, NOTSENT_BYTES_OF_A_CELL, NOTSENT_TIME,
    WAITS_WORTH_MORE,
};

/// The bound of one client, and what it goes by.
#[derive(Clone, Copy, Debug)]
pub struct Unsent {
    least_bytes: u32,
    most_bytes: u32,
    bytes: u32,
    /// When the client had taken `taken_bytes`.
    at: Instant,
    taken_bytes: u64,
    /// How often the loop has waited for it since.
    waits: u32,
}

impl Unsent {
    /// The bound of a client that nothing is known about, one of so many.
    pub fn new(downloads: usize, now: Instant) -> Unsent {
        let downloads = u32::try_from(downloads).unwrap_or(u32::MAX).max(1);
        let share = NOTSENT_BYTES_OF_A_CELL / downloads;
        let most_bytes = share.clamp(FEWEST_NOTSENT_BYTES, MOST_NOTSENT_BYTES);
        let least_bytes = most_bytes.min(NOTSENT_BYTES);
        Unsent {
            least_bytes,
            most_bytes,
            bytes: least_bytes,
            at: now,
            taken_bytes: 0,
            waits: 0,
        }
    }

    /// What the kernel may hold now.
    pub fn bytes(&self) -> u32 {
        self.bytes
    }

    /// The client is waited for, and has taken so much in all. True if the kernel is to hear of another bound.
    pub fn look(&mut self, taken_bytes: u64, now: Instant) -> bool {
        self.waits += 1;
        let elapsed = now.duration_since(self.at);
        if elapsed < NOTSENT_TIME {
            return false;
        }
        let taken = u128::from(taken_bytes.saturating_sub(self.taken_bytes));
        let in_time = taken * NOTSENT_TIME.as_nanos() / elapsed.as_nanos();
        let bytes = u32::try_from(in_time)
            .unwrap_or(u32::MAX)
            .clamp(self.least_bytes, self.most_bytes);
        // A little more or less is not worth a system call.
        let is_less = bytes <= self.bytes / 2;
        let is_more = bytes / 2 >= self.bytes && self.waits >= WAITS_WORTH_MORE;
        self.at = now;
        self.taken_bytes = taken_bytes;
        self.waits = 0;
        let is_other = is_less || is_more;
        if is_other {
            self.bytes = bytes;
        }
        is_other
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const MS: Duration = Duration::from_millis(1);
    const MEGABYTE: u64 = 1 << 20;

    /// A client that is waited for so many times, until it has taken so much.
    fn wait(unsent: &mut Unsent, waits: u32, taken_bytes: u64, now: Instant) -> bool {
        for _ in 1..waits {
            assert!(!unsent.look(0, unsent.at));
        }
        unsent.look(taken_bytes, now)
    }

    #[test]
    fn each_of_many_clients_gets_less_of_the_kernels_memory() {
        let now = Instant::now();
        let bounds = |downloads| {
            let mut unsent = Unsent::new(downloads, now);
            let at_first = unsent.bytes();
            wait(&mut unsent, WAITS_WORTH_MORE, u64::MAX, now + NOTSENT_TIME);
            (at_first, unsent.bytes())
        };
        assert_eq!(bounds(0), (131_072, 2_097_152));
        assert_eq!(bounds(256), (131_072, 524_288));
        assert_eq!(bounds(1024), (131_072, 131_072));
        assert_eq!(bounds(2048), (65_536, 65_536));
        assert_eq!(bounds(20_000), (16_384, 16_384));
    }

    #[test]
    fn a_client_gets_what_it_takes_in_some_milliseconds_and_loses_it_when_it_slows_down() {
        let mut now = Instant::now();
        let mut unsent = Unsent::new(1, now);
        let mut taken_bytes = 0;
        let mut bound_after = |bytes: u64, time: Duration| {
            now += time;
            taken_bytes += bytes;
            let is_other = wait(&mut unsent, WAITS_WORTH_MORE, taken_bytes, now);
            is_other.then_some(unsent.bytes())
        };
        assert_eq!(bound_after(MEGABYTE / 2, NOTSENT_TIME), Some(524_288));
        // Somewhat faster or slower is no reason for another bound.
        assert_eq!(bound_after(MEGABYTE * 3 / 4, NOTSENT_TIME), None);
        assert_eq!(bound_after(300_000, NOTSENT_TIME), None);
        assert_eq!(bound_after(8 * MEGABYTE, NOTSENT_TIME), Some(2_097_152));
        assert_eq!(bound_after(MEGABYTE, 1000 * MS), Some(131_072));
    }

    #[test]
    fn a_client_that_is_seldom_waited_for_gets_no_more_and_one_that_has_more_keeps_it() {
        let start = Instant::now();
        let mut unsent = Unsent::new(1, start);
        let seldom = WAITS_WORTH_MORE - 1;
        let end = start + NOTSENT_TIME;
        assert!(!wait(&mut unsent, seldom, 8 * MEGABYTE, end));
        assert_eq!(unsent.bytes(), 131_072);
        // What was waited before does not count.
        let end = end + NOTSENT_TIME;
        assert!(!wait(&mut unsent, seldom, 16 * MEGABYTE, end));
        let end = end + NOTSENT_TIME;
        assert!(wait(&mut unsent, seldom + 1, 24 * MEGABYTE, end));
        let end = end + NOTSENT_TIME;
        assert!(!wait(&mut unsent, 1, 32 * MEGABYTE, end));
        assert_eq!(unsent.bytes(), 2_097_152);
    }

    #[test]
    fn what_the_buffers_of_a_slow_client_take_at_once_proves_nothing() {
        let start = Instant::now();
        let mut unsent = Unsent::new(1, start);
        for _ in 0..WAITS_WORTH_MORE {
            assert!(!unsent.look(6 * MEGABYTE, start + MS));
        }
        assert!(!unsent.look(6 * MEGABYTE + 2000, start + 1000 * MS));
        assert_eq!(unsent.bytes(), 131_072);
    }
}
