//! Abuse of the manager's socket: whatever a peer sends, the manager refuses or hangs up, keeps no descriptor, and goes
//! on serving others.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use libtest_mimic::{Arguments, Failed, Trial};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType, UnixAddr, connect, recv, sendmsg,
    setsockopt, socket, sockopt,
};
use nix::unistd::Uid;
use send_file_php_tests::files::Sample;
use send_file_php_tests::limits::PATIENCE;
use send_file_php_tests::manager::Manager;
use send_file_php_tests::run::Run;
use send_file_wire::limits::{MAX_PACKET_BYTES, MAX_PARTS};
use send_file_wire::{Answer, Commit, Framing, Offer, OfferId, Part, Reason};

/// Set for this program started as a peer of another user: the socket to offer on.
const CHILD_SOCKET: &str = "SEND_FILE_TEST_PEER_SOCKET";

/// A user that no manager allows by default.
const STRANGER: u32 = 54_321;

type Body = fn(&Manager) -> anyhow::Result<()>;

fn main() -> ExitCode {
    if let Some(path) = std::env::var_os(CHILD_SOCKET) {
        return be_a_peer(Path::new(&path));
    }
    let cases: &[(&str, Body)] = &[
        ("garbage_is_refused", garbage_is_refused),
        (
            "a_packet_cut_short_is_refused",
            a_packet_cut_short_is_refused,
        ),
        (
            "an_oversize_packet_is_refused",
            an_oversize_packet_is_refused,
        ),
        (
            "another_version_is_refused_by_its_name",
            another_version_is_refused_by_its_name,
        ),
        (
            "a_burst_without_a_rate_is_refused",
            a_burst_without_a_rate_is_refused,
        ),
        (
            "every_single_flipped_byte_is_survived",
            every_single_flipped_byte_is_survived,
        ),
        (
            "missing_and_extra_descriptors_are_refused",
            missing_and_extra_descriptors_are_refused,
        ),
        (
            "descriptors_of_the_wrong_kind_are_refused",
            descriptors_of_the_wrong_kind_are_refused,
        ),
        (
            "spans_outside_the_file_are_refused",
            spans_outside_the_file_are_refused,
        ),
        (
            "a_connection_already_in_use_is_refused",
            a_connection_already_in_use_is_refused,
        ),
        (
            "a_unix_connection_without_fastcgi_is_refused",
            a_unix_connection_without_fastcgi_is_refused,
        ),
        (
            "an_offer_without_a_commit_is_forgotten_when_its_peer_goes",
            an_offer_without_a_commit_is_forgotten,
        ),
        (
            "an_offer_without_a_commit_is_given_up_in_time",
            an_offer_without_a_commit_is_given_up_in_time,
        ),
        (
            "a_commit_of_another_offer_sends_nothing",
            a_commit_of_another_offer_sends_nothing,
        ),
        (
            "a_commit_without_an_offer_is_refused",
            a_commit_without_an_offer_is_refused,
        ),
        (
            "a_thousand_idle_peers_do_not_stop_a_download",
            a_thousand_idle_peers_do_not_stop_a_download,
        ),
        (
            "a_thousand_offers_without_a_commit_leave_nothing",
            a_thousand_offers_without_a_commit_leave_nothing,
        ),
    ];
    let mut trials: Vec<Trial> = cases
        .iter()
        .map(|(name, body)| trial(name, *body))
        .collect();
    trials.push(
        Trial::test("a_user_who_is_not_allowed_is_refused_at_accept", || {
            a_user_who_is_not_allowed_is_refused_at_accept().map_err(failed)
        })
        .with_ignored_flag(!Uid::effective().is_root()),
    );
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// Every case: the manager has as many descriptors afterwards as before, and a download still works.
fn trial(name: &str, body: Body) -> Trial {
    Trial::test(name, move || {
        let run = || -> anyhow::Result<()> {
            let manager = Manager::start(
                &Run::current().folder("protocol")?,
                // One cell: what a connection carries already is known to the cell that carries it.
                &["--offer-timeout", "3", "--cells", "1"],
            )?;
            let tried = || -> anyhow::Result<()> {
                a_download_works(&manager)?;
                let base = manager.idle_descriptor_count();
                body(&manager)?;
                manager.wait_for_descriptor_count(base)?;
                a_download_works(&manager)
            };
            tried().map_err(|error| {
                anyhow::anyhow!("{error:#}\n--- manager.log\n{}", manager.log_tail())
            })
        };
        run().map_err(failed)
    })
}

fn failed(error: anyhow::Error) -> Failed {
    Failed::from(format!("{error:#}"))
}

// ---- a worker that may misbehave

/// What the manager did with a packet.
#[derive(Debug, PartialEq, Eq)]
enum Reply {
    Answer(Answer),
    HungUp,
}

struct Peer(OwnedFd);

impl Peer {
    fn connect(path: &Path) -> anyhow::Result<Peer> {
        let socket = socket(
            AddressFamily::Unix,
            SockType::SeqPacket,
            SockFlag::SOCK_CLOEXEC,
            None,
        )?;
        setsockopt(&socket, sockopt::SndBuf, &(256 << 10))?;
        connect(socket.as_raw_fd(), &UnixAddr::new(path)?).context("connecting to the manager")?;
        Ok(Peer(socket))
    }

    fn of(manager: &Manager) -> anyhow::Result<Peer> {
        Peer::connect(manager.socket())
    }

    fn send(&self, packet: &[u8], descriptors: &[BorrowedFd]) -> nix::Result<usize> {
        let raw: Vec<_> = descriptors.iter().map(AsRawFd::as_raw_fd).collect();
        let rights = [ControlMessage::ScmRights(&raw)];
        let control = if raw.is_empty() {
            &rights[..0]
        } else {
            &rights[..]
        };
        let iov = [std::io::IoSlice::new(packet)];
        sendmsg::<()>(
            self.0.as_raw_fd(),
            &iov,
            control,
            MsgFlags::MSG_NOSIGNAL,
            None,
        )
    }

    /// What the manager says, or that it hung up; an error if it does neither.
    fn reply(&self) -> anyhow::Result<Reply> {
        self.wait_until_readable(PATIENCE)?;
        let mut packet = [0; 64];
        match recv(self.0.as_raw_fd(), &mut packet, MsgFlags::MSG_DONTWAIT) {
            Ok(0) | Err(Errno::ECONNRESET) => Ok(Reply::HungUp),
            Ok(n) => Ok(Reply::Answer(Answer::decode(&packet[..n])?)),
            Err(errno) => Err(errno.into()),
        }
    }

    fn wait_until_readable(&self, patience: Duration) -> anyhow::Result<()> {
        let mut polled = [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
        let timeout = PollTimeout::try_from(patience)?;
        ensure!(
            poll(&mut polled, timeout)? == 1,
            "the manager neither answers nor hangs up"
        );
        Ok(())
    }

    fn is_refused(&self, what: &str) -> anyhow::Result<Option<Reason>> {
        match self.reply()? {
            Reply::HungUp => Ok(None),
            Reply::Answer(Answer::Reject(_, reason)) => Ok(Some(reason)),
            Reply::Answer(accept) => bail!("{what}: the manager answers {accept:?}"),
        }
    }

    fn is_refused_for(&self, what: &str, reason: Reason) -> anyhow::Result<()> {
        let got = self.is_refused(what)?;
        ensure!(
            got == Some(reason),
            "{what}: refused for {got:?} where {reason:?} was expected"
        );
        Ok(())
    }
}

/// A TCP connection as a web server has it, and its client.
struct Tcp {
    server: TcpStream,
    client: TcpStream,
}

impl Tcp {
    fn pair() -> anyhow::Result<Tcp> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let client = TcpStream::connect(listener.local_addr()?)?;
        client.set_read_timeout(Some(PATIENCE))?;
        Ok(Tcp {
            server: listener.accept()?.0,
            client,
        })
    }
}

fn sample() -> anyhow::Result<Sample> {
    static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    Sample::create(&format!("protocol-{number}.bin"), 200_000)
}

fn offer_of(offset: u64, len: u64) -> Offer {
    Offer {
        id: OfferId(77),
        framing: Framing::Raw,
        rate: None,
        parts: vec![Part::Span { offset, len }],
        tag: b"abuse".to_vec(),
    }
}

fn a_download_works(manager: &Manager) -> anyhow::Result<()> {
    let sample = sample()?;
    let file = File::open(&sample.path)?;
    let mut tcp = Tcp::pair()?;
    let peer = Peer::of(manager)?;
    let offer = offer_of(0, sample.len);
    peer.send(&offer.encode()?, &[tcp.server.as_fd(), file.as_fd()])?;
    let reply = peer.reply()?;
    ensure!(
        reply == Reply::Answer(Answer::Accept(offer.id)),
        "an honest offer is answered by {reply:?}"
    );
    peer.send(&Commit(offer.id).encode(), &[])?;
    drop(tcp.server);
    let mut got = Vec::new();
    tcp.client.read_to_end(&mut got)?;
    ensure!(
        got == sample.bytes(0, sample.len)?,
        "an honest download got {} wrong bytes",
        got.len()
    );
    Ok(())
}

/// That nothing was written to the client, and that the connection is still the worker's.
fn is_untouched(mut tcp: Tcp) -> anyhow::Result<()> {
    tcp.server.write_all(b"from the worker")?;
    drop(tcp.server);
    let mut got = Vec::new();
    tcp.client.read_to_end(&mut got)?;
    ensure!(
        got == b"from the worker",
        "the client got {:?}",
        String::from_utf8_lossy(&got)
    );
    Ok(())
}

// ---- packets

fn garbage_is_refused(manager: &Manager) -> anyhow::Result<()> {
    for packet in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        &[0; 1],
        &[0xff; 300],
        &[0; 16],
        b"sndf",
    ] {
        let peer = Peer::of(manager)?;
        peer.send(packet, &[])?;
        peer.is_refused("garbage")?;

        let (tcp, file) = (Tcp::pair()?, File::open(sample()?.path)?);
        let peer = Peer::of(manager)?;
        peer.send(packet, &[tcp.server.as_fd(), file.as_fd()])?;
        peer.is_refused("garbage with descriptors")?;
        is_untouched(tcp)?;
    }
    Ok(())
}

