//! The order of turns, by the order in which downloads that all wait for one turn end.

use std::net::Shutdown;

use nix::sys::signal::{Signal, kill};
use send_file_manager::limits::TURNS_PER_ELDEST;
use send_file_wire::{Answer, Framing, OfferId};

use crate::rig::{Manager, Worker, connection, file_with, pattern, span, until};

/// So few bytes that a download is over in one turn, its client's kernel has acknowledged everything then.
const STEP_BYTES: u64 = 1000;

/// Commits downloads of these sizes while the worker of the manager cannot look, and returns them as they ended.
fn order_of_ends(arguments: &[&str], sizes: &[u64]) -> Vec<u64> {
    let manager = Manager::start(arguments);
    let offer = |size: u64| {
        let (client, server) = connection();
        client.shutdown(Shutdown::Write).unwrap();
        let file = file_with(&pattern(0, size));
        let worker = Worker::connect(&manager);
        worker.offer(&server, &file, Framing::Raw, &[span(0, size)]);
        assert_eq!(worker.answer(), Answer::Accept(OfferId(1)));
        (client, worker)
    };
    let offers: Vec<_> = sizes.iter().map(|size| offer(*size)).collect();
    // When this one is answered the manager is done with the others, and waits for their commits.
    let _last = offer(1);
    let stopped = manager.stop_worker();
    for (_, worker) in &offers {
        worker.commit(OfferId(1)).unwrap();
    }
    kill(stopped, Signal::SIGCONT).unwrap();
    let ends = until("all downloads have ended", || {
        let ends = manager.log_lines("download ended");
        (ends.len() == sizes.len()).then_some(ends)
    });
    ends.iter().map(|end| end["of"].as_u64().unwrap()).collect()
}

#[test]
fn fair_is_the_order_of_the_commits_and_smallest_first_that_of_the_sizes_but_for_the_eldest() {
    let sizes: Vec<u64> = (1..=20).rev().map(|step| step * STEP_BYTES).collect();
    assert_eq!(order_of_ends(&[], &sizes), sizes);
    let order = order_of_ends(&["--queue", "smallest-first"], &sizes);
    let in_a_row = TURNS_PER_ELDEST as usize - 1;
    let smallest: Vec<u64> = sizes.iter().rev().copied().take(in_a_row).collect();
    assert_eq!(order[..in_a_row], smallest);
    assert_eq!(order[in_a_row], sizes[0]);
}
