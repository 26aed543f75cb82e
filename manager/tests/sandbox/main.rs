//! The sandbox around the real daemon: what its processes are left with, and what a worker tries in vain.
//!
//! Most of it needs root, who alone can look into an undumpable process; as another user these tests test nothing, and
//! say so.

#[allow(dead_code, reason = "the handoff tests use all of it")]
#[path = "../handoff/rig.rs"]
mod rig;

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
