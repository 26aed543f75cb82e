//! What the manager's log says of a run.

use std::collections::HashSet;

use serde_json::Value;

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
                self.last_worker = self.last_worker.max(number("worker"));
            }
            _ => {}
        }
    }
}
