//! The daemon `send-file-manager`.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use send_file_manager::{control, daemon, settings::Arguments};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("send-file-manager: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    let arguments = Arguments::of_this_process()?;
    match arguments.request() {
        Some((request, socket)) => control::ask(request, socket),
        None => daemon::run(arguments),
    }
}
