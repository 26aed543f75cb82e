//! Threads of a worker that read files, so that what they read is in the cache when the loop sends it.
//!
//! They only read: no reader moves a position, opens or closes anything, allocates or logs. A reader is made when none of the
//! others is free. It shares a few atomic words with the loop and no lock: whoever is kept from running while it holds a lock keeps
//! others from running, too.
//!
//! They die with their worker's process. One that is to be a guardian lets them go first ([`Readers::dismiss`]), but for those
//! that wait for a device: those never touch anything again.
#![forbid(unsafe_code)]

use std::io;
use std::ops::Range;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU8, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

use nix::sys::signal::{SigSet, SigmaskHow};

use crate::crash;
use crate::limits::{LOOK_STRIDE_BYTES, READER_NICENESS, READER_STACK_BYTES, READERS};
use crate::sys::bell::Bell;
use crate::sys::cache::{Presence, Scratch, presence};
use crate::sys::process::step_back;

/// One of the readers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReaderIndex(usize);

/// All readers of a worker.
#[derive(Debug)]
pub struct Readers {
    /// What they ring when they have read something.
    bell: Arc<Bell>,
    readers: Vec<Reader>,
    free: Vec<ReaderIndex>,
}

#[derive(Debug)]
struct Reader {
    desk: Arc<Desk>,
    thread: JoinHandle<()>,
}

/// What a reader and the loop tell each other.
#[derive(Debug)]
struct Desk {
    state: AtomicU8,
    /// Written by the loop while the desk is `FREE`, read by the reader while it is `ASKED`.
    file: AtomicI32,
    start: AtomicU64,
    end: AtomicU64,
    /// Written by the reader before `DONE`.
    was_there: AtomicBool,
}

/// The desk is the loop's.
const FREE: u8 = 0;
/// The reader reads, or will.
const ASKED: u8 = 1;
/// It has read; the desk is the loop's again.
const DONE: u8 = 2;
/// It is to end.
const DISMISSED: u8 = 3;
/// Nobody waits for it any more: it must touch nothing.
const ABANDONED: u8 = 4;

impl Readers {
    /// None yet; they will ring this bell.
    pub fn new(bell: Arc<Bell>) -> Readers {
        Readers {
            bell,
            readers: Vec::new(),
            free: Vec::new(),
        }
    }

    /// A reader that is free. `None`: all are busy.
    ///
    /// # Errors
    /// There is no other, and none could be made.
    pub fn free(&mut self) -> io::Result<Option<ReaderIndex>> {
        if let Some(index) = self.free.last() {
            return Ok(Some(*index));
        }
        if self.readers.len() >= READERS {
            return Ok(None);
        }
        match self.start() {
            Ok(()) => Ok(self.free.last().copied()),
            Err(error) if self.readers.is_empty() => Err(error),
            Err(_) => Ok(None),
        }
    }

    /// Has a free reader read a range of a file. The file stays open until that is done.
    pub fn ask(&mut self, index: ReaderIndex, file: RawFd, range: &Range<u64>) {
        self.free.retain(|free| *free != index);
        let Reader { desk, thread } = &self.readers[index.0];
        desk.file.store(file, Ordering::Relaxed);
        desk.start.store(range.start, Ordering::Relaxed);
        desk.end.store(range.end, Ordering::Relaxed);
        desk.state.store(ASKED, Ordering::Release);
        thread.thread().unpark();
    }

    /// Those that have done what they were asked for, with whether all of it had been in the cache before. They are free
    /// again.
    pub fn take_done(&mut self) -> Vec<(ReaderIndex, bool)> {
        let mut done = Vec::new();
        for (index, Reader { desk, .. }) in self.readers.iter().enumerate() {
            if desk.state.load(Ordering::Acquire) == DONE {
                desk.state.store(FREE, Ordering::Relaxed);
                self.free.push(ReaderIndex(index));
                done.push((ReaderIndex(index), desk.was_there.load(Ordering::Relaxed)));
            }
        }
        done
    }

