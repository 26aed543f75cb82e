//! Processor time of processes, as proc(5) has it.
//!
//! What runs counts to the nanosecond (schedstat), what has ended in the ticks that its parent has of it. What the kernel
//! does for the loopback device counts for whom it runs at that moment: part of the receiving is the server's, as it
//! would be the network card's; that is the same for all peers.

use std::fs;
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use nix::unistd::{SysconfVar, sysconf};
use send_file_php_tests::process::Process;

/// What the processes of a family have used so far, those that have ended included.
pub(crate) fn used_by(process: &Process) -> Duration {
    let family = process.family();
    family
        .iter()
        .map(|member| running(member.pid) + ended_children(member.pid))
        .sum()
}

/// What this process has used so far: the clients.
pub(crate) fn used_by_clients() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("getrusage(2) knows this process");
    let microseconds =
        usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Duration::from_micros(microseconds.unsigned_abs())
}

fn running(pid: i32) -> Duration {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return Duration::ZERO;
    };
    let of_task = |path: std::path::PathBuf| -> Option<u64> {
        let text = fs::read_to_string(path.join("schedstat")).ok()?;
        text.split(' ').next()?.parse().ok()
    };
    let times = tasks.flatten().filter_map(|task| of_task(task.path()));
    Duration::from_nanos(times.sum())
}

fn ended_children(pid: i32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let ticks = parse_ended_children(&stat).unwrap_or_default();
    let ticks_per_second = sysconf(SysconfVar::CLK_TCK).ok().flatten().unwrap_or(100);
    Duration::from_secs_f64(ticks as f64 / ticks_per_second as f64)
}

/// The fields cutime and cstime of a line of /proc/PID/stat.
fn parse_ended_children(stat: &str) -> Option<u64> {
    // The name in parentheses may hold anything; behind it is the third field.
    let mut fields = stat.rsplit(')').next()?.split_whitespace().skip(16 - 3);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn the_time_of_ended_children_is_found_behind_a_strange_name() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 1 2 3 4 11 12 13 14 20 0 1 0 5 6 7";
        assert_eq!(parse_ended_children(stat), Some(13 + 14));
    }

    #[test]
    fn work_of_this_process_is_seen() {
        const WORK: Duration = Duration::from_millis(5);
        let own = || running(std::process::id() as i32);
        let (clients_before, before) = (used_by_clients(), own());
        let deadline = Instant::now() + Duration::from_secs(20);
        // Other tests' threads may end meanwhile, and their time is no longer among that of what runs.
        while used_by_clients() < clients_before + WORK || own() < before + WORK {
            assert!(Instant::now() < deadline, "{before:?} -> {:?}", own());
        }
    }
}
