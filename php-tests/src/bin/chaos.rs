//! `send-file-chaos`: downloads of every kind while workers are killed; says what was lost, which must be nothing.
#![forbid(unsafe_code)]

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use send_file_php_tests::chaos::{Extras, Settings, run};

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

    /// Kill guardians, too.
    #[arg(long)]
    guardians: bool,

    /// Send SIGUSR2 to the manager now and then.
    #[arg(long)]
    upgrades: bool,

    /// Send SIGHUP to the manager now and then.
    #[arg(long)]
    reloads: bool,

    /// Start the manager with so few descriptors that it splits its cells.
    #[arg(long)]
    splits: bool,
}

fn main() -> ExitCode {
    let settings = settings(Arguments::parse());
    // First, so that it is known however the run ends.
    println!("SEED={}", settings.seed);
    match run(settings) {
        Ok(report) => {
            print!("{report}");
            if report.is_clean() && report.is_enough() {
                return ExitCode::SUCCESS;
            }
            if !report.is_enough() {
                eprintln!("send-file-chaos: the time was over before there were enough of them");
            }
        }
        Err(error) => eprintln!("send-file-chaos: {error:#}"),
    }
    ExitCode::FAILURE
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
        extras: Extras {
            guardians: arguments.guardians,
            upgrades: arguments.upgrades,
            reloads: arguments.reloads,
            splits: arguments.splits,
        },
        ..Settings::long()
    }
}
