//! The daemon `send-file-manager`.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;
use send_file_manager::{daemon, settings::Arguments};

fn main() -> ExitCode {
    match daemon::run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("send-file-manager: {error:#}");
            ExitCode::FAILURE
        }
    }
}
