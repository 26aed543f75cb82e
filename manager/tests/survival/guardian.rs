//! The guardian: what kills a worker, what ends the manager, what happens without a guardian.

use std::io::{self, Read};
use std::num::NonZeroU64;
use std::os::unix::process::CommandExt;
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit};
use nix::sys::signal::{Signal, kill};
use send_file_wire::{Answer, Framing, OfferId, Rate, channel};

use crate::downloads::{Download, Kind, MEGABYTE};
use crate::rig::{
    Manager, NOBODY, Worker, connection, file_with, is_alive, pattern, read_to_end, span, until,
};

const DIED: &str = "a worker died; its successor goes on";

#[test]
fn a_worker_that_faults_is_succeeded_like_one_that_is_killed() {
    for (signal, number) in [(Signal::SIGSEGV, 11), (Signal::SIGABRT, 6)] {
        let manager = Manager::start(&[]);
        let mut download = Download::new(Kind::Span).unwrap();
        download.hand_over(&manager);
        let worker = manager.worker();
        until("the worker dies", || {
            // The first SIGSEGV that is no fault is taken by Rust's handler for overflown stacks.
            let _ = kill(worker, signal);
            manager.worker_now().filter(|now| *now != worker)
        });
        let received = read_to_end(&mut download.client).unwrap_or_default();
        download.check(&received);
        assert_eq!(manager.wait_for_log(DIED)["signal"], number);
    }
}

#[test]
fn a_panic_closes_nothing_on_its_way() {
    let manager = Manager::start_to_die_at("panic:step.sent", &[]);
    let mut download = Download::new(Kind::UnsortedOverlappingRanges).unwrap();
    manager.wait_until_listening();
    download.hand_over(&manager);
    let received = read_to_end(&mut download.client).unwrap();
    download.check(&received);
    assert_eq!(manager.wait_for_log(DIED)["signal"], 6);
}

#[test]
fn an_accepted_offer_survives_a_kill_and_its_commit_is_honoured() {
    let manager = Manager::start(&[]);
    let offer = || {
        let (client, server) = connection();
        let file = file_with(&pattern(0, MEGABYTE));
        let worker = Worker::connect(&manager);
        worker.offer(&server, &file, Framing::Raw, &[span(0, MEGABYTE)]);
        assert_eq!(worker.answer(), Answer::Accept(OfferId(1)));
        (client, server, worker)
    };
    let (before, after, never) = (offer(), offer(), offer());
    kill(manager.worker(), Signal::SIGKILL).unwrap();
    // While nobody is there, or just somebody: the socket takes it.
    before.2.commit(OfferId(1)).unwrap();
    manager.wait_for_log(DIED);
    after.2.commit(OfferId(1)).unwrap();
    for (mut client, server, worker) in [before, after] {
        drop((server, worker));
        assert!(read_to_end(&mut client).unwrap() == pattern(0, MEGABYTE));
    }
    // One that is withdrawn is forgotten.
    drop(never);
    manager.wait_until_idle();
}

#[test]
fn a_manager_that_is_ending_still_is_after_a_kill() {
    let manager = Manager::start(&[]);
    let mut download = Download::new(Kind::Span).unwrap();
    download.hand_over(&manager);
    manager.signal(Signal::SIGTERM);
    manager.wait_for_log("ending: no new downloads");
    kill(manager.worker(), Signal::SIGKILL).unwrap();
    manager.wait_for_log(DIED);
    assert!(channel::connect_to(&manager.socket).is_err());
    let received = read_to_end(&mut download.client).unwrap_or_default();
    download.check(&received);
    drop(download);
    assert!(manager.wait_for_exit().success());
}

