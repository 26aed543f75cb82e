//! Every bound of a chaos run, with its reason.

use std::time::Duration;

/// The files that downloads share: enough that several are read at once, few enough to be written in a second.
pub(crate) const SHARED_FILES: u64 = 96;

/// Below what PHP sends by itself, so that this is among them.
pub(crate) const FEWEST_FILE_BYTES: u64 = 12_000;

/// More than the kernel holds for a client that reads nothing.
pub(crate) const MOST_FILE_BYTES: u64 = 8_000_000;

/// One of several ranges: the body is kept until all of it was parsed.
pub(crate) const MOST_RANGE_BYTES: u64 = 400_000;

/// Clients at the same time. Most wait; two cores serve them all.
pub(crate) const CLIENTS: usize = 64;

/// The longest that a client stalls, a slow one takes longer than a fast one, and a rate keeps a body: some workers die
/// meanwhile.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_millis(1200);

/// The pauses of a slow client.
pub(crate) const SLOW_PIECES: u64 = 20;

/// How long anybody waits for a byte, or an answer: longer than all pauses and stops together.
pub(crate) const CLIENT_PATIENCE: Duration = Duration::from_secs(20);

/// How long the raw ways' PHP worker waits for an answer: as long as PHP in the tests' php.ini.
pub(crate) const ANSWER_PATIENCE: Duration = Duration::from_secs(5);

/// A worker dies so early at the latest, half of the time: while it takes over.
pub(crate) const LONGEST_YOUNG_LIFE: Duration = Duration::from_millis(12);

/// And so late at the latest the other half: while it serves.
pub(crate) const LONGEST_LIFE: Duration = Duration::from_millis(250);

/// The longest that a worker is stopped. Less than after what time a guardian takes it for hung.
pub(crate) const LONGEST_STOP: Duration = Duration::from_millis(300);

/// How long the manager of a run waits for a commit: so short that some come too late.
pub(crate) const OFFER_TIMEOUT: Duration = Duration::from_secs(1);

/// The downloads at a time that the manager of a run takes: more than there are clients, and fewer than it takes PHP
/// workers with a limit of 1024 descriptors, so that all slots can be counted by offers.
pub(crate) const MAX_JOBS: u32 = 200;

/// The descriptor limit with which cells are split all the time.
pub(crate) const TINY_DESCRIPTOR_LIMIT: u32 = 160;

/// Offers refused one after the other, by which the table is known to be full: more than there are cells.
pub(crate) const REFUSALS_IN_A_ROW: u32 = 64;

/// How a file is cut: at the end of a page.
pub(crate) const PAGE_BYTES: u64 = 4096;

/// Failures that are described; more say nothing more.
pub(crate) const FAILURES_SHOWN: usize = 10;

/// The downloads at each place with a name: all kinds that the plan has often.
pub(crate) const PLACE_DOWNLOADS: u64 = 150;

/// How long downloads go on until one gets there.
pub(crate) const PLACE_PATIENCE: Duration = Duration::from_secs(30);

/// The downloads that have ended before the first worker is killed where the second one is to die: others run then.
pub(crate) const CARRIED_BEFORE_A_KILL: usize = 10;
