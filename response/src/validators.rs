//! What identifies the selected representation: its entity tag and modification date.

use crate::etag::EntityTag;
use crate::http_date;
use crate::representation::Selected;
use crate::script::Script;

/// The validators that the client will see and that its conditions are judged against: the script's
/// where it set them, else ours.
#[derive(Debug)]
pub(crate) struct Validators {
    /// The field value. The script's may be malformed, then no condition matches it.
    etag: String,
    /// `None` if there is no date that can be said or understood.
    last_modified_secs: Option<i64>,
    now_secs: i64,
}

impl Validators {
    pub(crate) fn of(selected: &Selected, script: &Script, now_secs: i64) -> Validators {
        let last_modified_secs = match script.first("Last-Modified") {
            Some(value) => http_date::parse(value, now_secs),
            None => selected.file.last_modified_secs(now_secs),
        };
        Validators {
            etag: script
                .first("ETag")
                .map_or_else(|| selected.etag(), str::to_owned),
            last_modified_secs,
            now_secs,
        }
    }

    pub(crate) fn etag(&self) -> Option<EntityTag<'_>> {
        EntityTag::parse(&self.etag)
    }

    pub(crate) fn last_modified_secs(&self) -> Option<i64> {
        self.last_modified_secs
    }

    /// Whether the date may be compared as a strong validator, RFC 9110 section 8.8.2.2.
    ///
    /// In the second that it names the file may change once more without the date changing, so a
    /// client that got the date then may hold other bytes. One second later it may not, as far as
    /// the clock of the file system is ours. (RFC 7232 wanted 60 seconds; RFC 9110 wants one.)
    pub(crate) fn date_is_strong(&self) -> bool {
        self.last_modified_secs
            .is_some_and(|date| date < self.now_secs)
    }

    pub(crate) fn parse_date(&self, value: &str) -> Option<i64> {
        http_date::parse(value, self.now_secs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::{FileFacts, Mtime, Version};
    use crate::window::Window;

    const NOW: i64 = 1_750_000_000;

    fn modified_at(secs: i64) -> Selected {
        let mtime = Mtime { secs, nanos: 255 };
        Selected {
            coding: None,
            file: FileFacts {
                size: 4096,
                version: Version::File { mtime, inode: 16 },
            },
            window: Window {
                offset: 0,
                bytes: 4096,
            },
        }
    }

    fn without_script(file: &Selected) -> Validators {
        Validators::of(file, &Script::default(), NOW)
    }

    #[test]
    fn a_modification_in_the_future_is_said_to_be_now() {
        let validators = without_script(&modified_at(NOW + 1000));
        assert_eq!(validators.last_modified_secs(), Some(NOW));
        assert!(!validators.date_is_strong());
    }

    #[test]
    fn a_date_is_strong_one_second_later() {
        assert!(!without_script(&modified_at(NOW)).date_is_strong());
        assert!(without_script(&modified_at(NOW - 1)).date_is_strong());
    }

    #[test]
    fn a_file_from_before_the_epoch_has_no_date() {
        assert_eq!(without_script(&modified_at(-1)).last_modified_secs(), None);
    }

    #[test]
    fn the_validators_of_the_script_count() {
        let headers = [
            ("etag", "W/\"v1\""),
            ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ];
        let script = Script {
            status: None,
            headers: &headers,
        };
        let validators = Validators::of(&modified_at(5), &script, NOW);
        assert_eq!(validators.etag(), EntityTag::parse("W/\"v1\""));
        assert_eq!(validators.last_modified_secs(), Some(784_111_777));
    }

    #[test]
    fn a_malformed_validator_of_the_script_is_none() {
        let headers = [("ETag", "v1"), ("Last-Modified", "yesterday")];
        let script = Script {
            status: None,
            headers: &headers,
        };
        let validators = Validators::of(&modified_at(5), &script, NOW);
        assert_eq!(validators.etag(), None);
        assert_eq!(validators.last_modified_secs(), None);
    }
}
