//! What guardian and worker are, from outside: /proc/pid/status, and what others of their user may do to them.

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use nix::unistd::Pid;
use send_file_wire::Framing;

use crate::rig::{Manager, NOBODY, connection, file_with, pattern, read_to_end, span};
use crate::{Other, is_root};

/// A field of /proc/pid/status (proc_pid_status(5)), with single spaces.
fn status(process: Pid, field: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let mut lines = status.lines();
    let value = lines.find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    let words: Vec<&str> = value.unwrap().split_whitespace().collect();
    words.join(" ")
}

/// The parent of a process.
fn parent(process: Pid) -> Pid {
    Pid::from_raw(status(process, "PPid").parse().unwrap())
}

#[test]
fn guardian_and_worker_have_a_user_of_their_own_and_no_rights() {
    if !is_root() {
        return;
    }
    let manager = Manager::start(&["--user", "54321", "--require-sandbox"]);
    let worker = manager.worker();
    for process in [worker, parent(worker)] {
        assert_eq!(status(process, "Uid"), "54321 54321 54321 54321");
        assert_eq!(status(process, "Gid"), "54321 54321 54321 54321");
        assert_eq!(status(process, "Groups"), "");
        for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
            assert_eq!(status(process, set), "0000000000000000", "{set}");
        }
        assert_eq!(status(process, "NoNewPrivs"), "1");
        // A filter.
        assert_eq!(status(process, "Seccomp"), "2");
    }
    assert_eq!(status(worker, "Seccomp_filters"), "2");
    // The master keeps what it takes to start cells as that user.
    assert_eq!(status(manager.master(), "Uid"), "0 0 0 0");
}

#[test]
fn root_that_stays_root_has_no_capabilities_either() {
    if !is_root() {
        return;
    }
    let manager = Manager::start(&["--user", "root"]);
    let worker = manager.worker();
    for process in [worker, parent(worker)] {
        assert_eq!(status(process, "Uid"), "0 0 0 0");
        for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
            assert_eq!(status(process, set), "0000000000000000", "{set}");
        }
    }
    let missing = manager.wait_for_log("the sandbox is not whole");
    assert_eq!(missing["layer"], "own user");
}

#[test]
fn without_the_sandbox_everything_is_kept() {
    if !is_root() {
        return;
    }
    let manager = Manager::start(&["--no-sandbox"]);
    let worker = manager.worker();
    for field in ["Uid", "Groups", "CapEff", "CapBnd", "NoNewPrivs", "Seccomp"] {
        assert_eq!(status(worker, field), status(Pid::this(), field), "{field}");
    }
    assert!(manager.log().contains("--no-sandbox: "));
}

#[test]
fn a_manager_that_an_ordinary_user_started_serves_in_its_sandbox() {
    if !is_root() {
        return;
    }
    let manager = Manager::begin_as(NOBODY, &["--require-sandbox"]);
    manager.wait_until_listening();
    let (mut client, server) = connection();
    let file = file_with(&pattern(0, 100_000));
    manager.hand_over(&server, &file, Framing::Raw, &[span(0, 100_000)]);
    drop(server);
    assert!(read_to_end(&mut client).unwrap() == pattern(0, 100_000));
    let worker = manager.worker();
    assert_eq!(status(worker, "Seccomp_filters"), "2");
    assert_eq!(status(worker, "NoNewPrivs"), "1");
}

#[test]
fn nobody_else_of_the_same_user_can_look_into_guardian_or_worker() {
    if !is_root() {
        return;
    }
    // Started by that user: the kernel protects nobody who has never been root.
    let manager = Manager::begin_as(NOBODY, &["--require-sandbox"]);
    manager.wait_until_listening();
    let other = Other::start();
    // So that the reason is the sandbox.
    for place in ["maps", "mem", "fd/"] {
        assert!(other_can_read(other.pid(), place), "{place}");
    }
    let worker = manager.worker();
    for process in [worker, parent(worker)] {
        assert_eq!(status(process, "Uid"), status(other.pid(), "Uid"));
        for place in ["maps", "mem", "fd/"] {
            assert!(!other_can_read(process, place), "{place} of {process}");
        }
    }
}

/// Whether another process of that user can open this, for which it must be allowed to ptrace(2) (proc(5)).
fn other_can_read(process: Pid, place: &str) -> bool {
    let script = match place {
        "fd/" => format!("ls /proc/{process}/fd/"),
        place => format!("exec 3< /proc/{process}/{place}"),
    };
    let mut command = Command::new("/bin/sh");
    command.args(["-c", &script]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let status = command.uid(NOBODY).gid(NOBODY).status().unwrap();
    status.success()
}