fn a_packet_cut_short_is_refused(manager: &Manager) -> anyhow::Result<()> {
    let file = File::open(sample()?.path)?;
    let packet = offer_of(0, 1000).encode()?;
    for len in 1..packet.len() {
        let tcp = Tcp::pair()?;
        let peer = Peer::of(manager)?;
        peer.send(&packet[..len], &[tcp.server.as_fd(), file.as_fd()])?;
        peer.is_refused(&format!("the first {len} bytes of an offer"))?;
        is_untouched(tcp)?;
    }
    Ok(())
}

fn an_oversize_packet_is_refused(manager: &Manager) -> anyhow::Result<()> {
    let file = File::open(sample()?.path)?;
    for extra in [1, 100_000] {
        let tcp = Tcp::pair()?;
        let mut packet = offer_of(0, 1000).encode()?;
        packet.resize(MAX_PACKET_BYTES + extra, 0);
        let claimed = (packet.len() as u32).to_le_bytes();
        packet[16..20].copy_from_slice(&claimed);
        let peer = Peer::of(manager)?;
        peer.send(&packet, &[tcp.server.as_fd(), file.as_fd()])?;
        peer.is_refused("an oversize packet")?;
        is_untouched(tcp)?;
    }
    Ok(())
}

fn another_version_is_refused_by_its_name(manager: &Manager) -> anyhow::Result<()> {
    let (tcp, file) = (Tcp::pair()?, File::open(sample()?.path)?);
    let mut packet = offer_of(0, 1000).encode()?;
    packet[4] = 2;
    let peer = Peer::of(manager)?;
    peer.send(&packet, &[tcp.server.as_fd(), file.as_fd()])?;
    peer.is_refused_for("version 2", Reason::Version)?;
    is_untouched(tcp)
}

