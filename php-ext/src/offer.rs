//! The worker's side of the handoff protocol: offer, wait for the answer, commit.
#![forbid(unsafe_code)]

use std::io;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use send_file_response::Part;
use send_file_wire::channel::{receive, send};
use send_file_wire::message::HEADER_BYTES;
use send_file_wire::{Answer, Commit, DecodeError, Framing, Offer, OfferId, Rate, Reason};

use crate::ini::Settings;
use crate::limits::{CONNECT_RETRY_PAUSE, MAX_LINKS, MAX_STRAY_ANSWERS, YIELDING};
use crate::link::Link;

/// What is offered.
pub(crate) struct Download<'a> {
    pub(crate) connection: BorrowedFd<'a>,
    pub(crate) file: BorrowedFd<'a>,
    pub(crate) framing: Framing,
    pub(crate) parts: &'a [Part],
    pub(crate) rate: Option<Rate>,
    pub(crate) tag: &'a [u8],
}

/// An offer that the manager has accepted. Dropped, it is withdrawn: the connection stays with the worker.
#[derive(Debug)]
pub(crate) struct Accepted {
    link: Link,
    id: OfferId,
}

/// Why the manager does not take a download.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotTaken {
    #[error("the manager is busy")]
    Busy,
    #[error("the manager does not listen: {0}")]
    Unreachable(io::Error),
    #[error("the manager did not answer in time")]
    NoAnswer,
    #[error("the manager closed the connection")]
    Closed,
    #[error("{0}")]
    Rejected(Reason),
    #[error("the answer does not fit into an offer: {0}")]
    Offer(DecodeError),
    #[error("the manager's answer is not one: {0}")]
    Answer(DecodeError),
}

/// Offers a download and waits for the answer, as long as the settings allow.
pub(crate) fn offer(settings: &Settings, download: &Download) -> Result<Accepted, NotTaken> {
    let deadline = Instant::now() + settings.accept_timeout;
    let id = next_id();
    let offer = Offer {
        id,
        framing: download.framing,
        parts: download.parts.iter().map(wire_part).collect(),
        rate: download.rate,
        tag: download.tag.to_vec(),
    };
    let packet = offer.encode().map_err(NotTaken::Offer)?;
    let descriptors = [download.connection, download.file];
    let mut kept = Link::kept(&settings.manager_socket);
    let mut links_left = MAX_LINKS;
    loop {
        let was_kept = kept.is_some();
        let mut link = match kept.take() {
            Some(link) => link,
            None => connect_before(settings, deadline)?,
        };
        links_left -= 1;
        let answered = link
            .send_offer(&packet, &descriptors)
            .map_err(NotTaken::Unreachable)
            .and_then(|()| wait_for_answer(link.socket(), id, deadline));
        match answered {
            Ok(()) => return Ok(Accepted { link, id }),
            Err(reason) if reason.is_of_this_link() && links_left > 0 => {}
            // Of the cell at its other end; a new one leads to the cell that has room.
            Err(NotTaken::Busy) if was_kept => {}
            Err(reason) => return Err(reason),
        }
    }
}

impl NotTaken {
    /// Whether another connection may do: this one was closed, by a manager or a cell of it that ends or that saw no use in
    /// it, with the offer unread (the kernel says `ECONNRESET` only then, or of an announcement, and `EPIPE` if it was before).
    fn is_of_this_link(&self) -> bool {
        match self {
            NotTaken::Unreachable(error) => matches!(
                error.kind(),
                io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset
            ),
            NotTaken::Rejected(reason) => *reason == Reason::Draining,
            _ => false,
        }
    }
}

impl Accepted {
    /// Gives the connection away. After an error the worker still owns it.
    pub(crate) fn commit(self) -> io::Result<()> {
        send(self.link.socket(), &Commit(self.id).encode(), &[])?;
        self.link.keep();
        Ok(())
    }
}

/// A full queue of connections passes quickly, or the manager hangs: the deadline tells.
fn connect_before(settings: &Settings, deadline: Instant) -> Result<Link, NotTaken> {
    loop {
        match Link::connect(&settings.manager_socket) {
            Ok(link) => return Ok(link),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if Instant::now() >= deadline {
                    return Err(NotTaken::NoAnswer);
                }
                std::thread::sleep(CONNECT_RETRY_PAUSE);
            }
            Err(error) => return Err(NotTaken::Unreachable(error)),
        }
    }
}

fn wait_for_answer(manager: BorrowedFd, id: OfferId, deadline: Instant) -> Result<(), NotTaken> {
    let yield_until = Instant::now() + YIELDING;
    let mut answers = 0;
    while answers < MAX_STRAY_ANSWERS {
        // One byte to spare, so that a packet too long is seen as such.
        let mut packet = [0; HEADER_BYTES + 3];
        let length = match receive(manager, &mut packet) {
            Ok(0) => return Err(NotTaken::Closed),
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                match Instant::now() < yield_until {
                    true => std::thread::yield_now(),
                    false => wait_readable(manager, deadline)?,
                }
                continue;
            }
            Err(error) => return Err(NotTaken::Unreachable(error)),
        };
        answers += 1;
        match Answer::decode(&packet[..length]).map_err(NotTaken::Answer)? {
            Answer::Accept(other) | Answer::Reject(other, _) if other != id => {}
            Answer::Accept(_) => return Ok(()),
            Answer::Reject(_, Reason::Busy) => return Err(NotTaken::Busy),
            Answer::Reject(_, reason) => return Err(NotTaken::Rejected(reason)),
        }
    }
    Err(NotTaken::NoAnswer)
}

fn wait_readable(manager: BorrowedFd, deadline: Instant) -> Result<(), NotTaken> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        // Rounded up, so that the last fraction of a millisecond is not spun away.
        let left_ms = (left + Duration::from_micros(999)).as_millis();
        let timeout = PollTimeout::try_from(left_ms).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(manager, PollFlags::POLLIN)], timeout) {
            Ok(0) if left.is_zero() => return Err(NotTaken::NoAnswer),
            Ok(0) | Err(Errno::EINTR) => {}
            Ok(_) => return Ok(()),
            Err(errno) => return Err(NotTaken::Unreachable(errno.into())),
        }
    }
}

fn wire_part(part: &Part) -> send_file_wire::Part {
    match part {
        Part::Span { offset, len } => send_file_wire::Part::Span {
            offset: *offset,
            len: *len,
        },
        Part::Literal(bytes) => send_file_wire::Part::Literal(bytes.clone()),
    }
}

/// Unique in the manager's log as long as a process id is.
fn next_id() -> OfferId {
    static COUNTER: AtomicU64 = AtomicU64::new(1);
    let count = COUNTER.fetch_add(1, Ordering::Relaxed) & 0xffff_ffff;
    OfferId(u64::from(std::process::id()) << 32 | count)
}
