//! Where the bytes of a body come from, and where in them a job stands.
//!
//! A body is a list of segments. The bytes of a segment leave by `sendfile(.., NULL, ..)`, which moves the position of
//! the file description inside the system call: the kernel, not this process, knows how far a segment has got. What
//! the kernel cannot know is which segment that is, so the slot keeps the [`Intent`]: bytes leave only under `Send`,
//! and a `Seek` can be done again. [`Source::resume`] finds the place from the intent and the positions alone.
#![forbid(unsafe_code)]

use send_file_wire::Part;

/// A descriptor that bytes are sent from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// The file of the offer.
    File,
    /// The memfd with the literal bytes of the offer.
    Literals,
    /// The memfd with the FastCGI frames.
    Frames,
}

/// What the slot says a job is about to do with its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// Move the file to the start of this segment. No byte of it has left.
    Seek(u32),
    /// Send this segment: its file position is meaningful.
    Send(u32),
}

/// The next thing to do for the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyStep {
    /// Move the file's position, under `Intent::Seek`.
    Seek {
        /// To this offset.
        to: u64,
    },
    /// Send up to so many bytes, under `Intent::Send`.
    Send {
        /// From the file or the literals.
        from: From,
        /// What is left of the segment.
        max: u64,
    },
    /// All of it has left.
    Done,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Segment {
    from: From,
    offset: u64,
    len: u64,
}

/// The body of one job and the place in it.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    segments: Box<[Segment]>,
    body_bytes: u64,
    current: usize,
    sought: bool,
    sent_of_current: u64,
    sent: u64,
}

impl Source {
    /// The body of an offer, at its start.
    pub fn new(parts: &[Part]) -> Source {
        let mut literal_offset = 0;
        let segments: Box<[Segment]> = parts
            .iter()
            .map(|part| match part {
                Part::Span { offset, len } => Segment {
                    from: From::File,
                    offset: *offset,
                    len: *len,
                },
                Part::Literal(bytes) => {
                    let len = bytes.len() as u64;
                    literal_offset += len;
                    Segment {
                        from: From::Literals,
                        offset: literal_offset - len,
                        len,
                    }
                }
            })
            .collect();
        let body_bytes = segments.iter().map(|segment| segment.len).sum();
        let mut source = Source {
            segments,
            body_bytes,
            current: 0,
            sought: false,
            sent_of_current: 0,
            sent: 0,
        };
        source.enter(0);
        source
    }

    /// The body of an offer at the place that an intent and the positions of the two descriptors tell, or `None` where
    /// they contradict each other.
    pub fn resume(
        parts: &[Part],
        intent: Intent,
        file_at: u64,
        literals_at: u64,
    ) -> Option<Source> {
        let mut source = Source::new(parts);
        let (Intent::Seek(index) | Intent::Send(index)) = intent;
        let index = usize::try_from(index)
            .ok()
            .filter(|index| *index < source.segments.len())?;
        source.sent = source.segments[..index]
            .iter()
            .map(|segment| segment.len)
            .sum();
        source.enter(index);
        let segment = source.segments[index];
        let literals_before: u64 = source.segments[..index]
            .iter()
            .filter(|segment| segment.from == From::Literals)
            .map(|segment| segment.len)
            .sum();
        if segment.from == From::File && literals_at != literals_before {
            return None;
        }
        let sent = match (intent, segment.from) {
            (Intent::Seek(_), From::File) => 0,
            (Intent::Seek(_), _) => return None,
            (Intent::Send(_), From::File) => file_at.checked_sub(segment.offset)?,
            (Intent::Send(_), _) => literals_at.checked_sub(segment.offset)?,
        };
        if sent > segment.len {
            return None;
        }
        source.sought |= matches!(intent, Intent::Send(_));
        source.advance(sent);
        Some(source)
    }

    /// All bytes of the body.
    pub fn body_bytes(&self) -> u64 {
        self.body_bytes
    }

    /// Those that have left.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// What the slot must say before the next step is taken.
    pub fn intent(&self) -> Intent {
        let index = self.current.min(self.segments.len() - 1) as u32;
        if self.sought {
            Intent::Send(index)
        } else {
            Intent::Seek(index)
        }
    }

    /// What to do next.
    pub fn next(&self) -> BodyStep {
        match self.segments.get(self.current) {
            None => BodyStep::Done,
            Some(segment) if !self.sought => BodyStep::Seek { to: segment.offset },
            Some(segment) => BodyStep::Send {
                from: segment.from,
                max: segment.len - self.sent_of_current,
            },
        }
    }

    /// The file stands where `Seek` asked for.
    pub fn sought(&mut self) {
        self.sought = true;
    }

