//! What a client gets in the company of others, compared with what it gets, or can take, without them.

use std::fs::File;
use std::io::Read;
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::sys::memfd::{MFdFlags, memfd_create};
use send_file_wire::Framing;

use crate::rig::{Manager, connection, connection_with_small_window, span};

/// More than any client here takes.
const BODY_BYTES: u64 = 1 << 40;

/// So long a client is watched.
const WATCHED: Duration = Duration::from_millis(1000);

/// A busy machine may keep one side from running for that long, but not every time.
const ATTEMPTS: usize = 4;

/// Measurements do not run beside each other.
static MACHINE: Mutex<()> = Mutex::new(());

/// A file of zeros that takes no memory.
fn sparse_file() -> File {
    let file = File::from(memfd_create("sparse", MFdFlags::MFD_CLOEXEC).unwrap());
    file.set_len(BODY_BYTES).unwrap();
    file
}

fn download(manager: &Manager, (client, server): (TcpStream, TcpStream)) -> TcpStream {
    let parts = [span(0, BODY_BYTES)];
    manager.hand_over(&server, &sparse_file(), Framing::Raw, &parts);
    client
}

/// Takes all it gets for a while: the bytes.
fn gulp(client: &mut TcpStream) -> u64 {
    let started = Instant::now();
    let mut piece = vec![0; 1 << 20];
    let mut taken = 0;
    while started.elapsed() < WATCHED {
        taken += client.read(&mut piece).unwrap() as u64;
    }
    taken
}

/// Measures until a share is large enough, or has not been too often.
fn until_enough(enough: f64, mut measure: impl FnMut() -> f64) -> Vec<f64> {
    let mut shares = Vec::new();
    while shares.len() < ATTEMPTS && shares.last().is_none_or(|share| *share <= enough) {
        shares.push(measure());
    }
    shares
}

#[test]
fn a_fast_client_among_a_thousand_slow_ones_gets_a_good_share_of_what_it_gets_alone() {
    const SLOW_CLIENTS: usize = 1000;
    let _machine = MACHINE.lock();
    let manager = Manager::start_with_descriptors(4096, &[]);
    let mut fast = download(&manager, connection());
    // At first the connection grows.
    gulp(&mut fast);
    let alone = gulp(&mut fast);
    let slow: Vec<TcpStream> = (0..SLOW_CLIENTS)
        .map(|_| download(&manager, connection_with_small_window()))
        .collect();
    let stop = &AtomicBool::new(false);
    let shares = std::thread::scope(|scope| {
        scope.spawn(|| {
            // About 10 KB/s each.
            for mut client in slow.iter().cycle() {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let _ = client.read(&mut [0; 1000]).unwrap();
                std::thread::sleep(Duration::from_micros(50));
            }
        });
        let shares = until_enough(0.3, || gulp(&mut fast) as f64 / alone as f64);
        stop.store(true, Ordering::Relaxed);
        shares
    });
    println!("{alone} bytes alone; with {SLOW_CLIENTS} slow ones so much of it: {shares:.2?}");
    // The slow ones take some of the machine, too.
    assert!(shares.last() > Some(&0.3), "{shares:?}");
}

#[test]
fn a_slow_client_among_fast_ones_still_gets_what_it_can_take() {
    slow_among_fast("fair");
}

/// Of all of them it soon has the most bytes left.
#[test]
fn a_slow_client_among_fast_ones_still_gets_what_it_can_take_when_small_downloads_go_first() {
    slow_among_fast("smallest-first");
}

fn slow_among_fast(queue: &str) {
    const FAST_CLIENTS: usize = 8;
    const SLOW_BYTES_PER_SEC: u64 = 500_000;
    let _machine = MACHINE.lock();
    let manager = Manager::start(&["--queue", queue]);
    let mut fast: Vec<TcpStream> = (0..FAST_CLIENTS)
        .map(|_| download(&manager, connection()))
        .collect();
    // Little is in the kernel beforehand: what it gets while it is watched, the manager has to send then.
    let mut slow = download(&manager, connection_with_small_window());
    slow.read_exact(&mut vec![0; 400_000]).unwrap();
    let stop = &AtomicBool::new(false);
    let shares: Vec<f64> = std::thread::scope(|scope| {
        for client in &mut fast {
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    gulp(client);
                }
            });
        }
        let shares = until_enough(0.6, || {
            let started = Instant::now();
            let mut taken = 0;
            while started.elapsed() < WATCHED {
                // This client's pace, not a wait.
                std::thread::sleep(Duration::from_millis(5));
                let due = started.elapsed().as_millis() as u64 * SLOW_BYTES_PER_SEC / 1000;
                let mut piece = vec![0; (due - taken) as usize];
                taken += slow.read(&mut piece).unwrap() as u64;
            }
            taken as f64 / (started.elapsed().as_secs_f64() * SLOW_BYTES_PER_SEC as f64)
        });
        stop.store(true, Ordering::Relaxed);
        shares
    });
    println!("of 500 KB/s, among {FAST_CLIENTS} fast ones, {queue}: {shares:.2?}");
    assert!(shares.last() > Some(&0.6), "{shares:?}");
}
