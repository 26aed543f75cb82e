//! One slot of the job table: everything about a download that must outlive the process that carries it.
//!
//! A slot lies in shared memory. Nothing here ever makes a Rust reference to bytes that the kernel writes: they are
//! received through raw pointers and copied out. The rest are atomics, written in the order that makes every moment
//! one a successor can go on from.

use std::cell::UnsafeCell;
use std::io;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicI32, AtomicU32, AtomicU64, Ordering};

use nix::errno::Errno;
use nix::libc;
use send_file_wire::channel::PacketMemory;
use send_file_wire::limits::{HEAD_BYTES, MAX_PACKET_BYTES};
use send_file_wire::message::HEADER_BYTES;
use send_file_wire::{Commit, Descriptors, Landing, ReceiveError};

use crate::source::Intent;

/// What a slot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum SlotState {
    /// Nothing.
    Free = 0,
    /// An offer may have been received into it.
    Receiving = 1,
    /// An offer that was accepted. With a commit present it is active already.
    Offered = 2,
    /// A download. The manager owns the connection.
    Active = 3,
    /// A download whose bytes have all been given to the kernel.
    Lingering = 4,
}

/// The descriptors of a slot, by their numbers in the shared descriptor table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbers {
    /// The worker's connection to the manager.
    pub peer: RawFd,
    /// The client's connection.
    pub connection: RawFd,
    /// The file.
    pub file: RawFd,
    /// The literal bytes, or -1.
    pub literals: RawFd,
    /// The FastCGI frames, or -1.
    pub frames: RawFd,
}

/// By what a successor knows that a number still means the same file or socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// SO_COOKIE of the connection.
    pub cookie: u64,
    /// st_dev of the file.
    pub device: u64,
    /// st_ino of the file.
    pub inode: u64,
}

/// The layout in shared memory.
#[repr(C, align(64))]
pub(super) struct SlotMemory {
    state: AtomicU32,
    /// Segment * 2, plus 1 for `Intent::Send`.
    intent: AtomicU32,
    peer: AtomicI32,
    connection: AtomicI32,
    file: AtomicI32,
    literals: AtomicI32,
    frames: AtomicI32,
    packet_bytes: AtomicU32,
    cookie: AtomicU64,
    device: AtomicU64,
    inode: AtomicU64,
    /// Written by the kernel, like the two below.
    commit: UnsafeCell<[u8; HEADER_BYTES]>,
    landing: UnsafeCell<MaybeUninit<Landing>>,
    head: UnsafeCell<[u8; HEAD_BYTES]>,
}

/// A slot of a table that lives as long as the borrow.
#[derive(Clone, Copy)]
pub struct Slot<'table> {
    memory: NonNull<SlotMemory>,
    overflow: NonNull<u8>,
    table: PhantomData<&'table ()>,
}

