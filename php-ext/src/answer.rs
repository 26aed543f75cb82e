//! One call of `send_file()`: the steps of the design, in order.
#![forbid(unsafe_code)]

use std::cell::Cell;
use std::os::fd::AsFd;
use std::rc::Rc;

use ext_php_rs::types::Zval;
use send_file_response::{Part, Response};
use send_file_wire::Rate;

use crate::arguments::{Arguments, Subject};
use crate::error::{Error, Refusal};
use crate::handoff::{self, Body, Handoff};
use crate::ini::{Otherwise, Settings};
use crate::limits::{
    LONG_SPAN_BYTES, LONGEST_WAIT_FOR_A_RATE, MIN_SPAN_BYTES, MOST_SPAN_BYTES, PAGE_BYTES,
};
use crate::link::Link;
use crate::open::{NotRemoved, OpenFile, Place, Removal};
use crate::request::Exchange;
use crate::sapi::Route;
use crate::sapi::stream::{self, Ended};
use crate::{content, ffi, ffi_call, headers, representation, session};

/// How the script goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Afterwards {
    /// With the next statement; what it prints vanishes. Or with the exception that is pending.
    Return,
    /// Not at all, as after `exit`.
    EndRequest,
}

/// Answers the request. An error means that nothing has been sent, unless the engine bailed out.
pub(crate) fn answer(arguments: Arguments, settings: Rc<Settings>) -> Result<Afterwards, Error> {
    let _in_progress = InProgress::begin()?;
    if ffi::inside_output_callback() {
        return Err(Refusal::InsideCallback.into());
    }
    refuse_if_answered()?;
    let (opened, place) = open(&arguments.subject, &settings)?;
    if !arguments.options.begins_within(opened.facts.size) {
        return Err(Refusal::BeyondEnd.into());
    }

    run_the_last_code_of_the_script()?;
    refuse_if_answered()?;

    let route = Route::of_this_process();
    let mut exchange = Exchange::read(route.is_subrequest())?;
    if opened.facts.size >= settings.min_size_bytes && exchange.may_have_a_body() {
        Link::announce(&settings.manager_socket);
    }
    exchange.forget_a_false_coding(&opened.file);
    let (file, mut response) =
        representation::decide(&exchange, opened, place.as_ref(), &arguments.options);
    if response.status == 304 && route.drops_the_type_of_304() {
        exchange.keep_type(&mut response, &arguments.options);
    }
    let answer = Answer {
        is_of_a_type_to_hand_over: exchange.is_of_a_type(&settings.types, &arguments.options),
        removal: place
            .filter(|_| arguments.delete && response.whole)
            .and_then(|place| prepare_removal(&place, &file)),
        rate: arguments.rate,
        tag: arguments.tag,
        settings,
        route,
        exchange,
        file,
        response,
    };
    answer.deliver()?;
    if arguments.end_request && !ffi::exception_is_pending() {
        return Ok(Afterwards::EndRequest);
    }
    Ok(Afterwards::Return)
}

fn open(subject: &Subject, settings: &Settings) -> Result<(OpenFile, Option<Place>), Error> {
    match subject {
        Subject::Path(path) => {
            let place = Place::of(path, settings.roots.as_deref())?;
            Ok((place.open()?, Some(place)))
        }
        Subject::Buffer(data) => Ok((content::of_buffer(data)?, None)),
        Subject::Stream(stream) => Ok((content::of_stream(stream)?, None)),
    }
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

struct Answer<'a> {
    settings: Rc<Settings>,
    route: Route,
    exchange: Exchange,
    response: Response,
    file: OpenFile,
    is_of_a_type_to_hand_over: bool,
    rate: Option<Rate>,
    tag: &'a [u8],
    /// If the file is to be deleted.
    removal: Option<Removal>,
}

