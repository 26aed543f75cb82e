//! The system calls and the shared memory: the only folder of this crate with unsafe code.

#[cfg(debug_assertions)]
pub mod attempts;
pub mod bell;
pub mod board;
pub mod cache;
mod checked;
pub mod confine;
pub mod descriptors;
pub mod head;
pub mod memfd;
pub mod mount;
pub mod process;
pub mod signals;
pub mod slot;
pub mod socket;
pub mod table;
