//! Sending a file whose file system refuses sendfile(2).
//!
//! Pieces of it are read into a memfd, at the offsets they have in the file, and sent from there: the place stays a
//! position that the kernel keeps, here as everywhere. mmap(2) and send(2) would keep it nowhere.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::sendfile::sendfile;
use nix::sys::uio::{pread, pwrite};
use nix::unistd::{Whence, lseek};

use crate::limits::STAGING_BYTES;
use crate::sys::memfd;

/// The memfd, and its position in the file.
#[derive(Debug)]
pub struct Staging {
    memfd: File,
}

impl Staging {
    /// One that goes on at this offset.
    ///
    /// # Errors
    /// Those of memfd_create(2) and lseek(2).
    pub fn at(offset: u64) -> nix::Result<Staging> {
        let errno = |error: io::Error| error.raw_os_error().map_or(Errno::EIO, Errno::from_raw);
        let staging = Staging {
            memfd: memfd::create("send-file-staging").map_err(errno)?,
        };
        staging.seek(offset)?;
        Ok(staging)
    }

    /// Moves to another offset.
    ///
    /// # Errors
    /// Those of lseek(2).
    pub fn seek(&self, offset: u64) -> nix::Result<()> {
        lseek(&self.memfd, offset as i64, Whence::SeekSet).map(drop)
    }

    /// Reads a piece of the file at the offset it stands at, and sends what the connection takes of it. A piece that
    /// was not taken is read again next time.
    ///
    /// # Errors
    /// The outer one is from reading the file, the inner one from the connection.
    pub fn send(
        &self,
        connection: BorrowedFd,
        file: &OwnedFd,
        offset: u64,
        max: u64,
    ) -> nix::Result<nix::Result<usize>> {
        let mut piece = vec![0; max.min(STAGING_BYTES) as usize];
        let read = pread(file, &mut piece, offset as i64)?;
        let mut written = 0;
        while written < read {
            written += pwrite(
                &self.memfd,
                &piece[written..read],
                offset as i64 + written as i64,
            )?;
        }
        let sent = sendfile(connection, &self.memfd, None, read);
        let behind = (offset + sent.unwrap_or(0) as u64) / STAGING_BYTES * STAGING_BYTES;
        if behind > 0 {
            // Only memory is lost if it fails.
            let _ = memfd::punch_hole(&self.memfd, 0, behind);
        }
        Ok(sent)
    }
}
