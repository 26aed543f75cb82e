//! One slot of the job table: everything about a download that must outlive the process that carries it.
//!
//! A slot lies in shared memory. Nothing here ever makes a Rust reference to bytes that the kernel writes: they are
//! received through raw pointers and copied out. The rest are atomics, written in the order that makes every moment
//! one a successor can go on from.

use std::cell::UnsafeCell;
use std::io;
use std::marker::PhantomData;
use std::mem::{MaybeUninit, offset_of};
use std::ops::Range;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicI32, AtomicU32, AtomicU64, Ordering};

use nix::errno::Errno;
use nix::libc;
use send_file_wire::channel::PacketMemory;
use send_file_wire::limits::{HEAD_BYTES, MAX_PACKET_BYTES};
use send_file_wire::message::HEADER_BYTES;
use send_file_wire::{Commit, Descriptors, Landing, Offer, OfferId, ReceiveError};
use xxhash_rust::xxh3::Xxh3Default;

use super::checked::{Checked16, Checked32};
use crate::crash;
use crate::outcome::Outcome;
use crate::source::Intent;

/// What a slot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
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

/// A number that no descriptor has, and that does not stand for none.
const UNKNOWN: RawFd = -2;

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

/// The memory of a slot holds no outcome where there should be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoOutcome;

/// The memory of a slot does not hold what TCP had been given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoBase;

/// The layout in shared memory.
#[repr(C, align(64))]
pub(super) struct SlotMemory {
    /// Zero is `Free`, too.
    state: Checked16,
    /// Segment * 2, plus 1 for `Intent::Send`.
    intent: Checked16,
    peer: AtomicI32,
    connection: AtomicI32,
    file: AtomicI32,
    literals: AtomicI32,
    frames: AtomicI32,
    packet_bytes: AtomicU32,
    staging: Checked32,
    /// An `Outcome` as bits, for which the response is ended early but in order; clear while it is not.
    cut: Checked16,
    /// An `Outcome` as bits; clear while the download is not over.
    outcome: Checked16,
    uid: AtomicU32,
    memory_bytes: AtomicU32,
    /// What TCP had been given before the first byte of the body; `NO_BASE` where that is not known.
    base: AtomicU64,
    /// The complement of `base`.
    base_check: AtomicU64,
    cookie: AtomicU64,
    device: AtomicU64,
    inode: AtomicU64,
    /// A hash of what does not change from the accept on: the packet, the numbers, the identity, the share.
    seal: AtomicU64,
    /// How often a worker died of a fault while it worked on this, without a byte of progress in between.
    faults: AtomicU32,
    /// Written by the kernel, like the two below.
    commit: UnsafeCell<[u8; HEADER_BYTES]>,
    landing: UnsafeCell<MaybeUninit<Landing>>,
    head: UnsafeCell<[u8; HEAD_BYTES]>,
}

/// The bytes of a slot whose change makes another message of what a worker sent: the commit.
pub const COMMIT_BYTES: Range<usize> = bytes_at(offset_of!(SlotMemory, commit), HEADER_BYTES);

/// The bytes of a slot that seal others.
pub const SEAL_BYTES: Range<usize> = bytes_at(offset_of!(SlotMemory, seal), 8);

/// The bytes of a slot without which nobody knows whose connection it was: its number, its cookie, and the id of the
/// offer that was committed.
pub const CONNECTION_BYTES: [Range<usize>; 3] = [
    bytes_at(offset_of!(SlotMemory, connection), 4),
    bytes_at(offset_of!(SlotMemory, cookie), 8),
    bytes_at(offset_of!(SlotMemory, head) + 8, 8),
];

/// Where in a slot the first bytes of the packet lie.
#[cfg(test)]
pub(super) const PACKET_AT: usize = offset_of!(SlotMemory, head);

