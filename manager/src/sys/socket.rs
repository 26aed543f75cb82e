//! What the manager asks of and sets on client connections beyond what nix and std offer.

use std::io;
use std::mem::{MaybeUninit, size_of};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc;
use nix::sys::socket::sockopt::{Linger, PeerCredentials, SockType as SockTypeOption, SocketError};
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrLike, SockaddrStorage, accept4, getpeername,
    getsockname, getsockopt, setsockopt,
};

mod ioctl {
    // linux/sockios.h: SIOCOUTQ has the number of TIOCOUTQ.
    nix::ioctl_read_bad!(siocoutq, nix::libc::TIOCOUTQ, nix::libc::c_int);
}

/// Accepts one connection, non-blocking and close-on-exec.
///
/// # Errors
/// Those of accept4(2).
pub fn accept(listener: BorrowedFd) -> nix::Result<OwnedFd> {
    let fd = accept4(
        listener.as_raw_fd(),
        SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
    )?;
    // SAFETY: accept4(2) has just made this number, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// What kind of connection a download leaves on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// TCP over IPv4 or IPv6: the client itself, or a web server on FastCGI's TCP port.
    Tcp,
    /// A Unix stream: a web server speaking FastCGI.
    Unix,
}

/// Looks at a connection without touching it: it may still be the worker's.
///
/// # Errors
/// `EPROTOTYPE` for anything but a connected stream of TCP or Unix; those of getsockopt(2) and getpeername(2), which
/// fails for what is no socket, and for a listening one.
pub fn inspect(connection: BorrowedFd) -> io::Result<Kind> {
    let refused = || io::Error::from(Errno::EPROTOTYPE);
    let peer: SockaddrStorage = getpeername(connection.as_raw_fd())?;
    match peer.family() {
        Some(AddressFamily::Unix)
            if getsockopt(&connection, SockTypeOption)? == SockType::Stream =>
        {
            Ok(Kind::Unix)
        }
        Some(AddressFamily::Inet | AddressFamily::Inet6) => {
            match option::<libc::c_int>(connection, libc::SOL_SOCKET, libc::SO_PROTOCOL)? {
                libc::IPPROTO_TCP | libc::IPPROTO_MPTCP => Ok(Kind::Tcp),
                _ => Err(refused()),
            }
        }
        _ => Err(refused()),
    }
}

/// What kind of connection this is, if it was accepted once: one that has ended since is still of a kind.
///
/// # Errors
/// Those of getsockname(2).
pub fn kind_of(connection: BorrowedFd) -> io::Result<Kind> {
    let own: SockaddrStorage = getsockname(connection.as_raw_fd())?;
    Ok(match own.family() {
        Some(AddressFamily::Unix) => Kind::Unix,
        _ => Kind::Tcp,
    })
}

/// All bytes that TCP was ever given on this connection, acknowledged or not, counted from where the kernel began to.
/// `None` where it cannot be told: not TCP, Multipath TCP, or a connection that is no more.
pub fn bytes_given(connection: BorrowedFd) -> Option<u64> {
    /// Acknowledgements that may come between two looks.
    const LOOKS: u32 = 100;
    let protocol = option::<libc::c_int>(connection, libc::SOL_SOCKET, libc::SO_PROTOCOL);
    if protocol.ok() != Some(libc::IPPROTO_TCP) {
        return None;
    }
    for _ in 0..LOOKS {
        let before = TcpInfo::of(connection)?;
        let pending = unacknowledged(connection);
        let after = TcpInfo::of(connection)?;
        if before != after {
            continue;
        }
        // net/tcp_states.h. Our own end counts as one byte.
        let own_end = match after.state {
            1 | 8 => 0,
            4 | 5 | 9 | 11 => 1,
            _ => return None,
        };
        return (after.acknowledged_bytes + pending).checked_sub(own_end);
    }
    None
}

/// Two fields of `struct tcp_info` (linux/tcp.h), which libc knows the beginning of only.
#[derive(Clone, Copy, PartialEq, Eq)]
struct TcpInfo {
    state: u8,
    acknowledged_bytes: u64,
}

