//! PHP's development server: a single process that does everything.

use super::Started;
use super::layout::Layout;
use crate::process::{Process, free_address, speaks_http};

pub(super) fn start(layout: &Layout) -> anyhow::Result<Started> {
    let address = free_address()?;
    let mut command = layout.command("php8.2");
    command
        .arg("-c")
        .arg(layout.path("php.ini"))
        .arg("-S")
        .arg(address.to_string())
        .arg("-t")
        .arg(layout.path("docroot"));
    let log = layout.log("server.out");
    let mut server = Process::start(command, &log, layout.account.as_ref())?;
    server.wait_until_ready(|| speaks_http(address))?;
    Ok(Started {
        address,
        tls: None,
        processes: vec![server],
        php: 0,
    })
}
