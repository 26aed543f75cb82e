//! The handoff protocol and the sending, on the real daemon over real sockets.

mod rate;
mod rig;

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::num::NonZeroU16;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::Signal;
use send_file_manager::limits::LINGER_TIMEOUT;
use send_file_manager::sink::RECORD_BYTES;
use send_file_wire::{Answer, Commit, FastCgi, Framing, OfferId, Part, Reason, ServerKind};

use rig::{
    Manager, Worker, connection, connection_with_small_window, file_with, pattern, read_records,
    read_to_end, span,
};

const MEGABYTE: u64 = 1 << 20;

/// More than a client's receive window, less than that and what the manager lets the kernel queue: such a body leaves the
/// manager at once and the client when it reads.
const IN_KERNEL_BYTES: u64 = 160_000;

fn fastcgi(server: ServerKind) -> Framing {
    Framing::FastCgi(FastCgi {
        request_id: NonZeroU16::new(1).unwrap(),
        server,
        keep: false,
    })
}

/// A file of so many bytes, given away on a client's connection: the client's end of it, and the file.
fn download(manager: &Manager, bytes: u64) -> (TcpStream, File) {
    let (client, server) = connection();
    let file = file_with(&pattern(0, bytes));
    manager.hand_over(&server, &file, Framing::Raw, &[span(0, bytes)]);
    (client, file)
}

/// The same on a web server's FastCGI connection.
fn relayed_download(manager: &Manager, server: ServerKind, bytes: u64) -> (UnixStream, File) {
    let (web_server, worker_end) = UnixStream::pair().unwrap();
    let file = file_with(&pattern(0, bytes));
    manager.hand_over(&worker_end, &file, fastcgi(server), &[span(0, bytes)]);
    (web_server, file)
}

#[test]
fn a_committed_download_arrives_whole_and_is_logged_once() {
    let manager = Manager::start(&[]);
    let (mut client, _file) = download(&manager, 5 * MEGABYTE);
    assert!(read_to_end(&mut client).unwrap() == pattern(0, 5 * MEGABYTE));
    assert!(
        !manager.has_logged("download ended"),
        "the end was sent by closing, not by lingering"
    );
    drop(client);
    let ended = manager.wait_for_log("download ended");
    assert_eq!(
        (&ended["outcome"], &ended["bytes"], &ended["tag"]),
        (&"complete".into(), &(5 * MEGABYTE).into(), &"test".into())
    );
}

#[test]
fn a_worker_makes_one_offer_after_the_other_on_one_connection() {
    let manager = Manager::start(&[]);
    let file = file_with(&pattern(0, MEGABYTE));
    let worker = Worker::connect(&manager);
    let connections: Vec<_> = (0..20).map(|_| connection()).collect();
    for (number, (_, server)) in connections.iter().enumerate() {
        // Right behind the commit of the one before: the manager finds both at once, most often.
        worker.offer(server, &file, Framing::Raw, &[span(number as u64, 1000)]);
        assert_eq!(worker.answer(), Answer::Accept(OfferId(1)));
        worker.commit(OfferId(1)).unwrap();
    }
    worker.end();
    for (number, (mut client, server)) in connections.into_iter().enumerate() {
        drop(server);
        assert!(read_to_end(&mut client).unwrap() == pattern(number as u64, 1000));
    }
    manager.wait_until_idle();
}

#[test]
fn spans_and_literals_arrive_in_the_order_of_the_offer() {
    let manager = Manager::start(&[]);
    let (mut client, server) = connection();
    let file = file_with(&pattern(0, MEGABYTE));
    let literal = |text: &str| Part::Literal(text.as_bytes().to_vec());
    let parts = [
        literal("first"),
        span(700_000, 300_000),
        literal("second"),
        span(5, 900_000),
        literal("end"),
    ];
    manager.hand_over(&server, &file, Framing::Raw, &parts);
    drop(server);
    let expected = [
        b"first".to_vec(),
        pattern(700_000, 300_000),
        b"second".to_vec(),
        pattern(5, 900_000),
        b"end".to_vec(),
    ];
    assert!(read_to_end(&mut client).unwrap() == expected.concat());
}

