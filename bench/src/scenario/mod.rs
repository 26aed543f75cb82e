//! What is measured: one scenario a file.

pub(crate) mod call;
pub(crate) mod cells;
pub(crate) mod cold;
pub(crate) mod crowded;
pub(crate) mod requests;
pub(crate) mod slow;
pub(crate) mod throughput;

use std::time::Instant;

use clap::ValueEnum;

use crate::plan::Plan;
use crate::results::Section;

/// Something to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scenario {
    /// One long file: bytes per second, and what they cost.
    Throughput,
    /// Files of some sizes: requests per second.
    Requests,
    /// What a handoff costs: the call, and the whole request.
    Call,
    /// Ten thousand slow downloads: what a page feels of them, and what they cost.
    Slow,
    /// Two hundred slow clients on every peer: who is served.
    Crowded,
    /// Fifty readers of a cold disk beside one warm download.
    Cold,
    /// The same work by one cell and by two.
    Cells,
}

impl Scenario {
    /// All of them, in the order in which they run.
    pub(crate) fn all() -> &'static [Scenario] {
        Scenario::value_variants()
    }

    /// The place of a scenario in that order.
    pub(crate) fn position(name: &str) -> Option<usize> {
        Scenario::all().iter().position(|scenario| {
            let value = scenario.to_possible_value();
            value.is_some_and(|value| value.get_name() == name)
        })
    }

    /// The sentence that its help has, too.
    fn about(self) -> String {
        let value = self.to_possible_value();
        let help = value.and_then(|value| Some(value.get_help()?.to_string()));
        help.unwrap_or_default()
    }

    /// Runs it.
    ///
    /// # Errors
    /// The first wrong answer, or a server that did not start.
    pub(crate) fn run(self, plan: &Plan) -> anyhow::Result<Section> {
        let begun = Instant::now();
        let mut section = match self {
            Scenario::Throughput => throughput::run(plan),
            Scenario::Requests => requests::run(plan),
            Scenario::Call => call::run(plan),
            Scenario::Slow => slow::run(plan),
            Scenario::Crowded => crowded::run(plan),
            Scenario::Cold => cold::run(plan),
            Scenario::Cells => cells::run(plan),
        }?;
        section.about = self.about();
        section.seconds = begun.elapsed().as_secs_f64();
        Ok(section)
    }
}
