//! The INI settings: what is valid, and what is in force.
//!
//! A setting is checked when the engine sets it ([`check`]), whether from php.ini, `-d`, `php_admin_value` of a pool or
//! of a virtual host; an invalid one is warned about and the value before it stays. So [`Settings::in_force`], which
//! reads them at each call, finds valid values only.
#![forbid(unsafe_code)]

use std::ffi::CStr;
use std::path::PathBuf;
use std::time::Duration;

use crate::ffi;
use crate::limits::{
    DEFAULT_ACCEPT_TIMEOUT_MS, DEFAULT_MIN_SIZE_BYTES, MAX_ACCEPT_TIMEOUT_MS, MAX_SOCKET_PATH_BYTES,
};

pub(crate) const MANAGER_SOCKET: &CStr = c"send_file.manager_socket";
pub(crate) const MIN_SIZE: &CStr = c"send_file.min_size";
pub(crate) const FALLBACK: &CStr = c"send_file.fallback";
pub(crate) const ON_BUSY: &CStr = c"send_file.on_busy";
pub(crate) const ACCEPT_TIMEOUT_MS: &CStr = c"send_file.accept_timeout_ms";

/// Every setting with its default.
pub(crate) const ENTRIES: [(&CStr, &CStr); 5] = [
    (MANAGER_SOCKET, c"/run/send-file/manager.sock"),
    (MIN_SIZE, c"16384"),
    (FALLBACK, c"stream"),
    (ON_BUSY, c"error"),
    (ACCEPT_TIMEOUT_MS, c"100"),
];

/// What to do where the manager does not take a download.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Otherwise {
    /// Send it from this process.
    Stream,
    /// Answer 503.
    Error,
}

/// The settings of this request.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Where the manager listens; empty: nothing is handed over.
    pub(crate) manager_socket: PathBuf,
    /// Smaller bodies go out in-process.
    pub(crate) min_size_bytes: u64,
    /// Where no handoff is possible.
    pub(crate) fallback: Otherwise,
    /// Where the manager is at a bound.
    pub(crate) on_busy: Otherwise,
    /// How long to wait for the manager's answer.
    pub(crate) accept_timeout: Duration,
}

impl Settings {
    pub(crate) fn in_force() -> Settings {
        let otherwise = |name, default| value(name, otherwise).unwrap_or(default);
        let timeout_ms = value(ACCEPT_TIMEOUT_MS, timeout_ms).unwrap_or(DEFAULT_ACCEPT_TIMEOUT_MS);
        Settings {
            manager_socket: value(MANAGER_SOCKET, socket_path).unwrap_or_default(),
            min_size_bytes: value(MIN_SIZE, byte_count).unwrap_or(DEFAULT_MIN_SIZE_BYTES),
            fallback: otherwise(FALLBACK, Otherwise::Stream),
            on_busy: otherwise(ON_BUSY, Otherwise::Error),
            accept_timeout: Duration::from_millis(timeout_ms),
        }
    }
}

/// Says what is wrong with a value about to be set.
pub(crate) fn check(name: &CStr, text: &str) -> Result<(), String> {
    let (valid, expected) = match name {
        name if name == MANAGER_SOCKET => (
            socket_path(text).is_some(),
            format!("an absolute path of at most {MAX_SOCKET_PATH_BYTES} bytes, or nothing"),
        ),
        name if name == MIN_SIZE => (
            byte_count(text).is_some(),
            "a number of bytes such as 16384 or 64K".to_owned(),
        ),
        name if name == ACCEPT_TIMEOUT_MS => (
            timeout_ms(text).is_some(),
            format!("a number of milliseconds from 1 to {MAX_ACCEPT_TIMEOUT_MS}"),
        ),
        _ => (
            otherwise(text).is_some(),
            "\"stream\" or \"error\"".to_owned(),
        ),
    };
    if valid {
        return Ok(());
    }
    let name = name.to_string_lossy();
    Err(format!(
        "{name} must be {expected}, not \"{text}\"; the setting is ignored"
    ))
}

fn value<T>(name: &CStr, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
    parse(&ffi::ini_value(name)?)
}

fn socket_path(text: &str) -> Option<PathBuf> {
    let usable = text.is_empty()
        || (text.starts_with('/') && text.len() <= MAX_SOCKET_PATH_BYTES && !text.contains('\0'));
    usable.then(|| PathBuf::from(text))
}

fn byte_count(text: &str) -> Option<u64> {
    let text = text.trim();
    let (digits, unit) = match text.as_bytes().last()? {
        b'k' | b'K' => (&text[..text.len() - 1], 1 << 10),
        b'm' | b'M' => (&text[..text.len() - 1], 1 << 20),
        b'g' | b'G' => (&text[..text.len() - 1], 1 << 30),
        _ => (text, 1),
    };
    plain_number(digits)?.checked_mul(unit)
}

fn timeout_ms(text: &str) -> Option<u64> {
    plain_number(text.trim()).filter(|ms| (1..=MAX_ACCEPT_TIMEOUT_MS).contains(ms))
}

/// Without the sign that `parse` would take.
fn plain_number(digits: &str) -> Option<u64> {
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

fn otherwise(text: &str) -> Option<Otherwise> {
    match text.trim() {
        "stream" => Some(Otherwise::Stream),
        "error" => Some(Otherwise::Error),
        _ => None,
    }
}
