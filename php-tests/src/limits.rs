//! Every bound of the harness, with its reason.

use std::time::Duration;

/// How long anything is awaited that should happen at once: long enough for a loaded machine with two cores.
pub const PATIENCE: Duration = Duration::from_secs(15);

/// How often an observable is looked at that sends no event, such as /proc.
pub const POLL: Duration = Duration::from_millis(5);

/// The PHP workers of a stack: few, so that downloads that hold one are noticed.
pub const WORKERS: usize = 5;

/// What the client keeps of a body; longer ones are only counted and hashed.
pub const KEPT_BODY_BYTES: usize = 4 << 20;

/// The longest response head that the client reads.
pub const MAX_HEAD_BYTES: usize = 64 << 10;

/// The receive buffer of a slow client: small, so that the server and not the kernel holds the rest; larger than the
/// segments of the loopback device (64 KiB), or every one would wait for a timer.
pub const SLOW_RECEIVE_BYTES: usize = 128 << 10;

/// The segments of a client at the other end of a network: those of Ethernet.
pub const FAR_SEGMENT_BYTES: u32 = 1460;

/// The part of a log that a failure shows.
pub const LOG_TAIL_BYTES: u64 = 3000;

/// Below this the extension sends in-process (`send_file.min_size` in the generated php.ini): less than by default, so
/// that small samples are handed over.
pub const MIN_HANDOFF_BYTES: u64 = 16 << 10;
