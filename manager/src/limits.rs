//! Every bound of the manager, with its reason.
#![forbid(unsafe_code)]

use std::time::Duration;

/// Bytes one job may send before the next one has its turn, or a FastCGI record more. Large enough that the switch costs
/// nothing, small enough that a thousand fast clients each wait less than a second.
pub const TURN_BYTES: u64 = 512 * 1024;

/// Bytes of the body that leave together with the headers: a segment at most on the fastest of devices. Behind a cork a long
/// sendfile holds segments back between its pieces (0.73 of the speed at 1 MB).
pub const WITH_HEADERS_BYTES: u64 = 64 * 1024;

/// Bytes of unread input one job may discard in a turn.
pub const DISCARD_BYTES_PER_TURN: usize = 64 * 1024;

/// Input a client may send behind its request before a lingering connection is closed all the same.
pub const LINGER_MAX_BYTES: u64 = 256 * 1024 * 1024;

/// How long a connection whose bytes have all been acknowledged is kept waiting for the client's end. Longer than any
/// round trip; nginx waits 5 s, Apache 2 s.
pub const LINGER_TIMEOUT: Duration = Duration::from_secs(5);

/// Not-yet-sent bytes the kernel may hold for one TCP client (TCP_NOTSENT_LOWAT) that nothing is known about. The loop is woken
/// when half of it has left, and sends 64 KB then, all that sendfile(2) moves at once: with 96 KB a slow client costs twice as
/// much of the processor, with 16 KB four times. It takes 116 KB of the kernel's memory while the client takes it slowly.
pub const NOTSENT_BYTES: u32 = 128 * 1024;

/// What the kernel may hold for a fast client is what it takes in this time: the loop has other things to do, and wakes a few
/// hundred times a second for it.
pub const NOTSENT_TIME: Duration = Duration::from_millis(4);

/// A client gets more only if the loop looks at it so many times in that time, four thousand times a second. One on the loopback seldom does: it takes
/// what it is given at once, and data that queues up leaves the processor's cache (0.6 of the speed).
pub const WAITS_WORTH_MORE: u32 = 16;

/// For the fastest: at a gigabyte a second half of this costs a third more of the processor, and twice as much gains nothing.
pub const MOST_NOTSENT_BYTES: u32 = 2 * 1024 * 1024;

/// The least for any client, however many there are: a page.
pub const FEWEST_NOTSENT_BYTES: u32 = 4 * 1024;

/// What may be unsent for all clients together, in per cent of the memory from which on TCP is short of it (the second number of
/// net.ipv4.tcp_mem): a byte takes 1.25 of memory where nobody takes anything, and the rest is for those above
/// that share, who get little, and for others. All TCP connections of a machine share what the third number allows, a tenth of
/// the memory by default, and none of them gets on when that is used up.
pub const NOTSENT_PERCENT_OF_PRESSURE: u64 = 70;

/// What is taken off before, but no more than three fifths: ten thousand clients take 6 KB each of the kernel's memory beside what is
/// unsent.
pub const TCP_BYTES_BESIDE: u64 = 64 * 1024 * 1024;

/// The same where nobody can tell what is allowed: little beside the memory of a machine of today.
pub const NOTSENT_BYTES_OF_ALL: u64 = 256 * 1024 * 1024;

/// The part of it that fast clients may have, as a divisor.
pub const FAST_SHARE_OF_NOTSENT: u64 = 4;

/// The mounts of which it is remembered what they are: more than file systems that downloads come from.
pub const MAX_KNOWN_MOUNTS: usize = 64;

/// The part of the descriptor limit that connected workers may take, as a divisor.
pub const PEER_SHARE_OF_DESCRIPTORS: usize = 4;

/// Connections accepted before offers and jobs have their turn again.
pub const ACCEPT_BATCH: usize = 64;

/// Workers connected at the same time, before, during and between their offers. A worker needs its connection for the
/// time of one header flush, and keeps it for its next offer; when there are too many, the one that has been idle longest goes.
pub const MAX_PEERS: usize = 1024;

/// How long an offer that was announced and a commit are waited for without sleep: a worker has most often decided, and
/// flushed its headers, by then. The processor is anybody's who wants it; where nobody does, falling asleep and being woken would
/// cost more, above all where processors are virtual.
pub const YIELDING: Duration = Duration::from_micros(60);

/// The part of [`MAX_PEERS`] that accepted offers of one user may take, in quarters: they may stay for minutes, and a
/// worker of another user must find a place to be heard in.
pub const OFFERS_OF_A_USER_IN_QUARTERS: usize = 3;

