//! FastCGI as a web server sees it: the records that come, and what they carry.

/// FastCGI 1.0, section 8.
const VERSION: u8 = 1;
const END_REQUEST: u8 = 3;
const STDOUT: u8 = 6;
const HEADER_BYTES: usize = 8;

/// The request id of all downloads of the harness: each has a connection of its own.
pub(crate) const REQUEST_ID: u16 = 1;

/// The most content of one record.
pub(crate) const MOST_CONTENT_BYTES: usize = 65_535;

/// Takes records apart as they come.
#[derive(Debug, Default)]
pub(crate) struct Records {
    header: Vec<u8>,
    /// Of the record that is being read: content, then padding.
    content_left: usize,
    padding_left: usize,
    kind: u8,
    ended: bool,
    /// What came is no FastCGI, or came behind the end.
    broken: Option<String>,
}

impl Records {
    /// Passes on what these bytes carry of the standard output.
    pub(crate) fn take(&mut self, bytes: &[u8], stdout: &mut dyn FnMut(&[u8])) {
        let mut rest = bytes;
        while !rest.is_empty() && self.broken.is_none() {
            if self.content_left > 0 {
                let (now, later) = rest.split_at(self.content_left.min(rest.len()));
                if self.kind == STDOUT {
                    stdout(now);
                }
                self.content_left -= now.len();
                rest = later;
            } else if self.padding_left > 0 {
                let skipped = self.padding_left.min(rest.len());
                self.padding_left -= skipped;
                rest = &rest[skipped..];
            } else {
                let missing = HEADER_BYTES - self.header.len();
                let (now, later) = rest.split_at(missing.min(rest.len()));
                self.header.extend(now);
                rest = later;
                self.begin_record();
            }
        }
    }

    /// END_REQUEST has come, whole.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended && self.content_left == 0
    }

    pub(crate) fn broken(&self) -> Option<&str> {
        self.broken.as_deref()
    }

    fn begin_record(&mut self) {
        let &[version, kind, high_id, low_id, high, low, padding, _] = &self.header[..] else {
            return;
        };
        let id = u16::from_be_bytes([high_id, low_id]);
        if (version, id) != (VERSION, REQUEST_ID) || !matches!(kind, STDOUT | END_REQUEST) {
            self.broken = Some(format!("a record that begins with {:?}", self.header));
        } else if self.ended {
            self.broken = Some("a record behind END_REQUEST".into());
        }
        self.kind = kind;
        self.ended |= kind == END_REQUEST;
        self.content_left = u16::from_be_bytes([high, low]).into();
        self.padding_left = padding.into();
        self.header.clear();
    }
}

/// One record of the standard output.
pub(crate) fn stdout_record(content: &[u8]) -> Vec<u8> {
    record(STDOUT, content)
}

/// What ends a request: an empty record of the standard output, and END_REQUEST.
pub(crate) fn end() -> Vec<u8> {
    [record(STDOUT, &[]), record(END_REQUEST, &[0; 8])].concat()
}

fn record(kind: u8, content: &[u8]) -> Vec<u8> {
    let len = content.len().min(MOST_CONTENT_BYTES) as u16;
    let ([high_id, low_id], [high, low]) = (REQUEST_ID.to_be_bytes(), len.to_be_bytes());
    let mut record = vec![VERSION, kind, high_id, low_id, high, low, 0, 0];
    record.extend(&content[..len.into()]);
    record
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(bytes: &[u8], at_a_time: usize) -> (Vec<u8>, Records) {
        let (mut records, mut stdout) = (Records::default(), Vec::new());
        for piece in bytes.chunks(at_a_time) {
            records.take(piece, &mut |bytes| stdout.extend(bytes));
        }
        (stdout, records)
    }

    #[test]
    fn the_standard_output_is_put_together_however_it_comes_in_pieces() {
        let mut padded = stdout_record(b"second");
        (padded[6], padded[4]) = (3, 0);
        padded.extend([9; 3]);
        let bytes = [stdout_record(b"first, "), padded, end()].concat();
        for at_a_time in [1, 3, 8, 1000] {
            let (stdout, records) = taken(&bytes, at_a_time);
            assert_eq!(stdout, b"first, second");
            assert!(records.has_ended() && records.broken().is_none());
        }
        assert!(!taken(&bytes[..bytes.len() - 1], 5).1.has_ended());
    }

    #[test]
    fn what_is_no_record_or_comes_behind_the_end_is_noticed() {
        assert!(taken(b"HTTP/1.1", 3).1.broken().is_some());
        let more = [end(), stdout_record(b"more")].concat();
        assert!(taken(&more, 100).1.broken().is_some());
    }
}
