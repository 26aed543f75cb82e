//! mod_php inside httpd 2.4.
//!
//! The module is not linked against httpd: what it needs is looked up in the running process, so that one library loads
//! everywhere. The structures are httpd's public ones, declared here by offset (LP64). They are fixed for a module magic
//! number, which is checked before any offset is used.

mod httpd;

use std::ffi::{CStr, c_char, c_int, c_void};
use std::os::fd::{BorrowedFd, RawFd};

use ext_php_rs::ffi as php;
use send_file_wire::room::takes_at_once as takes_at_once_on;

use self::httpd::{Httpd, httpd};
use super::descriptor::is_connected_stream;
use super::{Cork, Veto, detach, splice};
use crate::limits::MAX_FILTERS;

/// include/httpd.h: AP_CONN_CLOSE of `ap_conn_keepalive_e`.
const CONNECTION_CLOSE: c_int = 1;

/// Connection filters that pass bytes as they are (the last one, httpd's own, is compared by address).
const HARMLESS_CONNECTION_FILTERS: [&CStr; 1] = [c"reqtimeout"];
/// What is left of the request's filters once the headers are out.
const HARMLESS_REQUEST_FILTERS: [&CStr; 3] = [c"old_write", c"content_length", c"http_outerror"];

/// Offsets in `request_rec`.
mod request_rec {
    pub(super) const CONNECTION: usize = 8;
    pub(super) const MAIN: usize = 40;
    pub(super) const HEADER_ONLY: usize = 64;
    pub(super) const PROTO_NUM: usize = 68;
    pub(super) const BYTES_SENT: usize = 152;
    pub(super) const SUBPROCESS_ENV: usize = 256;
    pub(super) const OUTPUT_FILTERS: usize = 424;
}

/// Offsets in `conn_rec`.
mod conn_rec {
    pub(super) const OUTPUT_FILTERS: usize = 112;
    pub(super) const DATA_IN_OUTPUT_FILTERS: usize = 148;
    pub(super) const ABORTED: usize = 156;
    pub(super) const KEEPALIVE: usize = 160;
    pub(super) const MASTER: usize = 192;
}

/// Offsets in `ap_filter_t`, and of the request in mod_php's `php_struct`.
const FILTER_REC: usize = 0;
const FILTER_NEXT: usize = 16;
const CONTEXT_REQUEST: usize = 8;

type Pointer = *const c_void;

/// The request and its connection, alive until the request is over.
#[derive(Clone, Copy, Debug)]
struct Request {
    request: Pointer,
    connection: Pointer,
}

/// A connection that bytes can be written to as they are, past httpd.
#[derive(Clone, Copy, Debug)]
struct Line {
    request: Request,
    number: RawFd,
}

/// One that can be handed over.
#[derive(Debug)]
pub(crate) struct Connection {
    line: Line,
    dead: detach::Dead,
}

pub(super) fn inspect() -> Result<Connection, Veto> {
    let line = Line::find()?;
    line.check_socket()?;
    // A socket, since httpd's event loop cannot poll /dev/null.
    let dead = detach::dead_socket().map_err(|error| Veto::unexpected(error.to_string()))?;
    Ok(Connection { line, dead })
}

/// Whether the connection takes a body without waiting for the client.
pub(super) fn takes_at_once(body_bytes: u64) -> bool {
    Line::find().is_ok_and(|line| takes_at_once_on(line.descriptor(), body_bytes))
}

/// Before the headers are flushed: has them leave with the body that follows by [`send_span`], not before.
pub(super) fn hold_back() -> Option<Cork> {
    Cork::put_into(Line::find().ok()?.descriptor())
}

/// After the headers were flushed: sends what the connection takes of a span, and returns how many bytes that was. For a
/// client that is gone, or a file that is shorter, it is fewer.
pub(super) fn send_span(file: BorrowedFd, offset: u64, len: u64) -> u64 {
    let Ok(line) = Line::find() else {
        return 0;
    };
    if line.check_output().is_err() {
        return 0;
    }
    let sent_bytes = splice::send_span(line.descriptor(), file, offset, len);
    line.request.account(sent_bytes);
    sent_bytes
}

impl Connection {
    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.line.descriptor()
    }

    pub(super) fn recheck(&self) -> Result<(), Veto> {
        self.line.recheck()
    }

    /// httpd must see a socket that is at its end, not one marked as aborted: then it would read an unread request body
    /// from the client, and cut off shutdown functions at their first flush.
    pub(super) fn detach(self, body_bytes: u64) {
        detach::replace(self.line.descriptor(), &self.dead);
        self.line.request.close_afterwards();
        self.line.request.account(body_bytes);
    }
}