impl TcpInfo {
    const BYTES_ACKED_AT: usize = 120;
    const BYTES: usize = TcpInfo::BYTES_ACKED_AT + size_of::<u64>();

    fn of(connection: BorrowedFd) -> Option<TcpInfo> {
        let mut info = [0u8; TcpInfo::BYTES];
        let mut len = TcpInfo::BYTES as libc::socklen_t;
        // SAFETY: info and len live across the call, and len is the size of info.
        let result = unsafe {
            libc::getsockopt(
                connection.as_raw_fd(),
                libc::IPPROTO_TCP,
                libc::TCP_INFO,
                info.as_mut_ptr().cast(),
                &raw mut len,
            )
        };
        // A kernel before 4.1 gives less.
        if result != 0 || len as usize != TcpInfo::BYTES {
            return None;
        }
        let acknowledged = info.last_chunk()?;
        Some(TcpInfo {
            state: info[0],
            acknowledged_bytes: u64::from_ne_bytes(*acknowledged),
        })
    }
}

/// The kernel's number for a socket, the same for every descriptor of it and never used again.
///
/// # Errors
/// Those of getsockopt(2).
pub fn cookie(connection: BorrowedFd) -> io::Result<u64> {
    option(connection, libc::SOL_SOCKET, libc::SO_COOKIE)
}

/// Whether this is a connection to the manager, by its kind: no client's connection keeps packets apart.
pub fn is_channel(socket: &impl AsFd) -> bool {
    getsockopt(socket, SockTypeOption) == Ok(SockType::SeqPacket)
}

/// The user at the other end of a connection to the manager.
///
/// # Errors
/// Those of getsockopt(2).
pub fn peer_uid(peer: BorrowedFd) -> io::Result<u32> {
    Ok(getsockopt(&peer, PeerCredentials)?.uid())
}

