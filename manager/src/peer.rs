//! One worker's connection to the manager: an offer, its commit, the next offer.
//!
//! Two rules make sure that a client never has two writers and never none: a download starts only on a commit that is
//! in its slot, and an accepted offer is forgotten only when the peer has been read to its end.
#![forbid(unsafe_code)]

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::{Shutdown, shutdown};
use nix::sys::stat::{SFlag, fstat};
use send_file_wire::message::HEADER_BYTES;
use send_file_wire::{
    Announcement, Answer, DecodeError, Framing, Offer, OfferId, Part, Reason, ReceiveError, channel,
};

use crate::census::memory_bytes;
use crate::crash;
use crate::filesystem::Mounts;
use crate::job::{self, Job};
use crate::limits::{MEMORY_BYTES_PER_JOB, PEER_IDLE_TIMEOUT};
use crate::spare::SpareFrames;
use crate::stream::Stream;
use crate::sys::memfd;
use crate::sys::slot::{Identity, Numbers, Share, Slot, SlotState};
use crate::sys::socket;
use crate::sys::table::SlotIndex;

/// A connected worker.
#[derive(Debug)]
pub struct Peer {
    socket: OwnedFd,
    /// Its user, by SO_PEERCRED.
    pub uid: u32,
    stage: Stage,
    deadline: Instant,
    /// It has given a connection away before.
    has_committed: bool,
    /// It has announced an offer that has not come yet.
    has_announced: bool,
}

#[derive(Debug)]
enum Stage {
    /// Connected; an offer is expected.
    AwaitingOffer,
    /// Its offer was accepted and all that the download needs is at hand; the commit is expected.
    Offered {
        slot: SlotIndex,
        id: OfferId,
        job: Box<Job>,
    },
}

/// What the loop must do with a peer.
#[derive(Debug)]
pub enum PeerOutcome {
    /// Nothing: wait for its next packet.
    Keep,
    /// An offer may come very soon: wait for it without going to sleep.
    Announced,
    /// The commit has come: start the download. The peer may make its next offer.
    Spawn(SlotIndex, Box<Job>),
    /// Close it, for this reason.
    Close(CloseReason),
}

/// Why a peer is closed.
#[derive(Debug)]
pub enum CloseReason {
    /// The worker closed its end without a commit: it keeps the connection.
    Withdrawn,
    /// It sent no offer in time.
    Idle,
    /// It had its download, and is to make its next offer elsewhere, or there is none for now.
    NotNeeded,
    /// It sent no commit in time.
    OfferExpired,
    /// Its offer was rejected.
    Rejected(OfferError),
    /// It sent something that is not the commit to its offer.
    NotACommit,
    /// The connection failed.
    Broken(io::Error),
}

/// Why an offer is rejected.
#[derive(Debug, thiserror::Error)]
pub enum OfferError {
    /// No room for another download.
    #[error("too many downloads or descriptors, of all or of this user, or too much memory held")]
    Busy,
    /// The manager is ending.
    #[error("the manager is shutting down")]
    Draining,
    /// The packet is none, or its descriptors.
    #[error(transparent)]
    Receive(#[from] ReceiveError),
    /// The packet breaks the format.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// Not a connection that bytes may be sent on.
    #[error("the connection is not a connected TCP stream or, for FastCGI, a Unix stream: {0}")]
    Connection(io::Error),
    /// Raw bytes on a Unix socket would carry the manager's rights.
    #[error("raw framing is for TCP connections only")]
    RawOnUnix,
    /// A directory, a pipe, a device.
    #[error("the second descriptor is not a regular file")]
    NotARegularFile,
    /// Not a file that may be read.
    #[error("the file is not open for reading")]
    FileNotReadable,
    /// A read of the file could hang, and every download with it.
    #[error("the file is on a network or FUSE file system (--allow-remote-files takes those)")]
    RemoteFile,
    /// A span ends behind the file's end.
    #[error("a span ends at {end}, the file at {size}")]
    SpanOutsideFile {
        /// The end of the span.
        end: u64,
        /// The size of the file.
        size: u64,
    },
    /// The connection carries a download already.
    #[error("the connection is carrying a download already")]
    Duplicate,
    /// Memory or descriptors for the download could not be had.
    #[error("could not prepare the download: {0}")]
    Prepare(io::Error),
}

impl From<&OfferError> for Reason {
    fn from(error: &OfferError) -> Reason {
        match error {
            OfferError::Busy => Reason::Busy,
            OfferError::Draining => Reason::Draining,
            OfferError::Receive(error) => (*error).into(),
            OfferError::Decode(error) => (*error).into(),
            OfferError::Connection(_) | OfferError::RawOnUnix => Reason::Connection,
            OfferError::NotARegularFile
            | OfferError::FileNotReadable
            | OfferError::RemoteFile
            | OfferError::SpanOutsideFile { .. } => Reason::File,
            OfferError::Duplicate => Reason::Duplicate,
            OfferError::Prepare(_) => Reason::Resources,
        }
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            CloseReason::Withdrawn => f.write_str("withdrawn by the worker"),
            CloseReason::Idle => f.write_str("no offer came in time"),
            CloseReason::NotNeeded => f.write_str("not needed for now"),
            CloseReason::OfferExpired => f.write_str("no commit came in time"),
            CloseReason::Rejected(error) => write!(f, "rejected: {error}"),
            CloseReason::NotACommit => f.write_str("sent something else than the commit"),
            CloseReason::Broken(error) => write!(f, "connection failed: {error}"),
        }
    }
}

