//! What a process of the manager gives up before it serves anybody: its user, its rights, and most of the kernel.
//!
//! Made once by the process that the user starts ([`Sandbox::prepare`]), entered by each process that it starts
//! ([`Sandbox::enter`]). What a kernel does not offer is left out with a warning; what it offers and refuses is an error.
#![forbid(unsafe_code)]

mod account;
mod filters;

use std::fmt;
use std::os::fd::{AsFd, OwnedFd};

use anyhow::{Context, bail};
use caps::CapSet;
use landlock::{ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, Scope};
use nix::sys::prctl::{set_dumpable, set_no_new_privs};
use nix::unistd::geteuid;
use seccompiler::BpfProgram;

use crate::settings::{SandboxMode, Settings};
use crate::sys::confine;
use account::Account;

/// What a process is for, which decides what it keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Starts workers, and may execute a new binary.
    Guardian,
    /// Carries the downloads; may have to stand in for its guardian.
    Worker,
}

/// One of the walls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// Another user than root, without supplementary groups.
    User,
    /// No capability in any set.
    Capabilities,
    /// No program that it executes has more rights.
    NoNewPrivileges,
    /// No other process of its user may look into it (ptrace(2), /proc).
    Undumpable,
    /// No path of the file system, no TCP connection, no signal to the outside.
    Landlock,
    /// Only the system calls that it needs.
    Seccomp,
}

/// The layers around a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Layers(u8);

/// The ways to confine a process, ready for use: entering allocates next to nothing and opens nothing.
#[derive(Debug)]
pub struct Sandbox {
    /// Off: nothing is given up.
    is_on: bool,
    /// Whom to become.
    account: Option<Account>,
    /// Landlock's rules, of which there are none. Each worker restricts itself by the same descriptor: one that made
    /// its own could be killed in between, and leave a number behind that a slot may still name.
    ruleset: Option<OwnedFd>,
    filters: Option<Filters>,
    /// Where this process is already. A worker is a copy of its guardian, and a worker that stands in for one is a
    /// copy of a worker: filters and domains would pile up.
    entered: Option<Kind>,
    held: Layers,
}

#[derive(Debug)]
struct Filters {
    guardian: BpfProgram,
    worker: BpfProgram,
}

impl Sandbox {
    /// Looks up whom to become, compiles the filters, and says in the log which layers this kernel lacks.
    ///
    /// # Errors
    /// A sentence for the administrator: a user that is not there, or a missing layer with --require-sandbox.
    pub fn prepare(settings: &Settings) -> anyhow::Result<Sandbox> {
        let mut sandbox = Sandbox {
            is_on: settings.sandbox != SandboxMode::Off,
            account: None,
            ruleset: None,
            filters: None,
            entered: None,
            held: Layers::default(),
        };
        if !sandbox.is_on {
            tracing::warn!(
                "--no-sandbox: a fault in the manager gives away all rights of the user who started it"
            );
            return Ok(sandbox);
        }
        sandbox.account = account::to_become(settings.user.as_deref())?;
        let mut missing = Vec::new();
        if sandbox.account.is_none() && geteuid().is_root() {
            missing.push((Layer::User, "--user says root".to_owned()));
        }
        match confine::landlock_version() {
            Ok(version) => {
                sandbox.ruleset = empty_ruleset()?;
                tracing::debug!(version, "landlock");
            }
            Err(errno) => missing.push((Layer::Landlock, format!("the kernel lacks it: {errno}"))),
        }
        match confine::has_filters() {
            Ok(()) => sandbox.filters = Some(Filters::compile()?),
            Err(errno) => missing.push((Layer::Seccomp, format!("the kernel lacks it: {errno}"))),
        }
        for (layer, reason) in missing {
            if settings.sandbox == SandboxMode::Required {
                bail!("--require-sandbox: no {layer} ({reason})");
            }
            tracing::warn!(%layer, reason, "the sandbox is not whole");
        }
        Ok(sandbox)
    }

