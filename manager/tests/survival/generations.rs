//! Reload, upgrade, and what happens when they fail: the process stays, downloads go on, workers find a listener throughout.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use send_file_wire::{Answer, Reason};

use crate::downloads::{Download, Kind};
use crate::rig::{Manager, Worker, built, is_alive, read_to_end, until};

/// A directory that is removed at the end.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Directory {
        let path = std::env::temp_dir().join(format!(
            "send-file-generations-{name}-{}",
            std::process::id()
        ));
        fs::create_dir_all(&path).unwrap();
        Directory(path)
    }

    /// Puts a file there as an installation does, by rename.
    fn install(&self, name: &str, write: impl FnOnce(&Path)) -> PathBuf {
        let (new, path) = (self.0.join("new"), self.0.join(name));
        write(&new);
        fs::rename(new, &path).unwrap();
        path
    }

    fn install_manager(&self) -> PathBuf {
        self.install("manager", |path| {
            fs::copy(built(), path).unwrap();
        })
    }

    fn install_script(&self, text: &str) {
        self.install("manager", |path| {
            let mut file = fs::File::create(path).unwrap();
            file.write_all(text.as_bytes()).unwrap();
            file.set_permissions(fs::Permissions::from_mode(0o755))
                .unwrap();
        });
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn is_refused(manager: &Manager) -> bool {
    let download = Download::new(Kind::InTheKernel).unwrap();
    let worker = Worker::connect(manager);
    worker.offer(
        &download.server,
        &download.file,
        download.framing,
        &download.parts,
    );
    matches!(worker.answer(), Answer::Reject(_, Reason::Busy))
}

fn finish(mut download: Download) {
    let received = read_to_end(&mut download.client).unwrap();
    download.check(&received);
}

#[test]
fn a_reload_reads_the_configuration_again_and_disturbs_no_download() {
    let directory = Directory::new("reload");
    let configure =
        |text: &str| directory.install("manager.conf", |path| fs::write(path, text).unwrap());
    let config = configure("# one\nmax-jobs = 1\n");
    let manager = Manager::start(&["--config", config.to_str().unwrap()]);
    let (master, guardian) = (manager.master(), manager.guardian());
    let before = Download::new(Kind::UnsortedOverlappingRanges).unwrap();
    before.hand_over(&manager);
    assert!(is_refused(&manager));

    configure("max-jobs=3\n");
    manager.signal(Signal::SIGHUP);
    until("another cell serves", || {
        (manager.log_lines("serving").len() == 2).then_some(())
    });
    let after = Download::new(Kind::Span).unwrap();
    after.hand_over(&manager);
    assert!(is_alive(guardian), "it has a download");
    assert_eq!(manager.master(), master);
    finish(before);
    until("the old cell has ended", || {
        (!is_alive(guardian)).then_some(())
    });
    finish(after);
    manager.wait_until_idle();
}

#[test]
fn a_configuration_with_an_error_changes_nothing() {
    let directory = Directory::new("bad-reload");
    let config = directory.install("manager.conf", |path| {
        fs::write(path, "cells = 1\n").unwrap()
    });
    let manager = Manager::start(&["--config", config.to_str().unwrap()]);
    let download = Download::new(Kind::NginxOverUnix).unwrap();
    download.hand_over(&manager);
    let guardian = manager.guardian();
    for (failed, text) in [
        (1, "no-such-option = 1\n"),
        (2, "max-jobs = many\n"),
        // A trial of it would succeed, and the start would be one, too.
        (3, "check\n"),
        (4, "config = elsewhere\n"),
    ] {
        directory.install("manager.conf", |path| fs::write(path, text).unwrap());
        manager.signal(Signal::SIGHUP);
        until("the reload has failed", || {
            (manager.log().matches("nothing has changed").count() == failed).then_some(())
        });
        assert_eq!(manager.guardians(), [guardian]);
    }
    finish_another(&manager);
    finish(download);
}

#[test]
fn an_upgrade_goes_on_with_the_new_program_and_disturbs_no_download() {
    let directory = Directory::new("upgrade");
    let program = directory.install_manager();
    let manager = Manager::start_program(&program, &[]);
    let inode = || {
        fs::metadata(format!("/proc/{}/exe", manager.master()))
            .unwrap()
            .ino()
    };
    let downloads: Vec<Download> = [Kind::Span, Kind::NginxOverUnix, Kind::AtARate]
        .into_iter()
        .filter_map(Download::new)
        .collect();
    for download in &downloads {
        download.hand_over(&manager);
    }
    for generation in 2..=4 {
        let before = inode();
        directory.install_manager();
        let asked = Command::new(built())
            .arg("upgrade")
            .arg("--socket")
            .arg(&manager.socket)
            .status()
            .unwrap();
        assert!(asked.success());
        until("the new generation serves", || {
            (manager.log_lines("serving").len() == generation).then_some(())
        });
        assert_ne!(inode(), before);
        assert_eq!(inode(), fs::metadata(&program).unwrap().ino());
    }
    for download in downloads {
        finish(download);
    }
    until("one cell is left", || {
        (manager.guardians().len() == 1).then_some(())
    });
    manager.signal(Signal::SIGTERM);
    assert!(manager.wait_for_exit().success());
    assert!(!manager.socket.exists());
}

#[test]
fn a_new_program_that_cannot_start_leaves_the_old_one_running() {
    let directory = Directory::new("bad-upgrade");
    let program = directory.install_manager();
    let manager = Manager::start_program(&program, &[]);
    let download = Download::new(Kind::Span).unwrap();
    download.hand_over(&manager);
    let guardian = manager.guardian();
    let failures = || manager.log().matches("nothing has changed").count();
    for (failed, bad) in [
        (1, Some("#!/bin/sh\nexit 3\n")),
        (2, Some("no program at all")),
        (3, None),
    ] {
        match bad {
            Some(text) => directory.install_script(text),
            None => fs::remove_file(&program).unwrap(),
        }
        manager.signal(Signal::SIGUSR2);
        until("the upgrade has failed", || {
            (failures() == failed).then_some(())
        });
    }
    assert_eq!(manager.guardians(), [guardian]);
    finish(download);
    finish_another(&manager);
}

#[test]
fn a_new_program_whose_workers_die_leaves_the_old_cells_serving() {
    let directory = Directory::new("dying-upgrade");
    let program = directory.install_manager();
    let manager = Manager::start_program(&program, &[]);
    let download = Download::new(Kind::Span).unwrap();
    download.hand_over(&manager);
    let guardian = manager.guardian();
    directory.install_script(&format!(
        "#!/bin/sh\nSEND_FILE_MANAGER_DIE_AT='panic:recovery.swept@*' exec {} \"$@\"\n",
        built().display()
    ));
    manager.signal(Signal::SIGUSR2);
    manager.wait_for_log("a cell has failed; starting another one");
    finish(download);
    finish_another(&manager);
    assert!(is_alive(guardian));
    manager.signal(Signal::SIGTERM);
    assert!(manager.wait_for_exit().success());
    until("the old cell has ended, too", || {
        (!is_alive(guardian)).then_some(())
    });
}

#[test]
fn an_upgrade_is_possible_after_a_reload_that_came_after_an_installation() {
    let directory = Directory::new("reload-then-upgrade");
    let program = directory.install_manager();
    let manager = Manager::start_program(&program, &[]);
    directory.install_manager();
    for (generation, signal) in [(2, Signal::SIGHUP), (3, Signal::SIGUSR2)] {
        manager.signal(signal);
        until("the new generation serves", || {
            (manager.log_lines("serving").len() == generation).then_some(())
        });
    }
    let running = fs::metadata(format!("/proc/{}/exe", manager.master())).unwrap();
    assert_eq!(running.ino(), fs::metadata(&program).unwrap().ino());
    let name = fs::read_to_string(format!("/proc/{}/comm", manager.master())).unwrap();
    assert_eq!(name.trim(), "send-file-manag");
}

#[test]
fn generations_that_have_not_ended_are_bounded() {
    let manager = Manager::start(&["--cells", "32"]);
    manager.wait_for_log("serving");
    // Those that stand still do not end.
    let old = manager.guardians();
    for guardian in &old {
        kill(*guardian, Signal::SIGSTOP).unwrap();
    }
    manager.signal(Signal::SIGHUP);
    until("the new generation serves", || {
        (manager.log_lines("serving").len() == 2).then_some(())
    });
    manager.signal(Signal::SIGHUP);
    until("the reload is refused", || {
        manager
            .log()
            .contains("too many cells have not finished")
            .then_some(())
    });
    for guardian in old {
        kill(guardian, Signal::SIGCONT).unwrap();
    }
    until("the old generation has ended", || {
        (manager.guardians().len() == 32).then_some(())
    });
    finish_another(&manager);
}

fn finish_another(manager: &Manager) {
    let another = Download::new(Kind::Span).unwrap();
    another.hand_over(manager);
    finish(another);
}

#[test]
fn a_supervisor_hears_when_it_serves_reloads_and_ends() {
    let directory = Directory::new("notify");
    let path = directory.0.join("notify.sock");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let hear = || {
        let mut message = [0; 256];
        let length = socket.recv(&mut message).unwrap();
        String::from_utf8_lossy(&message[..length]).into_owned()
    };
    let manager = Manager::begin(1024, &[], |command| {
        command.env("NOTIFY_SOCKET", &path);
    });
    assert_eq!(hear().trim(), "READY=1");
    manager.wait_until_listening();
    manager.signal(Signal::SIGHUP);
    let reloading = hear();
    assert!(
        reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="),
        "{reloading}"
    );
    // By the same process, which is now another program.
    assert_eq!(hear().trim(), "READY=1");
    finish_another(&manager);
    manager.signal(Signal::SIGTERM);
    assert_eq!(hear().trim(), "STOPPING=1");
    assert!(manager.wait_for_exit().success());
}
