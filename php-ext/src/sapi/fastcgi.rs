//! PHP-FPM, and php-cgi as a FastCGI server. The connection is the web server's, not the client's.
//!
//! `SG(server_context)` is an `fcgi_request` (main/fastcgi.c), private to PHP. Its head is the same in 8.1 to 8.5:
//!
//! | offset | field |
//! |---|---|
//! | 0 | int listen_socket |
//! | 8 | int fd |
//! | 12 | int id |
//! | 16 | int keep |
//! | 24 | int ended |
//! | 48 | unsigned char *out_pos |
//! | 56 | unsigned char out_buf[8192] |
//!
//! Nothing of it is believed alone: every field is checked for what it must be, and the connection is found a second time
//! without any offset, as the one socket of this process that came in through its listener.

use std::num::NonZeroU16;
use std::os::fd::{BorrowedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};

use ext_php_rs::ffi as php;
use nix::poll::PollTimeout;
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::socket::{Shutdown, shutdown};
use send_file_wire::{FastCgi, ServerKind, room};

use super::descriptor::{belongs_to, is_connected_stream, is_listener};
use super::{Veto, detach};
use crate::limits::LOCATOR_DESCRIPTORS;

/// The plain CGI of cgi-fcgi sets its context to `(void*)1`.
const SMALLEST_POINTER: usize = 4096;

const OUT_BUFFER_OFFSET: usize = 56;
const OUT_BUFFER_BYTES: usize = 8192;

#[derive(Debug)]
pub(crate) struct Connection {
    number: RawFd,
    framing: FastCgi,
    dead: detach::Dead,
}

/// What the structure says, as far as it is plausible.
struct Request {
    listener: RawFd,
    number: RawFd,
    id: NonZeroU16,
    keep: bool,
    buffered_bytes: usize,
}

/// Whether this php-cgi serves FastCGI (`-b`, or started by a web server's process manager).
pub(super) fn is_serving() -> bool {
    context().is_some()
}

pub(super) fn inspect(server: ServerKind) -> Result<Connection, Veto> {
    let request = read_request()?;
    if request.listener < 0 {
        return Err(unknown("its listener is none"));
    }
    // SAFETY: neither is negative; only asked what it is; a wrong number is an error of the calls below, not more.
    let (listener, connection) = unsafe {
        (
            BorrowedFd::borrow_raw(request.listener),
            BorrowedFd::borrow_raw(request.number),
        )
    };
    if !is_listener(listener) || !is_connected_stream(connection) {
        return Err(unknown(
            "its descriptors are not a listener and a connection",
        ));
    }
    if !belongs_to(connection, listener) {
        return Err(unknown("its connection came in elsewhere"));
    }
    // The structure does not change while this process lives.
    static IS_KNOWN: AtomicBool = AtomicBool::new(false);
    if !IS_KNOWN.load(Ordering::Relaxed) {
        if locate(listener)? != request.number {
            return Err(unknown("two ways to find the connection disagree"));
        }
        IS_KNOWN.store(true, Ordering::Relaxed);
    }
    let dead = detach::dead_file()
        .map_err(|error| Veto::unexpected(format!("/dev/null cannot be opened: {error}")))?;
    Ok(Connection {
        number: request.number,
        framing: FastCgi {
            request_id: request.id,
            server,
            keep: request.keep,
        },
        dead,
    })
}

/// Whether the connection takes a body without waiting for the web server, which may wait for the client.
pub(super) fn takes_at_once(body_bytes: u64) -> bool {
    read_request().is_ok_and(|request| {
        // SAFETY: not negative; if it is no connection it takes nothing.
        room::takes_at_once(
            unsafe { BorrowedFd::borrow_raw(request.number) },
            body_bytes,
        )
    })
}

impl Connection {
    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        // SAFETY: PHP keeps the connection open until the request is over, which outlives this value.
        unsafe { BorrowedFd::borrow_raw(self.number) }
    }

    pub(super) fn framing(&self) -> FastCgi {
        self.framing
    }

    /// The headers must be out, all of them: what is still buffered would be lost with this process's descriptor.
    pub(super) fn recheck(&self) -> Result<(), Veto> {
        let request = read_request()?;
        if request.number != self.number || !is_connected_stream(self.descriptor()) {
            return Err(Veto::new("the connection has changed"));
        }
        if request.buffered_bytes != 0 {
            return Err(Veto::unexpected("the headers are not flushed"));
        }
        Ok(())
    }

    /// /dev/null is the right place holder: PHP's END_REQUEST, shutdown and recv at the end of the request all come to
    /// nothing there, without an error that would abort shutdown functions.
    pub(super) fn detach(self) {
        // SAFETY: as in `descriptor`.
        let live = unsafe { BorrowedFd::borrow_raw(self.number) };
        detach::replace(live, &self.dead);
    }
}

