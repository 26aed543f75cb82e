//! What one asks of a running manager from the command line.
#![forbid(unsafe_code)]

use std::path::Path;

use anyhow::{Context, bail};
use clap::Subcommand;
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::unistd::Pid;
use send_file_wire::channel;

/// What a running manager can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Subcommand)]
pub enum Request {
    /// Tell the running manager to go on with the program that now has its path; downloads are not disturbed.
    Upgrade,
    /// Tell the running manager to read its configuration again; downloads are not disturbed.
    Reload,
    /// Tell the running manager to write to its log how things are.
    Status,
}

impl Request {
    fn signal(self) -> Signal {
        match self {
            Request::Upgrade => Signal::SIGUSR2,
            Request::Reload => Signal::SIGHUP,
            Request::Status => Signal::SIGUSR1,
        }
    }
}

/// Sends the request to the manager that listens on this socket.
///
/// # Errors
/// A sentence that says why nobody could be asked.
pub fn ask(request: Request, socket: &Path) -> anyhow::Result<()> {
    let connection = channel::connect_to(socket)
        .with_context(|| format!("no manager listens on {}", socket.display()))?;
    // Of whoever called listen(2), which is the first process, whatever program it has become since.
    let credentials = getsockopt(&connection, PeerCredentials)
        .context("could not find out which process listens")?;
    let master = Pid::from_raw(credentials.pid());
    if master.as_raw() <= 0 {
        bail!("the manager runs in another process namespace; send the signal there");
    }
    kill(master, request.signal())
        .with_context(|| format!("could not send a signal to the manager, process {master}"))?;
    println!("asked process {master}; its log says how it went");
    Ok(())
}
