//! What is known of the bytes to send, and the validators that follow from it.

use crate::http_date;

/// What `fstat` said about the open file, or what is known of a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileFacts {
    /// Length in bytes.
    pub size: u64,
    /// What changes with the bytes.
    pub version: Version,
}

/// What tells two versions of the same content apart, beside the size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// A file's. Modification time to the nanosecond and inode change with every way of replacing a
    /// file (rewrite, rename over, restore of an older copy).
    File {
        /// Time of the last modification.
        mtime: Mtime,
        /// Inode number.
        inode: u64,
    },
    /// A hash of bytes that are in no file of the script's. They have no date.
    Content(u128),
}

/// A modification time; the later one is greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mtime {
    /// Seconds since the epoch; negative before 1970.
    pub secs: i64,
    /// Nanoseconds of that second.
    pub nanos: u32,
}

/// Whether a precompressed sibling can be one of the file as it is now: it is not older, to the nanosecond.
pub fn is_fresh(sibling: Mtime, original: Mtime) -> bool {
    sibling >= original
}

impl FileFacts {
    /// The inside of our entity tag: strong and cheap.
    pub(crate) fn version_tag(&self) -> String {
        let size = self.size;
        match self.version {
            Version::File { mtime, inode } => {
                let Mtime { secs, nanos } = mtime;
                format!("{size:x}-{secs:x}-{nanos:x}-{inode:x}")
            }
            Version::Content(hash) => format!("{size:x}-{hash:032x}"),
        }
    }

    /// Our Last-Modified as a date; `None` if it is none that HTTP can say.
    pub(crate) fn last_modified(&self, now_secs: i64) -> Option<String> {
        http_date::format(self.clamped_mtime_secs(now_secs)?)
    }

    /// The same in seconds.
    pub(crate) fn last_modified_secs(&self, now_secs: i64) -> Option<i64> {
        self.last_modified(now_secs)?;
        self.clamped_mtime_secs(now_secs)
    }

    /// A date must not be later than the message's origination (RFC 9110 section 8.8.2.1).
    fn clamped_mtime_secs(&self, now_secs: i64) -> Option<i64> {
        match self.version {
            Version::File { mtime, .. } => Some(mtime.secs.min(now_secs)),
            Version::Content(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_750_000_000;

    fn modified_at(secs: i64) -> FileFacts {
        FileFacts {
            size: 4096,
            version: Version::File {
                mtime: Mtime { secs, nanos: 255 },
                inode: 16,
            },
        }
    }

    #[test]
    fn the_version_of_a_file_is_size_seconds_nanoseconds_and_inode_in_hex() {
        assert_eq!(modified_at(32).version_tag(), "1000-20-ff-10");
        assert_eq!(modified_at(-1).version_tag(), "1000-ffffffffffffffff-ff-10");
    }

    #[test]
    fn the_version_of_a_buffer_is_size_and_hash_and_it_has_no_date() {
        let buffer = FileFacts {
            size: 17,
            version: Version::Content(0xabc),
        };
        assert_eq!(buffer.version_tag(), "11-00000000000000000000000000000abc");
        assert_eq!(buffer.last_modified(NOW), None);
        assert_eq!(buffer.last_modified_secs(NOW), None);
    }

    #[test]
    fn a_modification_in_the_future_is_said_to_be_now() {
        assert_eq!(
            modified_at(NOW + 1).last_modified(NOW),
            modified_at(NOW).last_modified(NOW)
        );
        assert_eq!(modified_at(NOW - 1).last_modified_secs(NOW), Some(NOW - 1));
    }

    #[test]
    fn a_modification_before_the_epoch_is_not_said() {
        assert_eq!(modified_at(-1).last_modified(NOW), None);
        assert_eq!(modified_at(-1).last_modified_secs(NOW), None);
    }

    #[test]
    fn a_sibling_is_fresh_if_it_is_not_older_by_a_nanosecond() {
        let original = Mtime { secs: -2, nanos: 5 };
        let sibling = |secs, nanos| is_fresh(Mtime { secs, nanos }, original);
        assert!(sibling(-2, 5) && sibling(-2, 6) && sibling(-1, 0));
        assert!(!sibling(-2, 4) && !sibling(-3, 999_999_999));
    }
}
