//! How much of a download the kernel may hold unsent for one TCP client (TCP_NOTSENT_LOWAT).
//!
//! Little, since ten thousand slow clients share the kernel's memory. But a client that takes that much in a fraction of a
//! millisecond would wake the loop for each such piece. So it is what the client takes in some milliseconds, between two
//! bounds; the fast ones together then have in the kernel what the network takes in that time.
#![forbid(unsafe_code)]

use std::time::Instant;

use crate::limits::{
    FEWEST_NOTSENT_BYTES, MOST_NOTSENT_BYTES, NOTSENT_BYTES, NOTSENT_BYTES_OF_A_CELL, NOTSENT_TIME,
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
        }
    }

    /// What the kernel may hold now.
    pub fn bytes(&self) -> u32 {
        self.bytes
    }

    /// The client has taken so much in all. True if the kernel is to hear of another bound.
    pub fn look(&mut self, taken_bytes: u64, now: Instant) -> bool {
        let elapsed = now.duration_since(self.at);
        if elapsed < NOTSENT_TIME {
            return false;
        }
        let taken = u128::from(taken_bytes.saturating_sub(self.taken_bytes));
        let in_time = taken * NOTSENT_TIME.as_nanos() / elapsed.as_nanos();
        let bytes = u32::try_from(in_time)
            .unwrap_or(u32::MAX)
            .clamp(self.least_bytes, self.most_bytes);
        self.at = now;
        self.taken_bytes = taken_bytes;
        // A little more or less is not worth a system call.
        let is_other = bytes / 2 >= self.bytes || bytes <= self.bytes / 2;
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

    #[test]
    fn each_of_many_clients_gets_less_of_the_kernels_memory() {
        let now = Instant::now();
        let bounds = |downloads| {
            let mut unsent = Unsent::new(downloads, now);
            let at_first = unsent.bytes();
            unsent.look(u64::MAX, now + NOTSENT_TIME);
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
        let start = Instant::now();
        let mut unsent = Unsent::new(1, start);
        assert!(unsent.look(MEGABYTE / 2, start + NOTSENT_TIME));
        assert_eq!(unsent.bytes(), 524_288);
        // Somewhat faster or slower is no reason for another bound.
        assert!(!unsent.look(MEGABYTE * 5 / 4, start + 2 * NOTSENT_TIME));
        assert!(!unsent.look(MEGABYTE * 5 / 4 + 300_000, start + 3 * NOTSENT_TIME));
        assert!(unsent.look(9 * MEGABYTE, start + 4 * NOTSENT_TIME));
        assert_eq!(unsent.bytes(), 2_097_152);
        assert!(unsent.look(10 * MEGABYTE, start + 4 * NOTSENT_TIME + 1000 * MS));
        assert_eq!(unsent.bytes(), 131_072);
    }

    #[test]
    fn what_the_buffers_of_a_slow_client_take_at_once_proves_nothing() {
        let start = Instant::now();
        let mut unsent = Unsent::new(1, start);
        assert!(!unsent.look(6 * MEGABYTE, start + MS));
        assert!(!unsent.look(6 * MEGABYTE + 2000, start + 1000 * MS));
        assert_eq!(unsent.bytes(), 131_072);
    }
}