const fn bytes_at(at: usize, count: usize) -> Range<usize> {
    at..at + count
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
        self.memory().state.clear();
        // SAFETY: this thread is the only user of the slot (`new`), and no reference into a cell is ever made.
        unsafe {
            self.memory().commit.get().write_bytes(0, 1);
            self.memory().head.get().write_bytes(0, 1);
            // The numbers in it are somebody else's by now.
            self.memory().landing.get().write_bytes(0, 1);
        }
        self.memory().intent.clear();
        self.memory().packet_bytes.store(0, Ordering::Relaxed);
        self.memory().cut.clear();
        self.memory().outcome.clear();
        self.memory().seal.store(0, Ordering::Relaxed);
        self.set_base(None);
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

    /// The id of the offer in the slot, however much of it there is.
    pub fn claimed_id(&self) -> OfferId {
        // SAFETY: as in `has_bytes`.
        Offer::claimed_id(&unsafe { self.memory().head.get().read() })
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
        self.memory().state.store(state as u16);
    }

    /// The state, `None` where the memory holds none.
    pub fn state(&self) -> Option<SlotState> {
        use SlotState::{Active, Closing, Free, Lingering, Offered, Receiving};
        if self.memory().state.is_clear() {
            return Some(Free);
        }
        let state = self.memory().state.load()?;
        [Free, Receiving, Offered, Active, Lingering, Closing]
            .into_iter()
            .find(|known| *known as u16 == state)
    }

    /// Stores what is about to be done with the body.
    pub fn set_intent(&self, intent: Intent) {
        let word = match intent {
            Intent::Seek(segment) => segment * 2,
            Intent::Send(segment) => segment * 2 + 1,
        };
        // An offer has `MAX_PARTS` segments at most.
        self.memory().intent.store(word as u16);
    }

    /// What was about to be done with the body, `None` where the memory holds no intent.
    pub fn intent(&self) -> Option<Intent> {
        let word = u32::from(self.memory().intent.load()?);
        Some(if word.is_multiple_of(2) {
            Intent::Seek(word / 2)
        } else {
            Intent::Send(word / 2)
        })
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
        self.memory().staging.store(number);
    }

    /// The descriptors.
    pub fn numbers(&self) -> Numbers {
        let memory = self.memory();
        Numbers {
            peer: memory.peer.load(Ordering::Relaxed),
            connection: memory.connection.load(Ordering::Relaxed),
            file: memory.file.load(Ordering::Relaxed),
            literals: memory.literals.load(Ordering::Relaxed),
            frames: memory.frames.load(Ordering::Relaxed),
            staging: memory.staging.load().unwrap_or(UNKNOWN),
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

    /// Fixes what does not change from here on: the packet, the numbers but for the staging, the identity, the share.
    pub fn seal(&self) {
        self.memory().seal.store(self.hash(), Ordering::Release);
    }

    /// Whether all of that is as it was.
    pub fn is_sealed(&self) -> bool {
        self.memory().seal.load(Ordering::Acquire) == self.hash()
    }

    fn hash(&self) -> u64 {
        let mut hash = Xxh3Default::new();
        hash.update(&self.packet());
        let numbers = self.numbers();
        for number in [
            numbers.peer,
            numbers.connection,
            numbers.file,
            numbers.literals,
            numbers.frames,
        ] {
            hash.update(&number.to_ne_bytes());
        }
        let identity = self.identity();
        for word in [identity.cookie, identity.device, identity.inode] {
            hash.update(&word.to_ne_bytes());
        }
        let share = self.share();
        for word in [share.uid, share.memory_bytes] {
            hash.update(&word.to_ne_bytes());
        }
        hash.digest()
    }

    /// Stores why the response is ended early but in order.
    pub fn set_cut(&self, reason: Outcome) {
        self.memory().cut.store(bits_of(reason));
    }

    /// Why the response is ended early, where it is.
    ///
    /// # Errors
    /// The memory holds no outcome.
    pub fn cut(&self) -> Result<Option<Outcome>, NoOutcome> {
        outcome_in(&self.memory().cut)
    }

    /// Stores how the download ended.
    pub fn close(&self, outcome: Outcome) {
        self.memory().outcome.store(bits_of(outcome));
        self.set_state(SlotState::Closing);
    }

    /// How the download ended, where it has.
    ///
    /// # Errors
    /// The memory holds no outcome.
    pub fn outcome(&self) -> Result<Option<Outcome>, NoOutcome> {
        if self.state() != Some(SlotState::Closing) {
            return Ok(None);
        }
        match outcome_in(&self.memory().outcome)? {
            None => Err(NoOutcome),
            outcome => Ok(outcome),
        }
    }

    /// Stores what TCP had been given before the first byte of the body, where that is known.
    pub fn set_base(&self, given_bytes: Option<u64>) {
        let base = given_bytes.unwrap_or(NO_BASE);
        self.memory().base_check.store(!base, Ordering::Relaxed);
        self.memory().base.store(base, Ordering::Release);
    }

    /// What TCP had been given before the first byte of the body, where that is known.
    ///
    /// # Errors
    /// The memory does not hold what was stored. Nor does it between the two stores, but then the slot is not yet
    /// `Active`.
    pub fn base(&self) -> Result<Option<u64>, NoBase> {
        let base = self.memory().base.load(Ordering::Acquire);
        if self.memory().base_check.load(Ordering::Relaxed) != !base {
            return Err(NoBase);
        }
        Ok((base != NO_BASE).then_some(base))
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

/// Linux has no errno above 255, so that kind and errno fit.
fn bits_of(outcome: Outcome) -> u16 {
    outcome.to_bits() as u16
}

fn outcome_in(word: &Checked16) -> Result<Option<Outcome>, NoOutcome> {
    if word.is_clear() {
        return Ok(None);
    }
    let bits = word.load().ok_or(NoOutcome)?;
    Outcome::from_bits(bits.into()).map(Some).ok_or(NoOutcome)
}
