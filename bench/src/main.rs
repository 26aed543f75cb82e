//! `send-file-bench [SCENARIO...]`: send_file beside its peers, with the same files and the same client, in one run.
//!
//! ```text
//! arguments -> plan -> scenario (one file each) -> results -> report
//!                        |-> server (a peer that runs), peer, template, responder, cpu
//!                        \-> load -> client; rounds, statistics
//! ```
#![deny(unsafe_code)]

mod arguments;
#[allow(unsafe_code, reason = "what nix leaves unsafe")]
mod background;
mod client;
mod cpu;
mod crowd;
mod limits;
mod load;
mod machine;
mod memory;
mod peer;
mod plan;
mod report;
mod responder;
mod results;
mod rounds;
mod scenario;
mod server;
mod sockets;
mod statistics;
mod template;

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::Arguments;
use crate::limits::RESPONDER_THREADS;
use crate::plan::Plan;
use crate::scenario::Scenario;

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("send-file-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    if let [socket, files] = &arguments.responder[..] {
        return responder::serve(socket, files, RESPONDER_THREADS);
    }
    let plan = Plan::new(arguments);
    let scenarios = match &arguments.scenarios[..] {
        [] => Scenario::all(),
        some => some,
    };
    let mut results = report::load(&arguments.results)?;
    for scenario in scenarios {
        let section = scenario.run(&plan)?;
        println!("{}", report::markdown::section(&section));
        results.put(section);
        // What a part of the peers or the least size gives is no result.
        if !arguments.smoke && arguments.peers.is_empty() {
            report::save(&results, &arguments.results, &arguments.readme)?;
        }
    }
    Ok(())
}
