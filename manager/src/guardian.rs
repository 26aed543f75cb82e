//! The first process of a cell: it makes what must outlive a worker, and then only waits and starts the next one.
//!
//! It shares its table of descriptors with the worker. What a worker that is killed had open, downloads and all, stays
//! open here, and what the worker knew of them lies in the job table: the successor goes on at the exact byte. So this
//! process must not die, and does nothing that could kill it: from [`guard`] on it has no threads, allocates nothing,
//! opens nothing and logs nothing. What happened it writes into the head of the table, for the successor to log.
//!
//! Should it die all the same, the worker notices at once, starts a successor and takes its place here.
#![forbid(unsafe_code)]

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, getppid};

use crate::limits::{
    FIRST_RESTART_PAUSE, HOPELESS_AFTER, MAX_DEATHS_IN_A_ROW, MAX_RESTART_PAUSE, MAX_START_PAUSE,
    STEADY_LIFE,
};
use crate::master::Seat;
use crate::sys::bell::Bell;
use crate::sys::descriptors::Unclaimed;
use crate::sys::head::{Death, Ending};
use crate::sys::process::{Twin, clone_sharing_descriptors, end_of_this_process, wait_for_signal};
use crate::sys::table::JobTable;

/// What is made once and outlives every worker.
pub struct Foundation {
    /// What the cell has in common with others.
    pub seat: Seat,
    /// The job table.
    pub table: JobTable,
    /// By which the guardian tells the worker to look at the head of the table, and the worker's readers that they have read
    /// something.
    pub doorbell: Arc<Bell>,
    /// By which the worker learns that the guardian is gone. Older kernels and some containers do not offer it.
    pub guardian: Option<OwnedFd>,
}

/// Who returned from [`guard`].
pub enum Role {
    /// A new worker.
    Worker(Foundation, Unclaimed),
    /// The guardian, after the last worker has ended in order.
    Ended,
    /// The guardian, after too many workers died one after the other, and nothing was to be had by another one.
    GaveUp,
    /// Nobody yet: the first worker could not be made.
    CouldNotStart(Errno),
}

impl Foundation {
    /// Everything for so many downloads.
    ///
    /// # Errors
    /// Those of the memory for the table and of eventfd(2).
    pub fn new(seat: Seat, slots: u32) -> io::Result<Foundation> {
        Ok(Foundation {
            seat,
            table: JobTable::create(slots)?,
            doorbell: Arc::new(Bell::new()?),
            guardian: end_of_this_process().ok(),
        })
    }

    /// What a worker does that finds its guardian gone: from now on this process is the guardian.
    pub fn become_guardian(&mut self) {
        // The old one is swept by the successor, as nobody claims it.
        std::mem::forget(self.guardian.take());
        self.guardian = end_of_this_process().ok();
        self.table.head().note_death(Death::Promoted);
    }

    /// Whether the listening socket is open: when the cell ends, a worker closes it, and may have died before.
    pub fn is_serving(&self) -> bool {
        self.table.head().ending() == Ending::No
    }
}

/// Starts a worker, and another one whenever it dies, until one has ended in order. Every worker returns from here, too.
pub fn guard(foundation: Foundation, signals: &SigSet, hang_timeout: Duration) -> Role {
    let head = foundation.table.head();
    let mut deaths = Deaths::default();
    let mut served_at = Instant::now();
    // The master's end is a signal, but it may have come before that was asked for.
    if getppid() != foundation.seat.master {
        head.end(Ending::Draining);
    }
    loop {
        // Counted before it lives, so that it knows its own number.
        head.count_worker();
        let started = Instant::now();
        let child = match clone_sharing_descriptors() {
            // From here on this is the worker: it leaves, with everything.
            Ok(Twin::Child(unclaimed)) => return Role::Worker(foundation, unclaimed),
            Ok(Twin::Parent(child)) => child,
            Err(errno) if head.generation() == 1 => return Role::CouldNotStart(errno),
            // No memory or no process to be had, for a moment or for hours: what is open stays open.
            Err(_) => {
                wait_out(MAX_RESTART_PAUSE, &foundation, signals);
                continue;
            }
        };
        let death = wait_for_death(child, &foundation, signals, hang_timeout);
        // Only a worker that was told to end, and has, exits with 0.
        if death == Death::Exited(0) {
            // Closing is left to the end of the process: workers may have given the numbers to others.
            std::mem::forget(foundation);
            return Role::Ended;
        }
        head.note_death(death);
        if head.has_served() {
            served_at = Instant::now();
        }
        let pause = deaths.pause_after(death, started.elapsed(), head.has_served());
        // Nobody waits for ever for an end that cannot be had in order, or knocks for ever where nobody will ever serve.
        let is_hopeless = head.ending() == Ending::Cut
            || !head.has_ever_served()
            || served_at.elapsed() > HOPELESS_AFTER;
        if is_hopeless && deaths.by_itself > MAX_DEATHS_IN_A_ROW {
            // Nothing of it may look complete.
            foundation.table.reset_all_on_close();
            std::mem::forget(foundation);
            return Role::GaveUp;
        }
        wait_out(pause, &foundation, signals);
    }
}

