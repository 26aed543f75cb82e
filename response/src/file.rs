//! The file to send, and the validators that follow from its metadata.

use crate::http_date;

/// What `fstat` said about the open file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileFacts {
    /// Length in bytes.
    pub size: u64,
    /// Time of the last modification.
    pub mtime: Mtime,
    /// Inode number.
    pub inode: u64,
}

/// A modification time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mtime {
    /// Seconds since the epoch; negative before 1970.
    pub secs: i64,
    /// Nanoseconds of that second.
    pub nanos: u32,
}

impl FileFacts {
    /// Our entity tag: strong and cheap. Size, modification time to the nanosecond and inode change
    /// with every way of replacing a file (rewrite, rename over, restore of an older copy).
    pub(crate) fn etag(&self) -> String {
        let FileFacts { size, mtime, inode } = self;
        let Mtime { secs, nanos } = mtime;
        format!("\"{size:x}-{secs:x}-{nanos:x}-{inode:x}\"")
    }

    /// Our Last-Modified as a date; `None` if it is none that HTTP can say.
    pub(crate) fn last_modified(&self, now_secs: i64) -> Option<String> {
        http_date::format(self.clamped_mtime_secs(now_secs))
    }

    /// The same in seconds.
    pub(crate) fn last_modified_secs(&self, now_secs: i64) -> Option<i64> {
        self.last_modified(now_secs)?;
        Some(self.clamped_mtime_secs(now_secs))
    }

    /// A date must not be later than the message's origination (RFC 9110 section 8.8.2.1).
    fn clamped_mtime_secs(&self, now_secs: i64) -> i64 {
        self.mtime.secs.min(now_secs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::etag::EntityTag;

    const NOW: i64 = 1_750_000_000;

    fn modified_at(secs: i64) -> FileFacts {
        FileFacts {
            size: 4096,
            mtime: Mtime { secs, nanos: 255 },
            inode: 16,
        }
    }

    #[test]
    fn the_entity_tag_is_size_seconds_nanoseconds_and_inode_in_hex() {
        assert_eq!(modified_at(32).etag(), "\"1000-20-ff-10\"");
        assert!(EntityTag::parse(&modified_at(-1).etag()).is_some());
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
}
