//! The packets, byte by byte. All integers are little-endian.
//!
//! Every packet starts with a header of 16 bytes:
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 4 | magic `sndf` |
//! | 4 | 2 | version, 1 |
//! | 6 | 2 | kind: 1 offer, 2 accept, 3 reject, 4 commit, 5 announcement |
//! | 8 | 8 | offer id, chosen by the worker, echoed by the manager; of an announcement: 0 |
//!
//! An **accept**, a **commit** and an **announcement** are the header alone. A **reject** adds two bytes, the [`Reason`]. An **offer** adds:
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 16 | 4 | length of the whole packet |
//! | 20 | 2 | number of parts, at most [`MAX_PARTS`] |
//! | 22 | 2 | length of the tag, at most [`MAX_TAG_BYTES`] |
//! | 24 | 1 | framing: 0 raw, 1 FastCGI |
//! | 25 | 1 | FastCGI: the web server, 0 other, 1 nginx, 2 Apache, 3 lighttpd; raw: 0 |
//! | 26 | 1 | FastCGI: the keep-connection flag of BEGIN_REQUEST, 0 or 1; raw: 0 |
//! | 27 | 1 | 0 |
//! | 28 | 2 | FastCGI: the request id, not 0; raw: 0 |
//! | 30 | 2 | 0 |
//! | 32 | 8 | rate: bytes of the body a second; 0: as fast as the connection takes them |
//! | 40 | 8 | burst: bytes of the body that leave before the rate applies; without a rate: 0 |
//! | 48 | 16 each | the parts: offset in the file (`u64::MAX`: literal bytes) and length, not 0 |
//! | then | | the tag, then the literal bytes of all literal parts, one after the other |
//!
//! and carries exactly two descriptors, in this order: the connection, the file.
#![forbid(unsafe_code)]

use std::num::{NonZeroU16, NonZeroU64};
use std::time::Duration;

use crate::limits::{MAX_PACKET_BYTES, MAX_PARTS, MAX_TAG_BYTES};

/// The version of the protocol this crate speaks. A peer with another version is rejected.
pub const VERSION: u16 = 1;

/// The length of an accept, of a commit and of an announcement, in bytes.
pub const HEADER_BYTES: usize = 16;

const MAGIC: [u8; 4] = *b"sndf";
const OFFER_HEADER_BYTES: usize = 48;
const PART_BYTES: usize = 16;
const LITERAL: u64 = u64::MAX;

/// The number by which a worker tells the answer to this offer from a late answer to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OfferId(pub u64);

/// What a worker asks the manager to send, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Chosen by the worker.
    pub id: OfferId,
    /// What surrounds the body on this connection.
    pub framing: Framing,
    /// How fast the body may leave; `None`: as fast as the connection takes it.
    pub rate: Option<Rate>,
    /// The body, in order. Never empty, no part of length 0.
    pub parts: Vec<Part>,
    /// Returned in logs and events, opaque.
    pub tag: Vec<u8>,
}

/// How fast a body may leave. Framing and headers are not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Bytes a second, on average.
    pub bytes_per_sec: NonZeroU64,
    /// Bytes sent at full speed before the rate applies.
    pub burst_bytes: u64,
}

impl Rate {
    /// How long it keeps a body of this length.
    pub fn time_for(&self, body_bytes: u64) -> Duration {
        let paced_bytes = body_bytes.saturating_sub(self.burst_bytes);
        let secs = paced_bytes as f64 / self.bytes_per_sec.get() as f64;
        Duration::try_from_secs_f64(secs).unwrap_or(Duration::MAX)
    }
}

/// What surrounds the body on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// The body goes out as it is: the connection is the client's.
    Raw,
    /// The body goes out in FastCGI records: the connection is the web server's.
    FastCgi(FastCgi),
}

/// What the manager must know of a FastCGI request to end it properly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FastCgi {
    /// The request id of BEGIN_REQUEST.
    pub request_id: NonZeroU16,
    /// Which web server speaks: they differ in how they take an early end.
    pub server: ServerKind,
    /// The FCGI_KEEP_CONN flag: the web server means to use the connection again.
    pub keep: bool,
}

/// The web server on the other end of a FastCGI connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerKind {
    /// Any other.
    Other = 0,
    /// nginx.
    Nginx = 1,
    /// Apache with mod_proxy_fcgi.
    Apache = 2,
    /// lighttpd.
    Lighttpd = 3,
}

