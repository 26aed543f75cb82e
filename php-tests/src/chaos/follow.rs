//! A client follows its download: with its habit, while something happens to the file, and compares every byte.

use std::io;
use std::time::Duration;

use super::limits::SLOW_PIECES;
use super::plan::{Fate, Habit, Plan};
use super::shelf::Source;

/// The client's end of a connection.
pub(crate) trait Incoming {
    /// Some bytes of the answer; 0 is its end.
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize>;

    /// Says that nothing more will be sent.
    fn half_close(&mut self) -> io::Result<()>;

    /// The client goes away.
    fn abort(&mut self, with_reset: bool);
}

/// What looks at the bytes as they come.
pub(crate) trait Body {
    fn take(&mut self, bytes: &[u8]);

    /// Bytes of the body so far.
    fn received_bytes(&self) -> u64;

    /// Bytes of the whole body.
    fn expected_bytes(&self) -> u64;

    /// All has come, by what the answer says of itself: nothing more is waited for.
    fn is_over(&self) -> bool;

    /// The file was cut to this length.
    fn cut_to(&mut self, len: u64);
}

/// How it ended for the client.
#[derive(Debug)]
pub(crate) enum End {
    /// The answer was over, or the connection ended.
    Over,
    /// The connection broke.
    Broken(io::Error),
    /// The client went away.
    Aborted,
}

/// Takes the answer to its end, or to where the client has enough of it.
pub(crate) fn follow(
    incoming: &mut dyn Incoming,
    body: &mut dyn Body,
    plan: &Plan,
    source: &Source,
) -> anyhow::Result<End> {
    let mut pauses = Pauses::new(plan.habit, body.expected_bytes());
    let mut fate = plan.fate;
    if plan.habit == Habit::HalfCloses {
        incoming.half_close()?;
    }
    let mut piece = vec![0; 64 << 10];
    loop {
        let received = body.received_bytes();
        if is_due(fate, received, body.expected_bytes()) {
            source.suffer(fate)?;
            if let Fate::Truncated { to, .. } = fate {
                body.cut_to(to);
            }
            fate = Fate::Stays;
        }
        if let Habit::Aborts { at, with_reset } = plan.habit
            && received >= body.expected_bytes() * at / 1000
        {
            incoming.abort(with_reset);
            return Ok(End::Aborted);
        }
        if body.is_over() {
            return Ok(End::Over);
        }
        let room = pauses.before_a_read(received).min(piece.len());
        match incoming.read(&mut piece[..room]) {
            Ok(0) => return Ok(End::Over),
            Ok(taken) => body.take(&piece[..taken]),
            Err(error) => return Ok(End::Broken(error)),
        }
    }
}

fn is_due(fate: Fate, received: u64, expected: u64) -> bool {
    match fate {
        Fate::Stays => false,
        Fate::Truncated { at, .. } | Fate::Replaced { at } => received >= expected * at / 1000,
    }
}

/// When the client pauses, and how much it reads at a time.
struct Pauses {
    /// The next one is due with so many bytes.
    next_at: u64,
    /// Bytes from one to the next.
    every: u64,
    each: Duration,
}

impl Pauses {
    fn new(habit: Habit, expected: u64) -> Pauses {
        match habit {
            Habit::Slow { pause } => Pauses {
                next_at: 0,
                every: (expected / SLOW_PIECES).max(1),
                each: pause / SLOW_PIECES as u32,
            },
            Habit::Stalls { at, pause } => Pauses {
                next_at: expected * at / 1000,
                every: u64::MAX,
                each: pause,
            },
            _ => Pauses {
                next_at: u64::MAX,
                every: u64::MAX,
                each: Duration::ZERO,
            },
        }
    }

    /// Pauses if it is time to; returns how much to read then.
    fn before_a_read(&mut self, received: u64) -> usize {
        if received >= self.next_at {
            std::thread::sleep(self.each);
            self.next_at = received.saturating_add(self.every);
        }
        usize::try_from(self.next_at - received).unwrap_or(usize::MAX)
    }
}
