//! One table of deadlines for everything in the loop.
#![forbid(unsafe_code)]

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::time::{Duration, Instant};

/// At most one deadline a key.
#[derive(Debug)]
pub struct TimerTable<K> {
    by_time: BTreeSet<(Instant, K)>,
    by_key: HashMap<K, Instant>,
}

impl<K: Copy + Ord + Hash> TimerTable<K> {
    /// A table without deadlines.
    pub fn new() -> TimerTable<K> {
        TimerTable {
            by_time: BTreeSet::new(),
            by_key: HashMap::new(),
        }
    }

    /// Sets, moves or removes the deadline of a key.
    pub fn set(&mut self, key: K, deadline: Option<Instant>) {
        if self.by_key.get(&key).copied() == deadline {
            return;
        }
        if let Some(old) = self.by_key.remove(&key) {
            self.by_time.remove(&(old, key));
        }
        if let Some(deadline) = deadline {
            self.by_key.insert(key, deadline);
            self.by_time.insert((deadline, key));
        }
    }

    /// How long the loop may sleep; `None`: for ever.
    pub fn next_timeout(&self, now: Instant) -> Option<Duration> {
        self.by_time
            .first()
            .map(|(deadline, _)| deadline.saturating_duration_since(now))
    }

    /// Takes out a key whose deadline has come, earliest first.
    pub fn pop_expired(&mut self, now: Instant) -> Option<K> {
        let (deadline, key) = *self.by_time.first()?;
        if deadline > now {
            return None;
        }
        self.set(key, None);
        Some(key)
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
}
