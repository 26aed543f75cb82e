//! Content-Disposition: under which name a browser, `curl -J` or wget saves the file (RFC 6266).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::limits::MAX_DOWNLOAD_NAME_BYTES;
use crate::options::OptionError;

/// The header's value for the `download_as` argument, whose directories are dropped.
///
/// A plain name stands in `filename` alone. Any other is written twice: in `filename`, for clients
/// that know nothing else (`curl -J`), with `_` for what they get wrong; and exactly in `filename*`
/// (RFC 8187), which all others prefer (RFC 6266 section 4.3).
pub(crate) fn content_disposition(download_as: &[u8], inline: bool) -> Result<String, OptionError> {
    let name = parse_name(download_as)?;
    let kind = if inline { "inline" } else { "attachment" };
    let fallback = fallback(name);
    if name.chars().all(is_plain) {
        return Ok(format!("{kind}; filename=\"{fallback}\""));
    }
    let exact = utf8_percent_encode(name, &NOT_ATTR_CHAR);
    Ok(format!(
        "{kind}; filename=\"{fallback}\"; filename*=UTF-8''{exact}"
    ))
}

/// All but attr-char (RFC 8187 section 3.2.1) is percent-encoded.
const NOT_ATTR_CHAR: AsciiSet = NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

fn parse_name(download_as: &[u8]) -> Result<&str, OptionError> {
    let path = std::str::from_utf8(download_as).map_err(|_| OptionError::DownloadAsNotUtf8)?;
    if path.chars().any(char::is_control) {
        return Err(OptionError::DownloadAsControl);
    }
    // A backslash separates on Windows, and curl and browsers cut there everywhere.
    let name = path.rsplit(['/', '\\']).next().unwrap_or_default();
    if matches!(name, "" | "." | "..") {
        return Err(OptionError::DownloadAsEmpty);
    }
    if name.len() > MAX_DOWNLOAD_NAME_BYTES {
        return Err(OptionError::DownloadAsTooLong);
    }
    Ok(name)
}

/// Characters that every client reads the same inside `filename="..."` (RFC 6266 appendix D).
fn is_plain(c: char) -> bool {
    matches!(c, ' '..='~') && !matches!(c, '"' | '\\' | '%')
}

/// The name with `_` for each character that is not plain. A `%` stays unless two hex digits follow,
/// which some clients would decode: `100% sure` is a common name.
fn fallback(name: &str) -> String {
    let hex_at = |at: usize| name.as_bytes().get(at).is_some_and(u8::is_ascii_hexdigit);
    name.char_indices()
        .map(|(at, c)| match c {
            '%' if !(hex_at(at + 1) && hex_at(at + 2)) => c,
            c if is_plain(c) => c,
            _ => '_',
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn attachment(name: &str) -> String {
        content_disposition(name.as_bytes(), false).unwrap()
    }

    #[test]
    fn a_plain_name_is_only_quoted() {
        assert_eq!(
            attachment("a b@c;d=e.pdf"),
            "attachment; filename=\"a b@c;d=e.pdf\""
        );
        assert_eq!(
            content_disposition(b"a.pdf", true).unwrap(),
            "inline; filename=\"a.pdf\""
        );
    }

    #[test]
    fn a_name_beyond_ascii_is_written_twice() {
        assert_eq!(
            attachment("\u{20ac} rates.txt"),
            "attachment; filename=\"_ rates.txt\"; filename*=UTF-8''%E2%82%AC%20rates.txt"
        );
    }

    #[test]
    fn quotes_and_percent_signs_do_not_confuse_a_client() {
        assert_eq!(
            attachment("a\"b.txt"),
            "attachment; filename=\"a_b.txt\"; filename*=UTF-8''a%22b.txt"
        );
        assert_eq!(
            attachment("a%41 100% '*'.txt"),
            "attachment; filename=\"a_41 100% '*'.txt\"; filename*=UTF-8''a%2541%20100%25%20%27%2A%27.txt"
        );
    }

    #[test]
    fn directories_are_dropped() {
        for name in [
            "/etc/a.txt",
            "../a.txt",
            "c:\\dir\\a.txt",
            "x/y\\a.txt",
            "a.txt",
        ] {
            assert_eq!(attachment(name), "attachment; filename=\"a.txt\"", "{name}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        use OptionError::*;
        for (name, error) in [
            (&b"a\r\nSet-Cookie: b"[..], DownloadAsControl),
            (b"a\0b", DownloadAsControl),
            (b"a\x7f", DownloadAsControl),
            (b"a\xc2\x85", DownloadAsControl),
            (b"caf\xe9.txt", DownloadAsNotUtf8),
            (b"", DownloadAsEmpty),
            (b"dir/", DownloadAsEmpty),
            (b"..", DownloadAsEmpty),
            (&[b'a'; 766], DownloadAsTooLong),
        ] {
            assert_eq!(content_disposition(name, false), Err(error), "{name:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_give_printable_ascii_that_decodes_to_the_name(bytes in "[ -~\u{e9}\u{20ac}\r\n]{0,40}") {
            let Ok(value) = content_disposition(bytes.as_bytes(), false) else { return Ok(()) };
            let name = bytes.rsplit(['/', '\\']).next().unwrap();
            prop_assert!(value.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{}", value);
            prop_assert_eq!(value.matches('"').count(), 2);
            match value.split_once("; filename*=UTF-8''") {
                Some((_, exact)) => prop_assert_eq!(
                    percent_encoding::percent_decode_str(exact).decode_utf8().unwrap(), name
                ),
                None => prop_assert_eq!(value, format!("attachment; filename=\"{name}\"")),
            }
        }
    }
}
