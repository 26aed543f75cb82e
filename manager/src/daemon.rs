//! Starts the manager: log, limits, socket, signals, then the loop.
#![forbid(unsafe_code)]

use anyhow::Context;
use tracing_subscriber::EnvFilter;

use crate::accept::Listener;
use crate::event_loop::EventLoop;
use crate::settings::{Arguments, LogFormat, Settings};
use crate::sys::signals;

/// Runs until told to end by SIGTERM or SIGINT.
///
/// # Errors
/// A sentence for the administrator.
pub fn run(arguments: Arguments) -> anyhow::Result<()> {
    let settings = Settings::from_arguments(arguments)?;
    start_log(settings.log_format);
    let signals = signals::termination().context("could not set up signals")?;
    let listener = Listener::bind(&settings)?;
    tracing::info!(
        socket = %settings.socket.display(),
        max_jobs = settings.max_jobs,
        descriptor_limit = settings.max_descriptors,
        allowed_uids = ?settings.allowed_uids,
        "listening"
    );
    let event_loop =
        EventLoop::new(settings, listener, signals).context("could not set up the event loop")?;
    event_loop.run().context("the event loop failed")?;
    tracing::info!("ended");
    Ok(())
}

/// To standard error; `RUST_LOG` chooses what, `info` by default.
fn start_log(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // A log that cannot be written (a full disk, a reader that died) is no reason to end every download.
        .log_internal_errors(false)
        .with_target(false);
    match format {
        LogFormat::Text => log.with_ansi(false).init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
}
