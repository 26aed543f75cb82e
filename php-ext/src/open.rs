//! Opens the file with the worker's rights.
#![forbid(unsafe_code)]

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::PathBuf;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open as open_path};
use nix::libc;
use nix::sys::stat::Mode;
use send_file_response::{FileFacts, Mtime, Version};

use crate::error::{Error, Refusal};
use crate::ffi;

/// linux/limits.h, the final NUL included.
const PATH_MAX: usize = libc::PATH_MAX as usize;

/// A regular file, opened for this download alone: the descriptor's position is nobody else's.
#[derive(Debug)]
pub(crate) struct OpenFile {
    pub(crate) file: File,
    pub(crate) facts: FileFacts,
}

/// Opens what `fopen()` would open for `path`, if it is a regular file that `open_basedir` allows. Never blocks, not
/// even on a FIFO.
pub(crate) fn open(path: &CStr) -> Result<OpenFile, Error> {
    if path.count_bytes() >= PATH_MAX {
        return Err(Refusal::Open(Errno::ENAMETOOLONG).into());
    }
    let path = ffi::absolute_path(path)?.map_err(Refusal::Open)?;
    // Asked before the open, so that nothing outside is touched and an answer does not tell whether it exists.
    if !ffi::basedir_allows(&path)? {
        return Err(Refusal::OutsideBasedir.into());
    }

    let file = open_without_blocking(&path).map_err(Refusal::open)?;
    let metadata = file.metadata().map_err(Refusal::open)?;
    if !metadata.is_file() {
        return Err(Refusal::Kind(kind(metadata.file_type())).into());
    }
    // Asked again of the file that was opened: a symbolic link on the way may have changed in between.
    if ffi::basedir_is_set() && !ffi::basedir_allows(&path_of(&file, &path)?)? {
        return Err(Refusal::OutsideBasedir.into());
    }

    let facts = FileFacts {
        size: metadata.len(),
        version: Version::File {
            mtime: Mtime {
                secs: metadata.mtime(),
                nanos: u32::try_from(metadata.mtime_nsec()).unwrap_or(0),
            },
            inode: metadata.ino(),
        },
    };
    Ok(OpenFile { file, facts })
}

fn open_without_blocking(path: &CStr) -> io::Result<File> {
    let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC | OFlag::O_NOCTTY;
    loop {
        match open_path(path, flags, Mode::empty()) {
            Err(Errno::EINTR) => {}
            result => return Ok(File::from(result?)),
        }
    }
}

fn kind(found: std::fs::FileType) -> &'static str {
    match found {
        found if found.is_dir() => "a directory",
        found if found.is_fifo() => "a FIFO",
        found if found.is_char_device() || found.is_block_device() => "a device",
        _ => "not a regular file",
    }
}

/// Where the open file really lies. Without /proc (a chroot) the path is resolved again, and must lead to the same file.
fn path_of(file: &File, opened: &CStr) -> Result<CString, Error> {
    let link = format!("/proc/self/fd/{}", file.as_raw_fd());
    let path = std::fs::read_link(link).or_else(|_| same_file_again(file, opened));
    let bytes = path.map_err(Refusal::open)?.into_os_string().into_vec();
    Ok(CString::new(bytes).map_err(|_| Refusal::OutsideBasedir)?)
}

fn same_file_again(file: &File, opened: &CStr) -> io::Result<PathBuf> {
    let path = PathBuf::from(std::ffi::OsString::from_vec(opened.to_bytes().to_vec()));
    let path = std::fs::canonicalize(path)?;
    let (now, then) = (std::fs::metadata(&path)?, file.metadata()?);
    if (now.dev(), now.ino()) != (then.dev(), then.ino()) {
        return Err(Errno::ESTALE.into());
    }
    Ok(path)
}
