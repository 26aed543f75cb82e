//! Content codings: those of precompressed files, and what the first bytes of a file tell.

/// A coding that a sibling of the file may be in (RFC 9110 section 8.4.1, RFC 7932, RFC 8878).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Coding {
    /// `a.js.gz` beside `a.js`.
    Gzip,
    /// `a.js.br` beside `a.js`.
    Brotli,
    /// `a.js.zst` beside `a.js`.
    Zstd,
}

impl Coding {
    /// All of them; the first is preferred where nothing else tells two apart.
    pub const ALL: [Coding; 3] = [Coding::Brotli, Coding::Zstd, Coding::Gzip];

    /// The name in Accept-Encoding and Content-Encoding.
    pub fn name(self) -> &'static str {
        match self {
            Coding::Gzip => "gzip",
            Coding::Brotli => "br",
            Coding::Zstd => "zstd",
        }
    }

    /// What the name of the sibling has behind that of the file.
    pub fn suffix(self) -> &'static str {
        match self {
            Coding::Gzip => ".gz",
            Coding::Brotli => ".br",
            Coding::Zstd => ".zst",
        }
    }
}

/// How many bytes from the start of a file [`may_be_coded`] looks at.
pub const CODING_MARK_BYTES: usize = 2;

/// Whether content that starts with these bytes may have this `Content-Encoding`. Only `gzip` and `deflate` can be told;
/// they are the codings of PHP's own output handler.
pub fn may_be_coded(coding: &str, start: &[u8]) -> bool {
    let is = |name: &str| coding.trim().eq_ignore_ascii_case(name);
    if is("gzip") || is("x-gzip") {
        return start.starts_with(&[0x1f, 0x8b]);
    }
    if is("deflate") {
        return starts_a_zlib_stream(start);
    }
    true
}

/// RFC 9110 section 8.4.1.2: deflate is the zlib format; RFC 1950 section 2.2: method 8, and a multiple of 31.
fn starts_a_zlib_stream(start: &[u8]) -> bool {
    let &[method, flags, ..] = start else {
        return false;
    };
    method & 0x0f == 8 && u16::from_be_bytes([method, flags]).is_multiple_of(31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_bytes_are_neither_gzip_nor_deflate() {
        for coding in ["gzip", "X-Gzip", " deflate"] {
            assert!(!may_be_coded(coding, b"pl"), "{coding}");
            assert!(!may_be_coded(coding, b""), "{coding}");
        }
    }

    #[test]
    fn compressed_bytes_are_what_they_are() {
        assert!(may_be_coded("gzip", &[0x1f, 0x8b]));
        assert!(may_be_coded("deflate", &[0x78, 0x9c]));
        assert!(!may_be_coded("gzip", &[0x78, 0x9c]));
    }

    #[test]
    fn of_other_codings_nothing_is_known() {
        assert!(may_be_coded("br", b"pl"));
        assert!(may_be_coded("gzip, br", b"pl"));
    }
}
