//! The handoff protocol between a web worker and the manager.
//!
//! A worker connects to the manager's `SOCK_SEQPACKET` Unix socket and sends one **offer**: the client's connection and
//! the opened file as `SCM_RIGHTS` descriptors, and in the packet what to send of the file and how to frame it. The
//! manager answers **accept** or **reject**. After an accept the worker lets its web server emit the HTTP headers and
//! then sends **commit**: from the moment that send succeeds the manager owns the connection. A worker that closes its
//! end without a commit keeps the connection.
//!
//! ```text
//! worker                                manager
//!   | announcement (may be left out) ---> |   wakes up
//!   | offer(id) + [connection, file] ---> |   inspects, prepares, touches nothing
//!   | <------------- accept(id) | reject(id, reason)
//!   |   headers leave through the web server
//!   | commit(id) -----------------------> |   owns the connection, sends the body
//! ```
//!
//! One connection to the manager carries one offer at a time; behind a commit the next one may follow. The manager gives
//! up on an offer by `shutdown(SHUT_RD)` and then reading what was queued: a commit found there counts, a later one
//! fails with `EPIPE` in the worker. So there are never two writers to a client, and never none.
//!
//! [`message`] has the packets byte by byte, for writers of other runtimes; [`channel`] sends and receives them;
//! [`room`] says whether a worker is the one who should send: when the connection takes everything at once; [`pace`] is
//! the rule that both sides keep a rate by; [`limits`] names every bound. Only `channel` and `room` have unsafe code.
#![deny(unsafe_code)]

#[allow(unsafe_code, reason = "receives into memory that processes share")]
pub mod channel;
pub mod limits;
pub mod message;
pub mod pace;
#[allow(
    unsafe_code,
    reason = "asks for socket options that no safe wrapper has"
)]
pub mod room;

pub use channel::{Descriptors, Landing, ReceiveError};
pub use message::{
    Announcement, Answer, Commit, DecodeError, FastCgi, Framing, Offer, OfferId, Part, Rate,
    Reason, ServerKind, VERSION,
};
pub use pace::Pace;