/// One piece of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Bytes of the file.
    Span {
        /// Where they start in the file.
        offset: u64,
        /// How many.
        len: u64,
    },
    /// Bytes that are not in the file, such as the headers of a multipart answer.
    Literal(Vec<u8>),
}

impl Part {
    /// The length of the part, in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Part::Span { len, .. } => *len,
            Part::Literal(bytes) => bytes.len() as u64,
        }
    }

    /// Whether the part has no bytes; an offer has no such part.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The manager's answer to an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The manager has all it needs and waits for the commit.
    Accept(OfferId),
    /// The manager does not take it, and has closed the descriptors.
    Reject(OfferId, Reason),
}

/// The worker's word that headers are sent and the connection is the manager's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commit(pub OfferId);

/// The worker's word that an offer may follow in some microseconds: time for the manager to wake up. It is not answered, and
/// there is no second one before the offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Announcement;

/// Why an offer was rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// A bound of the manager is reached. Trying again later helps.
    #[error("the manager is busy")]
    Busy = 1,
    /// The manager is about to end and takes no new downloads.
    #[error("the manager is shutting down")]
    Draining = 2,
    /// The packet is not an offer of this protocol version.
    #[error("the manager speaks another version of the protocol")]
    Version = 3,
    /// The packet breaks the format.
    #[error("the manager found the offer malformed")]
    Malformed = 4,
    /// The first descriptor is not a connection the manager can send on.
    #[error("the manager cannot send on this kind of connection")]
    Connection = 5,
    /// The second descriptor is not a readable regular file, is on a file system that the manager does not read from, or a
    /// span lies outside it.
    #[error("the manager cannot send this file")]
    File = 6,
    /// The connection is already carrying a download.
    #[error("the manager is already sending on this connection")]
    Duplicate = 7,
    /// The manager could not prepare the download (memory, descriptors).
    #[error("the manager could not prepare the download")]
    Resources = 8,
}

/// What is wrong with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Shorter than its format requires, or longer.
    #[error("the packet has {got} bytes where {expected} were expected")]
    Length {
        /// The bytes there are.
        got: usize,
        /// The bytes the format asks for.
        expected: usize,
    },
    /// The first four bytes are not `sndf`.
    #[error("the packet does not start with the magic of this protocol")]
    Magic,
    /// Another version of the protocol.
    #[error("the packet has protocol version {0}, this side speaks {VERSION}")]
    Version(u16),
    /// Not a kind of packet that is expected here.
    #[error("packet kind {0} is not expected here")]
    Kind(u16),
    /// A field has a value outside its range.
    #[error("the field {0} is out of range")]
    Field(&'static str),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Offer = 1,
    Accept = 2,
    Reject = 3,
    Commit = 4,
    Announcement = 5,
}

impl Offer {
    /// The bytes of the body: the sum over all parts.
    pub fn body_bytes(&self) -> u64 {
        self.parts.iter().map(Part::len).sum()
    }

    /// The packet.
    ///
    /// # Errors
    /// [`DecodeError`] as the manager would give it, where the offer exceeds a limit.
    pub fn encode(&self) -> Result<Vec<u8>, DecodeError> {
        let literals = self.parts.iter().filter_map(|part| match part {
            Part::Literal(bytes) => Some(bytes.as_slice()),
            Part::Span { .. } => None,
        });
        let literal_bytes: usize = literals.clone().map(<[u8]>::len).sum();
        let length =
            OFFER_HEADER_BYTES + self.parts.len() * PART_BYTES + self.tag.len() + literal_bytes;
        if self.parts.is_empty() || self.parts.len() > MAX_PARTS {
            return Err(DecodeError::Field("part count"));
        }
        if self.tag.len() > MAX_TAG_BYTES {
            return Err(DecodeError::Field("tag length"));
        }
        if length > MAX_PACKET_BYTES {
            return Err(DecodeError::Field("packet length"));
        }

        let mut packet = Vec::with_capacity(length);
        packet.extend(header(Kind::Offer, self.id));
        packet.extend((length as u32).to_le_bytes());
        packet.extend((self.parts.len() as u16).to_le_bytes());
        packet.extend((self.tag.len() as u16).to_le_bytes());
        let (framing, server, keep, request_id) = match self.framing {
            Framing::Raw => (0, 0, 0, 0),
            Framing::FastCgi(fastcgi) => (
                1,
                fastcgi.server as u8,
                u8::from(fastcgi.keep),
                fastcgi.request_id.get(),
            ),
        };
        packet.extend([framing, server, keep, 0]);
        packet.extend(request_id.to_le_bytes());
        packet.extend([0, 0]);
        let (rate, burst) = self
            .rate
            .map_or((0, 0), |rate| (rate.bytes_per_sec.get(), rate.burst_bytes));
        packet.extend(rate.to_le_bytes());
        packet.extend(burst.to_le_bytes());
        for part in &self.parts {
            let offset = match part {
                Part::Span { offset, .. } => *offset,
                Part::Literal(_) => LITERAL,
            };
            packet.extend(offset.to_le_bytes());
            packet.extend(part.len().to_le_bytes());
        }
        packet.extend(&self.tag);
        literals.for_each(|bytes| packet.extend(bytes));
        Ok(packet)
    }