impl Line {
    fn find() -> Result<Line, Veto> {
        let httpd = httpd()?;
        let request = request()?;
        request.check_kind()?;
        request.check_connection_filters(httpd)?;
        let number = request.descriptor(httpd)?;
        Ok(Line { request, number })
    }

    fn check_socket(&self) -> Result<(), Veto> {
        if !is_connected_stream(self.descriptor()) {
            return Err(Veto::unexpected("the connection is not a connected socket"));
        }
        Ok(())
    }

    fn descriptor(&self) -> BorrowedFd<'_> {
        // SAFETY: httpd keeps the connection open while this worker serves it.
        unsafe { BorrowedFd::borrow_raw(self.number) }
    }

    fn recheck(&self) -> Result<(), Veto> {
        let now = Line::find()?;
        now.check_output()?;
        if now.number != self.number || !is_connected_stream(self.descriptor()) {
            return Err(Veto::new("the connection has changed"));
        }
        Ok(())
    }

    /// After a flush: whether what follows may go past httpd.
    fn check_output(&self) -> Result<(), Veto> {
        self.request.check_request_filters()?;
        let pending = self
            .request
            .connection_field::<c_int>(conn_rec::DATA_IN_OUTPUT_FILTERS);
        if pending != 0 {
            return Err(Veto::new("httpd still holds output for this connection"));
        }
        Ok(())
    }
}

/// Server-side includes and `virtual()`.
pub(super) fn is_subrequest() -> bool {
    httpd().is_ok() && request().is_ok_and(|request| request.is_subrequest())
}

/// Takes the answer out of httpd's hands: no compression, since length and ETag are those of the file. Its own range
/// filter needs no word: it steps aside when it meets a flush before the end, which every answer of ours has.
pub(super) fn claim_representation() {
    let (Ok(httpd), Ok(request)) = (httpd(), request()) else {
        return;
    };
    // SAFETY: the table belongs to the request; names and values are static, as the `n` in `setn` demands.
    unsafe {
        let environment = request.field::<Pointer>(request_rec::SUBPROCESS_ENV);
        (httpd.table_setn)(environment, c"no-gzip".as_ptr(), c"1".as_ptr());
        (httpd.table_setn)(environment, c"no-brotli".as_ptr(), c"1".as_ptr());
    }
}

/// Takes back the `text/html` that mod_php gives every answer without a type.
pub(super) fn drop_content_type() {
    if let (Ok(httpd), Ok(request)) = (httpd(), request()) {
        // SAFETY: httpd's own setter on its live request; null means no type.
        unsafe { (httpd.set_content_type)(request.request, std::ptr::null()) };
    }
}

/// Closes the connection in the middle of the answer.
pub(super) fn cut() {
    if let (Ok(_), Ok(request)) = (httpd(), request()) {
        request.close_afterwards();
        request.abort();
    }
}

impl Request {
    fn field<T: Copy>(&self, offset: usize) -> T {
        // SAFETY: the request is alive, and the magic number vouches for the offsets above.
        unsafe { self.request.byte_add(offset).cast::<T>().read() }
    }

    fn connection_field<T: Copy>(&self, offset: usize) -> T {
        // SAFETY: as above, for the connection.
        unsafe { self.connection.byte_add(offset).cast::<T>().read() }
    }

    fn is_subrequest(&self) -> bool {
        !self.field::<Pointer>(request_rec::MAIN).is_null()
    }

    fn check_kind(&self) -> Result<(), Veto> {
        if self.is_subrequest() {
            return Err(Veto::new("this is a subrequest (server-side include)"));
        }
        let http2 = self.field::<c_int>(request_rec::PROTO_NUM) >= 2000;
        if http2 || !self.connection_field::<Pointer>(conn_rec::MASTER).is_null() {
            return Err(Veto::new("the connection is HTTP/2"));
        }
        if self.field::<c_int>(request_rec::HEADER_ONLY) != 0 {
            return Err(Veto::new("the request is HEAD"));
        }
        // A bit field of httpd's: the flag is the lowest bit of its int.
        if self.connection_field::<u32>(conn_rec::ABORTED) & 1 != 0 {
            return Err(Veto::new("the client is gone"));
        }
        Ok(())
    }

    /// Only the harmless ones, then httpd's own as the last: TLS and other filters change bytes.
    fn check_connection_filters(&self, httpd: &Httpd) -> Result<(), Veto> {
        // SAFETY: the variable lives as long as httpd.
        let core = unsafe { (httpd.core_output_filter as *const Pointer).read() };
        let mut filter = self.connection_field::<Pointer>(conn_rec::OUTPUT_FILTERS);
        for _ in 0..MAX_FILTERS {
            if filter.is_null() {
                break;
            }
            let (record, next) = filter_links(filter);
            if record == core && next.is_null() {
                return Ok(());
            }
            check_name(record, &HARMLESS_CONNECTION_FILTERS)?;
            filter = next;
        }
        Err(Veto::unexpected(
            "httpd's own output filter is not the last one",
        ))
    }

