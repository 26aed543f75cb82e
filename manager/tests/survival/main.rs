//! Workers of the real daemon are killed, and no client notices.

#[allow(dead_code, reason = "the handoff tests use all of it")]
#[path = "../handoff/rig.rs"]
mod rig;

mod cells;
mod chaos;
mod downloads;
mod generations;
mod guardian;
mod places;
mod poison;
