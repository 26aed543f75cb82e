//! One download: its descriptors, its slot, and a turn of its work.
#![forbid(unsafe_code)]

mod ending;
mod resume;
mod sending;
mod waiting;

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::{Shutdown, shutdown};
use nix::sys::stat::fstat;
use send_file_wire::{Pace, Rate};

pub use resume::{Contradiction, Place};

use crate::crash;
use crate::limits::{CUT_TIMEOUT, DISCARD_BYTES_PER_TURN, LINGER_TIMEOUT, WITH_HEADERS_BYTES};
use crate::outcome::Outcome;
use crate::progress::{Patience, Progress};
use crate::source::Intent;
use crate::staging::Staging;
use crate::stream::{Step, Stream};
use crate::sys::slot::{Slot, SlotState};
use crate::sys::socket;
use crate::unsent::Unsent;
use crate::warming::Warmth;

/// What a job needs after its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Another turn: its budget was used up, not the connection.
    Again,
    /// An event or its deadline.
    Wait,
    /// Nothing; it is over.
    Ended(Outcome),
}

/// The descriptors of a download.
#[derive(Debug)]
pub struct Descriptors {
    /// The client's, or the web server's FastCGI connection.
    pub connection: OwnedFd,
    /// The file.
    pub file: OwnedFd,
    /// The literal bytes, where the body has any.
    pub literals: Option<OwnedFd>,
    /// The FastCGI frames.
    pub frames: Option<OwnedFd>,
}

impl Descriptors {
    /// How many they are.
    pub fn count(&self) -> usize {
        2 + usize::from(self.literals.is_some()) + usize::from(self.frames.is_some())
    }
}

/// One download.
#[derive(Debug)]
pub struct Job {
    stream: Stream,
    descriptors: Descriptors,
    /// Pieces of a file whose file system refuses sendfile(2), at the offsets they have in the file.
    staging: Option<Staging>,
    kind: socket::Kind,
    cookie: u64,
    tag: Vec<u8>,
    started: Instant,
    stage: Stage,
    stored_intent: Option<Intent>,
    /// Input may be waiting: no `EAGAIN` since the last event.
    readable: bool,
    /// The other side has ended its input.
    input_ended: bool,
    inbound_bytes: u64,
    /// What this process has given to the kernel, frames included.
    given_bytes: u64,
    progress: Progress,
    unsent: Unsent,
    rate: Option<Rate>,
    /// Keeps the rate, from the commit on.
    pace: Option<Pace>,
    /// It has sent what its rate allows and waits for this moment, not for the connection.
    paced_until: Option<Instant>,
    /// When to look whether the other side still takes something.
    check_at: Instant,
    retry_at: Option<Instant>,
    /// What of its file is in the cache.
    warmth: Warmth,
    /// The worker's headers may wait in the connection for the first bytes of the body.
    may_be_corked: bool,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    Sending,
    /// The response ends early for this reason, when `check_at` has come at the latest.
    Cutting {
        reason: Outcome,
    },
    /// All bytes are the kernel's and the end was sent; waiting for the other side to take them.
    Lingering {
        reason: Outcome,
        inbound_before: u64,
    },
}

impl Job {
    /// A download that waits for its commit. Nothing is done to the connection.
    pub fn new(
        stream: Stream,
        descriptors: Descriptors,
        kind: socket::Kind,
        cookie: u64,
        tag: Vec<u8>,
        rate: Option<Rate>,
        now: Instant,
    ) -> Job {
        Job {
            stream,
            descriptors,
            staging: None,
            kind,
            cookie,
            tag,
            started: now,
            stage: Stage::Sending,
            stored_intent: None,
            readable: true,
            input_ended: false,
            inbound_bytes: 0,
            given_bytes: 0,
            progress: Progress::new(1, now),
            unsent: Unsent::new(0, 1, now),
            rate,
            pace: None,
            paced_until: None,
            check_at: now,
            retry_at: None,
            warmth: Warmth::new(),
            may_be_corked: false,
        }
    }

