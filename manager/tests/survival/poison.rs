//! A download, or an offer, that workers die of.

use std::io;

use nix::sys::signal::{Signal, kill};
use send_file_wire::{Answer, OfferId};

use crate::downloads::{Download, Kind};
use crate::rig::{Manager, Worker, read_to_end};

const DIED: &str = "a worker died; its successor goes on";
const BROKEN_OFF: &str = "broke off what workers kept dying of";

fn offer(manager: &Manager, download: &Download, tag: &str) -> Worker {
    let worker = Worker::connect(manager);
    worker
        .send_offer(
            tag.as_bytes(),
            None,
            &download.server,
            &download.file,
            download.framing,
            &download.parts,
        )
        .unwrap();
    worker
}

/// A download whose offer was accepted, and the worker that may commit it.
fn accepted(manager: &Manager, tag: &str) -> (Download, Worker) {
    let download = Download::new(Kind::Span).unwrap();
    let worker = offer(manager, &download, tag);
    assert_eq!(worker.answer(), Answer::Accept(OfferId(1)));
    (download, worker)
}

#[test]
fn a_download_that_workers_die_of_is_broken_off_and_the_others_go_on() {
    let manager = Manager::start_to_die_at("panic:job.turn/poison@*", &[]);
    manager.wait_until_listening();
    let mut innocent = Download::new(Kind::Span).unwrap();
    innocent.hand_over(&manager);
    let (poison, worker) = accepted(&manager, "poison");
    worker.commit(OfferId(1)).unwrap();
    manager.wait_for_log(BROKEN_OFF);
    let Download {
        mut client, server, ..
    } = poison;
    drop(server);
    let error = read_to_end(&mut client).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    assert_eq!(manager.log_lines(DIED).len(), 3);
    let received = read_to_end(&mut innocent.client).unwrap();
    innocent.check(&received);
    drop(innocent);
    manager.wait_until_idle();
}

#[test]
fn an_offer_that_workers_die_of_is_dropped_and_its_worker_keeps_the_connection() {
    let manager = Manager::start_to_die_at("panic:offer.heard/poison@*", &[]);
    manager.wait_until_listening();
    let poison = Download::new(Kind::Span).unwrap();
    let worker = offer(&manager, &poison, "poison");
    assert_eq!(worker.answer_or_end(), None);
    manager.wait_for_log(BROKEN_OFF);
    let mut innocent = Download::new(Kind::Span).unwrap();
    innocent.hand_over(&manager);
    let received = read_to_end(&mut innocent.client).unwrap();
    innocent.check(&received);
    drop((innocent, poison));
    manager.wait_until_idle();
}

#[test]
fn a_download_that_workers_are_killed_over_by_others_is_never_blamed() {
    let manager = Manager::start(&[]);
    let (mut download, worker) = accepted(&manager, "victim");
    worker.commit(OfferId(1)).unwrap();
    let kill_one = || {
        let worker = manager.worker();
        let before = manager.log_lines(DIED).len();
        kill(worker, Signal::SIGKILL).unwrap();
        crate::rig::until("a successor", || {
            (manager.log_lines(DIED).len() > before).then_some(())
        });
    };
    for _ in 0..5 {
        kill_one();
    }
    let received = read_to_end(&mut download.client).unwrap();
    download.check(&received);
    assert!(!manager.has_logged(BROKEN_OFF));
}

#[test]
fn an_accepted_offer_that_successors_die_of_costs_nobody_else_anything() {
    let manager = Manager::start_to_die_at("panic:recovery.offer_taken_up@*", &[]);
    manager.wait_until_listening();
    let mut innocent = Download::new(Kind::Span).unwrap();
    innocent.hand_over(&manager);
    let (_poison, worker) = accepted(&manager, "poison");
    kill(manager.worker(), Signal::SIGKILL).unwrap();
    manager.wait_for_log(BROKEN_OFF);
    // The worker learns that the connection is still its own.
    worker.wait_for_end();
    let received = read_to_end(&mut innocent.client).unwrap();
    innocent.check(&received);
}

#[test]
fn a_commit_in_the_queue_of_a_poisoned_offer_makes_its_end_visible() {
    let manager = Manager::start_to_die_at("panic:recovery.offer_taken_up@*", &[]);
    manager.wait_until_listening();
    let (poison, worker) = accepted(&manager, "poison");
    let stopped = manager.stop_worker();
    worker.commit(OfferId(1)).unwrap();
    kill(stopped, Signal::SIGKILL).unwrap();
    let Download {
        mut client,
        server,
        body,
        ..
    } = poison;
    drop((worker, server));
    match read_to_end(&mut client) {
        Ok(received) => assert!(received == body),
        Err(error) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset),
    }
}
