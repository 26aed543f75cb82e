//! The INI settings: what is valid, and what is in force.
//!
//! A setting is checked when the engine sets it ([`check`]), whether from php.ini, `-d`, `php_admin_value` of a pool or
//! of a virtual host; an invalid one is warned about and the value before it stays. So [`Settings::in_force`] finds valid
//! values only. But for `send_file.root`: without the limit that somebody wanted to set everything could be sent, so an
//! invalid one stays, and allows nothing.
#![forbid(unsafe_code)]

use std::cell::RefCell;
use std::ffi::{CStr, OsStr};
use std::num::NonZeroU64;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use send_file_response::TypeList;

use crate::ffi;
use crate::limits::{
    DEFAULT_ACCEPT_TIMEOUT_MS, DEFAULT_MIN_SIZE_BYTES, MAX_ACCEPT_TIMEOUT_MS, MAX_SOCKET_PATH_BYTES,
};

pub(crate) const MANAGER_SOCKET: &CStr = c"send_file.manager_socket";
pub(crate) const MIN_SIZE: &CStr = c"send_file.min_size";
pub(crate) const TYPES: &CStr = c"send_file.types";
pub(crate) const ROOT: &CStr = c"send_file.root";
pub(crate) const FALLBACK: &CStr = c"send_file.fallback";
pub(crate) const ON_BUSY: &CStr = c"send_file.on_busy";
pub(crate) const ACCEPT_TIMEOUT_MS: &CStr = c"send_file.accept_timeout_ms";
pub(crate) const RATE: &CStr = c"send_file.rate";
pub(crate) const MIME_TYPES: &CStr = c"send_file.mime_types";
pub(crate) const PRECOMPRESSED: &CStr = c"send_file.precompressed";

/// Every setting with its default.
pub(crate) const ENTRIES: [(&CStr, &CStr); 10] = [
    (MANAGER_SOCKET, c"/run/send-file/manager.sock"),
    (MIN_SIZE, c"2M"),
    (TYPES, c""),
    (ROOT, c""),
    (FALLBACK, c"stream"),
    (ON_BUSY, c"error"),
    (ACCEPT_TIMEOUT_MS, c"100"),
    (RATE, c"0"),
    (MIME_TYPES, c""),
    (PRECOMPRESSED, c"0"),
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
    /// Content of other media types goes out in-process.
    pub(crate) types: TypeList,
    /// Files outside of all of these are refused.
    pub(crate) roots: Option<Vec<PathBuf>>,
    /// Where no handoff is possible.
    pub(crate) fallback: Otherwise,
    /// Where the manager is at a bound.
    pub(crate) on_busy: Otherwise,
    /// How long to wait for the manager's answer.
    pub(crate) accept_timeout: Duration,
    /// For downloads without a rate of their own, in bytes per second.
    pub(crate) rate: Option<NonZeroU64>,
    /// A mime.types file; empty: the built-in table alone.
    pub(crate) mime_types: PathBuf,
    /// As if every call asked for precompressed siblings.
    pub(crate) precompressed: bool,
}

/// What the entries say, in their order.
type Values = [Option<Vec<u8>>; ENTRIES.len()];

thread_local! {
    /// What was read last, and what it means.
    static READ: RefCell<Option<(Values, Rc<Settings>)>> = const { RefCell::new(None) };
}

impl Settings {
    /// Read anew where they have changed: virtual hosts and pools have their own.
    pub(crate) fn in_force() -> Rc<Settings> {
        let is_unchanged = |(values, _): &&(Values, Rc<Settings>)| {
            let mut entries = ENTRIES.iter().zip(values);
            entries.all(|((name, _), value)| ffi::ini_value_is(name, value.as_deref()))
        };
        READ.with_borrow_mut(|read| {
            if let Some((_, settings)) = read.as_ref().filter(is_unchanged) {
                return Rc::clone(settings);
            }
            let settings = Rc::new(Settings::read());
            let values = ENTRIES.map(|(name, _)| ffi::ini_value(name));
            *read = Some((values, Rc::clone(&settings)));
            settings
        })
    }