#[test]
fn a_fastcgi_response_is_well_formed_over_unix_and_tcp() {
    let manager = Manager::start(&[]);
    let file = file_with(&pattern(0, MEGABYTE));
    let parts = [Part::Literal(b"head".to_vec()), span(10, MEGABYTE - 10)];
    let expected = [b"head".to_vec(), pattern(10, MEGABYTE - 10)].concat();

    let (mut web_server, worker_end) = UnixStream::pair().unwrap();
    manager.hand_over(&worker_end, &file, fastcgi(ServerKind::Nginx), &parts);
    drop(worker_end);
    assert!(read_records(&read_to_end(&mut web_server).unwrap()) == (expected.clone(), true));

    let (mut web_server, worker_end) = connection();
    manager.hand_over(&worker_end, &file, fastcgi(ServerKind::Apache), &parts);
    drop(worker_end);
    assert!(read_records(&read_to_end(&mut web_server).unwrap()) == (expected, true));
}

#[test]
fn before_the_commit_the_connection_is_the_workers() {
    let manager = Manager::start(&[]);
    let (mut client, mut server) = connection();
    let file = file_with(&pattern(0, MEGABYTE));
    client.write_all(b"the request body").unwrap();
    let worker = Worker::connect(&manager);
    worker.offer(&server, &file, Framing::Raw, &[span(0, MEGABYTE)]);
    assert_eq!(worker.answer(), Answer::Accept(OfferId(1)));

    let flags = OFlag::from_bits_retain(fcntl(&server, FcntlArg::F_GETFL).unwrap());
    assert!(
        !flags.contains(OFlag::O_NONBLOCK),
        "the manager changed the connection"
    );
    let mut body = [0; 16];
    server.read_exact(&mut body).unwrap();
    assert_eq!(&body, b"the request body");

    // The worker changes its mind: it keeps the connection and the manager forgets everything.
    drop(worker);
    server.write_all(b"streamed by the worker").unwrap();
    drop(server);
    assert_eq!(read_to_end(&mut client).unwrap(), b"streamed by the worker");
    manager.wait_until_idle();
}

#[test]
fn an_offer_that_expires_makes_the_late_commit_fail_in_the_worker() {
    let manager = Manager::start(&["--offer-timeout", "0.2"]);
    let (mut client, mut server) = connection();
    let file = file_with(&pattern(0, MEGABYTE));
    let worker = Worker::connect(&manager);
    worker.offer(&server, &file, Framing::Raw, &[span(0, MEGABYTE)]);
    assert_eq!(worker.answer(), Answer::Accept(OfferId(1)));
    worker.wait_for_end();
    let error = worker.commit(OfferId(1)).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    server.write_all(b"streamed by the worker").unwrap();
    drop(server);
    assert_eq!(read_to_end(&mut client).unwrap(), b"streamed by the worker");
    manager.wait_until_idle();
}

#[test]
fn a_commit_sent_before_the_offer_is_given_up_counts_however_late_it_is_seen() {
    let manager = Manager::start(&["--offer-timeout", "0.2"]);
    let (mut client, server) = connection();
    let file = file_with(&pattern(0, MEGABYTE));
    let worker = Worker::connect(&manager);
    worker.offer(&server, &file, Framing::Raw, &[span(0, MEGABYTE)]);
    assert_eq!(worker.answer(), Answer::Accept(OfferId(1)));
    manager.signal(Signal::SIGSTOP);
    worker.commit(OfferId(1)).unwrap();
    // Not a wait for something to happen: the offer's time must be over when the manager goes on.
    std::thread::sleep(Duration::from_millis(300));
    manager.signal(Signal::SIGCONT);
    drop((worker, server));
    assert!(read_to_end(&mut client).unwrap() == pattern(0, MEGABYTE));
}

#[test]
fn a_commit_at_the_instant_its_offer_expires_is_honoured_or_fails_but_is_never_lost() {
    const THREADS: u32 = 8;
    const ROUNDS: u32 = 60;
    let manager = &Manager::start(&["--offer-timeout", "0.05"]);
    let file = &file_with(&pattern(0, 1000));
    let race = move |thread: u32| {
        let mut honoured = 0;
        for round in 0..ROUNDS {
            let (mut client, mut server) = connection();
            let worker = Worker::connect(manager);
            worker.offer(&server, file, Framing::Raw, &[span(0, 1000)]);
            assert_eq!(worker.answer(), Answer::Accept(OfferId(1)));
            let aim = Instant::now()
                + Duration::from_millis(50)
                + Duration::from_micros(u64::from((round * THREADS + thread) % 100 * 20));
            while Instant::now() < aim {
                std::thread::yield_now();
            }
            let expected = if worker.commit(OfferId(1)).is_ok() {
                honoured += 1;
                pattern(0, 1000)
            } else {
                server.write_all(b"streamed by the worker").unwrap();
                b"streamed by the worker".to_vec()
            };
            drop((worker, server));
            assert_eq!(read_to_end(&mut client).unwrap(), expected);
        }
        honoured
    };
    let honoured: u32 = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| scope.spawn(move || race(thread)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum()
    });
    assert!(
        honoured > 0 && honoured < THREADS * ROUNDS,
        "the race was not hit: {honoured} honoured"
    );
    manager.wait_until_idle();
}

