//! Whose turn is next among the downloads that could go on.
//!
//! *Fair*: in the order in which they became ready, so that all get the same number of turns. *Smallest first*: the one
//! with the fewest bytes left, which makes the mean time of a download shorter and that of large ones longer. So that
//! nobody waits for ever, every [`TURNS_PER_ELDEST`]th turn goes to the one that has been ready longest: who has n others
//! before it in that order has its turn within (n + 1) times so many.
#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use clap::ValueEnum;

use crate::limits::TURNS_PER_ELDEST;

/// The order of turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Discipline {
    /// Each in its turn.
    Fair,
    /// The one with the fewest bytes left.
    SmallestFirst,
}

/// Those that wait for a turn.
#[derive(Debug)]
pub enum ReadyQueue<T> {
    /// As they became ready.
    Fair(VecDeque<T>),
    /// By bytes left.
    SmallestFirst(BySize<T>),
}

/// Those that wait under [`Discipline::SmallestFirst`].
#[derive(Debug)]
pub struct BySize<T> {
    /// By when they became ready, with the bytes left.
    waiting: BTreeMap<u64, (T, u64)>,
    /// The same by bytes left, then by when.
    by_size: BTreeSet<(u64, u64)>,
    next_arrival: u64,
    /// Turns since the eldest had one.
    turns: u32,
}

impl<T> ReadyQueue<T> {
    /// An empty one.
    pub fn new(discipline: Discipline) -> ReadyQueue<T> {
        match discipline {
            Discipline::Fair => ReadyQueue::Fair(VecDeque::new()),
            Discipline::SmallestFirst => ReadyQueue::SmallestFirst(BySize {
                waiting: BTreeMap::new(),
                by_size: BTreeSet::new(),
                next_arrival: 0,
                turns: 0,
            }),
        }
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        match self {
            ReadyQueue::Fair(waiting) => waiting.len(),
            ReadyQueue::SmallestFirst(BySize { waiting, .. }) => waiting.len(),
        }
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// So many may wait at the same time: to become ready then takes no memory where the order is that of becoming so.
    pub fn make_room(&mut self, count: usize) {
        if let ReadyQueue::Fair(waiting) = self {
            waiting.reserve(count.saturating_sub(waiting.len()));
        }
    }

    /// Adds one that has so many bytes left. Nobody may be in it twice.
    pub fn push(&mut self, item: T, left_bytes: u64) {
        match self {
            ReadyQueue::Fair(waiting) => waiting.push_back(item),
            ReadyQueue::SmallestFirst(waiting) => waiting.push(item, left_bytes),
        }
    }

    /// Takes out the one whose turn it is.
    pub fn pop(&mut self) -> Option<T> {
        match self {
            ReadyQueue::Fair(waiting) => waiting.pop_front(),
            ReadyQueue::SmallestFirst(waiting) => waiting.pop(),
        }
    }
}

impl<T> BySize<T> {
    fn push(&mut self, item: T, left_bytes: u64) {
        let arrival = self.next_arrival;
        self.next_arrival += 1;
        self.waiting.insert(arrival, (item, left_bytes));
        self.by_size.insert((left_bytes, arrival));
    }

