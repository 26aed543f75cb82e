//! Files on a real FUSE file system, whose server can be stopped.

use std::fs::{self, File};
use std::io::Read;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use send_file_manager::sys::mount::{file_facts, magic_of_mount};
use send_file_wire::{Answer, Framing, OfferId, Reason};

use crate::rig::{Manager, Worker, connection, file_with, pattern, read_to_end, span, until};

const MEGABYTE: u64 = 1 << 20;

/// A directory with one file, seen through bindfs.
struct Fuse {
    server: Child,
    directory: PathBuf,
}

impl Fuse {
    /// `None`, said aloud, where FUSE cannot be had: many containers do not have it.
    fn mount(name: &str) -> Option<Fuse> {
        if File::options().write(true).open("/dev/fuse").is_err() {
            eprintln!("not tested: there is no /dev/fuse");
            return None;
        }
        let directory =
            std::env::temp_dir().join(format!("send-file-fuse-{name}-{}", std::process::id()));
        let (behind, seen) = (directory.join("behind"), directory.join("seen"));
        fs::create_dir_all(&behind).unwrap();
        fs::create_dir_all(&seen).unwrap();
        fs::write(behind.join("file"), pattern(0, MEGABYTE)).unwrap();
        let server = Command::new("bindfs")
            .arg("-f")
            .args([&behind, &seen])
            .spawn()
            .unwrap();
        let fuse = Fuse { server, directory };
        until("bindfs has mounted", || File::open(seen.join("file")).ok());
        Some(fuse)
    }

    fn open(&self) -> File {
        File::open(self.directory.join("seen/file")).unwrap()
    }

    /// From here on whoever asks for something waits.
    fn hang(&self) {
        self.signal(Signal::SIGSTOP);
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.server.id() as i32), signal).unwrap();
    }
}

impl Drop for Fuse {
    fn drop(&mut self) {
        self.signal(Signal::SIGCONT);
        let seen = self.directory.join("seen");
        let _ = Command::new("fusermount3")
            .args(["-u", "-z"])
            .arg(seen)
            .status();
        let _ = self.server.kill();
        let _ = self.server.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

#[test]
fn a_file_behind_fuse_is_left_to_the_worker_unless_it_is_allowed() {
    let cautious = Manager::start(&[]);
    let trusting = Manager::start(&["--allow-remote-files"]);
    let Some(fuse) = Fuse::mount("allowed") else {
        return;
    };
    let (mut client, server) = connection();
    let (file, parts) = (fuse.open(), [span(0, MEGABYTE)]);
    let worker = Worker::connect(&cautious);
    worker.offer(&server, &file, Framing::Raw, &parts);
    assert_eq!(worker.answer(), Answer::Reject(OfferId(1), Reason::File));
    trusting.hand_over(&server, &file, Framing::Raw, &parts);
    drop((server, file));
    assert!(read_to_end(&mut client).unwrap() == pattern(0, MEGABYTE));
    drop(client);
    trusting.wait_until_idle();
    cautious.wait_until_idle();
}

/// A second is the default of FUSE.
const ATTRIBUTES_ARE_KNOWN_FOR: Duration = Duration::from_millis(1600);

#[test]
fn a_file_system_that_hangs_holds_nobody_up() {
    const BODY_BYTES: u64 = 32 * MEGABYTE;
    let manager = Manager::start(&[]);
    let Some(fuse) = Fuse::mount("hangs") else {
        return;
    };
    let (mut client, server) = connection();
    let whole = file_with(&pattern(0, BODY_BYTES));
    manager.hand_over(&server, &whole, Framing::Raw, &[span(0, BODY_BYTES)]);
    drop(server);
    client.read_exact(&mut [0; 1000]).unwrap();

    let file = fuse.open();
    // Older kernels have to ask the file system what it is; it must be alive then.
    let mount = file_facts(file.as_fd(), false).unwrap().mount;
    let is_asked = mount.and_then(|mount| magic_of_mount(mount).ok()).is_none();
    if !is_asked {
        fuse.hang();
        // The kernel knows what fstat(2) would ask for until then.
        std::thread::sleep(ATTRIBUTES_ARE_KNOWN_FOR);
    }
    let (_client, server) = connection();
    let worker = Worker::connect(&manager);
    worker.offer(&server, &file, Framing::Raw, &[span(0, MEGABYTE)]);
    assert_eq!(worker.answer(), Answer::Reject(OfferId(1), Reason::File));
    fuse.hang();
    let rest = read_to_end(&mut client).unwrap();
    assert!(rest == pattern(1000, BODY_BYTES - 1000));
}
