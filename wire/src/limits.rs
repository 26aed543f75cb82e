//! Every bound of the protocol, with its reason.
#![forbid(unsafe_code)]

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
