//! Apache event with mod_proxy_fcgi and HTTP/2 in front of php-fpm.

use super::Started;
use super::apache_mod_php::start_apache;
use super::layout::Layout;
use super::php::{Listen, start_fpm};
use crate::process::free_address;

pub(super) fn start(layout: &Layout) -> anyhow::Result<Started> {
    let address = free_address()?;
    let listen = Listen::Unix(format!("{}/tmp/fpm.sock", layout.dir()));
    let fpm = start_fpm(layout, &listen)?;
    let modules = "\
        LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so\n\
        LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so\n\
        LoadModule proxy_fcgi_module /usr/lib/apache2/modules/mod_proxy_fcgi.so\n\
        LoadModule http2_module /usr/lib/apache2/modules/mod_http2.so\n";
    let directives = format!(
        "# A thread of Apache per download: it is PHP that has few workers.\n\
         ThreadsPerChild 64\n\
         MaxRequestWorkers 256\n\
         StartServers 4\n\
         MinSpareThreads 64\n\
         MaxSpareThreads 256\n\
         Protocols h2c http/1.1\n\
         <FilesMatch \"\\.php$\">\n\
           SetHandler \"proxy:unix:{socket}|fcgi://localhost/\"\n\
         </FilesMatch>\n",
        socket = listen.text(),
    );
    let apache = start_apache(layout, address, modules, &directives)?;
    Ok(Started {
        address,
        tls: None,
        processes: vec![apache, fpm],
        php: 1,
    })
}
