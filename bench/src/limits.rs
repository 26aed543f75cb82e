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

/// The content of one FastCGI record of the relay: the longest multiple of 8 that a record can have, so that none is padded.
pub(crate) const RECORD_BYTES: usize = 65_528;
