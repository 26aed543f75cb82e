//! The order of bytes in a response, through sends and kills, without I/O.

use std::num::NonZeroU16;
use std::sync::LazyLock;

use send_file_manager::sink::Cut;
use send_file_manager::source::{From, Intent};
use send_file_manager::stream::{Materials, Positions, Step, Stream};
use send_file_wire::{FastCgi, Framing, Offer, OfferId, Part, ServerKind};

use crate::input::Input;
use crate::limits::{MAX_CHOSEN_PARTS, MAX_FILE_BYTES, MAX_STEPS};

/// However the connection takes the bytes, and wherever a worker dies, each byte leaves once and in its place.
pub fn stream(data: &[u8]) {
    let mut input = Input::new(data);
    let offer = offer_from(&mut input, MAX_FILE_BYTES);
    let expected = uninterrupted(&offer);
    let (stream, materials) = Stream::new(&offer);
    let mut connection = Connection::new(stream, materials);
    let mut steps = 0;
    while !input.is_empty() && steps < MAX_STEPS {
        let action = input.byte();
        let most = match action >> 2 & 3 {
            0 => u64::from(action >> 4),
            1 => u64::from(input.byte()),
            2 => u64::from(input.u16()),
            _ => u64::from(input.u32()),
        };
        let stored = connection.stream.intent();
        let went_on = connection.step(most);
        if action & 1 == 1 {
            // The slot has what was stored before the step, or already what the next one stores.
            let intent = if action & 2 == 2 {
                stored
            } else {
                connection.stream.intent()
            };
            connection.kill(&offer, intent);
        }
        assert!(expected.starts_with(&connection.sent));
        if !went_on {
            break;
        }
        steps += 1;
    }
    while connection.step(u64::MAX) {}
    assert!(connection.sent == expected);
}

/// An offer whose spans are in a file of this length.
pub(crate) fn offer_from(input: &mut Input, file_bytes: u64) -> Offer {
    let framing = match input.one_of(&[None, Some(ServerKind::Nginx), Some(ServerKind::Apache)]) {
        None => Framing::Raw,
        Some(server) => Framing::FastCgi(FastCgi {
            request_id: NonZeroU16::MIN,
            server,
            keep: input.flag(),
        }),
    };
    let count = 1 + input.below(MAX_CHOSEN_PARTS);
    let mut part = || {
        if input.byte().is_multiple_of(3) {
            return Part::Literal(vec![input.byte(); 1 + input.below(40)]);
        }
        let offset = u64::from(input.u32()) % file_bytes;
        let left = file_bytes - offset;
        let len = 1 + u64::from(input.u32()) % left;
        Part::Span { offset, len }
    };
    Offer {
        id: OfferId(7),
        framing,
        rate: None,
        parts: (0..count).map(|_| part()).collect(),
        tag: b"fuzz".to_vec(),
    }
}

/// The content of every file, or its beginning. No two neighbours look alike, nor two windows.
pub(crate) static CONTENT: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let byte = |offset: u64| (offset ^ offset >> 8).wrapping_mul(167) as u8;
    (0..MAX_FILE_BYTES).map(byte).collect()
});

/// All bytes of a response that nothing interrupts.
pub(crate) fn uninterrupted(offer: &Offer) -> Vec<u8> {
    let (stream, materials) = Stream::new(offer);
    let mut connection = Connection::new(stream, materials);
    while connection.step(u64::MAX) {}
    connection.sent
}

/// The descriptors as the kernel keeps them, and what has left.
struct Connection {
    stream: Stream,
    materials: Materials,
    at: Positions,
    sent: Vec<u8>,
}

impl Connection {
    fn new(stream: Stream, materials: Materials) -> Connection {
        Connection {
            stream,
            materials,
            at: Positions {
                file: 0,
                literals: 0,
                frames: 0,
            },
            sent: Vec::new(),
        }
    }

    /// Takes one step; false at the end.
    fn step(&mut self, most: u64) -> bool {
        match self.stream.next() {
            Step::Done => return false,
            Step::Seek { from, to } => {
                *self.position(from) = to;
                self.stream.sought(from, to);
            }
            Step::Send { from, max } => {
                let count = max.min(most);
                let start = *self.position(from) as usize;
                let bytes = match from {
                    From::File => &CONTENT,
                    From::Literals => &self.materials.literals,
                    From::Frames => &self.materials.frames,
                };
                self.sent.extend(&bytes[start..][..count as usize]);
                *self.position(from) += count;
                self.stream.advance(from, count);
            }
        }
        true
    }

    fn position(&mut self, from: From) -> &mut u64 {
        match from {
            From::File => &mut self.at.file,
            From::Literals => &mut self.at.literals,
            From::Frames => &mut self.at.frames,
        }
    }

    /// A successor that knows the intent and the positions.
    fn kill(&mut self, offer: &Offer, intent: Intent) {
        let sent = self.stream.body_sent();
        let cut: Option<Cut> = None;
        let resumed = Stream::resume(offer, intent, self.at, cut).expect("they agree");
        assert_eq!(resumed.body_sent(), sent);
        self.stream = resumed;
    }
}
