//! The job table: fixed slots in a memfd that a successor can map.
//!
//! A page for the head, and two areas: the slots, dense, so that a download costs half a kilobyte; and behind them room for the rest of long
//! offers, sparse, so that it costs nothing until a multi-range offer touches it.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::marker::PhantomData;
use std::mem::size_of;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::ptr::NonNull;

use memmap2::{MmapOptions, MmapRaw};
use send_file_wire::limits::{HEAD_BYTES, MAX_PACKET_BYTES, OVERFLOW_BYTES};

use super::head::Head;
use super::memfd;
use super::slot::{Slot, SlotMemory, SlotState};
use super::socket;

/// The number of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SlotIndex(pub u32);

/// Where in the memfd the slots begin: behind the head's page.
pub const SLOTS_AT: usize = 4096;

/// The distance between two slots.
pub const SLOT_BYTES: usize = size_of::<SlotMemory>();
const _: () = assert!(size_of::<Head>() <= SLOTS_AT);

/// The distance between overflow areas: whole pages, so that one can be given back alone.
const OVERFLOW_STRIDE: usize = MAX_PACKET_BYTES;
const _: () = assert!(OVERFLOW_STRIDE >= OVERFLOW_BYTES && OVERFLOW_STRIDE.is_multiple_of(4096));

/// The table of one process.
pub struct JobTable {
    map: MmapRaw,
    memfd: File,
    slots: u32,
    free: Vec<SlotIndex>,
    /// Not to be shared between threads: `Slot` relies on it.
    single_threaded: PhantomData<*mut ()>,
}

impl JobTable {
    /// A table with room for `jobs` downloads, and one slot more to receive those offers in that are then rejected for
    /// want of room.
    ///
    /// # Errors
    /// Those of memfd_create(2), ftruncate(2) and mmap(2).
    pub fn create(jobs: u32) -> io::Result<JobTable> {
        let slots = jobs + 1;
        let memfd = memfd::create("send-file-jobs")?;
        let overflow_at = overflow_at(slots);
        memfd.set_len((overflow_at + slots as usize * OVERFLOW_STRIDE) as u64)?;
        memfd::seal_size(&memfd)?;
        let map = MmapOptions::new().map_raw(&memfd)?;
        let free = (0..jobs).rev().map(SlotIndex).collect();
        Ok(JobTable {
            map,
            memfd,
            slots,
            free,
            single_threaded: PhantomData,
        })
    }

    /// What guardian and workers tell each other.
    pub fn head(&self) -> &Head {
        // SAFETY: the mapping begins with a page for it, was zeroed, which every field takes, and lives as long as
        // `self`. The fields are atomics, as other processes write them, too.
        unsafe { &*self.map.as_mut_ptr().cast::<Head>() }
    }

    /// All slots, with the one for offers that are rejected.
    pub fn indices(&self) -> impl Iterator<Item = SlotIndex> + use<> {
        (0..self.slots).map(SlotIndex)
    }

    /// Says which slots a dead worker left in use; all others are free.
    pub fn keep(&mut self, used: &HashSet<SlotIndex>) {
        // Not what this process knows of: it may be the copy of one that had taken slots which are free by now.
        let jobs = self.reject_slot_index().0;
        let unused = (0..jobs).rev().map(SlotIndex);
        self.free = unused.filter(|index| !used.contains(index)).collect();
    }

    /// How many slots are in use.
    pub fn used_slots(&self) -> usize {
        self.slots as usize - 1 - self.free.len()
    }

    /// A free slot, prepared, or `None` when the table is full.
    pub fn claim(&mut self) -> Option<SlotIndex> {
        let index = self.free.pop()?;
        self.slot(index).prepare();
        Some(index)
    }

    /// The slot for an offer that will be rejected, prepared.
    pub fn reject_slot(&self) -> SlotIndex {
        let index = self.reject_slot_index();
        self.slot(index).prepare();
        index
    }

    /// The slot for an offer that will be rejected.
    pub fn reject_slot_index(&self) -> SlotIndex {
        SlotIndex(self.slots - 1)
    }