/// What the loop knows that decides about an offer.
pub struct Admission<'a> {
    /// Why no offer is taken at all now.
    pub refusal: Option<OfferError>,
    /// What may still be held beyond the slots.
    pub memory_left_bytes: u64,
    /// Files may be on file systems that can hang.
    pub allow_remote_files: bool,
    /// What is known of them.
    pub mounts: &'a mut Mounts,
    /// Memory for them of FastCGI.
    pub frames: &'a mut SpareFrames,
    /// Whether a connection, by its cookie, carries a download.
    pub is_active: &'a dyn Fn(u64) -> bool,
}

impl Peer {
    /// A worker that has just connected.
    pub fn new(socket: OwnedFd, uid: u32, now: Instant) -> Peer {
        Peer {
            socket,
            uid,
            stage: Stage::AwaitingOffer,
            deadline: now + PEER_IDLE_TIMEOUT,
            has_committed: false,
            has_announced: false,
        }
    }

    /// Its connection, for registering.
    pub fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// When it must have sent its next packet.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// The slot of its offer.
    pub fn slot(&self) -> Option<SlotIndex> {
        match &self.stage {
            Stage::AwaitingOffer => None,
            Stage::Offered { slot, .. } => Some(*slot),
        }
    }

    /// The connection of its offer, by its cookie.
    pub fn cookie(&self) -> Option<u64> {
        match &self.stage {
            Stage::AwaitingOffer => None,
            Stage::Offered { job, .. } => Some(job.cookie()),
        }
    }

    /// How many descriptors it and its offer hold.
    pub fn descriptor_count(&self) -> usize {
        match &self.stage {
            Stage::AwaitingOffer => 1,
            Stage::Offered { job, .. } => 1 + job.descriptor_count(),
        }
    }

    /// Receives the offer into `slot` and answers it. The slot stays this peer's only on `Keep`, and only if
    /// [`Peer::slot`] then names it.
    pub fn receive_offer(
        &mut self,
        index: SlotIndex,
        slot: &Slot,
        admission: Admission,
        offer_timeout: Duration,
        now: Instant,
    ) -> PeerOutcome {
        let (bytes, descriptors) = match slot.receive_offer(self.socket.as_fd()) {
            Ok(received) => received,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return PeerOutcome::Keep,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return PeerOutcome::Keep,
            Err(error) => return PeerOutcome::Close(CloseReason::Broken(error)),
        };
        if bytes == 0 {
            return PeerOutcome::Close(CloseReason::Withdrawn);
        }
        self.answer_offer(index, slot, descriptors, admission, offer_timeout, now)
    }

