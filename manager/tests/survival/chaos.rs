//! Workers are killed at random moments. The seed is printed; SEED sets it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use send_file_wire::{Answer, Framing, OfferId, Reason};

use crate::downloads::{Download, Kind};
use crate::rig::{Manager, Worker, connection, file_with, pattern, read_to_end, span, until};

/// A worker lives for up to so long before it is killed: from its very start to some turns of its work.
const LONGEST_LIFE: Duration = Duration::from_millis(12);

/// splitmix64.
struct Random(u64);

impl Random {
    fn seeded() -> Random {
        let seed = std::env::var("SEED")
            .ok()
            .and_then(|seed| seed.parse().ok());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let seed = seed.unwrap_or(now.as_nanos() as u64);
        println!("SEED={seed}");
        Random(seed)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ z >> 31) % bound
    }
}

/// Kills one worker after the other; `killed` counts them.
fn kill_workers(manager: &Manager, count: u32, killed: &AtomicU32, random: &mut Random) {
    let mut last = None;
    for _ in 0..count {
        let worker = until("a successor", || {
            manager.worker_now().filter(|pid| Some(*pid) != last)
        });
        // The random moment, not a wait.
        std::thread::sleep(Duration::from_micros(
            random.below(LONGEST_LIFE.as_micros() as u64),
        ));
        kill(worker, Signal::SIGKILL).unwrap();
        last = Some(worker);
        killed.fetch_add(1, Ordering::Release);
    }
    wait_for_successor(manager, last);
}

fn wait_for_successor(manager: &Manager, dead: Option<Pid>) {
    until("a successor", || {
        manager.worker_now().filter(|pid| Some(*pid) != dead)
    });
}

/// Reads everything, but no faster than workers are killed, so that each dies in the middle of it.
fn read_along(client: &mut dyn Read, bytes: usize, killed: &AtomicU32, kills: u32) -> Vec<u8> {
    let mut received = Vec::new();
    let mut piece = vec![0; 64 * 1024];
    loop {
        let share = (killed.load(Ordering::Acquire) + 1) as usize;
        let allowed = bytes * share / (kills + 1) as usize;
        if received.len() >= allowed && share <= kills as usize {
            // Until the next kill.
            std::thread::sleep(Duration::from_millis(1));
            continue;
        }
        let room = match share <= kills as usize {
            true => piece.len().min(allowed - received.len()),
            false => piece.len(),
        };
        match client.read(&mut piece[..room]).expect("a whole response") {
            0 => return received,
            taken => received.extend(&piece[..taken]),
        }
    }
}

fn every_kind_survives(kills: u32) {
    let mut random = Random::seeded();
    let kinds: Vec<Kind> = Kind::ALL.to_vec();
    let max_jobs = kinds.len().to_string();
    let manager = Manager::start(&["--max-jobs", &max_jobs]);
    let killed = AtomicU32::new(0);
    let downloads: Vec<Download> = kinds.into_iter().filter_map(Download::new).collect();
    for download in &downloads {
        download.hand_over(&manager);
    }
    let count = downloads.len();
    std::thread::scope(|scope| {
        for mut download in downloads {
            let killed = &killed;
            scope.spawn(move || {
                let bytes = download.body.len();
                let received = read_along(&mut download.client, bytes, killed, kills);
                download.check(&received);
            });
        }
        kill_workers(&manager, kills, &killed, &mut random);
    });
    manager.wait_until_idle();
    let ended = manager.log_lines("download ended");
    assert!(
        ended.len() >= count,
        "{} of {count} were logged",
        ended.len()
    );
    assert!(
        ended.iter().all(|line| line["outcome"] == "complete"),
        "{ended:?}"
    );
    assert!(!manager.log().contains("broke a download off"));
    every_slot_is_free(&manager, max_jobs.parse().unwrap());
}

/// As many offers are accepted as there are slots, and not one more.
fn every_slot_is_free(manager: &Manager, max_jobs: usize) {
    let file = file_with(b"x");
    let offers: Vec<_> = (0..=max_jobs)
        .map(|_| {
            let (client, server) = connection();
            let worker = Worker::connect(manager);
            worker.offer(&server, &file, Framing::Raw, &[span(0, 1)]);
            (worker.answer(), worker, client, server)
        })
        .collect();
    for (number, (answer, ..)) in offers.iter().enumerate() {
        let expected = match number < max_jobs {
            true => Answer::Accept(OfferId(1)),
            false => Answer::Reject(OfferId(1), Reason::Busy),
        };
        assert_eq!(*answer, expected, "offer {number}");
    }
    drop(offers);
    manager.wait_until_idle();
}

#[test]
fn every_kind_of_download_survives_a_kill() {
    every_kind_survives(1);
}

#[test]
fn every_kind_of_download_survives_10_kills() {
    every_kind_survives(10);
}

#[test]
fn every_kind_of_download_survives_100_kills() {
    every_kind_survives(100);
}

/// What a PHP worker does: where the manager does not take the download it sends the bytes itself. True: it took it.
fn hand_over_or_stream(
    manager: &Manager,
    server: &mut TcpStream,
    file: &impl AsFd,
    len: u64,
) -> bool {
    let worker = Worker::connect(manager);
    let offered = worker.try_offer(server, file, Framing::Raw, &[span(0, len)]);
    let accepted = offered.is_ok() && worker.answer_or_end() == Some(Answer::Accept(OfferId(1)));
    if accepted && worker.commit(OfferId(1)).is_ok() {
        return true;
    }
    server.write_all(&pattern(0, len)).unwrap();
    false
}

#[test]
fn handoffs_under_kills_are_taken_or_streamed_but_no_client_is_lost() {
    const THREADS: u32 = 4;
    const KILLS: u32 = 100;
    const BODY_BYTES: u64 = 30_000;
    let mut random = Random::seeded();
    let manager = Manager::start(&[]);
    let (killed, over) = (AtomicU32::new(0), AtomicBool::new(false));
    let (taken, streamed) = (AtomicU32::new(0), AtomicU32::new(0));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let file = file_with(&pattern(0, BODY_BYTES));
                while !over.load(Ordering::Acquire) {
                    let (mut client, mut server) = connection();
                    // The file's position is the connection's alone.
                    let file = reopen(&file);
                    let is_taken = hand_over_or_stream(&manager, &mut server, &file, BODY_BYTES);
                    let counter = if is_taken { &taken } else { &streamed };
                    counter.fetch_add(1, Ordering::Relaxed);
                    drop(server);
                    let received = read_to_end(&mut client).unwrap();
                    assert!(
                        received == pattern(0, BODY_BYTES),
                        "{} bytes, taken: {is_taken}",
                        received.len()
                    );
                }
            });
        }
        kill_workers(&manager, KILLS, &killed, &mut random);
        over.store(true, Ordering::Release);
    });
    let (taken, streamed) = (taken.into_inner(), streamed.into_inner());
    println!("{taken} were taken, {streamed} streamed");
    assert!(taken > streamed, "most are taken: the pauses are short");
    manager.wait_until_idle();
    assert!(!manager.log().contains("broke a download off"));
}

fn reopen(file: &impl AsFd) -> std::fs::File {
    std::fs::File::open(format!("/proc/self/fd/{}", crate::rig::number(file))).unwrap()
}