/// How long a connected worker may go without an offer. It sends the first at once, and finds out without harm that its
/// connection is gone when it has another.
pub const PEER_IDLE_TIMEOUT: Duration = Duration::from_secs(5);

/// Descriptors never used for downloads: standard streams, epoll, signals, listener, the table, and what one offer
/// needs while it is being received.
pub const DESCRIPTOR_MARGIN: usize = 32;

/// The most descriptors one job can need: connection, file, literal bytes, FastCGI frames, staging.
pub const MAX_DESCRIPTORS_PER_JOB: usize = 5;

/// The fewest descriptors of a job, by which the table is sized: connection and file.
pub const MIN_DESCRIPTORS_PER_JOB: usize = 2;

/// What the kernel gives and takes memory in.
pub const PAGE_BYTES: usize = 4096;

/// Memory beyond its slot that a download may have on average: FastCGI's frames take a page, so that a table full of
/// those is never refused for it, and a page more is left for the few that have many ranges.
pub const MEMORY_BYTES_PER_JOB: u64 = 2 * PAGE_BYTES as u64;

/// What all of a cell may have together at least, however few they may be: a dozen of the longest offers.
pub const MIN_MEMORY_BYTES: u64 = 1024 * 1024;

/// Pause before trying again where the kernel gave no event to wait for: no memory for socket buffers, no free
/// descriptor for accept.
pub const RETRY_INTERVAL: Duration = Duration::from_millis(50);

/// Bytes read at once from a file whose file system refuses sendfile(2).
pub const STAGING_BYTES: u64 = 256 * 1024;

/// Threads of a worker that read files of which something is on the disk only. Each costs a stack while it exists, and is
/// made when it is needed: enough for three devices that hang, and more at a time than a disk is faster for.
pub const READERS: usize = 24;

/// Of these so many may wait for one device: a server that hangs leaves the others to everybody else.
pub const READERS_OF_A_DEVICE: usize = 8;

/// And one of these is for what most likely takes no time: a warm file of which a page was missing, or the first bytes of one
/// that nobody knows, would otherwise wait behind everything that is read from the disk.
pub const READERS_FOR_SHORT_REQUESTS: usize = 1;

/// The stack of a reader, which has nothing of size on it.
pub const READER_STACK_BYTES: usize = 64 * 1024;

/// How much less of a busy processor a reader gets than the loop, as nice(1) has it: what it copies can wait, and the downloads that
/// need no disk should not.
pub const READER_NICENESS: i32 = 10;

/// What a reader copies the bytes to that nobody wants: it stays in a processor's cache.
pub const SCRATCH_BYTES: usize = 64 * 1024;

/// Bytes that a reader reads ahead of a download whose client is slow, or that has just begun: more than its next turn
/// needs, and as much as the kernel itself reads ahead by default.
pub const FEWEST_WARMED_BYTES: u64 = 128 * 1024;

/// The same for a client that takes them faster than in [`WARMED_FOR`]: two turns, so that one is read while the other is sent.
pub const MOST_WARMED_BYTES: u64 = 1024 * 1024;

/// The turn of a download whose file comes from the disk: several of them become ready at once when the disk answers, and who
/// has all in the cache should not have to wait for large turns of all of them.
pub const FED_TURN_BYTES: u64 = 128 * 1024;

/// Who takes longer than this for what was read ahead has no use for more at a time.
pub const WARMED_FOR: Duration = Duration::from_millis(500);

/// How long what was found in the cache is taken to be there still. A look costs less than a microsecond, and under
/// pressure a page may go after some hundred milliseconds.
pub const CACHE_TRUST: Duration = Duration::from_millis(100);

/// One byte of so many is looked for: pages come into the cache and leave it in pieces of about half this size, many of them
/// together, and each look costs a hundredth of what it takes to send a turn.
pub const LOOK_STRIDE_BYTES: u64 = 256 * 1024;

/// So many bytes one after the other that readers found in the cache, and the loop looks for itself again: more than any
/// disk's readahead, which makes a cold file look warm for a while.
pub const FOUND_WARM_BYTES: u64 = 32 * 1024 * 1024;

/// How much faster than what it must be taken at a download's own rate has to be: by this divisor its client may fall
/// behind it before it is too slow.
pub const RATE_SLACK: u64 = 2;

/// What a web server may have taken without anybody seeing it: a Unix socket tells of a piece of its queue only when all
/// of it was read, TCP on the loopback of a segment, and both are this long.
pub const FRAMED_GRAIN_BYTES: u64 = 64 * 1024;

