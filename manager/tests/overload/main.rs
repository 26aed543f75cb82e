//! More than the manager can or should carry: slow clients, greedy users, full tables, file systems that hang.

#[path = "../handoff/fuse.rs"]
mod fuse;
#[allow(dead_code, reason = "the handoff tests use all of it")]
#[path = "../handoff/rig.rs"]
mod rig;

mod bounds;
mod descriptors;
mod fairness;
mod queue;
mod remote;
mod slow;
