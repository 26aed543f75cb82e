//! Downloads of every kind while processes of the manager are killed: `make chaos`, and a short form in `make test`.
//!
//! ```text
//! settings ─► plan (random: the seed) ─► clients ─► raw (worker, fastcgi) or web (multipart) ─► follow ─► verdict ─┐
//!                   └─► killer (processes)                                         content, shelf: the bytes      ├─► report
//!                                                 descriptors and slots, before and after ────────────────────────┘
//! ```
//!
//! The seed determines every plan: which downloads there are, and which blows. It does not determine what meets what: that
//! is up to the machine. Every byte that a client gets is compared with the source.
//!
//! What chance rarely hits has a test of its own in `manager/tests/survival`, where workers die at places with names
//! (`manager/src/crash.rs`, in debug builds): among them the one between receiving a commit and recording it
//! (`commit.received`), and an offer that is given up at the instant of its commit (`offer.given_up`).

mod content;
mod fastcgi;
mod follow;
mod killer;
mod limits;
mod multipart;
mod plan;
mod processes;
mod random;
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
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::Pid;
use serde_json::Value;

pub use report::Report;
pub use settings::{Extras, Settings};

use crate::limits::{PATIENCE, POLL};
use crate::manager::Manager;
use crate::run::Run;
use crate::stack::{Kind, Options, Stack};
use limits::{CLIENTS, MAX_JOBS, OFFER_TIMEOUT, TINY_DESCRIPTOR_LIMIT};
use plan::{Plan, Way};
use processes::{cells, descriptor_count};
use report::{Failure, Logged, Tally};
use shelf::Shelf;
use verdict::Verdict;

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
    let counts_slots = !settings.extras.splits;
    let slots = || {
        counts_slots
            .then(|| slots::free_slots(&world.socket))
            .transpose()
    };
    let slots_before = slots()?;
    let descriptors_before = wait_for_descriptors(first, None)?;

    let begun = Instant::now();
    let killed = AtomicU64::new(0);
    let (mut tally, blows) = drive(&settings, &world, first, &killed)?;
    let took = begun.elapsed();

    let descriptors_after = wait_for_descriptors(first, Some(descriptors_before))?;
    let slots_after = slots()?;
    let log = fs::read_to_string(manager.process().log())?;
    let logged = read_log(&log);
    let wiped = std::mem::take(&mut tally.wiped).into_iter();
    let (excused, convicted) = wiped.partition(|plan| logged.complete.contains(&plan.tag()));
    tally.wiped = excused;
    Vec::into_iter(convicted).for_each(|plan| tally.convict(plan));
    Ok(Report {
        took,
        kills: killed.into_inner(),
        logged,
        leaked_descriptors: descriptors_after.saturating_sub(descriptors_before),
        slots_left: slots_before
            .zip(slots_after)
            .map(|(before, after)| before - after),
        evidence: tally
            .failures
            .iter()
            .map(|failure| evidence(failure, &log))
            .collect(),
        settings,
        tally,
        blows,
    })
}

/// Downloads and blows, side by side, until there were enough of both.
fn drive(
    settings: &Settings,
    world: &World,
    first: Pid,
    killed: &AtomicU64,
) -> anyhow::Result<(Tally, killer::Blows)> {
    let tally = Mutex::new(Tally::default());
    let (next, done) = (AtomicU64::new(0), AtomicU64::new(0));
    let given_up = AtomicBool::new(false);
    let deadline = Instant::now() + settings.longest;
    let is_over = || {
        let enough = done.load(Ordering::Relaxed) >= settings.downloads
            && killed.load(Ordering::Relaxed) >= settings.kills;
        enough || given_up.load(Ordering::Relaxed) || Instant::now() > deadline
    };
    let work = || -> anyhow::Result<()> {
        while !is_over() {
            let plan = Plan::new(
                settings.seed,
                next.fetch_add(1, Ordering::Relaxed),
                &world.shelf.shared,
            );
            if plan.way.is_web() && !settings.through_web_servers {
                continue;
            }
            let verdict = carry_out(world, &plan).with_context(|| format!("{plan:?}"))?;
            let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
            tally.count(plan, verdict);
            done.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    };
    let stop_all_on_error = |result: anyhow::Result<()>| {
        given_up.fetch_or(result.is_err(), Ordering::Relaxed);
        result
    };
    let blows = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| scope.spawn(|| stop_all_on_error(work())))
            .collect();
        let blows = killer::strike_on(settings, first, killed, &is_over);
        given_up.fetch_or(blows.is_err(), Ordering::Relaxed);
        for client in clients {
            client.join().expect("a client does not panic")?;
        }
        blows
    })?;
    Ok((
        tally.into_inner().unwrap_or_else(PoisonError::into_inner),
        blows,
    ))
}

fn carry_out(world: &World, plan: &Plan) -> anyhow::Result<Verdict> {
    let source = world.shelf.source(plan)?;
    match plan.way {
        Way::Apache | Way::Nginx => web::download(world, plan, &source),
        _ => raw::download(world, plan, &source),
    }
}

fn start_manager(settings: &Settings) -> anyhow::Result<Manager> {
    let offer_timeout = OFFER_TIMEOUT.as_secs_f64().to_string();
    let max_jobs = MAX_JOBS.to_string();
    let mut flags = vec!["--offer-timeout", &offer_timeout];
    if !settings.extras.splits {
        flags.extend(["--max-jobs", &max_jobs]);
    }
    flags.extend(settings.manager_flags.iter().map(String::as_str));
    let limit = settings.extras.splits.then_some(TINY_DESCRIPTOR_LIMIT);
    Manager::start_limited(&Run::current().folder("chaos")?, &flags, limit)
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

fn read_log(log: &str) -> Logged {
    let mut logged = Logged::default();
    for line in log
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
    {
        let number = |name: &str| line[name].as_u64().unwrap_or_default();
        match line["message"].as_str() {
            Some("download ended") => {
                let tag = line["tag"].as_str().unwrap_or_default();
                if line["outcome"] == "complete" {
                    logged.complete.insert(tag.to_owned());
                }
                logged.carried.insert(tag.to_owned());
            }
            Some("a worker died; its successor goes on") => {
                logged.resumed_downloads += number("downloads");
                logged.resumed_offers += number("offers");
            }
            _ => {}
        }
    }
    logged
}

/// A failure, and what the log says of it.
fn evidence(failure: &Failure, log: &str) -> String {
    let tag = format!("\"{}\"", failure.plan.tag());
    let lines: Vec<&str> = log.lines().filter(|line| line.contains(&tag)).collect();
    let Failure { plan, what } = failure;
    format!("{what}\n  {plan:?}\n  {}", lines.join("\n  "))
}

/// To the most that is allowed: each download takes some.
fn raise_descriptor_limit() -> anyhow::Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    Ok(setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?)
}