    /// Confines this process, for ever. To be called by a process with one thread, as the first thing that it does.
    ///
    /// # Errors
    /// What the kernel offers and yet refused: the process must not go on.
    pub fn enter(&mut self, kind: Kind) -> anyhow::Result<Layers> {
        if !self.is_on || self.entered == Some(kind) || self.entered == Some(Kind::Worker) {
            return Ok(self.held);
        }
        if self.entered.is_none() {
            self.give_up_rights()?;
        }
        if kind == Kind::Worker
            && let Some(ruleset) = &self.ruleset
        {
            confine::restrict_by(ruleset.as_fd()).context("could not enter the landlock domain")?;
            self.held.add(Layer::Landlock);
        }
        // The last step: from here on the other ones are forbidden.
        if let Some(filters) = &self.filters {
            let filter = match kind {
                Kind::Guardian => &filters.guardian,
                Kind::Worker => &filters.worker,
            };
            seccompiler::apply_filter(filter).context("could not install the seccomp filter")?;
            self.held.add(Layer::Seccomp);
        }
        self.entered = Some(kind);
        Ok(self.held)
    }

    /// What a worker must not close: its successors enter by it.
    pub fn ruleset(&self) -> Option<&OwnedFd> {
        self.ruleset.as_ref()
    }

    /// What every process of the manager does without.
    fn give_up_rights(&mut self) -> anyhow::Result<()> {
        // The bounding set is only to be had with this capability. Without it nothing can be gained from that set
        // either, see no_new_privs.
        if caps::has_cap(None, CapSet::Effective, caps::Capability::CAP_SETPCAP)? {
            caps::clear(None, CapSet::Bounding)?;
        }
        if let Some(account) = &self.account {
            account.become_it()?;
        }
        for set in [
            CapSet::Ambient,
            CapSet::Inheritable,
            CapSet::Effective,
            CapSet::Permitted,
        ] {
            caps::clear(None, set).with_context(|| format!("could not clear {set:?}"))?;
        }
        set_no_new_privs().context("could not set no_new_privs")?;
        // After the change of user, which sets it to what fs.suid_dumpable says.
        set_dumpable(false).context("could not become undumpable")?;
        if !geteuid().is_root() {
            self.held.add(Layer::User);
        }
        for layer in [
            Layer::Capabilities,
            Layer::NoNewPrivileges,
            Layer::Undumpable,
        ] {
            self.held.add(layer);
        }
        Ok(())
    }
}

/// Everything that landlock knows is handled, and nothing is allowed. Kernels that know less are asked for less.
fn empty_ruleset() -> anyhow::Result<Option<OwnedFd>> {
    const NEWEST: ABI = ABI::V10;
    let ruleset = Ruleset::default()
        .handle_access(AccessFs::from_all(NEWEST))?
        .handle_access(AccessNet::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?
        .create()?;
    Ok(ruleset.into())
}

impl Filters {
    fn compile() -> anyhow::Result<Filters> {
        Ok(Filters {
            guardian: filters::guardian().context("could not compile the guardian's filter")?,
            worker: filters::worker().context("could not compile the worker's filter")?,
        })
    }
}

impl Layers {
    fn add(&mut self, layer: Layer) {
        self.0 |= 1 << layer as u8;
    }

    /// Whether this one is there.
    pub fn has(self, layer: Layer) -> bool {
        self.0 & 1 << layer as u8 != 0
    }
}

impl fmt::Display for Layers {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let mut separator = "";
        for layer in Layer::ALL.into_iter().filter(|layer| self.has(*layer)) {
            write!(f, "{separator}{layer}")?;
            separator = ", ";
        }
        Ok(())
    }
}

