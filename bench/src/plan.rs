//! What a run of the benchmark is to do.

use std::time::SystemTime;

use crate::arguments::Arguments;
use crate::machine::{self, Machine};
use crate::peer::Peer;
use crate::results::Section;
use crate::server::{Options, Server};

/// The same for all scenarios.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) peers: Vec<Peer>,
    rounds: Option<usize>,
    is_smoke: bool,
}

impl Plan {
    pub(crate) fn new(arguments: &Arguments) -> Plan {
        let is_named = |peer: &Peer| {
            let mut names = arguments.peers.iter();
            arguments.peers.is_empty() || names.any(|name| peer.name.contains(&name[..]))
        };
        Plan {
            seed: arguments.seed,
            peers: Peer::ALL.into_iter().filter(is_named).collect(),
            rounds: arguments.rounds,
            is_smoke: arguments.smoke,
        }
    }

    /// What is asked for, else this.
    pub(crate) fn rounds(&self, usual: usize) -> usize {
        self.rounds.unwrap_or(self.scaled(usual, 1))
    }

    /// The size of a measurement, or of the trial that it works at all.
    pub(crate) fn scaled<T>(&self, full: T, smoke: T) -> T {
        if self.is_smoke { smoke } else { full }
    }

    /// The peers, running.
    pub(crate) fn start_peers(&self) -> anyhow::Result<Vec<Server>> {
        let peers = self.peers.iter();
        peers
            .map(|peer| Server::start(*peer, &Options::default()))
            .collect()
    }

    /// The section of a scenario that begins now.
    pub(crate) fn section(&self, scenario: &str) -> Section {
        Section {
            scenario: scenario.to_owned(),
            about: String::new(),
            date: httpdate::fmt_http_date(SystemTime::now()),
            commit: machine::commit(),
            machine: Machine::current(),
            seconds: 0.0,
            series: Vec::new(),
            comparisons: Vec::new(),
        }
    }
}
