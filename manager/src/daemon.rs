//! Starts the manager: log, limits, socket, signals; then the master, and what becomes of the processes it starts.
#![forbid(unsafe_code)]

use anyhow::Context;
use nix::sys::prctl::{set_name, set_pdeathsig};
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SigSet, Signal};
use tracing_subscriber::EnvFilter;

use crate::accept::Listener;
use crate::crash;
use crate::event_loop::{EventLoop, Leaving};
use crate::guardian::{Foundation, Role, guard};
use crate::master::{self, Master, Seat, adopt_orphans};
use crate::recovery::Found;
use crate::renewal::Inherited;
use crate::sandbox::Sandbox;
use crate::settings::{Arguments, LogFormat, Settings};
use crate::sys::descriptors::Unclaimed;
use crate::sys::signals::Signals;

/// Runs until told to end by SIGTERM or SIGINT.
///
/// # Errors
/// A sentence for the administrator.
pub fn run(arguments: Arguments) -> anyhow::Result<()> {
    // First of all: it is known by the number of a descriptor.
    let inherited = Inherited::find()?;
    let settings = Settings::from_arguments(arguments)?;
    start_log(settings.log_format);
    let sandbox = Sandbox::prepare(&settings)?;
    abort_on_panic();
    // After a reload the kernel's own name for it would be that of a link.
    let _ = set_name(c"send-file-manager");
    // The memory of a dead worker would be written to a disk before its successor could start.
    setrlimit(Resource::RLIMIT_CORE, 0, 0).context("could not turn core dumps off")?;
    adopt_orphans().context("could not become the parent of orphaned workers")?;
    let (inherited, outgoing) = match inherited {
        Some(Inherited { listener, cells }) => (Some(listener), cells),
        None => (None, Vec::new()),
    };
    if settings.is_trial {
        if let Some(socket) = inherited {
            Listener::inherit(socket, &settings)?;
        }
        println!("the settings are in order");
        return Ok(());
    }
    let signals = Signals::hold().context("could not set up signals")?;
    let listener = match inherited {
        Some(socket) => Listener::inherit(socket, &settings)?,
        None => Listener::bind(&settings)?,
    };
    tracing::info!(
        socket = %settings.socket.display(),
        cells = settings.cells,
        max_jobs = settings.max_jobs,
        descriptor_limit = settings.max_descriptors,
        allowed_uids = ?settings.allowed_uids,
        "listening"
    );
    let set = signals.set();
    let master = Master::new(settings.clone(), listener, signals, &outgoing)?;
    match master.run()? {
        master::Role::Ended => {
            tracing::info!("ended");
            Ok(())
        }
        master::Role::Cell(seat) => live(&settings, sandbox, seat, &set),
    }
}

/// The life of the processes of a cell. They never return: to return would close what they hold, and close it for each
/// other, too.
fn live(settings: &Settings, sandbox: Sandbox, seat: Seat, signals: &SigSet) -> ! {
    let mut foundation = match Foundation::new(seat, settings.slots) {
        Ok(foundation) => foundation,
        Err(error) => fail("could not set up what workers share", &error),
    };
    match sandbox.enter() {
        Ok(layers) => tracing::debug!(%layers, "confined"),
        Err(error) => fail("could not be confined", &format!("{error:#}")),
    }
    stand_guard();
    loop {
        match guard(foundation, signals, settings.hang_timeout) {
            Role::Worker(mine, unclaimed) => {
                foundation = work(settings, mine, unclaimed);
                foundation.become_guardian();
                stand_guard();
            }
            Role::Ended => std::process::exit(0),
            Role::GaveUp => fail(
                "gave up: the workers kept dying",
                &"no other one would live",
            ),
            Role::CouldNotStart(errno) => fail("could not start a worker process", &errno),
        }
    }
}

/// Shows what this process is, and has it told when the master ends, which a change of user would have undone.
fn stand_guard() {
    // Neither fails with arguments like these.
    let _ = set_name(c"sf-guardian");
    let _ = set_pdeathsig(Signal::SIGTERM);
}

/// The life of one worker. It returns when it is to be the guardian, with all that is left of its cell.
fn work(settings: &Settings, mut foundation: Foundation, mut unclaimed: Unclaimed) -> Foundation {
    let _ = set_name(c"sf-worker");
    crash::this_is_worker(foundation.table.head().generation());
    unclaimed.except(&foundation.table);
    unclaimed.except(&foundation.doorbell);
    unclaimed.except(&foundation.seat.bell);
    match &foundation.guardian {
        Some(guardian) => unclaimed.except(guardian),
        None => tracing::warn!(
            "no pidfd_open in this kernel or container, or no descriptor left: nobody will notice the guardian's end"
        ),
    }
    match &foundation.seat.listener {
        Some(listener) if foundation.is_serving() => unclaimed.except(listener),
        // Closed by a worker that was told to end, or about to be: the number may be somebody else's.
        _ => std::mem::forget(foundation.seat.listener.take()),
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
        Err(error) => fail("could not make an epoll", &error),
    };
    let mut event_loop = EventLoop::new(poll, settings.clone(), foundation, found);
    match event_loop.run() {
        Ok(Leaving::Ended) => std::process::exit(0),
        Ok(Leaving::Orphaned) => event_loop.into_foundation(),
        Err(error) => fail("the event loop failed", &error),
    }
}

/// Ends this process without dropping anything.
fn fail(what: &str, error: &dyn std::fmt::Display) -> ! {
    tracing::error!(%error, "{what}");
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
pub fn start_log(format: LogFormat) {
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
