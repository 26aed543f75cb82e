//! The socket that workers connect to.
#![forbid(unsafe_code)]

use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use nix::errno::Errno;
use nix::sys::socket::sockopt::AcceptConn;
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, getsockname, getsockopt, listen,
    socket as new_socket,
};
use nix::unistd::chown;
use send_file_wire::channel;

use crate::limits::LISTEN_BACKLOG;
use crate::settings::Settings;
use crate::sys::socket;

/// The listening socket.
#[derive(Debug)]
pub struct Listener {
    socket: OwnedFd,
    path: PathBuf,
    inode: u64,
}

/// What accept(2) gave.
#[derive(Debug)]
pub enum Accepted {
    /// A connection, and the user at its other end.
    Peer(OwnedFd, u32),
    /// Nobody is waiting.
    None,
    /// Somebody is, but the system lacks what it takes.
    Later(io::Error),
}

impl Listener {
    /// Binds the socket with its owner and mode. A socket that a dead manager left is replaced, a living one is not.
    ///
    /// # Errors
    /// A sentence that names the path.
    pub fn bind(settings: &Settings) -> anyhow::Result<Listener> {
        let path = &settings.socket;
        make_way(path)?;
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let socket = new_socket(AddressFamily::Unix, SockType::SeqPacket, flags, None)
            .context("could not create a socket")?;
        let address = UnixAddr::new(path)
            .with_context(|| format!("{}: not a socket path", path.display()))?;
        bind(socket.as_raw_fd(), &address)
            .with_context(|| format!("could not bind {}", path.display()))?;
        // Nobody can connect before listen(), so there is no moment with a wrong mode.
        chown(path, None, settings.socket_group)
            .with_context(|| format!("could not set the group of {}", path.display()))?;
        fs::set_permissions(path, fs::Permissions::from_mode(settings.socket_mode))
            .with_context(|| format!("could not set the mode of {}", path.display()))?;
        listen(&socket, Backlog::new(LISTEN_BACKLOG)?)
            .with_context(|| format!("could not listen on {}", path.display()))?;
        let inode = fs::symlink_metadata(path).map_or(0, |metadata| metadata.ino());
        Ok(Listener {
            socket,
            path: path.clone(),
            inode,
        })
    }

    /// Goes on with the socket of the program before this one.
    ///
    /// # Errors
    /// A sentence that says what it is instead.
    pub fn inherit(socket: OwnedFd, settings: &Settings) -> anyhow::Result<Listener> {
        let path = &settings.socket;
        if !getsockopt(&socket, AcceptConn).context("what was handed on is no socket")? {
            bail!("what was handed on is not a listening socket");
        }
        let address: UnixAddr =
            getsockname(socket.as_raw_fd()).context("what was handed on is not a Unix socket")?;
        if address.path() != Some(path.as_path()) {
            bail!(
                "the socket is another one than {}: that takes a restart",
                path.display()
            );
        }
        let inode = fs::symlink_metadata(path).map_or(0, |metadata| metadata.ino());
        Ok(Listener {
            socket,
            path: path.clone(),
            inode,
        })
    }

    /// Takes the next connection without waiting.
    pub fn accept(&self) -> Accepted {
        loop {
            return match socket::accept(self.as_fd()) {
                Ok(peer) => match socket::peer_uid(peer.as_fd()) {
                    Ok(uid) => Accepted::Peer(peer, uid),
                    Err(error) => Accepted::Later(error),
                },
                Err(Errno::EAGAIN) => Accepted::None,
                Err(Errno::EINTR | Errno::ECONNABORTED) => continue,
                Err(errno) => Accepted::Later(errno.into()),
            };
        }
    }

    /// The socket, for registering.
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Removes the path, unless another manager has taken it meanwhile.
    pub fn remove_path(&self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|metadata| metadata.ino() == self.inode) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl AsRawFd for Listener {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

fn make_way(path: &Path) -> anyhow::Result<()> {
    if let Some(directory) = path
        .parent()
        .filter(|directory| !directory.as_os_str().is_empty())
    {
        fs::create_dir_all(directory)
            .with_context(|| {
                format!(
                    "could not create {} (start the manager as root, or name another place with --socket)",
                    directory.display()
                )
            })?;
    }
    let Ok(metadata) = fs::symlink_metadata(path) else {
        return Ok(());
    };
    if !metadata.file_type().is_socket() {
        bail!(
            "{} exists and is not a socket; remove it or choose another --socket",
            path.display()
        );
    }
    match channel::connect_to(path) {
        Ok(_) => bail!("another manager is listening on {}", path.display()),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            bail!(
                "another manager is listening on {}, and is busy",
                path.display()
            )
        }
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path)
            .with_context(|| format!("could not remove the old {}", path.display())),
        Err(error) => bail!(
            "{} belongs to something that is not a manager ({error}); choose another --socket",
            path.display()
        ),
    }
}
