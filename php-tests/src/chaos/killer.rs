//! Strikes processes of the manager, one after the other, each when the manager is whole again after the one before.
//!
//! So a guardian and the worker of its cell never die together, which nothing survives.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::plan::{Blow, Strike};
use super::processes::{Cell, cells, is_alive};
use super::settings::Settings;
use crate::limits::PATIENCE;

/// How many of each kind there were.
pub(crate) type Blows = BTreeMap<&'static str, u64>;

/// Between two looks at the processes.
const LOOK: Duration = Duration::from_micros(300);

/// Strikes until `is_over` says so; `killed` counts the dead.
pub(crate) fn strike_on(
    settings: &Settings,
    first: Pid,
    killed: &AtomicU64,
    is_over: &dyn Fn() -> bool,
) -> anyhow::Result<Blows> {
    let mut blows = Blows::new();
    let cell_count = cells(first).len();
    for number in 0.. {
        if is_over() {
            break;
        }
        let strike = Strike::new(settings.seed, number);
        // The random moment, not a wait.
        std::thread::sleep(strike.after);
        let mut now = cells(first);
        if now.is_empty() {
            // One has died by itself, which the log tells.
            continue;
        }
        let cell = now.swap_remove(strike.whom as usize % now.len());
        let dead = deal(strike.blow, first, cell).with_context(|| format!("{strike:?}"))?;
        *blows.entry(strike.blow.name()).or_default() += 1;
        killed.fetch_add(u64::from(dead.is_some()), Ordering::Release);
        wait_until_whole(first, cell_count, dead).with_context(|| format!("after {strike:?}"))?;
    }
    Ok(blows)
}

/// Deals the blow, and says who is dead of it.
fn deal(blow: Blow, first: Pid, cell: Cell) -> anyhow::Result<Option<Pid>> {
    match blow {
        Blow::Kill => if_there(kill(cell.worker, Signal::SIGKILL))?,
        Blow::Fault => fault(cell.worker)?,
        Blow::StopAndKill(time) => {
            if_there(kill(cell.worker, Signal::SIGSTOP))?;
            std::thread::sleep(time);
            if_there(kill(cell.worker, Signal::SIGKILL))?;
        }
        Blow::StopAndContinue(time) => {
            if_there(kill(cell.worker, Signal::SIGSTOP))?;
            std::thread::sleep(time);
            if_there(kill(cell.worker, Signal::SIGCONT))?;
            return Ok(None);
        }
        // The first process is never meant: without it nobody serves.
        Blow::KillGuardian if cell.guardian == first => return Ok(None),
        Blow::KillGuardian => {
            if_there(kill(cell.guardian, Signal::SIGKILL))?;
            return Ok(Some(cell.guardian));
        }
        Blow::Upgrade => {
            kill(first, Signal::SIGUSR2)?;
            return Ok(None);
        }
        Blow::Reload => {
            kill(first, Signal::SIGHUP)?;
            return Ok(None);
        }
    }
    Ok(Some(cell.worker))
}

/// Rust's handler for overflown stacks takes a SIGSEGV that is no fault, once; then it is deadly.
fn fault(worker: Pid) -> nix::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while is_alive(worker) && Instant::now() < deadline {
        if_there(kill(worker, Signal::SIGSEGV))?;
        std::thread::sleep(LOOK);
    }
    Ok(())
}

/// One that was stopped may have been killed by its guardian meanwhile, or one may have died by itself.
fn if_there(result: nix::Result<()>) -> nix::Result<()> {
    match result {
        Err(Errno::ESRCH) => Ok(()),
        result => result,
    }
}

fn wait_until_whole(first: Pid, cell_count: usize, dead: Option<Pid>) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let now = cells(first);
        let is_gone = |cell: &Cell| ![cell.guardian, cell.worker].map(Some).contains(&dead);
        if now.len() >= cell_count && now.iter().all(is_gone) {
            return Ok(());
        }
        if Instant::now() > deadline {
            bail!(
                "no successor came: {} of {cell_count} cells are there",
                now.len()
            );
        }
        std::thread::sleep(LOOK);
    }
}

impl Blow {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Blow::Kill => "SIGKILL",
            Blow::Fault => "SIGSEGV",
            Blow::StopAndKill(_) => "SIGSTOP, then SIGKILL",
            Blow::StopAndContinue(_) => "SIGSTOP, then SIGCONT",
            Blow::KillGuardian => "SIGKILL to a guardian",
            Blow::Upgrade => "SIGUSR2",
            Blow::Reload => "SIGHUP",
        }
    }
}
