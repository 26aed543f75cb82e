//! The kernel's cache of files: what is in it, and what brings something into it.

use std::mem::MaybeUninit;
use std::ops::Range;
use std::os::fd::RawFd;

use nix::errno::Errno;
use nix::libc;

use crate::limits::{MOST_WARMED_BYTES, SCRATCH_BYTES};

/// Whether a byte of a file can be had without waiting for a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It can, or there is an error or the file's end to be found.
    There,
    /// It would have to be read.
    Missing,
    /// The kernel or the file system cannot tell.
    Unknown,
}

/// Looks for the byte at this offset in the file with this number. One that is missing makes the kernel begin to read it and a few pages behind it.
///
/// With preadv2(2) and RWF_NOWAIT, which Linux has since 4.14 and ext4, xfs and btrfs offer; tmpfs, overlayfs and network
/// file systems do not. cachestat(2) would read nothing, but since Linux 6.13 it answers only to who owns the file or may
/// write to it, as the manager's user should not.
pub fn presence(file: RawFd, offset: u64) -> Presence {
    let mut byte = MaybeUninit::<u8>::uninit();
    let piece = libc::iovec {
        iov_base: byte.as_mut_ptr().cast(),
        iov_len: 1,
    };
    // On 64-bit machines the lower half of the offset is all of it.
    let (low, high) = (offset, 0u64);
    // SAFETY: the iovec and the byte that it names live across the call; the kernel checks the number.
    let result = unsafe {
        let piece = &raw const piece;
        libc::syscall(
            libc::SYS_preadv2,
            file,
            piece,
            1usize,
            low,
            high,
            libc::RWF_NOWAIT,
        )
    };
    match Errno::result(result) {
        Err(Errno::EAGAIN) => Presence::Missing,
        // Before Linux 4.6, before 4.14; a container that does not know the call.
        Err(Errno::EOPNOTSUPP | Errno::ENOSYS | Errno::EINVAL | Errno::EPERM) => Presence::Unknown,
        // Whatever else there is to say about the file, sendfile(2) says it, too.
        Ok(_) | Err(_) => Presence::There,
    }
}

/// Memory that files are read into for the sake of the reading only.
#[derive(Debug)]
pub struct Scratch(Box<[u8]>);

impl Scratch {
    /// Some.
    pub fn new() -> Scratch {
        Scratch(vec![0; SCRATCH_BYTES].into())
    }

    /// Waits until a range of the file with this number has been read, or cannot be. No position moves.
    ///
    /// It is a number, not a descriptor: the caller sees to it that it stays open, and if it should mean another file, that
    /// one is read for nothing.
    pub fn read(&mut self, file: RawFd, range: Range<u64>) {
        let mut at = range.start;
        while at < range.end {
            match self.read_once(file, at, range.end - at) {
                Ok(0) => return,
                Ok(bytes) => at += bytes as u64,
                Err(Errno::EINTR) => {}
                // The loop finds out for itself.
                Err(_) => return,
            }
        }
    }

    /// All pieces go into the same memory, so that the kernel hears of the whole range at once and what is copied stays
    /// in the processor's cache.
    fn read_once(&mut self, file: RawFd, at: u64, bytes: u64) -> nix::Result<usize> {
        const MOST_PIECES: usize = MOST_WARMED_BYTES as usize / SCRATCH_BYTES;
        let piece = libc::iovec {
            iov_base: self.0.as_mut_ptr().cast(),
            iov_len: SCRATCH_BYTES,
        };
        let mut pieces = [piece; MOST_PIECES];
        let bytes = bytes.min(MOST_WARMED_BYTES) as usize;
        let count = bytes.div_ceil(SCRATCH_BYTES);
        pieces[count - 1].iov_len = bytes - (count - 1) * SCRATCH_BYTES;
        // SAFETY: the pieces are within the scratch memory, which lives across the call and nobody else looks at; the kernel
        // checks the number.
        let result =
            unsafe { libc::preadv(file, pieces.as_ptr(), count as libc::c_int, at as i64) };
        Errno::result(result).map(isize::cast_unsigned)
    }
}

impl Default for Scratch {
    fn default() -> Scratch {
        Scratch::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
    use nix::unistd::{Whence, lseek};
    use std::fs::{self, File};
    use std::io::Write;
    use std::os::fd::AsRawFd;

    const FILE_BYTES: u64 = 3 << 20;

    /// A file of this machine's disk that is not in the cache; `None`, said aloud, where the file system cannot tell.
    fn cold_file(name: &str) -> Option<File> {
        let path = std::env::current_exe().unwrap().with_file_name(name);
        let mut file = File::create(&path).unwrap();
        file.write_all(&vec![7; FILE_BYTES as usize]).unwrap();
        file.sync_all().unwrap();
        let file = File::open(&path).unwrap();
        fs::remove_file(path).unwrap();
        posix_fadvise(&file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED).unwrap();
        if presence(file.as_raw_fd(), FILE_BYTES / 2) == Presence::Unknown {
            eprintln!("not tested: the file system of the build cannot tell what is in the cache");
            return None;
        }
        Some(file)
    }

    #[test]
    fn what_was_read_is_there_and_what_was_not_is_missing() {
        let Some(file) = cold_file("cache-read") else {
            return;
        };
        let (from, to) = (FILE_BYTES - 200_000, FILE_BYTES - 1);
        assert_eq!(presence(file.as_raw_fd(), from), Presence::Missing);
        Scratch::new().read(file.as_raw_fd(), from..FILE_BYTES + 5000);
        for offset in [from, from + 70_000, to] {
            assert_eq!(presence(file.as_raw_fd(), offset), Presence::There);
        }
        assert_eq!(lseek(&file, 0, Whence::SeekCur), Ok(0));
    }

    #[test]
    fn behind_the_end_of_a_file_nothing_is_missing() {
        if let Some(file) = cold_file("cache-end") {
            assert_eq!(presence(file.as_raw_fd(), FILE_BYTES), Presence::There);
        }
    }

    #[test]
    fn of_a_file_in_memory_nobody_can_tell() {
        let file = crate::sys::memfd::create("test").unwrap();
        file.set_len(1).unwrap();
        assert_eq!(presence(file.as_raw_fd(), 0), Presence::Unknown);
    }
}