fn a_burst_without_a_rate_is_refused(manager: &Manager) -> anyhow::Result<()> {
    let (tcp, file) = (Tcp::pair()?, File::open(sample()?.path)?);
    let mut packet = offer_of(0, 1000).encode()?;
    packet[40] = 1;
    let peer = Peer::of(manager)?;
    peer.send(&packet, &[tcp.server.as_fd(), file.as_fd()])?;
    peer.is_refused_for("a burst without a rate", Reason::Malformed)?;
    is_untouched(tcp)
}

/// An offer may still be right with a byte changed (the id, the tag); then it is accepted and never committed.
fn every_single_flipped_byte_is_survived(manager: &Manager) -> anyhow::Result<()> {
    let file = File::open(sample()?.path)?;
    let packet = offer_of(0, 1000).encode()?;
    for at in 0..packet.len() {
        for flip in [0x01, 0x80, 0xff] {
            let tcp = Tcp::pair()?;
            let mut packet = packet.clone();
            packet[at] ^= flip;
            let peer = Peer::of(manager)?;
            peer.send(&packet, &[tcp.server.as_fd(), file.as_fd()])?;
            peer.reply()
                .with_context(|| format!("byte {at} with {flip:#x}"))?;
            drop(peer);
            is_untouched(tcp)?;
        }
    }
    Ok(())
}