#[test]
fn a_commit_behind_an_unread_answer_is_not_lost_when_the_worker_closes() {
    let manager = Manager::start(&[]);
    let (mut client, server) = connection();
    let file = file_with(&pattern(0, MEGABYTE));
    let worker = Worker::connect(&manager);
    worker.offer(&server, &file, Framing::Raw, &[span(0, MEGABYTE)]);
    worker.wait_for_answer();
    // Stopped, so that it finds the reset that the unread answer makes in front of the commit.
    manager.signal(Signal::SIGSTOP);
    worker.commit(OfferId(1)).unwrap();
    drop((worker, server));
    manager.signal(Signal::SIGCONT);
    assert!(read_to_end(&mut client).unwrap() == pattern(0, MEGABYTE));
}

#[test]
fn an_announced_offer_is_taken_and_one_that_never_comes_leaves_nothing() {
    let manager = Manager::start(&[]);
    let (mut client, server) = connection();
    let file = file_with(&pattern(0, MEGABYTE));
    let worker = Worker::connect(&manager);
    // Stopped, so that it finds both together: there is one event for them.
    manager.signal(Signal::SIGSTOP);
    worker.announce().unwrap();
    worker.offer(&server, &file, Framing::Raw, &[span(0, MEGABYTE)]);
    manager.signal(Signal::SIGCONT);
    assert_eq!(worker.answer(), Answer::Accept(OfferId(1)));
    worker.commit(OfferId(1)).unwrap();
    drop(server);
    assert!(read_to_end(&mut client).unwrap() == pattern(0, MEGABYTE));
    worker.announce().unwrap();
    drop((client, worker));
    manager.wait_until_idle();
}

#[test]
fn a_full_manager_hears_an_announcement_and_only_the_offer_is_answered() {
    let manager = Manager::start(&["--max-jobs", "1"]);
    let file = file_with(&pattern(0, 64 * MEGABYTE));
    let (client, server) = connection();
    manager.hand_over(&server, &file, Framing::Raw, &[span(0, 64 * MEGABYTE)]);
    let (_client, another) = connection();
    let worker = Worker::connect(&manager);
    worker.announce().unwrap();
    worker.offer(&another, &file, Framing::Raw, &[span(0, 1)]);
    assert_eq!(worker.answer(), Answer::Reject(OfferId(1), Reason::Busy));
    drop((client, server));
    manager.wait_until_idle();
}

#[test]
fn a_second_announcement_in_place_of_an_offer_ends_the_peer() {
    let manager = Manager::start(&[]);
    let worker = Worker::connect(&manager);
    worker.announce().unwrap();
    worker.announce().unwrap();
    let rejected = Answer::Reject(OfferId(0), Reason::Malformed);
    assert_eq!(worker.answer(), rejected);
    worker.wait_for_end();
    manager.wait_until_idle();
}

#[test]
fn a_commit_to_another_offer_starts_nothing() {
    let manager = Manager::start(&[]);
    let (mut client, mut server) = connection();
    let file = file_with(&pattern(0, MEGABYTE));
    let worker = Worker::connect(&manager);
    worker.offer(&server, &file, Framing::Raw, &[span(0, MEGABYTE)]);
    assert_eq!(worker.answer(), Answer::Accept(OfferId(1)));
    worker.commit(OfferId(2)).unwrap();
    worker.wait_for_end();
    server.write_all(b"still the worker's").unwrap();
    drop(server);
    assert_eq!(read_to_end(&mut client).unwrap(), b"still the worker's");
    manager.wait_until_idle();
}

