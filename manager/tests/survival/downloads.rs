//! Downloads of every kind, and what must arrive of them.

use std::fs::File;
use std::io::Read;
use std::net::{Shutdown, TcpStream};
use std::num::{NonZeroU16, NonZeroU64};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::OnceLock;
use std::time::Duration;

use send_file_wire::{FastCgi, Framing, Part, Rate, ServerKind};

use crate::rig::{
    Manager, Worker, connection, connection_with_small_window, file_with, pattern, read_records,
    span,
};

pub(crate) const MEGABYTE: u64 = 1 << 20;

/// More than the kernel holds between a manager and a client that reads nothing.
const BODY_BYTES: u64 = 24 * MEGABYTE;

/// One kind of download.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Span,
    UnsortedOverlappingRanges,
    NginxOverUnix,
    ApacheOverTcp,
    AtARate,
    SmallWindow,
    HalfClosed,
    InTheKernel,
    WithoutSendfile,
    RelayedWithoutSendfile,
}

impl Kind {
    pub(crate) const ALL: [Kind; 10] = [
        Kind::Span,
        Kind::UnsortedOverlappingRanges,
        Kind::NginxOverUnix,
        Kind::ApacheOverTcp,
        Kind::AtARate,
        Kind::SmallWindow,
        Kind::HalfClosed,
        Kind::InTheKernel,
        Kind::WithoutSendfile,
        Kind::RelayedWithoutSendfile,
    ];
}

/// The other side of a download, before it is handed over and after.
pub(crate) struct Download {
    pub(crate) client: Box<dyn Read + Send>,
    pub(crate) server: OwnedFd,
    pub(crate) file: File,
    pub(crate) framing: Framing,
    pub(crate) rate: Option<Rate>,
    pub(crate) parts: Vec<Part>,
    pub(crate) body: Vec<u8>,
}

impl Download {
    /// `None` where this machine has no such file.
    pub(crate) fn new(kind: Kind) -> Option<Download> {
        let literal = |text: &str| Part::Literal(text.as_bytes().to_vec());
        let (file, content) = match kind {
            Kind::WithoutSendfile | Kind::RelayedWithoutSendfile => {
                // A regular file whose file system offers no sendfile(2).
                let content = std::fs::read("/proc/config.gz").ok()?;
                (File::open("/proc/config.gz").ok()?, content)
            }
            Kind::InTheKernel => memory_file(160_000),
            Kind::AtARate => memory_file(6 * MEGABYTE),
            Kind::SmallWindow => memory_file(MEGABYTE),
            _ => memory_file(BODY_BYTES),
        };
        let len = content.len() as u64;
        let parts = match kind {
            Kind::UnsortedOverlappingRanges | Kind::RelayedWithoutSendfile => vec![
                literal("first"),
                span(len / 2, len / 3),
                literal("second"),
                span(len / 2 + 5, len / 4),
                span(7, len / 3),
                literal("third"),
                literal("fourth"),
                span(0, len / 2 + 100),
                literal("end"),
            ],
            _ => vec![span(0, len)],
        };
        let fastcgi = |server| {
            Framing::FastCgi(FastCgi {
                request_id: NonZeroU16::new(1).unwrap(),
                server,
                keep: false,
            })
        };
        let framing = match kind {
            Kind::NginxOverUnix | Kind::RelayedWithoutSendfile => fastcgi(ServerKind::Nginx),
            Kind::ApacheOverTcp => fastcgi(ServerKind::Apache),
            _ => Framing::Raw,
        };
        let (client, server): (Box<dyn Read + Send>, OwnedFd) = match kind {
            Kind::NginxOverUnix | Kind::RelayedWithoutSendfile => {
                let (web_server, worker_end) = UnixStream::pair().unwrap();
                web_server
                    .set_read_timeout(Some(Duration::from_secs(20)))
                    .unwrap();
                (Box::new(web_server), worker_end.into())
            }
            Kind::SmallWindow => tcp(connection_with_small_window()),
            Kind::HalfClosed => {
                let (client, server) = connection();
                client.shutdown(Shutdown::Write).unwrap();
                tcp((client, server))
            }
            _ => tcp(connection()),
        };
        let rate = (kind == Kind::AtARate).then(|| Rate {
            bytes_per_sec: NonZeroU64::new(20_000_000).unwrap(),
            burst_bytes: 100_000,
        });
        Some(Download {
            client,
            server,
            file,
            framing,
            rate,
            body: body(&parts, &content),
            parts,
        })
    }

    /// Offers and commits it.
    pub(crate) fn hand_over(&self, manager: &Manager) {
        self.hand_over_by(&Worker::connect(manager));
    }

    /// The same by a worker that is connected.
    pub(crate) fn hand_over_by(&self, worker: &Worker) {
        let (server, file) = (self.server.as_fd(), self.file.as_fd());
        worker.hand_over_at(self.rate, &server, &file, self.framing, &self.parts);
    }

    /// Compares every byte that the client got.
    pub(crate) fn check(&self, received: &[u8]) {
        let framing = self.framing;
        match framing {
            Framing::Raw => assert!(received == self.body, "{:?}", self.describe(received)),
            Framing::FastCgi(_) => {
                let (body, ended) = read_records(received);
                assert!(ended, "no END_REQUEST");
                assert!(body == self.body, "{:?}", self.describe(&body));
            }
        }
    }

    fn describe(&self, received: &[u8]) -> String {
        let mut both = received.iter().zip(&self.body);
        let same = both.position(|(got, expected)| got != expected);
        let (got, expected) = (received.len(), self.body.len());
        format!("{got} bytes of {expected}, the first wrong one at {same:?}")
    }
}

fn tcp((client, server): (TcpStream, TcpStream)) -> (Box<dyn Read + Send>, OwnedFd) {
    client
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    (Box::new(client), server.into())
}

fn memory_file(bytes: u64) -> (File, Vec<u8>) {
    // Made once: it takes longer than the download.
    static PATTERN: OnceLock<Vec<u8>> = OnceLock::new();
    let pattern = PATTERN.get_or_init(|| pattern(0, BODY_BYTES));
    let content = pattern[..bytes as usize].to_vec();
    (file_with(&content), content)
}

fn body(parts: &[Part], content: &[u8]) -> Vec<u8> {
    let pieces = parts.iter().map(|part| match part {
        Part::Literal(bytes) => &bytes[..],
        Part::Span { offset, len } => &content[*offset as usize..][..*len as usize],
    });
    pieces.collect::<Vec<_>>().concat()
}