#[test]
fn a_second_signal_cuts_downloads_although_the_worker_is_another_one() {
    let manager = Manager::start(&[]);
    let download = Download::new(Kind::Span).unwrap();
    download.hand_over(&manager);
    manager.signal(Signal::SIGTERM);
    manager.wait_for_log("ending: no new downloads");
    kill(manager.worker(), Signal::SIGKILL).unwrap();
    manager.signal(Signal::SIGTERM);
    assert!(manager.wait_for_exit().success());
    let Download {
        mut client, server, ..
    } = download;
    drop(server);
    let error = read_to_end(&mut client).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

#[test]
fn a_download_that_lingers_is_complete_although_the_worker_was_killed_and_the_manager_ends() {
    let manager = Manager::start(&[]);
    let mut download = Download::new(Kind::InTheKernel).unwrap();
    download.hand_over(&manager);
    // The manager has said the end; it waits for the client's.
    let received = read_to_end(&mut download.client).unwrap();
    download.check(&received);
    manager.signal(Signal::SIGTERM);
    manager.wait_for_log("retiring: no new downloads");
    // Its successor finds that everything is to be cut.
    let stopped = manager.stop_worker();
    manager.signal(Signal::SIGTERM);
    manager.wait_for_doorbell();
    kill(stopped, Signal::SIGKILL).unwrap();
    assert!(manager.wait_for_exit().success());
    let ended = manager.wait_for_log("download ended");
    assert_eq!(ended["outcome"], "complete");
}

#[test]
fn a_paced_download_gets_no_second_burst_from_a_successor() {
    const BURST_BYTES: u64 = 200_000;
    const BYTES_PER_SEC: u64 = 50_000;
    const KILLS: u32 = 5;
    let manager = Manager::start(&[]);
    let mut download = Download::new(Kind::Span).unwrap();
    download.rate = Some(Rate {
        bytes_per_sec: NonZeroU64::new(BYTES_PER_SEC).unwrap(),
        burst_bytes: BURST_BYTES,
    });
    let begun = Instant::now();
    download.hand_over(&manager);
    let mut received = vec![0; BURST_BYTES as usize];
    download.client.read_exact(&mut received).unwrap();
    for kills in 1..=KILLS {
        kill(manager.worker(), Signal::SIGKILL).unwrap();
        until("a successor", || {
            (manager.log_lines(DIED).len() == kills as usize).then_some(())
        });
    }
    let mut more = vec![0; BYTES_PER_SEC as usize];
    download.client.read_exact(&mut more).unwrap();
    assert!(begun.elapsed() >= Duration::from_secs(1));
    received.append(&mut more);
    assert!(received == download.body[..received.len()]);
}

#[test]
fn a_signal_to_all_processes_at_once_counts_once() {
    let manager = Manager::start(&[]);
    let mut download = Download::new(Kind::Span).unwrap();
    download.hand_over(&manager);
    manager.signal_all(Signal::SIGTERM);
    manager.wait_for_log("ending: no new downloads");
    let received = read_to_end(&mut download.client).unwrap_or_default();
    download.check(&received);
    drop(download);
    assert!(manager.wait_for_exit().success());
    assert!(!manager.has_logged("ending: cutting running downloads"));
}

#[test]
fn a_worker_without_a_guardian_becomes_one() {
    let manager = Manager::start(&[]);
    let mut download = Download::new(Kind::NginxOverUnix).unwrap();
    download.hand_over(&manager);
    for promotions in 1..=3 {
        let (guardian, worker) = (manager.guardian(), manager.worker());
        kill(guardian, Signal::SIGKILL).unwrap();
        until("the worker is the guardian of another one", || {
            let told = manager.log_lines("a guardian died; its worker takes its place");
            (manager.guardian() == worker && told.len() == promotions).then_some(())
        });
        // What it guards is guarded as well as before.
        let dead = manager.worker();
        kill(dead, Signal::SIGKILL).unwrap();
        until("a successor", || {
            manager.worker_now().filter(|pid| *pid != dead)
        });
    }
    let mut second = Download::new(Kind::Span).unwrap();
    second.hand_over(&manager);
    for download in [&mut download, &mut second] {
        let received = read_to_end(&mut download.client).unwrap();
        download.check(&received);
    }
    drop((download, second));
    manager.wait_until_idle();
    manager.signal(Signal::SIGTERM);
    assert!(manager.wait_for_exit().success());
}

#[test]
fn cells_without_a_master_finish_their_downloads_and_end() {
    let manager = Manager::start(&[]);
    let (guardian, worker) = (manager.guardian(), manager.worker());
    let mut download = Download::new(Kind::Span).unwrap();
    download.hand_over(&manager);
    kill(manager.master(), Signal::SIGKILL).unwrap();
    // The path is free for another manager, which replaces what is left there.
    manager.restart();
    let mut second = Download::new(Kind::Span).unwrap();
    second.hand_over(&manager);
    for download in [&mut download, &mut second] {
        let received = read_to_end(&mut download.client).unwrap();
        download.check(&received);
    }
    drop(download);
    until("both end", || {
        (!is_alive(guardian) && !is_alive(worker)).then_some(())
    });
}

#[test]
fn a_worker_whose_loop_stands_still_is_killed_and_succeeded() {
    let manager = Manager::start(&["--hang-timeout", "2"]);
    let mut download = Download::new(Kind::Span).unwrap();
    download.hand_over(&manager);
    let stopped = manager.stop_worker();
    let line = manager.wait_for_log(DIED);
    assert_eq!(line["hung"], true);
    assert_ne!(manager.worker(), stopped);
    let received = read_to_end(&mut download.client).unwrap();
    download.check(&received);
    // One that has nothing to do is not taken for one that hangs.
    let worker = manager.worker();
    // What is tested is that nothing happens in a time.
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(manager.worker(), worker);
}

#[test]
fn workers_that_die_before_any_has_served_are_given_up_after_growing_pauses() {
    /// 1 + 2 + ... + 256 ms between the deaths that are borne.
    const PAUSES: Duration = Duration::from_millis(511);
    let begun = Instant::now();
    let manager = Manager::start_to_die_at("panic:recovery.swept@*", &[]);
    assert!(!manager.wait_for_exit().success());
    assert!(begun.elapsed() >= PAUSES);
    assert!(manager.log().contains("gave up: the workers kept dying"));
}

#[test]
fn slots_are_free_again_after_a_promotion_and_a_death() {
    let manager = Manager::start(&["--max-jobs", "2"]);
    let mut downloads: Vec<Download> = (0..2).map(|_| Download::new(Kind::Span).unwrap()).collect();
    for download in &downloads {
        download.hand_over(&manager);
    }
    let (guardian, worker) = (manager.guardian(), manager.worker());
    kill(guardian, Signal::SIGKILL).unwrap();
    until("the worker is the guardian of another one", || {
        (manager.guardian() == worker && manager.worker_now().is_some()).then_some(())
    });
    for download in &mut downloads {
        let received = read_to_end(&mut download.client).unwrap();
        download.check(&received);
    }
    drop(downloads);
    manager.wait_until_idle();
    kill(manager.worker(), Signal::SIGKILL).unwrap();
    manager.wait_for_log(DIED);
    for _ in 0..2 {
        let mut download = Download::new(Kind::Span).unwrap();
        download.hand_over(&manager);
        let received = read_to_end(&mut download.client).unwrap();
        download.check(&received);
    }
}

#[test]
fn downloads_wait_for_a_machine_that_has_no_process_to_give() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!(
            "without root the sandbox is off here, and the limit would be that of the tests: nothing tested"
        );
        return;
    }
    let manager = Manager::start(&[]);
    let mut download = Download::new(Kind::Span).unwrap();
    download.hand_over(&manager);
    let limit = |processes: &str| {
        let pid = manager.guardian().to_string();
        let limit = format!("--nproc={processes}:");
        let status = std::process::Command::new("prlimit")
            .args(["--pid", &pid, &limit])
            .uid(NOBODY)
            .gid(NOBODY)
            .status();
        assert!(status.unwrap().success());
    };
    let (_, hard) = getrlimit(Resource::RLIMIT_NPROC).unwrap();
    limit("1");
    kill(manager.worker(), Signal::SIGKILL).unwrap();
    // What is tested is that nothing is given up in a time.
    std::thread::sleep(Duration::from_secs(2));
    assert!(manager.worker_now().is_none());
    limit(&hard.to_string());
    let received = read_to_end(&mut download.client).unwrap();
    download.check(&received);
}

