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
use send_file_wire::{Commit, Descriptors, Landing, Offer, ReceiveError};

use crate::crash;
use crate::outcome::Outcome;
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
    /// A download that is over, as its outcome says; the close is what is left to do.
    Closing = 5,
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
    /// What pieces of the file are staged in, or -1.
    pub staging: RawFd,
}

impl Numbers {
    const NONE: Numbers = Numbers {
        peer: -1,
        connection: -1,
        file: -1,
        literals: -1,
        frames: -1,
        staging: -1,
    };
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

/// What a download takes of what is bounded for all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// The user whose worker offered it.
    pub uid: u32,
    /// Memory it holds beyond the slot.
    pub memory_bytes: u32,
}

const NO_BASE: u64 = u64::MAX;

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
    staging: AtomicI32,
    packet_bytes: AtomicU32,
    /// An `Outcome` as bits, for which the response is ended early but in order; 0 while it is not.
    cut: AtomicU32,
    /// An `Outcome` as bits; 0 while the download is not over.
    outcome: AtomicU32,
    uid: AtomicU32,
    memory_bytes: AtomicU32,
    /// What TCP had been given before the first byte of the body; `NO_BASE` where that is not known.
    base: AtomicU64,
    /// How often a worker died of a fault while it worked on this, without a byte of progress in between.
    faults: AtomicU32,
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
            // The numbers in it are somebody else's by now.
            self.memory().landing.get().write_bytes(0, 1);
        }
        self.memory().intent.store(0, Ordering::Relaxed);
        self.memory().packet_bytes.store(0, Ordering::Relaxed);
        self.memory().cut.store(0, Ordering::Relaxed);
        self.memory().outcome.store(0, Ordering::Relaxed);
        self.memory().base.store(NO_BASE, Ordering::Relaxed);
        self.memory().faults.store(0, Ordering::Relaxed);
        self.set_numbers(Numbers::NONE);
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
        crash::point("offer.awaited");
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
            crash::point("offer.received");
            self.memory()
                .packet_bytes
                .store(bytes as u32, Ordering::Release);
            crash::point("offer.noted");
            Ok((bytes, Landing::take_descriptors(landing)))
        }
    }

    /// The numbers of the descriptors received last, whoever owns them.
    pub(super) fn landed_numbers(&self) -> Vec<RawFd> {
        // SAFETY: landing lies inside the slot (`new`) and was zeroed when the table was made or by `prepare`.
        unsafe { Landing::descriptor_numbers(self.memory().landing.get().cast()) }
    }

    /// Whether anything was received into the slot.
    pub(super) fn has_bytes(&self) -> bool {
        // SAFETY: head lies inside the slot (`new`); it is copied, not referred to.
        let head = unsafe { self.memory().head.get().read() };
        head.iter().any(|byte| *byte != 0)
    }

    /// Takes what a dead worker received, and finds the length of the packet if it was not noted.
    ///
    /// # Safety
    /// Nobody in this process owns the descriptors that were received.
    pub(super) unsafe fn take_landed(&self) -> Result<Descriptors, ReceiveError> {
        if self.packet_bytes() == 0 {
            // SAFETY: as in `has_bytes`.
            let head = unsafe { self.memory().head.get().read() };
            let length = Offer::claimed_length(&head).unwrap_or(0);
            let bytes = length.min(MAX_PACKET_BYTES) as u32;
            self.memory().packet_bytes.store(bytes, Ordering::Release);
        }
        // SAFETY: landing lies inside the slot; the caller vouches for the descriptors.
        unsafe { Landing::take_descriptors(self.memory().landing.get().cast()) }
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

    /// Whether something was received that is not a commit.
    pub fn has_no_commit_but_bytes(&self) -> bool {
        // SAFETY: as in `commit`.
        let bytes = unsafe { self.memory().commit.get().read() };
        bytes != [0; HEADER_BYTES] && Commit::decode(&bytes).is_err()
    }

    /// Sets the state. What was written before is visible to whoever sees it.
    pub fn set_state(&self, state: SlotState) {
        self.memory().state.store(state as u32, Ordering::Release);
    }

    /// The state, `None` where the memory holds none.
    pub fn state(&self) -> Option<SlotState> {
        use SlotState::{Active, Closing, Free, Lingering, Offered, Receiving};
        let state = self.memory().state.load(Ordering::Acquire);
        [Free, Receiving, Offered, Active, Lingering, Closing]
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
        let memory = self.memory();
        memory.peer.store(numbers.peer, Ordering::Relaxed);
        memory
            .connection
            .store(numbers.connection, Ordering::Relaxed);
        memory.file.store(numbers.file, Ordering::Relaxed);
        memory.literals.store(numbers.literals, Ordering::Relaxed);
        memory.frames.store(numbers.frames, Ordering::Relaxed);
        self.set_staging(numbers.staging);
    }

    /// Stores what pieces of the file are staged in.
    pub fn set_staging(&self, number: RawFd) {
        self.memory().staging.store(number, Ordering::Release);
    }

    /// The descriptors.
    pub fn numbers(&self) -> Numbers {
        let memory = self.memory();
        Numbers {
            staging: memory.staging.load(Ordering::Acquire),
            peer: memory.peer.load(Ordering::Relaxed),
            connection: memory.connection.load(Ordering::Relaxed),
            file: memory.file.load(Ordering::Relaxed),
            literals: memory.literals.load(Ordering::Relaxed),
            frames: memory.frames.load(Ordering::Relaxed),
        }
    }

    /// Stores by what the descriptors are known again.
    pub fn set_identity(&self, identity: Identity) {
        let memory = self.memory();
        memory.cookie.store(identity.cookie, Ordering::Relaxed);
        memory.device.store(identity.device, Ordering::Relaxed);
        memory.inode.store(identity.inode, Ordering::Release);
    }

    /// By what the descriptors are known again.
    pub fn identity(&self) -> Identity {
        let memory = self.memory();
        Identity {
            inode: memory.inode.load(Ordering::Acquire),
            cookie: memory.cookie.load(Ordering::Relaxed),
            device: memory.device.load(Ordering::Relaxed),
        }
    }

    /// Stores what it takes of what is bounded.
    pub fn set_share(&self, share: Share) {
        let memory = self.memory();
        memory.uid.store(share.uid, Ordering::Relaxed);
        memory
            .memory_bytes
            .store(share.memory_bytes, Ordering::Release);
    }

    /// What it takes of what is bounded.
    pub fn share(&self) -> Share {
        let memory = self.memory();
        Share {
            memory_bytes: memory.memory_bytes.load(Ordering::Acquire),
            uid: memory.uid.load(Ordering::Relaxed),
        }
    }

    /// Stores why the response is ended early but in order.
    pub fn set_cut(&self, reason: Outcome) {
        self.memory().cut.store(reason.to_bits(), Ordering::Release);
    }

    /// Why the response is ended early; `None` while it is not, or where the memory holds no outcome.
    pub fn cut(&self) -> Option<Outcome> {
        Outcome::from_bits(self.memory().cut.load(Ordering::Acquire))
    }

    /// Stores how the download ended.
    pub fn close(&self, outcome: Outcome) {
        let bits = outcome.to_bits();
        self.memory().outcome.store(bits, Ordering::Release);
        self.set_state(SlotState::Closing);
    }

    /// How the download ended, where it has.
    pub fn outcome(&self) -> Option<Outcome> {
        let outcome = Outcome::from_bits(self.memory().outcome.load(Ordering::Acquire));
        outcome.filter(|_| self.state() == Some(SlotState::Closing))
    }

    /// Stores what TCP had been given before the first byte of the body, where that is known.
    pub fn set_base(&self, given_bytes: Option<u64>) {
        let base = given_bytes.unwrap_or(NO_BASE);
        self.memory().base.store(base, Ordering::Release);
    }

    /// What TCP had been given before the first byte of the body.
    pub fn base(&self) -> Option<u64> {
        let base = self.memory().base.load(Ordering::Acquire);
        (base != NO_BASE).then_some(base)
    }

    /// A worker died of a fault while it worked on this. Returns how often that was so, one after the other.
    pub fn note_fault(&self) -> u32 {
        let faults = &self.memory().faults;
        let count = faults.load(Ordering::Relaxed).saturating_add(1);
        faults.store(count, Ordering::Release);
        count
    }

    /// It has made progress: what was before is no fault of its.
    pub fn forgive(&self) {
        self.memory().faults.store(0, Ordering::Relaxed);
    }

    fn memory(&self) -> &'table SlotMemory {
        // SAFETY: it lives as long as the table and was zeroed when made, which every field takes (`new`). The bytes
        // that the kernel writes are in cells.
        unsafe { self.memory.as_ref() }
    }
}