    /// Whatever sits between PHP and the connection after the headers would have changed the body.
    fn check_request_filters(&self) -> Result<(), Veto> {
        let end = self.connection_field::<Pointer>(conn_rec::OUTPUT_FILTERS);
        let mut filter = self.field::<Pointer>(request_rec::OUTPUT_FILTERS);
        for _ in 0..MAX_FILTERS {
            if filter == end {
                return Ok(());
            }
            if filter.is_null() {
                break;
            }
            let (record, next) = filter_links(filter);
            check_name(record, &HARMLESS_REQUEST_FILTERS)?;
            filter = next;
        }
        Err(Veto::unexpected(
            "the request's output filters do not lead to the connection's",
        ))
    }

    fn descriptor(&self, httpd: &Httpd) -> Result<RawFd, Veto> {
        let mut number: RawFd = -1;
        // SAFETY: httpd's own accessors on its live connection.
        let status = unsafe {
            let socket = (httpd.get_conn_socket)(self.connection);
            if socket.is_null() {
                return Err(Veto::unexpected("httpd has no socket for this connection"));
            }
            (httpd.os_sock_get)(&raw mut number, socket)
        };
        if status != 0 || number < 0 {
            return Err(Veto::unexpected(
                "httpd has no descriptor for this connection",
            ));
        }
        Ok(number)
    }

    fn close_afterwards(&self) {
        // SAFETY: the connection is alive and served by this thread alone.
        unsafe {
            let keepalive = self.connection.byte_add(conn_rec::KEEPALIVE);
            keepalive.cast::<c_int>().cast_mut().write(CONNECTION_CLOSE);
        }
    }

    fn abort(&self) {
        // SAFETY: as above; sets the lowest bit of the field only.
        unsafe {
            let aborted = self.connection.byte_add(conn_rec::ABORTED);
            let aborted = aborted.cast::<u32>().cast_mut();
            aborted.write(aborted.read() | 1);
        }
    }

    /// The access log and mod_logio count what the manager was given to send, since httpd does not see it leave.
    fn account(&self, body_bytes: u64) {
        let Ok(httpd) = httpd() else {
            return;
        };
        let body_bytes = body_bytes.cast_signed();
        // SAFETY: `bytes_sent` is an apr_off_t of the live request; the optional function has the type that mod_logio
        // declares in mod_log_config's header: void (conn_rec *, apr_off_t).
        unsafe {
            let sent = self.request.byte_add(request_rec::BYTES_SENT);
            let sent = sent.cast::<i64>().cast_mut();
            sent.write(sent.read().saturating_add(body_bytes));
            let add = (httpd.retrieve_optional)(c"ap_logio_add_bytes_out".as_ptr());
            if !add.is_null() {
                let add: unsafe extern "C" fn(Pointer, i64) = std::mem::transmute(add);
                add(self.connection, body_bytes);
            }
        }
    }
}

fn request() -> Result<Request, Veto> {
    let none = || Veto::unexpected("httpd has no request here");
    // SAFETY: in this SAPI the context is null or mod_php's `php_struct`, whose second field is the request.
    let request = unsafe {
        let context = (*php::ext_php_rs_sapi_globals()).server_context;
        if context.is_null() {
            return Err(none());
        }
        context.byte_add(CONTEXT_REQUEST).cast::<Pointer>().read()
    };
    if request.is_null() {
        return Err(none());
    }
    // SAFETY: the request is alive while PHP runs for it.
    let connection = unsafe {
        request
            .byte_add(request_rec::CONNECTION)
            .cast::<Pointer>()
            .read()
    };
    if connection.is_null() {
        return Err(none());
    }
    Ok(Request {
        request,
        connection,
    })
}

/// The `ap_filter_rec_t` of a filter and the filter behind it.
fn filter_links(filter: Pointer) -> (Pointer, Pointer) {
    // SAFETY: filters of a live chain.
    unsafe {
        (
            filter.byte_add(FILTER_REC).cast::<Pointer>().read(),
            filter.byte_add(FILTER_NEXT).cast::<Pointer>().read(),
        )
    }
}

fn check_name(record: Pointer, harmless: &[&CStr]) -> Result<(), Veto> {
    // SAFETY: the first field of a filter record is its name, NUL-terminated and as old as the process.
    let name = unsafe { CStr::from_ptr(record.cast::<*const c_char>().read()) };
    if harmless.contains(&name) {
        return Ok(());
    }
    let name = name.to_string_lossy();
    Err(Veto::new(format!(
        "httpd's output filter \"{name}\" handles this answer"
    )))
}
