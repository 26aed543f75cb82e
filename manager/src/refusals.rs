//! The log of refused peers and offers, bounded: anybody who may connect could fill a disk with it.
#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

use crate::limits::REFUSALS_LOGGED_PER_SECOND;

/// Lets so many lines through a second and counts the others.
#[derive(Debug)]
pub struct Refusals {
    since: Option<Instant>,
    logged: u32,
    suppressed: u64,
}

impl Refusals {
    /// Nothing refused yet.
    pub fn new() -> Refusals {
        Refusals {
            since: None,
            logged: 0,
            suppressed: 0,
        }
    }

    /// Writes the line, or counts it.
    pub fn log(&mut self, now: Instant, write: impl FnOnce()) {
        let fresh = self
            .since
            .is_none_or(|since| now.duration_since(since) >= Duration::from_secs(1));
        if fresh {
            if self.suppressed > 0 {
                tracing::warn!(
                    suppressed = self.suppressed,
                    "more refusals were not logged"
                );
            }
            *self = Refusals {
                since: Some(now),
                logged: 0,
                suppressed: 0,
            };
        }
        if self.logged < REFUSALS_LOGGED_PER_SECOND {
            self.logged += 1;
            write();
        } else {
            self.suppressed += 1;
        }
    }
}

impl Default for Refusals {
    fn default() -> Self {
        Refusals::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_writes_its_bound_a_second_and_no_more() {
        let (start, mut refusals, mut written) = (Instant::now(), Refusals::new(), 0);
        for ms in 0..1999 {
            refusals.log(start + Duration::from_millis(ms), || written += 1);
        }
        assert_eq!(written, 2 * REFUSALS_LOGGED_PER_SECOND);
    }
}
