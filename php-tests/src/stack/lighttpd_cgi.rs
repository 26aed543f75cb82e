//! lighttpd in front of php-cgi.

use anyhow::Context;

use super::Started;
use super::layout::Layout;
use super::php::{Listen, start_cgi};
use crate::process::{Process, free_address, speaks_http, tail};

pub(super) fn start(layout: &Layout) -> anyhow::Result<Started> {
    let address = free_address()?;
    let listen = Listen::Unix(format!("{}/tmp/cgi.sock", layout.dir()));
    let cgi = start_cgi(layout, &listen)?;
    layout.write(
        "lighttpd.conf",
        &format!(
            "server.modules = ( \"mod_fastcgi\", \"mod_setenv\" )\n\
             server.document-root = \"{dir}/docroot\"\n\
             server.bind = \"{host}\"\n\
             server.port = {port}\n\
             server.errorlog = \"{dir}/logs/error.log\"\n\
             server.upload-dirs = ( \"{dir}/tmp\" )\n\
             # Holds back what the client does not read yet, rather than all of it in memory.\n\
             server.stream-response-body = 2\n\
             setenv.add-response-header = ( \"X-From-The-Server\" => \"kept\" )\n\
             fastcgi.server = ( \".php\" => (( \"socket\" => \"{socket}\" )) )\n\
             {account}",
            dir = layout.dir(),
            host = address.ip(),
            port = address.port(),
            socket = listen.text(),
            account = layout
                .account_lines("server.username = \"ACCOUNT\"\nserver.groupname = \"ACCOUNT\"\n"),
        ),
    )?;
    let mut command = layout.command("lighttpd");
    command
        .arg("-D")
        .arg("-f")
        .arg(layout.path("lighttpd.conf"));
    let mut lighttpd = Process::start(command, &layout.log("server.out"), None)?;
    lighttpd
        .wait_until_ready(|| speaks_http(address))
        .with_context(|| format!("lighttpd: {}", tail(&layout.log("error.log"))))?;
    Ok(Started {
        address,
        tls: None,
        processes: vec![lighttpd, cgi],
        php: 1,
    })
}