#[test]
fn a_full_manager_says_busy_and_has_room_again_when_a_download_is_over() {
    let manager = Manager::start(&["--max-jobs", "1"]);
    let file = file_with(&pattern(0, 64 * MEGABYTE));
    let (mut client, server) = connection();
    manager.hand_over(&server, &file, Framing::Raw, &[span(0, 64 * MEGABYTE)]);
    let offer_another = || {
        let (_client, server) = connection();
        let worker = Worker::connect(&manager);
        worker.offer(&server, &file, Framing::Raw, &[span(0, 1)]);
        worker.answer()
    };
    assert_eq!(offer_another(), Answer::Reject(OfferId(1), Reason::Busy));
    drop(server);
    assert_eq!(
        read_to_end(&mut client).unwrap().len() as u64,
        64 * MEGABYTE
    );
    drop(client);
    manager.wait_until_idle();
    assert_eq!(offer_another(), Answer::Accept(OfferId(1)));
}

#[test]
fn what_must_not_be_sent_is_rejected_with_its_reason() {
    let manager = Manager::start(&[]);
    let file = file_with(&pattern(0, MEGABYTE));
    let (_client, tcp) = connection();
    let (_end, unix) = UnixStream::pair().unwrap();
    let udp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let write_only = OpenOptions::new()
        .write(true)
        .open(format!("/proc/self/fd/{}", rig::number(&file)));
    let whole = [span(0, MEGABYTE)];
    let answer = |connection: &dyn AsFd, file: &dyn AsFd, framing, parts: &[Part]| {
        let worker = Worker::connect(&manager);
        worker.offer(&connection.as_fd(), &file.as_fd(), framing, parts);
        worker.answer()
    };
    let rejected = |reason| Answer::Reject(OfferId(1), reason);
    assert_eq!(
        answer(&unix, &file, Framing::Raw, &whole),
        rejected(Reason::Connection)
    );
    assert_eq!(
        answer(&udp, &file, Framing::Raw, &whole),
        rejected(Reason::Connection)
    );
    assert_eq!(
        answer(&listener, &file, Framing::Raw, &whole),
        rejected(Reason::Connection)
    );
    assert_eq!(
        answer(&tcp, &write_only.unwrap(), Framing::Raw, &whole),
        rejected(Reason::File)
    );
    assert_eq!(
        answer(&tcp, &file, Framing::Raw, &[span(1, MEGABYTE)]),
        rejected(Reason::File)
    );
    manager.wait_until_idle();
}

#[test]
fn a_connection_is_never_given_two_writers() {
    let manager = Manager::start(&[]);
    let file = file_with(&pattern(0, MEGABYTE));
    let (_client, server) = connection();
    let first = Worker::connect(&manager);
    first.offer(&server, &file, Framing::Raw, &[span(0, MEGABYTE)]);
    assert_eq!(first.answer(), Answer::Accept(OfferId(1)));
    let second = Worker::connect(&manager);
    second.offer(&server, &file, Framing::Raw, &[span(0, MEGABYTE)]);
    assert_eq!(
        second.answer(),
        Answer::Reject(OfferId(1), Reason::Duplicate)
    );
}

#[test]
fn input_behind_the_request_does_not_destroy_the_download() {
    let manager = Manager::start(&[]);
    let (mut client, server) = connection();
    let file = file_with(&pattern(0, 8 * MEGABYTE));
    client.write_all(&vec![b'x'; 100_000]).unwrap();
    manager.hand_over(&server, &file, Framing::Raw, &[span(0, 8 * MEGABYTE)]);
    drop(server);
    // More than any socket buffer holds: a client that sends all of it before it reads would wait for ever.
    client
        .set_write_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    client.write_all(&vec![b'x'; 64 << 20]).unwrap();
    assert!(read_to_end(&mut client).unwrap() == pattern(0, 8 * MEGABYTE));
}

#[test]
fn a_client_that_has_closed_its_sending_side_gets_everything() {
    let manager = Manager::start(&[]);
    let (mut client, server) = connection();
    let file = file_with(&pattern(0, 8 * MEGABYTE));
    client.shutdown(Shutdown::Write).unwrap();
    manager.hand_over(&server, &file, Framing::Raw, &[span(0, 8 * MEGABYTE)]);
    drop(server);
    assert!(read_to_end(&mut client).unwrap() == pattern(0, 8 * MEGABYTE));
    assert_eq!(
        manager.wait_for_log("download ended")["outcome"],
        "complete"
    );
}