// ---- descriptors

fn missing_and_extra_descriptors_are_refused(manager: &Manager) -> anyhow::Result<()> {
    let file = File::open(sample()?.path)?;
    let packet = offer_of(0, 1000).encode()?;
    for count in [0, 1, 3, 5, 60, 250] {
        let tcp = Tcp::pair()?;
        let mut descriptors = vec![file.as_fd(); count];
        if let Some(first) = descriptors.first_mut() {
            *first = tcp.server.as_fd();
        }
        let peer = Peer::of(manager)?;
        peer.send(&packet, &descriptors)?;
        peer.is_refused(&format!("{count} descriptors"))?;
        is_untouched(tcp)?;
    }
    Ok(())
}

fn descriptors_of_the_wrong_kind_are_refused(manager: &Manager) -> anyhow::Result<()> {
    let sample = sample()?;
    let file = File::open(&sample.path)?;
    let folder = File::open("/")?;
    let device = File::open("/dev/zero")?;
    let write_only = File::options().append(true).open(&sample.path)?;
    let (pipe, _pipe_end) = nix::unistd::pipe()?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let udp = std::net::UdpSocket::bind("127.0.0.1:0")?;
    let unconnected = socket(
        AddressFamily::Inet,
        SockType::Stream,
        SockFlag::SOCK_CLOEXEC,
        None,
    )?;
    let tcp = Tcp::pair()?;
    let connection = tcp.server.as_fd();
    let wrong = [
        ("the file twice", file.as_fd(), file.as_fd()),
        ("the connection twice", connection, connection),
        ("in the wrong order", file.as_fd(), connection),
        ("a listening socket", listener.as_fd(), file.as_fd()),
        ("a UDP socket", udp.as_fd(), file.as_fd()),
        (
            "a socket that is not connected",
            unconnected.as_fd(),
            file.as_fd(),
        ),
        ("a pipe as the connection", pipe.as_fd(), file.as_fd()),
        ("a folder as the file", connection, folder.as_fd()),
        ("a device as the file", connection, device.as_fd()),
        ("a pipe as the file", connection, pipe.as_fd()),
        (
            "a file open for writing only",
            connection,
            write_only.as_fd(),
        ),
    ];
    for (what, first, second) in wrong {
        let peer = Peer::of(manager)?;
        peer.send(&offer_of(0, 1000).encode()?, &[first, second])?;
        peer.is_refused(what)?;
    }
    is_untouched(tcp)
}

