//! Many clients at a time, each with one download after the other.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::Context;

use super::limits::CLIENTS;
use super::plan::{Plan, Way};
use super::report::Tally;
use super::verdict::Verdict;
use super::{World, raw, web};

/// Downloads, and beside them what `disturb` does, until `is_over` says so, which is asked with the number of downloads
/// so far.
pub(crate) fn drive<T>(
    world: &World,
    seed: u64,
    is_over: &(dyn Fn(u64) -> bool + Sync),
    disturb: impl FnOnce(&dyn Fn() -> bool) -> anyhow::Result<T>,
) -> anyhow::Result<(Tally, T)> {
    let tally = Mutex::new(Tally::default());
    let (next, done) = (AtomicU64::new(0), AtomicU64::new(0));
    let has_failed = AtomicBool::new(false);
    let is_over = || has_failed.load(Ordering::Relaxed) || is_over(done.load(Ordering::Relaxed));
    let download = || -> anyhow::Result<()> {
        while !is_over() {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let plan = Plan::new(seed, number, &world.shelf.shared);
            if !world.has(plan.way) {
                continue;
            }
            let verdict = carry_out(world, &plan).with_context(|| format!("{plan:?}"))?;
            let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
            tally.count(plan, verdict);
            done.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    };
    let client = || {
        let result = download();
        has_failed.fetch_or(result.is_err(), Ordering::Relaxed);
        result
    };
    let disturbed = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(client)).collect();
        let disturbed = disturb(&is_over);
        has_failed.fetch_or(disturbed.is_err(), Ordering::Relaxed);
        for client in clients {
            client.join().expect("a client does not panic")?;
        }
        disturbed
    })?;
    let tally = tally.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok((tally, disturbed))
}

fn carry_out(world: &World, plan: &Plan) -> anyhow::Result<Verdict> {
    let source = world.shelf.source(plan)?;
    match plan.way {
        Way::Apache | Way::Nginx => web::download(world, plan, &source),
        _ => raw::download(world, plan, &source),
    }
}

impl World {
    /// Whether what this way needs is running.
    fn has(&self, way: Way) -> bool {
        match way {
            Way::Apache => self.apache.is_some(),
            Way::Nginx => self.nginx.is_some(),
            _ => true,
        }
    }
}