#[test]
fn a_manager_whose_processes_stand_still_ends_all_the_same() {
    let manager = Manager::start(&[]);
    let guardian = manager.guardian();
    let download = Download::new(Kind::Span).unwrap();
    download.hand_over(&manager);
    kill(guardian, Signal::SIGSTOP).unwrap();
    for said in [
        "ending: no new downloads",
        "ending: cutting running downloads",
        "killing the cells that have not ended",
    ] {
        manager.signal(Signal::SIGTERM);
        manager.wait_for_log(said);
    }
    assert!(manager.wait_for_exit().success());
    assert!(!is_alive(guardian));
}

#[test]
fn a_cell_that_somebody_else_told_to_retire_is_replaced_at_once() {
    let manager = Manager::start(&[]);
    let mut download = Download::new(Kind::Span).unwrap();
    download.hand_over(&manager);
    kill(manager.guardian(), Signal::SIGTERM).unwrap();
    until("another cell", || {
        (manager.guardians().len() == 2).then_some(())
    });
    let mut second = Download::new(Kind::Span).unwrap();
    second.hand_over(&manager);
    for download in [&mut download, &mut second] {
        let received = read_to_end(&mut download.client).unwrap();
        download.check(&received);
    }
}

#[test]
fn a_descriptor_limit_that_leaves_no_room_is_said_at_the_start() {
    let manager = Manager::begin(48, &[], |_| {});
    assert!(!manager.wait_for_exit().success());
    assert!(
        manager
            .log()
            .contains("the descriptor limit of 48 leaves no room for downloads")
    );
}
