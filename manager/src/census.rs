//! What offers and downloads hold of what is bounded for all of them: memory, and places by user.
//!
//! Kept by connection, since no connection is offered twice. All of it can be told from the slots, so that a successor
//! counts the same.
#![forbid(unsafe_code)]

use rustc_hash::FxHashMap;
use send_file_wire::limits::HEAD_BYTES;
use send_file_wire::{Framing, Offer, Part};

use crate::limits::{PAGE_BYTES, STAGING_BYTES};
use crate::sys::slot::Share;

/// Everything that is offered or sent.
#[derive(Debug, Default)]
pub struct Census {
    /// By the connection's cookie, which nobody but the kernel chooses.
    shares: FxHashMap<u64, Share>,
    places_by_uid: FxHashMap<u32, u32>,
    memory_bytes: u64,
}

impl Census {
    /// Whether the connection is offered or sent on.
    pub fn contains(&self, cookie: u64) -> bool {
        self.shares.contains_key(&cookie)
    }

    /// How many connections are.
    pub fn len(&self) -> u32 {
        self.shares.len() as u32
    }

    /// Whether nobody is.
    pub fn is_empty(&self) -> bool {
        self.shares.is_empty() && self.places_by_uid.is_empty() && self.memory_bytes == 0
    }

    /// How many offers and downloads a user has.
    pub fn places_of(&self, uid: u32) -> u32 {
        self.places_by_uid.get(&uid).copied().unwrap_or(0)
    }

    /// What all of them hold beyond their slots.
    pub fn memory_bytes(&self) -> u64 {
        self.memory_bytes
    }

    /// Counts one in.
    pub fn enter(&mut self, cookie: u64, share: Share) {
        self.leave(cookie);
        self.shares.insert(cookie, share);
        *self.places_by_uid.entry(share.uid).or_default() += 1;
        self.memory_bytes += u64::from(share.memory_bytes);
    }

    /// Pieces of its file are staged from now on.
    pub fn stage(&mut self, cookie: u64) {
        if let Some(share) = self.shares.get_mut(&cookie) {
            // What stood in a damaged slot may be any number.
            let before_bytes = share.memory_bytes;
            share.memory_bytes = before_bytes.saturating_add(STAGED_BYTES);
            self.memory_bytes += u64::from(share.memory_bytes - before_bytes);
        }
    }

    /// Counts one out.
    pub fn leave(&mut self, cookie: u64) {
        let Some(share) = self.shares.remove(&cookie) else {
            return;
        };
        self.memory_bytes -= u64::from(share.memory_bytes);
        if let Some(places) = self.places_by_uid.get_mut(&share.uid) {
            *places -= 1;
            if *places == 0 {
                self.places_by_uid.remove(&share.uid);
            }
        }
    }
}

/// A piece that begins in one block of the memfd and ends in the next.
const STAGED_BYTES: u32 = 2 * STAGING_BYTES as u32;

/// What an offer of so many bytes holds beyond its slot: the rest of the packet, the literal bytes, the frames, in pages.
pub fn memory_bytes(packet_bytes: usize, offer: &Offer) -> u32 {
    let literal_bytes = |part: &Part| match part {
        Part::Literal(bytes) => bytes.len(),
        Part::Span { .. } => 0,
    };
    let frame_bytes = match offer.framing {
        Framing::Raw => 0,
        // What is behind them is a hole in the memfd.
        Framing::FastCgi(_) => PAGE_BYTES,
    };
    let held = [
        packet_bytes.saturating_sub(HEAD_BYTES),
        offer.parts.iter().map(literal_bytes).sum(),
        frame_bytes,
    ];
    let pages: usize = held.iter().map(|bytes| bytes.div_ceil(PAGE_BYTES)).sum();
    u32::try_from(pages * PAGE_BYTES).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use send_file_wire::{FastCgi, OfferId, ServerKind};
    use std::collections::HashMap;
    use std::num::NonZeroU16;

    fn share(uid: u32, memory_bytes: u32) -> Share {
        Share { uid, memory_bytes }
    }

    #[test]
    fn an_offer_holds_pages_for_what_does_not_fit_its_slot() {
        let offer = |framing, parts| Offer {
            id: OfferId(1),
            framing,
            rate: None,
            parts,
            tag: Vec::new(),
        };
        let fastcgi = Framing::FastCgi(FastCgi {
            request_id: NonZeroU16::new(1).unwrap(),
            server: ServerKind::Nginx,
            keep: false,
        });
        let span = Part::Span { offset: 0, len: 1 };
        let literal = |bytes| Part::Literal(vec![7; bytes]);
        let plain = offer(Framing::Raw, vec![span.clone()]);
        assert_eq!(memory_bytes(100, &plain), 0);
        assert_eq!(memory_bytes(HEAD_BYTES + 1, &plain), 4096);
        assert_eq!(memory_bytes(100, &offer(fastcgi, vec![span])), 4096);
        let long = offer(fastcgi, vec![literal(4096), literal(1)]);
        assert_eq!(memory_bytes(4400, &long), (2 + 2 + 1) * 4096);
    }

    #[test]
    fn a_staged_file_is_counted_until_its_download_is_over() {
        let mut census = Census::default();
        census.enter(1, share(7, 100));
        census.stage(1);
        assert_eq!(census.memory_bytes(), 100 + 2 * STAGING_BYTES);
        census.leave(1);
        assert!(census.is_empty());
    }

    #[test]
    fn what_stood_in_a_damaged_slot_is_counted_in_and_out_again() {
        let mut census = Census::default();
        census.enter(1, share(7, u32::MAX));
        census.stage(1);
        census.leave(1);
        assert!(census.is_empty());
    }

    proptest! {
        #[test]
        fn what_is_counted_is_the_sum_of_what_is_there(
            steps in prop::collection::vec((any::<bool>(), 0..8u64, 0..3u32, 0..10_000u32), 1..100),
        ) {
            let mut census = Census::default();
            let mut there = HashMap::new();
            for (enters, cookie, uid, bytes) in steps {
                if enters {
                    census.enter(cookie, share(uid, bytes));
                    there.insert(cookie, (uid, bytes));
                } else {
                    census.leave(cookie);
                    there.remove(&cookie);
                }
                let bytes: u64 = there.values().map(|(_, bytes)| u64::from(*bytes)).sum();
                prop_assert_eq!(census.memory_bytes(), bytes);
                for uid in 0..3 {
                    let places = there.values().filter(|(of, _)| *of == uid).count();
                    prop_assert_eq!(census.places_of(uid) as usize, places);
                }
            }
            for cookie in 0..8 {
                census.leave(cookie);
            }
            prop_assert!(census.is_empty());
        }
    }
}
