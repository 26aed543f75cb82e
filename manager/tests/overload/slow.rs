//! Clients that take something, but too little of it.

use std::io::{self, Read};
use std::net::TcpStream;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use send_file_wire::{Framing, Rate};

use crate::rig::{Manager, connection_with_small_window, file_with, pattern, span};

/// A file of so many bytes, given away to a client whose kernel takes a few kilobytes only.
fn download(manager: &Manager, rate: Option<Rate>, bytes: u64) -> TcpStream {
    let (client, server) = connection_with_small_window();
    let file = file_with(&pattern(0, bytes));
    manager.hand_over_at(rate, &server, &file, Framing::Raw, &[span(0, bytes)]);
    client
}

/// Reads a byte at a time, some kilobytes a second, until it is told to stop or its connection breaks.
fn sip(client: &mut TcpStream, stop: &AtomicBool) -> io::Result<u64> {
    let mut taken = 0;
    while !stop.load(Ordering::Relaxed) {
        for _ in 0..4 {
            client.read_exact(&mut [0])?;
            taken += 1;
        }
        // This client's pace, not a wait.
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(taken)
}

#[test]
fn a_client_that_takes_byte_by_byte_is_broken_off_for_being_too_slow_where_a_rate_is_asked_of_it() {
    /// Half a minute of sipping.
    const BODY_BYTES: u64 = 120_000;
    let strict = Manager::start(&["--stall-timeout", "2", "--min-rate", "50000"]);
    let lenient = Manager::start(&["--stall-timeout", "2", "--min-rate", "0"]);
    let stop = &AtomicBool::new(false);
    let mut clients = [&strict, &lenient].map(|manager| download(manager, None, BODY_BYTES));
    std::thread::scope(|scope| {
        let [broken_off, kept] = clients
            .each_mut()
            .map(|client| scope.spawn(move || sip(client, stop)));
        let ended = strict.wait_for_log("download ended");
        assert_eq!(ended["outcome"], "too slow", "{ended}");
        assert!(ended["duration_ms"].as_u64().unwrap() >= 2000, "{ended}");
        let error = broken_off.join().unwrap().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        assert!(!lenient.has_logged("download ended"));
        stop.store(true, Ordering::Relaxed);
        assert!(kept.join().unwrap().unwrap() > 0);
    });
    strict.wait_until_idle();
}

#[test]
fn a_client_that_falls_behind_its_downloads_own_rate_is_measured_by_half_of_that() {
    const CLIENT_BYTES_PER_SEC: u64 = 7000;
    const BODY_BYTES: u64 = 50_000;
    let manager = Manager::start(&["--stall-timeout", "2", "--min-rate", "1000000"]);
    let rate = Rate {
        bytes_per_sec: NonZeroU64::new(10_000).unwrap(),
        // So that there is always something it has not taken.
        burst_bytes: 10_000,
    };
    let mut client = download(&manager, Some(rate), BODY_BYTES);
    let started = Instant::now();
    let mut received = Vec::new();
    while (received.len() as u64) < BODY_BYTES {
        // This client's pace, not a wait.
        std::thread::sleep(Duration::from_millis(20));
        let due = started.elapsed().as_millis() as u64 * CLIENT_BYTES_PER_SEC / 1000;
        let due = due.min(BODY_BYTES) as usize;
        let mut piece = vec![0; due - received.len()];
        client.read_exact(&mut piece).unwrap();
        received.extend(piece);
    }
    assert!(received == pattern(0, BODY_BYTES));
    drop(client);
    let ended = manager.wait_for_log("download ended");
    assert_eq!(ended["outcome"], "complete", "{ended}");
}
