//! Every bound of the extension, with its reason.
#![forbid(unsafe_code)]

use std::time::Duration;

/// What the fallback holds of a file at a time: large enough that system calls do not matter, small enough that a
/// thousand workers do not. PHP puts as much into one FastCGI record (`fcgi_write` in main/fastcgi.c); eight bytes more
/// would be a second one.
pub(crate) const STREAM_BUFFER_BYTES: usize = 0xfff8;

/// The longest body of a handoff that nginx may spool to its disk: as long as many a page, which it spools without
/// asking, too.
pub(crate) const MOST_SPOOLED_BYTES: u64 = 1 << 20;

/// Bodies below this go out in-process by default (`send_file.min_size`) if the connection takes them at once.
pub(crate) const DEFAULT_MIN_SIZE_BYTES: u64 = 2 << 20;

/// Bodies below this go out in-process without a look at the connection: nothing else does either with a page of that
/// length, and every send buffer takes it.
pub(crate) const PAGE_BYTES: u64 = 16 * 1024;

/// Bodies from this on go from the page cache to the connection past the web server's layers; a shorter one is cheaper
/// to copy, since it leaves with its headers in one system call.
pub(crate) const MIN_SPAN_BYTES: u64 = 64 * 1024;

/// What goes that way at most: more than a connection takes at once, and read from any disk long before PHP's
/// `max_execution_time`, which counts meanwhile.
pub(crate) const MOST_SPAN_BYTES: u64 = 4 * 1024 * 1024;

/// From this on the headers of such a body leave in a packet of their own.
pub(crate) const LONG_SPAN_BYTES: u64 = 128 * 1024;

/// How long a worker waits for the manager's answer by default (`send_file.accept_timeout_ms`).
pub(crate) const DEFAULT_ACCEPT_TIMEOUT_MS: u64 = 100;

/// The longest `send_file.accept_timeout_ms`: beyond a minute it is a typing error.
pub(crate) const MAX_ACCEPT_TIMEOUT_MS: u64 = 60_000;

/// The pause before the next try while the manager's queue of connections is full.
pub(crate) const CONNECT_RETRY_PAUSE: Duration = Duration::from_millis(2);

/// The longest socket path: `sun_path` of sockaddr_un has 108 bytes, one is the final NUL.
pub(crate) const MAX_SOCKET_PATH_BYTES: usize = 107;

/// `Retry-After` of a 503: long enough for a burst to pass, short enough for a person.
pub(crate) const RETRY_AFTER_SECS: u32 = 5;

/// The connections on which one offer is tried: the one that was kept, and two new ones, of which a manager that ends or
/// is upgraded at this moment may close the first.
pub(crate) const MAX_LINKS: usize = 3;

/// How long a worker that waits for the manager's answer gives its processor to whoever wants it, before it sleeps. An
/// idle manager answers in less, while to fall asleep and be woken takes longer than that where processors are virtual.
pub(crate) const YIELDING: Duration = Duration::from_micros(60);

/// The answers that may lie in the socket before ours: late ones to other ids. More is not the protocol.
pub(crate) const MAX_STRAY_ANSWERS: usize = 8;

/// The descriptors looked at to find the FastCGI connection a second way. A worker has a few dozen.
pub(crate) const LOCATOR_DESCRIPTORS: usize = 1024;

/// The filters looked at in an Apache filter chain: real chains have about ten, a longer one is not a chain.
pub(crate) const MAX_FILTERS: usize = 64;

/// One line in PHP's error log per worker and this many seconds says that the manager does not take downloads.
pub(crate) const LOG_PAUSE_SECS: i64 = 60;

/// How often opening a file under `send_file.root` is tried again when directories were renamed on the way.
pub(crate) const ROOT_RETRIES: usize = 16;

/// The longest mime.types file: that of Debian has 80 KB.
pub(crate) const MAX_MIME_TYPES_BYTES: u64 = 1 << 20;

/// A body that its rate keeps longer than this goes to the manager, however small: not so long that it matters to a
/// worker, long enough that thumbnails and JSON under a general rate stay on a connection that is kept.
pub(crate) const LONGEST_WAIT_FOR_A_RATE: Duration = Duration::from_millis(100);

/// The mime.types files that a process remembers: virtual hosts and pools may each have their own.
pub(crate) const MAX_MIME_TYPES_FILES: usize = 16;