/// nginx takes an early END_REQUEST as the error it is; Apache would take it as the end of a good answer and wait for
/// the next one, but it notices a connection that breaks off without it.
pub(super) fn cut(server: ServerKind) {
    if server == ServerKind::Nginx {
        return;
    }
    if let Ok(request) = read_request() {
        let _ = shutdown(request.number, Shutdown::Both);
    }
}

fn context() -> Option<*const u8> {
    // SAFETY: reads a field of this thread's SAPI globals.
    let context = unsafe { (*php::ext_php_rs_sapi_globals()).server_context };
    let plausible = context.addr() >= SMALLEST_POINTER && context.addr() % 8 == 0;
    plausible.then(|| context.cast::<u8>().cast_const())
}

fn read_request() -> Result<Request, Veto> {
    let base = context().ok_or_else(|| Veto::new("this is not a FastCGI request"))?;
    let int = |offset: usize| {
        // SAFETY: in these SAPIs the context, if not a small number, is an `fcgi_request`, which is longer than this.
        unsafe { base.byte_add(offset).cast::<i32>().read() }
    };
    // SAFETY: as above.
    let out_position = unsafe { base.byte_add(48).cast::<usize>().read() };

    let number = int(8);
    if number < 0 {
        return Err(Veto::new("the FastCGI request is already finished"));
    }
    let id = u16::try_from(int(12)).ok().and_then(NonZeroU16::new);
    let id = id.ok_or_else(|| unknown("its id is none"))?;
    let keep = match int(16) {
        0 => false,
        1 => true,
        _ => return Err(unknown("its keep flag is none")),
    };
    if int(24) != 0 {
        return Err(Veto::new("the FastCGI request is already finished"));
    }
    let buffered_bytes = out_position.wrapping_sub(base.addr() + OUT_BUFFER_OFFSET);
    if buffered_bytes > OUT_BUFFER_BYTES {
        return Err(unknown("its buffer is elsewhere"));
    }
    Ok(Request {
        listener: int(0),
        number,
        id,
        keep,
        buffered_bytes,
    })
}

/// The one connected socket of this process that came in through `listener`.
fn locate(listener: BorrowedFd) -> Result<RawFd, Veto> {
    let mut found = None;
    for number in open_descriptors()? {
        // SAFETY: the number is open; only asked what it is.
        let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
        if is_connected_stream(descriptor) && belongs_to(descriptor, listener) {
            if found.is_some() {
                return Err(unknown(
                    "this process has several connections from its listener",
                ));
            }
            found = Some(number);
        }
    }
    found.ok_or_else(|| unknown("this process has no connection from its listener"))
}

/// One poll(2) tells which numbers are open: it needs no /proc, which a chroot lacks.
fn open_descriptors() -> Result<impl Iterator<Item = RawFd>, Veto> {
    use nix::libc;

    let limit = getrlimit(Resource::RLIMIT_NOFILE).map_or(u64::MAX, |(soft, _)| soft);
    let count = usize::try_from(limit)
        .unwrap_or(usize::MAX)
        .min(LOCATOR_DESCRIPTORS);
    let mut polled: Vec<libc::pollfd> = (0..count as RawFd)
        .map(|fd| libc::pollfd {
            fd,
            events: 0,
            revents: 0,
        })
        .collect();
    let timeout = i32::from(PollTimeout::ZERO);
    // SAFETY: pointer and length are those of the vector.
    let result = unsafe { libc::poll(polled.as_mut_ptr(), count as libc::nfds_t, timeout) };
    if result < 0 {
        let error = std::io::Error::last_os_error();
        return Err(Veto::unexpected(error.to_string()));
    }
    let open = polled
        .into_iter()
        .filter(|entry| entry.revents & libc::POLLNVAL == 0)
        .map(|entry| entry.fd);
    Ok(open)
}

fn unknown(what: &str) -> Veto {
    Veto::unexpected(format!(
        "PHP's FastCGI structure is not the one known here: {what}"
    ))
}
