//! Anonymous files: literal bytes, FastCGI frames, staged pieces of files.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;

use nix::fcntl::{FallocateFlags, FcntlArg, SealFlag, fallocate, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::stat::fstat;
use nix::sys::uio::{pread, pwrite};

/// An empty one. `name` is seen in /proc only.
///
/// # Errors
/// Those of memfd_create(2).
pub fn create(name: &str) -> io::Result<File> {
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    Ok(File::from(memfd_create(name, flags)?))
}

/// One with these bytes, its position at the start, and zeros behind them up to `len`.
///
/// # Errors
/// Those of memfd_create(2), ftruncate(2) and write(2).
pub fn with_bytes(name: &str, bytes: &[u8], len: u64) -> io::Result<OwnedFd> {
    let file = create(name)?;
    file.set_len(len)?;
    file.write_all_at(bytes, 0)?;
    Ok(file.into())
}

/// Puts these bytes at the start of one that nobody has read yet.
///
/// # Errors
/// Those of pwrite(2).
pub fn overwrite(file: BorrowedFd, bytes: &[u8]) -> io::Result<()> {
    match pwrite(file, bytes, 0)? {
        written if written == bytes.len() => Ok(()),
        _ => Err(io::ErrorKind::WriteZero.into()),
    }
}

/// Whether a file begins with these bytes and has this size.
pub fn holds(file: &impl AsFd, bytes: &[u8], len: u64) -> bool {
    let size = fstat(file).map_or(0, |stat| stat.st_size);
    let mut found = vec![0; bytes.len()];
    u64::try_from(size) == Ok(len)
        && pread(file, &mut found, 0) == Ok(bytes.len())
        && found == bytes
}

/// Fixes the size for ever, so that a mapping of it can never fault.
///
/// # Errors
/// Those of fcntl(2).
pub fn seal_size(file: &impl AsFd) -> io::Result<()> {
    let seals = SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SEAL;
    fcntl(file, FcntlArg::F_ADD_SEALS(seals))?;
    Ok(())
}

/// Gives the memory of a range back; it reads as zeros.
///
/// # Errors
/// Those of fallocate(2).
pub fn punch_hole(file: &impl AsFd, offset: u64, len: u64) -> io::Result<()> {
    let flags = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
    fallocate(file, flags, offset as i64, len as i64)?;
    Ok(())
}
