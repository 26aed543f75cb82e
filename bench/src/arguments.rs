//! The command line.

use std::path::PathBuf;

use clap::Parser;

use crate::scenario::Scenario;

/// Measures send_file beside its peers, on real web servers in a temporary folder.
#[derive(Debug, Parser)]
#[command(name = "send-file-bench")]
pub(crate) struct Arguments {
    /// What to measure; everything where nothing is said.
    #[arg(value_enum)]
    pub(crate) scenarios: Vec<Scenario>,

    /// Only peers with one of these in their name; nothing is written then.
    #[arg(long, value_delimiter = ',')]
    pub(crate) peers: Vec<String>,

    /// Rounds of each scenario that has rounds.
    #[arg(long)]
    pub(crate) rounds: Option<usize>,

    /// Everything at the least size, to see that it works; nothing is written.
    #[arg(long)]
    pub(crate) smoke: bool,

    /// Determines the order within rounds.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,

    /// Where results are kept, written after each scenario.
    #[arg(long, default_value = "bench/results")]
    pub(crate) results: PathBuf,

    /// The page whose figures are brought up to date with them.
    #[arg(long, default_value = "README.md")]
    pub(crate) readme: PathBuf,

    /// Be the FastCGI responder at this socket that sends the files of a folder.
    #[arg(long, hide = true, num_args = 2, value_names = ["SOCKET", "FOLDER"])]
    pub(crate) responder: Vec<PathBuf>,
}
