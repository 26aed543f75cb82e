//! What file system a file is on, if possible without asking that file system: its server may never answer.

use std::mem::{MaybeUninit, offset_of, size_of};
use std::os::fd::{AsRawFd, BorrowedFd};

use nix::errno::Errno;
use nix::libc;
use nix::sys::statfs::fstatfs;

/// The magic number of the file system (linux/magic.h).
///
/// From Linux 6.8 on the kernel answers by itself. Before, and for a mount that this process cannot see, fstatfs(2) is
/// left, which asks the server of a network file system.
///
/// # Errors
/// Those of fstatfs(2).
pub fn magic(file: BorrowedFd) -> nix::Result<u64> {
    match magic_by_mount(file) {
        Ok(magic) => Ok(magic),
        Err(_) => {
            fstatfs(file).map(|stat| u64::from(stat.filesystem_type().0.cast_unsigned() as u32))
        }
    }
}

/// The same, from the kernel's own books.
///
/// # Errors
/// `ENOSYS` before Linux 6.8, and those of statx(2) and statmount(2).
pub fn magic_by_mount(file: BorrowedFd) -> nix::Result<u64> {
    let request = MountRequest {
        size: size_of::<MountRequest>() as u32,
        spare: 0,
        mount: mount_number(file)?,
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

/// The number that no other mount ever had or will have.
fn mount_number(file: BorrowedFd) -> nix::Result<u64> {
    // What the kernel has of the attributes will do: nobody is asked for newer ones.
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
    if stat.stx_mask & libc::STATX_MNT_ID_UNIQUE == 0 {
        return Err(Errno::ENOSYS);
    }
    Ok(stat.stx_mnt_id)
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
            match magic_by_mount(file.as_fd()) {
                Ok(magic) => assert_eq!(magic, asked.cast_unsigned()),
                // An older kernel.
                Err(errno) => assert_eq!(errno, Errno::ENOSYS),
            }
        }
    }
}
