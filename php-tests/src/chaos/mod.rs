//! Downloads of every kind while processes of the manager are killed: `make chaos`, and a short form in `make test`.
//!
//! ```text
//! settings ─► plan (random: the seed) ─► drive ─► raw (worker, fastcgi) or web (multipart) ─► follow ─► verdict ─┐
//!                   └─► killer (processes)                                         content, shelf: the bytes      ├─► report
//!                                                 descriptors and slots, before and after ────────────────────────┘
//! ```
//!
//! The seed determines every plan: which downloads there are, and which blows. It does not determine what meets what: that
//! is up to the machine. Every byte that a client gets is compared with the source.
//!
//! What chance rarely hits has a test of its own in `manager/tests/survival`, where workers die at places with names
//! (`manager/src/crash.rs`, in debug builds): among them the one between receiving a commit and recording it
//! (`commit.received`), and an offer that is given up at the instant of its commit (`offer.given_up`). [`places`] goes
//! through them with the downloads of this harness, for those who have a debug build.

mod content;
mod drive;
mod fastcgi;
mod follow;
mod killer;
mod limits;
mod log;
mod multipart;
pub mod places;
mod plan;
mod processes;
pub mod random;
mod raw;
mod report;
mod settings;
mod shelf;
mod slots;
mod verdict;
mod web;
mod worker;

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::Pid;

pub use report::Report;
pub use settings::Settings;

use crate::limits::{PATIENCE, POLL};
use crate::manager::Manager;
use crate::run::Run;
use crate::stack::{Kind, Options, Stack};
use drive::drive;
use limits::{MAX_JOBS, OFFER_TIMEOUT, TINY_DESCRIPTOR_LIMIT};
use log::Logged;
use processes::{cells, descriptor_count};
use shelf::Shelf;

/// What all downloads of a run share.
pub(crate) struct World {
    pub(crate) socket: PathBuf,
    pub(crate) shelf: Shelf,
    pub(crate) apache: Option<SocketAddr>,
    pub(crate) nginx: Option<SocketAddr>,
}

/// Does what the settings say, and stops everything it started.
///
/// # Errors
/// Where something could not be started, or the manager did not recover; not where a download was lost.
pub fn run(settings: Settings) -> anyhow::Result<Report> {
    raise_descriptor_limit()?;
    let manager = start_manager(&settings)?;
    let result = run_on(&manager, settings);
    result.with_context(|| format!("the manager's log ends with\n{}", manager.log_tail()))
}

fn run_on(manager: &Manager, settings: Settings) -> anyhow::Result<Report> {
    let stacks = match settings.through_web_servers {
        true => vec![
            start_stack(Kind::ApacheModPhp, manager)?,
            start_stack(Kind::NginxFpmUnix, manager)?,
        ],
        false => Vec::new(),
    };
    let address_of = |kind| {
        let stack = stacks.iter().find(|stack: &&Stack| stack.kind == kind);
        stack.map(|stack| stack.address)
    };
    let world = World {
        socket: manager.socket().to_owned(),
        shelf: Shelf::fill(settings.seed)?,
        apache: address_of(Kind::ApacheModPhp),
        nginx: address_of(Kind::NginxFpmUnix),
    };
    let first = manager.process().group();
    let counts_slots = !settings.splits;
    let slots = || {
        counts_slots
            .then(|| slots::free_slots(&world.socket))
            .transpose()
    };
    let slots_before = slots()?;
    let descriptors_before = wait_for_descriptors(first, None)?;

    let begun = Instant::now();
    let deadline = begun + settings.longest;
    let killed = AtomicU64::new(0);
    let is_over = |done| {
        let is_enough =
            done >= settings.downloads && killed.load(Ordering::Acquire) >= settings.kills;
        is_enough || Instant::now() > deadline
    };
    let (mut tally, blows) = drive(&world, settings.seed, &is_over, |is_over| {
        killer::strike_on(&settings, first, &killed, is_over)
    })?;
    let took = begun.elapsed();

    let descriptors_after = wait_for_descriptors(first, Some(descriptors_before))?;
    let slots_after = slots()?;
    let log = fs::read_to_string(manager.process().log())?;
    let logged = Logged::read(&log);
    tally.judge_wiped(&logged);
    Ok(Report {
        took,
        kills: killed.into_inner(),
        leaked_descriptors: descriptors_after.saturating_sub(descriptors_before),
        slots_left: slots_before
            .zip(slots_after)
            .map(|(before, after)| before.saturating_sub(after)),
        evidence: tally.evidence(&log),
        logged,
        settings,
        tally,
        blows,
    })
}

fn start_manager(settings: &Settings) -> anyhow::Result<Manager> {
    let mut flags = manager_flags(!settings.splits);
    flags.extend(settings.manager_flags.iter().cloned());
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let limit = settings.splits.then_some(TINY_DESCRIPTOR_LIMIT);
    Manager::start_limited(&Run::current().folder("chaos")?, &flags, limit)
}

fn manager_flags(has_slots_to_count: bool) -> Vec<String> {
    let offer_timeout = OFFER_TIMEOUT.as_secs_f64().to_string();
    let mut flags = vec!["--offer-timeout".to_owned(), offer_timeout];
    if has_slots_to_count {
        flags.extend(["--max-jobs".to_owned(), MAX_JOBS.to_string()]);
    }
    flags
}

/// A web server whose PHP hands over to this manager.
fn start_stack(kind: Kind, manager: &Manager) -> anyhow::Result<Stack> {
    let socket = manager.socket().display();
    let options = Options::without_manager()
        .ini(format!("send_file.manager_socket={socket}"))
        .ini("send_file.on_busy=stream");
    Stack::start(kind, &options)
}

/// The most descriptors that any worker has once nothing runs any more: as soon as that is what is expected, else when it
/// has stopped changing.
fn wait_for_descriptors(first: Pid, expected: Option<usize>) -> anyhow::Result<usize> {
    const SAME_FOR: Duration = Duration::from_millis(200);
    let deadline = Instant::now() + PATIENCE;
    let (mut last, mut since) = (None, Instant::now());
    loop {
        let workers = cells(first).into_iter();
        let now = workers
            .filter_map(|cell| descriptor_count(cell.worker))
            .max();
        if now != last {
            (last, since) = (now, Instant::now());
        }
        let is_expected = expected.is_none_or(|expected| now.is_some_and(|now| now <= expected));
        if is_expected && since.elapsed() > SAME_FOR || Instant::now() > deadline {
            return now.context("the manager has no worker");
        }
        std::thread::sleep(POLL);
    }
}

/// To the most that is allowed: each download takes some.
fn raise_descriptor_limit() -> anyhow::Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    Ok(setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?)
}