    /// Answers the offer whose packet is in `slot`, received by this process or by one that has died since.
    pub fn answer_offer(
        &mut self,
        index: SlotIndex,
        slot: &Slot,
        descriptors: Result<send_file_wire::Descriptors, ReceiveError>,
        mut admission: Admission,
        offer_timeout: Duration,
        now: Instant,
    ) -> PeerOutcome {
        let packet = slot.packet();
        if Announcement::decode(&packet).is_ok() && !self.has_announced {
            self.has_announced = true;
            return PeerOutcome::Announced;
        }
        self.has_announced = false;
        crash::point_of("offer.heard", &packet[packet.len().saturating_sub(6)..]);
        let offer = descriptors
            .map_err(OfferError::from)
            .and_then(|descriptors| {
                if let Some(refusal) = admission.refusal.take() {
                    return Err(refusal);
                }
                let offer = Offer::decode(&packet)?;
                let share = Share {
                    uid: self.uid,
                    memory_bytes: memory_bytes(packet.len(), &offer),
                };
                let memory_bytes = u64::from(share.memory_bytes);
                // Long offers of some users leave room for the ordinary ones of all.
                let is_long = memory_bytes > MEMORY_BYTES_PER_JOB;
                if is_long && memory_bytes > admission.memory_left_bytes {
                    return Err(OfferError::Busy);
                }
                slot.set_share(share);
                let job = prepare(
                    &offer,
                    descriptors,
                    slot,
                    self.socket.as_fd(),
                    &mut admission,
                    now,
                )?;
                Ok((offer.id, Box::new(job)))
            });
        let answer = match &offer {
            Ok((id, _)) => {
                crash::point("offer.prepared");
                slot.set_state(SlotState::Offered);
                crash::point("offer.offered");
                Answer::Accept(*id)
            }
            Err(error) => Answer::Reject(Offer::claimed_id(&packet), error.into()),
        };
        // A worker that did not wait for the answer has closed, and never sees an accept: it cannot have committed.
        let answered = channel::send(self.socket.as_fd(), &answer.encode(), &[]);
        crash::point("offer.answered");
        match (offer, answered) {
            (Err(error), _) => PeerOutcome::Close(CloseReason::Rejected(error)),
            (Ok(_), Err(_)) => PeerOutcome::Close(CloseReason::Withdrawn),
            (Ok((id, job)), Ok(())) => {
                self.deadline = now + offer_timeout;
                self.stage = Stage::Offered {
                    slot: index,
                    id,
                    job,
                };
                PeerOutcome::Keep
            }
        }
    }

    /// The worker of an offer that another process accepted before it died. It may not have been told, so it is now; one
    /// that was told finds a second answer that it never reads.
    pub fn resume(
        socket: OwnedFd,
        index: SlotIndex,
        slot: &Slot,
        job: Box<Job>,
        offer_timeout: Duration,
        now: Instant,
    ) -> Peer {
        let uid = socket::peer_uid(socket.as_fd()).unwrap_or(u32::MAX);
        let id = Offer::claimed_id(&slot.packet());
        // It fails for a worker that has closed, and even then its commit may be there to be read.
        let _ = channel::send(socket.as_fd(), &Answer::Accept(id).encode(), &[]);
        Peer {
            socket,
            uid,
            stage: Stage::Offered {
                slot: index,
                id,
                job,
            },
            deadline: now + offer_timeout,
            has_committed: false,
            has_announced: false,
        }
    }

    /// Its download has begun: the next offer is expected.
    pub fn rest(&mut self, now: Instant) {
        self.deadline = now + PEER_IDLE_TIMEOUT;
        self.has_committed = true;
    }

    /// Why it is closed when it has no offer.
    pub fn why_idle(&self) -> CloseReason {
        match self.has_committed {
            true => CloseReason::NotNeeded,
            false => CloseReason::Idle,
        }
    }

    /// Receives the commit of an accepted offer into its slot.
    pub fn receive_commit(&mut self, slot: &Slot) -> PeerOutcome {
        let mut has_ended = false;
        let received = loop {
            match slot.receive_commit(self.socket.as_fd()) {
                // A worker that closed with an answer unread leaves this error in front of its commit.
                Err(Errno::EINTR | Errno::ECONNRESET) => {}
                // Linux looks at the queue first and for the end then: a worker that commits and closes in between is
                // reported as having ended while its commit is queued. Behind the end nothing can be queued any more,
                // so that the second answer is right.
                Ok(0) if !has_ended => has_ended = true,
                received => break received,
            }
        };
        crash::point("commit.received");
        match received {
            Err(Errno::EAGAIN) => return PeerOutcome::Keep,
            Err(errno) => return PeerOutcome::Close(CloseReason::Broken(errno.into())),
            Ok(0) => return PeerOutcome::Close(CloseReason::Withdrawn),
            Ok(HEADER_BYTES) if slot.commit().map(|commit| commit.0) == self.offer_id() => {}
            Ok(_) => return PeerOutcome::Close(CloseReason::NotACommit),
        }
        match std::mem::replace(&mut self.stage, Stage::AwaitingOffer) {
            Stage::Offered { slot, job, .. } => PeerOutcome::Spawn(slot, job),
            Stage::AwaitingOffer => PeerOutcome::Close(CloseReason::NotACommit),
        }
    }

