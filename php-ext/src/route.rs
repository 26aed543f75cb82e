//! `send_file_route()`: which way a file would go, found by going there.
#![forbid(unsafe_code)]

use std::os::fd::AsFd;

use send_file_response::Part;

use crate::content;
use crate::error::{Error, Refusal};
use crate::ffi;
use crate::handoff::{self, Body};
use crate::ini::{Otherwise, Settings};
use crate::request::Exchange;
use crate::sapi::Route;

/// The first word of the answer, which scripts find in the constants `SendFile\ROUTE_...`.
pub(crate) const HANDOFF: &str = "handoff";
pub(crate) const STREAM: &str = "stream";
pub(crate) const ERROR: &str = "error";

/// The word, and behind it why it is not the handoff. A download of one byte is offered to the manager and withdrawn once
/// it has accepted it: this is everything of a handoff that can fail before the headers.
pub(crate) fn describe() -> Result<String, Error> {
    if ffi::answer_has_begun() {
        return Ok(format!("{ERROR}: {}", Refusal::HeadersSent));
    }
    let settings = Settings::in_force();
    let route = Route::of_this_process();
    let exchange = Exchange::read(route.is_subrequest())?;
    let probe = match content::of_buffer(b"?") {
        Err(Error::Refused(refusal)) => return Ok(format!("{ERROR}: {refusal}")),
        probe => probe?,
    };
    let body = Body {
        file: probe.file.as_fd(),
        parts: &[Part::Span { offset: 0, len: 1 }],
        rate: None,
        tag: b"",
    };
    let reason = match handoff::prepare(route, &exchange, &settings, &body) {
        Ok(_withdrawn) => return Ok(HANDOFF.to_owned()),
        Err(reason) => reason,
    };
    let word = match reason.instead(&settings) {
        Otherwise::Stream => STREAM,
        Otherwise::Error => ERROR,
    };
    Ok(format!("{word}: {reason}"))
}
