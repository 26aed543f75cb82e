//! What surrounds the body on a connection: nothing, or FastCGI records.
//!
//! The frames of a FastCGI response are few and small: record headers, and the end. They lie in a template, a memfd, and
//! leave by sendfile(2) like everything else, so that the place inside a frame is the memfd's position. The header of a
//! full record stands there twice and records take turns, so that "header of this record sent" and "the last record's
//! header sent" are different positions.
//!
//! A response that is cut must be seen to be short by a web server that counts bytes, whatever record it is cut in, and
//! that record has to be completed. So where that may happen the last byte of the body has a record of its own.

#![forbid(unsafe_code)]

use std::ops::Range;

use send_file_wire::{FastCgi, ServerKind};

/// The content of a full record: the largest multiple of the page size that fits the 16-bit length, so that records
/// start where pages of the file do.
pub const RECORD_BYTES: u64 = 60 * 1024;

const HEADER_BYTES: u64 = 8;
const FULL_HEADERS: u64 = 0;
const SHORT_HEADER: u64 = 2 * HEADER_BYTES;
const LAST_HEADER: u64 = 3 * HEADER_BYTES;
/// Not where the last header ends: the two positions must differ.
const END: u64 = LAST_HEADER + 2 * HEADER_BYTES;
/// A hole of zeros behind the frames, to complete a record of a file that shrank.
const ZEROS: u64 = 4096;

/// The length of the template, in bytes.
pub const TEMPLATE_BYTES: u64 = ZEROS + RECORD_BYTES;

/// FastCGI 1.0, section 8: record types and the protocol status.
mod fcgi {
    pub(super) const VERSION_1: u8 = 1;
    pub(super) const END_REQUEST: u8 = 3;
    pub(super) const STDOUT: u8 = 6;
    pub(super) const REQUEST_COMPLETE: u8 = 0;
}

/// The next thing to do for the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameStep {
    /// Move the template's position. It can be done again at any time.
    Seek {
        /// To this offset.
        to: u64,
    },
    /// Send up to so many bytes of the template.
    Send {
        /// What is left of the frame, or of the zeros.
        max: u64,
    },
    /// Send up to so many bytes of the body.
    Body {
        /// What the record has room for.
        max: u64,
    },
    /// All has been sent.
    Done,
}

/// The FastCGI records of one response, and the place in their template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Records {
    body_bytes: u64,
    /// The body but for the byte that has a record of its own, if one has.
    main_bytes: u64,
    end_bytes: u64,
    at: u64,
    /// Zeros sent in place of the body.
    filled: u64,
    /// The response ends early, after the current record.
    cut: Option<Cut>,
}

/// How a response ends early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Behind the current record, whose content is there.
    AfterRecord,
    /// Behind the current record, with zeros for what the file no longer has.
    WithZeros,
    /// Here: nothing can be sent in the place of what is missing.
    Here,
}

/// One record: its content's place in the body, its header's place in the template.
struct Record {
    content: Range<u64>,
    header: Range<u64>,
}

impl Records {
    /// The records of a response of so many bytes, at their start, and the frames at the start of the template.
    pub fn new(fastcgi: FastCgi, body_bytes: u64) -> (Records, Vec<u8>) {
        let record = |kind: u8, content_bytes: u64| {
            let [id_1, id_0] = fastcgi.request_id.get().to_be_bytes();
            let [length_1, length_0] = (content_bytes as u16).to_be_bytes();
            [fcgi::VERSION_1, kind, id_1, id_0, length_1, length_0, 0, 0]
        };
        let main_bytes = if ends_early_in_order(fastcgi) {
            body_bytes - 1
        } else {
            body_bytes
        };
        let mut template = Vec::new();
        template.extend(record(fcgi::STDOUT, RECORD_BYTES));
        template.extend(record(fcgi::STDOUT, RECORD_BYTES));
        template.extend(record(fcgi::STDOUT, main_bytes % RECORD_BYTES));
        template.extend(record(fcgi::STDOUT, body_bytes - main_bytes));
        template.resize(END as usize, 0);
        template.extend(record(fcgi::STDOUT, 0));
        template.extend(record(fcgi::END_REQUEST, 8));
        template.extend([0, 0, 0, 0, fcgi::REQUEST_COMPLETE, 0, 0, 0]);
        if fastcgi.keep && fastcgi.server == ServerKind::Nginx {
            // nginx with fastcgi_keep_conn would use the connection again although it is about to be closed; a record
            // behind the end makes it give the connection up. Apache must not get one. It should arrive with the end: it
            // does unless the socket takes a part of these 32 bytes only.
            template.extend(record(fcgi::STDOUT, 0));
        }
        let records = Records {
            body_bytes,
            main_bytes,
            end_bytes: template.len() as u64 - END,
            at: 0,
            filled: 0,
            cut: None,
        };
        (records, template)
    }

