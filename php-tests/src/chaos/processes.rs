//! The manager's processes, found from its first one down: cells, each a guardian with a worker below it.
//!
//! A worker is a process without children, and its guardian is its parent. The names that processes give themselves say
//! which is meant where a guardian has no worker for a moment.

use std::fs;

use nix::unistd::Pid;

/// A guardian and its worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) guardian: Pid,
    pub(crate) worker: Pid,
}

const GUARDIAN: &str = "sf-guardian";
const WORKER: &str = "sf-worker";

/// All cells that are whole now.
pub(crate) fn cells(first: Pid) -> Vec<Cell> {
    let mut found = Vec::new();
    let mut parents = vec![first];
    while let Some(parent) = parents.pop() {
        for child in living_children(parent) {
            let name = name(child);
            // A worker below the first of several processes has lost its guardian, and is about to become one.
            let is_orphan = parent == first && name == WORKER;
            if living_children(child).is_empty() && name != GUARDIAN && !is_orphan {
                found.push(Cell {
                    guardian: parent,
                    worker: child,
                });
            } else {
                parents.push(child);
            }
        }
    }
    found
}

/// The open descriptors of a process.
pub(crate) fn descriptor_count(pid: Pid) -> Option<usize> {
    Some(fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count())
}

/// Without those that have ended and are not reaped.
fn living_children(pid: Pid) -> Vec<Pid> {
    let listed = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let listed = listed.unwrap_or_default();
    let pids = listed.split_whitespace().filter_map(|pid| pid.parse().ok());
    pids.map(Pid::from_raw)
        .filter(|pid| is_alive(*pid))
        .collect()
}

/// Whether it runs, or is stopped.
pub(crate) fn is_alive(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name in parentheses may hold anything; behind it comes the state.
    let state = stat
        .rsplit(')')
        .next()
        .and_then(|rest| rest.split_whitespace().next());
    state.is_some_and(|state| !matches!(state, "Z" | "X"))
}

fn name(pid: Pid) -> String {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    name.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader};
    use std::process::{Child, Command, Stdio};

    /// A shell with a child that waits until the shell's input ends, and that child's number.
    fn family(script: &str) -> (Child, Vec<Pid>) {
        let mut first = Command::new("/bin/sh")
            .args(["-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut printed = BufReader::new(first.stdout.take().unwrap());
        printed.read_line(&mut line).unwrap();
        let pids = line.split_whitespace().map(|pid| pid.parse().unwrap());
        let pids = pids.map(Pid::from_raw).collect();
        (first, pids)
    }

    #[test]
    fn a_worker_is_a_leaf_and_its_parent_the_guardian_however_deep_that_is() {
        let flat = "exec 3<&0; cat <&3 >/dev/null & echo $!; wait";
        let deep =
            "exec 3<&0; (cat <&3 >/dev/null & echo $! $(exec sh -c 'echo $PPID'); wait) & wait";
        let (mut first, pids) = family(flat);
        let guardian = Pid::from_raw(first.id() as i32);
        let expected = Cell {
            guardian,
            worker: pids[0],
        };
        assert_eq!(cells(guardian), [expected]);
        drop(first.stdin.take());
        first.wait().unwrap();

        let (mut first, pids) = family(deep);
        let expected = Cell {
            guardian: pids[1],
            worker: pids[0],
        };
        assert_eq!(cells(Pid::from_raw(first.id() as i32)), [expected]);
        drop(first.stdin.take());
        first.wait().unwrap();
        assert_eq!(cells(Pid::from_raw(first.id() as i32)), []);
    }
}
