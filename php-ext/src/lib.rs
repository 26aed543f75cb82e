//! The PHP extension `send_file`.
//!
//! One call of `send_file()`, `send_buffer()` or `send_stream()`, top to bottom:
//!
//! ```text
//! function     the signatures                     arguments   raw values -> checked arguments
//! answer       the steps, readable as one page
//!   open         the file, with the worker's rights, or an exception before any header; content: a string or a stream
//!   ffi          discards the output buffers; session    lets go of the visitor's lock
//!   ffi_call     runs the header callback; after it no code of the script runs until the answer is complete
//!   request      what client and script said; representation: the file or a compressed sibling -> response::respond decides
//!   handoff      everything that can fail, tried before the headers
//!     sapi         may this connection be handed over?   one file per web server interface
//!     offer        offer, accept, commit with the manager
//!   headers      leave through the web server
//!   sapi         detaches the connection, or sapi::stream sends the body from this process
//! ```
//!
//! Unsafe code is in `ffi*.rs`, `module.rs` (what the macro of ext-php-rs expands to) and `sapi/`; every other module
//! forbids it. No call into PHP that can bail out (longjmp) is made outside [`ffi::guarded`] while anything is held that
//! must be released: descriptors above all.
#![deny(unsafe_code)]

mod answer;
mod arguments;
mod content;
mod error;
mod exception;
#[allow(unsafe_code, reason = "the border to the engine")]
mod ffi;
#[allow(unsafe_code, reason = "the border to the engine")]
mod ffi_arguments;
#[allow(unsafe_code, reason = "the border to the engine")]
mod ffi_call;
#[allow(unsafe_code, reason = "the border to the engine")]
mod ffi_ini;
#[allow(unsafe_code, reason = "the border to the engine")]
mod ffi_request;
#[allow(unsafe_code, reason = "the border to the engine")]
mod ffi_stream;
mod function;
mod handoff;
mod headers;
mod info;
mod ini;
mod limits;
mod link;
mod media_types;
#[allow(
    unsafe_code,
    reason = "the attribute macro php_module expands to unsafe code"
)]
mod module;
mod offer;
mod open;
mod representation;
mod request;
mod route;
mod sapi;
mod session;
