//! At the limit of descriptors: the manager's own bound, and the kernel's.

use std::collections::HashSet;
use std::fs::File;
use std::io::Read;
use std::net::TcpStream;
use std::num::NonZeroU16;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::unistd::geteuid;
use send_file_wire::{Answer, FastCgi, Framing, OfferId, Part, Reason, ServerKind};

use crate::rig::{
    Manager, Worker, connection, file_with, number, pattern, read_records, read_to_end, span, until,
};

const MEGABYTE: u64 = 1 << 20;

/// What the manager is started with.
const LIMIT: usize = 128;

/// Offers a whole file and returns the answer, with the client's end and the worker.
fn offer(manager: &Manager) -> (TcpStream, Worker, Answer) {
    let (client, server) = connection();
    let file = file_with(&pattern(0, MEGABYTE));
    let worker = Worker::connect(manager);
    worker.offer(&server, &file, Framing::Raw, &[span(0, MEGABYTE)]);
    let answer = worker.answer();
    (client, worker, answer)
}

/// A manager of the same user: a container's root may lack the right to change the limits of another one's processes.
fn start_as_this_user() -> Manager {
    let arguments: &[&str] = match geteuid().is_root() {
        true => &["--user", "root"],
        false => &[],
    };
    Manager::start_with_descriptors(LIMIT as u32, arguments)
}

/// From now on the worker of the manager gets so many descriptors more.
fn leave_free(manager: &Manager, count: usize) {
    let used = std::fs::read_dir(format!("/proc/{}/fd", manager.worker())).unwrap();
    let used: HashSet<usize> = used
        .map(|entry| {
            entry
                .unwrap()
                .file_name()
                .to_str()
                .unwrap()
                .parse()
                .unwrap()
        })
        .collect();
    let mut free = (0..).filter(|number| !used.contains(number));
    limit_descriptors(manager, free.nth(count).unwrap());
}

/// From now on the worker of the manager gets no descriptor with this number or a higher one.
fn limit_descriptors(manager: &Manager, limit: usize) {
    let worker = manager.worker();
    let arguments = [
        format!("--pid={worker}"),
        format!("--nofile={limit}:{LIMIT}"),
    ];
    let status = Command::new("prlimit").args(arguments).status().unwrap();
    assert!(status.success());
}

#[test]
fn at_the_descriptor_limit_workers_hear_busy_nothing_is_lost_and_there_is_room_again() {
    let manager = Manager::start_with_descriptors(LIMIT as u32, &[]);
    // No fresh cell relieves the full one.
    manager.signal_master(Signal::SIGSTOP);
    let framing = Framing::FastCgi(FastCgi {
        request_id: NonZeroU16::new(1).unwrap(),
        server: ServerKind::Nginx,
        keep: false,
    });
    // 4 descriptors each: twice as many as the table is made for.
    let parts = [Part::Literal(b"head".to_vec()), span(0, MEGABYTE)];
    let expected = [b"head".to_vec(), pattern(0, MEGABYTE)].concat();
    let file = file_with(&pattern(0, MEGABYTE));
    for _ in 0..2 {
        let mut web_servers = Vec::new();
        let refusal = loop {
            let (web_server, worker_end) = UnixStream::pair().unwrap();
            let worker = Worker::connect(&manager);
            // Positions are the file's: each download needs one of its own.
            let file = File::open(format!("/proc/self/fd/{}", number(&file))).unwrap();
            worker.offer(&worker_end, &file, framing, &parts);
            let answer = worker.answer();
            if answer != Answer::Accept(OfferId(1)) {
                break answer;
            }
            worker.commit(OfferId(1)).unwrap();
            web_servers.push(web_server);
        };
        assert_eq!(refusal, Answer::Reject(OfferId(1), Reason::Busy));
        // A quarter of the limit is for workers, and a margin for the manager; a little less fits than then is left.
        let fit = web_servers.len() as u64;
        assert!((12..=16).contains(&fit), "{fit} fit");
        for mut web_server in web_servers {
            let response = read_to_end(&mut web_server).unwrap();
            assert!(read_records(&response) == (expected.clone(), true));
        }
        manager.wait_until_idle();
    }
}

#[test]
fn a_kernel_without_descriptors_delays_workers_and_costs_no_download() {
    let manager = start_as_this_user();
    let (mut client, worker, _) = offer(&manager);
    worker.commit(OfferId(1)).unwrap();
    worker.end();
    leave_free(&manager, 0);
    let (mut second, server) = connection();
    let file = file_with(&pattern(0, MEGABYTE));
    let waiting = Worker::connect(&manager);
    waiting.offer(&server, &file, Framing::Raw, &[span(0, MEGABYTE)]);
    manager.wait_for_log("could not accept a peer; trying again soon");
    assert!(read_to_end(&mut client).unwrap() == pattern(0, MEGABYTE));
    limit_descriptors(&manager, LIMIT);
    assert_eq!(waiting.answer(), Answer::Accept(OfferId(1)));
    waiting.commit(OfferId(1)).unwrap();
    drop((waiting, server, client));
    assert!(read_to_end(&mut second).unwrap() == pattern(0, MEGABYTE));
    drop(second);
    manager.wait_until_idle();
}

#[test]
fn an_offer_whose_descriptors_do_not_fit_is_refused_and_leaves_none_behind() {
    let manager = start_as_this_user();
    // Room for the worker's connection and one descriptor more: an offer has two.
    leave_free(&manager, 2);
    let (mut client, worker, answer) = offer(&manager);
    assert!(
        matches!(answer, Answer::Reject(_, _)),
        "an offer without its file: {answer:?}"
    );
    drop(worker);
    client
        .set_read_timeout(Some(Duration::from_millis(1)))
        .unwrap();
    // Its end, since here nobody streams instead; and not a byte before.
    until("the client's end", || {
        (client.read(&mut [0]).ok()? == 0).then_some(())
    });
    manager.wait_until_idle();
    limit_descriptors(&manager, LIMIT);
    assert_eq!(offer(&manager).2, Answer::Accept(OfferId(1)));
}
