//! What one user, and all together, may hold: each bound is reached, kept through a worker's death, and has room again.

use std::fs::File;
use std::net::TcpStream;

use nix::libc;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::{Signal, kill};
use nix::unistd::getuid;
use send_file_wire::{Answer, Framing, OfferId, Part, Reason};

use crate::rig::{Manager, Worker, connection, span, until};

const ACCEPTED: Answer = Answer::Accept(OfferId(1));
const BUSY: Answer = Answer::Reject(OfferId(1), Reason::Busy);

/// More than the kernel takes for a client that reads nothing.
const BODY_BYTES: u64 = 64 << 20;

/// Somebody else than the user of the tests, who is root then.
const NOBODY: u32 = 65_534;

/// A download, under way or offered only. Its client takes nothing.
struct Held {
    _client: TcpStream,
    _server: TcpStream,
    worker: Worker,
}

/// A file of zeros that takes no memory.
fn sparse_file() -> File {
    let file = File::from(memfd_create("sparse", MFdFlags::MFD_CLOEXEC).unwrap());
    file.set_len(BODY_BYTES).unwrap();
    file
}

/// An offer by this worker and what was answered.
fn offer_by(worker: Worker, parts: &[Part]) -> (Held, Answer) {
    let (client, server) = connection();
    worker.offer(&server, &sparse_file(), Framing::Raw, parts);
    let answer = worker.answer();
    let held = Held {
        _client: client,
        _server: server,
        worker,
    };
    (held, answer)
}

fn offer(manager: &Manager, parts: &[Part]) -> (Held, Answer) {
    offer_by(Worker::connect(manager), parts)
}

/// A download under way.
fn begin(manager: &Manager, parts: &[Part]) -> Held {
    let (held, answer) = offer(manager, parts);
    assert_eq!(answer, ACCEPTED);
    held.worker.commit(OfferId(1)).unwrap();
    held
}

/// Does something as another user, as SO_PEERCRED has it.
fn as_nobody<T: Send>(act: impl FnOnce() -> T + Send) -> T {
    let become_nobody = || {
        let same = libc::uid_t::MAX;
        // SAFETY: the system call, unlike libc's function, changes this thread alone, which ends with `act`.
        let result = unsafe { libc::syscall(libc::SYS_setresuid, same, NOBODY, same) };
        assert_eq!(result, 0);
    };
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            become_nobody();
            act()
        });
        thread.join().unwrap()
    })
}

/// Whether there can be another user.
fn is_root() -> bool {
    if !getuid().is_root() {
        eprintln!("tested with one user only: not root");
    }
    getuid().is_root()
}

fn kill_worker(manager: &Manager) {
    let worker = manager.worker();
    kill(worker, Signal::SIGKILL).unwrap();
    until("there is another worker", || {
        manager.worker_now().filter(|other| *other != worker)
    });
}

/// Offers until the manager has room: what went away is noticed a moment later.
fn offer_until_accepted(manager: &Manager, parts: &[Part]) -> Held {
    until("there is room", || {
        let (held, answer) = offer(manager, parts);
        (answer == ACCEPTED).then_some(held)
    })
}

#[test]
fn a_user_has_so_many_downloads_and_no_more_however_often_the_worker_dies() {
    let own = getuid().to_string();
    let users = ["--allow-uid", &own, "--allow-uid", "65534"];
    let manager = Manager::start(&[&["--max-jobs-per-uid", "2"], &users[..]].concat());
    let parts = [span(0, BODY_BYTES)];
    let running = begin(&manager, &parts);
    let (offered, answer) = offer(&manager, &parts);
    assert_eq!(answer, ACCEPTED);
    assert_eq!(offer(&manager, &parts).1, BUSY);
    kill_worker(&manager);
    assert_eq!(offer(&manager, &parts).1, BUSY);
    if is_root() {
        let (_held, answer) = as_nobody(|| offer(&manager, &parts));
        assert_eq!(answer, ACCEPTED);
        assert_eq!(offer(&manager, &parts).1, BUSY);
    }
    drop(offered);
    let another = offer_until_accepted(&manager, &parts);
    assert_eq!(offer(&manager, &parts).1, BUSY);
    drop(running);
    let _third = offer_until_accepted(&manager, &parts);
    drop(another);
}

#[test]
fn a_flood_of_one_users_connections_does_not_push_another_users_out() {
    if !is_root() {
        return;
    }
    // 32 workers at a time.
    let users = ["--allow-uid", "0", "--allow-uid", "65534"];
    let manager = Manager::start_with_descriptors(128, &users);
    let waiting = as_nobody(|| Worker::connect(&manager));
    let flood: Vec<Worker> = (0..200).map(|_| Worker::connect(&manager)).collect();
    // By then all of them have been accepted, and most have had to go.
    flood[100].wait_for_end();
    assert_eq!(offer_by(waiting, &[span(0, 1)]).1, ACCEPTED);
}

#[test]
fn offers_that_are_never_committed_leave_places_for_other_users() {
    // 32 workers at a time, so that one user may have 24 offers.
    let own = getuid().to_string();
    let users = ["--allow-uid", &own, "--allow-uid", "65534"];
    let manager = Manager::start_with_descriptors(128, &users);
    // No fresh cell relieves the full one.
    manager.signal_master(Signal::SIGSTOP);
    let parts = [span(0, 1)];
    let (held, mut answers): (Vec<Held>, Vec<Answer>) =
        (0..26).map(|_| offer(&manager, &parts)).unzip();
    assert_eq!(answers.split_off(24), [BUSY, BUSY]);
    assert!(answers.iter().all(|answer| *answer == ACCEPTED));
    if is_root() {
        assert_eq!(as_nobody(|| offer(&manager, &parts)).1, ACCEPTED);
    }
    drop(held);
    offer_until_accepted(&manager, &parts);
}

#[test]
fn long_offers_are_refused_when_they_hold_too_much_memory_and_short_ones_are_not() {
    /// Each holds 16 pages: 8 for the packet beyond its slot, 8 for the literal bytes once more.
    const LONG_OFFERS: usize = 16;
    let manager = Manager::start(&["--max-jobs", "100"]);
    let long = [Part::Literal(vec![7; 32_000]), span(0, BODY_BYTES)];
    let mut held: Vec<Held> = (0..LONG_OFFERS).map(|_| begin(&manager, &long)).collect();
    assert_eq!(offer(&manager, &long).1, BUSY);
    kill_worker(&manager);
    assert_eq!(offer(&manager, &long).1, BUSY);
    let short = begin(&manager, &[span(0, BODY_BYTES)]);
    held.pop();
    held.push(offer_until_accepted(&manager, &long));
    assert_eq!(offer(&manager, &long).1, BUSY);
    drop((held, short));
    manager.wait_until_idle();
}