impl<'table> Slot<'table> {
    /// # Safety
    /// Both point into memory that lives as long as `'table`, has room for a `SlotMemory` and for `OVERFLOW_BYTES`,
    /// was zeroed when the table was made, and is used by this thread through slots only.
    pub(super) unsafe fn new(memory: NonNull<SlotMemory>, overflow: NonNull<u8>) -> Slot<'table> {
        Slot {
            memory,
            overflow,
            table: PhantomData,
        }
    }

    /// Makes the slot ready to receive: nothing of its last download can be taken for the next one's.
    pub fn prepare(&self) {
        self.memory()
            .state
            .store(SlotState::Free as u32, Ordering::Release);
        // SAFETY: this thread is the only user of the slot (`new`), and no reference into a cell is ever made.
        unsafe {
            self.memory().commit.get().write_bytes(0, 1);
            self.memory().head.get().write_bytes(0, 1);
        }
        self.memory().intent.store(0, Ordering::Relaxed);
        self.memory().packet_bytes.store(0, Ordering::Relaxed);
        let numbers = Numbers {
            peer: -1,
            connection: -1,
            file: -1,
            literals: -1,
            frames: -1,
        };
        self.set_numbers(numbers);
    }

    /// Receives an offer straight into the slot; 0 is the end of the peer.
    ///
    /// # Errors
    /// Those of recvmsg(2). The slot is `Receiving` all the same.
    pub fn receive_offer(
        &self,
        peer: BorrowedFd,
    ) -> io::Result<(usize, Result<Descriptors, ReceiveError>)> {
        self.memory()
            .peer
            .store(peer.as_raw_fd(), Ordering::Relaxed);
        self.set_state(SlotState::Receiving);
        let landing = self.memory().landing.get().cast();
        let head = self.memory().head.get().cast();
        // SAFETY: landing, head and overflow lie inside the table with the sizes that `receive` expects (`new`), and
        // this thread is their only user. The descriptors are taken once, right after they were received.
        unsafe {
            let bytes = Landing::receive(
                landing,
                peer,
                PacketMemory {
                    head,
                    overflow: self.overflow.as_ptr(),
                },
            )?;
            self.memory()
                .packet_bytes
                .store(bytes as u32, Ordering::Release);
            Ok((bytes, Landing::take_descriptors(landing)))
        }
    }

    /// A copy of the packet in the slot.
    pub fn packet(&self) -> Vec<u8> {
        let bytes = self.packet_bytes();
        let mut packet = vec![0; bytes];
        let in_head = bytes.min(HEAD_BYTES);
        // SAFETY: head and overflow are inside the table with their sizes (`new`); `packet` has room for `bytes`.
        unsafe {
            let head = self.memory().head.get().cast::<u8>();
            head.copy_to_nonoverlapping(packet.as_mut_ptr(), in_head);
            let rest = packet.as_mut_ptr().add(in_head);
            self.overflow
                .as_ptr()
                .copy_to_nonoverlapping(rest, bytes - in_head);
        }
        packet
    }

    /// The length of the packet in the slot.
    pub fn packet_bytes(&self) -> usize {
        (self.memory().packet_bytes.load(Ordering::Acquire) as usize).min(MAX_PACKET_BYTES)
    }

    /// Receives a commit straight into the slot. From the moment the kernel has written it the download is active,
    /// whatever happens to this process. Returns the length of the packet, which may be longer than a commit.
    ///
    /// # Errors
    /// Those of recv(2).
    pub fn receive_commit(&self, peer: BorrowedFd) -> nix::Result<usize> {
        let flags = libc::MSG_DONTWAIT | libc::MSG_TRUNC;
        // SAFETY: commit lies inside the slot (`new`) and has HEADER_BYTES.
        let received = unsafe {
            let commit = self.memory().commit.get().cast();
            libc::recv(peer.as_raw_fd(), commit, HEADER_BYTES, flags)
        };
        Errno::result(received).map(|bytes| bytes as usize)
    }

    /// The commit in the slot, if it is one.
    pub fn commit(&self) -> Option<Commit> {
        // SAFETY: commit lies inside the slot (`new`); it is copied, not referred to.
        let bytes = unsafe { self.memory().commit.get().read() };
        Commit::decode(&bytes).ok()
    }

    /// Sets the state. What was written before is visible to whoever sees it.
    pub fn set_state(&self, state: SlotState) {
        self.memory().state.store(state as u32, Ordering::Release);
    }

    /// The state, `None` where the memory holds none.
    pub fn state(&self) -> Option<SlotState> {
        use SlotState::{Active, Free, Lingering, Offered, Receiving};
        let state = self.memory().state.load(Ordering::Acquire);
        [Free, Receiving, Offered, Active, Lingering]
            .into_iter()
            .find(|known| *known as u32 == state)
    }

    /// Stores what is about to be done with the body.
    pub fn set_intent(&self, intent: Intent) {
        let word = match intent {
            Intent::Seek(segment) => segment * 2,
            Intent::Send(segment) => segment * 2 + 1,
        };
        self.memory().intent.store(word, Ordering::Release);
    }

    /// What was about to be done with the body.
    pub fn intent(&self) -> Intent {
        let word = self.memory().intent.load(Ordering::Acquire);
        if word.is_multiple_of(2) {
            Intent::Seek(word / 2)
        } else {
            Intent::Send(word / 2)
        }
    }

    /// Stores the descriptors.
    pub fn set_numbers(&self, numbers: Numbers) {
        self.memory().peer.store(numbers.peer, Ordering::Relaxed);
        self.memory()
            .connection
            .store(numbers.connection, Ordering::Relaxed);
        self.memory().file.store(numbers.file, Ordering::Relaxed);
        self.memory()
            .literals
            .store(numbers.literals, Ordering::Relaxed);
        self.memory()
            .frames
            .store(numbers.frames, Ordering::Release);
    }

    /// Stores by what the descriptors are known again.
    pub fn set_identity(&self, identity: Identity) {
        self.memory()
            .cookie
            .store(identity.cookie, Ordering::Relaxed);
        self.memory()
            .device
            .store(identity.device, Ordering::Relaxed);
        self.memory().inode.store(identity.inode, Ordering::Release);
    }

    fn memory(&self) -> &'table SlotMemory {
        // SAFETY: it lives as long as the table and was zeroed when made, which every field takes (`new`). The bytes
        // that the kernel writes are in cells.
        unsafe { self.memory.as_ref() }
    }
}
