//! Accept-Encoding: which codings the client understands, and how much it likes them (RFC 9110 section 12.5.3).

use crate::coding::Coding;
use crate::media_type::is_token;
use crate::request::{Request, trim_ows};

/// A quality in thousandths; 0 means never (RFC 9110 section 12.4.2).
pub(crate) type Quality = u16;

const BEST: Quality = 1000;

/// What the header says; `None` where it is silent. Without the header, or with an empty one, it is silent everywhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct AcceptEncoding {
    gzip: Option<Quality>,
    brotli: Option<Quality>,
    zstd: Option<Quality>,
    identity: Option<Quality>,
    /// `*`: all that is not named.
    others: Option<Quality>,
}

impl AcceptEncoding {
    /// Several lines are one list. Malformed members and unknown codings are ignored.
    pub(crate) fn of(request: &Request) -> AcceptEncoding {
        let mut accepted = AcceptEncoding::default();
        let lines = request.lines("Accept-Encoding");
        for member in lines.flat_map(|line| line.split(',')) {
            if let Some((name, quality)) = parse_member(trim_ows(member)) {
                accepted.add(name, quality);
            }
        }
        accepted
    }

    /// The quality of a coding, or of the file as it is; `None` if the client would not understand it.
    ///
    /// The file as it is need not be named; then it has the quality 0 here, since everything named is liked better.
    pub(crate) fn quality(&self, coding: Option<Coding>) -> Option<Quality> {
        let named = match coding {
            Some(Coding::Gzip) => self.gzip.or(self.others),
            Some(Coding::Brotli) => self.brotli.or(self.others),
            Some(Coding::Zstd) => self.zstd.or(self.others),
            None if self.identity.is_none() && self.others != Some(0) => return Some(0),
            None => self.identity,
        };
        named.filter(|quality| *quality > 0)
    }

    /// Who is named twice has the lower quality: not to send what the client might refuse is always safe.
    fn add(&mut self, name: &str, quality: Quality) {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        let field = match () {
            // RFC 9110 section 8.4.1.3.
            () if is("gzip") || is("x-gzip") => &mut self.gzip,
            () if is("br") => &mut self.brotli,
            () if is("zstd") => &mut self.zstd,
            () if is("identity") => &mut self.identity,
            () if is("*") => &mut self.others,
            () => return,
        };
        *field = Some(field.map_or(quality, |before| before.min(quality)));
    }
}

/// `name` or `name;q=0.5`; the empty members of a list are malformed ones.
fn parse_member(member: &str) -> Option<(&str, Quality)> {
    let Some((name, weight)) = member.split_once(';') else {
        return is_token(member).then_some((member, BEST));
    };
    let name = trim_ows(name);
    let weight = trim_ows(weight);
    let value = weight.strip_prefix("q=").or(weight.strip_prefix("Q="))?;
    let quality = parse_quality(value)?;
    is_token(name).then_some((name, quality))
}

/// From 0 to 1 with at most three decimals.
fn parse_quality(text: &str) -> Option<Quality> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    if decimals.len() > 3 || !decimals.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let thousandths: Quality = format!("{decimals:0<3}").parse().ok()?;
    match (whole, thousandths) {
        ("0", thousandths) => Some(thousandths),
        ("1", 0) => Some(BEST),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Method;

    fn of(lines: &[&str]) -> AcceptEncoding {
        let headers: Vec<_> = lines
            .iter()
            .map(|line| ("accept-encoding", *line))
            .collect();
        AcceptEncoding::of(&Request {
            method: Method::Get,
            headers: &headers,
        })
    }

    fn gzip(line: &str) -> Option<Quality> {
        of(&[line]).gzip
    }

    #[test]
    fn a_member_is_a_name_and_perhaps_a_quality() {
        for (line, expected) in [
            ("gzip", 1000),
            ("GZip", 1000),
            ("x-gzip", 1000),
            ("deflate , \tgzip", 1000),
            (",,gzip,", 1000),
            ("gzip;q=1", 1000),
            ("gzip;q=1.", 1000),
            ("gzip;q=1.000", 1000),
            ("gzip;q=0", 0),
            ("gzip;q=0.0", 0),
            ("gzip;q=0.5", 500),
            ("gzip;q=0.05", 50),
            ("gzip;q=0.001", 1),
            ("gzip \t; \tQ=0.125", 125),
        ] {
            assert_eq!(gzip(line), Some(expected), "{line}");
        }
    }

    #[test]
    fn a_malformed_member_is_ignored() {
        for member in [
            "gzip;q=2",
            "gzip;q=1.001",
            "gzip;q=0.0001",
            "gzip;q=-0",
            "gzip;q=.5",
            "gzip;q=00",
            "gzip;q=0,5",
            "gzip;q= 1",
            "gzip;q =1",
            "gzip;q=",
            "gzip;q",
            "gzip;",
            "gzip;level=1",
            "gzip;q=1;level=1",
            "gzip br",
            "\"gzip\"",
            "gz",
            "gzip\u{e9}",
        ] {
            let accepted = of(&[&format!("{member}, br")]);
            let only_brotli = AcceptEncoding {
                brotli: Some(1000),
                ..AcceptEncoding::default()
            };
            // Of a decimal comma the first half is a member: q=0.
            let expected = if member == "gzip;q=0,5" {
                Some(0)
            } else {
                None
            };
            assert_eq!(accepted.gzip, expected, "{member}");
            assert_eq!(
                AcceptEncoding {
                    gzip: None,
                    ..accepted
                },
                only_brotli
            );
        }
    }

    #[test]
    fn several_lines_are_one_list() {
        let accepted = of(&["gzip;q=0.5", "zstd, br;q=0.1"]);
        assert_eq!(accepted.gzip, Some(500));
        assert_eq!(accepted.zstd, Some(1000));
        assert_eq!(accepted.brotli, Some(100));
    }

    #[test]
    fn who_is_named_twice_has_the_lower_quality() {
        assert_eq!(gzip("gzip, gzip;q=0"), Some(0));
        assert_eq!(gzip("x-gzip;q=0.3, gzip"), Some(300));
    }

    #[test]
    fn a_star_speaks_of_all_that_is_not_named() {
        let accepted = of(&["*;q=0.5, br;q=0"]);
        assert_eq!(accepted.quality(Some(Coding::Gzip)), Some(500));
        assert_eq!(accepted.quality(Some(Coding::Zstd)), Some(500));
        assert_eq!(accepted.quality(Some(Coding::Brotli)), None);
    }

    #[test]
    fn the_file_as_it_is_can_be_refused_and_need_not_be_named() {
        for (line, expected) in [
            ("", Some(0)),
            ("gzip", Some(0)),
            ("*", Some(0)),
            ("*;q=0.5", Some(0)),
            ("identity;q=0.5", Some(500)),
            ("*;q=0, identity;q=0.5", Some(500)),
            ("*;q=0", None),
            ("gzip, *;q=0", None),
            ("identity;q=0", None),
            ("identity;q=0, *", None),
        ] {
            assert_eq!(of(&[line]).quality(None), expected, "{line}");
        }
    }

    #[test]
    fn silence_means_no_coding() {
        for lines in [&[][..], &[""], &["", ","]] {
            for coding in Coding::ALL {
                assert_eq!(of(lines).quality(Some(coding)), None);
            }
        }
    }
}
