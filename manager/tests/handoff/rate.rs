//! What a rate must not change: everything but the speed. How well it is kept is measured in a binary of its own.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::num::NonZeroU64;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use send_file_wire::{Answer, Framing, OfferId, Rate, ServerKind};

use crate::rig::{
    Manager, Worker, connection, connection_with_small_window, file_with, pattern, read_records,
    read_to_end, span,
};
use crate::{MEGABYTE, fastcgi};

fn rate(bytes_per_sec: u64, burst_bytes: u64) -> Option<Rate> {
    Some(Rate {
        bytes_per_sec: NonZeroU64::new(bytes_per_sec)?,
        burst_bytes,
    })
}

/// A file of so many bytes, given away under a rate: the client's end and the worker's.
fn paced_download(manager: &Manager, rate: Option<Rate>, bytes: u64) -> (TcpStream, TcpStream) {
    let (client, server) = connection();
    let file = file_with(&pattern(0, bytes));
    manager.hand_over_at(rate, &server, &file, Framing::Raw, &[span(0, bytes)]);
    (client, server)
}

#[test]
fn a_client_that_waits_for_its_rate_longer_than_the_stall_timeout_is_not_stalled() {
    let manager = Manager::start(&["--stall-timeout", "0.1"]);
    let (mut client, _) = paced_download(&manager, rate(2, 0), 3);
    assert_eq!(read_to_end(&mut client).unwrap(), pattern(0, 3));
    drop(client);
    assert_eq!(
        manager.wait_for_log("download ended")["outcome"],
        "complete"
    );
}

#[test]
fn a_client_that_takes_nothing_is_stalled_although_its_rate_would_fill_the_kernel_for_long() {
    let manager = Manager::start(&["--stall-timeout", "0.5"]);
    // Its kernel takes a few kilobytes, ours 128 KiB more: 13 s at this rate, and each of them gives bytes to the kernel.
    let (mut client, server) = connection_with_small_window();
    let file = file_with(&pattern(0, MEGABYTE));
    let parts = [span(0, MEGABYTE)];
    manager.hand_over_at(rate(10_000, 4000), &server, &file, Framing::Raw, &parts);
    drop(server);
    let ended = manager.wait_for_log("download ended");
    assert_eq!(ended["outcome"], "stalled");
    assert!(ended["duration_ms"].as_u64().unwrap() < 6000, "{ended}");
    let error = read_to_end(&mut client).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    manager.wait_until_idle();
}

#[test]
fn a_web_server_that_takes_nothing_is_stalled_under_a_rate_too() {
    let manager = Manager::start(&["--stall-timeout", "0.5"]);
    let (web_server, worker_end) = UnixStream::pair().unwrap();
    let file = file_with(&pattern(0, MEGABYTE));
    let framing = fastcgi(ServerKind::Nginx);
    let parts = [span(0, MEGABYTE)];
    manager.hand_over_at(rate(1000, 0), &worker_end, &file, framing, &parts);
    drop(worker_end);
    let ended = manager.wait_for_log("download ended");
    assert_eq!(ended["outcome"], "stalled");
    assert!(ended["duration_ms"].as_u64().unwrap() < 6000, "{ended}");
    drop(web_server);
    manager.wait_until_idle();
}

#[test]
fn a_client_that_leaves_while_its_download_waits_for_its_rate_is_noticed_at_once() {
    /// At a byte a second the one behind the burst shows a broken connection, too.
    const NEXT_BYTE_MS: u64 = 1000;
    let noticed_after_ms = || {
        let manager = Manager::start(&[]);
        let (mut client, server) = paced_download(&manager, rate(1, 2000), MEGABYTE);
        drop(server);
        client.read_exact(&mut [0; 1000]).unwrap();
        // With bytes left unread this is a reset.
        drop(client);
        let ended = manager.wait_for_log("download ended");
        assert_eq!(ended["outcome"], "client gone");
        manager.wait_until_idle();
        ended["duration_ms"].as_u64().unwrap()
    };
    // A busy machine may keep the manager from looking for that long, but not every time.
    assert!((0..5).any(|_| noticed_after_ms() < NEXT_BYTE_MS));
}

