//! The system calls and the shared memory: the only folder of this crate with unsafe code.

mod checked;
pub mod descriptors;
pub mod head;
pub mod memfd;
pub mod process;
pub mod signals;
pub mod slot;
pub mod socket;
pub mod table;