/// Waits until the worker has ended and is reaped, so that nothing of it runs any more; signals are passed on meanwhile.
/// A worker whose loop makes no turn for so long is killed.
fn wait_for_death(
    child: Pid,
    foundation: &Foundation,
    signals: &SigSet,
    hang_timeout: Duration,
) -> Death {
    let head = foundation.table.head();
    let mut is_hung = false;
    let mut turns = head.turns();
    let mut look_at = Instant::now() + hang_timeout;
    loop {
        match waitpid(child, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(_, status)) => return Death::Exited(status),
            Ok(WaitStatus::Signaled(..)) if is_hung => return Death::Hung,
            Ok(WaitStatus::Signaled(_, signal, _)) => return Death::Killed(signal as i32),
            // It lives. Its end makes a signal, which stays pending if it comes before the wait.
            Ok(_) => {}
            // It is not there to be waited for, which cannot be; another one can be started.
            Err(_) => return Death::Killed(0),
        }
        let now = Instant::now();
        if now >= look_at {
            // Even an idle loop turns once in a while. A kill that comes late, as its victim is deep in the kernel, is
            // repeated in vain.
            if head.turns() == turns {
                is_hung = true;
                let _ = kill(child, Signal::SIGKILL);
            }
            turns = head.turns();
            look_at = now + hang_timeout;
        }
        pass_on(
            wait_for_signal(signals, Some(look_at.saturating_duration_since(now))),
            foundation,
        );
    }
}

/// Lets time pass, and passes signals on meanwhile.
fn wait_out(pause: Duration, foundation: &Foundation, signals: &SigSet) {
    let until = Instant::now() + pause;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        pass_on(wait_for_signal(signals, Some(left)), foundation);
    }
}

/// What the master says: written down for this worker and its successors, then the worker is told to look. Each signal
/// means a state, not a step: all processes of a cell get it, and one that becomes the guardian finds it still pending.
fn pass_on(signal: nix::Result<Option<Signal>>, foundation: &Foundation) {
    let head = foundation.table.head();
    match signal {
        Ok(Some(Signal::SIGTERM | Signal::SIGINT)) => head.end(Ending::Draining),
        Ok(Some(Signal::SIGQUIT)) => head.end(Ending::Cut),
        Ok(Some(Signal::SIGUSR1)) => head.inquire(),
        _ => return,
    }
    foundation.doorbell.ring();
}

/// The deaths of young workers, one after the other.
#[derive(Default)]
struct Deaths {
    in_a_row: u32,
    /// Those of them that nobody else has caused.
    by_itself: u32,
}

impl Deaths {
    /// How long to wait before the next worker is started.
    fn pause_after(&mut self, death: Death, life: Duration, has_served: bool) -> Duration {
        if life >= STEADY_LIFE {
            *self = Deaths::default();
        }
        self.in_a_row = self.in_a_row.saturating_add(1);
        if death != Death::Killed(Signal::SIGKILL as i32) {
            self.by_itself = self.by_itself.saturating_add(1);
        }
        let longest = if has_served {
            MAX_RESTART_PAUSE
        } else {
            MAX_START_PAUSE
        };
        match self.in_a_row {
            1 => Duration::ZERO,
            // 2^20 is beyond any bound, and does not overflow.
            more => (FIRST_RESTART_PAUSE * (1 << (more - 2).min(20))).min(longest),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pauses_grow_to_their_bound_and_begin_anew_after_a_steady_life() {
        let mut deaths = Deaths::default();
        let young = Duration::from_millis(3);
        let mut pauses = |life, has_served, count| -> Vec<u128> {
            let pause = |_| {
                deaths
                    .pause_after(Death::Hung, life, has_served)
                    .as_millis()
            };
            (0..count).map(pause).collect()
        };
        assert_eq!(pauses(young, true, 9), [0, 1, 2, 4, 8, 16, 32, 50, 50]);
        assert_eq!(pauses(STEADY_LIFE, true, 2), [0, 0]);
        assert_eq!(pauses(young, false, 3), [1, 2, 4]);
        assert_eq!(pauses(young, false, 9)[8], 1000);
        assert_eq!(pauses(young, false, 100)[99], 1000);
        assert!(deaths.by_itself > 100);
        deaths = Deaths::default();
        deaths.pause_after(Death::Killed(9), young, false);
        assert_eq!((deaths.in_a_row, deaths.by_itself), (1, 0));
    }
}
