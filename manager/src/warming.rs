//! What a download knows of the cache ahead of it, and what it has readers read: so that sendfile(2) in the loop never
//! waits for a disk.
//!
//! A state machine without I/O. While all is found in the cache, the loop looks before each turn and sends. The first thing
//! that is missing is read by a reader, and what follows, too, in windows as large as its client is fast: not even to look is
//! free there, since a look makes the kernel begin to read, in the loop. What a reader has brought is sent without another
//! look; should it be gone again by then, that one turn waits for the disk, and the download gets on all the same.
#![forbid(unsafe_code)]

use std::ops::Range;
use std::time::Instant;

use crate::limits::{
    CACHE_TRUST, FED_TURN_BYTES, FEWEST_WARMED_BYTES, FOUND_WARM_BYTES, LOOK_STRIDE_BYTES,
    MOST_WARMED_BYTES, PAGE_BYTES, TURN_BYTES, WARMED_FOR,
};
use crate::sys::cache::Presence;

/// A file, as far as its bytes are in the cache.
pub trait Pages {
    /// Whether the byte at this offset is there.
    fn look(&self, offset: u64) -> Presence;
    /// Whether reading it can mean waiting for another process or machine.
    fn is_remote(&self) -> bool;
}

/// Who sees to it that the bytes are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// The loop looks: all was there so far.
    Looking,
    /// A reader reads them first: something was missing.
    Reading,
    /// A reader reads them first, always: nobody can tell what is there, and a server may hang.
    Remote,
    /// Nobody: it cannot be told what is there, and most likely all is in memory.
    Blind,
}

/// What is known of the cache ahead of one download.
#[derive(Debug)]
pub struct Warmth {
    way: Way,
    /// These bytes of the file are there.
    known: Range<u64>,
    known_at: Option<Instant>,
    /// A reader has brought them, and nothing was sent since.
    is_fresh: bool,
    /// A reader reads these, or will.
    asked: Option<Range<u64>>,
    asked_at: Option<Instant>,
    /// Nobody was told of what is asked.
    is_new: bool,
    /// The last that was asked for had to be read.
    was_cold: bool,
    window_bytes: u64,
    /// What readers found to be there already, one after the other, up to where they have been.
    found_bytes: u64,
    furthest: u64,
}

impl Warmth {
    /// Nothing is known.
    pub fn new() -> Warmth {
        Warmth {
            way: Way::Looking,
            known: 0..0,
            known_at: None,
            is_fresh: false,
            asked: None,
            asked_at: None,
            is_new: false,
            was_cold: false,
            window_bytes: FEWEST_WARMED_BYTES,
            found_bytes: 0,
            furthest: 0,
        }
    }

    /// How many of the `left` bytes from this offset on can be sent without waiting for a disk. `None`: a reader has to
    /// read first; [`Warmth::take_request`] says whether it is to be told.
    pub fn sendable_bytes(
        &mut self,
        offset: u64,
        left: u64,
        pages: &impl Pages,
        now: Instant,
    ) -> Option<u64> {
        if self.way == Way::Blind {
            return Some(left);
        }
        if !self.knows(offset, now) && self.asked.is_none() {
            match self.way {
                Way::Looking => self.look(offset, left, pages, now),
                _ => self.ask(offset..offset + left, now),
            }
        }
        if self.way == Way::Blind {
            return Some(left);
        }
        if !self.knows(offset, now) {
            return None;
        }
        self.is_fresh = false;
        let (end, known_bytes) = (offset + left, self.known.end - offset);
        let is_short = known_bytes <= self.window_bytes / 2 && self.known.end < end;
        if is_short && self.way != Way::Looking && self.asked.is_none() {
            self.ask(self.known.end..end, now);
        }
        Some(known_bytes.min(left))
    }

