//! What a PHP worker does with the extension: it offers, sends the head, commits; or streams where that fails.

use std::fs::File;
use std::io::{self, Write};
use std::num::NonZeroU16;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use send_file_wire::{
    Answer, Commit, FastCgi, Framing, Offer, OfferId, Part, Rate, ServerKind, channel,
};

use super::World;
use super::content::Piece;
use super::fastcgi::{self, REQUEST_ID, stdout_record};
use super::limits::ANSWER_PATIENCE;
use super::plan::Handover;
use super::raw::{HEAD, reset_on_close};

/// One call of `send_file()`.
pub(crate) struct Task {
    pub(crate) connection: OwnedFd,
    pub(crate) file: File,
    pub(crate) is_framed: bool,
    pub(crate) is_nginx: bool,
    pub(crate) rate: Option<Rate>,
    pub(crate) handover: Handover,
    pub(crate) tag: String,
    pub(crate) pieces: Vec<Piece>,
}

/// The number of every offer: each has a connection of its own.
const ID: OfferId = OfferId(1);

/// Pieces in which a worker streams.
const STREAMED_BYTES: usize = 32 << 10;

/// Until the connection is the manager's, or all was streamed.
pub(crate) fn hand_over_or_stream(world: &World, task: &Task) -> io::Result<()> {
    let accepted = match task.handover {
        Handover::Withdrawn => {
            // Without reading the answer, which may be on its way.
            drop(offer(world, task));
            None
        }
        Handover::AtOnce | Handover::After(_) => offer(world, task).ok().filter(is_accepted),
    };
    let mut connection = Connection::new(task)?;
    // A client may be gone already. The manager notices that, too.
    let _ = connection.send(HEAD);
    if let Handover::After(time) = task.handover {
        std::thread::sleep(time);
    }
    let commit = |peer: OwnedFd| channel::send(peer.as_fd(), &Commit(ID).encode(), &[]);
    if accepted.is_none_or(|peer| commit(peer).is_err()) {
        connection.stream(task);
    }
    Ok(())
}

fn offer(world: &World, task: &Task) -> anyhow::Result<OwnedFd> {
    let peer = channel::connect_to(&world.socket)?;
    let part = |piece: &Piece| match piece {
        Piece::Span(range) => Part::Span {
            offset: range.start,
            len: range.end - range.start,
        },
        Piece::Literal(bytes) => Part::Literal(bytes.clone()),
    };
    let offer = Offer {
        id: ID,
        framing: task.framing(),
        rate: task.rate,
        parts: task.pieces.iter().map(part).collect(),
        tag: task.tag.clone().into_bytes(),
    };
    let descriptors = [task.connection.as_fd(), task.file.as_fd()];
    channel::send(peer.as_fd(), &offer.encode()?, &descriptors)?;
    Ok(peer)
}

fn is_accepted(peer: &OwnedFd) -> bool {
    answer(peer) == Some(Answer::Accept(ID))
}

/// Waits for the answer to an offer; `None` where the manager closes, or says nothing in time.
pub(crate) fn answer(peer: &OwnedFd) -> Option<Answer> {
    let mut polled = [PollFd::new(peer.as_fd(), PollFlags::POLLIN)];
    let timeout = PollTimeout::try_from(ANSWER_PATIENCE).ok()?;
    poll(&mut polled, timeout).ok()?;
    let mut packet = [0; 64];
    let len = channel::receive(peer.as_fd(), &mut packet).ok()?;
    Answer::decode(&packet[..len]).ok()
}

impl Task {
    fn framing(&self) -> Framing {
        let server = match self.is_nginx {
            true => ServerKind::Nginx,
            false => ServerKind::Apache,
        };
        match NonZeroU16::new(REQUEST_ID).filter(|_| self.is_framed) {
            None => Framing::Raw,
            Some(request_id) => Framing::FastCgi(FastCgi {
                request_id,
                server,
                keep: false,
            }),
        }
    }
}

/// The worker's end of the connection, blocking.
struct Connection {
    out: File,
    is_framed: bool,
}

impl Connection {
    fn new(task: &Task) -> io::Result<Connection> {
        Ok(Connection {
            out: File::from(task.connection.try_clone()?),
            is_framed: task.is_framed,
        })
    }

    fn send(&mut self, content: &[u8]) -> io::Result<()> {
        match self.is_framed {
            false => self.out.write_all(content),
            true => self.out.write_all(&stdout_record(content)),
        }
    }

    /// Sends the body itself. Where the file has become shorter, or the client is gone, the connection breaks.
    fn stream(&mut self, task: &Task) {
        if self.try_to_stream(task).is_err() {
            reset_on_close(&self.out);
        }
    }

    fn try_to_stream(&mut self, task: &Task) -> io::Result<()> {
        let mut block = vec![0; STREAMED_BYTES];
        for piece in &task.pieces {
            let range = match piece {
                Piece::Literal(bytes) => {
                    self.send(bytes)?;
                    continue;
                }
                Piece::Span(range) => range,
            };
            let mut at = range.start;
            while at < range.end {
                let len = block.len().min((range.end - at) as usize);
                // The file's own position is left alone.
                task.file.read_exact_at(&mut block[..len], at)?;
                self.send(&block[..len])?;
                at += len as u64;
            }
        }
        if self.is_framed {
            self.out.write_all(&fastcgi::end())?;
        }
        Ok(())
    }
}
