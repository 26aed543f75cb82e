//! Files that are on the disk only, through the real daemon: they arrive, and hold nobody up.

#[path = "../handoff/fuse.rs"]
mod fuse;
#[allow(dead_code, reason = "the handoff tests use all of it")]
#[path = "../handoff/rig.rs"]
mod rig;

mod arrival;
mod disk;
mod gaps;
mod hanging;
