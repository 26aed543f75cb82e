//! What the loop does to the memory of its process: running downloads take no turn that allocates.

mod rig;

use std::num::NonZeroU64;

use allocation_counter::measure;
use rig::{Download, Rig, Way};
use send_file_wire::Rate;

const DOWNLOADS: usize = 100;
const BODY_BYTES: usize = 8 << 20;

/// What a client takes before the next turn: more than the kernel waits for until it says that there is room.
const PIECE_BYTES: usize = 512 * 1024;

/// What all have taken before anything is counted: tables have grown by then.
const WARM_UP_ROUNDS: usize = 3;
const ROUNDS: usize = 10;

/// The queue of deadlines grows once more when it has twice as many stale ones as downloads, which a busy machine comes to later.
/// What allocates in each turn does so in all rounds.
const LATE_GROWTHS: u64 = 1;

#[test]
fn turns_of_running_downloads_allocate_nothing() {
    for way in [Way::Raw, Way::FastCgi] {
        turns_allocate_nothing(way, None);
    }
}

#[test]
fn turns_of_downloads_that_pause_for_their_rate_allocate_nothing() {
    let rate = Rate {
        bytes_per_sec: NonZeroU64::new(1 << 20).unwrap(),
        burst_bytes: 0,
    };
    turns_allocate_nothing(Way::Raw, Some(rate));
}

fn turns_allocate_nothing(way: Way, rate: Option<Rate>) {
    let mut rig = Rig::new();
    let file = rig.file(BODY_BYTES);
    let mut downloads: Vec<Download> = (0..DOWNLOADS)
        .map(|_| rig.begin(way, &file, rate))
        .collect();
    let mut allocations = 0;
    for round in 0..WARM_UP_ROUNDS + ROUNDS {
        for download in &mut downloads {
            assert!(!download.take(PIECE_BYTES), "the body is too short");
        }
        // One turn serves all that are ready.
        let during = measure(|| rig.turn()).count_total;
        allocations += if round < WARM_UP_ROUNDS { 0 } else { during };
    }
    assert!(
        allocations <= LATE_GROWTHS,
        "{allocations} allocations: {way:?}, {rate:?}"
    );
}