    fn read() -> Settings {
        let otherwise = |name, default| text(name, otherwise).unwrap_or(default);
        let timeout_ms = text(ACCEPT_TIMEOUT_MS, timeout_ms).unwrap_or(DEFAULT_ACCEPT_TIMEOUT_MS);
        Settings {
            manager_socket: bytes(MANAGER_SOCKET, socket_path).unwrap_or_default(),
            min_size_bytes: text(MIN_SIZE, byte_count).unwrap_or(DEFAULT_MIN_SIZE_BYTES),
            types: text(TYPES, TypeList::parse).unwrap_or_default(),
            roots: roots_in_force(),
            fallback: otherwise(FALLBACK, Otherwise::Stream),
            on_busy: otherwise(ON_BUSY, Otherwise::Error),
            accept_timeout: Duration::from_millis(timeout_ms),
            rate: text(RATE, byte_count).and_then(NonZeroU64::new),
            mime_types: bytes(MIME_TYPES, absolute_path).unwrap_or_default(),
            precompressed: text(PRECOMPRESSED, switch).unwrap_or(false),
        }
    }
}

/// What is wrong with a value about to be set.
pub(crate) struct Complaint {
    pub(crate) sentence: String,
    /// It is set all the same.
    pub(crate) stays: bool,
}

/// Says what is wrong with a value about to be set.
pub(crate) fn check(name: &CStr, value: &[u8]) -> Result<(), Complaint> {
    let lossy = String::from_utf8_lossy(value);
    let text = &*lossy;
    let (valid, expected) = match name {
        name if name == MANAGER_SOCKET => (
            socket_path(value).is_some(),
            format!("an absolute path of at most {MAX_SOCKET_PATH_BYTES} bytes, or nothing"),
        ),
        name if name == MIN_SIZE => (
            byte_count(text).is_some(),
            "a number of bytes such as 16384 or 64K".to_owned(),
        ),
        name if name == RATE => (
            byte_count(text).is_some(),
            "a number of bytes per second such as 500K, or 0 for no limit".to_owned(),
        ),
        name if name == TYPES => (
            TypeList::parse(text).is_some(),
            "a list of media types such as \"video/*, application/zip\", or nothing".to_owned(),
        ),
        name if name == ROOT => (
            value.is_empty() || roots(value).is_some(),
            "a list of absolute paths with colons between them, or nothing".to_owned(),
        ),
        name if name == MIME_TYPES => (
            absolute_path(value).is_some(),
            "the absolute path of a mime.types file, or nothing".to_owned(),
        ),
        name if name == PRECOMPRESSED => (switch(text).is_some(), "\"On\" or \"Off\"".to_owned()),
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
    let stays = name == ROOT;
    let consequence = if stays {
        "no file can be sent"
    } else {
        "the setting is ignored"
    };
    let name = name.to_string_lossy();
    Err(Complaint {
        sentence: format!("{name} must be {expected}, not \"{text}\"; {consequence}"),
        stays,
    })
}

fn text<T>(name: &CStr, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
    parse(&String::from_utf8(ffi::ini_value(name)?).ok()?)
}

/// Paths need not be UTF-8.
fn bytes<T>(name: &CStr, parse: impl Fn(&[u8]) -> Option<T>) -> Option<T> {
    parse(&ffi::ini_value(name)?)
}

fn socket_path(value: &[u8]) -> Option<PathBuf> {
    absolute_path(value).filter(|_| value.len() <= MAX_SOCKET_PATH_BYTES)
}

/// Or nothing.
fn absolute_path(value: &[u8]) -> Option<PathBuf> {
    let usable = value.is_empty() || (value.starts_with(b"/") && !value.contains(&0));
    usable.then(|| PathBuf::from(OsStr::from_bytes(value)))
}

/// Directories with colons between them, as in `open_basedir`; nothing if one of them is not absolute.
fn roots(value: &[u8]) -> Option<Vec<PathBuf>> {
    let root = |value: &[u8]| absolute_path(value.trim_ascii()).filter(|path| path.is_absolute());
    value.split(|byte| *byte == b':').map(root).collect()
}

fn roots_in_force() -> Option<Vec<PathBuf>> {
    let value = ffi::ini_value(ROOT).filter(|value| !value.is_empty())?;
    Some(roots(&value).unwrap_or_default())
}

/// PHP turns On, Yes and True of php.ini into 1, and their opposites into nothing; `-d` passes words on.
fn switch(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "1" | "on" | "yes" | "true" => Some(true),
        "" | "0" | "off" | "no" | "false" | "none" => Some(false),
        _ => None,
    }
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
