//! How a job waits for what of its file is not in the cache.
#![forbid(unsafe_code)]

use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::time::Instant;

use super::Job;
use crate::filesystem::is_remote;
use crate::source::From;
use crate::sys::cache::{Presence, presence};
use crate::warming::Pages;

impl Job {
    /// How many bytes from here can be sent without waiting for a disk. With none the job waits for a reader.
    pub(super) fn sendable_bytes(&mut self, from: From, now: Instant) -> u64 {
        if from != From::File {
            return u64::MAX;
        }
        let (offset, left) = (self.stream.file_offset(), self.stream.file_left_bytes());
        let file = &self.descriptors.file;
        let sendable = self.warmth.sendable_bytes(offset, left, file, now);
        if sendable.is_none() {
            // From here on its client waits for the disk, not the other way round.
            self.note_progress(now);
        }
        sendable.unwrap_or(0)
    }

    /// Whether a reader is to be told of something. It answers once.
    pub fn take_request(&mut self) -> bool {
        self.warmth.take_request()
    }

    /// What a reader is to read: of the file with this number.
    pub fn request(&self) -> Option<(RawFd, Range<u64>)> {
        let range = self.warmth.asked()?;
        Some((self.descriptors.file.as_raw_fd(), range))
    }

    /// Whether that is likely to be done soon.
    pub fn has_short_request(&self) -> bool {
        self.warmth.is_likely_short()
    }

    /// What was asked for has been read, or nobody can do that. All of it may have been in the cache before.
    pub fn warmed(&mut self, was_there: bool, now: Instant) {
        self.note_progress(now);
        self.warmth.warmed(was_there, now);
    }

    /// The end of everything but the file.
    pub fn into_file(self) -> OwnedFd {
        self.descriptors.file
    }
}

impl Pages for OwnedFd {
    fn look(&self, offset: u64) -> Presence {
        presence(self.as_raw_fd(), offset)
    }

    fn is_remote(&self) -> bool {
        is_remote(self.as_fd()).unwrap_or(false)
    }
}
