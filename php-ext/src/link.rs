//! The worker's connection to the manager, which it keeps from one offer to the next.
#![forbid(unsafe_code)]

use std::cell::Cell;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::sys::socket::{Shutdown, shutdown};
use nix::unistd::{Uid, geteuid};
use send_file_wire::Announcement;
use send_file_wire::channel::{connect_to, send};

/// A connection to the manager. Dropped, it is closed, which withdraws an offer made on it.
#[derive(Debug)]
pub(crate) struct Link {
    socket: OwnedFd,
    manager_socket: PathBuf,
    process: u32,
    user: Uid,
    /// The manager was told that an offer may follow, and none has.
    has_announced: bool,
}

thread_local! {
    static KEPT: Cell<Option<Link>> = const { Cell::new(None) };
}

impl Link {
    /// Connects, without waiting.
    ///
    /// # Errors
    /// Those of socket(2) and connect(2); `EAGAIN` when the manager's queue of connections is full.
    pub(crate) fn connect(manager_socket: &Path) -> io::Result<Link> {
        Ok(Link {
            socket: connect_to(manager_socket)?,
            manager_socket: manager_socket.to_owned(),
            process: std::process::id(),
            user: geteuid(),
            has_announced: false,
        })
    }

    /// The one of the last offer. The manager may have closed it meanwhile.
    ///
    /// Only that of this process, since after a fork(2) both would send on it, and only for the manager and the user of
    /// this request: a virtual host may have others, and the manager knows the user that has connected.
    pub(crate) fn kept(manager_socket: &Path) -> Option<Link> {
        KEPT.take().filter(|link| link.is_for(manager_socket))
    }

    fn is_for(&self, manager_socket: &Path) -> bool {
        self.manager_socket == manager_socket
            && self.process == std::process::id()
            && self.user == geteuid()
    }

    /// Keeps it for the next offer: the one before is committed, and nothing that matters is queued.
    pub(crate) fn keep(self) {
        KEPT.set(Some(self));
    }

    /// Tells the manager that an offer may follow, so that it is awake by then. Only once, until one has followed: it is in vain
    /// for a client that has the file already. Without a kept connection, or with one that is closed by now, it is none.
    pub(crate) fn announce(manager_socket: &Path) {
        let Some(mut link) = KEPT.take() else {
            return;
        };
        if link.is_for(manager_socket) && !link.has_announced {
            link.has_announced = send(link.socket(), &Announcement.encode(), &[]).is_ok();
        }
        link.keep();
    }

    /// Sends an offer.
    ///
    /// # Errors
    /// Those of sendmsg(2).
    pub(crate) fn send_offer(
        &mut self,
        packet: &[u8],
        descriptors: &[BorrowedFd],
    ) -> io::Result<()> {
        self.has_announced = false;
        send(self.socket(), packet, descriptors)
    }

    pub(crate) fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Drop for Link {
    /// A process that the script has forked may have it open, too, and would keep the manager waiting for a commit.
    fn drop(&mut self) {
        if self.process == std::process::id() {
            // It can only fail where there is nobody left to be told.
            let _ = shutdown(self.socket.as_raw_fd(), Shutdown::Both);
        }
    }
}
