//! What a step of a job does to the connection: sending, within what its rate allows, and moving positions.
#![forbid(unsafe_code)]

use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Instant;

use nix::errno::Errno;
use nix::sys::sendfile::sendfile;
use nix::unistd::{Whence, lseek};
use send_file_wire::Pace;

use super::{Descriptors, Job, Stage};
use crate::crash;
use crate::limits::RETRY_INTERVAL;
use crate::outcome::Outcome;
use crate::source::From;
use crate::staging::Staging;
use crate::sys::slot::Slot;
use crate::sys::socket;

impl Job {
    /// How many bytes from here may leave now. With none the job waits for its rate.
    pub(super) fn allowance(&mut self, from: From, now: Instant) -> u64 {
        let Some(pace) = self.pace_of(from) else {
            return u64::MAX;
        };
        let allowed = pace.allowance(now);
        if allowed == 0 {
            self.paced_until = Some(pace.ready_at());
            self.note_progress(now);
        }
        allowed
    }

    /// Frames are not the body, and what completes the record of a download that is cut is soon over.
    pub(super) fn pace_of(&mut self, from: From) -> Option<&mut Pace> {
        match self.stage {
            Stage::Sending if from != From::Frames => self.pace.as_mut(),
            _ => None,
        }
    }

    pub(super) fn end_pause(&mut self, now: Instant) {
        if self.paced_until.is_some() {
            self.note_progress(now);
            self.paced_until = None;
        }
    }

    pub(super) fn seek(&mut self, from: From, to: u64) -> nix::Result<()> {
        match self.staging.as_ref().filter(|_| from == From::File) {
            Some(staging) => staging.seek(to),
            None => lseek(self.descriptor(from), to as i64, Whence::SeekSet).map(drop),
        }
    }

    pub(super) fn send(
        &mut self,
        slot: &Slot,
        from: From,
        max: u64,
        now: Instant,
    ) -> Result<Option<u64>, Outcome> {
        let sent = match self.staging.as_ref().filter(|_| from == From::File) {
            Some(staging) => staging
                .send(
                    self.connection(),
                    &self.descriptors.file,
                    self.stream.file_offset(),
                    max,
                )
                .map_err(Outcome::ReadFailed)?,
            None => sendfile(self.connection(), self.descriptor(from), None, max as usize),
        };
        match sent {
            Ok(0) => Err(Outcome::FileTruncated),
            Ok(bytes) => {
                crash::point("step.sent");
                if self.is_cut() {
                    crash::point("cut.sent");
                }
                self.given_bytes += bytes as u64;
                self.stream.advance(from, bytes as u64);
                if let Some(pace) = self.pace_of(from) {
                    pace.spend(bytes as u64);
                }
                Ok(Some(bytes as u64))
            }
            Err(Errno::EINTR) => Ok(Some(0)),
            Err(Errno::EAGAIN) => {
                self.note_progress(now);
                // A Unix socket gives no event before most of its buffer is free; while cutting there is no time for that.
                if self.progress.pending() == 0 || matches!(self.stage, Stage::Cutting { .. }) {
                    // Nothing is under way whose arrival would make room: the kernel lacks memory for socket buffers
                    // and will send no event.
                    self.retry_at = Some(now + RETRY_INTERVAL);
                }
                Ok(None)
            }
            Err(Errno::ENOMEM | Errno::ENOBUFS) => {
                self.retry_at = Some(now + RETRY_INTERVAL);
                Ok(None)
            }
            Err(Errno::EPIPE | Errno::ECONNRESET) => Err(self.broken()),
            Err(Errno::EINVAL | Errno::ENOSYS) if from == From::File && self.staging.is_none() => {
                let staging =
                    Staging::at(self.stream.file_offset()).map_err(Outcome::ReadFailed)?;
                crash::point("staging.made");
                slot.set_staging(staging.as_raw_fd());
                crash::point("staging.stored");
                self.staging = Some(staging);
                Ok(Some(0))
            }
            // The same numbers can come from the connection (it timed out) and from the file (its server did).
            Err(_) if !socket::is_connected(self.connection()) => Err(self.broken()),
            Err(errno) if from == From::File => Err(Outcome::ReadFailed(errno)),
            Err(errno) => Err(Outcome::SendFailed(errno)),
        }
    }

    fn descriptor(&self, from: From) -> &OwnedFd {
        let Descriptors {
            file,
            literals,
            frames,
            ..
        } = &self.descriptors;
        let chosen = match from {
            From::File => Some(file),
            From::Literals => literals.as_ref(),
            From::Frames => frames.as_ref(),
        };
        chosen.expect("made with the offer")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::Turn;
    use crate::stream::Stream;
    use crate::sys::memfd;
    use crate::sys::table::JobTable;
    use nix::fcntl::{FcntlArg, OFlag, fcntl};
    use nix::unistd::{pipe, read};
    use send_file_wire::{Framing, Offer, OfferId, Part};
    use std::time::Duration;

    /// A pipe plays a connection that the kernel has no memory for: it takes no more, and has no queue to speak of.
    #[test]
    fn a_connection_that_takes_nothing_although_nothing_is_pending_is_tried_again_by_the_clock() {
        const BODY_BYTES: u64 = 1 << 20;
        let (ours, theirs) = pipe().unwrap();
        fcntl(&theirs, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
        let offer = Offer {
            id: OfferId(1),
            framing: Framing::Raw,
            rate: None,
            parts: vec![Part::Span {
                offset: 0,
                len: BODY_BYTES,
            }],
            tag: Vec::new(),
        };
        let descriptors = Descriptors {
            connection: theirs,
            file: memfd::with_bytes("test", b"x", BODY_BYTES).unwrap(),
            literals: None,
            frames: None,
        };
        let mut table = JobTable::create(1).unwrap();
        let index = table.claim().unwrap();
        let slot = table.slot(index);
        let now = Instant::now();
        let (stream, _) = Stream::new(&offer);
        let kind = socket::Kind::Tcp;
        let mut job = Job::new(stream, descriptors, kind, 0, Vec::new(), None, now);
        // There is nothing to be read from a pipe's other end.
        job.readable = false;
        job.check_at = now + Duration::from_secs(60);

        assert_eq!(job.turn(&slot, now), Turn::Wait);
        let sent = job.body_sent();
        assert!(sent > 0 && sent < BODY_BYTES);
        assert_eq!(job.deadline(), now + RETRY_INTERVAL);
        // An hour of that is nobody's fault.
        let later = now + Duration::from_secs(3600);
        assert_eq!(job.timed_out(Duration::from_secs(60), later), Turn::Again);
        assert_eq!(job.turn(&slot, later), Turn::Wait);
        assert_eq!(job.timed_out(Duration::from_secs(60), later), Turn::Wait);
        read(&ours, &mut [0; 4096]).unwrap();
        let retry_at = later + RETRY_INTERVAL;
        assert_eq!(
            job.timed_out(Duration::from_secs(60), retry_at),
            Turn::Again
        );
        assert_eq!(job.turn(&slot, retry_at), Turn::Wait);
        assert!(job.body_sent() > sent);
        // Even if nothing says when.
        job.woken(false);
        let check_at = job.deadline();
        assert_eq!(
            job.timed_out(Duration::from_secs(60), check_at),
            Turn::Again
        );
    }
}
