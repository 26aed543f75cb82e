//! How a job ends: cut, broken, or lingering until the other side has everything.
#![forbid(unsafe_code)]

use std::time::Instant;

use super::{Job, Stage, Turn};
use crate::crash;
use crate::limits::{CUT_TIMEOUT, LINGER_MAX_BYTES};
use crate::outcome::Outcome;
use crate::sink::Cut;
use crate::sys::slot::Slot;
use crate::sys::socket;

impl Job {
    /// Whether it is ended early already.
    pub fn is_cut(&self) -> bool {
        matches!(self.stage, Stage::Cutting { .. })
    }

    /// Ends the download early so that the other side can see it: orderly where the web server understands that, by
    /// breaking the connection where not.
    pub fn cut(&mut self, slot: &Slot, reason: Outcome, now: Instant) -> Turn {
        match self.stage {
            Stage::Sending => {}
            // Nothing is left to cut: the kernel delivers what it was given, unless input is left unread.
            Stage::Cutting { reason } | Stage::Lingering { reason, .. } => {
                let _ = self.discard_input();
                return Turn::Ended(reason);
            }
        }
        let Some(how) = cut_for(reason) else {
            return Turn::Ended(reason);
        };
        if !self.stream.cut(how) {
            return Turn::Ended(reason);
        }
        slot.set_cut(reason);
        crash::point("cut.stored");
        self.stage = Stage::Cutting { reason };
        self.check_at = now + CUT_TIMEOUT;
        Turn::Again
    }

    /// Says in the log how it ended. The close that follows breaks the connection where not everything arrived.
    pub fn end(&self, outcome: Outcome, now: Instant) {
        let mut bytes = self.stream.body_sent();
        if outcome != Outcome::Complete {
            if self.kind == socket::Kind::Tcp {
                bytes = bytes.saturating_sub(self.unacknowledged());
            }
            socket::reset_on_close(self.connection());
        }
        tracing::info!(
            // As a string: the log quotes and escapes it by its own rules.
            tag = &*String::from_utf8_lossy(&self.tag),
            bytes,
            of = self.stream.body_bytes(),
            duration_ms = now.duration_since(self.started).as_millis() as u64,
            outcome = %outcome,
            "download ended"
        );
    }

    /// How a broken connection ends the download. One whose whole body was taken is complete all the same. A client must
    /// have acknowledged it; a web server that knows the length may close without reading FastCGI's end, or before it
    /// is sent, and then nothing tells what else it left unread.
    pub(super) fn broken(&self) -> Outcome {
        let body_taken =
            self.body_left() && (self.stream.is_framed() || self.unacknowledged() == 0);
        match self.stage {
            Stage::Sending if body_taken => Outcome::Complete,
            Stage::Lingering { reason, .. } if body_taken || reason != Outcome::Complete => reason,
            Stage::Cutting { reason } => reason,
            Stage::Sending | Stage::Lingering { .. } => Outcome::ClientGone,
        }
    }

    pub(super) fn body_left(&self) -> bool {
        self.stream.body_sent() == self.stream.body_bytes()
    }

    /// The stage when all has been sent.
    pub(super) fn lingering(&self) -> Stage {
        let reason = match self.stage {
            Stage::Cutting { reason } if !self.body_left() => reason,
            _ => Outcome::Complete,
        };
        Stage::Lingering {
            reason,
            inbound_before: self.inbound_bytes,
        }
    }

    pub(super) fn linger(&mut self, reason: Outcome, inbound_before: u64) -> Turn {
        if self.input_ended && socket::is_broken(self.connection()) {
            return Turn::Ended(self.broken());
        }
        let over = self.input_ended && self.unacknowledged() == 0;
        if over || self.inbound_bytes - inbound_before > LINGER_MAX_BYTES {
            return Turn::Ended(reason);
        }
        if self.readable {
            Turn::Again
        } else {
            Turn::Wait
        }
    }

    /// What the other side has not acknowledged; our own end, which is one on TCP once it was sent, not counted.
    pub(super) fn unacknowledged(&self) -> u64 {
        let end_was_sent = matches!(self.stage, Stage::Lingering { .. });
        let own_end = u64::from(self.kind == socket::Kind::Tcp && end_was_sent);
        socket::unacknowledged(self.connection()).saturating_sub(own_end)
    }
}

/// How a response that ends for this reason can be ended in order.
pub(super) fn cut_for(reason: Outcome) -> Option<Cut> {
    match reason {
        Outcome::FileTruncated => Some(Cut::WithZeros),
        // The file looks unchanged to a client that comes back for the rest: what it has must be right.
        Outcome::ReadFailed(_) => Some(Cut::Here),
        Outcome::CutByShutdown => Some(Cut::AfterRecord),
        _ => None,
    }
}