    /// Its deadline has come. An accepted offer is given up so that a commit under way is either honoured or seen to
    /// fail by the worker: what was queued before the shutdown can still be read, what is sent after it fails.
    pub fn expire(&mut self, slot: Option<&Slot>) -> PeerOutcome {
        let Some(slot) = slot else {
            return PeerOutcome::Close(self.why_idle());
        };
        if let Err(errno) = shutdown(self.socket.as_raw_fd(), Shutdown::Read) {
            tracing::warn!(%errno, "could not shut down the connection of an expired offer");
        }
        crash::point("offer.given_up");
        match self.receive_commit(slot) {
            PeerOutcome::Close(CloseReason::Withdrawn) | PeerOutcome::Keep => {
                PeerOutcome::Close(CloseReason::OfferExpired)
            }
            outcome => outcome,
        }
    }

    /// What it leaves open if its process dies.
    pub fn leave_open(self) -> Vec<OwnedFd> {
        let mut left = match self.stage {
            Stage::AwaitingOffer => Vec::new(),
            Stage::Offered { job, .. } => job.leave_open(),
        };
        left.push(self.socket);
        left
    }

    fn offer_id(&self) -> Option<OfferId> {
        match &self.stage {
            Stage::AwaitingOffer => None,
            Stage::Offered { id, .. } => Some(*id),
        }
    }
}

/// Checks an offer against its descriptors and makes everything its download will need, so that nothing can fail for
/// want of it after the commit. The connection is looked at, not touched: it is still the worker's.
fn prepare(
    offer: &Offer,
    descriptors: send_file_wire::Descriptors,
    slot: &Slot,
    peer: BorrowedFd,
    admission: &mut Admission,
    now: Instant,
) -> Result<Job, OfferError> {
    let kind = socket::inspect(descriptors.connection.as_fd()).map_err(OfferError::Connection)?;
    if kind == socket::Kind::Unix && offer.framing == Framing::Raw {
        return Err(OfferError::RawOnUnix);
    }
    let cookie = socket::cookie(descriptors.connection.as_fd()).map_err(OfferError::Connection)?;
    if (admission.is_active)(cookie) {
        return Err(OfferError::Duplicate);
    }
    if !socket::is_readable(&descriptors.file).map_err(OfferError::Prepare)? {
        return Err(OfferError::FileNotReadable);
    }
    let failed = |errno: Errno| OfferError::Prepare(errno.into());
    let file = descriptors.file.as_fd();
    // Before anything that asks the file system.
    if !admission.allow_remote_files && admission.mounts.is_remote(file).map_err(failed)? {
        return Err(OfferError::RemoteFile);
    }
    let stat = fstat(file).map_err(failed)?;
    if SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT != SFlag::S_IFREG {
        return Err(OfferError::NotARegularFile);
    }
    let size = u64::try_from(stat.st_size).unwrap_or(0);
    for part in &offer.parts {
        if let Part::Span { offset, len } = part
            && offset + len > size
        {
            return Err(OfferError::SpanOutsideFile {
                end: offset + len,
                size,
            });
        }
    }

    let (stream, materials) = Stream::new(offer);
    slot.set_intent(stream.intent());
    let literals = match &materials.literals[..] {
        [] => None,
        bytes => {
            let made = memfd::with_bytes("send-file-literals", bytes, bytes.len() as u64);
            Some(made.map_err(OfferError::Prepare)?)
        }
    };
    let frames = match &materials.frames[..] {
        [] => None,
        template => Some(
            admission
                .frames
                .take(template, now)
                .map_err(OfferError::Prepare)?,
        ),
    };

    slot.set_identity(Identity {
        cookie,
        device: stat.st_dev,
        inode: stat.st_ino,
    });
    slot.set_numbers(Numbers {
        staging: -1,
        peer: peer.as_raw_fd(),
        connection: descriptors.connection.as_raw_fd(),
        file: descriptors.file.as_raw_fd(),
        literals: literals.as_ref().map_or(-1, AsRawFd::as_raw_fd),
        frames: frames.as_ref().map_or(-1, AsRawFd::as_raw_fd),
    });
    slot.seal();
    let send_file_wire::Descriptors { connection, file } = descriptors;
    let descriptors = job::Descriptors {
        connection,
        file,
        literals,
        frames,
    };
    Ok(Job::new(
        stream,
        descriptors,
        kind,
        cookie,
        offer.tag.clone(),
        offer.rate,
        now,
    ))
}
