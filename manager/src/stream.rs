//! The bytes of one response, body and frames together: what to do next.
//!
//! A state machine without I/O. The job carries out each step and says what came of it.
#![forbid(unsafe_code)]

use send_file_wire::{Framing, Offer, Part};

use crate::sink::{Cut, FrameStep, Records, ends_early_in_order};
use crate::source::{BodyStep, From, Intent, Source};

/// The next thing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Move the position of a descriptor, then say [`Stream::sought`].
    Seek {
        /// Of this one.
        from: From,
        /// To this offset.
        to: u64,
    },
    /// Send up to so many bytes, then say [`Stream::advance`].
    Send {
        /// From here.
        from: From,
        /// At most.
        max: u64,
    },
    /// All bytes have been given to the kernel.
    Done,
}

/// The bytes of one response and the place in them.
#[derive(Debug)]
pub struct Stream {
    source: Source,
    records: Option<Records>,
    /// A web server that understands an early end as an error.
    can_end_early: bool,
}

/// Where the kernel says the descriptors of a stream stand; 0 for one it does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Positions {
    /// The file, or what its pieces are staged in.
    pub file: u64,
    /// The literal bytes.
    pub literals: u64,
    /// The FastCGI frames.
    pub frames: u64,
}

/// What must be put into memfds before a stream can start.
#[derive(Debug, PartialEq, Eq)]
pub struct Materials {
    /// The literal bytes of the offer, one after the other.
    pub literals: Vec<u8>,
    /// The FastCGI frames.
    pub frames: Vec<u8>,
}

impl Stream {
    /// The response that an offer describes, at its start.
    pub fn new(offer: &Offer) -> (Stream, Materials) {
        let source = Source::new(&offer.parts);
        let literals = offer.parts.iter().filter_map(|part| match part {
            Part::Literal(bytes) => Some(&bytes[..]),
            Part::Span { .. } => None,
        });
        let literals = literals.collect::<Vec<_>>().concat();
        let (records, frames, can_end_early) = match offer.framing {
            Framing::Raw => (None, Vec::new(), false),
            Framing::FastCgi(fastcgi) => {
                let (records, frames) = Records::new(fastcgi, source.body_bytes());
                (Some(records), frames, ends_early_in_order(fastcgi))
            }
        };
        (
            Stream {
                source,
                records,
                can_end_early,
            },
            Materials { literals, frames },
        )
    }

    /// The response that an offer describes at the place that intent and positions tell, or `None` where they contradict
    /// each other. `cut` is how it was about to end early.
    pub fn resume(
        offer: &Offer,
        intent: Intent,
        positions: Positions,
        cut: Option<Cut>,
    ) -> Option<Stream> {
        let Positions {
            file,
            literals,
            frames,
        } = positions;
        let source = Source::resume(&offer.parts, intent, file, literals)?;
        let (body_bytes, sent) = (source.body_bytes(), source.sent());
        let (records, can_end_early) = match offer.framing {
            Framing::Raw if cut.is_some() => return None,
            Framing::Raw => (None, false),
            Framing::FastCgi(fastcgi) => {
                let (records, _) = Records::resume(fastcgi, body_bytes, sent, frames, cut)?;
                (Some(records), ends_early_in_order(fastcgi))
            }
        };
        Some(Stream {
            source,
            records,
            can_end_early,
        })
    }

    /// What to do next.
    pub fn next(&self) -> Step {
        let room = match &self.records {
            None => u64::MAX,
            Some(records) => match records.next(self.source.sent()) {
                FrameStep::Seek { to } => {
                    return Step::Seek {
                        from: From::Frames,
                        to,
                    };
                }
                FrameStep::Send { max } => {
                    return Step::Send {
                        from: From::Frames,
                        max,
                    };
                }
                FrameStep::Body { max } => max,
                FrameStep::Done => return Step::Done,
            },
        };
        match self.source.next() {
            BodyStep::Seek { to } => Step::Seek {
                from: From::File,
                to,
            },
            BodyStep::Send { from, max } => Step::Send {
                from,
                max: max.min(room),
            },
            BodyStep::Done => Step::Done,
        }
    }

    /// The position was moved as [`Step::Seek`] asked.
    pub fn sought(&mut self, from: From, to: u64) {
        match (from, &mut self.records) {
            (From::Frames, Some(records)) => records.sought(to),
            _ => self.source.sought(),
        }
    }

    /// So many bytes were sent, no more than [`Step::Send`] allowed.
    pub fn advance(&mut self, from: From, bytes: u64) {
        match (from, &mut self.records) {
            (From::Frames, Some(records)) => records.advance(bytes),
            _ => self.source.advance(bytes),
        }
    }

    /// Ends the response early, where that can be done so that the other side sees it. False: close the connection.
    pub fn cut(&mut self, how: Cut) -> bool {
        let body_sent = self.source.sent();
        match &mut self.records {
            Some(records) if self.can_end_early => records.cut(how, body_sent),
            _ => false,
        }
    }

    /// The place in the file of the last byte of the body, if the next step announces it: it should be there then.
    pub fn announced_offset(&self) -> Option<u64> {
        let announced = self
            .records
            .as_ref()?
            .announces_last_byte(self.source.sent());
        (announced && self.source.is_in_file()).then(|| self.source.file_offset())
    }

    /// What the slot must say before the next step for the body is taken.
    pub fn intent(&self) -> Intent {
        self.source.intent()
    }

    /// Bytes of the body that have left, frames and filling not counted.
    pub fn body_sent(&self) -> u64 {
        self.source.sent()
    }

    /// All bytes of the body.
    pub fn body_bytes(&self) -> u64 {
        self.source.body_bytes()
    }

    /// Whether it is spoken to a web server, not to the client itself.
    pub fn is_framed(&self) -> bool {
        self.records.is_some()
    }

    /// The offset in the file of the next byte of the body.
    pub fn file_offset(&self) -> u64 {
        self.source.file_offset()
    }

    /// The bytes that follow in the file before the body goes on elsewhere.
    pub fn file_left_bytes(&self) -> u64 {
        self.source.left_of_segment()
    }
}
