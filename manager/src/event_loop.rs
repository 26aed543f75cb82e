//! The loop: the one place that waits.
//!
//! A turn takes new offers and commits first, then gives every ready job a budgeted turn of its own, then looks at
//! deadlines. Events are edge-triggered, so whatever stopped for its budget and not for `WouldBlock` stays on a ready
//! list. Deadlines are recomputed from the state of a peer or job after everything that may have changed it.
#![forbid(unsafe_code)]

use std::collections::{HashSet, VecDeque};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Instant;

use mio::event::Event;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll};
use nix::sys::signalfd::SignalFd;

use crate::accept::{Accepted, Listener};
use crate::job::{Job, Turn};
use crate::key::Key;
use crate::limits::{
    ACCEPT_BATCH, EVENTS_PER_TURN, LOOP_TURN_BYTES, MAX_DESCRIPTORS_PER_JOB, RETRY_INTERVAL,
};
use crate::outcome::Outcome;
use crate::peer::{Admission, CloseReason, OfferError, Peer, PeerOutcome};
use crate::refusals::Refusals;
use crate::registry::{Handle, Registry};
use crate::settings::Settings;
use crate::sys::table::{JobTable, SlotIndex};
use crate::timers::TimerTable;

/// A download and its slot.
struct Running {
    job: Box<Job>,
    slot: SlotIndex,
    /// It is on the ready list.
    queued: bool,
}

/// How far the manager is with ending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    No,
    /// No new offers; running downloads go on.
    Draining,
    /// Running downloads were cut and finish their last record.
    Cut,
}

/// Everything that lives while the manager runs.
pub struct EventLoop {
    poll: Poll,
    settings: Settings,
    table: JobTable,
    listener: Option<Listener>,
    /// Connections may be waiting: no `EAGAIN` since the last event.
    listener_ready: bool,
    signals: SignalFd,
    peers: Registry<Peer>,
    jobs: Registry<Running>,
    ready: VecDeque<Handle>,
    timers: TimerTable<Key>,
    /// The connections offered or being sent on.
    cookies: HashSet<u64>,
    job_descriptors: usize,
    refusals: Refusals,
    ending: Ending,
}

impl EventLoop {
    /// A loop that serves this listener.
    ///
    /// # Errors
    /// Those of epoll and of the memory for the table.
    pub fn new(settings: Settings, listener: Listener, signals: SignalFd) -> io::Result<EventLoop> {
        let poll = Poll::new()?;
        let table = JobTable::create(settings.max_jobs)?;
        let readable = Interest::READABLE;
        poll.registry().register(
            &mut SourceFd(&listener.as_raw_fd()),
            Key::Listener.token(),
            readable,
        )?;
        poll.registry().register(
            &mut SourceFd(&signals.as_raw_fd()),
            Key::Signals.token(),
            readable,
        )?;
        Ok(EventLoop {
            poll,
            settings,
            table,
            listener: Some(listener),
            listener_ready: true,
            signals,
            peers: Registry::new(),
            jobs: Registry::new(),
            ready: VecDeque::new(),
            timers: TimerTable::new(),
            cookies: HashSet::new(),
            job_descriptors: 0,
            refusals: Refusals::new(),
            ending: Ending::No,
        })
    }

