//! What identifies the selected representation: its entity tag and modification date.

use crate::etag::{EntityTag, EtagArgument};
use crate::http_date;
use crate::options::Options;
use crate::representation::Selected;
use crate::script::Script;

/// The validators that the client will see and that its conditions are judged against: the argument's, else the
/// script's, else ours.
#[derive(Debug)]
pub(crate) struct Validators<'a> {
    pub(crate) etag: Field<'a>,
    pub(crate) last_modified: Field<'a>,
    /// `None` if there is no date that can be said or understood.
    last_modified_secs: Option<i64>,
    now_secs: i64,
}

/// A header as the client will see it.
#[derive(Debug)]
pub(crate) enum Field<'a> {
    /// To be set, whatever the script has.
    Ours(String),
    /// The script's first line, left alone. It may be malformed, then no condition matches it.
    OfTheScript(&'a str),
    Absent,
}

impl<'a> Validators<'a> {
    pub(crate) fn of(
        selected: &Selected,
        script: &Script<'a>,
        options: &Options,
        now_secs: i64,
    ) -> Validators<'a> {
        let of_the_script = script
            .first("Last-Modified")
            .map(|value| (value, http_date::parse(value, now_secs)));
        let (last_modified, last_modified_secs) = match of_the_script {
            // RFC 9110 section 8.8.2.1 forbids a date behind that of the message.
            Some((_, Some(date))) if date > now_secs => {
                (Field::of(http_date::format(now_secs)), Some(now_secs))
            }
            Some((value, date)) => (Field::OfTheScript(value), date),
            None => (
                Field::of(selected.file.last_modified(now_secs)),
                selected.file.last_modified_secs(now_secs),
            ),
        };
        Validators {
            etag: etag(selected, script, options),
            last_modified,
            last_modified_secs,
            now_secs,
        }
    }

    pub(crate) fn etag(&self) -> Option<EntityTag<'_>> {
        match &self.etag {
            Field::Ours(value) => EntityTag::parse(value),
            Field::OfTheScript(value) => EntityTag::parse(value),
            Field::Absent => None,
        }
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

impl Field<'_> {
    fn of(value: Option<String>) -> Self {
        value.map_or(Field::Absent, Field::Ours)
    }
}

fn etag<'a>(selected: &Selected, script: &Script<'a>, options: &Options) -> Field<'a> {
    match &options.etag {
        EtagArgument::Absent => Field::Absent,
        EtagArgument::Explicit(value) => {
            Field::Ours(coded(value, selected).unwrap_or_else(|| value.clone()))
        }
        EtagArgument::Computed => match script.first("ETag") {
            Some(value) => coded(value, selected).map_or(Field::OfTheScript(value), Field::Ours),
            None => Field::Ours(selected.etag()),
        },
    }
}

/// Who gave the tag meant the file; `None` if it is right for the selected representation, too.
fn coded(etag: &str, selected: &Selected) -> Option<String> {
    EntityTag::parse(etag)?.coded(selected.coding?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::{FileFacts, Mtime, Version};
    use crate::options::RawOptions;
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

    fn without_script(file: &Selected) -> Validators<'static> {
        of(file, &Script::default())
    }

    fn of<'a>(file: &Selected, script: &Script<'a>) -> Validators<'a> {
        let options = Options::new(RawOptions::default()).unwrap();
        Validators::of(file, script, &options, NOW)
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
        let validators = of(&modified_at(5), &script);
        assert_eq!(validators.etag(), EntityTag::parse("W/\"v1\""));
        assert_eq!(validators.last_modified_secs(), Some(784_111_777));
    }

    #[test]
    fn a_date_of_the_script_in_the_future_is_now() {
        let headers = [("Last-Modified", "Sun, 15 Jun 2025 15:06:41 GMT")];
        let script = Script {
            status: None,
            headers: &headers,
        };
        let one_second_ahead = of(&modified_at(5), &script);
        assert!(
            matches!(&one_second_ahead.last_modified, Field::Ours(date) if date == "Sun, 15 Jun 2025 15:06:40 GMT")
        );
        assert_eq!(one_second_ahead.last_modified_secs(), Some(NOW));
        let options = Options::new(RawOptions::default()).unwrap();
        let right_then = Validators::of(&modified_at(5), &script, &options, NOW + 1);
        assert!(matches!(right_then.last_modified, Field::OfTheScript(_)));
    }

    #[test]
    fn a_malformed_validator_of_the_script_is_none() {
        let headers = [("ETag", "v1"), ("Last-Modified", "yesterday")];
        let script = Script {
            status: None,
            headers: &headers,
        };
        let validators = of(&modified_at(5), &script);
        assert_eq!(validators.etag(), None);
        assert_eq!(validators.last_modified_secs(), None);
    }
}
