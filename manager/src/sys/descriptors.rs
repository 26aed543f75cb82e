//! The descriptors that a new worker finds open: those it claims by their numbers, and the rest, which it closes.

use std::collections::BTreeSet;
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;
use nix::libc;
use nix::sys::resource::{Resource, getrlimit};
use send_file_wire::{Descriptors, ReceiveError};

use super::slot::Slot;

/// The descriptors of a process that has just begun and has opened nothing itself: each number belongs to nobody
/// until it is claimed, and to one owner from then on.
#[derive(Debug)]
pub struct Unclaimed {
    claimed: BTreeSet<RawFd>,
    /// The numbers there are to claim, where the process has others besides; `None`: all.
    left: Option<BTreeSet<RawFd>>,
}

/// What a dead worker received into a slot, as far as it can be told.
#[derive(Debug)]
pub enum Landed {
    /// Nothing yet.
    Nothing,
    /// A packet, which is in the slot, and its descriptors.
    Packet(Result<Descriptors, ReceiveError>),
}

impl Unclaimed {
    /// For the one place where such a process begins. The standard streams are claimed.
    pub(super) fn of_a_fresh_child() -> Unclaimed {
        Unclaimed {
            claimed: (0..=2).collect(),
            left: None,
        }
    }

    /// What owners leave open that are no more, in a process that goes on: for tests and fuzzing.
    pub fn left_by(owners: Vec<OwnedFd>) -> Unclaimed {
        Unclaimed {
            claimed: BTreeSet::new(),
            left: Some(owners.into_iter().map(IntoRawFd::into_raw_fd).collect()),
        }
    }

    /// Says that a value that came with the memory of the process owns this one.
    pub fn except(&mut self, owned: &impl AsRawFd) {
        self.claimed.insert(owned.as_raw_fd());
    }

    /// The descriptor of this number; `None` where it is not open, or somebody's already.
    pub fn claim(&mut self, number: RawFd) -> Option<OwnedFd> {
        if !self.is_free(number) {
            return None;
        }
        self.claimed.insert(number);
        // SAFETY: it is open, and nobody in this process owns it: the process has opened nothing (`of_a_fresh_child`),
        // or its owner gave it up (`left_by`), what came with its memory is in the set (`except`), and the set lets
        // every number through once.
        Some(unsafe { OwnedFd::from_raw_fd(number) })
    }

    /// What a dead worker was receiving into this slot. To be asked once.
    pub fn claim_landed(&mut self, slot: &Slot) -> Landed {
        let numbers = slot.landed_numbers();
        if numbers.is_empty() && !slot.has_bytes() {
            return Landed::Nothing;
        }
        let distinct: BTreeSet<&RawFd> = numbers.iter().collect();
        if distinct.len() < numbers.len() || !numbers.iter().all(|number| self.is_free(*number)) {
            // It was rejected and closed already, or the memory is not what a worker left.
            return Landed::Packet(Err(ReceiveError::Count(0)));
        }
        // SAFETY: they are open and nobody's, as in `claim`, and are taken once.
        let taken = unsafe { slot.take_landed() };
        if let Ok(descriptors) = &taken {
            self.except(&descriptors.connection);
            self.except(&descriptors.file);
        }
        Landed::Packet(taken)
    }

    /// Closes everything that was not claimed.
    ///
    /// # Errors
    /// Those of close_range(2).
    pub fn close_the_rest(self) -> nix::Result<()> {
        if let Some(left) = self.left {
            for number in left.difference(&self.claimed) {
                close_range(number.cast_unsigned(), number.cast_unsigned() + 1)?;
            }
            return Ok(());
        }
        let mut first = 0;
        for claimed in self.claimed {
            close_range(first, claimed.cast_unsigned())?;
            first = claimed.cast_unsigned() + 1;
        }
        close_range(first, u32::MAX)
    }

    fn is_free(&self, number: RawFd) -> bool {
        let may_be_claimed = self.left.as_ref().is_none_or(|left| left.contains(&number));
        may_be_claimed && !self.claimed.contains(&number) && is_open(number)
    }
}

/// The descriptor of this number, which the program before this one left open. It answers once, and is to be asked before
/// anything else is opened.
///
/// # Errors
/// `EBADF` if there is none, or one was asked for before.
pub fn inherited(number: RawFd) -> nix::Result<OwnedFd> {
    static ASKED: AtomicBool = AtomicBool::new(false);
    if !is_open(number) || ASKED.swap(true, Ordering::Relaxed) {
        return Err(Errno::EBADF);
    }
    // SAFETY: it is open and asked for once, before this process has opened anything that it could be instead.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Closes the numbers from `first` to the one before `end`.
fn close_range(first: u32, end: u32) -> nix::Result<()> {
    if first >= end {
        return Ok(());
    }
    // SAFETY: the numbers between two claimed ones are nobody's (`Unclaimed`).
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, end - 1, 0) };
    match Errno::result(result) {
        // Linux before 5.9, or a container that does not know it.
        Err(Errno::ENOSYS | Errno::EPERM) => close_one_by_one(first, end),
        result => result.map(drop),
    }
}

fn close_one_by_one(first: u32, end: u32) -> nix::Result<()> {
    let (limit, _) = getrlimit(Resource::RLIMIT_NOFILE)?;
    let end = u64::from(end).min(limit);
    for number in u64::from(first)..end {
        // SAFETY: as above. Most are not open, which is no error here.
        unsafe { libc::close(number as RawFd) };
    }
    Ok(())
}

fn is_open(number: RawFd) -> bool {
    // SAFETY: the call takes two integers and says so if the number means nothing.
    number >= 0 && unsafe { libc::fcntl(number, libc::F_GETFD) } >= 0
}
