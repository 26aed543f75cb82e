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
use crate::{ffi, headers, session};

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

    // The last steps that run code of the script before the answer is decided: what it sets here counts.
    ffi::discard_output()?;
    session::close()?;
    refuse_if_answered()?;

    let exchange = Exchange::read()?;
    let answer = Answer {
        settings: Settings::in_force(),
        route: Route::of_this_process(),
        response: exchange.respond(&facts, &arguments.options),
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
enum Unavailable {
    Veto(Veto),
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
                Otherwise::Error => send_unavailable(),
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
        send_headers(ffi::send_headers_and_flush)?;

        if !is_given_away(&connection, accepted) {
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
        send_headers(ffi::send_headers_only)?;
        if self.response.removed.contains(&"Content-Type") {
            self.route.drop_content_type();
        }
        self.send_body()
    }

    fn send_body(&self) -> Result<(), Error> {
        let ended = stream::send(&self.file, &self.response.parts)?;
        ffi::disable_output();
        if ended == Ended::Short {
            ffi::log("send_file(): the file ended or failed before all announced bytes were sent");
            self.route.cut(&self.exchange.server_software);
        }
        finish_fastcgi()
    }

    fn instead(&self, reason: &Unavailable) -> Otherwise {
        let (reason, otherwise) = match reason {
            Unavailable::Veto(veto) => (veto.to_string(), self.settings.fallback),
            Unavailable::Manager(NotTaken::Busy) => {
                (NotTaken::Busy.to_string(), self.settings.on_busy)
            }
            Unavailable::Manager(other) => {
                log_now_and_then(other);
                (other.to_string(), self.settings.fallback)
            }
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
fn is_given_away(connection: &Connection, accepted: Accepted) -> bool {
    !ffi::client_is_gone() && connection.recheck().is_ok() && accepted.commit().is_ok()
}

/// A callback of `header_register_callback()` runs when the headers leave. If it throws, they leave all the same; the
/// answer is then completed, and the exception propagates after it.
fn send_headers(send: fn() -> Result<(), Error>) -> Result<(), Error> {
    match ffi::uninterrupted(send) {
        Err(Error::Pending) if ffi::headers_are_sent() => Ok(()),
        result => result,
    }
}

fn send_unavailable() -> Result<(), Error> {
    headers::set_unavailable()?;
    send_headers(ffi::send_headers_only)?;
    stream::send_literal(headers::UNAVAILABLE_BODY)?;
    ffi::disable_output();
    finish_fastcgi()
}

/// PHP-FPM can tell the web server that the answer is complete while the script goes on; others cannot. Nobody is left
/// then whose absence could end the script: without this word to PHP, the next `flush()` would.
fn finish_fastcgi() -> Result<(), Error> {
    let mut yes = Zval::new();
    yes.set_bool(true);
    let finished = ffi::call_function("fastcgi_finish_request", &mut []);
    if let Ok(Some(_)) = finished {
        ffi::call_function("ignore_user_abort", &mut [yes])?;
    }
    match finished {
        Err(Error::Bailout) => Err(Error::Bailout),
        // An exception that is pending propagates by itself.
        _ => Ok(()),
    }
}

/// An unreachable manager is the administrator's business, but not once per request.
fn log_now_and_then(reason: &NotTaken) {
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

/// Refuses a call inside a call: output callbacks, session handlers and header callbacks are user code.
struct InProgress;

thread_local! {
    static IN_PROGRESS: Cell<bool> = const { Cell::new(false) };
}

impl InProgress {
    fn begin() -> Result<InProgress, Error> {
        if IN_PROGRESS.replace(true) {
            return Err(Refusal::Reentered.into());
        }
        Ok(InProgress)
    }
}

impl Drop for InProgress {
    fn drop(&mut self) {
        IN_PROGRESS.set(false);
    }
}