    /// Bytes that it may send before others have their turn.
    pub fn turn_bytes(&self) -> u64 {
        match self.way {
            Way::Looking | Way::Blind => TURN_BYTES,
            Way::Reading | Way::Remote => FED_TURN_BYTES,
        }
    }

    /// What a reader is to read that nobody was told of yet. It answers once.
    pub fn take_request(&mut self) -> bool {
        std::mem::take(&mut self.is_new)
    }

    /// Whether it is likely to be read soon: what came before was in the cache, or nothing came before.
    pub fn is_likely_short(&self) -> bool {
        !self.was_cold
    }

    /// What a reader reads or is to read.
    pub fn asked(&self) -> Option<Range<u64>> {
        self.asked.clone()
    }

    /// What was asked for has been read, or nobody can do that. All of it may have been there before.
    pub fn warmed(&mut self, was_there: bool, now: Instant) {
        let Some(range) = self.asked.take() else {
            return;
        };
        self.is_new = false;
        self.was_cold = !was_there;
        if range.start >= self.furthest {
            let bytes = range.end - range.start;
            self.found_bytes = if was_there {
                self.found_bytes + bytes
            } else {
                0
            };
        }
        self.furthest = self.furthest.max(range.end);
        if self.found_bytes >= FOUND_WARM_BYTES && self.way == Way::Reading {
            self.way = Way::Looking;
            self.found_bytes = 0;
        }
        let follows = self.known.end == range.start && self.is_trusted(now);
        let start = if follows {
            self.known.start
        } else {
            range.start
        };
        self.known = start..range.end;
        self.known_at = Some(now);
        self.is_fresh = true;
    }

    fn knows(&self, offset: u64, now: Instant) -> bool {
        self.known.contains(&offset) && (self.is_fresh || self.is_trusted(now))
    }

    fn is_trusted(&self, now: Instant) -> bool {
        self.known_at.is_some_and(|at| now < at + CACHE_TRUST)
    }

    /// Looks as far as a turn gets.
    fn look(&mut self, offset: u64, left: u64, pages: &impl Pages, now: Instant) {
        let end = offset + left.min(TURN_BYTES);
        let strides = (offset / LOOK_STRIDE_BYTES + 1)..=(end - 1) / LOOK_STRIDE_BYTES;
        let inner = strides.map(|stride| stride * LOOK_STRIDE_BYTES);
        let mut there = end;
        for at in std::iter::once(offset).chain(inner).chain([end - 1]) {
            match pages.look(at) {
                Presence::There => {}
                Presence::Missing => {
                    there = (at - at % PAGE_BYTES as u64).max(offset);
                    break;
                }
                Presence::Unknown => {
                    self.way = match pages.is_remote() {
                        true => Way::Remote,
                        false => Way::Blind,
                    };
                    there = offset;
                    break;
                }
            }
        }
        self.known = offset..there;
        self.known_at = Some(now);
        self.is_fresh = false;
        if there == offset && self.way != Way::Blind {
            if self.way == Way::Looking {
                self.way = Way::Reading;
                self.was_cold = false;
                self.furthest = 0;
            }
            self.ask(offset..offset + left, now);
        }
    }

    /// Asks for the next window of what is left.
    fn ask(&mut self, left: Range<u64>, now: Instant) {
        let is_fast = self.asked_at.is_some_and(|at| now < at + WARMED_FOR);
        self.window_bytes = if is_fast {
            (self.window_bytes * 2).min(MOST_WARMED_BYTES)
        } else {
            FEWEST_WARMED_BYTES
        };
        self.asked_at = Some(now);
        self.is_new = true;
        self.asked = Some(left.start..left.end.min(left.start + self.window_bytes));
    }
}

