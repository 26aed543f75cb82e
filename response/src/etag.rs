//! Entity tags (RFC 9110 section 8.8.3) and their two comparisons.

use crate::coding::Coding;
use crate::limits::MAX_ETAG_BYTES;
use crate::options::OptionError;
use crate::request::trim_ows;

/// The `etag` argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum EtagArgument {
    /// Not given: the script's, else ours.
    Computed,
    /// Empty: the content has no entity tag.
    Absent,
    /// A complete entity tag: wins over a `header()` of the script.
    Explicit(String),
}

impl EtagArgument {
    /// A tag with its quotes, or bare text to be quoted. ASCII only: `obs-text` is legal in a tag (RFC 9110 section
    /// 8.8.3), but intermediaries disagree on its encoding, and so on equality.
    pub(crate) fn new(value: Option<&[u8]>) -> Result<EtagArgument, OptionError> {
        let Some(value) = value else {
            return Ok(EtagArgument::Computed);
        };
        if value.len() > MAX_ETAG_BYTES {
            return Err(OptionError::EtagTooLong);
        }
        let value = std::str::from_utf8(value).map_err(|_| OptionError::EtagMalformed)?;
        if !value.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(OptionError::EtagMalformed);
        }
        if value.is_empty() {
            return Ok(EtagArgument::Absent);
        }
        if !value.contains('"') {
            return Ok(EtagArgument::Explicit(format!("\"{value}\"")));
        }
        match EntityTag::parse(value) {
            Some(_) => Ok(EtagArgument::Explicit(value.to_owned())),
            None => Err(OptionError::EtagMalformed),
        }
    }

    pub(crate) fn is_given(&self) -> bool {
        *self != EtagArgument::Computed
    }
}

/// An entity tag as it stands in a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EntityTag<'a> {
    weak: bool,
    /// With its quotes.
    opaque: &'a str,
}

impl<'a> EntityTag<'a> {
    /// Parses a field value that is one entity tag and nothing else.
    pub(crate) fn parse(value: &'a str) -> Option<EntityTag<'a>> {
        let (tag, rest) = EntityTag::split(value)?;
        rest.is_empty().then_some(tag)
    }

    /// The tag of the same version in a coding, which is other bytes; `None` if it does not promise the same bytes anyway.
    pub(crate) fn coded(&self, coding: Coding) -> Option<String> {
        let inside = self.opaque.strip_suffix('"')?;
        (!self.weak).then(|| format!("{inside}-{}\"", coding.name()))
    }

    /// Strong comparison, RFC 9110 section 8.8.3.2: neither may be weak.
    pub(crate) fn matches_strongly(&self, other: &EntityTag) -> bool {
        !self.weak && !other.weak && self.opaque == other.opaque
    }

    /// Weak comparison: weakness does not matter.
    pub(crate) fn matches_weakly(&self, other: &EntityTag) -> bool {
        self.opaque == other.opaque
    }

    /// Takes an entity tag off the front. `W/` is case-sensitive.
    fn split(value: &'a str) -> Option<(EntityTag<'a>, &'a str)> {
        let (weak, value) = match value.strip_prefix("W/") {
            Some(rest) => (true, rest),
            None => (false, value),
        };
        let inside = value.strip_prefix('"')?;
        let end = inside.find('"')?;
        if !inside[..end].chars().all(is_etag_char) {
            return None;
        }
        let (opaque, rest) = value.split_at(end + 2);
        Some((EntityTag { weak, opaque }, rest))
    }
}

fn is_etag_char(c: char) -> bool {
    c > ' ' && c != '"' && c != '\x7f'
}

/// The value of If-Match or If-None-Match: is one of its members `wanted`, or is it `*`?
pub(crate) fn any_matches<'a>(
    lines: impl Iterator<Item = &'a str> + Clone,
    wanted: impl FnMut(&EntityTag) -> bool,
) -> bool {
    // A `*` among others is malformed, and matches nothing.
    lines.clone().eq(["*"]) || any_listed(lines, wanted)
}

/// The same without `*`. A member that is no entity tag matches nothing.
pub(crate) fn any_listed<'a>(
    mut lines: impl Iterator<Item = &'a str>,
    mut wanted: impl FnMut(&EntityTag) -> bool,
) -> bool {
    lines.any(|line| members(line).any(|tag| wanted(&tag)))
}

