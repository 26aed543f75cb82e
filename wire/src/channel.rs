//! Sending and receiving packets with their descriptors.
//!
//! Unsafe code is needed since the manager receives an offer straight into memory that it shares with
//! its successors, so packet, control data and `msghdr` must lie where it says, which no safe wrapper allows.

use std::io;
use std::mem::{offset_of, size_of};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::path::Path;

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{
    AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType, UnixAddr, connect, recv, sendmsg,
    socket,
};

use crate::limits::{HEAD_BYTES, OFFER_DESCRIPTORS, OVERFLOW_BYTES};
use crate::message::Reason;

/// The descriptors a control buffer has room for: more than an offer has, so that an extra one is seen and closed
/// rather than reported as truncation by some kernels and not by others.
const CONTROL_DESCRIPTORS: usize = 4;

const CONTROL_BYTES: usize = control_space(CONTROL_DESCRIPTORS);

/// Connects to a manager without waiting.
///
/// # Errors
/// Those of socket(2) and connect(2); `EAGAIN` when the manager's queue of connections is full.
pub fn connect_to(path: &Path) -> io::Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(AddressFamily::Unix, SockType::SeqPacket, flags, None)?;
    connect(socket.as_raw_fd(), &UnixAddr::new(path)?)?;
    Ok(socket)
}