    /// Gives a slot back.
    pub fn release(&mut self, index: SlotIndex) {
        let slot = self.slot(index);
        slot.set_state(SlotState::Free);
        if slot.packet_bytes() > HEAD_BYTES {
            let at = overflow_at(self.slots) + index.0 as usize * OVERFLOW_STRIDE;
            // Only memory is lost if it fails, and it is asked again with the next long offer.
            let _ = memfd::punch_hole(&self.memfd, at as u64, OVERFLOW_STRIDE as u64);
        }
        if index != self.reject_slot_index() {
            self.free.push(index);
        }
    }

    /// Makes the coming close of every connection that carries a download a visible break. For a process that gives up
    /// with all descriptors open; it allocates nothing.
    pub fn reset_all_on_close(&self) {
        for slot in self.indices().map(|index| self.slot(index)) {
            let number = slot.numbers().connection;
            let is_ours = slot.state() == Some(SlotState::Active)
                || slot.state() == Some(SlotState::Offered) && slot.commit().is_some();
            if is_ours && number >= 0 {
                // SAFETY: it is borrowed for one call, which does nothing to what is no socket; if the number means
                // nothing, the call says so.
                socket::reset_on_close(unsafe { BorrowedFd::borrow_raw(number) });
            }
        }
    }

    /// Whether there is a slot of this number.
    pub fn contains(&self, index: SlotIndex) -> bool {
        index.0 < self.slots
    }

    /// The slot of this number.
    pub fn slot(&self, index: SlotIndex) -> Slot<'_> {
        assert!(self.contains(index), "slot {} of {}", index.0, self.slots);
        let at = index.0 as usize;
        // SAFETY: the memfd was made with room for `slots` of both areas and sealed; the assertion keeps `at` inside.
        // The mapping is page aligned, `SlotMemory` is 64-byte aligned, and it lives as long as `self`, which is
        // bound to one thread.
        unsafe {
            let base = NonNull::new_unchecked(self.map.as_mut_ptr());
            let memory = base.add(SLOTS_AT + at * SLOT_BYTES).cast();
            Slot::new(
                memory,
                base.add(overflow_at(self.slots) + at * OVERFLOW_STRIDE),
            )
        }
    }
}

impl AsRawFd for JobTable {
    fn as_raw_fd(&self) -> RawFd {
        self.memfd.as_raw_fd()
    }
}