fn spans_outside_the_file_are_refused(manager: &Manager) -> anyhow::Result<()> {
    let sample = sample()?;
    let file = File::open(&sample.path)?;
    for (offset, len) in [
        (0, sample.len + 1),
        (sample.len, 1),
        (sample.len - 1, 2),
        (1 << 62, 1),
    ] {
        let tcp = Tcp::pair()?;
        let peer = Peer::of(manager)?;
        peer.send(
            &offer_of(offset, len).encode()?,
            &[tcp.server.as_fd(), file.as_fd()],
        )?;
        peer.is_refused_for(&format!("{len} bytes at {offset}"), Reason::File)?;
        is_untouched(tcp)?;
    }
    let mut many = offer_of(0, 1);
    many.parts = vec![Part::Span { offset: 0, len: 1 }; MAX_PARTS];
    many.parts[MAX_PARTS - 1] = Part::Span {
        offset: sample.len,
        len: 1,
    };
    let tcp = Tcp::pair()?;
    let peer = Peer::of(manager)?;
    peer.send(&many.encode()?, &[tcp.server.as_fd(), file.as_fd()])?;
    peer.is_refused_for("the last of many spans outside", Reason::File)?;
    is_untouched(tcp)
}

fn a_connection_already_in_use_is_refused(manager: &Manager) -> anyhow::Result<()> {
    let sample = Sample::create("protocol-in-use.bin", 50_000_000)?;
    let (first_file, second_file) = (File::open(&sample.path)?, File::open(&sample.path)?);
    let mut tcp = Tcp::pair()?;
    let first = Peer::of(manager)?;
    let offer = offer_of(0, sample.len);
    first.send(&offer.encode()?, &[tcp.server.as_fd(), first_file.as_fd()])?;
    ensure!(
        first.reply()? == Reply::Answer(Answer::Accept(offer.id)),
        "the first offer is refused"
    );
    first.send(&Commit(offer.id).encode(), &[])?;
    let mut start = [0; 1000];
    tcp.client.read_exact(&mut start)?;

    let second = Peer::of(manager)?;
    second.send(&offer.encode()?, &[tcp.server.as_fd(), second_file.as_fd()])?;
    second.is_refused_for("a second offer of the connection", Reason::Duplicate)?;

    drop(tcp.server);
    let mut got = start.to_vec();
    tcp.client.read_to_end(&mut got)?;
    ensure!(
        got == sample.bytes(0, sample.len)?,
        "the first download was harmed"
    );
    Ok(())
}

fn a_unix_connection_without_fastcgi_is_refused(manager: &Manager) -> anyhow::Result<()> {
    let file = File::open(sample()?.path)?;
    let (connection, mut other) = UnixStream::pair()?;
    let peer = Peer::of(manager)?;
    peer.send(
        &offer_of(0, 1000).encode()?,
        &[connection.as_fd(), file.as_fd()],
    )?;
    peer.is_refused_for("raw bytes to a Unix socket", Reason::Connection)?;
    drop(connection);
    let mut got = Vec::new();
    other.read_to_end(&mut got)?;
    ensure!(
        got.is_empty(),
        "{} bytes were sent to a Unix socket",
        got.len()
    );
    Ok(())
}

// ---- the order of things

/// An accepted offer on a connection of its own.
fn accepted(manager: &Manager, id: u64) -> anyhow::Result<(Peer, Tcp)> {
    let (tcp, file) = (Tcp::pair()?, File::open(sample()?.path)?);
    let peer = Peer::of(manager)?;
    let offer = Offer {
        id: OfferId(id),
        ..offer_of(0, 1000)
    };
    peer.send(&offer.encode()?, &[tcp.server.as_fd(), file.as_fd()])?;
    let reply = peer.reply()?;
    ensure!(
        reply == Reply::Answer(Answer::Accept(offer.id)),
        "offer {id} is answered by {reply:?}"
    );
    Ok((peer, tcp))
}

fn an_offer_without_a_commit_is_forgotten(manager: &Manager) -> anyhow::Result<()> {
    let base = manager.idle_descriptor_count();
    let (peer, tcp) = accepted(manager, 1)?;
    ensure!(
        manager.descriptor_count() > base,
        "an accepted offer holds no descriptors"
    );
    drop(peer);
    manager.wait_for_descriptor_count(base)?;
    is_untouched(tcp)
}

