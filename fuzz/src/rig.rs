//! Connections, files and workers as the manager meets them.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::sockopt::SndBuf;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, setsockopt, socketpair};
use send_file_manager::job::{Job, Turn};
use send_file_manager::outcome::Outcome;
use send_file_manager::progress::Patience;
use send_file_manager::sys::memfd;
use send_file_manager::sys::slot::Slot;
use send_file_manager::sys::socket;

use crate::stream::CONTENT;

/// Longer than any jump of the clock that is not about a client that stalled.
pub(crate) const PATIENCE: Patience = Patience {
    stall_timeout: Duration::from_secs(3600),
    min_bytes_per_sec: 0,
};

/// How long the kernel may take to bring bytes from one end of a connection in this machine to the other.
const DELIVERY_MS: u16 = 50;

/// A worker's connection to the manager: its end, and the manager's.
pub(crate) fn channel() -> (OwnedFd, OwnedFd) {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    socketpair(AddressFamily::Unix, SockType::SeqPacket, None, flags).expect("a channel")
}

/// A file with the first bytes of the content.
pub(crate) fn file(bytes: usize) -> OwnedFd {
    memfd::with_bytes("fuzz", &CONTENT[..bytes], bytes as u64).expect("a file")
}

/// Where TCP connections come from.
static LISTENER: LazyLock<TcpListener> =
    LazyLock::new(|| TcpListener::bind("127.0.0.1:0").expect("a listener"));

/// Opens what stays open, before descriptors are counted.
pub(crate) fn listen() {
    LazyLock::force(&LISTENER);
}

/// How many descriptors this process has open.
pub(crate) fn open_descriptors() -> usize {
    let listed = std::fs::read_dir("/proc/self/fd").expect("it is there");
    listed.count()
}

/// The other end of a connection that is handed over.
pub(crate) struct Client {
    socket: File,
    pub(crate) received: Vec<u8>,
    pub(crate) end: End,
    has_hung_up: bool,
}

/// How a connection looks to its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    NotYet,
    Orderly,
    Reset,
}

impl Client {
    fn new(socket: OwnedFd) -> Client {
        Client {
            socket: socket.into(),
            received: Vec::new(),
            end: End::NotYet,
            has_hung_up: false,
        }
    }

    /// A TCP connection that takes little at a time, and its client.
    pub(crate) fn on_tcp() -> (OwnedFd, Client) {
        let address = LISTENER.local_addr().expect("it is bound");
        let client = TcpStream::connect(address).expect("a connection");
        let (server, _) = LISTENER.accept().expect("the other end");
        server.set_nodelay(true).expect("an option");
        client.set_nonblocking(true).expect("a flag");
        (small(server.into()), Client::new(client.into()))
    }

    /// A Unix connection that takes little at a time, and its client.
    pub(crate) fn on_unix() -> (OwnedFd, Client) {
        let (server, client) = UnixStream::pair().expect("a pair");
        client.set_nonblocking(true).expect("a flag");
        (small(server.into()), Client::new(client.into()))
    }

    /// Takes at most so many bytes of what is there; whether there was anything, the end included.
    pub(crate) fn take(&mut self, most: usize) -> bool {
        let mut piece = [0; 16 * 1024];
        let mut taken = 0;
        while taken < most && self.end == End::NotYet {
            let room = piece.len().min(most - taken);
            match self.socket.read(&mut piece[..room]) {
                Ok(0) => self.end = End::Orderly,
                Ok(bytes) => {
                    self.received.extend(&piece[..bytes]);
                    taken += bytes;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => self.end = End::Reset,
            }
        }
        taken > 0
    }

    /// Takes everything until the connection ends, if it does.
    pub(crate) fn take_to_the_end(&mut self) {
        while self.end == End::NotYet
            && (self.take(usize::MAX) || self.end != End::NotYet || self.has_more())
        {}
    }

    fn has_more(&self) -> bool {
        let mut awaited = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
        poll(&mut awaited, PollTimeout::from(DELIVERY_MS)).is_ok_and(|ready| ready > 0)
    }

    /// Whether it, or the connection, has something to say before long.
    fn is_awaited(&self, connection: BorrowedFd) -> bool {
        let timeout = match socket::unacknowledged(connection) {
            0 => 0,
            _ => DELIVERY_MS,
        };
        let mut awaited = [
            PollFd::new(self.socket.as_fd(), PollFlags::POLLIN),
            PollFd::new(connection, PollFlags::POLLIN),
        ];
        poll(&mut awaited, PollTimeout::from(timeout)).is_ok_and(|ready| ready > 0)
    }

    fn hang_up(&mut self) {
        let (_, closed) = UnixStream::pair().expect("a pair");
        self.socket = File::from(OwnedFd::from(closed));
        self.has_hung_up = true;
    }
}

impl Drop for Client {
    /// Without a minute of TIME_WAIT: there are thousands of them in a second.
    fn drop(&mut self) {
        socket::reset_on_close(self.socket.as_fd());
    }
}

fn small(connection: OwnedFd) -> OwnedFd {
    setsockopt(&connection, SndBuf, &4096).expect("an option");
    connection
}

/// Carries a download to its end, with a client that takes everything. Its clock goes as fast as it can.
pub(crate) fn carry(mut job: Job, slot: &Slot, client: &mut Client, mut now: Instant) -> Outcome {
    let mut turn = Turn::Again;
    loop {
        match turn {
            Turn::Again => {
                client.take(usize::MAX);
                job.woken(true);
                turn = job.turn(slot, now);
            }
            Turn::Ended(outcome) => {
                job.end(outcome, now);
                drop(job);
                client.take_to_the_end();
                return outcome;
            }
            Turn::Wait if client.end != End::NotYet && !client.has_hung_up => {
                client.hang_up();
                turn = Turn::Again;
            }
            Turn::Wait if client.take(usize::MAX) || client.is_awaited(job.connection()) => {
                turn = Turn::Again;
            }
            Turn::Wait => {
                now = now.max(job.deadline());
                turn = job.timed_out(PATIENCE.stall_timeout, now);
            }
        }
    }
}
