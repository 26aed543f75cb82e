//! What happens to a job table and to what it names after its worker died.

use std::collections::BTreeSet;
use std::fs::File;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::FileExt;

use nix::unistd::{Whence, lseek};
use send_file_manager::limits::MAX_FAULTS;
use send_file_manager::sys::head::Death;
use send_file_manager::sys::slot::{COMMIT_BYTES, CONNECTION_BYTES, SEAL_BYTES, Slot};
use send_file_manager::sys::table::{JobTable, SLOT_BYTES, SLOTS_AT};

use super::scene::{Moment, Scene};
use crate::input::Input;
use crate::limits::{MAX_ACCIDENTS, MAX_FILE_BYTES};

/// Where the first word of a slot lies that is the number of a descriptor, and how many there are.
const NUMBERS_AT: usize = 8;
const NUMBERS: usize = 6;

/// From this byte on it is no damage, but what workers have died of.
const BLAMED_FROM: u8 = 252;

/// What happened.
#[derive(Default)]
pub(super) struct Accidents {
    count: usize,
    /// The downloads whose slots were changed as a worker would: with the check of a word as well as the word, or to
    /// another message from a PHP worker. That is no accident.
    forged: BTreeSet<usize>,
    /// The downloads whose connection cannot be told any more.
    unknown: BTreeSet<usize>,
    touched: BTreeSet<usize>,
    /// The downloads whose seal was written to: only then may it hold for something else.
    resealed: BTreeSet<usize>,
    /// Somewhere a number is another one, perhaps that of what belongs to another slot.
    numbers_changed: bool,
    /// A descriptor was moved: the kernel no longer knows the place.
    moved: bool,
}

impl Accidents {
    pub(super) fn were_some(&self) -> bool {
        self.count > 0
    }

    pub(super) fn is_unknown(&self, download: usize) -> bool {
        self.unknown.contains(&download)
            || (self.numbers_changed && self.touched.contains(&download))
    }

    pub(super) fn were_moves(&self) -> bool {
        self.moved
    }

    pub(super) fn is_forged(&self, download: usize) -> bool {
        self.forged.contains(&download)
    }
}

/// What the input makes happen.
pub(super) fn happen(input: &mut Input, scene: &Scene) -> Accidents {
    let mut accidents = Accidents::default();
    let table = writable(&scene.table);
    let words = |scene: &Scene| -> Vec<Words> {
        let slots = scene
            .downloads
            .iter()
            .map(|download| scene.table.slot(download.slot));
        slots.map(|slot| Words::of(&slot)).collect()
    };
    let before = words(scene);
    while !input.is_empty() && accidents.count < MAX_ACCIDENTS {
        accidents.count += 1;
        let download = input.below(scene.downloads.len());
        let slot_at = SLOTS_AT + download * SLOT_BYTES;
        let kind = input.byte();
        if kind >= BLAMED_FROM {
            blame(scene, download);
            continue;
        }
        let (at, bytes) = match kind % 6 {
            0 | 1 => (slot_at + input.below(SLOT_BYTES), input.piece().to_vec()),
            2 => {
                let number = any_descriptor(input, scene).to_ne_bytes();
                (
                    slot_at + NUMBERS_AT + 4 * input.below(NUMBERS),
                    number.to_vec(),
                )
            }
            3 => {
                // One slot has what is another's.
                let other = SLOTS_AT + input.below(scene.downloads.len()) * SLOT_BYTES;
                let mut copy = vec![0; SLOT_BYTES];
                table
                    .read_exact_at(&mut copy, other as u64)
                    .expect("it is there");
                (slot_at, copy)
            }
            4 => {
                // One bit, or a few of one byte.
                let at = slot_at + input.below(SLOT_BYTES);
                let mut byte = [0];
                table
                    .read_exact_at(&mut byte, at as u64)
                    .expect("it is there");
                (at, vec![byte[0] ^ 1 << input.below(8)])
            }
            _ => {
                let (number, to) = (
                    any_descriptor(input, scene),
                    u64::from(input.u32()) % MAX_FILE_BYTES,
                );
                if let Some(left) = scene.left.iter().find(|left| left.as_raw_fd() == number) {
                    accidents.moved = true;
                    let _ = lseek(left, to as i64, Whence::SeekSet);
                }
                continue;
            }
        };
        let end = (SLOTS_AT + scene.downloads.len() * SLOT_BYTES).saturating_sub(at);
        let bytes = &bytes[..bytes.len().min(end)];
        accidents.note(at - SLOTS_AT, bytes.len(), scene);
        table.write_all_at(bytes, at as u64).expect("it takes them");
    }
    for (at, (before, after)) in before.iter().zip(words(scene)).enumerate() {
        let is_resealed = accidents.resealed.contains(&at) && after.is_sealed;
        if is_resealed || after.are_others(before) {
            accidents.forged.insert(at);
        }
    }
    accidents
}

