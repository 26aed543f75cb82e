//! Downloads through real web servers: a client that compares, and PHP behind it that decides.

use std::io;

use anyhow::{Context, ensure};

use super::World;
use super::content::{Checker, Piece};
use super::follow::{Body, End, Incoming, follow};
use super::multipart::{Parsed, parse};
use super::plan::{Ask, Fate, Habit, Plan, Way};
use super::shelf::Source;
use super::verdict::{Verdict, judge};
use crate::client::{Connection, Head, Request};

/// Downloads.
pub(crate) fn download(world: &World, plan: &Plan, source: &Source) -> anyhow::Result<Verdict> {
    let address = match plan.way {
        Way::Nginx => world.nginx.context("nginx runs")?,
        _ => world.apache.context("Apache runs")?,
    };
    let mut connection = match plan.habit {
        Habit::Slow { .. } | Habit::Stalls { .. } => Connection::open_slow(address)?,
        _ => Connection::open(address)?,
    };
    connection.send(&request(plan, source).bytes())?;
    let head = match connection.read_head() {
        Ok(head) => head,
        Err(error) => return Ok(Verdict::Lost(format!("{error:#}"))),
    };
    if head.status == 503 {
        return Ok(Verdict::Refused);
    }
    match announced(plan, source, &head) {
        Err(error) => Ok(Verdict::Corrupt(format!("{error:#}: {:?}", head.text))),
        Ok(Announced::Pieces(checker)) => {
            let mut body = Compared(checker);
            let end = follow(&mut connection, &mut body, plan, source)?;
            let has_all = body.is_over();
            let verdict = judge(plan, &body.0, &end, has_all);
            Ok(check_the_end(connection, &head, verdict))
        }
        Ok(Announced::Multipart { boundary, bytes }) => {
            let mut body = Kept {
                bytes: Vec::new(),
                expected: bytes,
            };
            let end = follow(&mut connection, &mut body, plan, source)?;
            let verdict = body.judge(plan, source, &boundary, &end);
            Ok(check_the_end(connection, &head, verdict))
        }
    }
}

fn request(plan: &Plan, source: &Source) -> Request {
    let mut query = format!("file={}&tag={}", source.name, plan.tag());
    if let Some(rate) = plan.rate {
        query += &format!("&rate={}&burst={}", rate.bytes_per_sec, rate.burst_bytes);
    }
    let request = Request::get(format!("/send.php?{query}"));
    if plan.ask == Ask::Whole {
        return request;
    }
    let ranges = plan.ask.ranges(source.content.len).into_iter();
    let ranges = ranges.map(|range| format!("{}-{}", range.start, range.end - 1));
    let value = format!("bytes={}", ranges.collect::<Vec<_>>().join(","));
    request.with("Range", &value)
}

/// What the head says will come.
enum Announced {
    Pieces(Checker),
    Multipart { boundary: String, bytes: u64 },
}

fn announced(plan: &Plan, source: &Source, head: &Head) -> anyhow::Result<Announced> {
    let content = source.content;
    let length = head.content_length().context("no Content-Length")?;
    let content_type = head.header("Content-Type").unwrap_or_default();
    if let Some(boundary) = content_type.strip_prefix("multipart/byteranges; boundary=") {
        ensure!(
            head.status == 206 && matches!(plan.ask, Ask::Ranges(_)),
            "several ranges, unasked"
        );
        return Ok(Announced::Multipart {
            boundary: boundary.to_owned(),
            bytes: length,
        });
    }
    let range = match (head.status, &plan.ask) {
        (206, Ask::Range(range)) => range.clone(),
        // A server may ignore ranges, as it does where many overlap.
        (200, Ask::Whole | Ask::Ranges(_)) => 0..content.len,
        _ => anyhow::bail!("not an answer to this"),
    };
    ensure!(length == range.end - range.start, "a wrong length");
    let content_range = format!("bytes {}-{}/{}", range.start, range.end - 1, content.len);
    ensure!(
        head.status == 200 || head.header("Content-Range") == Some(content_range),
        "a wrong Content-Range"
    );
    let pieces = vec![Piece::Span(range)];
    Ok(Announced::Pieces(Checker::new(content, pieces)))
}

/// Where the answer says that the connection will be closed, nothing may come before that.
fn check_the_end(mut connection: Connection, head: &Head, verdict: Verdict) -> Verdict {
    if !matches!(verdict, Verdict::Whole) || !head.closes() {
        return verdict;
    }
    let _ = connection.half_close();
    match connection.read_until_closed() {
        Ok(more) if !more.is_empty() => {
            Verdict::Corrupt(format!("{} bytes behind the body", more.len()))
        }
        _ => verdict,
    }
}

/// A body that is compared as it comes.
struct Compared(Checker);

impl Body for Compared {
    fn take(&mut self, bytes: &[u8]) {
        self.0.take(bytes);
    }

    fn received_bytes(&self) -> u64 {
        self.0.received_bytes()
    }

    fn expected_bytes(&self) -> u64 {
        self.0.expected_bytes()
    }

    fn is_over(&self) -> bool {
        self.received_bytes() >= self.expected_bytes()
    }

    fn cut_to(&mut self, len: u64) {
        self.0.cut_to(len);
    }
}

/// A body of several ranges, that is parsed when it has ended.
struct Kept {
    bytes: Vec<u8>,
    expected: u64,
}

impl Body for Kept {
    fn take(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
    }

    fn received_bytes(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn expected_bytes(&self) -> u64 {
        self.expected
    }

    fn is_over(&self) -> bool {
        self.received_bytes() >= self.expected
    }

    fn cut_to(&mut self, _len: u64) {}
}

impl Kept {
    fn judge(&self, plan: &Plan, source: &Source, boundary: &str, end: &End) -> Verdict {
        let asked = plan.ask.ranges(source.content.len);
        let is_truncated = matches!(plan.fate, Fate::Truncated { .. });
        match (parse(&self.bytes, boundary, source.content, &asked), end) {
            (Parsed::Whole, End::Over) => Verdict::Whole,
            // Behind the cut it is filled up, or wiped.
            (Parsed::Wrong(_), End::Aborted) if is_truncated => Verdict::Aborted,
            (Parsed::Wrong(_), _) if is_truncated && self.is_over() => Verdict::Wiped,
            (_, End::Over | End::Broken(_)) if is_truncated => Verdict::VisiblyCut,
            (Parsed::Wrong(why), _) => Verdict::Corrupt(why),
            (_, End::Aborted) => Verdict::Aborted,
            (Parsed::Whole | Parsed::Partial, _) => {
                let (got, expected) = (self.bytes.len(), self.expected);
                Verdict::Lost(format!("{got} bytes of {expected} came: {end:?}"))
            }
        }
    }
}

impl Incoming for Connection {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        Connection::read_piece(self, into)
    }

    fn half_close(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn abort(&mut self, with_reset: bool) {
        if with_reset {
            // It fails where the connection is broken already.
            let _ = self.reset_on_close();
        }
    }
}
