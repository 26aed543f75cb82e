//! What is measured: one scenario a file.

mod call;
mod crowded;
mod requests;
mod slow;
mod throughput;

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
}

impl Scenario {
    /// All of them, in the order in which they run.
    pub(crate) fn all() -> &'static [Scenario] {
        Scenario::value_variants()
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
        }?;
        section.seconds = begun.elapsed().as_secs_f64();
        Ok(section)
    }
}