const fn overflow_at(slots: u32) -> usize {
    SLOTS_AT + (slots as usize * size_of::<SlotMemory>()).next_multiple_of(4096)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Intent;
    use crate::sys::slot::{CONNECTION_BYTES, Identity, PACKET_AT, Share};
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
    use send_file_wire::{Commit, Framing, Offer, OfferId, Part, channel};
    use std::os::fd::{AsFd, OwnedFd};
    use std::os::unix::fs::FileExt;

    fn channel() -> (OwnedFd, OwnedFd) {
        socketpair(
            AddressFamily::Unix,
            SockType::SeqPacket,
            None,
            SockFlag::SOCK_CLOEXEC,
        )
        .unwrap()
    }

    fn offer(literal_bytes: usize) -> Offer {
        let parts = vec![
            Part::Span { offset: 1, len: 2 },
            Part::Literal(vec![7; literal_bytes]),
        ];
        Offer {
            id: OfferId(3),
            framing: Framing::Raw,
            rate: None,
            parts,
            tag: b"tag".to_vec(),
        }
    }

    #[test]
    fn a_slot_is_at_most_half_a_kilobyte() {
        assert!(size_of::<SlotMemory>() <= 512);
    }

    #[test]
    fn a_long_offer_and_its_commit_are_found_in_the_slot_and_gone_from_the_next_claim() {
        let mut table = JobTable::create(1).unwrap();
        let index = table.claim().unwrap();
        assert!(table.claim().is_none());
        let (worker, manager) = channel();
        let file = File::open("/proc/self/exe").unwrap();
        let packet = offer(5000).encode().unwrap();
        channel::send(worker.as_fd(), &packet, &[worker.as_fd(), file.as_fd()]).unwrap();
        let (bytes, descriptors) = table.slot(index).receive_offer(manager.as_fd()).unwrap();
        assert_eq!(bytes, packet.len());
        assert!(descriptors.is_ok());
        assert_eq!(Offer::decode(&table.slot(index).packet()), Ok(offer(5000)));

        channel::send(worker.as_fd(), &Commit(OfferId(3)).encode(), &[]).unwrap();
        assert_eq!(table.slot(index).receive_commit(manager.as_fd()), Ok(16));
        assert_eq!(table.slot(index).commit(), Some(Commit(OfferId(3))));

        table.release(index);
        assert_eq!(table.claim(), Some(index));
        assert_eq!(table.slot(index).commit(), None);
        assert!(table.slot(index).packet().is_empty());
    }

    #[test]
    fn slots_that_somebody_had_taken_are_free_once_nobody_says_that_they_are_in_use() {
        let mut table = JobTable::create(3).unwrap();
        let (first, second) = (table.claim().unwrap(), table.claim().unwrap());
        table.keep(&HashSet::from([second]));
        let free: Vec<SlotIndex> = std::iter::from_fn(|| table.claim()).collect();
        assert_eq!(free, [first, SlotIndex(2)]);
    }

    #[test]
    fn a_bit_that_changes_after_the_accept_breaks_the_seal() {
        let mut table = JobTable::create(1).unwrap();
        let index = table.claim().unwrap();
        let (worker, manager) = channel();
        let file = File::open("/proc/self/exe").unwrap();
        let packet = offer(500).encode().unwrap();
        channel::send(worker.as_fd(), &packet, &[worker.as_fd(), file.as_fd()]).unwrap();
        let received = table.slot(index).receive_offer(manager.as_fd()).unwrap();
        let identity = Identity {
            cookie: 1,
            device: 2,
            inode: 3,
        };
        table.slot(index).set_identity(identity);
        let share = Share {
            uid: 33,
            memory_bytes: 4096,
        };
        table.slot(index).set_share(share);
        table.slot(index).seal();
        assert!(table.slot(index).is_sealed());
        for other in [
            Share { uid: 34, ..share },
            Share {
                memory_bytes: 0,
                ..share
            },
        ] {
            table.slot(index).set_share(other);
            assert!(!table.slot(index).is_sealed(), "{other:?}");
        }
        table.slot(index).set_share(share);
        let flip = |at: usize| {
            let mut byte = [0];
            table.memfd.read_exact_at(&mut byte, at as u64).unwrap();
            table.memfd.write_all_at(&[byte[0] ^ 1], at as u64).unwrap();
        };
        let (head_at, overflow_at) = (SLOTS_AT + PACKET_AT, overflow_at(2));
        let in_packet = (head_at..head_at + HEAD_BYTES).chain(overflow_at..overflow_at + 300);
        let in_others = CONNECTION_BYTES
            .into_iter()
            .flatten()
            .map(|at| SLOTS_AT + at);
        for at in in_packet.chain(in_others) {
            flip(at);
            assert!(!table.slot(index).is_sealed(), "byte {at}");
            flip(at);
        }
        assert!(table.slot(index).is_sealed());
        drop(received);
    }

    #[test]
    fn state_intent_and_share_read_back_as_written() {
        let table = JobTable::create(1).unwrap();
        let slot = table.slot(SlotIndex(0));
        assert_eq!(slot.state(), Some(SlotState::Free));
        for intent in [
            Intent::Seek(0),
            Intent::Send(0),
            Intent::Seek(128),
            Intent::Send(128),
        ] {
            slot.set_intent(intent);
            assert_eq!(slot.intent(), Some(intent));
        }
        let share = Share {
            uid: 33,
            memory_bytes: 4096,
        };
        slot.set_share(share);
        assert_eq!(slot.share(), share);
        slot.set_state(SlotState::Lingering);
        assert_eq!(slot.state(), Some(SlotState::Lingering));
    }
}