/// Workers have died of this download again and again.
fn blame(scene: &Scene, download: usize) {
    let slot = scene.downloads[download].slot;
    for _ in 1..MAX_FAULTS {
        scene.table.slot(slot).note_fault();
    }
    scene.table.head().set_current(Some(slot));
    scene.table.head().note_death(Death::Hung);
}

/// What is in a slot under checks; `None` where a check fails.
struct Words {
    is_sealed: bool,
    others: [Option<String>; 6],
}

impl Words {
    fn of(slot: &Slot) -> Words {
        let numbers = slot.numbers();
        Words {
            is_sealed: slot.is_sealed(),
            others: [
                slot.state().map(|state| format!("{state:?}")),
                slot.intent().map(|intent| format!("{intent:?}")),
                slot.cut().ok().map(|cut| format!("{cut:?}")),
                slot.outcome().ok().map(|outcome| format!("{outcome:?}")),
                slot.base().ok().map(|base| format!("{base:?}")),
                (numbers.staging >= -1).then(|| numbers.staging.to_string()),
            ],
        }
    }

    /// Whether a check holds that should not.
    fn are_others(&self, before: &Words) -> bool {
        let is_other =
            |after: &Option<String>, before: &Option<String>| after.is_some() && after != before;
        let mut pairs = self.others.iter().zip(&before.others);
        pairs.any(|(after, before)| is_other(after, before))
    }
}

impl Accidents {
    fn note(&mut self, at: usize, count: usize, scene: &Scene) {
        for byte in at..at + count {
            let (download, at) = (byte / SLOT_BYTES, byte % SLOT_BYTES);
            let moment = scene.downloads[download].moment;
            self.touched.insert(download);
            if SEAL_BYTES.contains(&at) {
                self.resealed.insert(download);
            }
            self.numbers_changed |= (NUMBERS_AT..NUMBERS_AT + 4 * NUMBERS).contains(&at);
            if CONNECTION_BYTES.iter().any(|bytes| bytes.contains(&at)) {
                self.unknown.insert(download);
            }
            // Whose commit is on its way is found by the number of the peer alone.
            let is_peer = (NUMBERS_AT..NUMBERS_AT + 4).contains(&at);
            let is_lost = is_peer && moment == Moment::CommitSent;
            if COMMIT_BYTES.contains(&at) || is_lost || moment <= Moment::Landed {
                self.forged.insert(download);
            }
        }
    }
}

/// The table as another process would write to it.
fn writable(table: &JobTable) -> File {
    let path = format!("/proc/self/fd/{}", table.as_raw_fd());
    let opened = File::options().read(true).write(true).open(path);
    opened.expect("it is there")
}

fn any_descriptor(input: &mut Input, scene: &Scene) -> RawFd {
    match scene.left.get(input.below(scene.left.len() + 2)) {
        Some(left) => left.as_raw_fd(),
        None => -1,
    }
}
