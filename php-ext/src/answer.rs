//! One call of `send_file()`: the steps of the design, in order.
#![forbid(unsafe_code)]

use std::cell::Cell;
use std::fs::File;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use ext_php_rs::types::Zval;
use send_file_response::Response;

use crate::arguments::Arguments;
use crate::error::{Error, Refusal};
use crate::ini::{Otherwise, Settings};
use crate::limits::LOG_PAUSE_SECS;
use crate::offer::{Accepted, Download, NotTaken, offer};
use crate::open::{OpenFile, open};
use crate::request::Exchange;
use crate::sapi::stream::{self, Ended};
use crate::sapi::{Connection, Route, Veto};
use crate::{ffi, ffi_call, headers, session};

/// How the script goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Afterwards {
    /// With the next statement; what it prints vanishes. Or with the exception that is pending.
    Return,
    /// Not at all, as after `exit`.
    EndRequest,
}

/// Answers the request. An error means that nothing has been sent, unless the engine bailed out.
pub(crate) fn answer(arguments: Arguments) -> Result<Afterwards, Error> {
    let _in_progress = InProgress::begin()?;
    if ffi::inside_output_callback() {
        return Err(Refusal::InsideCallback.into());
    }
    refuse_if_answered()?;
    let OpenFile { file, facts } = open(&arguments.path)?;

    run_the_last_code_of_the_script()?;
    refuse_if_answered()?;

    let route = Route::of_this_process();
    let exchange = Exchange::read(route.is_subrequest())?;
    let answer = Answer {
        settings: Settings::in_force(),
        route,
        response: exchange.respond(&file, &facts, &arguments.options),
        exchange,
        file,
        tag: arguments.tag,
    };
    answer.deliver()?;
    if arguments.end_request && !ffi::exception_is_pending() {
        return Ok(Afterwards::EndRequest);
    }
    Ok(Afterwards::Return)
}

/// Output callbacks, session handlers and the header callback are user code. All of it runs here, before the answer is
/// decided, and none after: so what it sets counts as set by the script, what it prints vanishes, buffers it leaves open
/// are dropped, and if it throws, nothing has been sent.
fn run_the_last_code_of_the_script() -> Result<(), Error> {
    ffi::discard_output()?;
    ffi::start_buffer()?;
    let finished = session::close().and_then(|()| ffi_call::run_header_callback());
    if matches!(finished, Err(Error::Bailout)) {
        // The buffer holds what a fatal error displays; PHP's shutdown prints it.
        return finished;
    }
    ffi::discard_output()?;
    finished
}

struct Answer {
    settings: Settings,
    route: Route,
    exchange: Exchange,
    response: Response,
    file: File,
    tag: Vec<u8>,
}

/// A connection that the manager waits to be given.
struct Handoff {
    connection: Connection,
    accepted: Accepted,
}

/// Why the manager does not get this download.
#[derive(Debug, thiserror::Error)]
enum Unavailable {
    #[error("{0}")]
    Veto(Veto),
    #[error("{0}")]
    Manager(NotTaken),
}

impl Answer {
    fn deliver(&self) -> Result<(), Error> {
        self.route.claim_representation();
        if !self.is_worth_a_handoff() {
            return self.send_in_process();
        }
        match self.prepare_handoff() {
            Ok(handoff) => self.hand_over(handoff),
            Err(reason) => match self.instead(&reason) {
                Otherwise::Stream => self.send_in_process(),
                Otherwise::Error => self.send_unavailable(),
            },
        }
    }

    fn is_worth_a_handoff(&self) -> bool {
        let body_bytes = self.response.body_bytes();
        body_bytes > 0 && body_bytes >= self.settings.min_size_bytes
    }

    /// Everything that can fail, while nothing has been sent: the inspection of the connection and the manager's word.
    fn prepare_handoff(&self) -> Result<Handoff, Unavailable> {
        let connection = self
            .route
            .inspect(&self.exchange.server_software)
            .map_err(Unavailable::Veto)?;
        if self.settings.manager_socket.as_os_str().is_empty() {
            return Err(Unavailable::Veto(Veto::new("the manager is turned off")));
        }
        let download = Download {
            connection: connection.descriptor(),
            file: self.file.as_fd(),
            framing: connection.framing(),
            parts: &self.response.parts,
            tag: &self.tag,
        };
        match offer(&self.settings, &download) {
            Ok(accepted) => Ok(Handoff {
                connection,
                accepted,
            }),
            Err(reason) => Err(Unavailable::Manager(reason)),
        }
    }

    fn hand_over(&self, handoff: Handoff) -> Result<(), Error> {
        let Handoff {
            connection,
            accepted,
        } = handoff;
        let extra = connection.headers(&self.exchange);
        headers::set(&self.response, extra)?;
        if !send_headers(ffi::send_headers_and_flush)? {
            return self.give_up();
        }
        if let Err(reason) = give_away(&connection, accepted) {
            log_the_unexpected(&reason);
            // The headers fit a body from here as well.
            return self.send_body();
        }
        // The manager is the owner now. Nothing below can fail.
        connection.detach(self.response.body_bytes());
        ffi::disable_output();
        Ok(())
    }

    fn send_in_process(&self) -> Result<(), Error> {
        headers::set(&self.response, &[])?;
        if !send_headers(ffi::send_headers_only)? {
            return self.give_up();
        }
        if self.response.removed.contains(&"Content-Type") {
            self.route.drop_content_type();
        }
        self.send_body()
    }

