//! Content that is not named by a path: strings, and streams that the script has open.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;

use ext_php_rs::types::Zval;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::resource::{Resource, getrlimit};
use send_file_response::{FileFacts, Version};
use xxhash_rust::xxh3::Xxh3;

use crate::error::{Error, Refusal};
use crate::ffi_stream::{Backing, Stream};
use crate::open::{OpenFile, is_same_file};

/// A file of the bytes of a string.
pub(crate) fn of_buffer(data: &[u8]) -> Result<OpenFile, Error> {
    let mut memory = Memory::new().map_err(Refusal::memory)?;
    memory.write(data).map_err(Refusal::memory)?;
    Ok(memory.seal().map_err(Refusal::memory)?)
}

/// A file of the whole content of a stream, wherever its position is: what was just written is what is to be sent.
pub(crate) fn of_stream(stream: &Zval) -> Result<OpenFile, Error> {
    let stream = Stream::of(stream)?;
    if stream.is_filtered()? {
        return Err(Error::value("stream", "must not have filters"));
    }
    match stream.backing()? {
        Backing::Descriptor(descriptor) => open_again(descriptor),
        Backing::Memory => copy(stream),
        Backing::Other => Err(Error::value(
            "stream",
            "must be an open regular file, tmpfile(), php://temp or php://memory",
        )),
    }
}

/// The script's own descriptor shares its position with ours if it is only duplicated; then the worker sends, which reads
/// without a position.
fn open_again(copy: OwnedFd) -> Result<OpenFile, Error> {
    let own = File::from(copy);
    if !own.metadata().map_err(Refusal::open)?.is_file() {
        return Err(Error::value("stream", "must be a stream of a regular file"));
    }
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let again = File::options()
        .read(true)
        .custom_flags(flags.bits())
        .open(format!("/proc/self/fd/{}", own.as_raw_fd()))
        .and_then(|again| {
            let same = is_same_file(&again.metadata()?, &own.metadata()?);
            Ok(same.then_some(again))
        });
    match again {
        Ok(Some(again)) => Ok(OpenFile::of(again, true)?),
        // Without /proc (a chroot), or without the right to read that the script's descriptor still has.
        Ok(None) | Err(_) if is_readable(&own) => Ok(OpenFile::of(own, false)?),
        Ok(None) => Err(Refusal::open(io::ErrorKind::Other.into()).into()),
        Err(error) => Err(Refusal::open(error).into()),
    }
}

fn is_readable(file: &File) -> bool {
    fcntl(file, FcntlArg::F_GETFL)
        .is_ok_and(|flags| OFlag::from_bits_retain(flags) & OFlag::O_ACCMODE != OFlag::O_WRONLY)
}

fn copy(stream: Stream) -> Result<OpenFile, Error> {
    let mut memory = Memory::new().map_err(Refusal::memory)?;
    stream
        .read_all(|piece| memory.write(piece))?
        .map_err(Refusal::memory)?;
    Ok(memory.seal().map_err(Refusal::memory)?)
}

/// Bytes in memory that look like a file. Sealed at the end: the manager need not fear that they change or shrink.
struct Memory {
    file: File,
    hash: Xxh3,
    bytes: u64,
    /// The limit on file sizes, which counts here: beyond it the kernel would not only refuse but end the process
    /// (SIGXFSZ).
    most_bytes: u64,
}

impl Memory {
    fn new() -> io::Result<Memory> {
        let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
        Ok(Memory {
            file: memfd_create(c"send_file", flags)?.into(),
            hash: Xxh3::new(),
            bytes: 0,
            most_bytes: getrlimit(Resource::RLIMIT_FSIZE)?.0,
        })
    }

    fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        self.hash.update(piece);
        self.bytes += piece.len() as u64;
        if self.bytes > self.most_bytes {
            return Err(Errno::EFBIG.into());
        }
        self.file.write_all(piece)
    }

    /// The version is the content itself, so that the same data has the same ETag in the next request.
    fn seal(self) -> Result<OpenFile, io::Error> {
        let seals = SealFlag::F_SEAL_WRITE
            | SealFlag::F_SEAL_SHRINK
            | SealFlag::F_SEAL_GROW
            | SealFlag::F_SEAL_SEAL;
        fcntl(&self.file, FcntlArg::F_ADD_SEALS(seals))?;
        Ok(OpenFile {
            facts: FileFacts {
                size: self.bytes,
                version: Version::Content(self.hash.digest128()),
            },
            file: self.file,
            is_private: true,
        })
    }
}