    /// Reads a packet; everything in it is checked that can be checked without the descriptors.
    ///
    /// # Errors
    /// What is wrong with the packet.
    pub fn decode(packet: &[u8]) -> Result<Offer, DecodeError> {
        let id = decode_header(packet, Kind::Offer)?;
        let fixed = exactly::<OFFER_HEADER_BYTES>(packet)?;
        let length = u32_at(fixed, 16) as usize;
        if length != packet.len() || length > MAX_PACKET_BYTES {
            return Err(DecodeError::Length {
                got: packet.len(),
                expected: length,
            });
        }
        let part_count = usize::from(u16_at(fixed, 20));
        if part_count == 0 || part_count > MAX_PARTS {
            return Err(DecodeError::Field("part count"));
        }
        let tag_bytes = usize::from(u16_at(fixed, 22));
        if tag_bytes > MAX_TAG_BYTES {
            return Err(DecodeError::Field("tag length"));
        }
        if fixed[27] != 0 || fixed[30..32] != [0, 0] {
            return Err(DecodeError::Field("reserved"));
        }
        let framing = decode_framing(fixed[24], fixed[25], fixed[26], u16_at(fixed, 28))?;
        let rate = decode_rate(u64_at(fixed, 32), u64_at(fixed, 40))?;

        let mut rest = Cursor(&packet[OFFER_HEADER_BYTES..]);
        let table = rest.take(part_count * PART_BYTES)?;
        let tag = rest.take(tag_bytes)?.to_vec();
        let mut parts = Vec::with_capacity(part_count);
        let mut body_bytes = 0u64;
        for entry in table.chunks_exact(PART_BYTES) {
            let (offset, len) = (u64_at(entry, 0), u64_at(entry, 8));
            body_bytes = body_bytes
                .checked_add(len)
                .ok_or(DecodeError::Field("part length"))?;
            if len == 0 || body_bytes > i64::MAX as u64 {
                return Err(DecodeError::Field("part length"));
            }
            parts.push(if offset == LITERAL {
                let len = usize::try_from(len).map_err(|_| DecodeError::Field("part length"))?;
                Part::Literal(rest.take(len)?.to_vec())
            } else {
                match offset.checked_add(len) {
                    Some(end) if end <= i64::MAX as u64 => Part::Span { offset, len },
                    _ => return Err(DecodeError::Field("part offset")),
                }
            });
        }
        if !rest.0.is_empty() {
            return Err(DecodeError::Length {
                got: length,
                expected: length - rest.0.len(),
            });
        }
        Ok(Offer {
            id,
            framing,
            rate,
            parts,
            tag,
        })
    }

    /// The length a packet claims for itself; what a successor goes by that finds a packet without its length.
    pub fn claimed_length(head: &[u8]) -> Option<usize> {
        if decode_header(head, Kind::Announcement).is_ok() {
            return Some(HEADER_BYTES);
        }
        exactly::<OFFER_HEADER_BYTES>(head)
            .ok()
            .map(|fixed| u32_at(fixed, 16) as usize)
    }

    /// The id of a packet that may be broken otherwise, so that its reject can name it.
    pub fn claimed_id(packet: &[u8]) -> OfferId {
        OfferId(packet.get(8..16).map_or(0, |bytes| u64_at(bytes, 0)))
    }
}

impl Answer {
    /// The packet.
    pub fn encode(self) -> Vec<u8> {
        match self {
            Answer::Accept(id) => header(Kind::Accept, id).to_vec(),
            Answer::Reject(id, reason) => {
                let mut packet = header(Kind::Reject, id).to_vec();
                packet.extend((reason as u16).to_le_bytes());
                packet
            }
        }
    }

