//! Workers in the loop: accepted, heard, answered, closed.
#![forbid(unsafe_code)]

use std::cmp::Reverse;
use std::collections::HashMap;
use std::time::Instant;

use mio::Interest;
use send_file_wire::ReceiveError;

use super::{EventLoop, deregister, register};
use crate::accept::Accepted;
use crate::crash;
use crate::key::Key;
use crate::limits::{
    ACCEPT_BATCH, BALANCE_SLACK, HEAD_START, MAX_DESCRIPTORS_PER_JOB, RELIEF_WAIT, RETRY_INTERVAL,
    YIELDING,
};
use crate::peer::{Admission, CloseReason, OfferError, Peer, PeerOutcome};
use crate::registry::Handle;
use crate::sys::head::Ending;
use crate::sys::table::SlotIndex;

impl EventLoop {
    pub(super) fn accept(&mut self, waiting_peers: &mut Vec<Handle>, now: Instant) {
        if self.listener_ready && self.give_head_start(now) {
            return;
        }
        for _ in 0..ACCEPT_BATCH {
            if !self.listener_ready || !self.make_room(now) {
                return;
            }
            let Some(listener) = &self.seat.listener else {
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
                    match self.add_peer(Peer::new(socket, uid, now), now) {
                        Some(handle) => waiting_peers.push(handle),
                        None => return,
                    }
                }
                Accepted::None => {
                    self.listener_ready = false;
                    self.head_start_given = false;
                }
                Accepted::Later(error) => {
                    self.refusals.log(now, || {
                        tracing::warn!(%error, "could not accept a peer; trying again soon");
                    });
                    self.listener_ready = false;
                    self.timers.set(Key::Listener, Some(now + RETRY_INTERVAL));
                }
            }
        }
    }

    /// Leaves the connections that wait to the other cells for a moment, where this one has more downloads than another, or
    /// no room and a fresh one is to come: all of them hear of each connection, and one that nobody takes is taken here
    /// after all.
    fn give_head_start(&mut self, now: Instant) -> bool {
        let start = match self.seat.entry().is_full() && !self.has_descriptors() {
            true => RELIEF_WAIT,
            false if self.is_above_the_others() => HEAD_START,
            false => return false,
        };
        if self.head_start_given {
            return false;
        }
        self.head_start_given = true;
        self.listener_ready = false;
        self.timers.set(Key::Listener, Some(now + start));
        true
    }

    fn is_above_the_others(&self) -> bool {
        let fewest = self.seat.board.fewest_downloads();
        self.engagements() > fewest + fewest / 8 + BALANCE_SLACK
    }

    /// Adds a worker to those that are listened to.
    pub(super) fn add_peer(&mut self, peer: Peer, now: Instant) -> Option<Handle> {
        let deadline = peer.deadline();
        let handle = self.peers.insert(peer);
        let socket = self.peers.get_mut(handle)?.socket();
        let registered = register(&self.poll, socket, Key::Peer(handle), Interest::READABLE);
        if let Err(error) = registered {
            // An accepted offer may have its commit in the queue: nothing else would ever look.
            match self.peers.get_mut(handle)?.slot() {
                Some(_) => self.expire_peer(handle, now),
                None => self.close_peer(handle, &CloseReason::Broken(error), now),
            }
            return None;
        }
        self.timers.set(Key::Peer(handle), Some(deadline));
        Some(handle)
    }

    /// Room for one more worker: with the bound reached, the one that has been idle longest makes it. Where all have
    /// offers that they are about to commit, connections wait in the listener's queue.
    fn make_room(&mut self, now: Instant) -> bool {
        if !self.may_accept() {
            return false;
        }
        if self.peers.len() >= self.settings.max_peers
            && let Some(idle) = self.longest_idle()
            && let Some(peer) = self.peers.get_mut(idle)
        {
            let reason = peer.why_idle();
            self.close_peer(idle, &reason, now);
        }
        true
    }

    pub(super) fn may_accept(&self) -> bool {
        self.seat.listener.is_some()
            && (self.peers.len() < self.settings.max_peers
                || self.peers.iter().any(|(_, peer)| peer.slot().is_none()))
    }

    /// Of the users who have somebody idle, the one with the most workers connected loses one.
    fn longest_idle(&self) -> Option<Handle> {
        let mut peers_by_uid: HashMap<u32, usize> = HashMap::new();
        for (_, peer) in self.peers.iter() {
            *peers_by_uid.entry(peer.uid).or_default() += 1;
        }
        let idle = self.peers.iter().filter(|(_, peer)| peer.slot().is_none());
        idle.min_by_key(|(_, peer)| (Reverse(peers_by_uid[&peer.uid]), peer.deadline()))
            .map(|(handle, _)| handle)
    }

    /// Reads what a worker has sent. It may send its next offer right behind a commit.
    pub(super) fn serve_peer(&mut self, handle: Handle, now: Instant) {
        let mut may_go_on = true;
        while may_go_on {
            let Some(peer) = self.peers.get_mut(handle) else {
                return;
            };
            let outcome = match peer.slot() {
                Some(slot) => {
                    self.table.head().set_current(Some(slot));
                    peer.receive_commit(&self.table.slot(slot))
                }
                None => self.receive_offer(handle, now),
            };
            may_go_on = matches!(outcome, PeerOutcome::Spawn(..) | PeerOutcome::Announced);
            self.follow(handle, outcome, now);
        }
    }

    fn receive_offer(&mut self, handle: Handle, now: Instant) -> PeerOutcome {
        let claimed = if self.has_room() {
            self.table.claim()
        } else {
            None
        };
        let index = claimed.unwrap_or_else(|| self.table.reject_slot());
        self.hear_offer(handle, index, None, now)
    }

    /// Whether the user of a worker may have one more offer.
    fn has_room_for_user(&self, handle: Handle) -> bool {
        let Some(uid) = self.peers.get(handle).map(|peer| peer.uid) else {
            return true;
        };
        let max_offers = self.settings.max_offers_per_uid;
        let has_offered = |peer: &Peer| peer.uid == uid && peer.slot().is_some();
        let offers = || self.peers.iter().filter(|(_, peer)| has_offered(peer));
        // Counted only where there are enough to matter.
        self.census.places_of(uid) < self.settings.max_jobs_per_uid
            && (self.peers.len() <= max_offers || offers().count() < max_offers)
    }

    fn has_room(&self) -> bool {
        let entry = self.seat.entry();
        // Said before it is asked: two cells may both refuse the last download, but never both take it.
        entry.set_downloads(self.engagements() + 1);
        let has_room =
            self.has_descriptors() && self.seat.board.downloads() <= self.settings.max_jobs;
        if !has_room {
            entry.set_downloads(self.engagements());
        }
        has_room
    }

    fn has_descriptors(&self) -> bool {
        let spare = self.spare_frames.descriptor_count();
        let held = self.job_descriptors + self.warming.file_count() + spare;
        held + MAX_DESCRIPTORS_PER_JOB <= self.settings.job_descriptors
    }

    /// Takes an offer into a slot and answers it; one that a dead worker had received is in the slot already.
    pub(super) fn hear_offer(
        &mut self,
        handle: Handle,
        index: SlotIndex,
        landed: Option<Result<send_file_wire::Descriptors, ReceiveError>>,
        now: Instant,
    ) -> PeerOutcome {
        let refusal = match self.ending {
            Ending::No if index == self.table.reject_slot_index() => Some(OfferError::Busy),
            Ending::No if !self.has_room_for_user(handle) => Some(OfferError::Busy),
            Ending::No => None,
            Ending::Draining | Ending::Cut => Some(OfferError::Draining),
        };
        let is_active = |cookie: u64| self.census.contains(cookie);
        let held_bytes = self.census.memory_bytes();
        let admission = Admission {
            refusal,
            memory_left_bytes: self.settings.max_memory_bytes.saturating_sub(held_bytes),
            allow_remote_files: self.settings.allow_remote_files,
            mounts: &mut self.mounts,
            frames: &mut self.spare_frames,
            is_active: &is_active,
        };
        let Some(peer) = self.peers.get_mut(handle) else {
            return PeerOutcome::Keep;
        };
        self.table.head().set_current(Some(index));
        let slot = self.table.slot(index);
        let offer_timeout = self.settings.offer_timeout;
        let outcome = match landed {
            None => peer.receive_offer(index, &slot, admission, offer_timeout, now),
            Some(landed) => peer.answer_offer(index, &slot, landed, admission, offer_timeout, now),
        };
        match peer.cookie() {
            Some(cookie) => {
                self.census.enter(cookie, self.table.slot(index).share());
                self.job_descriptors += peer.descriptor_count() - 1;
                self.timers.set(Key::Peer(handle), Some(peer.deadline()));
            }
            None => self.table.release(index),
        }
        let entry = self.seat.entry();
        entry.set_downloads(self.census.len());
        if matches!(outcome, PeerOutcome::Keep) && peer.slot().is_some() {
            self.packet_is_near_until = now + YIELDING;
            // The commit may have come before the event for it was asked for: edge-triggered, it would not be seen.
            return peer.receive_commit(&self.table.slot(index));
        }
        outcome
    }

    pub(super) fn follow(&mut self, handle: Handle, outcome: PeerOutcome, now: Instant) {
        match outcome {
            PeerOutcome::Keep => {}
            PeerOutcome::Announced => {
                tracing::debug!("a worker announced an offer");
                self.packet_is_near_until = now + YIELDING;
            }
            PeerOutcome::Close(reason) => self.close_peer(handle, &reason, now),
            PeerOutcome::Spawn(slot, job) => {
                self.packet_is_near_until = now;
                self.spawn(slot, job, now);
                crash::point("commit.peer_rests");
                self.rest_peer(handle, now);
            }
        }
    }

    /// A worker keeps its connection for its next offer, unless that is to go to another cell.
    fn rest_peer(&mut self, handle: Handle, now: Instant) {
        if self.ending != Ending::No || self.is_above_the_others() {
            return self.close_peer(handle, &CloseReason::NotNeeded, now);
        }
        if let Some(peer) = self.peers.get_mut(handle) {
            peer.rest(now);
            let deadline = peer.deadline();
            self.timers.set(Key::Peer(handle), Some(deadline));
        }
    }

    pub(super) fn close_peer(&mut self, handle: Handle, reason: &CloseReason, now: Instant) {
        let Some(peer) = self.forget_peer(handle) else {
            return;
        };
        if let (Some(slot), Some(cookie)) = (peer.slot(), peer.cookie()) {
            self.job_descriptors -= peer.descriptor_count() - 1;
            self.census.leave(cookie);
            self.table.release(slot);
            crash::point("offer.released");
        }
        match reason {
            CloseReason::Withdrawn | CloseReason::NotNeeded => {
                tracing::debug!(uid = peer.uid, "closed a peer: {reason}");
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
}
