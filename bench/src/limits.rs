//! Every bound of the benchmark, with its reason.

use std::time::Duration;

/// How long a client waits for bytes: longer than any server here takes for anything, short enough that a run ends.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The longest response head that the client reads.
pub(crate) const MAX_HEAD_BYTES: usize = 8 << 10;

/// What one recv(2) may throw away: more than any receive buffer holds.
pub(crate) const DISCARD_BYTES: usize = 8 << 20;

/// How often medians are drawn again for an interval: enough that its ends do not move from run to run.
pub(crate) const RESAMPLES: usize = 2000;

/// The part of the resampled medians inside the interval.
pub(crate) const CONFIDENCE: f64 = 0.95;

/// How much less of a busy processor the load of a measurement gets than servers, and than the client that is measured, as nice(1) has it:
/// all of it would come from other machines.
pub(crate) const LOAD_NICENESS: i32 = 19;

/// The content of one FastCGI record of the relay: the longest multiple of 8 that a record can have, so that none is padded.
pub(crate) const RECORD_BYTES: usize = 65_528;

/// Records that the relay writes at once: more than the buffer of a Unix socket takes.
pub(crate) const RECORDS_PER_WRITE: usize = 8;

/// What a slow client takes.
pub(crate) const SLOW_BYTES_PER_SECOND: u64 = 2_000;

/// The receive buffer of a slow client: some seconds of it, so that the rest waits at the server.
pub(crate) const SLOW_RECEIVE_BYTES: usize = 16 << 10;

/// The segment size of a network that is not the loopback device.
pub(crate) const SLOW_SEGMENT_BYTES: u32 = 1_400;

/// The most that a slow client takes at its start: what a server holds ready for one, so that refills spread.
pub(crate) const SLOW_START_BYTES: u64 = 128 << 10;

/// How often it is looked whether slow clients are to take something.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// Ticks between two reads of a slow client.
pub(crate) const TICKS_PER_SECOND: u64 = 100;

/// Slow clients that wait for the head of their answer at the same time: fewer than any listener's backlog.
pub(crate) const OPENING_AT_ONCE: usize = 64;

/// How long a page may take until its site counts as down.
pub(crate) const PAGE_PATIENCE: Duration = Duration::from_secs(3);

/// Connections that the responder answers at the same time: more than there are fast clients in any scenario.
pub(crate) const RESPONDER_THREADS: usize = 16;