    /// The records at the place that the positions of body and template tell, with the frames, or `None` where the two
    /// contradict each other. `cut` is how the response was about to end early.
    pub fn resume(
        fastcgi: FastCgi,
        body_bytes: u64,
        body_sent: u64,
        at: u64,
        cut: Option<Cut>,
    ) -> Option<(Records, Vec<u8>)> {
        let (mut records, template) = Records::new(fastcgi, body_bytes);
        records.at = at;
        let missing = body_bytes.checked_sub(body_sent)?;
        if (END..=END + records.end_bytes).contains(&at) {
            // The end is on its way: no record is open, whatever was filled before.
            records.filled = missing;
            records.cut = cut;
            return (missing == 0 || cut.is_some()).then_some((records, template));
        }
        if at >= ZEROS {
            records.filled = at - ZEROS;
            records.cut = cut;
            let room = records.record(body_sent.min(body_bytes - 1)).content.end - body_sent;
            let filling = cut == Some(Cut::WithZeros) && missing > 0 && records.filled <= room;
            return filling.then_some((records, template));
        }
        let can_cut = cut.is_none_or(|how| records.cut(how, body_sent));
        (can_cut && records.agrees_with(body_sent)).then_some((records, template))
    }

    /// What to do next, when so much of the body has left.
    pub fn next(&self, body_sent: u64) -> FrameStep {
        let done = body_sent + self.filled;
        if done < self.body_bytes {
            let record = self.record(done);
            if self.has_header(&record, done) {
                return self.content(record.content.end - done);
            }
            if self.cut.is_none() || self.is_inside(&record.header) {
                return self.frame(record.header);
            }
        }
        let end = END..END + self.end_bytes;
        if self.at == end.end {
            FrameStep::Done
        } else {
            self.frame(end)
        }
    }

    /// Whether the next frame is the header that announces the last byte of the body: behind it nothing can be cut.
    pub fn announces_last_byte(&self, body_sent: u64) -> bool {
        let done = body_sent + self.filled;
        done == self.main_bytes
            && done < self.body_bytes
            && self.cut.is_none()
            && !self.has_header(&self.record(done), done)
            && !self.is_inside(&self.record(done).header)
    }

    /// The template stands where `Seek` asked for.
    pub fn sought(&mut self, to: u64) {
        self.at = to;
    }

    /// So many bytes of the template have left.
    pub fn advance(&mut self, bytes: u64) {
        if self.at >= ZEROS {
            self.filled += bytes;
        }
        self.at += bytes;
    }

    /// Ends the response early. False where that cannot be done without making a short response look complete, or
    /// without a record that is never completed.
    pub fn cut(&mut self, how: Cut, body_sent: u64) -> bool {
        let done = body_sent + self.filled;
        let in_record = done < self.body_bytes && {
            let record = self.record(done);
            self.has_header(&record, done) || self.is_inside(&record.header)
        };
        let can = match how {
            Cut::AfterRecord => true,
            Cut::WithZeros => !in_record || done < self.main_bytes,
            Cut::Here => !in_record,
        };
        if can {
            self.cut = Some(how);
        }
        can
    }

    /// The record that has this byte of the body.
    fn record(&self, byte: u64) -> Record {
        let (content, header) = if byte >= self.main_bytes {
            (self.main_bytes..self.body_bytes, LAST_HEADER)
        } else {
            let number = byte / RECORD_BYTES;
            let start = number * RECORD_BYTES;
            let end = (start + RECORD_BYTES).min(self.main_bytes);
            let is_full = end - start == RECORD_BYTES;
            let full_header = FULL_HEADERS + number % 2 * HEADER_BYTES;
            (start..end, if is_full { full_header } else { SHORT_HEADER })
        };
        Record {
            content,
            header: header..header + HEADER_BYTES,
        }
    }

