//! Files whose bytes tell which file they are of and where they belong, and the comparison with what came.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::ops::Range;
use std::path::Path;

use super::random::mix;

/// What is in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Content {
    /// Of this file alone.
    pub(crate) key: u64,
    /// In bytes.
    pub(crate) len: u64,
}

impl Content {
    /// The bytes from this offset.
    pub(crate) fn fill(self, offset: u64, into: &mut [u8]) {
        let (mut word, mut skipped) = (offset / 8, (offset % 8) as usize);
        let mut rest = into;
        while !rest.is_empty() {
            let bytes = mix(self.key ^ word).to_le_bytes();
            let bytes = &bytes[skipped..];
            let taken = bytes.len().min(rest.len());
            rest[..taken].copy_from_slice(&bytes[..taken]);
            rest = &mut rest[taken..];
            (word, skipped) = (word + 1, 0);
        }
    }

    /// All bytes of a range.
    pub(crate) fn bytes(self, range: Range<u64>) -> Vec<u8> {
        let mut bytes = vec![0; (range.end - range.start) as usize];
        self.fill(range.start, &mut bytes);
        bytes
    }

    /// Writes the file, over what is there.
    pub(crate) fn write(self, path: &Path) -> std::io::Result<()> {
        let mut file = BufWriter::new(File::create(path)?);
        let mut block = vec![0; 64 << 10];
        let mut at = 0;
        while at < self.len {
            let len = (self.len - at).min(block.len() as u64) as usize;
            self.fill(at, &mut block[..len]);
            file.write_all(&block[..len])?;
            at += len as u64;
        }
        file.flush()
    }
}

/// One piece of a body that is expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Of the file.
    Span(Range<u64>),
    /// Not of the file.
    Literal(Vec<u8>),
}

/// Compares a body with what is expected, as it comes.
#[derive(Debug)]
pub(crate) struct Checker {
    content: Content,
    pieces: Vec<Piece>,
    at_piece: usize,
    /// In the piece.
    at: u64,
    expected_bytes: u64,
    received_bytes: u64,
    wrong_at: Option<u64>,
    cut_to: Option<u64>,
    has_zeros: bool,
}

impl Checker {
    pub(crate) fn new(content: Content, pieces: Vec<Piece>) -> Checker {
        Checker {
            content,
            expected_bytes: pieces.iter().map(Piece::len).sum(),
            pieces,
            at_piece: 0,
            at: 0,
            received_bytes: 0,
            wrong_at: None,
            cut_to: None,
            has_zeros: false,
        }
    }

    pub(crate) fn expected_bytes(&self) -> u64 {
        self.expected_bytes
    }

    pub(crate) fn received_bytes(&self) -> u64 {
        self.received_bytes
    }

    /// The position in the body of the first byte that is wrong, or too much.
    pub(crate) fn wrong_at(&self) -> Option<u64> {
        self.wrong_at
    }

    /// All of it came, and every byte was right.
    pub(crate) fn is_whole(&self) -> bool {
        self.received_bytes == self.expected_bytes && self.wrong_at.is_none() && !self.has_zeros
    }

    /// The file now ends there: a record that was announced may be filled up with zeros behind it, and the kernel wipes
    /// pages that lie in a socket already.
    pub(crate) fn cut_to(&mut self, len: u64) {
        self.cut_to = Some(len);
    }

    pub(crate) fn take(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let Some(piece) = self.pieces.get(self.at_piece) else {
                self.wrong_at.get_or_insert(self.received_bytes);
                self.received_bytes += rest.len() as u64;
                return;
            };
            let len = (piece.len() - self.at).min(rest.len() as u64) as usize;
            let is_last_of_it = self.at + len as u64 == piece.len();
            self.compare(len, rest);
            self.at += len as u64;
            self.received_bytes += len as u64;
            if is_last_of_it {
                (self.at_piece, self.at) = (self.at_piece + 1, 0);
            }
            rest = &rest[len..];
        }
    }

    fn compare(&mut self, len: usize, bytes: &[u8]) {
        let got = &bytes[..len];
        let (expected, offset) = match &self.pieces[self.at_piece] {
            Piece::Literal(literal) => (literal[self.at as usize..][..len].to_vec(), None),
            Piece::Span(range) => {
                let from = range.start + self.at;
                (self.content.bytes(from..from + len as u64), Some(from))
            }
        };
        if got == expected {
            return;
        }
        for (index, (got, expected)) in got.iter().zip(&expected).enumerate() {
            if got == expected {
                continue;
            }
            // A filled up record may hold literals, too, and ranges from the front of the file.
            let is_behind = |cut| match offset {
                Some(offset) => offset + index as u64 >= cut || self.has_zeros,
                None => true,
            };
            if *got == 0 && self.cut_to.is_some_and(is_behind) {
                self.has_zeros = true;
                continue;
            }
            self.wrong_at
                .get_or_insert(self.received_bytes + index as u64);
            return;
        }
    }
}

impl Piece {
    pub(crate) fn len(&self) -> u64 {
        match self {
            Piece::Span(range) => range.end - range.start,
            Piece::Literal(bytes) => bytes.len() as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTENT: Content = Content { key: 7, len: 1000 };

    fn checked(bytes: &[u8], cut_to: Option<u64>) -> Checker {
        let pieces = vec![
            Piece::Span(500..600),
            Piece::Literal(b"between".to_vec()),
            Piece::Span(3..40),
        ];
        let mut checker = Checker::new(CONTENT, pieces);
        if let Some(len) = cut_to {
            checker.cut_to(len);
        }
        for piece in bytes.chunks(13) {
            checker.take(piece);
        }
        checker
    }

    fn right() -> Vec<u8> {
        let (first, last) = (CONTENT.bytes(500..600), CONTENT.bytes(3..40));
        [first, b"between".to_vec(), last].concat()
    }

    #[test]
    fn what_is_right_is_whole_and_a_part_of_it_is_not() {
        assert!(checked(&right(), None).is_whole());
        let part = checked(&right()[..143], None);
        assert!(!part.is_whole() && part.wrong_at().is_none());
    }

    #[test]
    fn a_wrong_byte_anywhere_and_a_byte_too_much_are_named() {
        for at in [0, 99, 103, 107, 143] {
            let mut bytes = right();
            bytes[at] ^= 1;
            assert_eq!(checked(&bytes, None).wrong_at(), Some(at as u64));
        }
        let more = [right(), b"x".to_vec()].concat();
        assert_eq!(checked(&more, None).wrong_at(), Some(144));
    }

    #[test]
    fn zeros_behind_a_cut_are_not_wrong_but_not_whole_either_and_others_are_wrong() {
        let mut bytes = right();
        bytes[60..100].fill(0);
        let cut = checked(&bytes, Some(560));
        assert!(cut.has_zeros && cut.wrong_at().is_none() && !cut.is_whole());
        assert_eq!(checked(&bytes, Some(561)).wrong_at(), Some(60));
        bytes[90] = CONTENT.bytes(590..591)[0] ^ 0x55;
        assert_eq!(checked(&bytes, Some(560)).wrong_at(), Some(90));
    }

    #[test]
    fn bytes_of_another_place_or_another_file_are_others() {
        assert_ne!(CONTENT.bytes(0..16), CONTENT.bytes(8..24));
        assert_ne!(CONTENT.bytes(0..16), CONTENT.bytes(16..32));
        let other = Content { key: 8, ..CONTENT };
        assert_ne!(CONTENT.bytes(0..16), other.bytes(0..16));
        assert_eq!(CONTENT.bytes(0..100)[11..50], CONTENT.bytes(11..50));
    }
}