    /// Lets all of them go: afterwards this process has one thread, but for those that wait for a device, and may do so for
    /// ever. They hold nothing, and when they are done they will do nothing else.
    pub fn dismiss(self) {
        for Reader { desk, thread } in self.readers {
            let abandoned =
                desk.state
                    .compare_exchange(ASKED, ABANDONED, Ordering::AcqRel, Ordering::Acquire);
            if abandoned.is_err() {
                desk.state.store(DISMISSED, Ordering::Release);
                thread.thread().unpark();
                // It fails only for one that panicked, and the process dies of that.
                let _ = thread.join();
            }
        }
    }

    fn start(&mut self) -> io::Result<()> {
        let desk = Arc::new(Desk {
            state: AtomicU8::new(FREE),
            file: AtomicI32::new(-1),
            start: AtomicU64::new(0),
            end: AtomicU64::new(0),
            was_there: AtomicBool::new(false),
        });
        let (its_desk, bell) = (desk.clone(), self.bell.clone());
        let reader = thread::Builder::new()
            .name("sf-reader".to_owned())
            .stack_size(READER_STACK_BYTES);
        // Signals are the guardian's and the loop's: a reader begins with all of them blocked.
        let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
        let scratch = Scratch::new();
        let started = reader.spawn(move || serve(&its_desk, &bell, scratch));
        before.thread_set_mask()?;
        let thread = started?;
        self.free.push(ReaderIndex(self.readers.len()));
        self.readers.push(Reader { desk, thread });
        Ok(())
    }
}

/// The life of a reader.
fn serve(desk: &Desk, bell: &Bell, mut scratch: Scratch) {
    step_back(READER_NICENESS);
    loop {
        match desk.state.load(Ordering::Acquire) {
            ASKED => {
                let was_there = read(desk, &mut scratch);
                crash::point("reader.read");
                desk.was_there.store(was_there, Ordering::Relaxed);
                let done =
                    desk.state
                        .compare_exchange(ASKED, DONE, Ordering::AcqRel, Ordering::Relaxed);
                if done.is_ok() {
                    bell.ring();
                }
            }
            DISMISSED => return,
            _ => thread::park(),
        }
    }
}

/// Reads what is asked for; whether all of it was in the cache before. It is read even so: on a page in there the kernel may have
/// noted that it is to read ahead when somebody comes by, and that is not to be the loop.
fn read(desk: &Desk, scratch: &mut Scratch) -> bool {
    let file = desk.file.load(Ordering::Relaxed);
    let range = desk.start.load(Ordering::Relaxed)..desk.end.load(Ordering::Relaxed);
    let was_there = is_there(file, &range);
    scratch.read(file, range);
    was_there
}

fn is_there(file: RawFd, range: &Range<u64>) -> bool {
    let last = range.end - 1;
    let strides = range.clone().step_by(LOOK_STRIDE_BYTES as usize);
    strides
        .chain([last])
        .all(|at| presence(file, at) == Presence::There)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::memfd;
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use std::os::fd::{AsFd, AsRawFd};

    fn readers() -> (Readers, Arc<Bell>) {
        let bell = Arc::new(Bell::new().unwrap());
        (Readers::new(bell.clone()), bell)
    }

    fn wait_for(bell: &Bell) {
        let mut fds = [PollFd::new(bell.as_fd(), PollFlags::POLLIN)];
        assert_eq!(poll(&mut fds, PollTimeout::from(20_000u16)), Ok(1));
        bell.hear();
    }

    #[test]
    fn a_reader_rings_when_it_has_read_and_is_free_again() {
        let (mut readers, bell) = readers();
        let file = memfd::with_bytes("test", b"some", 4).unwrap();
        for _ in 0..3 {
            let reader = readers.free().unwrap().unwrap();
            readers.ask(reader, file.as_raw_fd(), &(0..4));
            wait_for(&bell);
            assert_eq!(readers.take_done(), [(reader, false)]);
            assert_eq!(readers.take_done(), []);
        }
        assert_eq!(readers.readers.len(), 1);
        readers.dismiss();
        assert_eq!(Arc::strong_count(&bell), 1, "no reader is left");
    }

    #[test]
    fn there_are_so_many_readers_and_no_more() {
        let (mut readers, _bell) = readers();
        for _ in 0..READERS {
            let reader = readers.free().unwrap().unwrap();
            // Nobody has looked whether it is done.
            readers.ask(reader, -1, &(0..1));
        }
        assert_eq!(readers.free().unwrap(), None);
        readers.dismiss();
    }
}
