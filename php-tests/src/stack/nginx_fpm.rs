//! nginx, with TLS and HTTP/2, in front of php-fpm.

use anyhow::Context;

use super::Started;
use super::layout::{Layout, certificate};
use super::php::{Listen, start_fpm};
use crate::process::{Process, free_address, speaks_http, tail};

/// What we ship for nginx.
const SNIPPET: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../packaging/send-file.nginx.conf"
);

/// As we advise it.
pub(super) fn start_on_a_unix_socket(layout: &Layout) -> anyhow::Result<Started> {
    let listen = Listen::Unix(format!("{}/tmp/fpm.sock", layout.dir()));
    let upstream = format!("server unix:{};", listen.text());
    start(layout, &listen, &upstream, &format!("include {SNIPPET};"))
}

/// With nginx's own buffers, and with kept FastCGI connections, as a site with much traffic has them: the manager must not
/// break the next request.
pub(super) fn start_on_tcp(layout: &Layout) -> anyhow::Result<Started> {
    let listen = Listen::Tcp(free_address()?);
    let upstream = format!("server {}; keepalive 4;", listen.text());
    start(layout, &listen, &upstream, "fastcgi_keep_conn on;")
}

fn start(layout: &Layout, listen: &Listen, upstream: &str, lines: &str) -> anyhow::Result<Started> {
    let (address, tls) = (free_address()?, free_address()?);
    let fpm = start_fpm(layout, listen)?;
    layout.write(
        "nginx.conf",
        &config(layout, address, tls, upstream, lines)?,
    )?;
    let mut command = layout.command("nginx");
    command
        .arg("-p")
        .arg(layout.path(""))
        .arg("-c")
        .arg(layout.path("nginx.conf"))
        .arg("-e")
        .arg(layout.log("error.log"));
    let mut nginx = Process::start(command, &layout.log("server.out"), None)?;
    nginx
        .wait_until_ready(|| speaks_http(address))
        .with_context(|| format!("nginx: {}", tail(&layout.log("error.log"))))?;
    Ok(Started {
        address,
        tls: Some(tls),
        processes: vec![nginx, fpm],
        php: 1,
    })
}

fn config(
    layout: &Layout,
    address: std::net::SocketAddr,
    tls: std::net::SocketAddr,
    upstream: &str,
    lines: &str,
) -> anyhow::Result<String> {
    Ok(format!(
        "{account}
daemon off;
worker_processes 1;
pid {dir}/tmp/nginx.pid;
error_log {dir}/logs/error.log;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    client_body_temp_path {dir}/tmp/body;
    fastcgi_temp_path {dir}/tmp/fastcgi;
    proxy_temp_path {dir}/tmp/proxy;
    uwsgi_temp_path {dir}/tmp/uwsgi;
    scgi_temp_path {dir}/tmp/scgi;
    client_max_body_size 100m;
    upstream php {{ {upstream} }}
    server {{
        listen {address} backlog=1000;
        listen {tls} ssl http2;
        ssl_certificate {certificate};
        ssl_certificate_key {certificate};
        root {dir}/docroot;
        add_header X-From-The-Server kept always;
        location ~ \\.php$ {{
            {parameters}
            fastcgi_param SCRIPT_FILENAME {dir}/docroot$fastcgi_script_name;
        }}
    }}
}}
",
        account = layout.account_lines("user ACCOUNT;"),
        dir = layout.dir(),
        certificate = certificate()?.display(),
        parameters = format_args!(
            "fastcgi_pass php;
            {lines}
            fastcgi_param QUERY_STRING $query_string;
            fastcgi_param REQUEST_METHOD $request_method;
            fastcgi_param CONTENT_TYPE $content_type;
            fastcgi_param CONTENT_LENGTH $content_length;
            fastcgi_param SCRIPT_NAME $fastcgi_script_name;
            fastcgi_param REQUEST_URI $request_uri;
            fastcgi_param SERVER_PROTOCOL $server_protocol;
            fastcgi_param SERVER_SOFTWARE nginx/$nginx_version;
            fastcgi_param REMOTE_ADDR $remote_addr;
            fastcgi_param HTTPS $https if_not_empty;"
        ),
    ))
}
