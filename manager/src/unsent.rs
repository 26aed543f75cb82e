//! How much of a download the kernel may hold unsent for one TCP client (TCP_NOTSENT_LOWAT).
//!
//! Little, since ten thousand slow clients share the kernel's memory, and the same for all of them as long as the machine allows
//! that: less means that the loop is woken more often. But a client that takes that much in a fraction of a millisecond may
//! wake the loop for each such piece. For one that does it is what the client takes in some milliseconds, between two bounds;
//! the fast ones together then have in the kernel what the network takes in that time.
#![forbid(unsafe_code)]

use std::time::Instant;

use crate::limits::{
    FAST_SHARE_OF_NOTSENT, FEWEST_NOTSENT_BYTES, MOST_NOTSENT_BYTES, NOTSENT_BYTES,
    NOTSENT_BYTES_OF_ALL, NOTSENT_PERCENT_OF_PRESSURE, NOTSENT_TIME, TCP_BYTES_BESIDE,
    WAITS_WORTH_MORE,
};

/// What the kernel may hold unsent for all clients together, by what net.ipv4.tcp_mem says (tcp(7): three numbers of pages), if
/// that can be read.
pub fn bytes_of_all(tcp_mem: Option<&str>, page_bytes: u64) -> u64 {
    let pressure_pages = tcp_mem.and_then(|text| {
        let numbers: Result<Vec<u64>, _> = text.split_whitespace().map(str::parse).collect();
        match numbers.ok()?[..] {
            [_, pressure, _] => Some(pressure),
            _ => None,
        }
    });
    pressure_pages.map_or(NOTSENT_BYTES_OF_ALL, |pages| {
        // Who wants no bound writes a number that leaves no room.
        let pressure_bytes = pages.saturating_mul(page_bytes);
        let beside_bytes = TCP_BYTES_BESIDE.min(pressure_bytes / 5 * 3);
        (pressure_bytes - beside_bytes) / 100 * NOTSENT_PERCENT_OF_PRESSURE
    })
}

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
    /// The bound of a client that nothing is known about, one of so many for whom this is allowed.
    ///
    /// As many as that suffices for get the same. Of those that come then each gets less, by the cube of how many there are: they
    /// take less than half as much again together, until all get the least.
    pub fn new(bytes_of_all: u64, downloads: u32, now: Instant) -> Unsent {
        let share = bytes_of_all / u64::from(downloads.max(1));
        let full = u64::from(NOTSENT_BYTES);
        // Both are less than 2^17 where it counts.
        let lessened = share.min(full).pow(3) / full.pow(2);
        let clamped = |bytes: u64, least: u32, most: u32| {
            let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
            bytes.clamp(least, most)
        };
        let least_bytes = clamped(lessened, FEWEST_NOTSENT_BYTES, NOTSENT_BYTES);
        let most_bytes = clamped(
            share / FAST_SHARE_OF_NOTSENT,
            least_bytes,
            MOST_NOTSENT_BYTES,
        );
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

    /// The client is looked at, most often because it is waited for, and has taken so much in all. True if the kernel is to hear
    /// of another bound.
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

    /// A machine with 24 GB of memory.
    const MANY_BYTES: u64 = 1 << 30;

    #[test]
    fn all_clients_get_the_same_while_it_suffices_and_less_when_it_does_not() {
        let now = Instant::now();
        let bounds = |downloads| {
            let mut unsent = Unsent::new(MANY_BYTES, downloads, now);
            let at_first = unsent.bytes();
            wait(&mut unsent, WAITS_WORTH_MORE, u64::MAX, now + NOTSENT_TIME);
            (at_first, unsent.bytes())
        };
        assert_eq!(bounds(0), (131_072, 2_097_152));
        assert_eq!(bounds(256), (131_072, 1_048_576));
        assert_eq!(bounds(8192), (131_072, 131_072));
        assert_eq!(bounds(10_000), (72_057, 72_057));
        assert_eq!(bounds(16_384), (16_384, 16_384));
        assert_eq!(bounds(100_000), (4096, 4096));
        let without = |bytes_of_all| Unsent::new(bytes_of_all, u32::MAX, now).bytes();
        assert_eq!([without(0), without(u64::MAX)], [4096, 4096 * 32]);
    }

    #[test]
    fn those_that_come_when_it_is_used_up_take_little_more() {
        let now = Instant::now();
        let sum = |bytes_of_all, downloads| -> u64 {
            let each = |number| u64::from(Unsent::new(bytes_of_all, number, now).bytes());
            (1..=downloads).map(each).sum()
        };
        assert!(sum(MANY_BYTES, 25_000) < MANY_BYTES * 146 / 100);
        // 2 GB of memory: TCP may have 190 MB of it, and is short of it from 125 MB on.
        let few_bytes = bytes_of_all(Some("23000 30600 46000"), 4096);
        assert!(sum(few_bytes, 10_000) < 100_000_000);
    }

    #[test]
    fn a_small_machine_gives_the_first_clients_as_much_as_a_large_one() {
        let now = Instant::now();
        // 512 MB of memory.
        let few_bytes = bytes_of_all(Some("5700 7600 11400"), 4096);
        let mut unsent = Unsent::new(few_bytes, 1, now);
        assert_eq!(unsent.bytes(), NOTSENT_BYTES);
        wait(&mut unsent, WAITS_WORTH_MORE, u64::MAX, now + NOTSENT_TIME);
        assert_eq!(unsent.bytes(), MOST_NOTSENT_BYTES);
    }

    #[test]
    fn what_is_allowed_goes_by_the_kernels_second_number() {
        let of = |text: Option<&str>| bytes_of_all(text, 4096);
        let beside = TCP_BYTES_BESIDE / 4096;
        let pages = |pressure: u64| of(Some(&format!("287901\t{pressure}\t575802\n")));
        assert_eq!(pages(2 * beside + 100), (beside + 100) * 4096 / 100 * 70);
        assert_eq!([0, 200].map(pages), [0, 80 * 4096 / 100 * 70]);
        assert_eq!(pages(u64::MAX), (u64::MAX - TCP_BYTES_BESIDE) / 100 * 70);
        assert_eq!(
            bytes_of_all(Some("1 2048 3"), 65_536),
            0x400_0000 / 100 * 70
        );
        let nonsense = [
            "",
            "1 2",
            "1 2 3 4",
            "1 many 3",
            "1 -2 3",
            "1 99999999999999999999 3",
        ];
        for text in nonsense.map(Some).into_iter().chain([None]) {
            assert_eq!(of(text), NOTSENT_BYTES_OF_ALL, "{text:?}");
        }
    }

    #[test]
    fn a_client_gets_what_it_takes_in_some_milliseconds_and_loses_it_when_it_slows_down() {
        let mut now = Instant::now();
        let mut unsent = Unsent::new(MANY_BYTES, 1, now);
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
        let mut unsent = Unsent::new(MANY_BYTES, 1, start);
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
        let mut unsent = Unsent::new(MANY_BYTES, 1, start);
        for _ in 0..WAITS_WORTH_MORE {
            assert!(!unsent.look(6 * MEGABYTE, start + MS));
        }
        assert!(!unsent.look(6 * MEGABYTE + 2000, start + 1000 * MS));
        assert_eq!(unsent.bytes(), 131_072);
    }
}
