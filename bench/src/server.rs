//! A peer that runs: its folder, its configuration, its processes.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use send_file_php_tests::files::files_dir;
use send_file_php_tests::limits::WORKERS;
use send_file_php_tests::manager::Manager;
use send_file_php_tests::process::{Process, free_address, speaks_http, tail};
use send_file_php_tests::products::Products;
use send_file_php_tests::run::{self, Run, WORKER_ACCOUNT};

use crate::cpu;
use crate::load::Load;
use crate::peer::{Peer, Way, Web};
use crate::template::fill;

/// Scripts, each of which says what it is for.
const SCRIPTS: [(&str, &str); 5] = [
    ("page.php", include_str!("../docroot/page.php")),
    ("send.php", include_str!("../docroot/send.php")),
    ("readfile.php", include_str!("../docroot/readfile.php")),
    ("accel.php", include_str!("../docroot/accel.php")),
    ("xsendfile.php", include_str!("../docroot/xsendfile.php")),
];

/// What is shipped for send_file() behind nginx; all that PHP or the relay sends through nginx has it, too.
const SNIPPET: &str = include_str!("../../packaging/send-file.nginx.conf");

/// Who a process works for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    /// The web server, with PHP in it where that is a module.
    Web,
    /// php-fpm, php-cgi, or what answers in their place.
    Php,
    /// The manager of this project.
    Manager,
}

/// Processor time by role.
pub(crate) type Cpu = BTreeMap<Role, Duration>;

/// What is special about one server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    /// Flags of the manager.
    pub(crate) manager_flags: Vec<&'static str>,
    /// A line of php.ini.
    pub(crate) ini: &'static str,
    /// Words for nginx's `listen`.
    pub(crate) listen: &'static str,
}

/// A running peer.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) peer: Peer,
    pub(crate) address: SocketAddr,
    pub(crate) manager: Option<Manager>,
    processes: Vec<(Role, Process)>,
    folder: Folder,
    listen: &'static str,
}

impl Server {
    /// Starts a peer and waits until it answers.
    ///
    /// # Errors
    /// Names the program that failed, with the end of its log.
    pub(crate) fn start(peer: Peer, options: &Options) -> anyhow::Result<Server> {
        let folder = Folder::create(peer, options.ini)?;
        let manager = match peer.way {
            Way::SendFile => Some(Manager::start(
                &folder.path("manager"),
                &options.manager_flags,
            )?),
            _ => None,
        };
        let mut server = Server {
            peer,
            address: free_address()?,
            manager,
            processes: Vec::new(),
            folder,
            listen: options.listen,
        };
        server
            .start_processes()
            .with_context(|| format!("starting {}\n{}", peer.name, server.log_tails()))?;
        Ok(server)
    }

    fn start_processes(&mut self) -> anyhow::Result<()> {
        match (self.peer.web, self.peer.way) {
            (Web::Apache, _) | (_, Way::Static) => {}
            (Web::Nginx, Way::Relay) => self.start_relay()?,
            (Web::Nginx, _) => self.start_fpm()?,
            (Web::Lighttpd, _) => self.start_cgi()?,
        }
        let mut web = match self.peer.web {
            Web::Nginx => self.start_nginx()?,
            Web::Apache => self.start_apache()?,
            Web::Lighttpd => self.start_lighttpd()?,
        };
        let address = self.address;
        web.wait_until_ready(|| speaks_http(address))?;
        self.processes.push((Role::Web, web));
        Ok(())
    }

    /// So many clients that ask for this file.
    pub(crate) fn load(&self, file: &str, body_bytes: u64, connections: usize) -> Load {
        Load {
            address: self.address,
            target: self.peer.target(file),
            body_bytes,
            connections,
        }
    }

    /// The processor time used so far.
    pub(crate) fn cpu(&self) -> Cpu {
        let mut cpu = Cpu::new();
        for (role, process) in &self.processes {
            *cpu.entry(*role).or_default() += cpu::used_by(process);
        }
        if let Some(manager) = &self.manager {
            cpu.insert(Role::Manager, cpu::used_by(manager.process()));
        }
        cpu
    }

    /// The physical memory of the web server and of PHP.
    pub(crate) fn resident_bytes(&self) -> u64 {
        let processes = self.processes.iter();
        processes.map(|(_, process)| process.resident_bytes()).sum()
    }

    /// The ends of its logs, for a failure's message.
    pub(crate) fn log_tails(&self) -> String {
        let mut text = String::new();
        for name in ["error.log", "php.log", "fpm.log", "server.out"] {
            let path = self.folder.path("logs").join(name);
            if path.exists() {
                text += &format!("--- {name}\n{}\n", tail(&path).trim_end());
            }
        }
        if let Some(manager) = &self.manager {
            text += &format!("--- manager.log\n{}\n", manager.log_tail().trim_end());
        }
        text
    }

    fn start_nginx(&self) -> anyhow::Result<Process> {
        let snippet = match self.peer.way {
            Way::SendFile | Way::Relay | Way::Readfile => SNIPPET,
            _ => "",
        };
        let values = [
            ("snippet", snippet.to_owned()),
            ("address", self.address.to_string()),
            ("listen", self.listen.to_owned()),
            ("account", account_lines("user ACCOUNT;")),
        ];
        let config = include_str!("../config/nginx.conf");
        let config = self.folder.write("nginx.conf", config, &values)?;
        let mut command = self.folder.command("nginx");
        command.arg("-p").arg(self.folder.path(""));
        command.arg("-c").arg(config);
        command.arg("-e").arg(self.folder.path("logs/error.log"));
        self.folder.start(command)
    }

