//! Starts the manager: log, limits, socket, signals; then the guardian, and in the processes it starts the loop.
#![forbid(unsafe_code)]

use std::io;

use anyhow::{Context, bail};
use nix::sys::resource::{Resource, setrlimit};
use tracing_subscriber::EnvFilter;

use crate::accept::Listener;
use crate::crash;
use crate::event_loop::EventLoop;
use crate::guardian::{Foundation, Role, guard};
use crate::recovery::Found;
use crate::sandbox::{Kind, Sandbox};
use crate::settings::{Arguments, LogFormat, Settings};
use crate::sys::descriptors::Unclaimed;
use crate::sys::signals;

/// Runs until told to end by SIGTERM or SIGINT.
///
/// # Errors
/// A sentence for the administrator.
pub fn run(arguments: Arguments) -> anyhow::Result<()> {
    let settings = Settings::from_arguments(arguments)?;
    start_log(settings.log_format);
    let mut sandbox = Sandbox::prepare(&settings)?;
    abort_on_panic();
    // The memory of a dead worker would be written to a disk before its successor could start.
    setrlimit(Resource::RLIMIT_CORE, 0, 0).context("could not turn core dumps off")?;
    let signals = signals::hold().context("could not set up signals")?;
    let listener = Listener::bind(&settings)?;
    let path = listener.path();
    let foundation = Foundation::new(listener, settings.max_jobs)
        .context("could not set up what workers share")?;
    tracing::info!(
        socket = %settings.socket.display(),
        max_jobs = settings.max_jobs,
        descriptor_limit = settings.max_descriptors,
        allowed_uids = ?settings.allowed_uids,
        "listening"
    );
    let layers = sandbox.enter(Kind::Guardian)?;
    tracing::info!(%layers, "guardian confined");
    let role = guard(foundation, &signals);
    if !matches!(role, Role::Worker(..)) {
        path.remove();
    }
    match role {
        Role::Worker(foundation, unclaimed) => work(settings, sandbox, foundation, unclaimed),
        Role::Ended => Ok(()),
        Role::GaveUp => bail!("gave up: the workers kept dying"),
        Role::CouldNotStart(errno) => bail!("could not start a worker process: {errno}"),
    }
}

/// The life of one worker. It never returns: to return would close what it holds, and close it for its successor, too.
fn work(
    settings: Settings,
    mut sandbox: Sandbox,
    mut foundation: Foundation,
    mut unclaimed: Unclaimed,
) -> ! {
    match sandbox.enter(Kind::Worker) {
        Ok(layers) => tracing::debug!(%layers, "worker confined"),
        Err(error) => {
            tracing::error!("this worker could not be confined: {error:#}");
            std::process::exit(1)
        }
    }
    crash::this_is_worker(foundation.table.head().generation());
    if let Some(ruleset) = sandbox.ruleset() {
        unclaimed.except(ruleset);
    }
    unclaimed.except(&foundation.table);
    unclaimed.except(&foundation.doorbell);
    match &foundation.guardian {
        Some(guardian) => unclaimed.except(guardian),
        None => tracing::warn!(
            "this kernel or container has no pidfd_open: nobody will notice the guardian's end"
        ),
    }
    if foundation.is_serving() {
        unclaimed.except(&foundation.listener);
    }
    let found = Found::look(&mut foundation.table, &mut unclaimed);
    crash::point("recovery.found");
    if let Err(errno) = unclaimed.close_the_rest() {
        tracing::error!(%errno, "could not close what a dead worker left open");
    }
    crash::point("recovery.swept");
    crash::try_the_sandbox();
    let poll = match mio::Poll::new() {
        Ok(poll) => poll,
        Err(error) => fail(&error),
    };
    let mut event_loop = EventLoop::new(poll, settings, foundation, found);
    if let Err(error) = event_loop.run() {
        fail(&error);
    }
    tracing::info!("ended");
    std::process::exit(0)
}

/// Ends this worker without dropping anything.
fn fail(error: &io::Error) -> ! {
    tracing::error!(%error, "the event loop failed");
    std::process::exit(1)
}

/// A panic that unwinds would close the descriptors of all downloads on its way, for the successor, too.
fn abort_on_panic() {
    std::panic::set_hook(Box::new(|panic| {
        tracing::error!("{panic}");
        std::process::abort();
    }));
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
