//! One table of deadlines for everything in the loop.
//!
//! Most deadlines never come: what they wait for happens first, and they are moved away or taken back. So a deadline that is
//! moved away stays where it is in the queue, and is put right when it gets to the front; one that is taken back is
//! dropped there. An ordered set, with every deadline in its place, took four times as long to cancel and set one among 100,000
//! (`make microbench ARGS=timers`), and asked for memory on the way.
#![forbid(unsafe_code)]

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::hash::Hash;
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;

use crate::limits::STALE_DEADLINES;

/// At most one deadline a key.
#[derive(Debug)]
pub struct TimerTable<K> {
    deadlines: FxHashMap<K, Deadline>,
    /// One entry of each key is in force, with its ticket, and is not later than its deadline. All others are stale.
    queue: BinaryHeap<Reverse<(Instant, Ticket, K)>>,
    next_ticket: Ticket,
}

/// Tells the entries of the queue apart.
type Ticket = u64;

#[derive(Clone, Copy, Debug)]
struct Deadline {
    at: Instant,
    /// When its entry gets to the front of the queue.
    queued_at: Instant,
    ticket: Ticket,
}

impl<K: Copy + Ord + Hash> TimerTable<K> {
    /// A table without deadlines.
    pub fn new() -> TimerTable<K> {
        TimerTable {
            deadlines: FxHashMap::default(),
            queue: BinaryHeap::new(),
            next_ticket: 0,
        }
    }

    /// Sets, moves or removes the deadline of a key.
    pub fn set(&mut self, key: K, deadline: Option<Instant>) {
        let Some(at) = deadline else {
            self.deadlines.remove(&key);
            return;
        };
        match self.deadlines.get_mut(&key) {
            Some(deadline) if deadline.queued_at <= at => deadline.at = at,
            _ => self.enqueue(key, at),
        }
    }

    /// How long the loop may sleep; `None`: for ever.
    pub fn next_timeout(&mut self, now: Instant) -> Option<Duration> {
        let (at, _) = self.first()?;
        Some(at.saturating_duration_since(now))
    }

    /// Takes out a key whose deadline has come, earliest first.
    pub fn pop_expired(&mut self, now: Instant) -> Option<K> {
        let (at, key) = self.first()?;
        if at > now {
            return None;
        }
        self.queue.pop();
        self.deadlines.remove(&key);
        Some(key)
    }

    /// The earliest deadline, whose entry is then at the front of the queue.
    fn first(&mut self) -> Option<(Instant, K)> {
        loop {
            let mut front = self.queue.peek_mut()?;
            let Reverse((queued_at, ticket, key)) = *front;
            let deadline = self.deadlines.get_mut(&key);
            let Some(deadline) = deadline.filter(|deadline| deadline.ticket == ticket) else {
                PeekMut::pop(front);
                continue;
            };
            if deadline.at == queued_at {
                return Some((queued_at, key));
            }
            deadline.queued_at = deadline.at;
            front.0.0 = deadline.at;
        }
    }

    fn enqueue(&mut self, key: K, at: Instant) {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let deadline = Deadline {
            at,
            queued_at: at,
            ticket,
        };
        self.deadlines.insert(key, deadline);
        if self.queue.len() >= 2 * self.deadlines.len() + STALE_DEADLINES {
            let deadlines = &self.deadlines;
            self.queue.retain(|Reverse((_, ticket, key))| {
                let deadline = deadlines.get(key);
                deadline.is_some_and(|deadline| deadline.ticket == *ticket)
            });
        }
        self.queue.push(Reverse((at, ticket, key)));
    }
}

impl<K: Copy + Ord + Hash> Default for TimerTable<K> {
    fn default() -> Self {
        TimerTable::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[test]
    fn deadlines_come_out_in_order_each_key_once_and_moved_ones_at_their_new_time() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut timers = TimerTable::new();
        timers.set('a', Some(at(30)));
        timers.set('b', Some(at(10)));
        timers.set('c', Some(at(20)));
        timers.set('a', Some(at(5)));
        timers.set('c', None);
        assert_eq!(timers.next_timeout(start), Some(Duration::from_millis(5)));
        assert_eq!(timers.pop_expired(at(4)), None);
        assert_eq!(timers.pop_expired(at(50)), Some('a'));
        assert_eq!(timers.pop_expired(at(50)), Some('b'));
        assert_eq!(timers.pop_expired(at(50)), None);
        assert_eq!(timers.next_timeout(start), None);
    }

    #[test]
    fn what_is_taken_back_does_not_pile_up_until_its_time() {
        let start = Instant::now();
        let mut timers = TimerTable::new();
        for key in 0..1000u32 {
            timers.set(key, Some(start + Duration::from_secs(30)));
            timers.set(key, None);
            // The same of a key that is there again at once.
            timers.set(u32::MAX, None);
            timers.set(u32::MAX, Some(start + Duration::from_secs(30)));
        }
        assert!(timers.queue.len() <= 2 * 2 + STALE_DEADLINES);
    }

    proptest! {
        #[test]
        fn keys_expire_as_if_every_deadline_stood_in_order(
            steps in prop::collection::vec((0..12u32, prop::option::of(0..100u64), 0..4u64), 1..300),
        ) {
            let start = Instant::now();
            let mut now = start;
            let mut timers = TimerTable::new();
            let mut model: BTreeMap<u32, Instant> = BTreeMap::new();
            for (key, delay_ms, passed_ms) in steps {
                let deadline = delay_ms.map(|ms| now + Duration::from_millis(ms));
                timers.set(key, deadline);
                match deadline {
                    Some(at) => { model.insert(key, at); }
                    None => { model.remove(&key); }
                }
                let earliest = model.values().min();
                prop_assert_eq!(
                    timers.next_timeout(now),
                    earliest.map(|at| at.saturating_duration_since(now))
                );
                now += Duration::from_millis(passed_ms);
                while let Some(key) = timers.pop_expired(now) {
                    let at = model.remove(&key);
                    prop_assert!(at.is_some_and(|at| at <= now));
                    prop_assert!(model.values().all(|other| Some(*other) >= at));
                }
                prop_assert!(model.values().all(|at| *at > now));
            }
        }
    }
}
