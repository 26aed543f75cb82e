//! Several cells: what each takes, what happens at the limit of one, how all end.

use std::collections::BTreeMap;
use std::net::TcpStream;

use nix::sys::signal::{Signal, kill};
use send_file_wire::{Answer, Framing, OfferId, Reason};

use crate::rig::{
    Manager, Worker, connection, file_with, is_alive, pattern, read_to_end, span, until,
};

/// More than a connection on the loopback takes from a sender while nobody reads.
const BODY_BYTES: u64 = 6 << 20;

/// Hands a download over, again and again while there is no room.
fn hand_over(manager: &Manager, file: &std::fs::File) -> TcpStream {
    let (client, server) = connection();
    until("a download is accepted", || {
        let worker = Worker::connect(manager);
        worker.offer(&server, file, Framing::Raw, &[span(0, BODY_BYTES)]);
        match worker.answer_or_end()? {
            Answer::Accept(id) => worker.commit(id).ok(),
            Answer::Reject(_, Reason::Busy | Reason::Draining) => None,
            other => panic!("{other:?}"),
        }
    });
    client
}

/// A file of its own for every download: the position is the file's.
fn files(count: usize) -> Vec<std::fs::File> {
    let content = pattern(0, BODY_BYTES);
    (0..count).map(|_| file_with(&content)).collect()
}

/// The downloads of each cell, as the cells say when asked.
fn downloads_by_cell(manager: &Manager, cells: usize) -> BTreeMap<u64, u64> {
    let before = manager.log_lines("status").len();
    manager.signal(Signal::SIGUSR1);
    let lines = until("the cells say how things are", || {
        let lines = manager.log_lines("status").split_off(before);
        (lines.len() >= cells).then_some(lines)
    });
    let of = |line: &serde_json::Value| {
        (
            line["cell"].as_u64().unwrap(),
            line["downloads"].as_u64().unwrap(),
        )
    };
    lines.iter().map(of).collect()
}

#[test]
fn cells_share_the_downloads_about_equally() {
    const COUNT: usize = 48;
    let manager = Manager::start(&["--cells", "3"]);
    until("three cells", || {
        (manager.guardians().len() == 3).then_some(())
    });
    manager.wait_for_log("serving");
    let clients: Vec<TcpStream> = files(COUNT)
        .iter()
        .map(|file| hand_over(&manager, file))
        .collect();
    // The last commit may not have been heard yet.
    let shares = until("all downloads run", || {
        let shares = downloads_by_cell(&manager, 3);
        (shares.values().sum::<u64>() == COUNT as u64).then_some(shares)
    });
    assert!(shares.values().all(|share| *share >= 8), "{shares:?}");
    drop(clients);
}

#[test]
fn downloads_go_beyond_the_descriptor_limit_of_one_process() {
    /// 80 descriptors: 20 for workers, 32 aside, 28 for downloads, which are 14 at most.
    const LIMIT: u32 = 80;
    const COUNT: usize = 60;
    let manager = Manager::start_with_descriptors(LIMIT, &[]);
    let files = files(COUNT);
    let mut clients = Vec::new();
    for file in &files {
        clients.push(hand_over(&manager, file));
    }
    let cells = manager.guardians().len();
    assert!(cells >= 5, "{cells} cells");
    // A cell that has retired is as crash-proof as before.
    for guardian in manager.guardians() {
        kill_worker_of(guardian);
    }
    let expected = pattern(0, BODY_BYTES);
    for mut client in clients {
        assert!(read_to_end(&mut client).unwrap() == expected);
    }
    until("one cell is left", || {
        (manager.guardians().len() == 1).then_some(())
    });
    manager.wait_until_idle();
}

fn kill_worker_of(guardian: nix::unistd::Pid) {
    let children = std::fs::read_to_string(format!("/proc/{guardian}/task/{guardian}/children"));
    for worker in children.unwrap_or_default().split_whitespace() {
        let worker = nix::unistd::Pid::from_raw(worker.parse().unwrap());
        let _ = kill(worker, Signal::SIGKILL);
    }
}

#[test]
fn the_most_downloads_are_counted_over_all_cells() {
    let manager = Manager::start(&["--cells", "2", "--max-jobs", "3"]);
    manager.wait_for_log("serving");
    let files = files(4);
    let clients: Vec<TcpStream> = files[..3]
        .iter()
        .map(|file| hand_over(&manager, file))
        .collect();
    for _ in 0..10 {
        let (_client, server) = connection();
        let worker = Worker::connect(&manager);
        worker.offer(&server, &files[3], Framing::Raw, &[span(0, BODY_BYTES)]);
        assert_eq!(worker.answer(), Answer::Reject(OfferId(1), Reason::Busy));
    }
    drop(clients);
    // Room again, as soon as the manager has noticed.
    drop(hand_over(&manager, &files[3]));
}

#[test]
fn a_cell_of_which_nothing_is_left_is_replaced() {
    let manager = Manager::start(&["--cells", "2"]);
    manager.wait_for_log("serving");
    let dead = manager.guardians()[0];
    nix::sys::signal::killpg(dead, Signal::SIGKILL).unwrap();
    manager.wait_for_log("a cell has failed; starting another one");
    until("two cells", || {
        let guardians = manager.guardians();
        (guardians.len() == 2 && !guardians.contains(&dead)).then_some(())
    });
    let file = &files(1)[0];
    let mut client = hand_over(&manager, file);
    assert!(read_to_end(&mut client).unwrap() == pattern(0, BODY_BYTES));
}

#[test]
fn all_cells_end_with_the_manager() {
    let manager = Manager::start(&["--cells", "4", "--drain-timeout", "0.3"]);
    manager.wait_for_log("serving");
    let files = files(8);
    let clients: Vec<TcpStream> = files.iter().map(|file| hand_over(&manager, file)).collect();
    let guardians = manager.guardians();
    manager.signal(Signal::SIGTERM);
    assert!(manager.wait_for_exit().success());
    assert!(manager.has_logged("ending: cutting running downloads"));
    assert!(guardians.iter().all(|guardian| !is_alive(*guardian)));
    for mut client in clients {
        assert!(read_to_end(&mut client).is_err(), "it cannot look complete");
    }
}
