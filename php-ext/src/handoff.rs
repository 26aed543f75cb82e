//! Handing a connection over: what can fail is tried while nothing has been sent, the rest is the commit.
#![forbid(unsafe_code)]

use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use send_file_response::Part;
use send_file_wire::Rate;

use crate::ffi;
use crate::ini::{Otherwise, Settings};
use crate::limits::LOG_PAUSE_SECS;
use crate::offer::{Accepted, Download, NotTaken, offer};
use crate::request::Exchange;
use crate::sapi::{Connection, Route, Veto};

/// A body that the manager could send.
pub(crate) struct Body<'a> {
    pub(crate) file: BorrowedFd<'a>,
    pub(crate) parts: &'a [Part],
    pub(crate) rate: Option<Rate>,
    pub(crate) tag: &'a [u8],
}

/// A connection that the manager waits to be given. Dropped, it stays with the worker.
#[derive(Debug)]
pub(crate) struct Handoff {
    pub(crate) connection: Connection,
    accepted: Accepted,
}

/// Why the manager does not get this download.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unavailable {
    #[error("{0}")]
    Veto(Veto),
    #[error("{0}")]
    Manager(NotTaken),
}

/// Everything that can fail: the inspection of the connection and the manager's word.
pub(crate) fn prepare(
    route: Route,
    exchange: &Exchange,
    settings: &Settings,
    body: &Body,
) -> Result<Handoff, Unavailable> {
    if settings.manager_socket.as_os_str().is_empty() {
        return Err(Unavailable::Veto(Veto::new("the manager is turned off")));
    }
    let connection = route
        .inspect(&exchange.server_software)
        .map_err(Unavailable::Veto)?;
    let download = Download {
        connection: connection.descriptor(),
        file: body.file,
        framing: connection.framing(),
        parts: body.parts,
        rate: body.rate,
        tag: body.tag,
    };
    let accepted = offer(settings, &download).map_err(Unavailable::Manager)?;
    Ok(Handoff {
        connection,
        accepted,
    })
}

impl Handoff {
    /// After the headers have left: commits, unless the web server has changed its mind about the connection while it
    /// sent them. Otherwise the offer is withdrawn on return, before this process writes a byte of the body.
    pub(crate) fn commit(self) -> Result<Connection, Unavailable> {
        if ffi::client_is_gone() {
            return Err(Unavailable::Veto(Veto::new("the client is gone")));
        }
        self.connection.recheck().map_err(Unavailable::Veto)?;
        let committed = self.accepted.commit().map_err(NotTaken::Unreachable);
        committed.map_err(Unavailable::Manager)?;
        Ok(self.connection)
    }
}

impl Unavailable {
    /// What is done then.
    pub(crate) fn instead(&self, settings: &Settings) -> Otherwise {
        match self {
            Unavailable::Manager(NotTaken::Busy) => settings.on_busy,
            Unavailable::Veto(_) | Unavailable::Manager(_) => settings.fallback,
        }
    }

    /// An unreachable manager, or a PHP or a web server with other structures than those known here, is the
    /// administrator's business: without a word the product would be off. But not once per request.
    pub(crate) fn log_the_unexpected(&self) {
        let expected = match self {
            Unavailable::Veto(veto) => veto.is_expected(),
            Unavailable::Manager(reason) => matches!(reason, NotTaken::Busy),
        };
        if !expected {
            self.log_now_and_then();
        }
    }

    fn log_now_and_then(&self) {
        static LAST_SECS: AtomicI64 = AtomicI64::new(i64::MIN);
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let now_secs = since.map_or(0, |since| since.as_secs().cast_signed());
        let last_secs = LAST_SECS.load(Ordering::Relaxed);
        if now_secs < last_secs.saturating_add(LOG_PAUSE_SECS) {
            return;
        }
        LAST_SECS.store(now_secs, Ordering::Relaxed);
        ffi::log(&format!("send_file(): no handoff: {self}"));
    }
}
