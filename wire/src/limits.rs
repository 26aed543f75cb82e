//! Every bound of the protocol, with its reason.
#![forbid(unsafe_code)]

use std::time::Duration;

/// The largest packet, in bytes. A Unix datagram must fit the sender's socket buffer (208 KiB by default); 32 KiB holds
/// the largest multipart answer the planner makes and bounds what one offer costs the manager.
pub const MAX_PACKET_BYTES: usize = 32 * 1024;

/// The bytes of a packet that land in the dense part of a job slot. A whole-file or single-range offer with the longest
/// tag fits, so that only multi-range offers touch the overflow area.
pub const HEAD_BYTES: usize = 256;

/// The bytes of a packet beyond [`HEAD_BYTES`].
pub const OVERFLOW_BYTES: usize = MAX_PACKET_BYTES - HEAD_BYTES;

/// The most parts in an offer: 64 ranges, a literal before each, one after the last.
pub const MAX_PARTS: usize = 129;

/// The longest tag, in bytes: an order number or a UUID with a prefix fits; a log line stays a line.
pub const MAX_TAG_BYTES: usize = 128;

/// The descriptors of an offer: the connection and the file.
pub const OFFER_DESCRIPTORS: usize = 2;

/// The bytes a paced body leaves in at a time, where that is neither too often nor too seldom: what one sendfile(2) moves
/// at little more than its fixed cost.
pub const PACE_QUANTUM_BYTES: u64 = 64 * 1024;

/// The shortest pause between two pieces of a paced body: a hundred wake-ups a second for the fastest, and still longer
/// than the millisecond that a timer is late.
pub const MIN_PACE_INTERVAL: Duration = Duration::from_millis(10);

/// The longest pause between two pieces of a paced body, unless even one byte takes longer: eight a second look smooth
/// to a person, and thousands of slow downloads cost little.
pub const MAX_PACE_INTERVAL: Duration = Duration::from_millis(125);

/// The time a paced body may make up for when it could not leave, beyond its burst. A busy machine stops a process for
/// tenths of a second, which should cost no download its rate; a client that stalled for minutes should get no flood.
pub const PACE_CREDIT_TIME: Duration = Duration::from_millis(500);

/// What headers occupy in a send buffer, so that a body behind them still fits: what most web servers and proxies allow
/// at most by default, and two packets of their own.
pub const HEAD_ROOM_BYTES: u64 = 8 * 1024;

/// What a packet in a TCP connection's queue holds at least, where the client's window allows: a quarter of what Linux
/// packs (`GSO_LEGACY_MAX_SIZE`), since network cards may allow less.
pub const PACKET_BYTES: u64 = 16 * 1024;

/// The memory of a packet in a TCP connection's queue beside its bytes: `sk_buff` and its head, 1280 bytes in Linux 6.
pub const PACKET_OVERHEAD_BYTES: u64 = 2048;

/// What PHP writes to a FastCGI connection at a time: a record.
pub const UNIX_PIECE_BYTES: u64 = 32 * 1024;

/// The memory of a piece in a Unix socket's queue beside its bytes, which are rounded up to pages, with the header of a
/// FastCGI record in front of it: two heads of at most a page.
pub const UNIX_PIECE_OVERHEAD_BYTES: u64 = 8 * 1024;
