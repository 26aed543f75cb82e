//! The loop: the one place that waits.
//!
//! A turn takes new offers and commits first, then gives every ready job a budgeted turn of its own, then looks at
//! deadlines. Events are edge-triggered, so whatever stopped for its budget and not for `WouldBlock` stays on a ready
//! list. Deadlines are recomputed from the state of a peer or job after everything that may have changed it.
#![forbid(unsafe_code)]

mod ending;
mod offers;
mod status;
mod succession;
mod warming;

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::event::Event;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll};

use crate::census::Census;
use crate::crash;
use crate::filesystem::Mounts;
use crate::guardian::Foundation;
use crate::job::{Job, Turn};
use crate::key::Key;
use crate::limits::{ACCEPT_BATCH, EVENTS_PER_TURN, HEARTBEAT, LOOP_TURN_BYTES};
use crate::master::Seat;
use crate::outcome::Outcome;
use crate::peer::{CloseReason, Peer};
use crate::queue::ReadyQueue;
use crate::recovery::{Dormant, Found};
use crate::refusals::Refusals;
use crate::registry::{Handle, Registry};
use crate::settings::Settings;
use crate::spare::SpareFrames;
use crate::sys::bell::Bell;
use crate::sys::head::Ending;
use crate::sys::table::{JobTable, SlotIndex};
use crate::timers::TimerTable;
use crate::unsent::Unsent;
use warming::Warming;

/// A download and its slot.
struct Running {
    job: Box<Job>,
    slot: SlotIndex,
    /// It is on the ready list.
    queued: bool,
}

/// Everything that lives while the manager runs.
pub struct EventLoop {
    poll: Poll,
    settings: Settings,
    table: JobTable,
    seat: Seat,
    /// Connections may be waiting: no `EAGAIN` since the last event.
    listener_ready: bool,
    /// The others have had their head start for the connections that wait now.
    head_start_given: bool,
    /// A worker was told a moment ago that its offer is accepted, or has announced one.
    packet_is_near_until: Instant,
    spare_frames: SpareFrames,
    doorbell: Arc<Bell>,
    guardian: Option<OwnedFd>,
    peers: Registry<Peer>,
    jobs: Registry<Running>,
    /// Downloads of a dead worker that wait for their turn to be gone on with.
    dormant: VecDeque<Dormant>,
    /// What a dead worker left, until the loop starts.
    found: Option<Found>,
    ready: ReadyQueue<Handle>,
    timers: TimerTable<Key>,
    /// The connections offered or being sent on, and what they hold.
    census: Census,
    job_descriptors: usize,
    refusals: Refusals,
    mounts: Mounts,
    /// Who reads what is on the disk only.
    warming: Warming,
    ending: Ending,
    /// The guardian is gone.
    is_orphaned: bool,
    /// Answered ones.
    inquiries: u32,
}

/// Why the loop is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaving {
    /// It was told to end, and has.
    Ended,
    /// The guardian is gone, and this process is to take its place.
    Orphaned,
}

/// What has come since the last turn. It is kept from turn to turn for its memory alone.
#[derive(Debug)]
pub struct Arrivals {
    events: Events,
    peers: Vec<Handle>,
}

impl Arrivals {
    /// Nothing yet, with room for all that one turn takes.
    pub fn new() -> Arrivals {
        Arrivals {
            events: Events::with_capacity(EVENTS_PER_TURN),
            peers: Vec::with_capacity(EVENTS_PER_TURN + ACCEPT_BATCH),
        }
    }
}

impl Default for Arrivals {
    fn default() -> Self {
        Arrivals::new()
    }
}

impl EventLoop {
    /// A loop that serves this listener, and goes on with what was found.
    pub fn new(poll: Poll, settings: Settings, foundation: Foundation, found: Found) -> EventLoop {
        let ready = ReadyQueue::new(settings.queue);
        let Foundation {
            seat,
            table,
            doorbell,
            guardian,
        } = foundation;
        let inquiries = table.head().inquiries();
        let warming = Warming::new(doorbell.clone());
        EventLoop {
            poll,
            settings,
            table,
            seat,
            listener_ready: true,
            head_start_given: false,
            packet_is_near_until: Instant::now(),
            spare_frames: SpareFrames::default(),
            doorbell,
            guardian,
            peers: Registry::new(),
            jobs: Registry::new(),
            dormant: VecDeque::new(),
            found: Some(found),
            ready,
            timers: TimerTable::new(),
            census: Census::default(),
            job_descriptors: 0,
            refusals: Refusals::new(),
            mounts: Mounts::default(),
            warming,
            ending: Ending::No,
            is_orphaned: false,
            inquiries,
        }
    }

