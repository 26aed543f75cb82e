//! By which one process has another one look at memory that they share.
#![forbid(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use nix::sys::eventfd::{EfdFlags, EventFd};

/// Readable while somebody has rung and nobody has heard it.
#[derive(Debug)]
pub struct Bell(EventFd);

impl Bell {
    /// One that nobody has rung, to be shared with the processes started by this one.
    ///
    /// # Errors
    /// Those of eventfd(2).
    pub fn new() -> io::Result<Bell> {
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        Ok(Bell(EventFd::from_flags(flags)?))
    }

    /// Tells whoever listens to look.
    pub fn ring(&self) {
        // It can fail only for a counter that is full of rings that nobody has heard yet.
        let _ = self.0.write(1);
    }

    /// Takes note of all rings so far. It is the memory that counts: a ring may have been heard by a process that died of
    /// it.
    pub fn hear(&self) {
        let _ = self.0.read();
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for Bell {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}
