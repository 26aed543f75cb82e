//! Status and headers, set as `header()` sets them and so sent by the web server.
#![forbid(unsafe_code)]

use ext_php_rs::zend::{remove_header, set_header, set_response_code};
use send_file_response::{CONTENT_FIELDS, Response};

use crate::error::{Error, Refusal};
use crate::ffi::{self, guarded};
use crate::limits::RETRY_AFTER_SECS;
use crate::request::CGI_STATUS;
use crate::sapi;

/// Headers of the file, beside [`CONTENT_FIELDS`], that have no place in an answer that says "later".
const OF_THE_FILE: [&str; 9] = [
    "Content-Length",
    "Content-Location",
    "Transfer-Encoding",
    "Accept-Ranges",
    "Repr-Digest",
    "Digest",
    "ETag",
    "Last-Modified",
    "Expires",
];

/// The body of [`set_unavailable`].
pub(crate) const UNAVAILABLE_BODY: &[u8] = b"The server is busy. Please try again in a moment.\n";

/// Merges the answer into what the script has set. The status comes first: it drops a status line such as
/// `header('HTTP/1.1 200 OK')` and a header `Status: 200 OK`, which would outlive it.
pub(crate) fn set(response: &Response, extra: &[(&str, &str)]) -> Result<(), Error> {
    set_status(response.status)?;
    for name in &response.removed {
        remove(name)?;
    }
    for (name, value) in &response.headers {
        set_one(name, value)?;
    }
    for (name, value) in extra {
        set_one(name, value)?;
    }
    if response.status == 200 && sapi::speaks_cgi() {
        // PHP says the status of every other answer. Without it httpd judges the conditions of the request once more,
        // by the headers that it sees (`ap_scan_script_header_err_core`). It reaches no client.
        set_one(CGI_STATUS, "200 OK")?;
    }
    if response.removed.contains(&"Content-Type") {
        ffi::send_no_default_content_type();
    }
    Ok(())
}

/// The 503 for a download that cannot be taken now; nothing about the file goes out, and no cache keeps it.
pub(crate) fn set_unavailable() -> Result<(), Error> {
    set_status(503)?;
    for name in CONTENT_FIELDS.iter().chain(&OF_THE_FILE) {
        remove(name)?;
    }
    set_one("Content-Type", "text/plain; charset=utf-8")?;
    set_one("Content-Length", &UNAVAILABLE_BODY.len().to_string())?;
    set_one("Cache-Control", "no-store")?;
    set_one("Retry-After", &RETRY_AFTER_SECS.to_string())
}

fn set_status(status: u16) -> Result<(), Error> {
    remove(CGI_STATUS)?;
    succeeded(guarded(|| set_response_code(status).is_ok())?, "the status")
}

fn set_one(name: &str, value: &str) -> Result<(), Error> {
    let line = [name, ": ", value].concat();
    let set = ffi::without_default_charset(|| guarded(|| set_header(&line).is_ok()))?;
    succeeded(set, name)
}

fn remove(name: &str) -> Result<(), Error> {
    succeeded(guarded(|| remove_header(name).is_ok())?, name)
}

fn succeeded(set: bool, what: &str) -> Result<(), Error> {
    if set {
        return Ok(());
    }
    Err(Refusal::Internal(format!("PHP refused to set {what}")).into())
}
