//! multipart/byteranges as a client reads it (RFC 9110, section 14.6): whatever its headers are, each part must hold the
//! bytes that its Content-Range names.

use std::ops::Range;

use super::content::Content;

/// What a body, or the beginning of one, is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Parsed {
    /// All ranges that were asked for, in their order, and the closing delimiter.
    Whole,
    /// The beginning of that.
    Partial,
    Wrong(String),
}

/// Reads a body.
pub(crate) fn parse(body: &[u8], boundary: &str, content: Content, asked: &[Range<u64>]) -> Parsed {
    let mut rest = body;
    for (index, asked) in asked.iter().enumerate() {
        let line_break = if index == 0 { "" } else { "\r\n" };
        let delimiter = format!("{line_break}--{boundary}\r\n");
        match part(rest, &delimiter, content, asked) {
            Ok(Some(behind)) => rest = behind,
            Ok(None) => return Parsed::Partial,
            Err(wrong) => return Parsed::Wrong(format!("part {index}: {wrong}")),
        }
    }
    let end = format!("\r\n--{boundary}--\r\n");
    if rest == end.as_bytes() {
        Parsed::Whole
    } else if end.as_bytes().starts_with(rest) {
        Parsed::Partial
    } else {
        Parsed::Wrong("not the closing delimiter".into())
    }
}

/// Reads a part; returns what is behind it, or nothing where the body ends before that does.
fn part<'a>(
    bytes: &'a [u8],
    delimiter: &str,
    content: Content,
    asked: &Range<u64>,
) -> Result<Option<&'a [u8]>, String> {
    let Some(rest) = bytes.strip_prefix(delimiter.as_bytes()) else {
        let is_begun = delimiter.as_bytes().starts_with(bytes);
        return if is_begun {
            Ok(None)
        } else {
            Err("not the delimiter".into())
        };
    };
    let Some(end) = rest.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = String::from_utf8_lossy(&rest[..end]).into_owned();
    let expected = format!(
        "Content-Range: bytes {}-{}/{}",
        asked.start,
        asked.end - 1,
        content.len
    );
    if !head.lines().any(|line| line == expected) {
        return Err(format!("no {expected:?} in {head:?}"));
    }
    let data = &rest[end + 4..];
    let len = ((asked.end - asked.start) as usize).min(data.len());
    let expected = content.bytes(asked.start..asked.start + len as u64);
    if let Some(at) = (0..len).find(|at| data[*at] != expected[*at]) {
        return Err(format!("byte {at} is wrong"));
    }
    Ok((asked.start + len as u64 == asked.end).then(|| &data[len..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTENT: Content = Content { key: 3, len: 5000 };

    fn body(ranges: &[Range<u64>]) -> Vec<u8> {
        let mut body = Vec::new();
        for (index, range) in ranges.iter().enumerate() {
            let line_break = if index == 0 { "" } else { "\r\n" };
            let (first, last) = (range.start, range.end - 1);
            let head = format!(
                "{line_break}--B\r\nContent-Type: a/b\r\nContent-Range: bytes {first}-{last}/5000\r\n\r\n"
            );
            body.extend(head.into_bytes());
            body.extend(CONTENT.bytes(range.clone()));
        }
        body.extend(b"\r\n--B--\r\n");
        body
    }

    #[test]
    fn every_beginning_of_a_body_is_partial_and_only_all_of_it_whole() {
        let asked = [100..300, 0..50, 4000..5000];
        let body = body(&asked);
        assert_eq!(parse(&body, "B", CONTENT, &asked), Parsed::Whole);
        for len in 0..body.len() {
            assert_eq!(
                parse(&body[..len], "B", CONTENT, &asked),
                Parsed::Partial,
                "{len}"
            );
        }
    }

    #[test]
    fn a_wrong_byte_or_range_or_more_than_all_is_wrong() {
        let asked = [100..300, 0..50];
        let is_wrong = |body: &[u8]| matches!(parse(body, "B", CONTENT, &asked), Parsed::Wrong(_));
        for at in [0, 150, 300, 330] {
            let mut body = body(&asked);
            body[at] ^= 0x40;
            assert!(is_wrong(&body), "{at}");
        }
        assert!(is_wrong(&body(&[0..50, 100..300])));
        assert!(is_wrong(&[body(&asked), b"x".to_vec()].concat()));
    }
}
