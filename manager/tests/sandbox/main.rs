//! The sandbox around the real daemon: what its processes are left with, and what a worker tries in vain.
//!
//! Most of it needs root, who alone can look into an undumpable process; as another user these tests test nothing, and
//! say so.

#[allow(dead_code, reason = "the handoff tests use all of it")]
#[path = "../handoff/rig.rs"]
mod rig;

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use nix::unistd::Pid;

use crate::rig::NOBODY;

mod attempts;
mod flags;
mod processes;

/// Whether this test runs as root. Says so where not.
fn is_root() -> bool {
    let is_root = nix::unistd::geteuid().is_root();
    if !is_root {
        eprintln!("only root can test this: nothing tested");
    }
    is_root
}

/// A process of the same user, that nothing protects.
pub(crate) struct Other(Child);

impl Other {
    pub(crate) fn start() -> Other {
        let mut command = Command::new("/bin/cat");
        command.stdin(Stdio::piped()).stdout(Stdio::null());
        Other(command.uid(NOBODY).gid(NOBODY).spawn().unwrap())
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(self.0.id() as i32)
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