    /// Serves until it was told to end and has, or has lost its guardian.
    ///
    /// # Errors
    /// Those of epoll. The loop must not be dropped then: a successor will want its descriptors.
    pub fn run(&mut self) -> io::Result<Leaving> {
        let mut arrivals = Arrivals::new();
        self.start(Instant::now())?;
        loop {
            if let Some(leaving) = self.leaving() {
                return Ok(leaving);
            }
            self.turn(&mut arrivals)?;
        }
    }

    /// Waits for something to do, and does it.
    ///
    /// # Errors
    /// Those of epoll.
    pub fn turn(&mut self, arrivals: &mut Arrivals) -> io::Result<()> {
        let Arrivals { events, peers } = arrivals;
        self.wait(events)?;
        let now = Instant::now();
        for event in &*events {
            self.dispatch(event, peers, now);
        }
        self.accept(peers, now);
        for peer in peers.drain(..) {
            self.serve_peer(peer, now);
        }
        self.report();
        self.revive_some(now);
        self.serve_ready_jobs(now);
        self.table.head().set_current(None);
        while let Some(key) = self.timers.pop_expired(now) {
            self.expire(key, now);
        }
        debug_assert!(
            self.downloads() + self.peers.len() > 0
                || (self.census.is_empty() && self.job_descriptors == 0),
            "with nobody served, something is still counted"
        );
        Ok(())
    }

    /// What outlives a worker. Nothing else is dropped: it is the successor's.
    pub fn into_foundation(self) -> Foundation {
        let EventLoop {
            poll,
            table,
            seat,
            doorbell,
            guardian,
            peers,
            jobs,
            dormant,
            warming,
            ..
        } = self;
        warming.end();
        std::mem::forget((poll, peers, jobs, dormant));
        Foundation {
            seat,
            table,
            doorbell,
            guardian,
        }
    }

    /// Registers what it listens to, and takes up what a dead worker left.
    ///
    /// # Errors
    /// Those of epoll.
    pub fn start(&mut self, now: Instant) -> io::Result<()> {
        let readable = Interest::READABLE;
        if let Some(listener) = &self.seat.listener {
            register(&self.poll, listener.as_fd(), Key::Listener, readable)?;
        }
        register(&self.poll, self.doorbell.as_fd(), Key::Doorbell, readable)?;
        if let Some(guardian) = &self.guardian {
            register(&self.poll, guardian.as_fd(), Key::Guardian, readable)?;
        }
        if let Some(found) = self.found.take() {
            self.take_up(found, now);
        }
        self.follow_ending(now);
        Ok(())
    }

    fn wait(&mut self, events: &mut Events) -> io::Result<()> {
        let now = Instant::now();
        let accepting = self.listener_ready && self.may_accept();
        let timeout = if self.ready.is_empty() && self.dormant.is_empty() && !accepting {
            let next = self.timers.next_timeout(now);
            Some(next.map_or(HEARTBEAT, |next| next.min(HEARTBEAT)))
        } else {
            Some(Duration::ZERO)
        };
        self.table.head().count_turn();
        self.table.head().set_current(None);
        while timeout != Some(Duration::ZERO) && Instant::now() < self.packet_is_near_until {
            self.poll(events, Some(Duration::ZERO))?;
            if !events.is_empty() {
                return Ok(());
            }
            std::thread::yield_now();
        }
        if timeout != Some(Duration::ZERO) {
            self.spare_frames.prepare(now);
        }
        self.poll(events, timeout)
    }

    fn poll(&mut self, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
        match self.poll.poll(events, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            result => result,
        }
    }

    fn dispatch(&mut self, event: &Event, waiting_peers: &mut Vec<Handle>, now: Instant) {
        match Key::from_token(event.token()) {
            Key::Listener => self.listener_ready = true,
            Key::Doorbell => self.answer_doorbell(now),
            Key::Guardian => self.is_orphaned = true,
            Key::Peer(peer) => waiting_peers.push(peer),
            Key::Job(job) => {
                // Errors and hang-ups are found by reading: nothing is concluded from an event that may be late.
                let readable = event.is_readable() || event.is_read_closed() || event.is_error();
                if let Some(running) = self.jobs.get_mut(job) {
                    running.job.woken(readable);
                    self.make_ready(job);
                }
            }
        }
    }

    /// Starts a download, or goes on with one.
    fn spawn(&mut self, slot: SlotIndex, mut job: Box<Job>, now: Instant) -> Option<Handle> {
        // Of all cells, as they share what the kernel allows.
        let downloads = self.seat.board.downloads();
        let unsent = Unsent::new(self.settings.unsent_bytes, downloads, now);
        let slot_memory = self.table.slot(slot);
        let taken = job.take_over(&slot_memory, self.settings.patience, unsent, now);
        let handle = self.jobs.insert(Running {
            job,
            slot,
            queued: false,
        });
        self.ready.make_room(self.jobs.len());
        let connection = self.jobs.get_mut(handle)?.job.connection();
        let interest = Interest::READABLE | Interest::WRITABLE;
        let registered = register(&self.poll, connection, Key::Job(handle), interest);
        crash::point("commit.registered");
        match taken.and(registered) {
            Ok(()) => self.make_ready(handle),
            Err(error) => {
                let errno = error
                    .raw_os_error()
                    .map_or(nix::Error::EIO, nix::Error::from_raw);
                self.end_job(handle, Outcome::SendFailed(errno), now);
                return None;
            }
        }
        Some(handle)
    }

