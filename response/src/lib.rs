//! The HTTP answer to a request for a file, decided without I/O.
//!
//! The caller has opened and `fstat`ed the file, knows the request and what the PHP script has set
//! so far, and knows the time. This crate turns that into a [`Response`]: a status, the headers to
//! set and to remove, and the body as spans of the file and literal bytes. The same answer goes out
//! whether the manager or the worker sends it.
//!
//! The flow, top to bottom:
//!
//! ```text
//! mime.types --MediaTypes::parse--> MediaTypes  the administrator's own media types
//! RawOptions --Options::new--> Options          options: media_type, disposition, etag, window
//! Content-Encoding, bytes --may_be_coded--> whether the file can be coded so
//! Request, Script, Options --codings_to_try--> the precompressed siblings to look for; is_fresh tells which count
//! Request, Representations, Script, Options, now
//!   -> respond                                  which of the answers below it is
//!        -> negotiation                         the file or a sibling, by Accept-Encoding, section 12.5.3
//!        -> validators                          the ETag and Last-Modified that count: argument, script or file
//!        -> conditional                         304 and 412, RFC 9110 section 13
//!        -> range                               416, one range or several, section 14
//!        -> multipart                           several ranges as multipart/byteranges
//!   -> Response
//! ```
//!
//! # Who wins: the script's `header()`, the arguments, or the computed header
//!
//! From strongest to weakest:
//!
//! 1. *Correctness*: `Content-Length` always describes the bytes that follow, `Transfer-Encoding`
//!    is always removed, and a status removes what it forbids ([`Response::removed`]).
//! 2. *An explicit argument* (`content_type`, `download_as`, `etag`, `delete`): it is the later and
//!    more specific act of the same script, so it replaces an earlier `header()` of that name.
//! 3. *The script's `header()`*: validators set by it are also the ones that conditional requests
//!    are judged against. Its Content-Encoding means that nothing is negotiated; its Vary is kept
//!    and added to.
//! 4. *The computed header*: the guessed media type, the ETag from the file's metadata, and so on.
//!
//! No header value returned contains a control character; bytes from PHP that would need one are
//! refused as [`OptionError`].
#![forbid(unsafe_code)]

mod accept_encoding;
mod coding;
mod conditional;
mod disposition;
mod etag;
mod file;
mod http_date;
pub mod limits;
mod media_type;
mod media_types;
mod multipart;
mod negotiation;
mod options;
mod range;
mod representation;
mod request;
mod respond;
mod response;
mod script;
mod type_list;
mod validators;
mod well_known;
mod window;

pub use coding::{CODING_MARK_BYTES, Coding, may_be_coded};
pub use file::{FileFacts, Mtime, Version, is_fresh};
pub use media_types::MediaTypes;
pub use options::{OptionError, Options, RawOptions};
pub use representation::Representations;
pub use request::{Method, REQUEST_FIELDS, Request};
pub use respond::{CONTENT_FIELDS, respond};
pub use response::{Part, Response};
pub use script::Script;
pub use type_list::TypeList;
