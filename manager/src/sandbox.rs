//! What a process of the manager gives up before it serves anybody: its user, its rights, and most of the kernel.
//!
//! Made once by the master ([`Sandbox::prepare`]), entered once by each cell ([`Sandbox::enter`]): its workers are copies of its
//! guardian, and inherit everything. What a kernel does not offer is left out with a warning; what it offers and refuses is an error.
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

/// The ways to confine a process, ready for use.
#[derive(Debug)]
pub struct Sandbox {
    /// Off: nothing is given up.
    is_on: bool,
    /// Whom to become.
    account: Option<Account>,
    /// Landlock's rules, of which there are none.
    ruleset: Option<OwnedFd>,
    filters: Option<[BpfProgram; 2]>,
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
            Ok(()) => {
                let filters = filters::compile().context("could not compile the filters")?;
                sandbox.filters = Some(filters);
            }
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

    /// Confines this process, for ever, and all that it will start. To be called by a process with one thread, before it
    /// serves anybody.
    ///
    /// # Errors
    /// What the kernel offers and yet refused: the process must not go on.
    pub fn enter(self) -> anyhow::Result<Layers> {
        let mut held = Layers::default();
        if !self.is_on {
            return Ok(held);
        }
        self.give_up_rights(&mut held)?;
        if let Some(ruleset) = &self.ruleset {
            confine::restrict_by(ruleset.as_fd()).context("could not enter the landlock domain")?;
            held.add(Layer::Landlock);
        }
        // The last step: from here on the other ones are forbidden.
        if let Some(filters) = &self.filters {
            for filter in filters {
                seccompiler::apply_filter(filter).context("could not install a seccomp filter")?;
            }
            held.add(Layer::Seccomp);
        }
        Ok(held)
    }

    fn give_up_rights(&self, held: &mut Layers) -> anyhow::Result<()> {
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
            held.add(Layer::User);
        }
        for layer in [
            Layer::Capabilities,
            Layer::NoNewPrivileges,
            Layer::Undumpable,
        ] {
            held.add(layer);
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
    fn the_filters_alone_forbid_what_a_cell_does_not_need() {
        let filters = filters::compile().unwrap();
        let (open, bind, start) = in_a_thread(|| {
            for filter in &filters {
                seccompiler::apply_filter(filter).unwrap();
            }
            // Readers are such threads.
            std::thread::spawn(|| ()).join().unwrap();
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
}
