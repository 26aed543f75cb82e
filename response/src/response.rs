//! The answer.

use crate::coding::Coding;

/// The answer to the client, to be merged with what the script set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Headers to set, each replacing every line of that name that the script set. A header that the
    /// script set and that wins is not in here.
    pub headers: Vec<(&'static str, String)>,
    /// Headers that must not go out with this answer, whether or not the script set them. PHP's
    /// default `Content-Type` is meant, too. Never names a header of `headers`.
    pub removed: Vec<&'static str>,
    /// The body, in order. Empty for HEAD, 204, 304, 412, 416 and an empty file; never holds an
    /// empty part.
    pub parts: Vec<Part>,
    /// Which representation the spans are of: this sibling, or the file itself.
    pub coding: Option<Coding>,
    /// The body is all of the content, and is sent: whoever receives it needs no second request.
    /// False for HEAD, for a range, and where there is no content (204, 205, 304, 412, 416).
    pub whole: bool,
}

impl Response {
    /// The length of the body in bytes. Equal to `Content-Length`, except for HEAD, whose
    /// `Content-Length` is that of the GET.
    pub fn body_bytes(&self) -> u64 {
        self.parts
            .iter()
            .map(Part::bytes)
            .fold(0, u64::saturating_add)
    }
}

/// A piece of the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Bytes of the file.
    Span {
        /// Position of the first byte in the file.
        offset: u64,
        /// Number of bytes.
        len: u64,
    },
    /// Bytes that are not in the file: the part headers of a multipart body.
    Literal(Vec<u8>),
}

impl Part {
    /// The length of this piece in bytes.
    pub fn bytes(&self) -> u64 {
        match self {
            Part::Span { len, .. } => *len,
            Part::Literal(bytes) => bytes.len() as u64,
        }
    }
}
