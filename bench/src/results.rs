//! What was measured: every value of every round, from which tables, plots and verdicts are made.

use serde::{Deserialize, Serialize};

use crate::machine::Machine;
use crate::peer::{Peer, Way};
use crate::scenario::Scenario;
use crate::statistics::{self, Ratio};

/// All scenarios, each as it was run last.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Results {
    pub(crate) sections: Vec<Section>,
}

/// One run of one scenario.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Section {
    pub(crate) scenario: String,
    /// What that is.
    #[serde(default)]
    pub(crate) about: String,
    /// By the clock, as HTTP has it.
    pub(crate) date: String,
    /// Of this repository.
    pub(crate) commit: String,
    pub(crate) machine: Machine,
    /// How long it took.
    pub(crate) seconds: f64,
    pub(crate) series: Vec<Series>,
    pub(crate) comparisons: Vec<Comparison>,
}

/// Two series, in every work, whose ratio says something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Comparison {
    pub(crate) over: Side,
    pub(crate) under: Side,
}

/// A series of each work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Side {
    pub(crate) peer: String,
    pub(crate) quantity: String,
}

/// The rounds of one quantity of one peer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Series {
    /// What was asked of the peer.
    pub(crate) work: String,
    pub(crate) peer: String,
    /// With its unit.
    pub(crate) quantity: String,
    /// Values with the same place, of whatever series, are of the same round.
    pub(crate) values: Vec<f64>,
}

impl Results {
    /// Takes a section in place of the one that there was, in the order in which scenarios run.
    pub(crate) fn put(&mut self, section: Section) {
        self.sections
            .retain(|other| other.scenario != section.scenario);
        self.sections.push(section);
        self.sections
            .sort_by_key(|section| Scenario::position(&section.scenario));
    }

    pub(crate) fn section(&self, scenario: &str) -> Option<&Section> {
        self.sections
            .iter()
            .find(|section| section.scenario == scenario)
    }
}

impl Section {
    /// One more value of a series, which begins with its first.
    pub(crate) fn add(&mut self, work: &str, peer: &str, quantity: &str, value: f64) {
        let is_it = |series: &&mut Series| {
            series.work == work && series.peer == peer && series.quantity == quantity
        };
        if let Some(series) = self.series.iter_mut().find(is_it) {
            series.values.push(value);
        } else {
            self.series.push(Series {
                work: work.to_owned(),
                peer: peer.to_owned(),
                quantity: quantity.to_owned(),
                values: vec![value],
            });
        }
    }

    pub(crate) fn values(&self, work: &str, peer: &str, quantity: &str) -> Option<&[f64]> {
        let is_it = |series: &&Series| {
            series.work == work && series.peer == peer && series.quantity == quantity
        };
        self.series
            .iter()
            .find(is_it)
            .map(|series| &series.values[..])
    }

    pub(crate) fn median(&self, work: &str, peer: &str, quantity: &str) -> Option<f64> {
        self.values(work, peer, quantity).map(statistics::median)
    }

    /// From now on the ratio of these two, peer and quantity each, is one of the results.
    pub(crate) fn compare(&mut self, over: (&str, &str), under: (&str, &str)) {
        let side = |(peer, quantity): (&str, &str)| Side {
            peer: peer.to_owned(),
            quantity: quantity.to_owned(),
        };
        self.comparisons.push(Comparison {
            over: side(over),
            under: side(under),
        });
    }

    /// What this project does in units of every other peer.
    pub(crate) fn compare_with_all(&mut self, peers: &[Peer], quantity: &str) {
        let is_ours = |peer: &&Peer| peer.way == Way::SendFile;
        for ours in peers.iter().filter(is_ours) {
            for other in peers.iter().filter(|other| *other != ours) {
                self.compare((ours.name, quantity), (other.name, quantity));
            }
        }
    }

    pub(crate) fn ratio(&self, work: &str, comparison: &Comparison) -> Option<Ratio> {
        let values = |side: &Side| self.values(work, &side.peer, &side.quantity);
        let (over, under) = (values(&comparison.over)?, values(&comparison.under)?);
        Some(statistics::ratio(over, under))
    }

    /// What becomes of a quantity of one peer from one work to another.
    pub(crate) fn ratio_of_works(
        &self,
        (over, under): (&str, &str),
        peer: &str,
        quantity: &str,
    ) -> Option<Ratio> {
        let values = |work| self.values(work, peer, quantity);
        Some(statistics::ratio(values(over)?, values(under)?))
    }

    /// In the order of their first appearance.
    pub(crate) fn works(&self) -> Vec<&str> {
        distinct(self.series.iter().map(|series| &series.work[..]))
    }

    /// The same, of one work.
    pub(crate) fn quantities(&self, work: &str) -> Vec<&str> {
        let of_work = self.series.iter().filter(|series| series.work == work);
        distinct(of_work.map(|series| &series.quantity[..]))
    }

    /// In the order of [`Peer::ALL`], whatever order they were measured in.
    pub(crate) fn peers(&self, work: &str) -> Vec<&str> {
        let of_work = self.series.iter().filter(|series| series.work == work);
        let mut peers = distinct(of_work.map(|series| &series.peer[..]));
        peers.sort_by_key(|name| Peer::ALL.iter().position(|peer| peer.name == *name));
        peers
    }
}

/// Each once, in the order of their first appearance.
pub(crate) fn distinct<'a, T: PartialEq + ?Sized>(
    names: impl Iterator<Item = &'a T>,
) -> Vec<&'a T> {
    let mut distinct = Vec::new();
    for name in names {
        if !distinct.contains(&name) {
            distinct.push(name);
        }
    }
    distinct
}