    /// Reads a packet.
    ///
    /// # Errors
    /// What is wrong with the packet.
    pub fn decode(packet: &[u8]) -> Result<Answer, DecodeError> {
        match decode_alone(packet, Kind::Accept) {
            Ok(id) => Ok(Answer::Accept(id)),
            Err(DecodeError::Kind(_)) => {
                let id = decode_header(packet, Kind::Reject)?;
                if packet.len() != HEADER_BYTES + 2 {
                    let (got, expected) = (packet.len(), HEADER_BYTES + 2);
                    return Err(DecodeError::Length { got, expected });
                }
                Ok(Answer::Reject(
                    id,
                    decode_reason(u16_at(packet, HEADER_BYTES))?,
                ))
            }
            Err(error) => Err(error),
        }
    }
}

impl Commit {
    /// The packet.
    pub fn encode(self) -> [u8; HEADER_BYTES] {
        header(Kind::Commit, self.0)
    }

    /// Reads a packet.
    ///
    /// # Errors
    /// What is wrong with the packet.
    pub fn decode(packet: &[u8]) -> Result<Commit, DecodeError> {
        decode_alone(packet, Kind::Commit).map(Commit)
    }
}

impl Announcement {
    /// The packet.
    pub fn encode(self) -> [u8; HEADER_BYTES] {
        header(Kind::Announcement, OfferId(0))
    }

    /// Reads a packet.
    ///
    /// # Errors
    /// What is wrong with the packet.
    pub fn decode(packet: &[u8]) -> Result<Announcement, DecodeError> {
        match decode_alone(packet, Kind::Announcement)? {
            OfferId(0) => Ok(Announcement),
            OfferId(_) => Err(DecodeError::Field("offer id")),
        }
    }
}

impl From<DecodeError> for Reason {
    fn from(error: DecodeError) -> Reason {
        match error {
            DecodeError::Version(_) => Reason::Version,
            _ => Reason::Malformed,
        }
    }
}

fn header(kind: Kind, id: OfferId) -> [u8; HEADER_BYTES] {
    let mut bytes = [0; HEADER_BYTES];
    bytes[..4].copy_from_slice(&MAGIC);
    bytes[4..6].copy_from_slice(&VERSION.to_le_bytes());
    bytes[6..8].copy_from_slice(&(kind as u16).to_le_bytes());
    bytes[8..].copy_from_slice(&id.0.to_le_bytes());
    bytes
}

fn decode_header(packet: &[u8], expected: Kind) -> Result<OfferId, DecodeError> {
    let bytes = exactly::<HEADER_BYTES>(packet)?;
    if bytes[..4] != MAGIC {
        return Err(DecodeError::Magic);
    }
    let version = u16_at(bytes, 4);
    if version != VERSION {
        return Err(DecodeError::Version(version));
    }
    let kind = u16_at(bytes, 6);
    if kind != expected as u16 {
        return Err(DecodeError::Kind(kind));
    }
    Ok(OfferId(u64_at(bytes, 8)))
}

/// A packet that is the header alone.
fn decode_alone(packet: &[u8], expected: Kind) -> Result<OfferId, DecodeError> {
    let id = decode_header(packet, expected)?;
    if packet.len() != HEADER_BYTES {
        return Err(DecodeError::Length {
            got: packet.len(),
            expected: HEADER_BYTES,
        });
    }
    Ok(id)
}

fn decode_framing(
    framing: u8,
    server: u8,
    keep: u8,
    request_id: u16,
) -> Result<Framing, DecodeError> {
    match (framing, NonZeroU16::new(request_id)) {
        (0, None) if server == 0 && keep == 0 => Ok(Framing::Raw),
        (0, _) => Err(DecodeError::Field("raw framing")),
        (1, Some(request_id)) => Ok(Framing::FastCgi(FastCgi {
            request_id,
            server: match server {
                0 => ServerKind::Other,
                1 => ServerKind::Nginx,
                2 => ServerKind::Apache,
                3 => ServerKind::Lighttpd,
                _ => return Err(DecodeError::Field("web server")),
            },
            keep: match keep {
                0 => false,
                1 => true,
                _ => return Err(DecodeError::Field("keep")),
            },
        })),
        (1, None) => Err(DecodeError::Field("request id")),
        _ => Err(DecodeError::Field("framing")),
    }
}

fn decode_rate(bytes_per_sec: u64, burst_bytes: u64) -> Result<Option<Rate>, DecodeError> {
    match NonZeroU64::new(bytes_per_sec) {
        None if burst_bytes > 0 => Err(DecodeError::Field("burst without a rate")),
        None => Ok(None),
        Some(bytes_per_sec) => Ok(Some(Rate {
            bytes_per_sec,
            burst_bytes,
        })),
    }
}