    /// Whether the header of a record has been sent. At the very start of the zeros it has: only then are they sought.
    fn has_header(&self, record: &Record, done: u64) -> bool {
        done > record.content.start || self.at == record.header.end || self.at == ZEROS
    }

    /// Whether the template can stand where it does, among the record headers, when so much of the body has left.
    fn agrees_with(&self, body_sent: u64) -> bool {
        let behind_last_header = |byte: u64| self.at == self.record(byte).header.end;
        if body_sent == self.body_bytes {
            return behind_last_header(body_sent - 1);
        }
        let record = self.record(body_sent);
        if body_sent > record.content.start {
            return behind_last_header(body_sent);
        }
        let before_its_header = match body_sent {
            0 => self.at == 0,
            sent => behind_last_header(sent - 1),
        };
        before_its_header || (record.header.start..=record.header.end).contains(&self.at)
    }

    fn is_inside(&self, frame: &Range<u64>) -> bool {
        frame.start < self.at && self.at < frame.end
    }

    fn content(&self, max: u64) -> FrameStep {
        match self.cut {
            Some(Cut::WithZeros) if self.at < ZEROS => FrameStep::Seek { to: ZEROS },
            Some(Cut::WithZeros) => FrameStep::Send { max },
            _ => FrameStep::Body { max },
        }
    }

    fn frame(&self, frame: Range<u64>) -> FrameStep {
        if frame.contains(&self.at) {
            FrameStep::Send {
                max: frame.end - self.at,
            }
        } else {
            FrameStep::Seek { to: frame.start }
        }
    }
}

