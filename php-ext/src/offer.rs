//! The worker's side of the handoff protocol: offer, wait for the answer, commit.
#![forbid(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use send_file_response::Part;
use send_file_wire::channel::{connect_to, receive, send};
use send_file_wire::message::HEADER_BYTES;
use send_file_wire::{Answer, Commit, DecodeError, Framing, Offer, OfferId, Rate, Reason};

use crate::ini::Settings;
use crate::limits::{CONNECT_RETRY_PAUSE, MAX_STRAY_ANSWERS};

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
    manager: OwnedFd,
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
    let manager = connect_before(settings, deadline)?;
    let descriptors = [download.connection, download.file];
    send(manager.as_fd(), &packet, &descriptors).map_err(NotTaken::Unreachable)?;
    wait_for_answer(manager.as_fd(), id, deadline)?;
    Ok(Accepted { manager, id })
}

impl Accepted {
    /// Gives the connection away. After an error the worker still owns it.
    ///
    /// The socket is closed either way. Its queue is empty by then but for answers nobody waits for.
    pub(crate) fn commit(self) -> io::Result<()> {
        send(self.manager.as_fd(), &Commit(self.id).encode(), &[])
    }
}

/// A full queue of connections passes quickly, or the manager hangs: the deadline tells.
fn connect_before(settings: &Settings, deadline: Instant) -> Result<OwnedFd, NotTaken> {
    loop {
        match connect_to(&settings.manager_socket) {
            Ok(manager) => return Ok(manager),
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
    for _ in 0..MAX_STRAY_ANSWERS {
        wait_readable(manager, deadline)?;
        // One byte to spare, so that a packet too long is seen as such.
        let mut packet = [0; HEADER_BYTES + 3];
        let length = match receive(manager, &mut packet) {
            Ok(0) => return Err(NotTaken::Closed),
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(NotTaken::Unreachable(error)),
        };
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
