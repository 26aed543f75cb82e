//! Files of this machine's disk, in the cache and not.

use std::fs::{self, File};
use std::io::Write;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
use send_file_manager::sys::cache::{Presence, presence};

use crate::rig::number;

/// A file beside the test's program, which is on a disk where /tmp may be none.
pub(crate) struct DiskFile {
    path: PathBuf,
    /// Keeps nothing in the cache; its position is nobody's.
    file: File,
}

impl DiskFile {
    /// `None`, said aloud, where the file system cannot tell what is in the cache.
    pub(crate) fn with(content: &[u8]) -> Option<DiskFile> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("cold-{}-{next}", std::process::id());
        let path = std::env::current_exe().unwrap().with_file_name(name);
        let mut file = File::create(&path).unwrap();
        file.write_all(content).unwrap();
        file.sync_all().unwrap();
        let file = File::open(&path).unwrap();
        let disk_file = DiskFile { path, file };
        if disk_file.presence(0) == Presence::Unknown {
            eprintln!("not tested: the file system of the build cannot tell what is in the cache");
            return None;
        }
        Some(disk_file)
    }

    /// None of it is in the cache from here on.
    pub(crate) fn cool(&self) {
        self.cool_range(0, 0);
    }

    /// The same for a part of it, or all of it from there on.
    pub(crate) fn cool_range(&self, offset: u64, len: u64) {
        let advice = PosixFadviseAdvice::POSIX_FADV_DONTNEED;
        posix_fadvise(&self.file, offset as i64, len as i64, advice).unwrap();
    }

    /// A description of its own.
    pub(crate) fn open(&self) -> File {
        File::open(&self.path).unwrap()
    }

    /// Whether this byte is in the cache.
    pub(crate) fn presence(&self, offset: u64) -> Presence {
        presence(number(&self.file.as_fd()), offset)
    }
}

impl Drop for DiskFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}
