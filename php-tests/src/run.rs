//! One run of the tests or of the demo: its temporary folder, and the watchdog that ends everything the run started.
//!
//! The watchdog is a small shell process that reads from a pipe which process groups run. The pipe ends when this
//! process ends, by whatever signal; then the watchdog kills the groups that are left and removes the folder.
//! (PR_SET_PDEATHSIG would reach the web server's first process only, and fire at the end of the thread that started it.)

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

use nix::unistd::{Pid, Uid, User};

const WATCHDOG: &str = r#"
trap '' INT TERM HUP QUIT
groups=' '
while read -r event group; do
    case $event in
        start) groups="$groups$group " ;;
        stop) case $groups in *" $group "*) groups="${groups%% "$group" *} ${groups#* "$group" }" ;; esac ;;
    esac
done
for group in $groups; do kill -KILL "-$group"; done 2>/dev/null
[ -n "$SEND_FILE_KEEP" ] || rm -rf "$1"
"#;

/// The account that web servers and PHP workers run under when the tests run as root.
pub const WORKER_ACCOUNT: &str = "www-data";

/// The account that the manager runs under when the tests run as root: one with no right to any file of the tests.
pub const MANAGER_ACCOUNT: &str = "nobody";

/// The run of this process.
pub struct Run {
    dir: PathBuf,
    watchdog: Mutex<ChildStdin>,
}

static RUN: OnceLock<Run> = OnceLock::new();

impl Run {
    /// The run of this process, begun at the first call.
    ///
    /// # Panics
    /// Where no temporary folder or no watchdog can be made: nothing can be tested then.
    pub fn current() -> &'static Run {
        RUN.get_or_init(|| Run::begin().expect("a temporary folder and its watchdog"))
    }

    fn begin() -> anyhow::Result<Run> {
        let dir = std::env::temp_dir().join(format!("send-file-run-{}", std::process::id()));
        fs::create_dir_all(&dir)?;
        // The accounts of the web server and of the manager must get through.
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o755))?;
        let mut watchdog = Command::new("/bin/sh")
            .args(["-c", WATCHDOG, "send-file-watchdog"])
            .arg(&dir)
            .stdin(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let pipe = watchdog.stdin.take().expect("the pipe asked for");
        Ok(Run {
            dir,
            watchdog: Mutex::new(pipe),
        })
    }

    /// The temporary folder of the run.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// A new folder inside the run's, that everybody may enter.
    ///
    /// # Errors
    /// Those of mkdir(2).
    pub fn folder(&self, name: &str) -> anyhow::Result<PathBuf> {
        static NUMBER: Mutex<u32> = Mutex::new(0);
        let mut number = NUMBER.lock().unwrap_or_else(PoisonError::into_inner);
        *number += 1;
        let dir = self.dir.join(format!("{name}-{number}"));
        fs::create_dir(&dir)?;
        Ok(dir)
    }

    /// Has the watchdog kill this process group should the run end without doing so.
    pub fn watch(&self, group: Pid) {
        self.tell("start", group);
    }

    /// The process group has ended.
    pub fn forget(&self, group: Pid) {
        self.tell("stop", group);
    }

    fn tell(&self, event: &str, group: Pid) {
        let mut pipe = self.watchdog.lock().unwrap_or_else(PoisonError::into_inner);
        // A killed watchdog is no reason to fail a test.
        let _ = writeln!(pipe, "{event} {group}");
    }
}

/// The account of this name, where this process is root and has to become somebody else.
pub fn account(name: &str) -> Option<User> {
    if !Uid::effective().is_root() {
        return None;
    }
    User::from_name(name).ok().flatten()
}