impl Default for Warmth {
    fn default() -> Warmth {
        Warmth::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::cell::{Cell, RefCell};
    use std::time::Duration;

    const MEGABYTE: u64 = 1 << 20;

    /// A file of which these bytes are in the cache.
    struct Cache {
        there: RefCell<Vec<Range<u64>>>,
        can_tell: bool,
        is_remote: bool,
        looks: Cell<u32>,
    }

    impl Cache {
        fn with(there: Range<u64>) -> Cache {
            Cache {
                there: RefCell::new(vec![there]),
                can_tell: true,
                is_remote: false,
                looks: Cell::new(0),
            }
        }

        fn unknown(is_remote: bool) -> Cache {
            Cache {
                can_tell: false,
                is_remote,
                ..Cache::with(0..0)
            }
        }
    }

    impl Pages for Cache {
        fn look(&self, offset: u64) -> Presence {
            self.looks.set(self.looks.get() + 1);
            let there = self.there.borrow();
            match there.iter().any(|range| range.contains(&offset)) {
                _ if !self.can_tell => Presence::Unknown,
                true => Presence::There,
                false => Presence::Missing,
            }
        }

        fn is_remote(&self) -> bool {
            self.is_remote
        }
    }

    #[test]
    fn a_warm_file_is_looked_at_once_a_turn_and_nobody_is_asked() {
        let (cache, mut warmth) = (Cache::with(0..10 * MEGABYTE), Warmth::new());
        let now = Instant::now();
        for turn in 0..10 {
            let offset = turn * TURN_BYTES;
            let left = 10 * MEGABYTE - offset;
            let sendable = warmth.sendable_bytes(offset, left, &cache, now);
            assert_eq!(sendable, Some(TURN_BYTES));
            // A part of it was sent.
            let sendable = warmth.sendable_bytes(offset + 100, left - 100, &cache, now);
            assert_eq!(sendable, Some(TURN_BYTES - 100));
        }
        let strides = (TURN_BYTES / LOOK_STRIDE_BYTES) as u32;
        assert_eq!(cache.looks.get(), 10 * (strides + 1));
        assert_eq!(warmth.asked(), None);
    }

    #[test]
    fn what_is_there_is_sent_and_what_follows_is_read_first() {
        let there = LOOK_STRIDE_BYTES;
        let (cache, mut warmth) = (Cache::with(0..there), Warmth::new());
        let now = Instant::now();
        let sendable = warmth.sendable_bytes(0, MEGABYTE, &cache, now);
        assert_eq!(sendable, Some(there));
        assert_eq!(warmth.asked(), None);
        let left = MEGABYTE - there;
        assert_eq!(warmth.sendable_bytes(there, left, &cache, now), None);
        assert_eq!(warmth.asked(), Some(there..there + FEWEST_WARMED_BYTES));
        assert!(warmth.take_request());
        // It is asked once, however often it is woken.
        assert_eq!(warmth.sendable_bytes(there, left, &cache, now), None);
        assert!(!warmth.take_request());
        warmth.warmed(false, now);
        let sendable = warmth.sendable_bytes(there, left, &cache, now);
        assert_eq!(sendable, Some(FEWEST_WARMED_BYTES));
    }

    #[test]
    fn what_was_brought_is_sent_however_long_its_turn_takes_to_come() {
        let (cache, mut warmth) = (Cache::with(0..0), Warmth::new());
        let now = Instant::now();
        assert_eq!(warmth.sendable_bytes(0, MEGABYTE, &cache, now), None);
        warmth.warmed(false, now);
        let later = now + CACHE_TRUST * 50;
        let sendable = warmth.sendable_bytes(0, MEGABYTE, &cache, later);
        assert_eq!(sendable, Some(FEWEST_WARMED_BYTES));
        // But the rest of it only as long as it can be trusted to be there.
        assert_eq!(warmth.sendable_bytes(10, MEGABYTE, &cache, later), None);
    }

    #[test]
    fn a_slow_client_has_little_read_ahead_and_a_fast_one_more_and_more() {
        for (pause, most) in [
            (2 * WARMED_FOR, FEWEST_WARMED_BYTES),
            (WARMED_FOR / 10, MOST_WARMED_BYTES),
        ] {
            let (cache, mut warmth) = (Cache::with(0..0), Warmth::new());
            let (mut now, mut offset, mut widest) = (Instant::now(), 0, 0);
            for _ in 0..100 {
                let sendable = warmth.sendable_bytes(offset, 1000 * MEGABYTE, &cache, now);
                offset += sendable.unwrap_or(0);
                if warmth.take_request() {
                    let asked = warmth.asked().unwrap();
                    widest = widest.max(asked.end - asked.start);
                    assert!(asked.end - offset <= 2 * most, "{asked:?} at {offset}");
                }
                now += pause;
                warmth.warmed(false, now);
            }
            assert_eq!(widest, most);
        }
    }

    #[test]
    fn a_file_that_is_found_warm_long_enough_is_looked_at_again_by_the_loop() {
        let (cache, mut warmth) = (Cache::with(1..1000 * MEGABYTE), Warmth::new());
        let (now, mut offset, mut found) = (Instant::now(), 0, 0);
        while cache.looks.get() <= 1 {
            let left = 1000 * MEGABYTE - offset;
            let sendable = warmth.sendable_bytes(offset, left, &cache, now);
            offset += sendable.unwrap_or(0);
            if warmth.take_request() {
                let asked = warmth.asked().unwrap();
                let is_first = asked.start == 0;
                found += if is_first { 0 } else { asked.end - asked.start };
                warmth.warmed(!is_first, now);
            }
            assert!(found <= FOUND_WARM_BYTES + MOST_WARMED_BYTES);
        }
        assert!(found >= FOUND_WARM_BYTES);
    }

    #[test]
    fn where_nobody_can_tell_only_remote_files_are_read_first() {
        let now = Instant::now();
        for (is_remote, sendable) in [(false, Some(MEGABYTE)), (true, None)] {
            let (cache, mut warmth) = (Cache::unknown(is_remote), Warmth::new());
            assert_eq!(warmth.sendable_bytes(0, MEGABYTE, &cache, now), sendable);
            assert_eq!(warmth.take_request(), is_remote);
            assert_eq!(cache.looks.get(), 1);
        }
    }

    proptest! {
        /// Pages come and go as they like, readers take their time, and turns come late.
        #[test]
        fn every_download_gets_to_its_end_whatever_the_cache_does(
            len in 1..5_000_000u64,
            can_tell in any::<bool>(),
            events in prop::collection::vec((0..3u8, 0..400u64, 1..600_000u64, 0..5_000_000u64), 50),
        ) {
            let cache = Cache { can_tell, is_remote: true, ..Cache::with(0..len / 3) };
            let (mut warmth, mut now) = (Warmth::new(), Instant::now());
            let (mut offset, mut steps, mut rounds_in_vain) = (0, 0, 0);
            for (kind, pause_ms, most, from) in events.iter().cycle() {
                steps += 1;
                prop_assert!(steps < 100_000);
                now += Duration::from_millis(*pause_ms);
                match kind {
                    0 => cache.there.borrow_mut().clear(),
                    1 => cache.there.borrow_mut().push(*from..from + most),
                    _ => {}
                }
                if let Some(asked) = warmth.asked().filter(|_| *kind != 1) {
                    prop_assert!(asked.start >= offset && asked.end <= len && !asked.is_empty());
                    warmth.warmed(false, now);
                    rounds_in_vain += 1;
                }
                if let Some(sendable) = warmth.sendable_bytes(offset, len - offset, &cache, now) {
                    prop_assert!(sendable > 0 && sendable <= len - offset);
                    offset += sendable.min(*most);
                    rounds_in_vain = 0;
                } else {
                    prop_assert!(warmth.asked().is_some(), "somebody must be asked, or nothing will ever happen");
                }
                prop_assert!(rounds_in_vain <= 2);
                if offset == len {
                    return Ok(());
                }
            }
        }
    }
}