fn decode_reason(code: u16) -> Result<Reason, DecodeError> {
    use Reason::{Busy, Connection, Draining, Duplicate, File, Malformed, Resources, Version};
    [
        Busy, Draining, Version, Malformed, Connection, File, Duplicate, Resources,
    ]
    .into_iter()
    .find(|reason| *reason as u16 == code)
    .ok_or(DecodeError::Field("reason"))
}

struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        if len > self.0.len() {
            return Err(DecodeError::Length {
                got: self.0.len(),
                expected: len,
            });
        }
        let (taken, rest) = self.0.split_at(len);
        self.0 = rest;
        Ok(taken)
    }
}

fn exactly<const N: usize>(packet: &[u8]) -> Result<&[u8; N], DecodeError> {
    packet.first_chunk().ok_or(DecodeError::Length {
        got: packet.len(),
        expected: N,
    })
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(std::array::from_fn(|i| bytes[at + i]))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(std::array::from_fn(|i| bytes[at + i]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::HEAD_BYTES;
    use proptest::prelude::*;

    fn offer() -> Offer {
        Offer {
            id: OfferId(7),
            framing: Framing::Raw,
            rate: None,
            parts: vec![Part::Span { offset: 3, len: 40 }],
            tag: b"order-17".to_vec(),
        }
    }

    #[test]
    fn a_single_range_offer_with_the_longest_tag_fits_the_head_of_a_slot() {
        let offer = Offer {
            tag: vec![b'x'; MAX_TAG_BYTES],
            ..offer()
        };
        assert!(offer.encode().unwrap().len() <= HEAD_BYTES);
    }

    #[test]
    fn a_burst_without_a_rate_is_refused() {
        let mut packet = offer().encode().unwrap();
        packet[40] = 1;
        let refused = DecodeError::Field("burst without a rate");
        assert_eq!(Offer::decode(&packet), Err(refused));
    }

    #[test]
    fn rate_and_burst_lie_where_the_table_says() {
        let rate = Rate {
            bytes_per_sec: NonZeroU64::new(0x0102).unwrap(),
            burst_bytes: 0x0304,
        };
        let packet = Offer {
            rate: Some(rate),
            ..offer()
        };
        let packet = packet.encode().unwrap();
        assert_eq!(packet[32..48], *b"\x02\x01\0\0\0\0\0\0\x04\x03\0\0\0\0\0\0");
        assert_eq!(packet[48], 3, "the first part starts behind them");
    }

    #[test]
    fn an_announcement_is_a_header_of_its_kind_without_an_id() {
        let packet = Announcement.encode();
        assert_eq!(Announcement::decode(&packet), Ok(Announcement));
        assert_eq!(Offer::claimed_length(&packet), Some(HEADER_BYTES));
        assert!(Offer::decode(&packet).is_err() && Commit::decode(&packet).is_err());
        let commit = Commit(OfferId(0)).encode();
        assert_eq!(Announcement::decode(&commit), Err(DecodeError::Kind(4)));
        let [mut of_an_offer, mut longer] = [packet.to_vec(), packet.to_vec()];
        of_an_offer[8] = 1;
        longer.push(0);
        for broken in [&of_an_offer[..], &longer, &packet[..15]] {
            assert!(Announcement::decode(broken).is_err(), "{broken:?}");
        }
    }

    #[test]
    fn another_version_is_told_from_garbage() {
        let mut packet = offer().encode().unwrap();
        packet[4] = 9;
        assert_eq!(Offer::decode(&packet), Err(DecodeError::Version(9)));
        assert_eq!(Reason::from(DecodeError::Version(9)), Reason::Version);
        packet[0] = b'x';
        assert_eq!(Offer::decode(&packet), Err(DecodeError::Magic));
    }

    #[test]
    fn a_packet_cut_short_anywhere_is_refused() {
        let packet = offer().encode().unwrap();
        for len in 0..packet.len() {
            assert!(Offer::decode(&packet[..len]).is_err(), "accepted at {len}");
        }
    }

    #[test]
    fn a_packet_with_bytes_behind_it_is_refused() {
        let mut packet = offer().encode().unwrap();
        packet.push(0);
        assert!(Offer::decode(&packet).is_err());
        let claimed = (packet.len() as u32).to_le_bytes();
        packet[16..20].copy_from_slice(&claimed);
        assert!(Offer::decode(&packet).is_err());
    }

    #[test]
    fn a_span_that_overflows_the_file_size_type_is_refused() {
        for (offset, len) in [
            (u64::MAX - 1, 5),
            (i64::MAX as u64, 1),
            (0, 1 << 63),
            (0, 0),
        ] {
            let offer = Offer {
                parts: vec![Part::Span { offset, len }],
                ..offer()
            };
            assert!(
                Offer::decode(&offer.encode().unwrap()).is_err(),
                "accepted {offset}+{len}"
            );
        }
    }

    #[test]
    fn an_offer_beyond_a_limit_is_refused_by_the_sender_already() {
        let span = Part::Span { offset: 0, len: 1 };
        for bad in [
            Offer {
                parts: vec![],
                ..offer()
            },
            Offer {
                parts: vec![span; MAX_PARTS + 1],
                ..offer()
            },
            Offer {
                tag: vec![0; MAX_TAG_BYTES + 1],
                ..offer()
            },
            Offer {
                parts: vec![Part::Literal(vec![0; MAX_PACKET_BYTES])],
                ..offer()
            },
        ] {
            assert!(bad.encode().is_err());
        }
    }

    #[test]
    fn answers_and_commits_survive_the_trip() {
        for answer in [
            Answer::Accept(OfferId(1)),
            Answer::Reject(OfferId(u64::MAX), Reason::Busy),
        ] {
            assert_eq!(Answer::decode(&answer.encode()), Ok(answer));
        }
        let commit = Commit(OfferId(5));
        assert_eq!(Commit::decode(&commit.encode()), Ok(commit));
        assert!(Commit::decode(&Answer::Accept(OfferId(5)).encode()).is_err());
        assert!(Answer::decode(&commit.encode()).is_err());
    }

    fn any_part() -> impl Strategy<Value = Part> {
        prop_oneof![
            (0..1u64 << 60, 1..1u64 << 50).prop_map(|(offset, len)| Part::Span { offset, len }),
            prop::collection::vec(any::<u8>(), 1..200).prop_map(Part::Literal),
        ]
    }

    fn any_framing() -> impl Strategy<Value = Framing> {
        let server = prop_oneof![
            Just(ServerKind::Other),
            Just(ServerKind::Nginx),
            Just(ServerKind::Apache),
            Just(ServerKind::Lighttpd)
        ];
        let fastcgi = (1..=u16::MAX, server, any::<bool>()).prop_map(|(id, server, keep)| {
            let request_id = NonZeroU16::new(id).unwrap();
            Framing::FastCgi(FastCgi {
                request_id,
                server,
                keep,
            })
        });
        prop_oneof![Just(Framing::Raw), fastcgi]
    }

    fn any_rate() -> impl Strategy<Value = Option<Rate>> {
        let rate = (1..=u64::MAX, any::<u64>()).prop_map(|(bytes_per_sec, burst_bytes)| Rate {
            bytes_per_sec: NonZeroU64::new(bytes_per_sec).unwrap(),
            burst_bytes,
        });
        prop::option::of(rate)
    }

    proptest! {
        #[test]
        fn any_offer_survives_the_trip(
            id in any::<u64>(),
            framing in any_framing(),
            rate in any_rate(),
            parts in prop::collection::vec(any_part(), 1..MAX_PARTS),
            tag in prop::collection::vec(any::<u8>(), 0..MAX_TAG_BYTES),
        ) {
            let offer = Offer { id: OfferId(id), framing, rate, parts, tag };
            let packet = offer.encode().unwrap();
            prop_assert_eq!(Offer::claimed_length(&packet), Some(packet.len()));
            prop_assert_eq!(Offer::decode(&packet), Ok(offer));
        }

        #[test]
        fn any_bytes_are_decoded_or_refused_without_a_panic(
            mut packet in prop::collection::vec(any::<u8>(), 0..400),
            honest in any::<bool>(),
        ) {
            if honest && packet.len() >= OFFER_HEADER_BYTES {
                let length = (packet.len() as u32).to_le_bytes();
                packet[..8].copy_from_slice(b"sndf\x01\x00\x01\x00");
                packet[16..20].copy_from_slice(&length);
                packet[21] = 0;
                packet[23..32].fill(0);
                if packet[32] < 128 {
                    packet[32..48].fill(0);
                }
            }
            if let Ok(offer) = Offer::decode(&packet) {
                prop_assert_eq!(offer.encode().unwrap(), packet);
            }
        }
    }
}
