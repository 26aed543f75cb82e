//! What a worker that somebody else steers could do: it tries, and says in its log how that ended.

use std::collections::BTreeMap;

use nix::sys::signal::{Signal, kill};

use crate::rig::Manager;
use crate::{Other, is_root};

/// What a worker needs, and what must work in it.
const ALLOWED: [&str; 3] = [
    "map ordinary memory",
    "start a thread",
    "start a successor, kill it and see it end",
];

/// More than this were tried when the list was made.
const FEWEST_ATTEMPTS: usize = 25;

fn attempts_of(manager: &Manager) -> BTreeMap<String, String> {
    manager.wait_for_log("tried everything");
    let lines = manager.log_lines("tried");
    let text = |line: &serde_json::Value, name: &str| line[name].as_str().unwrap().to_owned();
    let all = lines
        .iter()
        .map(|line| (text(line, "name"), text(line, "result")));
    all.collect()
}

#[test]
fn a_worker_can_do_nothing_but_its_work() {
    if !is_root() {
        return;
    }
    let other = Other::start();
    let manager = Manager::start_trying_the_sandbox(other.pid(), &["--require-sandbox"]);
    let attempts = attempts_of(&manager);
    assert!(attempts.len() >= FEWEST_ATTEMPTS, "{attempts:?}");
    for (name, result) in attempts {
        let expected = if ALLOWED.contains(&name.as_str()) {
            "OK"
        } else {
            "EPERM"
        };
        assert_eq!(result, expected, "when it tried to {name}");
    }
}

#[test]
fn a_successor_is_confined_like_the_first_worker() {
    if !is_root() {
        return;
    }
    let other = Other::start();
    let manager = Manager::start_trying_the_sandbox(other.pid(), &[]);
    manager.wait_for_log("tried everything");
    let tried = manager.log_lines("tried").len();
    kill(manager.worker(), Signal::SIGKILL).unwrap();
    let again = crate::rig::until("a successor that tries", || {
        let lines = manager.log_lines("tried");
        (lines.len() == 2 * tried).then_some(lines)
    });
    let results = |range: std::ops::Range<usize>| -> Vec<&serde_json::Value> {
        again[range].iter().map(|line| &line["result"]).collect()
    };
    assert_eq!(results(0..tried), results(tried..2 * tried));
}
