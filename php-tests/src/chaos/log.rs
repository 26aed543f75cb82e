//! What the manager's log says of a run.

use std::collections::HashSet;

use nix::libc;
use serde_json::Value;

const SIGKILL: i64 = libc::SIGKILL as i64;
const SIGSEGV: i64 = libc::SIGSEGV as i64;

/// What the manager's log says.
#[derive(Debug, Default)]
pub(crate) struct Logged {
    /// The tags of the downloads that the manager carried.
    pub(crate) carried: HashSet<String>,
    /// Of those that it gave to the kernel whole.
    pub(crate) complete: HashSet<String>,
    /// Downloads that a successor went on with, each as often as that happened.
    pub(crate) resumed_downloads: u64,
    /// And offers.
    pub(crate) resumed_offers: u64,
    /// Deaths by the signals that the harness sends no worker.
    pub(crate) strange_deaths: u64,
    /// Deaths by SIGSEGV.
    pub(crate) faults: u64,
    /// The highest number that a worker gave itself.
    pub(crate) last_worker: u64,
}

impl Logged {
    pub(crate) fn read(log: &str) -> Logged {
        let mut logged = Logged::default();
        let lines = log.lines();
        for line in lines.filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
            logged.take(&line);
        }
        logged
    }

    fn take(&mut self, line: &Value) {
        let number = |name: &str| line[name].as_u64().unwrap_or_default();
        match line["message"].as_str() {
            Some("download ended") => {
                let tag = line["tag"].as_str().unwrap_or_default();
                if line["outcome"] == "complete" {
                    self.complete.insert(tag.to_owned());
                }
                self.carried.insert(tag.to_owned());
            }
            Some("a worker died; its successor goes on") => {
                self.resumed_downloads += number("downloads");
                self.resumed_offers += number("offers");
                match line["signal"].as_i64() {
                    Some(SIGKILL) => {}
                    Some(SIGSEGV) => self.faults += 1,
                    _ => self.strange_deaths += 1,
                }
                self.last_worker = self.last_worker.max(number("worker"));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deaths_are_told_apart_by_their_signals() {
        let died = |how: &str| {
            format!(
                "{{\"message\":\"a worker died; its successor goes on\",\"worker\":7,{how}\"downloads\":2,\"offers\":1}}\n"
            )
        };
        let log = [
            died("\"signal\":9,"),
            died("\"signal\":11,"),
            died("\"signal\":6,"),
            died("\"status\":1,"),
        ];
        let logged = Logged::read(&log.concat());
        assert_eq!((logged.strange_deaths, logged.faults), (2, 1));
        assert_eq!((logged.resumed_downloads, logged.resumed_offers), (8, 4));
        assert_eq!(logged.last_worker, 7);
    }
}