/// nginx takes an early END_REQUEST for the error it is, at once, and would wait on a bare close. Apache takes it for the
/// end; it and the others see the close.
pub fn ends_early_in_order(fastcgi: FastCgi) -> bool {
    fastcgi.server == ServerKind::Nginx
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::num::NonZeroU16;

    fn fastcgi(server: ServerKind, keep: bool) -> FastCgi {
        FastCgi {
            request_id: NonZeroU16::new(0x0102).unwrap(),
            server,
            keep,
        }
    }

    /// A connection that a response is written to, byte counts chosen by `sizes`.
    struct Connection {
        records: Records,
        template: Vec<u8>,
        body_sent: u64,
        bytes: Vec<u8>,
    }

    impl Connection {
        fn new(fastcgi: FastCgi, body_bytes: u64) -> Connection {
            let (records, mut template) = Records::new(fastcgi, body_bytes);
            template.resize(TEMPLATE_BYTES as usize, 0);
            Connection {
                records,
                template,
                body_sent: 0,
                bytes: Vec::new(),
            }
        }

        /// Takes one step; false at the end.
        fn step(&mut self, most: u64) -> bool {
            match self.records.next(self.body_sent) {
                FrameStep::Seek { to } => self.records.sought(to),
                FrameStep::Send { max } => {
                    let (at, count) = (self.records.at as usize, max.min(most));
                    self.bytes.extend(&self.template[at..at + count as usize]);
                    self.records.advance(count);
                }
                FrameStep::Body { max } => {
                    let count = max.min(most);
                    self.bytes.extend(std::iter::repeat_n(b'b', count as usize));
                    self.body_sent += count;
                }
                FrameStep::Done => return false,
            }
            true
        }

        /// What a web server reads: the body, and whether END_REQUEST came.
        fn read(&self) -> (Vec<u8>, bool) {
            let (mut body, mut ended, mut rest) = (Vec::new(), false, &self.bytes[..]);
            while let [1, kind, 1, 2, high, low, padding, 0, more @ ..] = rest {
                let length = usize::from(u16::from_be_bytes([*high, *low]));
                assert_eq!(*padding, 0);
                if *kind == fcgi::STDOUT {
                    body.extend(&more[..length]);
                } else {
                    assert_eq!((*kind, length), (fcgi::END_REQUEST, 8));
                    ended = true;
                }
                rest = &more[length..];
            }
            assert!(rest.is_empty(), "bytes that are no record: {rest:?}");
            (body, ended)
        }
    }

    fn any_body_bytes() -> impl Strategy<Value = u64> {
        prop_oneof![
            1..300u64,
            RECORD_BYTES - 2..RECORD_BYTES + 3,
            1..5 * RECORD_BYTES,
            Just(3 * RECORD_BYTES)
        ]
    }

    proptest! {
        #[test]
        fn any_response_is_well_formed_however_the_socket_takes_it(
            body_bytes in any_body_bytes(),
            sizes in prop::collection::vec(1..70_000u64, 1..30),
            keep in any::<bool>(),
        ) {
            let mut connection = Connection::new(fastcgi(ServerKind::Nginx, keep), body_bytes);
            let mut turn = 0;
            while connection.step(sizes[turn % sizes.len()]) {
                turn += 1;
            }
            prop_assert_eq!(connection.read(), (vec![b'b'; body_bytes as usize], true));
        }

        /// A successor knows the body's and the template's position, nothing else.
        #[test]
        fn the_place_is_a_function_of_the_two_positions(
            body_bytes in any_body_bytes(),
            sizes in prop::collection::vec(1..70_000u64, 1..30),
        ) {
            let mut connection = Connection::new(fastcgi(ServerKind::Other, false), body_bytes);
            let mut turn = 0;
            while connection.step(sizes[turn % sizes.len()]) {
                turn += 1;
                let (at, sent) = (connection.records.at, connection.body_sent);
                let successor = Records::resume(fastcgi(ServerKind::Other, false), body_bytes, sent, at, None);
                prop_assert_eq!(successor.unwrap().0, connection.records.clone());
            }
        }

        #[test]
        fn positions_that_contradict_each_other_are_never_gone_on_from(
            body_bytes in any_body_bytes(),
            body_sent in any_body_bytes(),
            at in prop_oneof![0..70u64, ZEROS - 2..ZEROS + 2, ZEROS..TEMPLATE_BYTES + 9, any::<u64>()],
            cut in prop_oneof![Just(None), Just(Some(Cut::AfterRecord)), Just(Some(Cut::WithZeros)), Just(Some(Cut::Here))],
        ) {
            let framing = fastcgi(ServerKind::Nginx, false);
            let Some((records, _)) = Records::resume(framing, body_bytes, body_sent, at, cut) else {
                return Ok(());
            };
            prop_assert!(body_sent + records.filled <= body_bytes);
            prop_assert!(at <= LAST_HEADER + HEADER_BYTES || cut.is_some() || body_sent == body_bytes);
            // In the middle of a record its own header is the last that left.
            let middle = body_sent % RECORD_BYTES != 0 && body_sent < body_bytes - 1 && at < END;
            prop_assert!(!middle || at == records.record(body_sent).header.end);
        }

        #[test]
        fn a_response_cut_anywhere_ends_at_a_record_and_short(
            body_bytes in any_body_bytes(),
            sizes in prop::collection::vec(1..30_000u64, 1..30),
            steps in 0..12usize,
            zeros in any::<bool>(),
            kill in any::<bool>(),
        ) {
            let mut connection = Connection::new(fastcgi(ServerKind::Nginx, false), body_bytes);
            for turn in 0..steps {
                connection.step(sizes[turn % sizes.len()]);
            }
            let sent_before = connection.body_sent;
            let how = if zeros { Cut::WithZeros } else { Cut::AfterRecord };
            let can = connection.records.cut(how, sent_before);
            prop_assert!(can || sent_before == body_bytes - 1);
            if !can {
                return Ok(());
            }
            let mut turn = steps;
            while connection.step(sizes[turn % sizes.len()]) {
                turn += 1;
                if kill {
                    let (at, sent) = (connection.records.at, connection.body_sent);
                    let resumed = Records::resume(fastcgi(ServerKind::Nginx, false), body_bytes, sent, at, Some(how));
                    connection.records = resumed.expect("the positions agree").0;
                }
            }
            let (body, ended) = connection.read();
            prop_assert!(ended);
            prop_assert!(body.len() as u64 - sent_before <= RECORD_BYTES);
            prop_assert!(!zeros || sent_before == body_bytes || (body.len() as u64) < body_bytes);
            prop_assert_eq!(!zeros || body.len() as u64 == sent_before, !body[sent_before as usize..].contains(&0));
        }
    }

    #[test]
    fn only_nginx_with_keep_gets_the_record_behind_the_end() {
        let end_bytes = |server, keep| Records::new(fastcgi(server, keep), 1).0.end_bytes;
        assert_eq!(end_bytes(ServerKind::Nginx, true), 32);
        assert_eq!(end_bytes(ServerKind::Nginx, false), 24);
        assert_eq!(end_bytes(ServerKind::Apache, true), 24);
    }
}