#[test]
fn a_client_that_leaves_ends_its_download_and_nothing_stays() {
    let manager = Manager::start(&[]);
    let (mut client, _file) = download(&manager, 64 * MEGABYTE);
    client.read_exact(&mut [0; 1000]).unwrap();
    drop(client);
    assert_eq!(
        manager.wait_for_log("download ended")["outcome"],
        "client gone"
    );
    manager.wait_until_idle();
}

#[test]
fn a_client_that_resets_behind_its_own_end_is_noticed_at_once() {
    /// So few that they all leave the manager in its first turn, and more than this client's kernel takes.
    const BODY_BYTES: u64 = 60_000;
    let manager = Manager::start(&[]);
    let (mut client, server) = connection_with_small_window();
    let file = file_with(&pattern(0, BODY_BYTES));
    client.shutdown(Shutdown::Write).unwrap();
    manager.hand_over(&server, &file, Framing::Raw, &[span(0, BODY_BYTES)]);
    drop(server);
    client.read_exact(&mut [0; 1000]).unwrap();
    drop(client);
    assert_eq!(
        manager.wait_for_log("download ended")["outcome"],
        "client gone"
    );
}

#[test]
fn a_web_server_that_closes_behind_the_body_without_reading_the_end_has_the_whole_response() {
    let file = file_with(&pattern(0, MEGABYTE));
    // Behind nginx the last byte has a record of its own.
    let records = (MEGABYTE - 1).div_ceil(RECORD_BYTES) + 1;
    let body_and_headers = MEGABYTE + records * 8;
    let outcome = |mut web_server: Box<dyn Read>, worker_end: &dyn AsFd| {
        let manager = Manager::start(&[]);
        manager.hand_over(
            &worker_end.as_fd(),
            &file,
            fastcgi(ServerKind::Nginx),
            &[span(0, MEGABYTE)],
        );
        web_server
            .read_exact(&mut vec![0; body_and_headers as usize])
            .unwrap();
        drop(web_server);
        manager.wait_for_log("download ended")["outcome"].clone()
    };
    let (web_server, worker_end) = UnixStream::pair().unwrap();
    assert_eq!(outcome(Box::new(web_server), &worker_end), "complete");
    let (web_server, worker_end) = connection();
    assert_eq!(outcome(Box::new(web_server), &worker_end), "complete");
}

#[test]
fn a_client_that_takes_nothing_is_broken_off_after_the_stall_timeout() {
    let manager = Manager::start(&["--stall-timeout", "0.5"]);
    let (mut client, _file) = download(&manager, 64 * MEGABYTE);
    assert_eq!(manager.wait_for_log("download ended")["outcome"], "stalled");
    assert_eq!(
        read_to_end(&mut client).unwrap_err().kind(),
        io::ErrorKind::ConnectionReset
    );
    manager.wait_until_idle();
}

#[test]
fn a_slow_client_is_not_taken_for_a_stalled_one() {
    let manager = Manager::start(&["--stall-timeout", "0.5"]);
    let (mut client, _file) = download(&manager, 8 * MEGABYTE);
    let mut received = Vec::new();
    let mut piece = vec![0; 1 << 19];
    for _ in 0..8 {
        let taken = client.read(&mut piece).unwrap();
        received.extend(&piece[..taken]);
        // This client's pace, not a wait.
        std::thread::sleep(Duration::from_millis(200));
    }
    received.extend(read_to_end(&mut client).unwrap());
    assert!(received == pattern(0, 8 * MEGABYTE));
}

#[test]
fn a_client_that_takes_its_time_over_bytes_already_in_the_kernel_is_waited_for() {
    let manager = Manager::start(&[]);
    let (mut client, _file) = download(&manager, IN_KERNEL_BYTES);
    // This client's pace: longer than a connection lingers on which everything was acknowledged.
    std::thread::sleep(LINGER_TIMEOUT + Duration::from_millis(500));
    assert!(!manager.has_logged("download ended"));
    assert!(read_to_end(&mut client).unwrap() == pattern(0, IN_KERNEL_BYTES));
    drop(client);
    assert_eq!(
        manager.wait_for_log("download ended")["outcome"],
        "complete"
    );
}

