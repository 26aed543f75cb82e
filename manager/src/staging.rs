//! Sending a file whose file system refuses sendfile(2).
//!
//! Pieces of it are read into a memfd, at the offsets they have in the file, and sent from there: the place stays a
//! position that the kernel keeps, here as everywhere. mmap(2) and send(2) would keep it nowhere.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};

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

impl AsRawFd for Staging {
    fn as_raw_fd(&self) -> RawFd {
        self.memfd.as_raw_fd()
    }
}

impl From<OwnedFd> for Staging {
    /// The one of a process that has died. It may have died between reading a piece and sending it: a piece is read
    /// again each time.
    fn from(memfd: OwnedFd) -> Staging {
        Staging {
            memfd: memfd.into(),
        }
    }
}

impl From<Staging> for OwnedFd {
    fn from(staging: Staging) -> OwnedFd {
        staging.memfd.into()
    }
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

    /// The offset it stands at.
    ///
    /// # Errors
    /// Those of lseek(2).
    pub fn position(&self) -> nix::Result<u64> {
        lseek(&self.memfd, 0, Whence::SeekCur).map(i64::cast_unsigned)
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    #[test]
    fn any_window_of_a_file_arrives_whole_however_little_the_connection_takes() {
        let content: Vec<u8> = (0..700_000u32)
            .map(|at| (at ^ at >> 8).wrapping_mul(167) as u8)
            .collect();
        let file = memfd::with_bytes("test", &content, content.len() as u64).unwrap();
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let client = std::thread::spawn(move || {
            let mut received = Vec::new();
            theirs.read_to_end(&mut received).map(|_| received)
        });
        let mut expected: Vec<u8> = Vec::new();
        let staging = Staging::at(5).unwrap();
        for (start, end) in [(5, 600_000), (100, 200_000), (699_999, 700_000)] {
            staging.seek(start).unwrap();
            let mut offset = start;
            while offset < end {
                match staging
                    .send(ours.as_fd(), &file, offset, end - offset)
                    .unwrap()
                {
                    Ok(sent) => offset += sent as u64,
                    Err(Errno::EAGAIN) => std::thread::yield_now(),
                    Err(errno) => panic!("{errno}"),
                }
            }
            expected.extend(&content[start as usize..end as usize]);
        }
        drop(ours);
        assert!(client.join().unwrap().unwrap() == expected);
    }
}
