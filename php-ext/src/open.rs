//! Opens the file with the worker's rights, inside what `open_basedir` and `send_file.root` allow.
#![forbid(unsafe_code)]

use std::ffi::{CStr, CString, OsStr, OsString};
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, OpenHow, ResolveFlag, open as open_path, openat2};
use nix::libc;
use nix::sys::stat::{FileStat, Mode, fstat, fstatat, stat};
use nix::unistd::{UnlinkatFlags, unlinkat};
use send_file_response::{FileFacts, Mtime, Version};

use crate::error::{Error, Refusal};
use crate::ffi;
use crate::limits::ROOT_RETRIES;

/// linux/limits.h, the final NUL included.
const PATH_MAX: usize = libc::PATH_MAX as usize;

/// Never blocks, not even on a FIFO.
const READING: OFlag = OFlag::O_RDONLY
    .union(OFlag::O_NONBLOCK)
    .union(OFlag::O_CLOEXEC)
    .union(OFlag::O_NOCTTY);

const DIRECTORY: OFlag = OFlag::O_PATH
    .union(OFlag::O_DIRECTORY)
    .union(OFlag::O_CLOEXEC);

/// A regular file.
#[derive(Debug)]
pub(crate) struct OpenFile {
    pub(crate) file: File,
    pub(crate) facts: FileFacts,
    /// Opened for this download alone: the position is nobody else's. The manager needs that.
    pub(crate) is_private: bool,
}

