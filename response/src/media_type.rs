//! The media type: as the caller said, or guessed from the file's extension.

use std::borrow::Cow;

use crate::limits::MAX_CONTENT_TYPE_BYTES;
use crate::media_types::MediaTypes;
use crate::options::OptionError;
use crate::script::Script;
use crate::well_known;

/// What bytes of an unknown kind are (RFC 2046 section 4.5.1).
const UNKNOWN: &str = "application/octet-stream";

/// A media type and how sure of it we are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MediaType {
    /// The `content_type` argument: wins over a `header()` of the script.
    Explicit(String),
    /// By extension: gives way to a `header()` of the script.
    Guessed(Cow<'static, str>),
}

impl MediaType {
    /// `type/subtype`, then possibly parameters, in printable ASCII (RFC 9110 section 8.3.1).
    pub(crate) fn explicit(value: &[u8]) -> Result<MediaType, OptionError> {
        if value.len() > MAX_CONTENT_TYPE_BYTES {
            return Err(OptionError::ContentTypeTooLong);
        }
        if value.iter().any(u8::is_ascii_control) {
            return Err(OptionError::ContentTypeControl);
        }
        let value = std::str::from_utf8(value)
            .ok()
            .filter(|value| value.is_ascii())
            .ok_or(OptionError::ContentTypeNotAscii)?;
        if !is_media_type(value) {
            return Err(OptionError::ContentTypeMalformed);
        }
        Ok(MediaType::Explicit(value.trim_end().to_owned()))
    }

    /// No charset is added: what the text is encoded in is not in its name.
    pub(crate) fn guess(filename: &[u8], own: Option<&MediaTypes>) -> MediaType {
        let found = own
            .and_then(|own| extensions(filename).find_map(|extension| own.of_extension(extension)));
        if let Some(found) = found {
            return MediaType::Guessed(found.to_owned().into());
        }
        let known = extensions(filename)
            .last()
            .and_then(well_known::of_extension);
        MediaType::Guessed(known.unwrap_or(UNKNOWN).into())
    }

    /// The header to set; `None` if that of the script stays.
    pub(crate) fn header(&self, script: &Script) -> Option<&str> {
        match self {
            MediaType::Explicit(value) => Some(value),
            MediaType::Guessed(_) if script.has("Content-Type") => None,
            MediaType::Guessed(value) => Some(value),
        }
    }

    /// The type that the client is told; `None` if the script has set an empty one.
    pub(crate) fn in_force<'a>(&'a self, script: &Script<'a>) -> Option<&'a str> {
        self.header(script)
            .or_else(|| script.first("Content-Type"))
            .filter(|value| !value.is_empty())
    }

    /// The type for the header of a part. The script's value becomes body bytes there, so it is
    /// only repeated if it is harmless and short; the RFC asks for it with SHOULD.
    pub(crate) fn in_part<'a>(&'a self, script: &Script<'a>) -> Option<&'a str> {
        self.in_force(script)
            .filter(|value| value.len() <= MAX_CONTENT_TYPE_BYTES)
            .filter(|value| !value.chars().any(char::is_control))
    }
}

/// What is behind each dot of the name, the longest first: of `a.tar.gz` both `tar.gz` and `gz`. A dot at the beginning
/// hides the file, and says nothing of its kind.
fn extensions(filename: &[u8]) -> impl Iterator<Item = &str> {
    let name = filename.rsplit(|byte| *byte == b'/').next();
    let name = name.unwrap_or_default();
    let dots = (1..name.len()).filter(|at| name[*at] == b'.');
    dots.filter_map(|dot| std::str::from_utf8(&name[dot + 1..]).ok())
}

fn is_media_type(value: &str) -> bool {
    let (essence, parameters) = match value.split_once(';') {
        Some((essence, parameters)) => (essence, Some(parameters)),
        None => (value, None),
    };
    is_type_and_subtype(essence.trim_end()) && parameters.is_none_or(|text| text.contains('='))
}

/// Without parameters.
pub(crate) fn is_type_and_subtype(value: &str) -> bool {
    let names = value.split_once('/');
    names.is_some_and(|(kind, subtype)| is_token(kind) && is_token(subtype))
}