/// The entity tags of a list. A comma may be inside a tag, so this is no `split(',')`.
fn members(line: &str) -> impl Iterator<Item = EntityTag<'_>> {
    let mut rest = line;
    std::iter::from_fn(move || {
        loop {
            rest = rest.trim_start_matches([' ', '\t', ',']);
            if rest.is_empty() {
                return None;
            }
            let tag = EntityTag::split(rest)
                .map(|(tag, after)| (tag, trim_ows(after)))
                .filter(|(_, after)| after.is_empty() || after.starts_with(','));
            if let Some((tag, after)) = tag {
                rest = after;
                return Some(tag);
            }
            rest = rest.split_once(',').map_or("", |(_, after)| after);
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(line: &str) -> Vec<EntityTag<'_>> {
        members(line).collect()
    }

    fn tag(text: &str) -> EntityTag<'_> {
        EntityTag::parse(text).unwrap()
    }

    #[test]
    fn the_comparisons_follow_the_table_of_the_rfc() {
        // RFC 9110 section 8.8.3.2, table 3.
        for (a, b, strong, weak) in [
            ("W/\"1\"", "W/\"1\"", false, true),
            ("W/\"1\"", "W/\"2\"", false, false),
            ("W/\"1\"", "\"1\"", false, true),
            ("\"1\"", "\"1\"", true, true),
        ] {
            assert_eq!(tag(a).matches_strongly(&tag(b)), strong, "{a} {b}");
            assert_eq!(tag(a).matches_weakly(&tag(b)), weak, "{a} {b}");
        }
    }

    #[test]
    fn only_quoted_text_is_an_entity_tag() {
        for text in [
            "",
            "a",
            "\"a",
            "a\"",
            "w/\"a\"",
            "W/ \"a\"",
            "\"a b\"",
            "\"a\"b",
            "\"a\", \"b\"",
        ] {
            assert_eq!(EntityTag::parse(text), None, "{text}");
        }
        assert!(EntityTag::parse("\"\"").is_some());
        assert!(EntityTag::parse("\"\u{e9}\"").is_some());
    }

    #[test]
    fn an_argument_is_a_tag_or_becomes_one_between_quotes() {
        let explicit = |value: &str| Ok(EtagArgument::Explicit(value.to_owned()));
        for (value, tag) in [
            ("v1", "\"v1\""),
            ("W/v1", "\"W/v1\""),
            ("*", "\"*\""),
            ("a,b\\c~", "\"a,b\\c~\""),
            ("\"v1\"", "\"v1\""),
            ("\"\"", "\"\""),
            ("W/\"v1\"", "W/\"v1\""),
        ] {
            assert_eq!(EtagArgument::new(Some(value.as_bytes())), explicit(tag));
        }
        assert_eq!(EtagArgument::new(None), Ok(EtagArgument::Computed));
        assert_eq!(EtagArgument::new(Some(b"")), Ok(EtagArgument::Absent));
    }

    #[test]
    fn what_can_be_no_entity_tag_is_refused() {
        for value in [
            &b"v1\r\nSet-Cookie: a"[..],
            b"v\0",
            b"v\x7f",
            b"v 1",
            b"\tv1",
            b"caf\xe9",
            b"caf\xc3\xa9",
            b"\"caf\xc3\xa9\"",
            b"\"v1",
            b"v1\"",
            b"v\"1",
            b"\"v\"1\"",
            b"w/\"v1\"",
            b"W/\"v1",
            b"\"a\",\"b\"",
            b"\"",
        ] {
            assert_eq!(
                EtagArgument::new(Some(value)),
                Err(OptionError::EtagMalformed),
                "{value:?}"
            );
        }
        assert!(EtagArgument::new(Some(&[b'v'; MAX_ETAG_BYTES])).is_ok());
        assert_eq!(
            EtagArgument::new(Some(&[b'v'; MAX_ETAG_BYTES + 1])),
            Err(OptionError::EtagTooLong)
        );
    }

    #[test]
    fn a_list_may_have_commas_in_tags_empty_members_and_whitespace() {
        assert_eq!(
            listed(" , \"a,b\" ,\t,W/\"c\","),
            [tag("\"a,b\""), tag("W/\"c\"")]
        );
    }

    #[test]
    fn a_bad_member_does_not_hide_the_good_ones() {
        assert_eq!(listed("bad, \"a\"x, \"b\""), [tag("\"b\"")]);
    }

    #[test]
    fn a_star_matches_only_alone() {
        assert!(any_matches(["*"].into_iter(), |_| false));
        assert!(!any_matches(["*, \"a\""].into_iter(), |_| false));
        assert!(!any_matches(["*", "\"a\""].into_iter(), |_| false));
    }
}