    /// The connection is the manager's: the commit has come, to this process or to one that has died since.
    ///
    /// # Errors
    /// Those of fcntl(2).
    pub fn take_over(
        &mut self,
        slot: &Slot,
        patience: Patience,
        unsent: Unsent,
        now: Instant,
    ) -> io::Result<()> {
        let is_new = slot.state() == Some(SlotState::Offered);
        if is_new {
            // Nothing of the body has left, and headers have.
            slot.set_base(socket::bytes_given(self.connection()));
            crash::point("commit.based");
            slot.set_state(SlotState::Active);
            crash::point("commit.active");
        }
        self.started = now;
        let owed_bytes = patience.owed_bytes(self.rate, self.stream.is_framed());
        self.progress = Progress::new(owed_bytes, now);
        self.check_at = match self.stage {
            Stage::Cutting { .. } => now + CUT_TIMEOUT,
            Stage::Lingering { .. } => now + LINGER_TIMEOUT,
            Stage::Sending => now + patience.stall_timeout / 2,
        };
        // What was saved up or left of the burst died with the other process: less is never too fast.
        let no_burst = |rate| Rate {
            burst_bytes: 0,
            ..rate
        };
        let rate = self
            .rate
            .map(|rate| if is_new { rate } else { no_burst(rate) });
        let left_bytes = self.body_left_bytes();
        self.pace = rate.map(|rate| Pace::new(rate, left_bytes, now));
        if self.pace.is_some() && self.kind == socket::Kind::Tcp {
            socket::send_small_pieces_at_once(self.connection());
        }
        self.may_be_corked = self.kind == socket::Kind::Tcp && self.pace.is_none();
        self.unsent = unsent;
        socket::make_non_blocking(self.connection())?;
        self.bound_unsent();
        Ok(())
    }

