//! A web server with PHP and the extension, in a folder of its own. One file per kind.

mod apache_mod_php;
mod apache_proxy_fcgi;
mod cli_server;
mod layout;
mod lighttpd_cgi;
mod nginx_fpm;
mod php;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context;

pub use layout::Layout;

use crate::manager::Manager;
use crate::process::{self, Process};

/// A web server, and the way it runs PHP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Apache prefork with mod_php.
    ApacheModPhp,
    /// nginx in front of php-fpm on a Unix socket.
    NginxFpmUnix,
    /// nginx in front of php-fpm on TCP, with connections kept for the next request.
    NginxFpmTcp,
    /// Apache event with mod_proxy_fcgi in front of php-fpm.
    ApacheProxyFcgi,
    /// lighttpd in front of php-cgi.
    LighttpdCgi,
    /// PHP's development server: one process for everything.
    CliServer,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 6] = [
        Kind::ApacheModPhp,
        Kind::NginxFpmUnix,
        Kind::NginxFpmTcp,
        Kind::ApacheProxyFcgi,
        Kind::LighttpdCgi,
        Kind::CliServer,
    ];

    /// As the names of tests have it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::ApacheModPhp => "apache_mod_php",
            Kind::NginxFpmUnix => "nginx_fpm_unix",
            Kind::NginxFpmTcp => "nginx_fpm_tcp",
            Kind::ApacheProxyFcgi => "apache_proxy_fcgi",
            Kind::LighttpdCgi => "lighttpd_cgi",
            Kind::CliServer => "cli_server",
        }
    }

    /// Whether the web server is configured to add a header of the administrator's; `php -S` cannot.
    pub fn adds_headers(self) -> bool {
        self != Kind::CliServer
    }

    /// Whether a Content-Length of PHP reaches the client: Apache drops that of a FastCGI answer since 2.4.59 (unless
    /// `ap_trust_cgilike_cl` is set) and sends chunks.
    pub fn keeps_lengths(self) -> bool {
        self != Kind::ApacheProxyFcgi
    }

    /// Whether the web server keeps a connection for the next request.
    pub fn keeps_connections(self) -> bool {
        self != Kind::CliServer
    }
}

/// What is special about one stack.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The flags of the manager; none: there is no manager.
    pub manager: Option<Vec<&'static str>>,
    /// What the manager logs, as RUST_LOG; none: what it logs by default.
    pub manager_log: Option<&'static str>,
    /// Lines of php.ini, after the usual ones.
    pub ini: Vec<String>,
    /// More scripts, by name and text.
    pub scripts: Vec<(&'static str, &'static str)>,
}

impl Options {
    /// With a manager as it is by default.
    pub fn with_manager() -> Options {
        Options::with_manager_flags(&[])
    }

    /// With a manager that takes one download at a time. One cell: of two, one may not have seen yet that the other has room.
    pub fn with_room_for_one() -> Options {
        Options::with_manager_flags(&["--max-jobs", "1", "--cells", "1"])
    }

    /// With a manager that has these flags.
    pub fn with_manager_flags(flags: &[&'static str]) -> Options {
        Options {
            manager: Some(flags.to_vec()),
            ..Options::default()
        }
    }

    /// With a manager that logs this, as RUST_LOG has it.
    #[must_use]
    pub fn logging(mut self, filter: &'static str) -> Options {
        self.manager_log = Some(filter);
        self
    }

    /// Without a manager: every file is streamed in-process.
    pub fn without_manager() -> Options {
        Options::default()
    }

    /// With one more script beside those of the tests.
    #[must_use]
    pub fn script(mut self, name: &'static str, text: &'static str) -> Options {
        self.scripts.push((name, text));
        self
    }

    /// With one more line of php.ini.
    #[must_use]
    pub fn ini(mut self, line: impl Into<String>) -> Options {
        self.ini.push(line.into());
        self
    }
}

/// A running web server.
#[derive(Debug)]
pub struct Stack {
    /// What it is.
    pub kind: Kind,
    /// Where it speaks plain HTTP.
    pub address: SocketAddr,
    /// Where it speaks TLS, if it does.
    pub tls: Option<SocketAddr>,
    /// Its manager, if it has one.
    pub manager: Option<Manager>,
    web: Vec<Process>,
    php: usize,
    logs: Vec<PathBuf>,
}

/// What the file of a kind starts.
#[derive(Debug)]
pub(crate) struct Started {
    address: SocketAddr,
    tls: Option<SocketAddr>,
    processes: Vec<Process>,
    /// Which of them has the PHP workers.
    php: usize,
}

impl Stack {
    /// Starts a stack and waits until it answers.
    ///
    /// # Errors
    /// Names the program that failed, with the end of its log.
    pub fn start(kind: Kind, options: &Options) -> anyhow::Result<Stack> {
        let layout = Layout::create(kind, options)?;
        let started = match kind {
            Kind::ApacheModPhp => apache_mod_php::start(&layout),
            Kind::NginxFpmUnix => nginx_fpm::start_on_a_unix_socket(&layout),
            Kind::NginxFpmTcp => nginx_fpm::start_on_tcp(&layout),
            Kind::ApacheProxyFcgi => apache_proxy_fcgi::start(&layout),
            Kind::LighttpdCgi => lighttpd_cgi::start(&layout),
            Kind::CliServer => cli_server::start(&layout),
        };
        let started = started.with_context(|| format!("starting {}", kind.name()))?;
        Ok(Stack {
            kind,
            address: started.address,
            tls: started.tls,
            web: started.processes,
            php: started.php,
            logs: layout.logs(),
            manager: layout.manager,
        })
    }

    /// The open descriptors of every process that runs PHP, without the one that started them.
    pub fn worker_descriptors(&self) -> BTreeMap<i32, usize> {
        let process = &self.web[self.php];
        let mut descriptors = process.descriptors();
        if descriptors.len() > 1 {
            descriptors.remove(&process.group().as_raw());
        }
        descriptors
    }

    /// The links that the processes which run PHP have to the manager.
    pub fn worker_links(&self) -> BTreeSet<PathBuf> {
        self.web[self.php].links()
    }

    /// The manager.
    ///
    /// # Panics
    /// Where the stack has none: the test asked for the wrong stack.
    pub fn manager(&self) -> &Manager {
        self.manager.as_ref().expect("a stack with a manager")
    }

    /// The manager, to stop it or start it anew.
    ///
    /// # Panics
    /// As [`Stack::manager`].
    pub fn manager_mut(&mut self) -> &mut Manager {
        self.manager.as_mut().expect("a stack with a manager")
    }

    /// The ends of all logs, for a failure's message.
    pub fn log_tails(&self) -> String {
        let mut text = String::new();
        for log in &self.logs {
            let name = log.file_name().unwrap_or_default().display();
            text += &format!("--- {name}\n{}\n", process::tail(log).trim_end());
        }
        if let Some(manager) = &self.manager {
            text += &format!("--- manager.log\n{}\n", manager.log_tail().trim_end());
        }
        text
    }
}
