//! The folder of a stack: scripts, php.ini, logs, the manager.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use nix::unistd::User;

use super::{Kind, Options};
use crate::files::{files_dir, marks_dir};
use crate::limits::MIN_HANDOFF_BYTES;
use crate::manager::Manager;
use crate::products::Products;
use crate::run::{self, Run, WORKER_ACCOUNT};

/// What every web server serves: scripts, each of which says what it is for.
const DOCROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/docroot");

/// The folder of a stack, and what is in it.
#[derive(Debug)]
pub struct Layout {
    dir: PathBuf,
    /// The account of the workers, where it is another.
    pub(super) account: Option<User>,
    /// Running already.
    pub manager: Option<Manager>,
}

impl Layout {
    /// Makes the folder, and starts the manager in it.
    ///
    /// # Errors
    /// Those of writing and of [`Manager::start`].
    pub fn create(kind: Kind, options: &Options) -> anyhow::Result<Layout> {
        files_dir()?;
        marks_dir()?;
        let dir = Run::current().folder(kind.name())?;
        for folder in ["docroot", "logs", "manager", "tmp", "sessions"] {
            fs::create_dir(dir.join(folder))?;
        }
        for folder in ["logs", "tmp", "sessions"] {
            // Workers write there under their own account.
            fs::set_permissions(dir.join(folder), fs::Permissions::from_mode(0o1777))?;
        }
        for script in fs::read_dir(DOCROOT).with_context(|| format!("reading {DOCROOT}"))? {
            let script = script?;
            // Written, not copied: the mode of the original need not let workers read it.
            let copy = dir.join("docroot").join(script.file_name());
            fs::write(copy, fs::read(script.path())?)?;
        }
        for (name, text) in &options.scripts {
            fs::write(dir.join("docroot").join(name), text)?;
        }
        let manager = match &options.manager {
            Some(flags) => {
                let mut command = Command::new(&Products::current()?.manager);
                command.envs(options.manager_log.map(|filter| ("RUST_LOG", filter)));
                let dir = dir.join("manager");
                Some(Manager::start_command(command, &dir, flags)?)
            }
            None => None,
        };
        let layout = Layout {
            dir,
            account: run::account(WORKER_ACCOUNT),
            manager,
        };
        layout.write("php.ini", &layout.php_ini(&options.ini)?)?;
        Ok(layout)
    }

    fn php_ini(&self, lines: &[String]) -> anyhow::Result<String> {
        let extension = &Products::current()?.extension;
        Ok(format!(
            "extension={extension}\n\
             send_file.manager_socket={dir}/manager/manager.sock\n\
             send_file.min_size={MIN_HANDOFF_BYTES}\n\
             ; A test machine with two busy cores is no reason to stream.\n\
             send_file.accept_timeout_ms=5000\n\
             ; So that the body of a POST is left unread.\n\
             enable_post_data_reading=Off\n\
             display_errors=Off\n\
             log_errors=On\n\
             error_log={dir}/logs/php.log\n\
             date.timezone=UTC\n\
             {lines}\n",
            extension = extension.display(),
            dir = self.dir.display(),
            lines = lines.join("\n"),
        ))
    }

    /// The absolute path of something in the folder.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// The folder as text, for generated configuration.
    pub(super) fn dir(&self) -> std::path::Display<'_> {
        self.dir.display()
    }

    pub(super) fn write(&self, name: &str, text: &str) -> anyhow::Result<()> {
        fs::write(self.path(name), text).with_context(|| format!("writing {name}"))
    }

    pub(super) fn log(&self, name: &str) -> PathBuf {
        self.path("logs").join(name)
    }

    /// Everything that may tell why a test failed.
    pub(super) fn logs(&self) -> Vec<PathBuf> {
        let logs = ["error.log", "php.log", "fpm.log", "server.out"];
        logs.map(|name| self.log(name)).to_vec()
    }

    /// A command that reads this stack's php.ini and no other.
    pub(super) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("PHP_INI_SCAN_DIR", "")
            .env("PHPRC", self.path("php.ini"))
            .env("TMPDIR", self.path("tmp"))
            .current_dir("/");
        command
    }

    /// "User www-data", or nothing for an ordinary user: the line with which a server changes its account.
    pub(super) fn account_lines(&self, template: &str) -> String {
        self.account
            .as_ref()
            .map(|account| template.replace("ACCOUNT", &account.name))
            .unwrap_or_default()
    }
}

/// A certificate for localhost, one for the run.
///
/// # Errors
/// What openssl says.
pub(super) fn certificate() -> anyhow::Result<PathBuf> {
    static MADE: std::sync::Mutex<bool> = std::sync::Mutex::new(false);
    let path = Run::current().dir().join("localhost.pem");
    let mut made = MADE
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    if !*made {
        make_certificate(&path)?;
        *made = true;
    }
    Ok(path)
}

fn make_certificate(path: &Path) -> anyhow::Result<()> {
    let output = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
        ])
        .args(["-nodes", "-subj", "/CN=localhost", "-days", "2", "-keyout"])
        .arg(path)
        .arg("-out")
        .arg(path.with_extension("crt"))
        .output()
        .context("running openssl")?;
    ensure!(
        output.status.success(),
        "openssl: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let mut both = fs::read(path)?;
    both.extend(fs::read(path.with_extension("crt"))?);
    Ok(fs::write(path, both)?)
}