fn an_offer_without_a_commit_is_given_up_in_time(manager: &Manager) -> anyhow::Result<()> {
    let base = manager.idle_descriptor_count();
    let (peer, tcp) = accepted(manager, 1)?;
    manager.wait_for_descriptor_count(base)?;
    // Given up by the manager, so the worker must learn that the connection is still its own.
    let late = peer.send(&Commit(OfferId(1)).encode(), &[]);
    ensure!(
        late == Err(Errno::EPIPE),
        "a commit that is too late: {late:?} where EPIPE was expected"
    );
    is_untouched(tcp)
}

fn a_commit_of_another_offer_sends_nothing(manager: &Manager) -> anyhow::Result<()> {
    let (peer, tcp) = accepted(manager, 1)?;
    peer.send(&Commit(OfferId(2)).encode(), &[])?;
    peer.is_refused("a commit of another offer")?;
    drop(peer);
    is_untouched(tcp)
}

fn a_commit_without_an_offer_is_refused(manager: &Manager) -> anyhow::Result<()> {
    let peer = Peer::of(manager)?;
    peer.send(&Commit(OfferId(1)).encode(), &[])?;
    peer.is_refused("a commit without an offer")?;
    Ok(())
}

fn a_thousand_idle_peers_do_not_stop_a_download(manager: &Manager) -> anyhow::Result<()> {
    let mut idle = Vec::new();
    for _ in 0..1000 {
        idle.push(Peer::of(manager)?);
    }
    let asked = Instant::now();
    for _ in 0..20 {
        a_download_works(manager)?;
    }
    ensure!(
        asked.elapsed() < PATIENCE,
        "20 downloads took {:?}",
        asked.elapsed()
    );
    drop(idle);
    Ok(())
}

fn a_thousand_offers_without_a_commit_leave_nothing(manager: &Manager) -> anyhow::Result<()> {
    let file = File::open(sample()?.path)?;
    let packet = offer_of(0, 1000).encode()?;
    for _ in 0..1000 {
        let tcp = Tcp::pair()?;
        let peer = Peer::of(manager)?;
        peer.send(&packet, &[tcp.server.as_fd(), file.as_fd()])?;
    }
    Ok(())
}

// ---- another user

fn a_user_who_is_not_allowed_is_refused_at_accept() -> anyhow::Result<()> {
    let program = std::env::current_exe()?;
    // Where the stranger may read it: a target folder may be closed to others.
    let copy = Run::current().dir().join("peer");
    std::fs::copy(&program, &copy)?;
    for (allowed, expected) in [(false, "hung up"), (true, "accepted")] {
        let stranger = STRANGER.to_string();
        let flags = if allowed {
            vec!["--allow-uid", &stranger]
        } else {
            vec![]
        };
        let manager = Manager::start(&Run::current().folder("protocol")?, &flags)?;
        let base = manager.idle_descriptor_count();
        let output = Command::new(&copy)
            .env(CHILD_SOCKET, manager.socket())
            .uid(STRANGER)
            .gid(STRANGER)
            .current_dir("/")
            .output()?;
        let said = String::from_utf8_lossy(&output.stdout);
        ensure!(
            said.trim() == expected,
            "a stranger's offer (allowed: {allowed}) was {said:?} where {expected:?} was expected\n{}\n--- manager.log\n{}",
            String::from_utf8_lossy(&output.stderr),
            manager.log_tail()
        );
        manager.wait_for_descriptor_count(base)?;
    }
    Ok(())
}

/// In the child: makes an honest offer and prints what comes of it.
fn be_a_peer(path: &Path) -> ExitCode {
    let offered = || -> anyhow::Result<&str> {
        let (tcp, file) = (Tcp::pair()?, File::open("/proc/self/exe")?);
        let peer = Peer::connect(path)?;
        match peer.send(
            &offer_of(0, 1000).encode()?,
            &[tcp.server.as_fd(), file.as_fd()],
        ) {
            Ok(_) => {}
            Err(Errno::EPIPE | Errno::ECONNRESET) => return Ok("hung up"),
            Err(errno) => return Err(errno.into()),
        }
        match peer.reply()? {
            Reply::HungUp => Ok("hung up"),
            Reply::Answer(Answer::Accept(_)) => Ok("accepted"),
            Reply::Answer(Answer::Reject(..)) => Ok("rejected"),
        }
    };
    match offered() {
        Ok(what) => {
            println!("{what}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