    fn make_ready(&mut self, handle: Handle) {
        if let Some(running) = self.jobs.get_mut(handle)
            && !running.queued
        {
            running.queued = true;
            self.ready.push(handle, running.job.body_left_bytes());
        }
    }

    /// As many turns as jobs are ready, or fewer if they send much: offers wait for the end of this.
    fn serve_ready_jobs(&mut self, now: Instant) {
        let mut left_bytes = LOOP_TURN_BYTES;
        for _ in 0..self.ready.len() {
            let Some(job) = self.ready.pop() else {
                return;
            };
            left_bytes = left_bytes.saturating_sub(self.serve_job(job, now));
            if left_bytes == 0 {
                return;
            }
        }
    }

    /// One turn of a job; returns the bytes of its body that left.
    fn serve_job(&mut self, handle: Handle, now: Instant) -> u64 {
        let Some(running) = self.jobs.get_mut(handle) else {
            return 0;
        };
        running.queued = false;
        self.table.head().set_current(Some(running.slot));
        let (held, sent) = (running.job.descriptor_count(), running.job.body_sent());
        let turn = running.job.turn(&self.table.slot(running.slot), now);
        let staged = running.job.descriptor_count() - held;
        if staged > 0 {
            self.job_descriptors += staged;
            self.census.stage(running.job.cookie());
        }
        let sent = running.job.body_sent() - sent;
        if sent > 0 {
            self.table.slot(running.slot).forgive();
        }
        if running.job.take_request() {
            self.ask_for_pages(handle, now);
        }
        self.settle(handle, turn, now);
        sent
    }

    fn settle(&mut self, handle: Handle, turn: Turn, now: Instant) {
        match turn {
            Turn::Again => self.make_ready(handle),
            Turn::Wait => {}
            Turn::Ended(outcome) => return self.end_job(handle, outcome, now),
        }
        if let Some(running) = self.jobs.get_mut(handle) {
            self.timers
                .set(Key::Job(handle), Some(running.job.deadline()));
        }
    }

    fn end_job(&mut self, handle: Handle, outcome: Outcome, now: Instant) {
        let Some(running) = self.jobs.remove(handle) else {
            return;
        };
        // Before the close: the worker's copy may keep the description alive, and its events coming.
        deregister(&self.poll, running.job.connection());
        self.timers.set(Key::Job(handle), None);
        self.census.leave(running.job.cookie());
        self.job_descriptors -= running.job.descriptor_count();
        // Said twice rather than never, if this process dies in between.
        self.table.slot(running.slot).close(outcome);
        crash::point("end.closing");
        running.job.end(outcome, now);
        crash::point("end.logged");
        self.table.release(running.slot);
        crash::point("end.released");
        self.close_all_but_what_is_read(handle, running);
    }

    fn expire(&mut self, key: Key, now: Instant) {
        match key {
            Key::Listener => self.listener_ready = true,
            Key::Peer(handle) => self.expire_peer(handle, now),
            Key::Job(handle) => {
                if let Some(running) = self.jobs.get_mut(handle) {
                    self.table.head().set_current(Some(running.slot));
                    let turn = running
                        .job
                        .timed_out(self.settings.patience.stall_timeout, now);
                    self.settle(handle, turn, now);
                }
            }
            Key::Doorbell | Key::Guardian => {}
        }
    }

    fn expire_peer(&mut self, handle: Handle, now: Instant) {
        if let Some(peer) = self.peers.get_mut(handle) {
            let slot = peer.slot().map(|slot| self.table.slot(slot));
            let outcome = peer.expire(slot.as_ref());
            self.follow(handle, outcome, now);
            // If it has committed at the last moment: nothing more can be heard of it.
            self.close_peer(handle, &CloseReason::NotNeeded, now);
        }
    }
}

fn register(poll: &Poll, fd: BorrowedFd, key: Key, interest: Interest) -> io::Result<()> {
    poll.registry()
        .register(&mut SourceFd(&fd.as_raw_fd()), key.token(), interest)
}

fn deregister(poll: &Poll, fd: BorrowedFd) {
    // It fails only for a descriptor that was never registered, and then there is nothing to undo.
    let _ = poll.registry().deregister(&mut SourceFd(&fd.as_raw_fd()));
}
