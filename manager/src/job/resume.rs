//! A download that another process began: where it stands, by its slot and by what the kernel says.
//!
//! Every witness is heard, and where two contradict each other the download is not gone on with.
#![forbid(unsafe_code)]

use std::os::fd::{AsFd, OwnedFd};
use std::time::Instant;

use nix::errno::Errno;
use nix::sys::stat::fstat;
use nix::unistd::{Whence, lseek};
use send_file_wire::{DecodeError, Framing, Offer};

use super::ending::cut_for;
use super::{Descriptors, Job, Stage};
use crate::outcome::Outcome;
use crate::sink::TEMPLATE_BYTES;
use crate::source::Intent;
use crate::staging::Staging;
use crate::stream::{Positions, Stream};
use crate::sys::memfd;
use crate::sys::slot::{Identity, Slot, SlotState};
use crate::sys::socket;

/// Why a download is not gone on with.
#[derive(Debug, thiserror::Error)]
pub enum Contradiction {
    /// The slot does not hold what was stored there.
    #[error("its slot in the table was damaged")]
    Slot,
    /// The offer in the slot is none.
    #[error(transparent)]
    Offer(#[from] DecodeError),
    /// A number means another connection or file now.
    #[error("its descriptors are not those it began with")]
    Identity,
    /// The memfds do not hold what was put into them.
    #[error("its literal bytes or frames have changed")]
    Materials,
    /// The positions cannot come from this offer and intent.
    #[error("the positions of its descriptors contradict each other")]
    Positions,
    /// TCP was given another number of bytes than have left the file.
    #[error("{given} bytes were given to TCP, {sent} by the positions")]
    Given {
        /// By the connection.
        given: u64,
        /// By the positions.
        sent: u64,
    },
    /// A descriptor could not be asked.
    #[error("a descriptor could not be asked: {0}")]
    Asking(#[from] std::io::Error),
}

impl From<Errno> for Contradiction {
    fn from(errno: Errno) -> Contradiction {
        Contradiction::Asking(errno.into())
    }
}

/// What all witnesses agree about.
#[derive(Debug)]
pub struct Place {
    offer: Offer,
    stream: Stream,
    kind: socket::Kind,
    cookie: u64,
    /// Why the response is about to end early.
    cut: Option<Outcome>,
    /// All has been given to the kernel, the end, too.
    lingers: bool,
}

impl Place {
    /// Where the download in a slot stands.
    ///
    /// # Errors
    /// Why it must not be gone on with.
    pub fn find(
        slot: &Slot,
        descriptors: &Descriptors,
        staging: Option<&Staging>,
    ) -> Result<Place, Contradiction> {
        if !slot.is_sealed() {
            return Err(Contradiction::Slot);
        }
        let offer = Offer::decode(&slot.packet())?;
        let identity = identify(descriptors)?;
        if identity != slot.identity() {
            return Err(Contradiction::Identity);
        }
        let (_, materials) = Stream::new(&offer);
        let literal_bytes = materials.literals.len() as u64;
        if !holds(&descriptors.literals, &materials.literals, literal_bytes)
            || !holds(&descriptors.frames, &materials.frames, TEMPLATE_BYTES)
        {
            return Err(Contradiction::Materials);
        }
        let positions = positions(descriptors, staging)?;
        let (intent, cut) = word_of(slot)?;
        let stream = Stream::resume(&offer, intent, positions, cut.and_then(cut_for))
            .ok_or(Contradiction::Positions)?;
        let is_new = slot.state() == Some(SlotState::Offered);
        if is_new && stream.body_sent() > 0 {
            return Err(Contradiction::Positions);
        }
        // Only for raw bytes is what the connection was given what has left the file.
        if offer.framing == Framing::Raw
            && !is_new
            && let Some(base) = slot.base().map_err(|_| Contradiction::Slot)?
            && let Some(given) = socket::bytes_given(descriptors.connection.as_fd())
        {
            let (given, sent) = (given.wrapping_sub(base), stream.body_sent());
            if given != sent {
                return Err(Contradiction::Given { given, sent });
            }
        }
        Ok(Place {
            kind: socket::kind_of(descriptors.connection.as_fd())?,
            cookie: identity.cookie,
            offer,
            stream,
            cut,
            lingers: slot.state() == Some(SlotState::Lingering),
        })
    }
}

impl Job {
    /// The download at its place. Nothing is done to the connection.
    pub fn resume(
        place: Place,
        descriptors: Descriptors,
        staging: Option<Staging>,
        now: Instant,
    ) -> Job {
        let Place {
            offer,
            stream,
            kind,
            cookie,
            cut,
            lingers,
        } = place;
        let mut job = Job::new(
            stream,
            descriptors,
            kind,
            cookie,
            offer.tag,
            offer.rate,
            now,
        );
        job.staging = staging;
        if let Some(reason) = cut {
            job.stage = Stage::Cutting { reason };
        }
        if lingers {
            job.stage = job.lingering();
        }
        job
    }

    /// What it leaves open if its process dies.
    pub fn leave_open(self) -> Vec<OwnedFd> {
        let Descriptors {
            connection,
            file,
            literals,
            frames,
        } = self.descriptors;
        let staging = self.staging.map(OwnedFd::from);
        let others = [literals, frames, staging].into_iter().flatten();
        [connection, file].into_iter().chain(others).collect()
    }
}

/// What was about to be done, and why it is about to end early. An end that is not in order is none that is stored as such.
fn word_of(slot: &Slot) -> Result<(Intent, Option<Outcome>), Contradiction> {
    let intent = slot.intent().ok_or(Contradiction::Slot)?;
    let cut = slot.cut().map_err(|_| Contradiction::Slot)?;
    if slot.outcome().is_err() || cut.is_some_and(|reason| cut_for(reason).is_none()) {
        return Err(Contradiction::Slot);
    }
    Ok((intent, cut))
}

/// What the connection and the file are, whatever numbers they have.
///
/// # Errors
/// Those of getsockopt(2) and fstat(2).
fn identify(descriptors: &Descriptors) -> std::io::Result<Identity> {
    let stat = fstat(&descriptors.file)?;
    Ok(Identity {
        cookie: socket::cookie(descriptors.connection.as_fd())?,
        device: stat.st_dev,
        inode: stat.st_ino,
    })
}

fn positions(
    descriptors: &Descriptors,
    staging: Option<&Staging>,
) -> Result<Positions, Contradiction> {
    let position = |of: &OwnedFd| lseek(of, 0, Whence::SeekCur).map(i64::cast_unsigned);
    let of_memfd = |memfd: &Option<OwnedFd>| memfd.as_ref().map_or(Ok(0), position);
    Ok(Positions {
        file: match staging {
            Some(staging) => staging.position()?,
            None => position(&descriptors.file)?,
        },
        literals: of_memfd(&descriptors.literals)?,
        frames: of_memfd(&descriptors.frames)?,
    })
}

fn holds(memfd: &Option<OwnedFd>, bytes: &[u8], len: u64) -> bool {
    match memfd {
        Some(memfd) => memfd::holds(memfd, bytes, len),
        None => bytes.is_empty(),
    }
}
