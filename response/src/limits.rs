//! Every bound of this crate, each with its reason.

/// Ranges answered in one response. A header with more of them is ignored and the whole file sent,
/// as RFC 9110 section 14.2 allows. Players and PDF readers ask for fewer than ten, rsync-like tools
/// for dozens; beyond that the part headers outweigh the data (CVE-2011-3192).
pub const MAX_RANGES: usize = 64;

/// Requested ranges that share bytes with another one. RFC 9110 section 14.2 names "more than two
/// overlapping ranges" as the sign of a broken or hostile client.
pub const MAX_OVERLAPPING_RANGES: usize = 2;

/// Parts of one [`Response`](crate::Response): a literal before each span, and the closing one.
pub const MAX_PARTS: usize = 2 * MAX_RANGES + 1;

/// All literals of one [`Response`](crate::Response), in bytes: what an answer can be longer than the file. A part header
/// has a delimiter of 38 bytes, a media type of at most 271 with its name and line break, and a Content-Range of at most
/// 87 with the empty line; the closing delimiter has 40.
pub const MAX_LITERAL_BYTES: usize = MAX_RANGES * (38 + MAX_CONTENT_TYPE_BYTES + 16 + 87) + 40;

/// Length of a media type, in bytes. It is repeated in each part of a multipart body; RFC 6838
/// section 4.2 allows 127 characters each for type and subtype, which real parameters stay below.
pub const MAX_CONTENT_TYPE_BYTES: usize = 255;

/// Length of the name after `download_as`, in bytes of UTF-8. NTFS and APFS allow 255 characters,
/// at most 765 bytes; percent-encoded it still fits the 8 KiB that servers allow a header.
pub const MAX_DOWNLOAD_NAME_BYTES: usize = 765;

/// Length of the `etag` argument, in bytes. A SHA-512 in hex has 128; with the name of a coding behind it the field stays
/// a small part of the 8 KiB that servers allow a header.
pub const MAX_ETAG_BYTES: usize = 256;

/// Malformed lines of a `mime.types` file whose numbers are kept: enough for a warning that helps.
pub const MAX_MALFORMED_LINES: usize = 8;