    fn start_apache(&self) -> anyhow::Result<Process> {
        let mut modules = String::new();
        if self.peer.runs_php() {
            modules += include_str!("../config/apache-php.conf");
        }
        if self.peer.way == Way::Redirect {
            modules += include_str!("../config/apache-xsendfile.conf");
        }
        let values = [
            ("modules", modules),
            ("address", self.address.to_string()),
            ("account", account_lines("User ACCOUNT\nGroup ACCOUNT")),
        ];
        let config = include_str!("../config/apache.conf");
        let config = self.folder.write("apache.conf", config, &values)?;
        let mut command = self.folder.command("apache2");
        command.arg("-f").arg(config).arg("-DFOREGROUND");
        self.folder.start(command)
    }

    fn start_lighttpd(&self) -> anyhow::Result<Process> {
        let account = "server.username = \"ACCOUNT\"\nserver.groupname = \"ACCOUNT\"";
        let values = [
            ("host", self.address.ip().to_string()),
            ("port", self.address.port().to_string()),
            ("account", account_lines(account)),
        ];
        let config = include_str!("../config/lighttpd.conf");
        let config = self.folder.write("lighttpd.conf", config, &values)?;
        let mut command = self.folder.command("lighttpd");
        command.arg("-D").arg("-f").arg(config);
        self.folder.start(command)
    }

    fn start_fpm(&mut self) -> anyhow::Result<()> {
        let account = "user = ACCOUNT\ngroup = ACCOUNT\nlisten.owner = ACCOUNT";
        let values = [("account", account_lines(account))];
        let config = include_str!("../config/fpm.conf");
        let config = self.folder.write("fpm.conf", config, &values)?;
        let mut command = self.folder.command("php-fpm8.2");
        command.arg("-c").arg(self.folder.path("php.ini"));
        command.arg("-y").arg(config).arg("--nodaemonize");
        let fpm = self.folder.start(command)?;
        self.add_php(fpm)
    }

    fn start_cgi(&mut self) -> anyhow::Result<()> {
        let mut command = self.folder.command("php-cgi8.2");
        command.arg("-c").arg(self.folder.path("php.ini"));
        command.arg("-b").arg(self.folder.php_socket());
        command.env("PHP_FCGI_CHILDREN", WORKERS.to_string());
        command.env("PHP_FCGI_MAX_REQUESTS", "0");
        // As php-fpm and the web servers have it; of the usual 128, a crowd gets errors.
        command.env("PHP_FCGI_BACKLOG", "4096");
        let account = run::account(WORKER_ACCOUNT);
        let log = self.folder.path("logs/server.out");
        let cgi = Process::start(command, &log, account.as_ref())?;
        self.add_php(cgi)
    }

    fn start_relay(&mut self) -> anyhow::Result<()> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("--responder").arg(self.folder.php_socket());
        command.arg(files_dir()?);
        let relay = self.folder.start(command)?;
        self.add_php(relay)
    }

    fn add_php(&mut self, mut process: Process) -> anyhow::Result<()> {
        let socket = self.folder.php_socket();
        process.wait_until_ready(|| UnixStream::connect(&socket).is_ok())?;
        self.processes.push((Role::Php, process));
        Ok(())
    }
}

/// The folder of a server.
#[derive(Debug)]
struct Folder {
    dir: PathBuf,
}

impl Folder {
    fn create(peer: Peer, line: &str) -> anyhow::Result<Folder> {
        let folder = Folder {
            dir: Run::current().folder(peer.name)?,
        };
        for name in ["docroot", "logs", "manager", "tmp"] {
            fs::create_dir(folder.path(name))?;
        }
        for name in ["logs", "tmp"] {
            // Workers write there under their own account.
            fs::set_permissions(folder.path(name), fs::Permissions::from_mode(0o1777))?;
        }
        for (name, text) in SCRIPTS {
            fs::write(folder.path("docroot").join(name), text)?;
        }
        let mut ini = include_str!("../config/php.ini").to_owned();
        let mut values = Vec::new();
        if peer.way == Way::SendFile {
            ini += include_str!("../config/send_file.ini");
            let extension = Products::current()?.extension.display().to_string();
            values.push(("extension", extension));
        }
        ini += line;
        folder.write("php.ini", &ini, &values)?;
        Ok(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Where php-fpm, php-cgi or the relay listens.
    fn php_socket(&self) -> PathBuf {
        self.path("tmp/fcgi.sock")
    }

    fn write(
        &self,
        name: &str,
        template: &str,
        values: &[(&str, String)],
    ) -> anyhow::Result<PathBuf> {
        let mut all = values.to_vec();
        all.extend([
            ("dir", self.dir.display().to_string()),
            ("files", files_dir()?.display().to_string()),
            ("workers", WORKERS.to_string()),
        ]);
        let text = fill(template, &all).with_context(|| format!("filling in {name}"))?;
        let path = self.path(name);
        fs::write(&path, text)?;
        Ok(path)
    }

    /// A command that reads this folder's php.ini and no other.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("PHP_INI_SCAN_DIR", "")
            .env("PHPRC", self.path("php.ini"))
            .env("TMPDIR", self.path("tmp"))
            .current_dir(Path::new("/"));
        command
    }

    fn start(&self, command: Command) -> anyhow::Result<Process> {
        Process::start(command, &self.path("logs/server.out"), None)
    }
}

/// The lines with which a server that root starts becomes the workers' account.
fn account_lines(template: &str) -> String {
    run::account(WORKER_ACCOUNT)
        .map(|account| template.replace("ACCOUNT", &account.name))
        .unwrap_or_default()
}
