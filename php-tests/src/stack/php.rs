//! The PHP side of the stacks with FastCGI.

use super::layout::Layout;
use crate::limits::WORKERS;
use crate::process::{self, Process};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::Path;

/// Where php-fpm or php-cgi listens.
#[derive(Clone, Debug)]
pub(super) enum Listen {
    Unix(String),
    Tcp(SocketAddr),
}

impl Listen {
    pub(super) fn text(&self) -> String {
        match self {
            Listen::Unix(path) => path.clone(),
            Listen::Tcp(address) => address.to_string(),
        }
    }

    fn answers(&self) -> bool {
        match self {
            Listen::Unix(path) => UnixStream::connect(Path::new(path)).is_ok(),
            Listen::Tcp(address) => process::answers(*address),
        }
    }
}

/// php-fpm with a fixed number of workers.
pub(super) fn start_fpm(layout: &Layout, listen: &Listen) -> anyhow::Result<Process> {
    let account = layout.account_lines("user = ACCOUNT\ngroup = ACCOUNT\nlisten.owner = ACCOUNT\n");
    layout.write(
        "fpm.conf",
        &format!(
            "[global]\n\
             daemonize = no\n\
             error_log = {dir}/logs/fpm.log\n\
             [www]\n\
             listen = {listen}\n\
             listen.backlog = 1000\n\
             pm = static\n\
             pm.max_children = {WORKERS}\n\
             catch_workers_output = yes\n\
             {account}",
            dir = layout.dir(),
            listen = listen.text(),
        ),
    )?;
    let mut command = layout.command("php-fpm8.2");
    command
        .arg("-c")
        .arg(layout.path("php.ini"))
        .arg("-y")
        .arg(layout.path("fpm.conf"))
        .arg("--nodaemonize");
    let mut fpm = Process::start(command, &layout.log("server.out"), None)?;
    fpm.wait_until_ready(|| listen.answers())?;
    Ok(fpm)
}

/// php-cgi, which serves FastCGI with a fixed number of workers too.
pub(super) fn start_cgi(layout: &Layout, listen: &Listen) -> anyhow::Result<Process> {
    let mut command = layout.command("php-cgi8.2");
    command
        .arg("-c")
        .arg(layout.path("php.ini"))
        .arg("-b")
        .arg(listen.text())
        .env("PHP_FCGI_CHILDREN", WORKERS.to_string())
        .env("PHP_FCGI_MAX_REQUESTS", "0");
    let log = layout.log("server.out");
    let mut cgi = Process::start(command, &log, layout.account.as_ref())?;
    cgi.wait_until_ready(|| listen.answers())?;
    Ok(cgi)
}