/// Sends one packet, whole or not at all, without waiting and without SIGPIPE.
///
/// # Errors
/// Those of sendmsg(2).
pub fn send(socket: BorrowedFd, packet: &[u8], descriptors: &[BorrowedFd]) -> io::Result<()> {
    let raw: Vec<RawFd> = descriptors.iter().map(AsRawFd::as_raw_fd).collect();
    let rights = [ControlMessage::ScmRights(&raw)];
    let control = if raw.is_empty() {
        &rights[..0]
    } else {
        &rights[..]
    };
    let flags = MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT;
    let iov = [io::IoSlice::new(packet)];
    loop {
        match sendmsg::<()>(socket.as_raw_fd(), &iov, control, flags, None) {
            Ok(_) => return Ok(()),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// Receives one packet that carries no descriptors, without waiting; 0 is the end. Descriptors sent along are closed by
/// the kernel. A packet longer than the buffer is cut; the length of every packet received this way is fixed and
/// checked by its decoder, so give the buffer a byte to spare.
///
/// # Errors
/// Those of recv(2).
pub fn receive(socket: BorrowedFd, packet: &mut [u8]) -> io::Result<usize> {
    let mut has_ended = false;
    loop {
        match recv(socket.as_raw_fd(), packet, MsgFlags::MSG_DONTWAIT) {
            Err(Errno::EINTR) => {}
            // Linux looks for an error, then into the queue, then for the end: if the other side closes in between, it reports
            // the end although a packet of ours was left unread, or one of theirs is queued. The second answer is right.
            Ok(0) if !has_ended => has_ended = true,
            result => return Ok(result?),
        }
    }
}

/// The two descriptors of an offer, of whatever kinds.
#[derive(Debug)]
pub struct Descriptors {
    /// Said to be a socket.
    pub connection: OwnedFd,
    /// Said to be a regular file.
    pub file: OwnedFd,
}

/// Why the descriptors of a packet are not those of an offer. All of them are closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiveError {
    /// The packet is longer than the protocol allows.
    #[error("the packet is longer than the protocol allows")]
    Oversize,
    /// Descriptors were lost on the way: too many, or no free number for them in this process.
    #[error("descriptors of the packet were lost (too many, or the descriptor limit is reached)")]
    ControlTruncated,
    /// Not as many descriptors as an offer has.
    #[error("the packet carries {0} descriptors, an offer carries 2")]
    Count(usize),
}

impl From<ReceiveError> for Reason {
    fn from(error: ReceiveError) -> Reason {
        match error {
            ReceiveError::Oversize | ReceiveError::Count(_) => Reason::Malformed,
            ReceiveError::ControlTruncated => Reason::Resources,
        }
    }
}

/// The memory that recvmsg(2) works on, apart from the packet's own bytes. It is plain data without pointers into
/// itself that outlive a call, so that it may lie in shared memory: a process that takes over after a crash between
/// the receive and the next step finds the descriptor numbers here.
#[repr(C)]
pub struct Landing {
    message: libc::msghdr,
    iov: [libc::iovec; 2],
    control: [u64; CONTROL_BYTES / size_of::<u64>()],
}

/// Where an offer's bytes land: the first [`HEAD_BYTES`], and the rest.
#[derive(Clone, Copy, Debug)]
pub struct PacketMemory {
    /// Room for [`HEAD_BYTES`].
    pub head: *mut u8,
    /// Room for [`OVERFLOW_BYTES`].
    pub overflow: *mut u8,
}

impl Landing {
    /// Receives one packet without waiting and returns its length; 0 is the end. What came with it is claimed by
    /// [`Landing::take_descriptors`], which must be called after every success.
    ///
    /// # Errors
    /// Those of recvmsg(2).
    ///
    /// # Safety
    /// `landing` and `memory` are valid for writes of their sizes, and nobody else accesses them during the call.
    pub unsafe fn receive(
        landing: *mut Landing,
        socket: BorrowedFd,
        memory: PacketMemory,
    ) -> io::Result<usize> {
        // SAFETY: the caller vouches for `landing`; `offset_of` stays inside it, and the places that recvmsg(2) writes
        // to are inside `landing` or vouched for by the caller, each with its true length.
        let received = unsafe {
            let iov = (&raw mut (*landing).iov).cast::<libc::iovec>();
            iov.write(libc::iovec {
                iov_base: memory.head.cast(),
                iov_len: HEAD_BYTES,
            });
            iov.add(1).write(libc::iovec {
                iov_base: memory.overflow.cast(),
                iov_len: OVERFLOW_BYTES,
            });
            (&raw mut (*landing).control).write_bytes(0, 1);
            let message = &raw mut (*landing).message;
            message.write_bytes(0, 1);
            (*message).msg_iov = iov;
            (*message).msg_iovlen = 2;
            (*message).msg_control = landing.byte_add(offset_of!(Landing, control)).cast();
            (*message).msg_controllen = CONTROL_BYTES;
            let flags = libc::MSG_CMSG_CLOEXEC | libc::MSG_DONTWAIT;
            loop {
                match libc::recvmsg(socket.as_raw_fd(), message, flags) {
                    -1 if Errno::last() == Errno::EINTR => {}
                    result => break result,
                }
            }
        };
        usize::try_from(received).map_err(|_| io::Error::last_os_error())
    }

    /// The numbers of the descriptors received last, whoever owns them. None before the first receive into zeroed memory.
    ///
    /// # Safety
    /// `landing` is valid, and all of it was written: zeroed, if nothing else.
    pub unsafe fn descriptor_numbers(landing: *const Landing) -> Vec<RawFd> {
        // SAFETY: the caller vouches for `landing`, whose fields are plain data.
        let (used, control) = unsafe {
            (
                (&raw const (*landing).message.msg_controllen).read(),
                (*landing).control,
            )
        };
        descriptor_numbers(&control, used).collect()
    }

    /// Takes ownership of the descriptors received last, and closes them all if they are not as many as an offer has. What
    /// they are is left to the caller, who knows when the file system of whatever it is may be asked.
    ///
    /// # Errors
    /// What is wrong with them.
    ///
    /// # Safety
    /// `landing` is valid, was filled by [`Landing::receive`] in this descriptor table, and its descriptors are taken
    /// once only.
    pub unsafe fn take_descriptors(landing: *const Landing) -> Result<Descriptors, ReceiveError> {
        // SAFETY: the caller vouches for `landing`, whose fields are plain data.
        let (flags, used, control) = unsafe {
            let message = &raw const (*landing).message;
            (
                (*message).msg_flags,
                (*message).msg_controllen,
                (*landing).control,
            )
        };
        // SAFETY: the kernel installed these numbers for this process, and the caller says nobody owns them yet.
        let received =
            descriptor_numbers(&control, used).map(|fd| unsafe { OwnedFd::from_raw_fd(fd) });
        let mut received: Vec<OwnedFd> = received.collect();

        if flags & libc::MSG_CTRUNC != 0 {
            return Err(ReceiveError::ControlTruncated);
        }
        if flags & libc::MSG_TRUNC != 0 {
            return Err(ReceiveError::Oversize);
        }
        if received.len() != OFFER_DESCRIPTORS {
            return Err(ReceiveError::Count(received.len()));
        }
        let file = received.remove(1);
        let connection = received.remove(0);
        Ok(Descriptors { connection, file })
    }
}

/// The descriptor numbers in the first `used` bytes of a control buffer as the kernel fills it. Read by offset rather
/// than with the CMSG macros: what a crashed process left is trusted no further than the buffer's end.
fn descriptor_numbers(control: &[u64], used: usize) -> impl Iterator<Item = RawFd> {
    let bytes: Vec<u8> = control.iter().flat_map(|word| word.to_ne_bytes()).collect();
    let used = used.min(bytes.len());
    let header = size_of::<libc::cmsghdr>();
    let mut numbers = Vec::new();
    let mut at = 0;
    while at + header <= used {
        let length = usize::from_ne_bytes(field(&bytes, at + offset_of!(libc::cmsghdr, cmsg_len)));
        let level = i32::from_ne_bytes(field(&bytes, at + offset_of!(libc::cmsghdr, cmsg_level)));
        let kind = i32::from_ne_bytes(field(&bytes, at + offset_of!(libc::cmsghdr, cmsg_type)));
        if length < header || length > used - at {
            break;
        }
        if (level, kind) == (libc::SOL_SOCKET, libc::SCM_RIGHTS) {
            let data = &bytes[at + header..at + length];
            numbers.extend(
                data.chunks_exact(size_of::<RawFd>())
                    .map(|fd| RawFd::from_ne_bytes(field(fd, 0))),
            );
        }
        at += length.next_multiple_of(size_of::<usize>());
    }
    numbers.into_iter()
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    std::array::from_fn(|i| bytes[at + i])
}

/// CMSG_SPACE(3) for `count` descriptors.
const fn control_space(count: usize) -> usize {
    let data = (count * size_of::<RawFd>()).next_multiple_of(size_of::<usize>());
    size_of::<libc::cmsghdr>() + data
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::MAX_PACKET_BYTES;
    use nix::sys::socket::socketpair;
    use std::collections::BTreeSet;
    use std::fs::File;
    use std::mem::MaybeUninit;
    use std::os::fd::AsFd;
    use std::sync::{Mutex, MutexGuard, PoisonError};

    /// Tests that count the descriptors of the process must not run beside each other.
    static DESCRIPTOR_TABLE: Mutex<()> = Mutex::new(());

    fn alone() -> MutexGuard<'static, ()> {
        DESCRIPTOR_TABLE
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    struct Channel {
        _alone: MutexGuard<'static, ()>,
        worker: OwnedFd,
        manager: OwnedFd,
        packet: Box<[u8; MAX_PACKET_BYTES]>,
        open_before: BTreeSet<RawFd>,
    }

    impl Channel {
        fn new() -> Channel {
            let alone = alone();
            let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
            let (worker, manager) =
                socketpair(AddressFamily::Unix, SockType::SeqPacket, None, flags).unwrap();
            let packet = Box::new([0; MAX_PACKET_BYTES]);
            Channel {
                _alone: alone,
                worker,
                manager,
                packet,
                open_before: open_descriptors(),
            }
        }

        fn receive(&mut self) -> io::Result<(usize, Result<Descriptors, ReceiveError>)> {
            let mut landing = MaybeUninit::<Landing>::uninit();
            let head = self.packet.as_mut_ptr();
            // SAFETY: the packet has room for head and overflow, and the landing is only used here.
            unsafe {
                let memory = PacketMemory {
                    head,
                    overflow: head.add(HEAD_BYTES),
                };
                let len = Landing::receive(landing.as_mut_ptr(), self.manager.as_fd(), memory)?;
                Ok((len, Landing::take_descriptors(landing.as_ptr())))
            }
        }

        fn refused(&mut self) -> ReceiveError {
            let error = self.receive().unwrap().1.unwrap_err();
            assert_eq!(
                open_descriptors(),
                self.open_before,
                "a refused packet left a descriptor open"
            );
            error
        }
    }

    fn open_descriptors() -> BTreeSet<RawFd> {
        let numbers = std::fs::read_dir("/proc/self/fd").unwrap();
        let numbers = numbers.map(|entry| {
            entry
                .unwrap()
                .file_name()
                .to_str()
                .unwrap()
                .parse()
                .unwrap()
        });
        numbers
            .filter(|fd| nix::fcntl::fcntl(borrow(fd), nix::fcntl::FcntlArg::F_GETFD).is_ok())
            .collect()
    }

    fn borrow(fd: &RawFd) -> BorrowedFd<'_> {
        // SAFETY: only used to ask whether the number is open.
        unsafe { BorrowedFd::borrow_raw(*fd) }
    }

    fn regular_file() -> File {
        File::open("/proc/self/exe").unwrap()
    }

    #[test]
    fn an_end_does_not_hide_that_a_packet_was_left_unread() {
        let _alone = alone();
        for _ in 0..2000 {
            let (ours, theirs) = socketpair(
                AddressFamily::Unix,
                SockType::SeqPacket,
                None,
                SockFlag::empty(),
            )
            .unwrap();
            send(ours.as_fd(), b"unread", &[]).unwrap();
            let closer = std::thread::spawn(move || drop(theirs));
            let error = loop {
                match receive(ours.as_fd(), &mut [0; 8]) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    result => break result.unwrap_err(),
                }
            };
            assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
            closer.join().unwrap();
        }
    }

    #[test]
    fn a_packet_arrives_whole_across_head_and_overflow_with_its_two_descriptors() {
        let mut channel = Channel::new();
        let packet: Vec<u8> = (0..MAX_PACKET_BYTES).map(|i| i as u8).collect();
        let (file, connection) = (regular_file(), channel.worker.try_clone().unwrap());
        send(
            channel.worker.as_fd(),
            &packet,
            &[connection.as_fd(), file.as_fd()],
        )
        .unwrap();
        let (len, descriptors) = channel.receive().unwrap();
        assert_eq!(channel.packet[..len], packet);
        assert!(
            nix::sys::socket::getsockopt(
                &descriptors.unwrap().connection,
                nix::sys::socket::sockopt::SockType
            )
            .is_ok()
        );
    }

    #[test]
    fn too_few_and_too_many_descriptors_are_closed_and_named() {
        let mut channel = Channel::new();
        let (file, socket) = (regular_file(), channel.worker.try_clone().unwrap());
        channel.open_before = open_descriptors();
        let cases: [(&[BorrowedFd], ReceiveError); 4] = [
            (&[], ReceiveError::Count(0)),
            (&[socket.as_fd()], ReceiveError::Count(1)),
            (
                &[socket.as_fd(), file.as_fd(), file.as_fd()],
                ReceiveError::Count(3),
            ),
            (&[socket.as_fd(); 9], ReceiveError::ControlTruncated),
        ];
        for (descriptors, expected) in cases {
            send(channel.worker.as_fd(), b"packet", descriptors).unwrap();
            assert_eq!(channel.refused(), expected);
        }
    }

    #[test]
    fn an_oversize_packet_is_refused_and_its_descriptors_closed() {
        let mut channel = Channel::new();
        let (file, socket) = (regular_file(), channel.worker.try_clone().unwrap());
        channel.open_before = open_descriptors();
        let packet = vec![0; MAX_PACKET_BYTES + 1];
        send(
            channel.worker.as_fd(),
            &packet,
            &[socket.as_fd(), file.as_fd()],
        )
        .unwrap();
        assert_eq!(channel.refused(), ReceiveError::Oversize);
    }

    #[test]
    fn a_control_buffer_left_half_written_is_not_read_beyond_its_end() {
        for length in [0usize, 15, 16, 4096, usize::MAX] {
            let mut control = [0u64; CONTROL_BYTES / 8];
            control[0] = length as u64;
            assert_eq!(descriptor_numbers(&control, usize::MAX).count(), 0);
        }
    }

    #[test]
    fn the_end_and_nothing_yet_are_told_apart() {
        let mut channel = Channel::new();
        assert_eq!(
            channel.receive().unwrap_err().kind(),
            io::ErrorKind::WouldBlock
        );
        channel.worker = regular_file().into();
        assert_eq!(channel.receive().unwrap().0, 0);
    }
}