    fn send_body(&self) -> Result<(), Error> {
        let ended = stream::send(&self.file, &self.response.parts)?;
        if ended == Ended::Short {
            ffi::log("send_file(): the file ended or failed before all announced bytes were sent");
        }
        self.finish(ended)
    }

    fn send_unavailable(&self) -> Result<(), Error> {
        headers::set_unavailable()?;
        if !send_headers(ffi::send_headers_only)? {
            return self.give_up();
        }
        let ended = stream::send_literal(headers::UNAVAILABLE_BODY)?;
        self.finish(ended)
    }

    /// The headers did not leave alone, or not at all: no body fits behind what did.
    fn give_up(&self) -> Result<(), Error> {
        ffi::log("send_file(): the headers could not be sent as they should");
        self.finish(Ended::Short)
    }

    /// An answer with fewer bytes than announced must not look complete, whoever is to blame.
    fn finish(&self, ended: Ended) -> Result<(), Error> {
        ffi::disable_output();
        if ended != Ended::Complete {
            self.route.cut(&self.exchange.server_software);
        }
        finish_fastcgi()
    }

    fn instead(&self, reason: &Unavailable) -> Otherwise {
        log_the_unexpected(reason);
        let otherwise = match reason {
            Unavailable::Manager(NotTaken::Busy) => self.settings.on_busy,
            Unavailable::Veto(_) | Unavailable::Manager(_) => self.settings.fallback,
        };
        if otherwise == Otherwise::Error {
            ffi::log(&format!("send_file(): answered 503: {reason}"));
        }
        otherwise
    }
}

fn refuse_if_answered() -> Result<(), Error> {
    if ffi::answer_has_begun() {
        return Err(Refusal::HeadersSent.into());
    }
    Ok(())
}

/// Commits, unless the web server has changed its mind about the connection while it sent the headers. Otherwise the
/// offer is withdrawn on return, before this process writes a byte of the body.
fn give_away(connection: &Connection, accepted: Accepted) -> Result<(), Unavailable> {
    if ffi::client_is_gone() {
        return Err(Unavailable::Veto(Veto::new("the client is gone")));
    }
    connection.recheck().map_err(Unavailable::Veto)?;
    let committed = accepted.commit().map_err(NotTaken::Unreachable);
    committed.map_err(Unavailable::Manager)
}

/// Whether the headers left, and nothing behind them: a message that PHP displays meanwhile would be taken for the body.
fn send_headers(send: fn() -> Result<(), Error>) -> Result<bool, Error> {
    let output_before = ffi::output_has_left();
    match ffi::uninterrupted(send) {
        Err(Error::Pending) if ffi::headers_are_sent() => {}
        result => result?,
    }
    Ok(ffi::headers_are_sent() && ffi::output_has_left() == output_before)
}

/// PHP-FPM can tell the web server that the answer is complete while the script goes on; others cannot. Nobody is left
/// then whose absence could end the script: without this word to PHP, the next `flush()` would.
fn finish_fastcgi() -> Result<(), Error> {
    let mut yes = Zval::new();
    yes.set_bool(true);
    let finished = ffi_call::call_function("fastcgi_finish_request", &mut []);
    if let Ok(Some(_)) = finished {
        ffi_call::call_function("ignore_user_abort", &mut [yes])?;
    }
    match finished {
        Err(Error::Bailout) => Err(Error::Bailout),
        // An exception that is pending propagates by itself.
        _ => Ok(()),
    }
}

/// An unreachable manager, or a PHP or a web server with other structures than those known here, is the administrator's
/// business: without a word the product would be off. But not once per request.
fn log_the_unexpected(reason: &Unavailable) {
    let expected = match reason {
        Unavailable::Veto(veto) => veto.is_expected(),
        Unavailable::Manager(reason) => matches!(reason, NotTaken::Busy),
    };
    if !expected {
        log_now_and_then(reason);
    }
}

fn log_now_and_then(reason: &Unavailable) {
    static LAST_SECS: AtomicI64 = AtomicI64::new(i64::MIN);
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let now_secs = since.map_or(0, |since| since.as_secs().cast_signed());
    let last_secs = LAST_SECS.load(Ordering::Relaxed);
    if now_secs < last_secs.saturating_add(LOG_PAUSE_SECS) {
        return;
    }
    LAST_SECS.store(now_secs, Ordering::Relaxed);
    ffi::log(&format!("send_file(): no handoff: {reason}"));
}

/// Refuses a call inside a call: output callbacks, session handlers and header callbacks are user code. If the call is
/// made in a fiber, that code cannot suspend it either: of a fiber that is never resumed PHP frees the stack without
/// unwinding it, and nothing here would be dropped.
struct InProgress {
    _no_switches: Option<ffi_call::FiberSwitchesBlocked>,
}

thread_local! {
    static IN_PROGRESS: Cell<bool> = const { Cell::new(false) };
}

impl InProgress {
    fn begin() -> Result<InProgress, Error> {
        if IN_PROGRESS.replace(true) {
            return Err(Refusal::Reentered.into());
        }
        Ok(InProgress {
            _no_switches: ffi_call::FiberSwitchesBlocked::if_in_a_fiber(),
        })
    }
}

/// When a request starts, none is in progress, however the one before ended.
pub(crate) fn start_request() {
    IN_PROGRESS.set(false);
}

impl Drop for InProgress {
    fn drop(&mut self) {
        IN_PROGRESS.set(false);
    }
}
