//! A real FUSE file system, whose server can be stopped.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::rig::{pattern, until};

pub(crate) const MEGABYTE: u64 = 1 << 20;

/// A directory with one file, seen through bindfs.
pub(crate) struct Fuse {
    server: Child,
    directory: PathBuf,
}

impl Fuse {
    /// `None`, said aloud, where FUSE cannot be had: many containers do not have it.
    pub(crate) fn mount(name: &str) -> Option<Fuse> {
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

    pub(crate) fn open(&self) -> File {
        File::open(self.directory.join("seen/file")).unwrap()
    }

    /// From here on whoever asks for something waits.
    pub(crate) fn hang(&self) {
        self.signal(Signal::SIGSTOP);
    }

    /// Whoever waits gets what was asked for.
    #[allow(dead_code, reason = "the tests of cold files need it")]
    pub(crate) fn wake(&self) {
        self.signal(Signal::SIGCONT);
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
