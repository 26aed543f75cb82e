//! A debug build of the manager dies at each of its places with names in turn, while the downloads of the harness run.
//!
//! `manager/tests/survival/places.rs` has the exact case for each place. Here each meets downloads of every kind.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::Context;
use nix::sys::signal::{Signal, kill};

use super::drive::drive;
use super::limits::{CARRIED_BEFORE_A_KILL, MAX_JOBS, PLACE_DOWNLOADS, PLACE_PATIENCE};
use super::log::Logged;
use super::processes::cells;
use super::shelf::Shelf;
use super::{World, manager_flags, raise_descriptor_limit, slots, wait_for_descriptors};
use crate::limits::POLL;
use crate::manager::Manager;
use crate::run::Run;

/// Names the place where a worker dies, see `manager/src/crash.rs`.
const DIE_AT: &str = "SEND_FILE_MANAGER_DIE_AT";

/// All that the downloads of the harness get to. The places of staging need a file system without sendfile(2).
pub const PLACES: [&str; 27] = [
    "offer.awaited",
    "offer.received",
    "offer.noted",
    "offer.prepared",
    "offer.offered",
    "offer.answered",
    "offer.given_up",
    "offer.released",
    "commit.received",
    "commit.peer_rests",
    "commit.based",
    "commit.active",
    "commit.registered",
    "step.intent_stored",
    "step.sought",
    "step.sent",
    "cut.stored",
    "cut.sent",
    "end.shut_down",
    "end.lingering",
    "end.closing",
    "end.logged",
    "end.released",
    // The first worker is killed; the second one dies while it takes over.
    "recovery.found@2",
    "recovery.swept@2",
    "recovery.offer_taken_up@2",
    "recovery.revived@2",
];

/// What came of one place.
#[derive(Debug)]
pub struct AtPlace {
    place: &'static str,
    downloads: u64,
    was_reached: bool,
    lost: u64,
    corrupt: u64,
    leaked_descriptors: usize,
    slots_left: u32,
    evidence: Vec<String>,
}

impl AtPlace {
    /// A worker died there, and nothing was lost, corrupt, leaked or left.
    pub fn is_clean(&self) -> bool {
        let left = (self.leaked_descriptors, self.slots_left);
        self.was_reached && (self.lost, self.corrupt) == (0, 0) && left == (0, 0)
    }
}

/// A copy of this program that the manager's account can execute. Made once, before anything is started, as with what is
/// under test otherwise.
///
/// # Errors
/// Those of copying.
pub fn install(program: &Path) -> anyhow::Result<PathBuf> {
    let copy = Run::current().dir().join("debug-manager");
    fs::copy(program, &copy).with_context(|| format!("copying {}", program.display()))?;
    Ok(copy)
}

/// Runs a fresh manager that dies at this place.
///
/// # Errors
/// Where it could not be started, or did not recover.
pub fn die_at(program: &Path, place: &'static str, seed: u64) -> anyhow::Result<AtPlace> {
    raise_descriptor_limit()?;
    let mut command = Command::new(program);
    command.env(DIE_AT, place);
    let flags = manager_flags(true);
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let manager = Manager::start_command(command, &Run::current().folder("place")?, &flags)?;
    let result = die_on(&manager, place, seed).with_context(|| place);
    result.with_context(|| format!("the manager's log ends with\n{}", manager.log_tail()))
}

fn die_on(manager: &Manager, place: &'static str, seed: u64) -> anyhow::Result<AtPlace> {
    let first = manager.process().group();
    let world = World {
        socket: manager.socket().to_owned(),
        shelf: Shelf::fill(seed)?,
        apache: None,
        nginx: None,
    };
    let descriptors_before = wait_for_descriptors(first, None)?;
    let deadline = Instant::now() + PLACE_PATIENCE;
    let log = manager.process().log();
    let logged = || Logged::read(&fs::read_to_string(log).unwrap_or_default());
    let is_reached = AtomicBool::new(false);
    let is_over = |done| {
        let is_enough = done >= PLACE_DOWNLOADS && is_reached.load(Ordering::Relaxed);
        is_enough || Instant::now() > deadline
    };
    let dies_second = place.ends_with("@2");
    let (mut tally, ()) = drive(&world, seed, &is_over, |is_over| {
        while dies_second && !is_over() && logged().carried.len() < CARRIED_BEFORE_A_KILL {
            std::thread::sleep(POLL);
        }
        if dies_second {
            let cell = cells(first).pop().context("the manager has no worker")?;
            kill(cell.worker, Signal::SIGKILL)?;
        }
        let expected_worker = if dies_second { 3 } else { 2 };
        while !is_over() {
            let has_come = logged().last_worker >= expected_worker;
            is_reached.fetch_or(has_come, Ordering::Relaxed);
            std::thread::sleep(POLL);
        }
        Ok(())
    })?;
    let descriptors_after = wait_for_descriptors(first, Some(descriptors_before))?;
    let slots = slots::free_slots(&world.socket)?;
    let log = fs::read_to_string(log)?;
    tally.judge_wiped(&Logged::read(&log));
    Ok(AtPlace {
        place,
        downloads: tally.downloads(),
        was_reached: is_reached.into_inner(),
        lost: tally.lost,
        corrupt: tally.corrupt,
        leaked_descriptors: descriptors_after.saturating_sub(descriptors_before),
        slots_left: MAX_JOBS.saturating_sub(slots),
        evidence: tally.evidence(&log),
    })
}

impl fmt::Display for AtPlace {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let AtPlace {
            place,
            downloads,
            lost,
            corrupt,
            leaked_descriptors,
            slots_left,
            ..
        } = self;
        let reached = if self.was_reached {
            ""
        } else {
            ", but never died there"
        };
        write!(
            f,
            "{place:26} {downloads:5} downloads, {lost} lost, {corrupt} corrupt, {leaked_descriptors} descriptors leaked, {slots_left} slots left{reached}"
        )?;
        self.evidence
            .iter()
            .try_for_each(|line| write!(f, "\n{line}"))
    }
}