#[test]
fn a_file_that_shrinks_breaks_a_raw_download_visibly() {
    let manager = Manager::start(&[]);
    let (mut client, file) = download(&manager, 64 * MEGABYTE);
    file.set_len(20 * MEGABYTE).unwrap();
    assert_eq!(
        read_to_end(&mut client).unwrap_err().kind(),
        io::ErrorKind::ConnectionReset
    );
    assert_eq!(
        manager.wait_for_log("download ended")["outcome"],
        "file truncated"
    );
}

#[test]
fn a_file_that_shrinks_ends_a_fastcgi_response_as_each_web_server_understands_it() {
    for (server_kind, expect_end) in [(ServerKind::Nginx, true), (ServerKind::Apache, false)] {
        let manager = Manager::start(&[]);
        let (mut web_server, file) = relayed_download(&manager, server_kind, 64 * MEGABYTE);
        file.set_len(20 * MEGABYTE + 77).unwrap();
        let bytes = read_to_end(&mut web_server).unwrap();
        if expect_end {
            let (body, ended) = read_records(&bytes);
            assert!(
                ended && body.len() < 21 << 20,
                "{} bytes, ended: {ended}",
                body.len()
            );
            assert!(body[..20 << 20] == pattern(0, 20 * MEGABYTE));
        }
        assert!(bytes.len() < 21 << 20);
        let last_record = &bytes[bytes.len() - 16..];
        assert_eq!(last_record[..2] == [1, 3], expect_end, "{server_kind:?}");
        assert_eq!(
            manager.wait_for_log("download ended")["outcome"],
            "file truncated"
        );
    }
}

#[test]
fn a_file_that_lost_its_last_bytes_never_makes_a_fastcgi_response_that_looks_complete() {
    for (size, left) in [
        (50_000, 1_000),
        (50_000, 49_999),
        (1, 0),
        (500_000, 499_990),
        (61_441, 61_440),
    ] {
        let manager = Manager::start(&[]);
        let (mut web_server, worker_end) = UnixStream::pair().unwrap();
        let file = file_with(&pattern(0, size));
        let worker = Worker::connect(&manager);
        worker.offer(
            &worker_end,
            &file,
            fastcgi(ServerKind::Nginx),
            &[span(0, size)],
        );
        assert_eq!(worker.answer(), Answer::Accept(OfferId(1)));
        file.set_len(left).unwrap();
        worker.commit(OfferId(1)).unwrap();
        drop((worker, worker_end));
        let (body, ended) = read_records(&read_to_end(&mut web_server).unwrap());
        assert!(
            ended && (body.len() as u64) < size,
            "{} of {size} bytes, ended: {ended}",
            body.len()
        );
        assert!(body[..left as usize] == pattern(0, left));
        assert_eq!(
            manager.wait_for_log("download ended")["outcome"],
            "file truncated"
        );
    }
}

/// A regular file whose file system offers no sendfile(2), with its content.
fn file_without_sendfile() -> Option<(File, Vec<u8>)> {
    let file = File::open("/proc/config.gz").ok()?;
    let content = std::fs::read("/proc/config.gz").ok()?;
    Some((file, content))
}

#[test]
fn a_file_whose_file_system_refuses_sendfile_arrives_whole() {
    let Some((file, content)) = file_without_sendfile() else {
        eprintln!("this kernel has no /proc/config.gz, the only such file known: nothing tested");
        return;
    };
    let refused = nix::sys::sendfile::sendfile(UnixStream::pair().unwrap().0, &file, None, 1);
    assert_eq!(refused, Err(nix::Error::EINVAL));
    let manager = Manager::start(&[]);
    let len = content.len() as u64;
    let parts = [
        span(3, len - 3),
        Part::Literal(b"and again".to_vec()),
        span(len / 3, len / 3),
    ];
    let expected = [
        &content[3..],
        b"and again",
        &content[(len / 3) as usize..][..(len / 3) as usize],
    ]
    .concat();

    let (mut client, server) = connection();
    manager.hand_over(&server, &file, Framing::Raw, &parts);
    drop(server);
    assert!(read_to_end(&mut client).unwrap() == expected);

    let (mut web_server, worker_end) = UnixStream::pair().unwrap();
    manager.hand_over(&worker_end, &file, fastcgi(ServerKind::Nginx), &parts);
    drop(worker_end);
    assert!(read_records(&read_to_end(&mut web_server).unwrap()) == (expected, true));
}