    /// So many bytes of the current segment have left, no more than `Send` allowed.
    pub fn advance(&mut self, bytes: u64) {
        self.sent += bytes;
        self.sent_of_current += bytes;
        if self
            .segments
            .get(self.current)
            .is_some_and(|segment| self.sent_of_current >= segment.len)
        {
            self.enter(self.current + 1);
        }
    }

    /// Whether the next byte is one of the file.
    pub fn is_in_file(&self) -> bool {
        self.segments
            .get(self.current)
            .is_some_and(|segment| segment.from == From::File)
    }

    /// The offset in the file of the next byte; what a staged read goes by.
    pub fn file_offset(&self) -> u64 {
        self.segments
            .get(self.current)
            .map_or(0, |segment| segment.offset + self.sent_of_current)
    }

    /// What is left of the current segment.
    pub fn left_of_segment(&self) -> u64 {
        self.segments
            .get(self.current)
            .map_or(0, |segment| segment.len - self.sent_of_current)
    }

    /// Starts a segment. Literals lie in their memfd in the order they are sent, so only the file is ever moved.
    fn enter(&mut self, index: usize) {
        self.current = index;
        self.sent_of_current = 0;
        self.sought = self
            .segments
            .get(index)
            .is_none_or(|segment| segment.from == From::Literals);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The descriptors as the kernel keeps them, and what a client has got.
    struct Kernel {
        file_at: u64,
        literals_at: u64,
        client: Vec<u8>,
    }

    const FILE_BYTES: u64 = 300;

    fn file_byte(offset: u64) -> u8 {
        (offset * 7 % 251) as u8
    }

    impl Kernel {
        /// Takes one step of `source`, sending at most `most` bytes.
        fn step(&mut self, source: &mut Source, literals: &[u8], most: u64) {
            match source.next() {
                BodyStep::Seek { to } => {
                    self.file_at = to;
                    source.sought();
                }
                BodyStep::Send { from, max } => {
                    for _ in 0..max.min(most) {
                        if from == From::File {
                            self.client.push(file_byte(self.file_at));
                            self.file_at += 1;
                        } else {
                            self.client.push(literals[self.literals_at as usize]);
                            self.literals_at += 1;
                        }
                    }
                    source.advance(max.min(most));
                }
                BodyStep::Done => {}
            }
        }
    }

    fn any_parts() -> impl Strategy<Value = Vec<Part>> {
        let span = (0..FILE_BYTES, 1..60u64).prop_map(|(offset, len)| Part::Span { offset, len });
        let literal = prop::collection::vec(any::<u8>(), 1..20).prop_map(Part::Literal);
        prop::collection::vec(prop_oneof![span, literal], 1..12)
    }

    fn literals_of(parts: &[Part]) -> Vec<u8> {
        let literals = parts.iter().filter_map(|part| match part {
            Part::Literal(bytes) => Some(bytes.clone()),
            Part::Span { .. } => None,
        });
        literals.flatten().collect()
    }

    fn expected(parts: &[Part]) -> Vec<u8> {
        let bytes = parts.iter().flat_map(|part| match part {
            Part::Literal(bytes) => bytes.clone(),
            Part::Span { offset, len } => (*offset..offset + len).map(file_byte).collect(),
        });
        bytes.collect()
    }

    proptest! {
        /// The process is killed after every single step, sometimes before the slot learned of a finished segment.
        #[test]
        fn a_successor_that_knows_only_intent_and_positions_sends_every_byte_once(
            parts in any_parts(),
            most in 1..40u64,
            lose_last_advance in prop::collection::vec(any::<bool>(), 1..50),
        ) {
            let literals = literals_of(&parts);
            let mut kernel = Kernel { file_at: 0, literals_at: 0, client: Vec::new() };
            let mut source = Source::new(&parts);
            let mut turn = 0;
            while source.next() != BodyStep::Done {
                let intent = source.intent();
                kernel.step(&mut source, &literals, most);
                let stored = if lose_last_advance[turn % lose_last_advance.len()]
                    && matches!(intent, Intent::Send(_)) { intent } else { source.intent() };
                let resumed = Source::resume(&parts, stored, kernel.file_at, kernel.literals_at);
                let resumed = resumed.expect("intent and positions agree");
                prop_assert_eq!(resumed.sent(), source.sent());
                source = resumed;
                turn += 1;
            }
            prop_assert_eq!(kernel.client, expected(&parts));
            prop_assert_eq!(source.sent(), source.body_bytes());
        }

        #[test]
        fn positions_outside_the_segment_are_never_gone_on_from(
            parts in any_parts(), index in 0..20u32, file_at in any::<u64>(), literals_at in any::<u64>(),
        ) {
            for intent in [Intent::Seek(index), Intent::Send(index)] {
                if let Some(source) = Source::resume(&parts, intent, file_at, literals_at) {
                    prop_assert!(source.sent() <= source.body_bytes());
                }
            }
        }
    }
}
