//! What fits leaves at once, to a client that reads nothing: on real sockets, since the kernel alone knows what fits.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;

use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::sendfile::sendfile;
use nix::sys::socket::sockopt::{RcvBuf, SndBuf, TcpMaxSeg};
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrIn, connect, setsockopt, socket,
};
use send_file_wire::room::takes_at_once;

/// More than any send buffer takes.
const MOST_BYTES: u64 = 16 << 20;

/// Headers as long as servers take them.
const HEAD: [u8; 4096] = [b'h'; 4096];

/// A connection as a web server has it, and its client, which reads nothing.
fn tcp(segment_bytes: Option<u32>, receive_bytes: Option<usize>) -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = socket(
        AddressFamily::Inet,
        SockType::Stream,
        SockFlag::empty(),
        None,
    )
    .unwrap();
    if let Some(bytes) = segment_bytes {
        setsockopt(&client, TcpMaxSeg, &bytes).unwrap();
    }
    if let Some(bytes) = receive_bytes {
        setsockopt(&client, RcvBuf, &bytes).unwrap();
    }
    let SocketAddr::V4(address) = listener.local_addr().unwrap() else {
        panic!("an IPv4 address");
    };
    connect(client.as_raw_fd(), &SockaddrIn::from(address)).unwrap();
    let (server, _) = listener.accept().unwrap();
    server.set_nonblocking(true).unwrap();
    server.set_nodelay(true).unwrap();
    (server, TcpStream::from(client))
}

/// Every length of segments, from those of a malicious client to those of the loopback device, with every window.
fn connections() -> impl Iterator<Item = (TcpStream, TcpStream)> {
    let segments = [None, Some(88), Some(300), Some(536), Some(1460), Some(9000)];
    let windows = [None, Some(2048), Some(20_000), Some(400_000)];
    segments
        .into_iter()
        .flat_map(move |segment| windows.map(move |window| tcp(segment, window)))
}

/// The longest body that fits by the rule.
fn longest(connection: &impl AsFd) -> u64 {
    let (mut fits, mut does_not) = (0, MOST_BYTES);
    while does_not - fits > 1 {
        let middle = fits.midpoint(does_not);
        if takes_at_once(connection.as_fd(), middle) {
            fits = middle;
        } else {
            does_not = middle;
        }
    }
    fits
}

fn file_of(bytes: u64) -> File {
    let file = File::from(memfd_create(c"body", MFdFlags::MFD_CLOEXEC).unwrap());
    (&file).write_all(&vec![b'b'; bytes as usize]).unwrap();
    file
}

/// In writes of this length, each with a header of its own like a FastCGI record if that is wanted.
fn write_in_pieces(mut connection: impl Write, body_bytes: u64, piece_bytes: usize, header: &[u8]) {
    let body = vec![b'b'; body_bytes as usize];
    for piece in body.chunks(piece_bytes) {
        connection.write_all(header).unwrap();
        connection.write_all(piece).unwrap();
    }
}

#[test]
fn a_body_that_fits_leaves_with_one_sendfile_though_the_client_reads_nothing() {
    for (mut server, _client) in connections() {
        let longest = longest(&server);
        let file = file_of(longest);
        server.write_all(&HEAD).unwrap();
        let mut position = 0;
        let sent = sendfile(&server, &file, Some(&mut position), longest as usize);
        assert_eq!(sent, Ok(longest as usize));
    }
}

#[test]
fn a_body_that_fits_leaves_in_any_pieces_though_the_client_reads_nothing() {
    for piece_bytes in [8000, 32 << 10, 65_528] {
        for (mut server, _client) in connections() {
            let longest = longest(&server);
            server.write_all(&HEAD).unwrap();
            write_in_pieces(&server, longest, piece_bytes, b"");
        }
    }
}

#[test]
fn what_lies_in_the_queue_already_is_counted() {
    for (mut server, _client) in connections() {
        let longest_before = longest(&server);
        // Until the client's window is full, and some of it stays here.
        let stays = vec![b's'; 10_000];
        while longest(&server) > longest_before / 2 {
            server.write_all(&stays).unwrap();
        }
        let longest = longest(&server);
        write_in_pieces(&server, longest, 32 << 10, b"");
    }
}

#[test]
fn a_body_that_fits_leaves_in_records_over_a_unix_socket() {
    for send_bytes in [None, Some(20_000), Some(100_000), Some(400_000)] {
        let (mut worker, _web_server) = UnixStream::pair().unwrap();
        worker.set_nonblocking(true).unwrap();
        if let Some(bytes) = send_bytes {
            setsockopt(&worker, SndBuf, &bytes).unwrap();
        }
        let longest = longest(&worker);
        worker.write_all(&HEAD).unwrap();
        write_in_pieces(&worker, longest, 65_528, b"12345678");
    }
}

#[test]
fn a_new_connection_over_a_real_network_takes_a_thumbnail() {
    let (server, _client) = tcp(Some(1460), None);
    let longest = longest(&server);
    assert!(longest > 30_000, "{longest}");
}

#[test]
fn a_unix_socket_takes_most_of_its_buffer() {
    let (worker, _web_server) = UnixStream::pair().unwrap();
    let longest = longest(&worker);
    assert!(longest > 130_000, "{longest}");
}

#[test]
fn a_connection_that_is_full_takes_nothing() {
    let (mut server, _client) = tcp(None, None);
    let much = vec![b'm'; 1 << 20];
    while !matches!(server.write(&much), Err(error) if error.kind() == ErrorKind::WouldBlock) {}
    assert_eq!(longest(&server), 0);
}

#[test]
fn a_connection_of_another_kind_takes_nothing() {
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    assert!(!takes_at_once(udp.as_fd(), 1));
    assert!(!takes_at_once(file_of(1).as_fd(), 1));
}
