//! What keeps the load of a measurement out of the measurement: threads that step back, and files that stay in memory.

use std::ffi::c_void;
use std::fs::File;
use std::num::NonZeroUsize;
use std::path::Path;
use std::ptr::NonNull;

use anyhow::Context;
use nix::libc;
use nix::sys::mman::{MapFlags, ProtFlags, mlock, mmap, munmap};

use crate::limits::LOAD_NICENESS;

/// From now on this thread gets the processor when servers, and whoever is measured, leave it.
pub(crate) fn step_back() {
    // SAFETY: the call takes three integers. Linux has a niceness for each thread, and 0 is the calling one.
    let _ = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, LOAD_NICENESS) };
}

/// A file of which all pages are in the cache, and stay there. Some kernels drop pages that nobody has used for a moment
/// although there is room, and a download of one that is on a disk all at once measures something else.
#[derive(Debug)]
pub(crate) struct Pinned {
    start: NonNull<c_void>,
    bytes: usize,
}

impl Pinned {
    /// Where mlock(2) is refused, since without rights it is for little memory, the file may leave the cache all the same.
    ///
    /// # Errors
    /// Those of mmap(2).
    pub(crate) fn new(path: &Path) -> anyhow::Result<Pinned> {
        let file = File::open(path)?;
        let bytes = NonZeroUsize::new(usize::try_from(file.metadata()?.len())?).context("empty")?;
        // SAFETY: a new mapping, wherever the kernel wants it; nobody reads or writes through it.
        let start = unsafe {
            mmap(
                None,
                bytes,
                ProtFlags::PROT_READ,
                MapFlags::MAP_SHARED,
                file,
                0,
            )?
        };
        let pinned = Pinned {
            start,
            bytes: bytes.get(),
        };
        // SAFETY: the mapping is of so many bytes, and lives as long as `pinned`.
        if let Err(errno) = unsafe { mlock(start, bytes.get()) } {
            let path = path.display();
            eprintln!("{path} may leave the cache while it is measured: {errno} (ulimit -l)");
        }
        Ok(pinned)
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // SAFETY: this mapping is this value's own, and nobody has a reference into it.
        let _ = unsafe { munmap(self.start, self.bytes) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// A field of proc_pid_stat(5), counted from the first behind the name.
    fn field_of_thread(index: usize) -> i32 {
        let stat = fs::read_to_string("/proc/thread-self/stat").unwrap();
        let fields = stat.rsplit(')').next().unwrap();
        let value = fields.split_whitespace().nth(index).unwrap();
        value.parse().unwrap()
    }

    #[test]
    fn one_thread_steps_back_and_no_other() {
        const NICE: usize = 19 - 3;
        let before = field_of_thread(NICE);
        let of_other = std::thread::spawn(|| {
            step_back();
            field_of_thread(NICE)
        });
        assert_eq!(of_other.join().unwrap(), LOAD_NICENESS);
        assert_eq!(field_of_thread(NICE), before);
        assert_ne!(before, LOAD_NICENESS);
    }

    fn locked_kb() -> u64 {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmLck:"));
        let value = line.unwrap().trim().strip_suffix(" kB").unwrap();
        value.parse().unwrap()
    }

    #[test]
    fn a_file_is_locked_as_long_as_it_is_pinned() {
        let path = std::env::temp_dir().join(format!("send-file-pinned-{}", std::process::id()));
        fs::write(&path, vec![7; 20_000]).unwrap();
        let pinned = Pinned::new(&path);
        fs::remove_file(&path).unwrap();
        let pinned = pinned.unwrap();
        assert_eq!(locked_kb(), 20);
        drop(pinned);
        assert_eq!(locked_kb(), 0);
    }
}
