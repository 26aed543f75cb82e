//! Several ranges in one body: multipart/byteranges (RFC 9110 sections 14.6 and 15.3.7.2).

use crate::range::ByteRange;
use crate::response::Part;
use crate::window::Window;

/// The body: a header before each range of the window and the closing delimiter.
///
/// Its length is known from the parts, so it goes out with Content-Length like any other.
pub(crate) fn parts(
    ranges: &[ByteRange],
    window: &Window,
    content_type: Option<&str>,
    boundary: &str,
) -> Vec<Part> {
    let mut parts = Vec::with_capacity(2 * ranges.len() + 1);
    for (index, range) in ranges.iter().enumerate() {
        // The line break before a delimiter belongs to the delimiter (RFC 2046 section 5.1.1).
        let line_break = if index == 0 { "" } else { "\r\n" };
        let content_type =
            content_type.map_or(String::new(), |value| format!("Content-Type: {value}\r\n"));
        let content_range = range.content_range(window.bytes);
        let header = format!(
            "{line_break}--{boundary}\r\n{content_type}Content-Range: {content_range}\r\n\r\n"
        );
        parts.push(Part::Literal(header.into_bytes()));
        parts.push(Part::Span {
            offset: window.offset + range.first,
            len: range.bytes(),
        });
    }
    parts.push(Part::Literal(
        format!("\r\n--{boundary}--\r\n").into_bytes(),
    ));
    parts
}

/// The value of Content-Type.
pub(crate) fn content_type(boundary: &str) -> String {
    format!("multipart/byteranges; boundary={boundary}")
}

/// A boundary that is unlikely to be in the file: 128 bits from what is sent and when.
///
/// The file cannot be searched for it, so chance must do: one in 2^128 per position. It is derived,
/// not drawn, so that this crate stays a function of its arguments. It is no secret and need not be
/// one: who writes a file cannot foresee its inode, its nanoseconds and the second of the request,
/// and a client that goes by Content-Range is not misled even by a hit.
pub(crate) fn boundary(file_etag: &str, ranges: &[ByteRange], now_secs: i64) -> String {
    let mut hash = Fnv128::new();
    hash.write(file_etag.as_bytes());
    hash.write(&now_secs.to_le_bytes());
    for range in ranges {
        hash.write(&range.first.to_le_bytes());
        hash.write(&range.last.to_le_bytes());
    }
    format!("{:032x}", hash.0)
}

/// FNV-1a, 128 bits (constants: RFC 9923). std's hasher is narrower and may change with the compiler.
struct Fnv128(u128);

impl Fnv128 {
    const OFFSET_BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;

    fn new() -> Fnv128 {
        Fnv128(Fnv128::OFFSET_BASIS)
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u128::from(*byte)).wrapping_mul(Fnv128::PRIME);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANGES: [ByteRange; 2] = [
        ByteRange { first: 1, last: 2 },
        ByteRange { first: 0, last: 0 },
    ];

    const WINDOW: Window = Window {
        offset: 100,
        bytes: 10,
    };

    fn text(parts: &[Part]) -> String {
        parts
            .iter()
            .map(|part| match part {
                Part::Span { offset, len } => format!("<{offset}+{len}>"),
                Part::Literal(bytes) => String::from_utf8(bytes.clone()).unwrap(),
            })
            .collect()
    }

    #[test]
    fn each_range_has_its_type_and_place() {
        assert_eq!(
            text(&parts(&RANGES, &WINDOW, Some("text/plain"), "B")),
            "--B\r\nContent-Type: text/plain\r\nContent-Range: bytes 1-2/10\r\n\r\n<101+2>\
             \r\n--B\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-0/10\r\n\r\n<100+1>\
             \r\n--B--\r\n"
        );
    }

    #[test]
    fn a_type_that_cannot_be_repeated_is_left_out() {
        let body = text(&parts(&RANGES, &WINDOW, None, "B"));
        assert!(body.starts_with("--B\r\nContent-Range: "), "{body}");
    }

    #[test]
    fn the_hash_is_fnv_1a() {
        let mut hash = Fnv128::new();
        hash.write(b"a");
        assert_eq!(hash.0, 0xd228_cb69_6f1a_8caf_7891_2b70_4e4a_8964);
    }

    #[test]
    fn the_boundary_depends_on_file_time_and_ranges_only() {
        let one = boundary("\"a\"", &RANGES, 1);
        assert_eq!(one, boundary("\"a\"", &RANGES, 1));
        assert_ne!(one, boundary("\"b\"", &RANGES, 1));
        assert_ne!(one, boundary("\"a\"", &RANGES, 2));
        assert_ne!(one, boundary("\"a\"", &RANGES[..1], 1));
        assert!(one.len() == 32 && one.bytes().all(|byte| byte.is_ascii_hexdigit()));
    }
}
