//! What a descriptor is.
#![forbid(unsafe_code)]

use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use nix::sys::socket::{SockType, SockaddrStorage, getpeername, getsockname, getsockopt, sockopt};

/// A connected stream socket.
pub(super) fn is_connected_stream(descriptor: BorrowedFd) -> bool {
    let stream = getsockopt(&descriptor, sockopt::SockType) == Ok(SockType::Stream);
    stream && getpeername::<SockaddrStorage>(descriptor.as_raw_fd()).is_ok()
}

pub(super) fn is_listener(descriptor: BorrowedFd) -> bool {
    getsockopt(&descriptor, sockopt::AcceptConn) == Ok(true)
}

/// Whether `connection` came in through `listener`: it has its address, or its port if it listens on every address.
pub(super) fn belongs_to(connection: BorrowedFd, listener: BorrowedFd) -> bool {
    let name = |fd: BorrowedFd| getsockname::<SockaddrStorage>(fd.as_fd().as_raw_fd()).ok();
    let (Some(own), Some(listening)) = (name(connection), name(listener)) else {
        return false;
    };
    if own == listening {
        return true;
    }
    match (port_and_wildcard(&own), port_and_wildcard(&listening)) {
        (Some((own, _)), Some((listening, true))) => own == listening,
        _ => false,
    }
}

fn port_and_wildcard(address: &SockaddrStorage) -> Option<(u16, bool)> {
    if let Some(v4) = address.as_sockaddr_in() {
        return Some((v4.port(), v4.ip().is_unspecified()));
    }
    let v6 = address.as_sockaddr_in6()?;
    Some((v6.port(), v6.ip().is_unspecified()))
}
