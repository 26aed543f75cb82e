//! The manager: takes client connections and open files from web workers and sends the files.
//!
//! A master that starts cells; a cell is a guardian that only waits, and a worker with one loop that a successor replaces
//! when it dies. An offer travels down this list; each module uses only those above it:
//!
//! | module | noun |
//! |---|---|
//! | [`limits`] | every bound, with its reason |
//! | [`crash`] | where tests make a worker die |
//! | [`sys`] | system calls and shared memory: the only unsafe code |
//! | [`source`], [`sink`] | where the bytes of a body come from; what surrounds them on the connection |
//! | [`stream`] | both together: what to do next, without I/O |
//! | [`outcome`], [`staging`] | how a download ended; files whose file system refuses sendfile |
//! | [`progress`], [`unsent`] | whether the other side still takes something; how much the kernel may hold for it |
//! | [`filesystem`] | which files may make a read wait for ever |
//! | [`warming`], [`readers`] | what of a file is in the cache, and threads that bring it there |
//! | [`timers`], [`registry`], [`key`], [`refusals`] | deadlines; handles; what an event is about; the bounded log of refusals |
//! | [`queue`] | whose turn is next |
//! | [`census`] | what offers and downloads hold of what is bounded |
//! | [`control`] | what one asks of a running manager from the command line |
//! | [`settings`] | the command line, resolved |
//! | [`sandbox`] | what a process gives up before it serves anybody |
//! | [`job`] | one download: descriptors, slot, a turn of its work |
//! | [`spare`] | what the next FastCGI download needs, made in advance |
//! | [`recovery`] | what a dead worker left |
//! | [`peer`], [`accept`] | one PHP worker, from offer to commit; the listening socket |
//! | [`renewal`] | a running master becomes a newly started one |
//! | [`master`] | starts cells, and says when they are to go |
//! | [`guardian`] | starts workers, and outlives them |
//! | [`event_loop`] | the only module that waits |
//! | [`daemon`] | starts it all |
//!
//! Where the bytes of a download stand is not stored anywhere: the kernel knows it, see [`source`].
#![deny(unsafe_code)]

pub mod accept;
pub mod census;
pub mod control;
pub mod crash;
pub mod daemon;
pub mod event_loop;
pub mod filesystem;
pub mod guardian;
pub mod job;
pub mod key;
pub mod limits;
pub mod master;
pub mod outcome;
pub mod peer;
pub mod progress;
pub mod queue;
pub mod readers;
pub mod recovery;
pub mod refusals;
pub mod registry;
pub mod renewal;
pub mod sandbox;
pub mod settings;
pub mod sink;
pub mod source;
pub mod spare;
pub mod staging;
pub mod stream;

#[allow(unsafe_code, reason = "system calls and shared memory")]
pub mod sys;
pub mod timers;
pub mod unsent;
pub mod warming;
