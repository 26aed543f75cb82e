//! `send-file-chaos`: downloads of every kind while workers and guardians are killed, and the manager is upgraded and
//! reloaded; says what was lost, which must be nothing.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use send_file_php_tests::chaos::places::{PLACES, die_at, install};
use send_file_php_tests::chaos::{Settings, run};

/// Downloads of every kind while processes of the manager are killed. SEED in the environment repeats the plans of a run.
#[derive(Parser)]
#[command(name = "send-file-chaos")]
struct Arguments {
    /// At least so many downloads.
    #[arg(long, default_value_t = 10_000)]
    downloads: u64,

    /// At least so many processes killed.
    #[arg(long, default_value_t = 1_000)]
    kills: u64,

    /// No download begins after so many minutes, enough or not.
    #[arg(long, default_value_t = 15)]
    minutes: u64,

    /// Over raw sockets only, without web servers.
    #[arg(long)]
    raw: bool,

    /// Start the manager with so many cells.
    #[arg(long)]
    cells: Option<u32>,

    /// Start the manager with so few descriptors that cells are relieved all the time. Slots are not counted then.
    #[arg(long)]
    splits: bool,

    /// Instead of all that: let workers of this debug build of the manager die at each place with a name, such as the one
    /// between receiving a commit and recording it, or that where an offer is given up.
    #[arg(long, value_name = "PATH")]
    debug_manager: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let debug_manager = arguments.debug_manager.clone();
    let settings = settings(arguments);
    // First, so that it is known however the run ends.
    println!("SEED={}", settings.seed);
    let result = match debug_manager {
        Some(program) => die_everywhere(&program, settings.seed),
        None => kill_at_random(settings),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("send-file-chaos: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn kill_at_random(settings: Settings) -> anyhow::Result<bool> {
    let report = run(settings)?;
    print!("{report}");
    if !report.is_enough() {
        eprintln!("send-file-chaos: the time was over before there were enough of them");
    }
    Ok(report.is_clean() && report.is_enough())
}

fn die_everywhere(program: &Path, seed: u64) -> anyhow::Result<bool> {
    let program = install(program)?;
    let mut all_clean = true;
    for place in PLACES {
        let at_place = die_at(&program, place, seed)?;
        println!("{at_place}");
        all_clean &= at_place.is_clean();
    }
    Ok(all_clean)
}

fn settings(arguments: Arguments) -> Settings {
    let cells = arguments.cells.map(|cells| cells.to_string());
    Settings {
        downloads: arguments.downloads,
        kills: arguments.kills,
        longest: Duration::from_secs(arguments.minutes * 60),
        through_web_servers: !arguments.raw,
        manager_flags: cells
            .into_iter()
            .flat_map(|cells| ["--cells".into(), cells])
            .collect(),
        splits: arguments.splits,
        ..Settings::long()
    }
}
