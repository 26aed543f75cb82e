//! What file system a file is on, if possible without asking that file system: its server may never answer.

use std::mem::{MaybeUninit, offset_of, size_of};
use std::os::fd::{AsRawFd, BorrowedFd};

use nix::errno::Errno;
use nix::libc;
use nix::sys::statfs::fstatfs;

/// The number of the mount that a file is on, which no other mount ever had or will have. `None` before Linux 6.8.
///
/// It is all that is asked for: of a FUSE server whose attributes have expired even AT_STATX_DONT_SYNC asks for those
/// that are wanted.
///
/// # Errors
/// Those of statx(2).
pub fn number(file: BorrowedFd) -> nix::Result<Option<u64>> {
    let flags = libc::AT_EMPTY_PATH | libc::AT_STATX_DONT_SYNC;
    let mut stat = MaybeUninit::<libc::statx>::zeroed();
    // SAFETY: the path is an empty string, and stat lives across the call.
    let result = unsafe {
        libc::statx(
            file.as_raw_fd(),
            c"".as_ptr(),
            flags,
            libc::STATX_MNT_ID_UNIQUE,
            stat.as_mut_ptr(),
        )
    };
    Errno::result(result)?;
    // SAFETY: it was zeroed, which is a value of this type of integers, whatever the kernel has written of it.
    let stat = unsafe { stat.assume_init() };
    let has_number = stat.stx_mask & libc::STATX_MNT_ID_UNIQUE != 0;
    Ok(has_number.then_some(stat.stx_mnt_id))
}

/// The magic number of a file system (linux/magic.h), by the number of its mount, from the kernel's own books.
///
/// # Errors
/// `ENOSYS` before Linux 6.8, `ENOENT` for a mount that this process cannot see, and others of statmount(2).
pub fn magic_of_mount(mount: u64) -> nix::Result<u64> {
    let request = MountRequest {
        size: size_of::<MountRequest>() as u32,
        spare: 0,
        mount,
        wanted: STATMOUNT_SB_BASIC,
    };
    let mut answer = MountAnswer::default();
    // SAFETY: both live across the call; the kernel reads `size` bytes of the one and writes no more than it is told
    // into the other.
    let result = unsafe {
        libc::syscall(
            SYS_STATMOUNT,
            &raw const request,
            &raw mut answer,
            size_of::<MountAnswer>(),
            0,
        )
    };
    Errno::result(result)?;
    if answer.mask & STATMOUNT_SB_BASIC == 0 {
        return Err(Errno::ENOSYS);
    }
    Ok(answer.magic)
}

/// The same, asked of the file system itself: what is left before Linux 6.8 and for mounts that this process cannot see.
///
/// # Errors
/// Those of fstatfs(2).
pub fn magic(file: BorrowedFd) -> nix::Result<u64> {
    fstatfs(file).map(|stat| u64::from(stat.filesystem_type().0.cast_unsigned() as u32))
}

/// From asm-generic/unistd.h, the same on every architecture; libc does not have it yet.
pub const SYS_STATMOUNT: libc::c_long = 457;

/// From linux/mount.h.
const STATMOUNT_SB_BASIC: u64 = 1;

/// `struct mnt_id_req` in its first version.
#[repr(C)]
struct MountRequest {
    size: u32,
    spare: u32,
    mount: u64,
    wanted: u64,
}

/// The beginning of `struct statmount`, with room for the rest of it.
#[repr(C)]
struct MountAnswer {
    size: u32,
    options: u32,
    mask: u64,
    device_major: u32,
    device_minor: u32,
    magic: u64,
    rest: [u64; 60],
}

const _: () = assert!(offset_of!(MountAnswer, magic) == 24 && size_of::<MountAnswer>() == 512);

impl Default for MountAnswer {
    fn default() -> MountAnswer {
        MountAnswer {
            size: 0,
            options: 0,
            mask: 0,
            device_major: 0,
            device_minor: 0,
            magic: 0,
            rest: [0; 60],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::os::fd::AsFd;

    #[test]
    fn the_kernels_books_say_the_same_as_the_file_system() {
        for path in ["/proc/self/status", "/proc/self/exe"] {
            let file = File::open(path).unwrap();
            let asked = fstatfs(file.as_fd()).unwrap().filesystem_type().0;
            assert_eq!(magic(file.as_fd()), Ok(asked.cast_unsigned()));
            // An older kernel has no number.
            if let Some(mount) = number(file.as_fd()).unwrap() {
                assert_eq!(magic_of_mount(mount), Ok(asked.cast_unsigned()));
            }
        }
    }
}
