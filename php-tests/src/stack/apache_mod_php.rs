//! Apache prefork with mod_php; beside it TLS, mod_ratelimit and SSI, which veto the handoff, and mod_deflate, which is
//! kept out of it. And what both Apache stacks have in common.

use anyhow::Context;

use super::Started;
use super::layout::{Layout, certificate};
use crate::limits::WORKERS;
use crate::process::{Process, free_address, speaks_http};

/// Modules of both.
const MODULES: &str = "\
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule mime_module /usr/lib/apache2/modules/mod_mime.so
LoadModule alias_module /usr/lib/apache2/modules/mod_alias.so
LoadModule env_module /usr/lib/apache2/modules/mod_env.so
LoadModule headers_module /usr/lib/apache2/modules/mod_headers.so
TypesConfig /dev/null
LoadModule filter_module /usr/lib/apache2/modules/mod_filter.so
";

pub(super) fn start(layout: &Layout) -> anyhow::Result<Started> {
    let (address, tls) = (free_address()?, free_address()?);
    let certificate = certificate()?;
    let modules = "\
        LoadModule mpm_prefork_module /usr/lib/apache2/modules/mod_mpm_prefork.so\n\
        LoadModule php_module /usr/lib/apache2/modules/libphp8.2.so\n\
        LoadModule deflate_module /usr/lib/apache2/modules/mod_deflate.so\n\
        LoadModule expires_module /usr/lib/apache2/modules/mod_expires.so\n\
        LoadModule ratelimit_module /usr/lib/apache2/modules/mod_ratelimit.so\n\
        LoadModule include_module /usr/lib/apache2/modules/mod_include.so\n\
        LoadModule socache_shmcb_module /usr/lib/apache2/modules/mod_socache_shmcb.so\n\
        LoadModule ssl_module /usr/lib/apache2/modules/mod_ssl.so\n";
    let directives = format!(
        "Listen {tls}\n\
         StartServers {WORKERS}\n\
         MinSpareServers {WORKERS}\n\
         MaxSpareServers {WORKERS}\n\
         ServerLimit {WORKERS}\n\
         MaxRequestWorkers {WORKERS}\n\
         KeepAliveTimeout 2\n\
         MaxKeepAliveRequests 0\n\
         PHPIniDir {dir}\n\
         <FilesMatch \"\\.php$\">\n\
           SetHandler application/x-httpd-php\n\
         </FilesMatch>\n\
         <FilesMatch \"\\.shtml$\">\n\
           Options +Includes\n\
           SetOutputFilter INCLUDES\n\
         </FilesMatch>\n\
         Alias /deflated {dir}/docroot\n\
         <Location /deflated>\n\
           SetOutputFilter DEFLATE\n\
         </Location>\n\
         Alias /expires {dir}/docroot\n\
         <Location /expires>\n\
           ExpiresActive On\n\
           ExpiresByType application/octet-stream \"access plus 1 hour\"\n\
         </Location>\n\
         Alias /limited {dir}/docroot\n\
         <Location /limited>\n\
           SetOutputFilter RATE_LIMIT\n\
           SetEnv rate-limit 100000\n\
         </Location>\n\
         <VirtualHost {tls}>\n\
           SSLEngine on\n\
           SSLCertificateFile {certificate}\n\
         </VirtualHost>\n",
        dir = layout.dir(),
        certificate = certificate.display(),
    );
    Ok(Started {
        address,
        tls: Some(tls),
        processes: vec![start_apache(layout, address, modules, &directives)?],
        php: 0,
    })
}

/// Starts Apache with these modules and directives besides those of both stacks.
pub(super) fn start_apache(
    layout: &Layout,
    address: std::net::SocketAddr,
    modules: &str,
    directives: &str,
) -> anyhow::Result<Process> {
    let config = format!(
        "ServerRoot {dir}\n\
         ServerName localhost\n\
         Listen {address}\n\
         {modules}\
         {MODULES}\
         {account}\
         PidFile {dir}/tmp/httpd.pid\n\
         DefaultRuntimeDir {dir}/tmp\n\
         ErrorLog {dir}/logs/error.log\n\
         Mutex pthread\n\
         DocumentRoot {dir}/docroot\n\
         Header always set X-From-The-Server kept\n\
         {directives}",
        dir = layout.dir(),
        account = layout.account_lines("User ACCOUNT\nGroup ACCOUNT\n"),
    );
    layout.write("httpd.conf", &config)?;
    let mut command = layout.command("apache2");
    command
        .arg("-f")
        .arg(layout.path("httpd.conf"))
        .arg("-DFOREGROUND");
    let mut apache = Process::start(command, &layout.log("server.out"), None)?;
    apache
        .wait_until_ready(|| speaks_http(address))
        .with_context(|| {
            format!(
                "apache2: {}",
                crate::process::tail(&layout.log("error.log"))
            )
        })?;
    Ok(apache)
}