#[test]
fn a_paced_download_that_is_cut_ends_at_once_and_in_order() {
    let manager = Manager::start(&["--drain-timeout", "0.1"]);
    let (mut web_server, worker_end) = UnixStream::pair().unwrap();
    let file = file_with(&pattern(0, MEGABYTE));
    let framing = fastcgi(ServerKind::Nginx);
    let parts = [span(0, MEGABYTE)];
    manager.hand_over_at(rate(10, 5000), &worker_end, &file, framing, &parts);
    drop(worker_end);
    let mut response = vec![0; 5008];
    web_server.read_exact(&mut response).unwrap();
    manager.signal(Signal::SIGTERM);
    let asked = Instant::now();
    response.extend(read_to_end(&mut web_server).unwrap());
    // At its rate the record would have taken more than an hour.
    assert!(asked.elapsed() < Duration::from_secs(5));
    let (body, ended) = read_records(&response);
    assert!(ended && (body.len() as u64) < MEGABYTE);
    assert!(body == pattern(0, body.len() as u64));
    drop(web_server);
    assert!(manager.wait_for_exit().success());
}

#[test]
fn a_paced_download_takes_its_clients_input_all_the_same() {
    let manager = Manager::start(&[]);
    let (mut client, server) = paced_download(&manager, rate(10, 5), MEGABYTE);
    drop(server);
    let patience = Some(Duration::from_secs(20));
    client.set_write_timeout(patience).unwrap();
    // More than any socket buffer holds, in a small part of the day that the download would take.
    client.write_all(&vec![b'x'; 64 << 20]).unwrap();
    let mut begun = [0; 6];
    client.read_exact(&mut begun).unwrap();
    assert_eq!(begun, *pattern(0, 6));
}

#[test]
fn nagles_algorithm_is_off_for_paced_downloads_and_as_it_was_for_others() {
    let manager = Manager::start(&[]);
    for (rate, nodelay) in [(rate(1 << 20, 0), true), (None, false)] {
        let (mut client, server) = paced_download(&manager, rate, 1000);
        client.read_exact(&mut [0; 1000]).unwrap();
        assert_eq!(server.nodelay().unwrap(), nodelay);
    }
}

#[test]
fn the_rate_counts_from_the_commit_and_not_from_the_offer() {
    let manager = Manager::start(&[]);
    let (mut client, server) = connection();
    let file = file_with(&pattern(0, MEGABYTE));
    let worker = Worker::connect(&manager);
    let parts = [span(0, MEGABYTE)];
    worker.offer_at(rate(1000, 0), &server, &file, Framing::Raw, &parts);
    assert_eq!(worker.answer(), Answer::Accept(OfferId(1)));
    // A worker that takes its time over the headers, not a wait.
    std::thread::sleep(Duration::from_millis(600));
    let committed = Instant::now();
    worker.commit(OfferId(1)).unwrap();
    client.read_exact(&mut [0; 500]).unwrap();
    assert!(committed.elapsed() >= Duration::from_millis(490));
}

#[test]
fn frames_are_not_counted_against_the_rate() {
    /// Around so few bytes the frames are as many as the body: two headers, and the end with one more.
    const BODY_BYTES: u64 = 40;
    let manager = Manager::start(&[]);
    let (mut web_server, worker_end) = UnixStream::pair().unwrap();
    let file = file_with(&pattern(0, BODY_BYTES));
    let framing = fastcgi(ServerKind::Nginx);
    let parts = [span(0, BODY_BYTES)];
    let committed = Instant::now();
    manager.hand_over_at(rate(10, 20), &worker_end, &file, framing, &parts);
    drop(worker_end);
    let response = read_to_end(&mut web_server).unwrap();
    assert!(read_records(&response) == (pattern(0, BODY_BYTES), true));
    // 2 s for the body behind the burst; 4 s more for the frames, were they counted.
    let took = committed.elapsed();
    assert!(
        took >= Duration::from_millis(1990) && took < Duration::from_secs(4),
        "{took:?}"
    );
}
