//! Downloads without a web server: this process is the PHP worker, by the `wire` crate, and the client.

use std::io::{self, Read};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::num::NonZeroU64;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

use nix::sys::socket::{setsockopt, sockopt};
use send_file_wire::Rate;

use super::World;
use super::content::{Checker, Piece};
use super::fastcgi::Records;
use super::follow::{Body, End, Incoming, follow};
use super::limits::CLIENT_PATIENCE;
use super::plan::{Ask, Habit, Pacing, Plan, Way};
use super::shelf::Source;
use super::verdict::{Verdict, judge};
use super::worker::{Task, hand_over_or_stream};
use crate::limits::SLOW_RECEIVE_BYTES;

/// What the PHP worker sends before the commit: the response's head.
pub(crate) const HEAD: &[u8] = b"a head that the web server sends\r\n\r\n";

/// Downloads.
pub(crate) fn download(world: &World, plan: &Plan, source: &Source) -> anyhow::Result<Verdict> {
    let (mut client, server) = connect(plan)?;
    let pieces = pieces(plan, source);
    let task = Task {
        connection: server,
        file: source.open()?,
        is_framed: plan.way != Way::RawTcp,
        is_nginx: plan.way == Way::FastCgiUnix,
        rate: plan.rate.map(Pacing::rate),
        handover: plan.handover,
        tag: plan.tag(),
        pieces: pieces.clone(),
    };
    let mut answer = Answer {
        checker: Checker::new(source.content, with_head(pieces)),
        records: task.is_framed.then(Records::default),
    };
    let (end, handed_over) = std::thread::scope(|scope| {
        // It closes its connection and file when it has done what it can.
        let worker = scope.spawn(move || hand_over_or_stream(world, &task));
        let end = follow(&mut client, &mut answer, plan, source);
        // A client that is gone ends the stream of a worker that waits for it.
        drop(client);
        (end, worker.join().expect("the worker does not panic"))
    });
    handed_over?;
    Ok(answer.judge(plan, &end?))
}

/// The body, as parts of an offer have it: each of several ranges behind some literal bytes.
fn pieces(plan: &Plan, source: &Source) -> Vec<Piece> {
    let ranges = plan.ask.ranges(source.content.len);
    let is_multiple = matches!(plan.ask, Ask::Ranges(_));
    let mut pieces = Vec::new();
    for range in ranges {
        if is_multiple {
            let head = format!("in front of {range:?}\r\n");
            pieces.push(Piece::Literal(head.into_bytes()));
        }
        pieces.push(Piece::Span(range));
    }
    if is_multiple {
        pieces.push(Piece::Literal(b"the end\r\n".to_vec()));
    }
    pieces
}

fn with_head(pieces: Vec<Piece>) -> Vec<Piece> {
    let mut all = vec![Piece::Literal(HEAD.to_vec())];
    all.extend(pieces);
    all
}

impl Pacing {
    fn rate(self) -> Rate {
        Rate {
            bytes_per_sec: NonZeroU64::new(self.bytes_per_sec).unwrap_or(NonZeroU64::MIN),
            burst_bytes: self.burst_bytes,
        }
    }
}

/// What comes, without FastCGI's framing where it has that.
struct Answer {
    checker: Checker,
    records: Option<Records>,
}

impl Body for Answer {
    fn take(&mut self, bytes: &[u8]) {
        match &mut self.records {
            None => self.checker.take(bytes),
            Some(records) => records.take(bytes, &mut |stdout| self.checker.take(stdout)),
        }
    }

    fn received_bytes(&self) -> u64 {
        self.checker.received_bytes()
    }

    fn expected_bytes(&self) -> u64 {
        self.checker.expected_bytes()
    }

    /// Only the end of the connection shows that nothing comes behind it.
    fn is_over(&self) -> bool {
        false
    }

    fn cut_to(&mut self, len: u64) {
        self.checker.cut_to(len);
    }
}

impl Answer {
    fn judge(&self, plan: &Plan, end: &End) -> Verdict {
        if let Some(broken) = self.records.as_ref().and_then(Records::broken) {
            return Verdict::Corrupt(broken.to_owned());
        }
        let is_ended = self.records.as_ref().is_none_or(Records::has_ended);
        let has_all = self.received_bytes() >= self.expected_bytes();
        judge(plan, &self.checker, end, is_ended && has_all)
    }
}

/// The client's end and the PHP worker's.
fn connect(plan: &Plan) -> anyhow::Result<(Client, OwnedFd)> {
    let (client, server) = match plan.way {
        Way::FastCgiUnix => {
            let (client, server) = UnixStream::pair()?;
            client.set_read_timeout(Some(CLIENT_PATIENCE))?;
            (Client::Unix(client), server.into())
        }
        _ => {
            let listener = TcpListener::bind("127.0.0.1:0")?;
            let client = TcpStream::connect(listener.local_addr()?)?;
            client.set_read_timeout(Some(CLIENT_PATIENCE))?;
            if matches!(plan.habit, Habit::Slow { .. } | Habit::Stalls { .. }) {
                setsockopt(&client, sockopt::RcvBuf, &SLOW_RECEIVE_BYTES)?;
            }
            (Client::Tcp(client), listener.accept()?.0.into())
        }
    };
    Ok((client, server))
}

/// The client's end.
enum Client {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Incoming for Client {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Client::Tcp(stream) => stream.read(into),
            Client::Unix(stream) => stream.read(into),
        }
    }

    fn half_close(&mut self) -> io::Result<()> {
        match self {
            Client::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Client::Unix(stream) => stream.shutdown(Shutdown::Write),
        }
    }

    fn abort(&mut self, with_reset: bool) {
        if let Client::Tcp(stream) = self
            && with_reset
        {
            reset_on_close(stream);
        }
    }
}

/// Makes the close that follows a reset.
pub(crate) fn reset_on_close(socket: &impl AsFd) {
    let at_once = nix::libc::linger {
        l_onoff: 1,
        l_linger: 0,
    };
    // It fails where the connection is broken already.
    let _ = setsockopt(socket, sockopt::Linger, &at_once);
}
