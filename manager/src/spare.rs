//! The memory for the frames of the next FastCGI download, made while no worker waits for it: to make it takes as long as all
//! the rest of an answer to an offer.
#![forbid(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Instant;

use crate::limits::HEARTBEAT;
use crate::sink::TEMPLATE_BYTES;
use crate::sys::memfd;

const NAME: &str = "send-file-frames";

/// At most one, and none where nobody asks for it.
#[derive(Debug, Default)]
pub struct SpareFrames {
    file: Option<OwnedFd>,
    asked_at: Option<Instant>,
}

impl SpareFrames {
    /// A memfd with this template.
    ///
    /// # Errors
    /// Those of memfd_create(2), ftruncate(2) and write(2).
    pub fn take(&mut self, template: &[u8], now: Instant) -> io::Result<OwnedFd> {
        self.asked_at = Some(now);
        match self.file.take() {
            Some(file) => {
                memfd::overwrite(file.as_fd(), template)?;
                Ok(file)
            }
            None => memfd::with_bytes(NAME, template, TEMPLATE_BYTES),
        }
    }

    /// Before the loop sleeps: makes one if there was a download of this kind a moment ago, and closes it if not.
    pub fn prepare(&mut self, now: Instant) {
        let is_in_demand = self.asked_at.is_some_and(|at| now < at + HEARTBEAT);
        if !is_in_demand {
            self.file = None;
        } else if self.file.is_none() {
            // With its first page. Without one the next offer tries for itself.
            self.file = memfd::with_bytes(NAME, &[0], TEMPLATE_BYTES).ok();
        }
    }

    /// How many descriptors it holds.
    pub fn descriptor_count(&self) -> usize {
        self.file.iter().count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const TEMPLATE: &[u8] = b"a template";

    #[test]
    fn one_is_made_only_where_one_was_asked_for_a_moment_ago() {
        let start = Instant::now();
        let mut spare = SpareFrames::default();
        spare.prepare(start);
        assert_eq!(spare.descriptor_count(), 0);
        spare.take(TEMPLATE, start).unwrap();
        assert_eq!(spare.descriptor_count(), 0);
        spare.prepare(start);
        assert_eq!(spare.descriptor_count(), 1);
        spare.prepare(start + HEARTBEAT - Duration::from_millis(1));
        assert_eq!(spare.descriptor_count(), 1);
        spare.prepare(start + HEARTBEAT);
        assert_eq!(spare.descriptor_count(), 0);
    }

    #[test]
    fn the_one_that_was_made_before_is_as_one_that_is_made_now() {
        let now = Instant::now();
        let mut spare = SpareFrames::default();
        let made_now = spare.take(TEMPLATE, now).unwrap();
        spare.prepare(now);
        let made_before = spare.take(TEMPLATE, now).unwrap();
        for file in [made_now, made_before] {
            assert!(memfd::holds(&file, TEMPLATE, TEMPLATE_BYTES));
        }
        assert_eq!(spare.descriptor_count(), 0);
    }
}