/// Makes a committed connection ready for the loop.
///
/// # Errors
/// Those of fcntl(2).
pub fn make_non_blocking(connection: BorrowedFd) -> io::Result<()> {
    let flags = OFlag::from_bits_retain(fcntl(connection, FcntlArg::F_GETFL)?);
    if !flags.contains(OFlag::O_NONBLOCK) {
        fcntl(connection, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
    }
    Ok(())
}

/// Bounds what TCP may hold unsent. A connection that can take more for it gets an event.
pub fn bound_unsent(connection: BorrowedFd, bytes: u32) {
    // It saves memory, and is no reason to lose a download where a kernel refuses it (Multipath TCP).
    let _ = set_option(
        connection,
        libc::IPPROTO_TCP,
        libc::TCP_NOTSENT_LOWAT,
        bytes,
    );
}

/// What was last told to TCP.
#[cfg(test)]
pub(crate) fn unsent_bound(connection: BorrowedFd) -> u32 {
    option(connection, libc::IPPROTO_TCP, libc::TCP_NOTSENT_LOWAT).unwrap()
}

/// A piece smaller than a segment leaves when it is sent, neither waiting for the acknowledgement of the one before
/// (RFC 896, which few web servers leave on) nor for more behind a cork.
pub fn send_small_pieces_at_once(connection: BorrowedFd) {
    // Where it cannot be done the pieces arrive a moment later, which is no reason to lose a download.
    for (option, value) in [(libc::TCP_CORK, 0), (libc::TCP_NODELAY, 1)] {
        let _ = set_option::<libc::c_int>(connection, libc::IPPROTO_TCP, option, value);
    }
}

/// What the other side has not taken yet: bytes not acknowledged (TCP; one more after the end was sent), or memory
/// not read (Unix). Only its change and its being 0 mean the same for both.
pub fn unacknowledged(connection: BorrowedFd) -> u64 {
    let mut queued = 0;
    // SAFETY: the request writes one int, to a place that lives across the call.
    match unsafe { ioctl::siocoutq(connection.as_raw_fd(), &raw mut queued) } {
        Ok(_) => u64::try_from(queued).unwrap_or(0),
        Err(_) => 0,
    }
}

/// Whether the connection was broken by the other side: a reset that came behind its orderly end is seen in no read.
pub fn is_broken(connection: BorrowedFd) -> bool {
    getsockopt(&connection, SocketError).is_ok_and(|error| error != 0)
}

/// Whether the connection still has another side.
pub fn is_connected(connection: BorrowedFd) -> bool {
    getpeername::<SockaddrStorage>(connection.as_raw_fd()).is_ok()
}

/// Makes the coming close a visible break: TCP sends RST instead of FIN.
pub fn reset_on_close(connection: BorrowedFd) {
    // It can fail on a connection that is gone only, and then there is nobody to see it.
    let _ = setsockopt(
        &connection,
        Linger,
        &libc::linger {
            l_onoff: 1,
            l_linger: 0,
        },
    );
}

/// Reads and forgets what a client sends, without waiting; 0 is its end.
///
/// # Errors
/// Those of recv(2).
pub fn discard(connection: BorrowedFd) -> nix::Result<usize> {
    const SCRATCH_BYTES: usize = 4096;
    // Nobody reads it, so nobody need clear it: that would be most of what a turn does outside the kernel.
    let mut scratch = MaybeUninit::<[u8; SCRATCH_BYTES]>::uninit();
    // MSG_TRUNC makes TCP drop the bytes without copying them; on Unix streams it changes nothing.
    let flags = libc::MSG_DONTWAIT | libc::MSG_TRUNC;
    // SAFETY: scratch lives across the call, which writes at most its length.
    let received = unsafe {
        libc::recv(
            connection.as_raw_fd(),
            scratch.as_mut_ptr().cast(),
            SCRATCH_BYTES,
            flags,
        )
    };
    Errno::result(received).map(|bytes| bytes as usize)
}

/// Whether the file behind a descriptor may be read through it.
///
/// # Errors
/// Those of fcntl(2).
pub fn is_readable(file: impl AsFd) -> io::Result<bool> {
    let flags = OFlag::from_bits_retain(fcntl(file, FcntlArg::F_GETFL)?);
    let mode = flags & OFlag::O_ACCMODE;
    Ok(!flags.contains(OFlag::O_PATH) && (mode == OFlag::O_RDONLY || mode == OFlag::O_RDWR))
}

/// An integer option that nix does not know.
fn option<T: Copy + Default>(socket: BorrowedFd, level: i32, name: i32) -> io::Result<T> {
    let mut value = T::default();
    let mut len = size_of::<T>() as libc::socklen_t;
    // SAFETY: value and len live across the call, and len is the size of value.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            level,
            name,
            (&raw mut value).cast(),
            &raw mut len,
        )
    };
    Errno::result(result)?;
    Ok(value)
}

fn set_option<T: Copy>(socket: BorrowedFd, level: i32, name: i32, value: T) -> io::Result<()> {
    let len = size_of::<T>() as libc::socklen_t;
    // SAFETY: value lives across the call, and len is its size.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            (&raw const value).cast(),
            len,
        )
    };
    Errno::result(result)?;
    Ok(())
}

/// What waits for more to fill a segment leaves: a worker holds its headers back for the first bytes of the body.
pub fn take_cork_out(connection: BorrowedFd) {
    // A kernel that could put one in can take it out.
    let _ = set_option::<libc::c_int>(connection, libc::IPPROTO_TCP, libc::TCP_CORK, 0);
}

/// As a worker does.
#[cfg(test)]
pub(crate) fn put_cork_in(connection: BorrowedFd) {
    set_option::<libc::c_int>(connection, libc::IPPROTO_TCP, libc::TCP_CORK, 1).unwrap();
}

#[cfg(test)]
pub(crate) fn is_corked(connection: BorrowedFd) -> bool {
    option::<libc::c_int>(connection, libc::IPPROTO_TCP, libc::TCP_CORK).unwrap() != 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn small_pieces_wait_for_nothing_whatever_a_worker_had_set() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let connection = stream.as_fd();
        put_cork_in(connection);
        send_small_pieces_at_once(connection);
        let no_delay = option::<libc::c_int>(connection, libc::IPPROTO_TCP, libc::TCP_NODELAY);
        assert!(!is_corked(connection) && no_delay.unwrap() != 0);
    }
}