impl Layer {
    const ALL: [Layer; 6] = [
        Layer::User,
        Layer::Capabilities,
        Layer::NoNewPrivileges,
        Layer::Undumpable,
        Layer::Landlock,
        Layer::Seccomp,
    ];
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Layer::User => "own user",
            Layer::Capabilities => "no capabilities",
            Layer::NoNewPrivileges => "no_new_privs",
            Layer::Undumpable => "not dumpable",
            Layer::Landlock => "landlock",
            Layer::Seccomp => "seccomp",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io;
    use std::net::TcpListener;
    use std::process::Command;
    use std::sync::mpsc;

    use nix::unistd::gettid;

    /// Landlock and seccomp concern one thread and what it starts, so that each layer can be tested alone.
    fn in_a_thread<T: Send>(act: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| scope.spawn(act).join().unwrap())
    }

    fn errno<T>(result: io::Result<T>) -> Option<i32> {
        result.err()?.raw_os_error()
    }

    #[test]
    fn landlock_alone_allows_no_path_and_no_port() {
        let Ok(version) = confine::landlock_version() else {
            eprintln!("this kernel has no landlock: nothing tested");
            return;
        };
        let ruleset = empty_ruleset().unwrap().unwrap();
        let (open, bind) = in_a_thread(|| {
            set_no_new_privs().unwrap();
            confine::restrict_by(ruleset.as_fd()).unwrap();
            (File::open("/dev/null"), TcpListener::bind("127.0.0.1:0"))
        });
        assert_eq!(errno(open), Some(nix::libc::EACCES));
        // Linux 6.7.
        if version >= 4 {
            assert_eq!(errno(bind), Some(nix::libc::EACCES));
        }
    }

    #[test]
    fn the_filter_of_a_worker_alone_forbids_what_it_does_not_need() {
        let filters = Filters::compile().unwrap();
        let (open, bind, start) = in_a_thread(|| {
            seccompiler::apply_filter(&filters.worker).unwrap();
            (
                File::open("/dev/null"),
                TcpListener::bind("127.0.0.1:0"),
                Command::new("/bin/true").status(),
            )
        });
        assert_eq!(errno(open), Some(nix::libc::EPERM));
        assert_eq!(errno(bind), Some(nix::libc::EPERM));
        assert_eq!(errno(start), Some(nix::libc::EPERM));
    }

    #[test]
    fn the_filter_of_a_guardian_lets_a_new_binary_start_and_no_socket_be_made() {
        let filters = Filters::compile().unwrap();
        let (start, bind) = in_a_thread(|| {
            seccompiler::apply_filter(&filters.guardian).unwrap();
            (
                Command::new("/bin/true").status(),
                TcpListener::bind("127.0.0.1:0"),
            )
        });
        assert!(start.unwrap().success());
        assert_eq!(errno(bind), Some(nix::libc::ENOSYS));
    }

    #[test]
    fn who_has_entered_as_a_worker_gets_no_second_filter_and_never_becomes_a_guardian() {
        let mut sandbox = Sandbox {
            is_on: true,
            account: None,
            ruleset: empty_ruleset().unwrap(),
            filters: Some(Filters::compile().unwrap()),
            // What a guardian gives up concerns the whole process of this test.
            entered: Some(Kind::Guardian),
            held: Layers::default(),
        };
        let (entered, is_entered) = mpsc::channel();
        let (counted, is_counted) = mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            set_no_new_privs().unwrap();
            for kind in [Kind::Worker, Kind::Worker, Kind::Guardian] {
                let layers = sandbox.enter(kind).unwrap();
                assert!(layers.has(Layer::Seccomp), "{kind:?}: {layers}");
            }
            entered.send(gettid()).unwrap();
            let _ = is_counted.recv();
        });
        let tid = is_entered.recv().unwrap();
        let status = std::fs::read_to_string(format!("/proc/self/task/{tid}/status")).unwrap();
        drop(counted);
        thread.join().unwrap();
        assert!(status.contains("\nSeccomp_filters:\t1\n"), "{status}");
    }
}