    /// Serves until it was told to end and has.
    ///
    /// # Errors
    /// Those of epoll_wait(2).
    pub fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS_PER_TURN);
        let mut waiting_peers = Vec::new();
        while !self.is_over() {
            self.wait(&mut events)?;
            let now = Instant::now();
            for event in &events {
                self.dispatch(event, &mut waiting_peers, now);
            }
            self.accept(&mut waiting_peers, now);
            for peer in waiting_peers.drain(..) {
                self.serve_peer(peer, now);
            }
            self.serve_ready_jobs(now);
            while let Some(key) = self.timers.pop_expired(now) {
                self.expire(key, now);
            }
        }
        debug_assert!(
            !self.peers.is_empty() || (self.cookies.is_empty() && self.job_descriptors == 0),
            "with nobody served, something is still counted"
        );
        Ok(())
    }

    fn wait(&mut self, events: &mut Events) -> io::Result<()> {
        let now = Instant::now();
        let accepting = self.listener_ready && self.may_accept();
        let timeout = if self.ready.is_empty() && !accepting {
            self.timers.next_timeout(now)
        } else {
            Some(std::time::Duration::ZERO)
        };
        match self.poll.poll(events, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            result => result,
        }
    }

    fn dispatch(&mut self, event: &Event, waiting_peers: &mut Vec<Handle>, now: Instant) {
        match Key::from_token(event.token()) {
            Key::Listener => self.listener_ready = true,
            Key::Signals => self.take_signals(now),
            Key::Peer(peer) => waiting_peers.push(peer),
            Key::Job(job) => {
                // Errors and hang-ups are found by reading: nothing is concluded from an event that may be late.
                let readable = event.is_readable() || event.is_read_closed() || event.is_error();
                if let Some(running) = self.jobs.get_mut(job) {
                    running.job.woken(readable);
                    self.make_ready(job);
                }
            }
            Key::Drain => {}
        }
    }

    fn accept(&mut self, waiting_peers: &mut Vec<Handle>, now: Instant) {
        for _ in 0..ACCEPT_BATCH {
            if !self.listener_ready || !self.make_room(now) {
                return;
            }
            let Some(listener) = &self.listener else {
                return;
            };
            match listener.accept() {
                Accepted::Peer(socket, uid) if !self.settings.allowed_uids.contains(&uid) => {
                    drop(socket);
                    self.refusals.log(now, || {
                        tracing::warn!(uid, "refused a peer: its user is not allowed")
                    });
                }
                Accepted::Peer(socket, uid) => {
                    let handle = self.peers.insert(Peer::new(socket, uid, now));
                    let Some(peer) = self.peers.get_mut(handle) else {
                        return;
                    };
                    let deadline = peer.deadline();
                    match register(
                        &self.poll,
                        peer.socket(),
                        Key::Peer(handle),
                        Interest::READABLE,
                    ) {
                        Ok(()) => waiting_peers.push(handle),
                        Err(error) => {
                            return self.close_peer(handle, &CloseReason::Broken(error), now);
                        }
                    }
                    self.timers.set(Key::Peer(handle), Some(deadline));
                }
                Accepted::None => self.listener_ready = false,
                Accepted::Later(error) => {
                    tracing::warn!(%error, "could not accept a peer; trying again soon");
                    self.listener_ready = false;
                    self.timers.set(Key::Listener, Some(now + RETRY_INTERVAL));
                }
            }
        }
    }

    /// Room for one more worker: with the bound reached, the one that has been idle longest makes it. Where all have
    /// offers that they are about to commit, connections wait in the listener's queue.
    fn make_room(&mut self, now: Instant) -> bool {
        if !self.may_accept() {
            return false;
        }
        if self.peers.len() >= self.settings.max_peers
            && let Some(idle) = self.longest_idle()
        {
            self.close_peer(idle, &CloseReason::Idle, now);
        }
        true
    }

    fn may_accept(&self) -> bool {
        self.listener.is_some()
            && (self.peers.len() < self.settings.max_peers || self.longest_idle().is_some())
    }

    fn longest_idle(&self) -> Option<Handle> {
        let idle = self.peers.iter().filter(|(_, peer)| peer.slot().is_none());
        idle.min_by_key(|(_, peer)| peer.deadline())
            .map(|(handle, _)| handle)
    }

    fn serve_peer(&mut self, handle: Handle, now: Instant) {
        let Some(peer) = self.peers.get_mut(handle) else {
            return;
        };
        let outcome = match peer.slot() {
            Some(slot) => peer.receive_commit(&self.table.slot(slot)),
            None => self.receive_offer(handle, now),
        };
        self.follow(handle, outcome, now);
    }

    fn receive_offer(&mut self, handle: Handle, now: Instant) -> PeerOutcome {
        let has_room =
            self.job_descriptors + MAX_DESCRIPTORS_PER_JOB <= self.settings.job_descriptors;
        let claimed = if has_room { self.table.claim() } else { None };
        let refusal = match self.ending {
            Ending::No if claimed.is_none() => Some(OfferError::Busy),
            Ending::No => None,
            Ending::Draining | Ending::Cut => Some(OfferError::Draining),
        };
        let index = claimed.unwrap_or_else(|| self.table.reject_slot());
        let is_active = |cookie: u64| self.cookies.contains(&cookie);
        let admission = Admission {
            refusal,
            is_active: &is_active,
        };
        let Some(peer) = self.peers.get_mut(handle) else {
            return PeerOutcome::Keep;
        };
        let slot = self.table.slot(index);
        let outcome = peer.receive_offer(index, &slot, admission, self.settings.offer_timeout, now);
        match peer.cookie() {
            Some(cookie) => {
                self.cookies.insert(cookie);
                self.job_descriptors += peer.descriptor_count() - 1;
                self.timers.set(Key::Peer(handle), Some(peer.deadline()));
            }
            None => self.table.release(index),
        }
        if matches!(outcome, PeerOutcome::Keep) && peer.slot().is_some() {
            // The commit may have come before the event for it was asked for: edge-triggered, it would not be seen.
            return peer.receive_commit(&self.table.slot(index));
        }
        outcome
    }

    fn follow(&mut self, handle: Handle, outcome: PeerOutcome, now: Instant) {
        match outcome {
            PeerOutcome::Keep => {}
            PeerOutcome::Close(reason) => self.close_peer(handle, &reason, now),
            PeerOutcome::Spawn(slot, job) => {
                self.forget_peer(handle);
                self.spawn(slot, job, now);
            }
        }
    }

    fn close_peer(&mut self, handle: Handle, reason: &CloseReason, now: Instant) {
        let Some(peer) = self.forget_peer(handle) else {
            return;
        };
        if let (Some(slot), Some(cookie)) = (peer.slot(), peer.cookie()) {
            self.job_descriptors -= peer.descriptor_count() - 1;
            self.cookies.remove(&cookie);
            self.table.release(slot);
        }
        match reason {
            CloseReason::Withdrawn => {
                tracing::debug!(uid = peer.uid, "offer withdrawn by its worker")
            }
            reason => self.refusals.log(now, || {
                tracing::warn!(uid = peer.uid, "closed a peer: {reason}")
            }),
        }
    }

    fn forget_peer(&mut self, handle: Handle) -> Option<Peer> {
        let peer = self.peers.remove(handle)?;
        deregister(&self.poll, peer.socket());
        self.timers.set(Key::Peer(handle), None);
        Some(peer)
    }

    fn spawn(&mut self, slot: SlotIndex, mut job: Box<Job>, now: Instant) {
        let taken = job.take_over(&self.table.slot(slot), self.settings.stall_timeout, now);
        let handle = self.jobs.insert(Running {
            job,
            slot,
            queued: false,
        });
        let Some(running) = self.jobs.get_mut(handle) else {
            return;
        };
        let interest = Interest::READABLE | Interest::WRITABLE;
        let registered = register(
            &self.poll,
            running.job.connection(),
            Key::Job(handle),
            interest,
        );
        match taken.and(registered) {
            Ok(()) => self.make_ready(handle),
            Err(error) => {
                let errno = error
                    .raw_os_error()
                    .map_or(nix::Error::EIO, nix::Error::from_raw);
                self.end_job(handle, Outcome::SendFailed(errno), now);
            }
        }
    }

    fn make_ready(&mut self, handle: Handle) {
        if let Some(running) = self.jobs.get_mut(handle)
            && !running.queued
        {
            running.queued = true;
            self.ready.push_back(handle);
        }
    }

    /// Each ready job once, or fewer if they send much: offers wait for the end of this.
    fn serve_ready_jobs(&mut self, now: Instant) {
        let mut left_bytes = LOOP_TURN_BYTES;
        for _ in 0..self.ready.len() {
            let Some(job) = self.ready.pop_front() else {
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
        let (held, sent) = (running.job.descriptor_count(), running.job.body_sent());
        let turn = running.job.turn(&self.table.slot(running.slot), now);
        self.job_descriptors += running.job.descriptor_count() - held;
        let sent = running.job.body_sent() - sent;
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
        self.cookies.remove(&running.job.cookie());
        self.job_descriptors -= running.job.descriptor_count();
        self.table.release(running.slot);
        running.job.end(outcome, now);
    }

    fn expire(&mut self, key: Key, now: Instant) {
        match key {
            Key::Listener => self.listener_ready = true,
            Key::Drain => self.advance_ending(now),
            Key::Peer(handle) => self.expire_peer(handle, now),
            Key::Job(handle) => {
                if let Some(running) = self.jobs.get_mut(handle) {
                    let turn = running.job.timed_out(self.settings.stall_timeout, now);
                    self.settle(handle, turn, now);
                }
            }
            Key::Signals => {}
        }
    }

    fn expire_peer(&mut self, handle: Handle, now: Instant) {
        if let Some(peer) = self.peers.get_mut(handle) {
            let slot = peer.slot().map(|slot| self.table.slot(slot));
            let outcome = peer.expire(slot.as_ref());
            self.follow(handle, outcome, now);
        }
    }

    fn take_signals(&mut self, now: Instant) {
        while let Ok(Some(_)) = self.signals.read_signal() {
            self.advance_ending(now);
        }
    }

    /// From serving to draining to cutting, by a signal or by the deadline.
    fn advance_ending(&mut self, now: Instant) {
        match self.ending {
            Ending::No => {
                self.ending = Ending::Draining;
                if let Some(listener) = self.listener.take() {
                    deregister(&self.poll, listener.as_fd());
                    listener.close();
                }
                self.timers
                    .set(Key::Drain, Some(now + self.settings.drain_timeout));
                tracing::info!(downloads = self.jobs.len(), "ending: no new downloads");
            }
            Ending::Draining => {
                self.ending = Ending::Cut;
                self.timers.set(Key::Drain, None);
                tracing::info!(
                    downloads = self.jobs.len(),
                    "ending: cutting running downloads"
                );
                // From here on no commit comes: those that are there are honoured, then cut like the others.
                for handle in self.peers.handles() {
                    self.expire_peer(handle, now);
                }
                for handle in self.jobs.handles() {
                    self.cut_job(handle, now);
                }
            }
            Ending::Cut => {}
        }
    }

    fn cut_job(&mut self, handle: Handle, now: Instant) {
        if let Some(running) = self.jobs.get_mut(handle) {
            let turn = running.job.cut(Outcome::CutByShutdown, now);
            self.settle(handle, turn, now);
        }
    }

    /// Accepted offers are waited for as downloads are: their workers may commit at any moment.
    fn is_over(&self) -> bool {
        let offered = || self.peers.iter().any(|(_, peer)| peer.slot().is_some());
        match self.ending {
            Ending::No => false,
            Ending::Draining => self.jobs.is_empty() && !offered(),
            Ending::Cut => self.jobs.is_empty(),
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
