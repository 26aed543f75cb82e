//! The event loop in the process of the test, which says when it takes a turn; and the worker and the client around it.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::net::{TcpListener, TcpStream};
use std::num::NonZeroU16;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use clap::Parser;
use nix::unistd::Pid;
use send_file_manager::accept::Listener;
use send_file_manager::event_loop::{Arrivals, EventLoop};
use send_file_manager::guardian::Foundation;
use send_file_manager::master::Seat;
use send_file_manager::recovery::Found;
use send_file_manager::settings::{Arguments, Settings};
use send_file_manager::sys::bell::Bell;
use send_file_manager::sys::board::Board;
use send_file_wire::{
    Answer, Commit, FastCgi, Framing, Offer, OfferId, Part, Rate, ServerKind, channel,
};

/// A cell without processes.
pub(crate) struct Rig {
    event_loop: EventLoop,
    arrivals: Arrivals,
    directory: PathBuf,
    socket: PathBuf,
    listener: TcpListener,
}

/// What surrounds the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Nothing, on TCP.
    Raw,
    /// FastCGI records of nginx, on a Unix socket.
    FastCgi,
}

/// The ends that a worker and a client have of one download.
pub(crate) struct Download {
    worker: OwnedFd,
    client: Client,
}

enum Client {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Rig {
    /// A loop that has started, in a directory of its own.
    pub(crate) fn new() -> Rig {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let directory =
            std::env::temp_dir().join(format!("send-file-stepped-{}-{number}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let socket = directory.join("manager.sock");
        let arguments = [
            "send-file-manager",
            "--no-sandbox",
            "--cells",
            "1",
            "--socket",
            socket.to_str().unwrap(),
        ];
        let settings = Settings::from_arguments(Arguments::parse_from(arguments)).unwrap();
        let seat = Seat {
            master: Pid::this(),
            listener: Some(Listener::bind(&settings).unwrap()),
            board: Board::create().unwrap(),
            number: 0,
            bell: Bell::new().unwrap(),
        };
        let foundation = Foundation::new(seat, settings.slots).unwrap();
        let poll = mio::Poll::new().unwrap();
        let mut event_loop = EventLoop::new(poll, settings, foundation, Found::default());
        event_loop.start(Instant::now()).unwrap();
        let mut rig = Rig {
            event_loop,
            arrivals: Arrivals::new(),
            directory,
            socket,
            listener: TcpListener::bind("127.0.0.1:0").unwrap(),
        };
        // It finds that nobody is connecting.
        rig.turn();
        rig
    }

    /// A file of so many bytes.
    pub(crate) fn file(&self, bytes: usize) -> PathBuf {
        let path = self.directory.join(format!("file-{bytes}"));
        fs::write(&path, vec![b'x'; bytes]).unwrap();
        path
    }

    /// Waits for something to do, and does it.
    pub(crate) fn turn(&mut self) {
        self.event_loop.turn(&mut self.arrivals).unwrap();
    }

    /// A worker has handed a file over.
    #[allow(dead_code, reason = "not in the benchmark")]
    pub(crate) fn begin(&mut self, way: Way, file: &Path, rate: Option<Rate>) -> Download {
        let download = self.offer_at(rate, way, file);
        self.turn();
        download.commit();
        self.turn();
        download
    }

    /// A worker connects and offers a file.
    #[allow(dead_code, reason = "not in the test")]
    pub(crate) fn offer(&self, way: Way, file: &Path) -> Download {
        self.offer_at(None, way, file)
    }

    fn offer_at(&self, rate: Option<Rate>, way: Way, file: &Path) -> Download {
        let (connection, client): (OwnedFd, Client) = match way {
            Way::Raw => {
                let client = TcpStream::connect(self.listener.local_addr().unwrap()).unwrap();
                client.set_nonblocking(true).unwrap();
                (
                    self.listener.accept().unwrap().0.into(),
                    Client::Tcp(client),
                )
            }
            Way::FastCgi => {
                let (server, client) = UnixStream::pair().unwrap();
                client.set_nonblocking(true).unwrap();
                (server.into(), Client::Unix(client))
            }
        };
        // One that nobody else moves the position of.
        let file = File::open(file).unwrap();
        let offer = Offer {
            id: OfferId(1),
            framing: way.framing(),
            rate,
            parts: vec![Part::Span {
                offset: 0,
                len: file.metadata().unwrap().len(),
            }],
            tag: b"order-17".to_vec(),
        };
        let worker = channel::connect_to(&self.socket).unwrap();
        let packet = offer.encode().unwrap();
        channel::send(worker.as_fd(), &packet, &[connection.as_fd(), file.as_fd()]).unwrap();
        Download { worker, client }
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

impl Way {
    fn framing(self) -> Framing {
        match self {
            Way::Raw => Framing::Raw,
            Way::FastCgi => Framing::FastCgi(FastCgi {
                request_id: NonZeroU16::MIN,
                server: ServerKind::Nginx,
                keep: false,
            }),
        }
    }
}

impl Download {
    /// The worker takes the accept and commits.
    pub(crate) fn commit(&self) {
        let mut answer = [0; 64];
        let bytes = channel::receive(self.worker.as_fd(), &mut answer).unwrap();
        assert_eq!(
            Answer::decode(&answer[..bytes]),
            Ok(Answer::Accept(OfferId(1)))
        );
        channel::send(self.worker.as_fd(), &Commit(OfferId(1)).encode(), &[]).unwrap();
    }

    /// The client takes what has come, up to so many bytes; whether that was the end.
    pub(crate) fn take(&mut self, mut bytes: usize) -> bool {
        let mut buffer = [0; 64 * 1024];
        while bytes > 0 {
            let piece = buffer.len().min(bytes);
            match self.client.read(&mut buffer[..piece]) {
                Ok(0) => return true,
                Ok(taken) => bytes -= taken,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
                Err(error) => panic!("the client: {error}"),
            }
        }
        false
    }
}

impl Read for Client {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Client::Tcp(stream) => stream.read(buffer),
            Client::Unix(stream) => stream.read(buffer),
        }
    }
}