#[test]
fn sigterm_lets_downloads_finish_and_takes_no_new_ones() {
    let manager = Manager::start(&[]);
    let (mut client, server) = connection();
    let file = file_with(&pattern(0, 64 * MEGABYTE));
    let late = Worker::connect(&manager);
    manager.hand_over(&server, &file, Framing::Raw, &[span(0, 64 * MEGABYTE)]);
    manager.signal(Signal::SIGTERM);
    // The master ends before its cell hears of it.
    manager.wait_for_log("retiring: no new downloads");
    let (_other, other_server) = connection();
    // Whoever has offered nothing is told by the end of its connection.
    let sent = late.send_offer(b"", None, &other_server, &file, Framing::Raw, &[span(0, 1)]);
    assert_eq!(sent.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    assert!(!manager.socket.exists());
    drop(server);
    assert!(read_to_end(&mut client).unwrap() == pattern(0, 64 * MEGABYTE));
    drop(client);
    assert!(manager.wait_for_exit().success());
    assert!(!manager.socket.exists());
}

#[test]
fn a_commit_that_comes_while_the_manager_ends_is_honoured() {
    let manager = Manager::start(&[]);
    let (mut client, server) = connection();
    let file = file_with(&pattern(0, MEGABYTE));
    let worker = Worker::connect(&manager);
    worker.offer(&server, &file, Framing::Raw, &[span(0, MEGABYTE)]);
    assert_eq!(worker.answer(), Answer::Accept(OfferId(1)));
    manager.signal(Signal::SIGTERM);
    manager.wait_for_log("ending: no new downloads");
    worker.commit(OfferId(1)).unwrap();
    drop((worker, server));
    assert!(read_to_end(&mut client).unwrap() == pattern(0, MEGABYTE));
    drop(client);
    assert!(manager.wait_for_exit().success());
}

#[test]
fn the_end_of_the_grace_period_breaks_raw_downloads_and_ends_fastcgi_ones_in_order() {
    let manager = Manager::start(&["--drain-timeout", "0.2"]);
    let file = file_with(&pattern(0, 64 * MEGABYTE));
    let (mut client, server) = connection();
    manager.hand_over(&server, &file, Framing::Raw, &[span(0, 64 * MEGABYTE)]);
    drop(server);
    let (mut web_server, worker_end) = UnixStream::pair().unwrap();
    manager.hand_over(
        &worker_end,
        &file,
        fastcgi(ServerKind::Nginx),
        &[span(0, 64 * MEGABYTE)],
    );
    drop(worker_end);
    manager.signal(Signal::SIGTERM);
    manager.wait_for_log("ending: cutting running downloads");
    let (body, ended) = read_records(&read_to_end(&mut web_server).unwrap());
    assert!(ended && body.len() < 64 << 20);
    assert!(body == pattern(0, body.len() as u64));
    assert_eq!(
        read_to_end(&mut client).unwrap_err().kind(),
        io::ErrorKind::ConnectionReset
    );
    assert!(manager.wait_for_exit().success());
}

#[test]
fn commits_at_the_end_of_the_grace_period_are_answered_or_fail_but_are_never_lost() {
    const OFFERS: u64 = 100;
    let manager = Manager::start(&["--drain-timeout", "0.3"]);
    let file = file_with(&pattern(0, MEGABYTE));
    let offers: Vec<_> = (0..OFFERS)
        .map(|_| {
            let (web_server, worker_end) = UnixStream::pair().unwrap();
            let worker = Worker::connect(&manager);
            worker.offer(
                &worker_end,
                &file,
                fastcgi(ServerKind::Nginx),
                &[span(0, MEGABYTE)],
            );
            assert_eq!(worker.answer(), Answer::Accept(OfferId(1)));
            (web_server, worker_end, worker)
        })
        .collect();
    manager.signal(Signal::SIGTERM);
    manager.wait_for_log("ending: no new downloads");
    let deadline = Instant::now() + Duration::from_millis(300);
    let mut committed = Vec::new();
    for (number, (web_server, worker_end, worker)) in (0..).zip(offers) {
        // From 10 ms before the deadline to 10 ms after it, give or take the log's way here.
        let aim = deadline - Duration::from_millis(10) + Duration::from_micros(200 * number);
        match number {
            // The first is surely in time and the last surely not, however busy the machine is.
            0 => {}
            number if number == OFFERS - 1 => {
                manager.wait_for_log("retiring: cutting running downloads");
            }
            _ => {
                while Instant::now() < aim {
                    std::thread::yield_now();
                }
            }
        }
        if worker.commit(OfferId(1)).is_ok() {
            committed.push(web_server);
        }
        drop((worker, worker_end));
    }
    let honoured = committed.len() as u64;
    assert!(
        honoured > 0 && honoured < OFFERS,
        "the race was not hit: {honoured} honoured"
    );
    for mut web_server in committed {
        assert!(
            read_records(&read_to_end(&mut web_server).unwrap()).1,
            "no END_REQUEST"
        );
    }
    assert!(manager.wait_for_exit().success());
}

#[test]
fn a_slow_web_server_is_told_the_end_when_its_download_is_cut() {
    let manager = Manager::start(&["--drain-timeout", "0.1"]);
    let (mut web_server, _file) = relayed_download(&manager, ServerKind::Nginx, 64 * MEGABYTE);
    manager.signal(Signal::SIGTERM);
    let mut response = Vec::new();
    // 15 KB/s: so slow that the socket gives no event before the time for the end is over.
    let mut piece = [0; 750];
    loop {
        match web_server.read(&mut piece).unwrap() {
            0 => break,
            bytes => response.extend(&piece[..bytes]),
        }
        // This client's pace, not a wait.
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(
        read_records(&response).1,
        "no END_REQUEST in {} bytes",
        response.len()
    );
    assert!(manager.wait_for_exit().success());
}

#[test]
fn a_log_that_cannot_be_written_ends_no_download() {
    let manager = Manager::start_with_a_full_log();
    for _ in 0..2 {
        let (mut client, server) = connection();
        let file = file_with(&pattern(0, MEGABYTE));
        manager.hand_over(&server, &file, Framing::Raw, &[span(0, MEGABYTE)]);
        drop(server);
        assert!(read_to_end(&mut client).unwrap() == pattern(0, MEGABYTE));
        drop(client);
        manager.wait_until_idle();
    }
}

#[test]
fn hundreds_of_idle_peers_do_not_keep_a_worker_waiting() {
    let manager = Manager::start(&[]);
    let idle: Vec<Worker> = (0..500).map(|_| Worker::connect(&manager)).collect();
    let (_client, server) = connection();
    let file = file_with(&pattern(0, MEGABYTE));
    let asked = Instant::now();
    let worker = Worker::connect(&manager);
    worker.offer(&server, &file, Framing::Raw, &[span(0, MEGABYTE)]);
    assert_eq!(worker.answer(), Answer::Accept(OfferId(1)));
    // A worker waits 100 ms; this machine may be busy. Idle peers stay for 5 s.
    assert!(
        asked.elapsed() < Duration::from_secs(1),
        "it took {:?}",
        asked.elapsed()
    );
    drop((idle, worker));
    manager.wait_until_idle();
}

#[test]
fn a_socket_of_another_service_is_left_alone() {
    let manager = Manager::start(&[]);
    manager.signal(Signal::SIGTERM);
    assert!(manager.wait_for_exit().success());
    let service = std::os::unix::net::UnixListener::bind(&manager.socket).unwrap();
    let second = manager.start_another();
    assert!(!second.status.success());
    assert!(String::from_utf8_lossy(&second.stderr).contains("belongs to something"));
    UnixStream::connect(&manager.socket).unwrap();
    service.accept().unwrap();
}

#[test]
fn a_dead_managers_socket_is_replaced_and_a_living_ones_is_not() {
    let manager = Manager::start(&[]);
    let second = manager.start_another();
    assert!(!second.status.success());
    assert!(String::from_utf8_lossy(&second.stderr).contains("another manager is listening"));
    manager.signal(Signal::SIGKILL);
    manager.restart();
    let (mut client, server) = connection();
    let file = file_with(b"after the restart");
    manager.hand_over(&server, &file, Framing::Raw, &[span(0, 17)]);
    drop(server);
    assert_eq!(read_to_end(&mut client).unwrap(), b"after the restart");
}

#[test]
fn a_commit_nobody_waits_for_is_an_error_not_a_crash() {
    let manager = Manager::start(&[]);
    let worker = Worker::connect(&manager);
    worker.commit(OfferId(9)).unwrap();
    assert_eq!(
        worker.answer(),
        Answer::Reject(OfferId(9), Reason::Malformed)
    );
    assert_eq!(Commit(OfferId(9)).encode().len(), 16);
    manager.wait_until_idle();
}