/// How long the end of a cut download may take: a FastCGI record to be completed on the full socket of a slow client.
pub const CUT_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes all jobs together may send before offers are looked at again: some milliseconds, where a worker waits 100.
pub const LOOP_TURN_BYTES: u64 = 16 * 1024 * 1024;

/// Under smallest-first, one of so many turns goes to the download that has been ready longest: an eighth of the machine
/// keeps a large download moving, and takes little from the small ones.
pub const TURNS_PER_ELDEST: u32 = 8;

/// Refused peers and offers written to the log in one second; the rest is counted.
pub const REFUSALS_LOGGED_PER_SECOND: u32 = 10;

/// The queue of connections not yet accepted. A worker that finds it full streams by itself.
pub const LISTEN_BACKLOG: i32 = 1024;

/// Events taken from the kernel in one turn.
pub const EVENTS_PER_TURN: usize = 1024;

/// Downloads of a dead worker that its successor takes up before it looks at offers again: about a millisecond, where a
/// worker waits 100.
pub const REVIVED_PER_TURN: usize = 64;

/// A worker that lived so long owes its death to nothing at its start.
pub const STEADY_LIFE: Duration = Duration::from_secs(1);

/// The pause before a successor is started when workers die young: this at the second death in a row, twice as much at
/// each that follows. At the first there is none.
pub const FIRST_RESTART_PAUSE: Duration = Duration::from_millis(1);

/// The longest pause where workers die after they have begun to serve. Less than a PHP worker waits for an answer.
pub const MAX_RESTART_PAUSE: Duration = Duration::from_millis(50);

/// The longest pause where workers die before they serve: nobody would be served sooner.
pub const MAX_START_PAUSE: Duration = Duration::from_secs(1);

/// The most cells at a time, those that finish their downloads included: with 64 descriptor tables of 20,000 there is
/// room for 600,000 downloads.
pub const MAX_CELLS: usize = 64;

/// The cells of a machine with many cores, if nothing else is said: one sends gigabytes a second, and every connection
/// wakes all of them.
pub const DEFAULT_CELLS_AT_MOST: usize = 8;

/// The pause before another cell takes the place of one that has failed with all its workers.
pub const CELL_RESTART_PAUSE: Duration = Duration::from_secs(1);

/// How long the trial of a new program or configuration may take.
pub const CHECK_TIMEOUT: Duration = Duration::from_secs(10);

/// The pause between two looks whether the trial is over.
pub const CHECK_PAUSE: Duration = Duration::from_millis(5);

/// How often a loop turns although nothing happens, so that its guardian sees it alive.
pub const HEARTBEAT: Duration = Duration::from_secs(1);

/// Entries of the queue of deadlines that stand for none, beyond as many as there are deadlines: few enough to cost no
/// memory, enough that they are seldom looked for.
pub const STALE_DEADLINES: usize = 64;

/// What a cell with more downloads than another leaves the others, to take a new connection before it does.
pub const HEAD_START: Duration = Duration::from_millis(1);

/// Downloads above those of the least busy cell that are no imbalance yet, beside an eighth of those.
pub const BALANCE_SLACK: u32 = 4;

/// The part of its descriptors for downloads, as a divisor, at which a cell asks to be relieved: the rest is for the
/// downloads that come until a fresh one serves.
pub const RELIEF_SHARE: usize = 8;

/// The fewest descriptors for downloads that a cell can work with: it must have room for two before it asks for relief.
pub const FEWEST_JOB_DESCRIPTORS: usize = 3 * MAX_DESCRIPTORS_PER_JOB;

/// The shortest time after which a loop can be said to stand still: that of some heartbeats.
pub const SHORTEST_HANG_TIMEOUT: Duration = Duration::from_secs(2);

/// Faults one after the other in the same download, without a byte of progress, after which it is broken off.
pub const MAX_FAULTS: u32 = 3;

/// How long the workers of a cell that has served may die before they serve again, until it gives up its downloads.
pub const HOPELESS_AFTER: Duration = Duration::from_secs(300);

/// How long cells that cut their downloads may take, beyond what each download may, until they are killed.
pub const KILL_SLACK: Duration = Duration::from_secs(5);

/// How long a cell without room leaves connections in the queue when it has asked to be relieved: a fresh one starts in
/// milliseconds, and a PHP worker waits 100.
pub const RELIEF_WAIT: Duration = Duration::from_millis(20);

/// Deaths in a row without serving after which a cell gives up, or after which one that is cutting its downloads does.
pub const MAX_DEATHS_IN_A_ROW: u32 = 10;
