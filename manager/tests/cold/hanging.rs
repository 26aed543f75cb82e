//! A reader that waits for a server that does not answer: nobody but its own download waits with it.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{setsockopt, sockopt};
use send_file_manager::limits::READER_NICENESS;
use send_file_wire::{Answer, Framing, OfferId};

use crate::fuse::{Fuse, MEGABYTE};
use crate::rig::{
    IDLE_DESCRIPTORS, Manager, Worker, connection, file_with, pattern, read_to_end, span, until,
};

/// A manager, and a client whose file is on a file system that hangs from here on.
struct Scene {
    manager: Manager,
    fuse: Fuse,
    client: TcpStream,
}

impl Scene {
    /// `None` where there is no FUSE.
    fn new(name: &str, arguments: &[&str]) -> Option<Scene> {
        let arguments = [&["--allow-remote-files"], arguments].concat();
        let manager = Manager::start(&arguments);
        let fuse = Fuse::mount(name)?;
        let (client, server) = connection();
        let worker = Worker::connect(&manager);
        let file = fuse.open();
        worker.offer(&server, &file, Framing::Raw, &[span(0, MEGABYTE)]);
        // To close it is a request to the server, too.
        drop(file);
        assert_eq!(worker.answer(), Answer::Accept(OfferId(1)));
        fuse.hang();
        worker.commit(OfferId(1)).unwrap();
        worker.end();
        until("a reader", || has_reader(&manager).then_some(()));
        Some(Scene {
            manager,
            fuse,
            client,
        })
    }

    /// Somebody else's download.
    fn another_is_served(&self) {
        let (mut client, server) = connection();
        let file = file_with(&pattern(0, MEGABYTE));
        let parts = [span(0, MEGABYTE)];
        self.manager.hand_over(&server, &file, Framing::Raw, &parts);
        drop(server);
        assert!(read_to_end(&mut client).unwrap() == pattern(0, MEGABYTE));
    }

    /// The server answers again, and the file arrives.
    fn arrives(mut self) {
        self.fuse.wake();
        assert!(read_to_end(&mut self.client).unwrap() == pattern(0, MEGABYTE));
        drop(self.client);
        self.manager.wait_until_idle();
    }
}

/// Whether the worker has a second thread, which lets its first one run before it: field 19 of proc_pid_stat(5).
fn has_reader(manager: &Manager) -> bool {
    let threads = format!("/proc/{}/task", manager.worker());
    let niceness = |thread: std::fs::DirEntry| -> Option<i32> {
        let stat = std::fs::read_to_string(thread.path().join("stat")).ok()?;
        let mut fields = stat.rsplit(')').next()?.split_whitespace();
        fields.nth(16)?.parse().ok()
    };
    let threads = std::fs::read_dir(threads).unwrap();
    let mut all: Vec<i32> = threads
        .filter_map(|thread| niceness(thread.ok()?))
        .collect();
    all.sort_unstable();
    matches!(all[..], [first, reader] if reader == (first + READER_NICENESS).min(19))
}

#[test]
fn others_are_served_while_a_reader_hangs_and_nobody_takes_the_worker_for_hanging() {
    const HANG_TIMEOUT: Duration = Duration::from_secs(2);
    let Some(scene) = Scene::new("others", &["--hang-timeout", "2", "--stall-timeout", "1"]) else {
        return;
    };
    let started = Instant::now();
    while started.elapsed() < 2 * HANG_TIMEOUT {
        scene.another_is_served();
    }
    assert!(
        !scene
            .manager
            .has_logged("a worker died; its successor goes on")
    );
    // Its client has not stalled, either.
    scene.arrives();
}

#[test]
fn a_download_that_ends_while_its_file_is_read_keeps_the_number_of_the_file_until_it_was() {
    let Some(scene) = Scene::new("ends", &[]) else {
        return;
    };
    let Scene {
        manager,
        fuse,
        mut client,
    } = scene;
    // A reset.
    client.write_all(b"x").unwrap();
    setsockopt(
        &client,
        sockopt::Linger,
        &nix::libc::linger {
            l_onoff: 1,
            l_linger: 0,
        },
    )
    .unwrap();
    drop(client);
    manager.wait_for_log("download ended");
    until("all but the file is closed", || {
        (manager.descriptor_count() == IDLE_DESCRIPTORS + 1).then_some(())
    });
    fuse.wake();
    manager.wait_until_idle();
}

#[test]
fn a_worker_whose_reader_hangs_is_killed_and_succeeded() {
    let Some(scene) = Scene::new("killed", &[]) else {
        return;
    };
    kill(scene.manager.worker(), Signal::SIGKILL).unwrap();
    scene.another_is_served();
    scene.arrives();
}

#[test]
fn a_worker_whose_reader_hangs_becomes_the_guardian() {
    let Some(scene) = Scene::new("guardian", &[]) else {
        return;
    };
    let worker = scene.manager.worker();
    kill(scene.manager.guardian(), Signal::SIGKILL).unwrap();
    until("the worker is the guardian", || {
        (scene.manager.guardian() == worker && scene.manager.worker_now().is_some()).then_some(())
    });
    scene.another_is_served();
    scene.arrives();
}

#[test]
fn a_manager_whose_reader_hangs_ends_when_it_is_told_to() {
    let Some(scene) = Scene::new("told", &[]) else {
        return;
    };
    scene.manager.signal(Signal::SIGTERM);
    scene.manager.wait_for_log("retiring: no new downloads");
    scene.manager.signal(Signal::SIGTERM);
    assert!(scene.manager.wait_for_exit().success());
    assert!(read_to_end(&mut &scene.client).is_err());
    scene.fuse.wake();
}