impl Answer<'_> {
    fn deliver(&self) -> Result<(), Error> {
        self.route.claim_representation();
        if !self.is_worth_a_handoff() {
            return self.send_in_process();
        }
        let body = Body {
            file: self.file.file.as_fd(),
            parts: &self.response.parts,
            rate: self.rate,
            tag: self.tag,
        };
        match handoff::prepare(self.route, &self.exchange, &self.settings, &body) {
            Ok(handoff) => self.hand_over(handoff),
            Err(reason) => {
                reason.log_the_unexpected();
                match reason.instead(&self.settings) {
                    Otherwise::Stream => self.send_in_process(),
                    Otherwise::Error => {
                        ffi::log(&format!("send_file(): answered 503: {reason}"));
                        self.send_unavailable()
                    }
                }
            }
        }
    }

    fn is_worth_a_handoff(&self) -> bool {
        let body_bytes = self.response.body_bytes();
        let can_be_handed_over =
            body_bytes > 0 && self.is_of_a_type_to_hand_over && self.file.is_private;
        can_be_handed_over && (self.takes_its_time(body_bytes) || !self.is_short(body_bytes))
    }

    /// A body that takes its time because of its rate is one for the manager, however small.
    fn takes_its_time(&self, body_bytes: u64) -> bool {
        let time = self.rate.map(|rate| rate.time_for(body_bytes));
        time.is_some_and(|time| time > LONGEST_WAIT_FOR_A_RATE)
    }

    /// No worker waits for the client of a body that the connection takes at once: it costs less than a handoff, and
    /// the connection is kept. A body as long as any page is sent as pages are.
    fn is_short(&self, body_bytes: u64) -> bool {
        let is_like_a_page = body_bytes < PAGE_BYTES;
        body_bytes < self.settings.min_size_bytes
            && (is_like_a_page || self.route.takes_at_once(body_bytes))
    }

    fn hand_over(&self, handoff: Handoff) -> Result<(), Error> {
        let extra = handoff
            .connection
            .headers(&self.exchange, self.response.body_bytes());
        headers::set(&self.response, extra)?;
        let held = handoff.connection.hold_back();
        if !send_headers(ffi::send_headers_and_flush)? {
            drop(held);
            return self.give_up();
        }
        match handoff.commit() {
            Ok(connection) => {
                // The manager is the owner now. Nothing below can fail.
                if let Some(cork) = held {
                    cork.leave();
                }
                connection.detach(self.response.body_bytes());
                ffi::disable_output();
                self.delete_file();
                Ok(())
            }
            Err(reason) => {
                drop(held);
                reason.log_the_unexpected();
                // The headers fit a body from here as well.
                self.delete_file();
                self.send_body(&self.response.parts)
            }
        }
    }

    fn send_in_process(&self) -> Result<(), Error> {
        headers::set(&self.response, &[])?;
        if let Some((offset, len)) = self.span_past_the_server() {
            return self.send_past_the_server(offset, len);
        }
        if !send_headers(ffi::send_headers_only)? {
            return self.give_up();
        }
        if self.response.removed.contains(&"Content-Type") {
            self.route.drop_content_type();
        }
        self.delete_file();
        self.send_body(&self.response.parts)
    }

    /// A body that is worth a flush of its headers in front of it.
    fn span_past_the_server(&self) -> Option<(u64, u64)> {
        let [Part::Span { offset, len }] = self.response.parts[..] else {
            return None;
        };
        let can_be = self.route.sends_spans() && self.rate.is_none();
        let is_worth_it = len >= MIN_SPAN_BYTES && !self.response.removed.contains(&"Content-Type");
        (can_be && is_worth_it).then_some((offset, len))
    }

    /// As much as the connection takes in one go, from the page cache to the socket; the rest, if any, in the usual way.
    fn send_past_the_server(&self, offset: u64, len: u64) -> Result<(), Error> {
        // One packet less, but between the pieces of a long sendfile the kernel would hold back segments, too.
        let held = (len < LONG_SPAN_BYTES)
            .then(|| self.route.hold_back())
            .flatten();
        if !send_headers(ffi::send_headers_and_flush)? {
            drop(held);
            return self.give_up();
        }
        self.delete_file();
        let at_once = len.min(MOST_SPAN_BYTES);
        let sent = self
            .route
            .send_span(self.file.file.as_fd(), offset, at_once);
        drop(held);
        if sent == len {
            return self.finish(Ended::Complete);
        }
        self.send_body(&[Part::Span {
            offset: offset + sent,
            len: len - sent,
        }])
    }

    fn send_body(&self, parts: &[Part]) -> Result<(), Error> {
        let ended = stream::send(&self.file.file, parts, self.rate)?;
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

    /// The bytes stay until the last descriptor is closed.
    fn delete_file(&self) {
        let Some(removal) = &self.removal else {
            return;
        };
        match removal.carry_out(&self.file.file) {
            Ok(()) => ffi::forget_file_status(),
            Err(reason) => log_not_removed(&reason),
        }
    }
}

/// Before the headers: behind PHP-FPM the log may go through the connection that is about to be given away.
fn prepare_removal(place: &Place, file: &OpenFile) -> Option<Removal> {
    let prepared = place.prepare_removal(&file.file);
    prepared.inspect_err(log_not_removed).ok()
}

fn log_not_removed(reason: &NotRemoved) {
    ffi::log(&format!("send_file(): the file was not deleted: {reason}"));
}

fn refuse_if_answered() -> Result<(), Error> {
    if ffi::answer_has_begun() {
        return Err(Refusal::HeadersSent.into());
    }
    Ok(())
}

/// Whether the headers left, and nothing behind them: a message that PHP displays meanwhile would be taken for the body.
fn send_headers(send: fn() -> Result<(), Error>) -> Result<bool, Error> {
    let output_before = ffi::output_has_left();
    match ffi::ignoring_abort(send) {
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
