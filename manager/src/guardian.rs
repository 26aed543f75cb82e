//! The process that the user started: it makes what must outlive a worker, and then only waits and starts the next one.
//!
//! It shares its table of descriptors with the worker. What a worker that is killed had open, downloads and all, stays
//! open here, and what the worker knew of them lies in the job table: the successor goes on at the exact byte. So this
//! process must not die, and does nothing that could kill it: from [`guard`] on it has no threads, allocates nothing,
//! opens nothing and logs nothing. What happened it writes into the head of the table, for the successor to log.
#![forbid(unsafe_code)]

use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::accept::Listener;
use crate::limits::{
    FIRST_RESTART_PAUSE, MAX_DEATHS_IN_A_ROW, MAX_RESTART_PAUSE, MAX_START_PAUSE, STEADY_LIFE,
};
use crate::sys::descriptors::Unclaimed;
use crate::sys::head::Ending;
use crate::sys::process::{Twin, clone_sharing_descriptors, end_of_this_process, wait_for_signal};
use crate::sys::table::JobTable;

/// What is made once and outlives every worker.
pub struct Foundation {
    /// The listening socket. The worker closes it when the manager is told to end.
    pub listener: Listener,
    /// The job table.
    pub table: JobTable,
    /// By which the guardian tells the worker to look at the head of the table.
    pub doorbell: EventFd,
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
    pub fn new(listener: Listener, max_jobs: u32) -> io::Result<Foundation> {
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        Ok(Foundation {
            listener,
            table: JobTable::create(max_jobs)?,
            doorbell: EventFd::from_flags(flags)?,
            guardian: end_of_this_process().ok(),
        })
    }

    /// Whether the listening socket is open: when the manager ends, a worker closes it, and may have died before.
    pub fn is_serving(&self) -> bool {
        self.table.head().ending() == Ending::No
    }
}

/// Starts a worker, and another one whenever it dies, until one has ended in order. Every worker returns from here, too.
pub fn guard(foundation: Foundation, signals: &SigSet) -> Role {
    let head = foundation.table.head();
    let mut deaths = Deaths { in_a_row: 0 };
    loop {
        // Counted before it lives, so that it knows its own number.
        head.count_worker();
        let started = Instant::now();
        let child = match clone_sharing_descriptors() {
            // From here on this is the worker: it leaves, with everything.
            Ok(Twin::Child(unclaimed)) => return Role::Worker(foundation, unclaimed),
            Ok(Twin::Parent(child)) => Some(child),
            Err(errno) if head.generation() == 1 => return Role::CouldNotStart(errno),
            // No memory or no process to be had: like a worker that died at once, tried again after a pause.
            Err(_) => None,
        };
        if let Some(child) = child {
            match wait_for_death(child, &foundation, signals) {
                // Only a worker that was told to end, and has, exits with 0.
                0 => {
                    // Closing is left to the end of the process: workers may have given the numbers to others.
                    std::mem::forget(foundation);
                    return Role::Ended;
                }
                death => head.note_death(death),
            }
        }
        let pause = deaths.pause_after(started.elapsed(), head.has_served());
        // Nobody waits for ever for an end that cannot be had in order, or knocks for ever where nobody will ever serve.
        let is_hopeless = match head.ending() {
            Ending::No => !head.has_ever_served(),
            Ending::Draining => !head.has_served(),
            Ending::Cut => true,
        };
        if is_hopeless && deaths.in_a_row > MAX_DEATHS_IN_A_ROW {
            std::mem::forget(foundation);
            return Role::GaveUp;
        }
        wait_out(pause, &foundation, signals);
    }
}

/// Waits until the worker has ended and is reaped, so that nothing of it runs any more; signals to end are passed on
/// meanwhile. Returns its exit status, or the number of the signal that killed it plus [`KILLED`].
fn wait_for_death(child: Pid, foundation: &Foundation, signals: &SigSet) -> i32 {
    loop {
        match waitpid(child, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(_, status)) => return status,
            Ok(WaitStatus::Signaled(_, signal, _)) => return KILLED + signal as i32,
            // It lives. Its end makes a signal, which stays pending if it comes before the wait.
            Ok(_) => {}
            // It is not there to be waited for, which cannot be; another one can be started.
            Err(_) => return KILLED,
        }
        pass_on(wait_for_signal(signals, None), foundation);
    }
}

/// What is added to the number of a signal, to tell it from an exit status: as shells do.
pub const KILLED: i32 = 128;

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

/// A signal to end: written down for this worker and its successors, then the worker is told to look.
fn pass_on(signal: nix::Result<Option<Signal>>, foundation: &Foundation) {
    if let Ok(Some(Signal::SIGTERM | Signal::SIGINT)) = signal {
        foundation.table.head().advance_ending();
        // It can fail only for a counter that is full of rings that nobody has heard yet.
        let _ = foundation.doorbell.write(1);
    }
}

/// The deaths of young workers, one after the other.
struct Deaths {
    in_a_row: u32,
}

impl Deaths {
    /// How long to wait before the next worker is started.
    fn pause_after(&mut self, life: Duration, has_served: bool) -> Duration {
        if life >= STEADY_LIFE {
            self.in_a_row = 0;
        }
        self.in_a_row = self.in_a_row.saturating_add(1);
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
        let mut deaths = Deaths { in_a_row: 0 };
        let young = Duration::from_millis(3);
        let mut pauses = |life, has_served, count| -> Vec<u128> {
            let pause = |_| deaths.pause_after(life, has_served).as_millis();
            (0..count).map(pause).collect()
        };
        assert_eq!(pauses(young, true, 9), [0, 1, 2, 4, 8, 16, 32, 50, 50]);
        assert_eq!(pauses(STEADY_LIFE, true, 2), [0, 0]);
        assert_eq!(pauses(young, false, 3), [1, 2, 4]);
        assert_eq!(pauses(young, false, 9)[8], 1000);
        assert_eq!(pauses(young, false, 100)[99], 1000);
    }
}