/// RFC 9110 section 5.6.2.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guessed(filename: &[u8]) -> Cow<'static, str> {
        match MediaType::guess(filename, None) {
            MediaType::Guessed(value) => value,
            MediaType::Explicit(_) => unreachable!(),
        }
    }

    #[test]
    fn the_last_extension_decides_in_any_case() {
        assert_eq!(guessed(b"/srv/a.PNG"), "image/png");
        assert_eq!(guessed(b"a.tar.gz"), "application/gzip");
        assert_eq!(guessed(b"a.html"), "text/html");
    }

    #[test]
    fn without_a_known_extension_it_is_a_stream_of_octets() {
        for name in [
            &b""[..],
            b"a",
            b"a.",
            b".png",
            b"/x.png/a",
            b"a.nosuch",
            b"a.\xff",
            b"a.png ",
        ] {
            assert_eq!(guessed(name), UNKNOWN, "{name:?}");
        }
    }

    #[test]
    fn the_table_of_the_administrator_comes_first() {
        let own = MediaTypes::parse("text/x-own png");
        let guess = |filename| MediaType::guess(filename, Some(&own));
        assert_eq!(guess(b"a.PNG"), MediaType::Guessed("text/x-own".into()));
        assert_eq!(guess(b"a.html"), MediaType::Guessed("text/html".into()));
    }

    #[test]
    fn the_longest_extension_in_the_table_of_the_administrator_counts() {
        let own = MediaTypes::parse("text/a gz\ntext/b tar.gz");
        for (name, expected) in [
            (&b"/srv/v1.2.gz"[..], "text/a"),
            (b"a.TAR.gz", "text/b"),
            (b"a-1.2.tar.gz", "text/b"),
            (b".tar.gz", "text/a"),
            (b"a\xff.\xff.tar.gz", "text/b"),
            (b"a.tar.xz", "application/x-xz"),
            (b"a.tar.gz.xz", "application/x-xz"),
            (b"a.\xffgz", UNKNOWN),
        ] {
            let guess = MediaType::guess(name, Some(&own));
            assert_eq!(guess, MediaType::Guessed(expected.into()), "{name:?}");
        }
    }

    #[test]
    fn the_type_in_force_is_that_of_the_argument_the_script_or_the_guess() {
        let headers = [("content-type", "text/x-script")];
        let script = Script {
            status: None,
            headers: &headers,
        };
        let silent = Script::default();
        let explicit = MediaType::explicit(b"text/x-argument").unwrap();
        let guessed = MediaType::guess(b"a.png", None);
        assert_eq!(explicit.in_force(&script), Some("text/x-argument"));
        assert_eq!(guessed.in_force(&script), Some("text/x-script"));
        assert_eq!(guessed.in_force(&silent), Some("image/png"));
        let headers = [("Content-Type", "")];
        let empty = Script {
            status: None,
            headers: &headers,
        };
        assert_eq!(guessed.in_force(&empty), None);
    }

    #[test]
    fn an_explicit_type_may_have_parameters() {
        for value in [
            "text/plain",
            "text/html; charset=utf-8",
            "image/svg+xml ; a=\"b c\"",
        ] {
            assert_eq!(
                MediaType::explicit(value.as_bytes()),
                Ok(MediaType::Explicit(value.to_owned()))
            );
        }
    }

    #[test]
    fn what_is_no_media_type_is_refused() {
        use OptionError::*;
        for (value, error) in [
            (&b"text/plain\r\nX: y"[..], ContentTypeControl),
            (b"text/plain\0", ContentTypeControl),
            (b"text/pl\xc3\xa4in", ContentTypeNotAscii),
            (b"text/pl\xffin", ContentTypeNotAscii),
            (b"", ContentTypeMalformed),
            (b"text", ContentTypeMalformed),
            (b"text/", ContentTypeMalformed),
            (b"/plain", ContentTypeMalformed),
            (b" text/plain", ContentTypeMalformed),
            (b"text/plain, text/html", ContentTypeMalformed),
            (b"text/plain; charset", ContentTypeMalformed),
            (&[b'a'; 256], ContentTypeTooLong),
        ] {
            assert_eq!(MediaType::explicit(value), Err(error), "{value:?}");
        }
    }

    #[test]
    fn a_type_of_the_script_is_repeated_in_parts_only_if_harmless() {
        let part_type = |value| {
            let headers = [("content-type", value)];
            let script = Script {
                status: None,
                headers: &headers,
            };
            MediaType::guess(b"a.png", None)
                .in_part(&script)
                .map(str::to_owned)
        };
        assert_eq!(part_type("text/x-own").as_deref(), Some("text/x-own"));
        assert_eq!(part_type("text/x\r\nEvil: 1"), None);
        assert_eq!(part_type(&"x".repeat(256)), None);
    }
}
