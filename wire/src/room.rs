//! What a connection takes at once: whether a body fits into what its send buffer has free, so that writing it never
//! waits for the other side, even one that reads nothing.
//!
//! The kernel counts the memory of packets, not their bytes, so what a body will occupy is estimated, from above; that a
//! last packet may go beyond the limit is left as a reserve. There is little room to a client that is new or slow, and more to one that has proved fast. (What it cannot foresee: all
//! sockets of a machine together at the bound of `tcp_mem`.)

use std::os::fd::{AsRawFd, BorrowedFd};

use nix::libc;

use crate::limits::{
    HEAD_ROOM_BYTES, PACKET_BYTES, PACKET_OVERHEAD_BYTES, UNIX_PIECE_BYTES,
    UNIX_PIECE_OVERHEAD_BYTES,
};

/// asm-generic/socket.h
const SO_MEMINFO: i32 = 55;
/// Places in what it gives (linux/sock_diag.h).
const WMEM_ALLOC: usize = 2;
const SNDBUF: usize = 3;
const WMEM_QUEUED: usize = 5;
const MEMINFO_WORDS: usize = 9;

/// Whether a body, and headers in front of it, can be written without waiting. When in doubt, no.
pub fn takes_at_once(connection: BorrowedFd, body_bytes: u64) -> bool {
    let meminfo = (libc::SOL_SOCKET, SO_MEMINFO);
    let Some(memory) = words::<MEMINFO_WORDS>(connection, meminfo) else {
        return false;
    };
    let (used_bytes, occupied_bytes) = match protocol(connection) {
        Some(libc::IPPROTO_TCP) => {
            let sizes = PacketSizes::of(connection);
            let occupied_bytes = sizes.and_then(|sizes| sizes.occupied_by(body_bytes));
            (memory[WMEM_QUEUED], occupied_bytes)
        }
        // Unix sockets have no protocol number.
        Some(0) => (memory[WMEM_ALLOC], occupied_on_unix(body_bytes)),
        _ => return false,
    };
    let needed_bytes = occupied_bytes
        .and_then(|bytes| bytes.checked_add(HEAD_ROOM_BYTES))
        .and_then(|bytes| bytes.checked_add(u64::from(used_bytes)));
    needed_bytes.is_some_and(|bytes| bytes <= u64::from(memory[SNDBUF]))
}

fn protocol(connection: BorrowedFd) -> Option<i32> {
    let [number] = words(connection, (libc::SOL_SOCKET, libc::SO_PROTOCOL))?;
    Some(number.cast_signed())
}

/// What the kernel packs a TCP stream into.
struct PacketSizes {
    segment_bytes: u64,
    window_bytes: u64,
}

impl PacketSizes {
    /// From `struct tcp_info` (linux/tcp.h), of which libc knows the beginning only; this is its size and these are
    /// offsets in words since Linux 5.5.
    const WORDS: usize = 58;
    const SEGMENT_AT: usize = 4;
    const WINDOW_AT: usize = 57;

    fn of(connection: BorrowedFd) -> Option<PacketSizes> {
        let tcp_info = (libc::IPPROTO_TCP, libc::TCP_INFO);
        let info = words::<{ PacketSizes::WORDS }>(connection, tcp_info)?;
        Some(PacketSizes {
            segment_bytes: u64::from(info[PacketSizes::SEGMENT_AT]),
            window_bytes: u64::from(info[PacketSizes::WINDOW_AT]),
        })
    }

    /// A packet in the queue holds as many whole segments as half of the client's window, and at least one
    /// (`tcp_xmit_size_goal` in net/ipv4/tcp.c).
    fn occupied_by(&self, body_bytes: u64) -> Option<u64> {
        let most_bytes = PACKET_BYTES.min(self.window_bytes / 2);
        let segments = most_bytes.checked_div(self.segment_bytes)?.max(1);
        let packets = body_bytes.div_ceil(segments * self.segment_bytes);
        body_bytes.checked_add(packets.checked_mul(PACKET_OVERHEAD_BYTES)?)
    }
}

fn occupied_on_unix(body_bytes: u64) -> Option<u64> {
    let pieces = body_bytes.div_ceil(UNIX_PIECE_BYTES);
    body_bytes.checked_add(pieces.checked_mul(UNIX_PIECE_OVERHEAD_BYTES)?)
}

/// The words of a socket option, if it has as many.
fn words<const COUNT: usize>(
    connection: BorrowedFd,
    (level, name): (i32, i32),
) -> Option<[u32; COUNT]> {
    let mut value = [0u32; COUNT];
    let mut length = size_of_val(&value) as libc::socklen_t;
    // SAFETY: value and length live across the call, and length is the size of value.
    let result = unsafe {
        libc::getsockopt(
            connection.as_raw_fd(),
            level,
            name,
            value.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    (result == 0 && length as usize == size_of_val(&value)).then_some(value)
}
