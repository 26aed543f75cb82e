//! Places where a test can make a worker die, one for every moment that its successor must be able to go on from.
//!
//! Only in builds with debug assertions: the environment variable names the place, and which worker is meant where that
//! is not the first one, `offer.received`, `recovery.swept@2` or `recovery.swept@*` for all of them. With `panic:` in front it panics there. A release build
//! has none of this. Another variable makes each worker try what its sandbox forbids, and log how that ended.
#![forbid(unsafe_code)]

/// The worker dies here if a test asked for it.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn point(_name: &str) {}

/// The worker dies here if a test asked for it, `job.turn/TAG`, and this is about the download with this tag.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn point_of(_name: &str, _tag: &[u8]) {}

/// So many workers were started before this one, and it.
#[cfg(not(debug_assertions))]
pub fn this_is_worker(_generation: u32) {}

/// The worker tries what it must not do here if a test asked for it.
#[cfg(not(debug_assertions))]
pub fn try_the_sandbox() {}

#[cfg(debug_assertions)]
pub use attempts::try_the_sandbox;
#[cfg(debug_assertions)]
pub use chosen::{point, point_of, this_is_worker};

#[cfg(debug_assertions)]
mod attempts {
    use crate::sys::attempts::{VARIABLE, try_everything};

    /// The worker tries what it must not do here if a test asked for it, and says in the log how that ended.
    pub fn try_the_sandbox() {
        if std::env::var_os(VARIABLE).is_none() {
            return;
        }
        try_everything(|name, attempt| {
            let result = attempt.map_or_else(|errno| format!("{errno:?}"), |()| "OK".to_owned());
            tracing::info!(name, result, "tried");
        });
        tracing::info!("tried everything");
    }
}

#[cfg(debug_assertions)]
mod chosen {
    use std::sync::OnceLock;

    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;

    const VARIABLE: &str = "SEND_FILE_MANAGER_DIE_AT";

    /// The place that this worker dies at, and whether by a panic.
    static CHOSEN: OnceLock<Option<(String, bool)>> = OnceLock::new();

    /// The worker dies here if a test asked for it.
    pub fn point(name: &str) {
        let chosen = CHOSEN.get().and_then(Option::as_ref);
        if let Some((_, by_panic)) = chosen.filter(|(chosen, _)| chosen == name) {
            assert!(!by_panic, "a test asked for this panic");
            let _ = kill(Pid::this(), Signal::SIGKILL);
        }
    }

    /// The worker dies here if a test asked for it, `job.turn/TAG`, and this is about the download with this tag.
    pub fn point_of(name: &str, tag: &[u8]) {
        if CHOSEN.get().is_some_and(Option::is_some) {
            point(&format!("{name}/{}", String::from_utf8_lossy(tag)));
        }
    }

    /// So many workers were started before this one, and it.
    pub fn this_is_worker(generation: u32) {
        let chosen = std::env::var(VARIABLE).ok().and_then(|wish| {
            let (by_panic, wish) = match wish.strip_prefix("panic:") {
                Some(wish) => (true, wish),
                None => (false, &wish[..]),
            };
            let (name, meant) = match wish.split_once('@') {
                Some((name, "*")) => (name, generation),
                Some((name, meant)) => (name, meant.parse().ok()?),
                None => (wish, 1),
            };
            (meant == generation).then(|| (name.to_owned(), by_panic))
        });
        let _ = CHOSEN.set(chosen);
    }
}