    /// The connection, for registering.
    pub fn connection(&self) -> BorrowedFd<'_> {
        self.descriptors.connection.as_fd()
    }

    /// The connection's cookie.
    pub fn cookie(&self) -> u64 {
        self.cookie
    }

    /// The bytes of its body that have left.
    pub fn body_sent(&self) -> u64 {
        self.stream.body_sent()
    }

    /// The bytes of its body that have not.
    pub fn body_left_bytes(&self) -> u64 {
        self.stream.body_bytes() - self.stream.body_sent()
    }

    /// How many descriptors it holds.
    pub fn descriptor_count(&self) -> usize {
        self.descriptors.count() + usize::from(self.staging.is_some())
    }

    /// An event came for the connection.
    pub fn woken(&mut self, readable: bool) {
        self.readable |= readable;
        self.retry_at = None;
    }

    /// Works until the budget is used, the connection takes no more, or the download is over.
    pub fn turn(&mut self, slot: &Slot, now: Instant) -> Turn {
        crash::point_of("job.turn", &self.tag);
        if let Err(outcome) = self.discard_input() {
            return Turn::Ended(outcome);
        }
        self.end_pause(now);
        if std::mem::take(&mut self.may_be_corked) {
            let turn = self.take_steps(slot, WITH_HEADERS_BYTES, now);
            socket::take_cork_out(self.connection());
            if turn != Turn::Again {
                return turn;
            }
        }
        self.take_steps(slot, self.warmth.turn_bytes(), now)
    }

    /// Takes steps until so many bytes have left.
    fn take_steps(&mut self, slot: &Slot, mut budget: u64, now: Instant) -> Turn {
        while budget > 0 {
            if let Stage::Lingering {
                reason,
                inbound_before,
            } = self.stage
            {
                return self.linger(reason, inbound_before);
            }
            match self.step(slot, budget, now) {
                Ok(Some(sent)) => budget = budget.saturating_sub(sent),
                Ok(None) => {
                    return if self.readable {
                        Turn::Again
                    } else {
                        Turn::Wait
                    };
                }
                Err(outcome) => match self.cut(slot, outcome, now) {
                    Turn::Again => {}
                    over => return over,
                },
            }
        }
        Turn::Again
    }

    /// When it must be looked at although no event came.
    pub fn deadline(&self) -> Instant {
        let earlier = |at: Instant, other: Option<Instant>| other.map_or(at, |other| at.min(other));
        earlier(earlier(self.check_at, self.retry_at), self.paced_until)
    }

    /// Its deadline has come.
    pub fn timed_out(&mut self, stall_timeout: Duration, now: Instant) -> Turn {
        if self.retry_at.is_some_and(|retry_at| retry_at <= now) {
            self.retry_at = None;
            return Turn::Again;
        }
        if self.paced_until.is_some_and(|until| until <= now) {
            self.end_pause(now);
            return Turn::Again;
        }
        self.note_progress(now);
        let verdict = self.progress.verdict(stall_timeout, now);
        match self.stage {
            Stage::Cutting { reason } => return Turn::Ended(reason),
            // Everything was acknowledged; only the other side's end is missing.
            Stage::Lingering { reason, .. } if self.unacknowledged() == 0 => {
                let until = self.progress.at() + LINGER_TIMEOUT;
                if until <= now {
                    return Turn::Ended(reason);
                }
                self.check_at = until;
            }
            Stage::Lingering { .. } => self.check_at = now + LINGER_TIMEOUT.min(stall_timeout / 2),
            Stage::Sending => self.check_at = now + stall_timeout / 2,
        }
        match verdict {
            Some(outcome) => Turn::Ended(outcome),
            // Who has taken everything is waited for without end: not for an event that might never come.
            None if self.can_send() => Turn::Again,
            None => Turn::Wait,
        }
    }

    /// Nothing is pending, and neither its rate nor the kernel's lack of memory keeps it from sending more.
    fn can_send(&self) -> bool {
        let is_held_back = self.paced_until.or(self.retry_at).is_some();
        matches!(self.stage, Stage::Sending) && !is_held_back && self.progress.pending() == 0
    }

    /// Takes one step. `None`: the connection takes no more for now, or is waited on otherwise.
    fn step(&mut self, slot: &Slot, budget: u64, now: Instant) -> Result<Option<u64>, Outcome> {
        let step = self.stream.next();
        if self.stored_intent != Some(self.stream.intent()) {
            slot.set_intent(self.stream.intent());
            self.stored_intent = Some(self.stream.intent());
            crash::point("step.intent_stored");
        }
        match step {
            Step::Seek { from, to } => {
                self.seek(from, to).map_err(Outcome::ReadFailed)?;
                crash::point("step.sought");
                self.stream.sought(from, to);
                Ok(Some(0))
            }
            Step::Send { from, max } => {
                if let Some(offset) = self.stream.announced_offset() {
                    let stat = fstat(&self.descriptors.file).map_err(Outcome::ReadFailed)?;
                    if u64::try_from(stat.st_size).unwrap_or(0) <= offset {
                        return Err(Outcome::FileTruncated);
                    }
                }
                // A record is not split for the budget: that would be a system call more in each turn.
                let most = if self.stream.is_framed() {
                    max
                } else {
                    max.min(budget)
                };
                let allowed = match self.allowance(from, now) {
                    0 => return Ok(None),
                    allowed => allowed.min(most),
                };
                match self.sendable_bytes(from, now) {
                    0 => Ok(None),
                    sendable => self.send(slot, from, allowed.min(sendable), now),
                }
            }
            Step::Done => {
                // It can fail only because the connection is gone, which lingering finds out.
                let _ = shutdown(self.descriptors.connection.as_raw_fd(), Shutdown::Write);
                crash::point("end.shut_down");
                slot.set_state(SlotState::Lingering);
                crash::point("end.lingering");
                self.stage = self.lingering();
                self.progress.touch(now);
                self.check_at = now + LINGER_TIMEOUT;
                Ok(Some(0))
            }
        }
    }

    /// Reads and forgets what the other side sends: input left unread would turn the close into a reset that destroys
    /// bytes on their way.
    fn discard_input(&mut self) -> Result<(), Outcome> {
        let mut budget = DISCARD_BYTES_PER_TURN;
        while self.readable && !self.input_ended && budget > 0 {
            match socket::discard(self.connection()) {
                Ok(0) => self.input_ended = true,
                Ok(bytes) => {
                    self.inbound_bytes += bytes as u64;
                    budget = budget.saturating_sub(bytes);
                }
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => self.readable = false,
                Err(_) => return Err(self.broken()),
            }
        }
        if self.input_ended {
            self.readable = false;
        }
        Ok(())
    }

    fn note_progress(&mut self, now: Instant) {
        let pending = self.unacknowledged();
        self.progress.look(self.given_bytes, pending, now);
        if self
            .unsent
            .look(self.given_bytes.saturating_sub(pending), now)
        {
            self.bound_unsent();
        }
    }

    /// Tells the kernel, where it keeps such a bound.
    fn bound_unsent(&self) {
        if self.kind == socket::Kind::Tcp {
            socket::bound_unsent(self.connection(), self.unsent.bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{
        MOST_NOTSENT_BYTES, NOTSENT_BYTES, NOTSENT_TIME, RETRY_INTERVAL, TURN_BYTES,
        WAITS_WORTH_MORE,
    };
    use crate::sink::{RECORD_BYTES, TEMPLATE_BYTES};
    use crate::sys::memfd;
    use crate::sys::table::JobTable;
    use send_file_wire::{FastCgi, Framing, Offer, OfferId, Part, ServerKind};
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::num::{NonZeroU16, NonZeroU64};
    use std::os::unix::net::UnixStream;

    fn connection() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (client, listener.accept().unwrap().0)
    }

    fn patience() -> Patience {
        Patience {
            stall_timeout: Duration::from_secs(60),
            min_bytes_per_sec: 0,
        }
    }

    #[test]
    fn the_kernel_may_hold_more_for_a_client_that_takes_much() {
        let (client, server) = connection();
        let descriptors = Descriptors {
            connection: server.into(),
            file: memfd::with_bytes("test", b"x", 1).unwrap(),
            literals: None,
            frames: None,
        };
        let (stream, _) = Stream::new(&offer(Framing::Raw, 1));
        let mut table = JobTable::create(1).unwrap();
        let index = table.claim().unwrap();
        let now = Instant::now();
        let kind = socket::Kind::Tcp;
        let mut job = Job::new(stream, descriptors, kind, 0, Vec::new(), None, now);
        let unsent = Unsent::new(1 << 30, 1, now);
        job.take_over(&table.slot(index), patience(), unsent, now)
            .unwrap();
        assert_eq!(socket::unsent_bound(job.connection()), NOTSENT_BYTES);

        job.given_bytes = 1 << 30;
        for _ in 1..WAITS_WORTH_MORE {
            job.note_progress(now);
        }
        job.note_progress(now + NOTSENT_TIME);
        assert_eq!(socket::unsent_bound(job.connection()), MOST_NOTSENT_BYTES);
        drop(client);
    }

    #[test]
    fn headers_behind_a_cork_leave_with_the_first_bytes_and_a_short_body_in_the_same_turn() {
        let body = vec![7; WITH_HEADERS_BYTES as usize * 3 / 2];
        let body_bytes = body.len() as u64;
        let (mut client, server) = connection();
        socket::put_cork_in(server.as_fd());
        (&server).write_all(b"headers").unwrap();
        let descriptors = Descriptors {
            connection: server.into(),
            file: memfd::with_bytes("test", &body, body_bytes).unwrap(),
            literals: None,
            frames: None,
        };
        let (stream, _) = Stream::new(&offer(Framing::Raw, body_bytes));
        let mut table = JobTable::create(1).unwrap();
        let index = table.claim().unwrap();
        let now = Instant::now();
        let kind = socket::Kind::Tcp;
        let mut job = Job::new(stream, descriptors, kind, 0, Vec::new(), None, now);
        let slot = table.slot(index);
        let unsent = Unsent::new(1 << 30, 1, now);
        job.take_over(&slot, patience(), unsent, now).unwrap();
        assert_eq!(job.turn(&slot, now), Turn::Wait);
        assert_eq!(job.body_left_bytes(), 0);
        assert!(!socket::is_corked(job.connection()));
        let mut start = [0; 8];
        client.read_exact(&mut start).unwrap();
        assert_eq!(&start, b"headers\x07");
    }

    #[test]
    fn a_successor_takes_the_cork_out_and_who_keeps_a_rate_does_before_it_sends() {
        for (rate, state) in [
            (None, SlotState::Active),
            (Some(1), SlotState::Offered),
            (Some(1), SlotState::Active),
        ] {
            let (_client, server) = connection();
            socket::put_cork_in(server.as_fd());
            let descriptors = Descriptors {
                connection: server.into(),
                file: memfd::with_bytes("test", b"body", 4).unwrap(),
                literals: None,
                frames: None,
            };
            let rate = rate.map(|bytes_per_sec| Rate {
                bytes_per_sec: NonZeroU64::new(bytes_per_sec).unwrap(),
                burst_bytes: 0,
            });
            let (stream, _) = Stream::new(&offer(Framing::Raw, 4));
            let mut table = JobTable::create(1).unwrap();
            let index = table.claim().unwrap();
            let slot = table.slot(index);
            slot.set_state(state);
            let now = Instant::now();
            let kind = socket::Kind::Tcp;
            let mut job = Job::new(stream, descriptors, kind, 0, Vec::new(), rate, now);
            let unsent = Unsent::new(1 << 30, 1, now);
            job.take_over(&slot, patience(), unsent, now).unwrap();
            if rate.is_none() {
                job.turn(&slot, now);
            }
            assert!(!socket::is_corked(job.connection()), "{rate:?} {state:?}");
        }
    }

    /// A memfd plays a connection that takes everything.
    #[test]
    fn a_turn_ends_between_records() {
        const BODY_BYTES: u64 = 4 * TURN_BYTES;
        let framing = Framing::FastCgi(FastCgi {
            request_id: NonZeroU16::MIN,
            server: ServerKind::Nginx,
            keep: false,
        });
        let (stream, materials) = Stream::new(&offer(framing, BODY_BYTES));
        let memfd = |content: &[u8], len| memfd::with_bytes("test", content, len).unwrap();
        let descriptors = Descriptors {
            connection: memfd(b"", 0),
            file: memfd(b"", BODY_BYTES),
            literals: None,
            frames: Some(memfd(&materials.frames, TEMPLATE_BYTES)),
        };
        let mut table = JobTable::create(1).unwrap();
        let index = table.claim().unwrap();
        let now = Instant::now();
        let kind = socket::Kind::Unix;
        let mut job = Job::new(stream, descriptors, kind, 0, Vec::new(), None, now);
        job.readable = false;

        for turns in 1..=3 {
            assert_eq!(job.turn(&table.slot(index), now), Turn::Again);
            assert!(job.body_sent() + RECORD_BYTES > turns * TURN_BYTES);
            assert_eq!(job.body_sent() % RECORD_BYTES, 0, "after {turns} turns");
        }
    }

    #[test]
    fn a_retry_that_is_not_due_survives_the_stall_check() {
        let offer = offer(Framing::Raw, 1);
        let descriptors = Descriptors {
            connection: UnixStream::pair().unwrap().0.into(),
            file: memfd::with_bytes("test", b"x", 1).unwrap(),
            literals: None,
            frames: None,
        };
        let now = Instant::now();
        let (stream, _) = Stream::new(&offer);
        let mut job = Job::new(
            stream,
            descriptors,
            socket::Kind::Unix,
            0,
            Vec::new(),
            None,
            now,
        );
        let retry_at = now + RETRY_INTERVAL;
        job.retry_at = Some(retry_at);
        job.check_at = now;
        assert_eq!(job.timed_out(Duration::from_secs(60), now), Turn::Wait);
        assert_eq!(job.deadline(), retry_at);
        assert_eq!(
            job.timed_out(Duration::from_secs(60), retry_at),
            Turn::Again
        );
    }

    fn offer(framing: Framing, body_bytes: u64) -> Offer {
        Offer {
            id: OfferId(1),
            framing,
            rate: None,
            parts: vec![Part::Span {
                offset: 0,
                len: body_bytes,
            }],
            tag: Vec::new(),
        }
    }
}