    fn pop(&mut self) -> Option<T> {
        self.turns += 1;
        if self.turns < TURNS_PER_ELDEST {
            let (_, arrival) = self.by_size.pop_first()?;
            return self.waiting.remove(&arrival).map(|(item, _)| item);
        }
        self.turns = 0;
        let (arrival, (item, left_bytes)) = self.waiting.pop_first()?;
        self.by_size.remove(&(left_bytes, arrival));
        Some(item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Downloads that all begin at once on a machine that can send a megabyte a millisecond, to clients that take less
    /// each; when each is complete, in milliseconds.
    fn completion_times(discipline: Discipline, bodies: &[u64]) -> Vec<u64> {
        const MACHINE_BYTES: u64 = 1 << 20;
        const CLIENT_BYTES: u64 = MACHINE_BYTES / 2;
        let mut queue = ReadyQueue::new(discipline);
        let mut left = bodies.to_vec();
        let mut completed = vec![0; bodies.len()];
        for (number, bytes) in bodies.iter().enumerate() {
            queue.push(number, *bytes);
        }
        for ms in 1.. {
            let mut budget = MACHINE_BYTES;
            let mut full = Vec::new();
            while budget > 0 && !queue.is_empty() {
                let number: usize = queue.pop().unwrap();
                let sent = left[number].min(CLIENT_BYTES).min(budget);
                left[number] -= sent;
                budget -= sent;
                if left[number] == 0 {
                    completed[number] = ms;
                } else {
                    full.push(number);
                }
            }
            // The clients have taken what they were sent, and their connections can take more.
            for number in full {
                queue.push(number, left[number]);
            }
            if queue.is_empty() {
                break;
            }
        }
        completed
    }

    fn mean(times: &[u64]) -> f64 {
        times.iter().sum::<u64>() as f64 / times.len() as f64
    }

    #[test]
    fn smallest_first_shortens_the_mean_time_where_few_large_downloads_meet_many_small_ones() {
        const MEGABYTE: u64 = 1 << 20;
        let bodies = [vec![100 * MEGABYTE; 5], vec![MEGABYTE; 40]].concat();
        let fair = completion_times(Discipline::Fair, &bodies);
        let smallest_first = completion_times(Discipline::SmallestFirst, &bodies);
        println!(
            "5 of 100 MB and 40 of 1 MB, mean time: fair {:.1} ms (the last {}), smallest first {:.1} ms (the last {})",
            mean(&fair),
            fair.iter().max().unwrap(),
            mean(&smallest_first),
            smallest_first.iter().max().unwrap(),
        );
        assert!(mean(&smallest_first) < 0.8 * mean(&fair));
        // One client alone takes half of what the machine can send, so that the last one is somewhat later.
        assert!(*smallest_first.iter().max().unwrap() * 10 <= *fair.iter().max().unwrap() * 12);
    }

    #[test]
    fn fair_is_first_come_first_served_whatever_is_left() {
        let mut queue = ReadyQueue::new(Discipline::Fair);
        for left_bytes in [5, 1, 9, 0, 3] {
            queue.push(left_bytes, left_bytes);
        }
        let order: Vec<u64> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(order, [5, 1, 9, 0, 3]);
    }

    proptest! {
        /// New small ones come before each turn.
        #[test]
        fn under_smallest_first_nobody_waits_longer_than_promised(
            before in prop::collection::vec(0..1000u64, 0..20),
            smaller in prop::collection::vec(0..1000u64, 1..400),
        ) {
            const LARGE: u64 = 1 << 40;
            let mut queue = ReadyQueue::new(Discipline::SmallestFirst);
            for left_bytes in &before {
                queue.push(*left_bytes, *left_bytes);
            }
            queue.push(LARGE, LARGE);
            let bound = (before.len() + 1) * TURNS_PER_ELDEST as usize;
            let mut small = smaller.iter().cycle();
            let waited = (0..bound).find(|_| {
                let left_bytes = *small.next().unwrap();
                queue.push(left_bytes, left_bytes);
                queue.pop() == Some(LARGE)
            });
            prop_assert!(waited.is_some());
        }

        #[test]
        fn everybody_has_a_turn_exactly_once(
            sizes in prop::collection::vec(0..100u64, 0..100),
            is_fair in any::<bool>(),
        ) {
            let discipline = if is_fair { Discipline::Fair } else { Discipline::SmallestFirst };
            let mut queue = ReadyQueue::new(discipline);
            for (number, left_bytes) in sizes.iter().enumerate() {
                queue.push(number, *left_bytes);
            }
            prop_assert_eq!(queue.len(), sizes.len());
            let mut order: Vec<usize> = std::iter::from_fn(|| queue.pop()).collect();
            order.sort_unstable();
            prop_assert_eq!(order, (0..sizes.len()).collect::<Vec<_>>());
            prop_assert!(queue.is_empty());
            if let ReadyQueue::SmallestFirst(waiting) = queue {
                prop_assert!(waiting.by_size.is_empty());
            }
        }
    }

    #[test]
    fn who_has_room_becomes_ready_without_asking_for_memory() {
        let mut queue = ReadyQueue::new(Discipline::Fair);
        for count in 1..=100 {
            queue.make_room(count);
        }
        let room = |queue: &ReadyQueue<usize>| match queue {
            ReadyQueue::Fair(waiting) => waiting.capacity(),
            ReadyQueue::SmallestFirst(_) => 0,
        };
        let before = room(&queue);
        (0..100).for_each(|number| queue.push(number, 1));
        assert!(before >= 100);
        assert_eq!(room(&queue), before);
        // Those that wait have their room already.
        queue.make_room(100);
        assert_eq!(room(&queue), before);
    }
}