impl OpenFile {
    /// A file that is open already, if it is a regular one.
    pub(crate) fn of(file: File, is_private: bool) -> Result<OpenFile, Refusal> {
        let metadata = file.metadata().map_err(Refusal::open)?;
        if !metadata.is_file() {
            return Err(Refusal::Kind(kind(metadata.file_type())));
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
        Ok(OpenFile {
            file,
            facts,
            is_private,
        })
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

/// Where a file is: a path that may be opened.
#[derive(Debug)]
pub(crate) struct Place {
    /// Absolute.
    path: PathBuf,
    /// What opens it if `send_file.root` is set.
    root: Option<Root>,
}

/// One of `send_file.root`, and a path under it.
#[derive(Clone, Debug)]
struct Root {
    directory: Rc<OwnedFd>,
    beneath: PathBuf,
}

impl Place {
    /// What `fopen()` would open for `path`, if the settings allow it.
    pub(crate) fn of(path: &CStr, roots: Option<&[PathBuf]>) -> Result<Place, Error> {
        let mut path = as_path(path).to_owned();
        if path.is_relative() {
            let directory = ffi::current_directory()?.map_err(Refusal::Open)?;
            path = directory.join(path);
        }
        if path.as_os_str().len() >= PATH_MAX {
            return Err(Refusal::Open(Errno::ENAMETOOLONG).into());
        }
        // Asked before the open, so that nothing outside is touched and an answer does not tell whether it exists.
        if !ffi::basedir_allows(&as_text(&path)?)? {
            return Err(Refusal::OutsideBasedir.into());
        }
        let root = match roots {
            Some(roots) => Some(Root::of(&path, roots)?),
            None => None,
        };
        Ok(Place { path, root })
    }

    /// The same place with something behind its name.
    pub(crate) fn with_suffix(&self, suffix: &str) -> Place {
        let root = self.root.as_ref().map(|root| Root {
            directory: Rc::clone(&root.directory),
            beneath: with_suffix(&root.beneath, suffix),
        });
        Place {
            path: with_suffix(&self.path, suffix),
            root,
        }
    }

    /// Opens it, for this download alone.
    pub(crate) fn open(&self) -> Result<OpenFile, Error> {
        let file = File::from(match &self.root {
            Some(root) => root.open(&root.beneath, READING)?,
            None if ffi::basedir_is_set() => open_without_magic(&self.path)?,
            None => open_at(&self.path, READING)?,
        });
        let file = OpenFile::of(file, true)?;
        // Asked again of the file that was opened: a symbolic link on the way may have changed in between.
        if ffi::basedir_is_set()
            && !ffi::basedir_allows(&as_text(&path_of(&file.file, &self.path)?)?)?
        {
            return Err(Refusal::OutsideBasedir.into());
        }
        Ok(file)
    }

    /// Makes ready to remove the name, if it is that of this file.
    pub(crate) fn prepare_removal(&self, file: &File) -> Result<Removal, NotRemoved> {
        let path = self.root.as_ref().map_or(&self.path, |root| &root.beneath);
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(NotRemoved::OtherFile);
        };
        let removal = Removal {
            parent: match &self.root {
                Some(root) => root.open(parent, DIRECTORY)?,
                None => open_at(parent, DIRECTORY)?,
            },
            name: name.to_owned(),
        };
        removal.check(file)?;
        Ok(removal)
    }
}

/// A name that can be removed.
#[derive(Debug)]
pub(crate) struct Removal {
    parent: OwnedFd,
    name: OsString,
}

impl Removal {
    /// Removes it, if it is still that of this file. The kernel has no way to do both at once.
    pub(crate) fn carry_out(&self, file: &File) -> Result<(), NotRemoved> {
        self.check(file)?;
        Ok(unlinkat(
            &self.parent,
            self.name.as_os_str(),
            UnlinkatFlags::NoRemoveDir,
        )?)
    }

    fn check(&self, file: &File) -> Result<(), NotRemoved> {
        let name = self.name.as_os_str();
        let named = fstatat(&self.parent, name, AtFlags::AT_SYMLINK_NOFOLLOW)?;
        let sent = file.metadata().map_err(Refusal::open)?;
        if (named.st_dev, named.st_ino) != (sent.dev(), sent.ino()) {
            return Err(NotRemoved::OtherFile);
        }
        Ok(())
    }
}

impl Root {
    /// The root that a path goes through last. Where it is one the kernel is asked, so that `..` and symbolic links on the
    /// way there mean what they mean to `fopen()`; from there on nothing leads out.
    fn of(path: &Path, roots: &[PathBuf]) -> Result<Root, Refusal> {
        let mut open_roots = Vec::new();
        for root in roots {
            // A root that is not there allows nothing.
            if let Ok(directory) = open_at(root, DIRECTORY) {
                let found = fstat(&directory).map_err(Refusal::Open)?;
                open_roots.push((directory, found));
            }
        }
        for ancestor in path.ancestors() {
            let Ok(found) = stat(ancestor) else {
                continue;
            };
            let is_it = |(_, root): &(OwnedFd, FileStat)| {
                (root.st_dev, root.st_ino) == (found.st_dev, found.st_ino)
            };
            let (Some(index), Ok(beneath)) = (
                open_roots.iter().position(is_it),
                path.strip_prefix(ancestor),
            ) else {
                continue;
            };
            return Ok(Root {
                directory: Rc::new(open_roots.swap_remove(index).0),
                beneath: like_the_end_of(path, beneath),
            });
        }
        Err(Refusal::OutsideRoot)
    }

    /// Opens a path beneath it. The kernel itself refuses every way out, `..` and symbolic links included, whoever moves
    /// directories meanwhile.
    fn open(&self, beneath: &Path, flags: OFlag) -> Result<OwnedFd, Refusal> {
        let beneath = if beneath.as_os_str().is_empty() {
            Path::new(".")
        } else {
            beneath
        };
        let how = OpenHow::new()
            .flags(flags)
            .resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_MAGICLINKS);
        for _ in 0..ROOT_RETRIES {
            match without_interruption(|| openat2(self.directory.as_fd(), beneath, how)) {
                // Something was renamed on the way, and the kernel cannot say whether it led outside.
                Err(Errno::EAGAIN) => {}
                Err(Errno::EXDEV) => return Err(Refusal::OutsideRoot),
                // Where it is missing, or, by older rules for containers, not allowed.
                Err(Errno::ENOSYS | Errno::EPERM) => return Err(Refusal::NoRootSupport),
                result => return result.map_err(Refusal::Open),
            }
        }
        Err(Refusal::Open(Errno::EAGAIN))
    }
}

/// With the slash at the end that a path had, without which a file could be meant.
fn like_the_end_of(path: &Path, beneath: &Path) -> PathBuf {
    let path = path.as_os_str().as_bytes();
    if path.ends_with(b"/") || path.ends_with(b"/.") {
        beneath.join("")
    } else {
        beneath.to_owned()
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(suffix);
    PathBuf::from(path)
}

/// Why a file was not removed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotRemoved {
    #[error("its name is that of another file, or of a symbolic link")]
    OtherFile,
    #[error("{}", .0.desc())]
    Errno(#[from] Errno),
    #[error("{0}")]
    Refused(#[from] Refusal),
}

/// Without the links of /proc that lead into other mount namespaces, where the same text is the path of another file: with
/// them `open_basedir` would be asked of the wrong one.
fn open_without_magic(path: &Path) -> Result<OwnedFd, Refusal> {
    let how = OpenHow::new()
        .flags(READING)
        .resolve(ResolveFlag::RESOLVE_NO_MAGICLINKS);
    match without_interruption(|| openat2(AT_FDCWD, path, how)) {
        Err(Errno::ENOSYS | Errno::EPERM) => open_at(path, READING),
        result => result.map_err(Refusal::Open),
    }
}

fn open_at(path: &Path, flags: OFlag) -> Result<OwnedFd, Refusal> {
    without_interruption(|| open_path(path, flags, Mode::empty())).map_err(Refusal::Open)
}

fn without_interruption<T>(mut call: impl FnMut() -> nix::Result<T>) -> nix::Result<T> {
    loop {
        match call() {
            Err(Errno::EINTR) => {}
            result => return result,
        }
    }
}

fn as_path(path: &CStr) -> &Path {
    Path::new(OsStr::from_bytes(path.to_bytes()))
}

fn as_text(path: &Path) -> Result<CString, Refusal> {
    CString::new(path.as_os_str().as_bytes()).map_err(|_| Refusal::OutsideBasedir)
}

/// Where the open file really lies. Without /proc (a chroot) the path is resolved again, and must lead to the same file.
fn path_of(file: &File, opened: &Path) -> Result<PathBuf, Refusal> {
    let link = format!("/proc/self/fd/{}", file.as_raw_fd());
    let path = std::fs::read_link(link).or_else(|_| same_file_again(file, opened));
    path.map_err(Refusal::open)
}

fn same_file_again(file: &File, opened: &Path) -> io::Result<PathBuf> {
    let path = std::fs::canonicalize(opened)?;
    if !is_same_file(&std::fs::metadata(&path)?, &file.metadata()?) {
        return Err(Errno::ESTALE.into());
    }
    Ok(path)
}

pub(crate) fn is_same_file(one: &Metadata, other: &Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}
