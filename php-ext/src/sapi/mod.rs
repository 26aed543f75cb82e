//! The web server interfaces: may a connection be handed over, and how does PHP let go of it.
//!
//! One file per interface. Each looks at structures of the web server that are not PHP's API, so each has guards that
//! turn an unknown layout into a [`Veto`], and so into the fallback, instead of a wrong descriptor.

#[allow(unsafe_code, reason = "reads httpd's structures")]
mod apache;
#[allow(unsafe_code, reason = "reads the development server's structures")]
mod cli_server;
#[allow(unsafe_code, reason = "sets a socket option that no safe wrapper has")]
mod cork;
mod descriptor;
#[allow(
    unsafe_code,
    reason = "replaces a descriptor that another part of the process owns"
)]
mod detach;
#[allow(unsafe_code, reason = "reads PHP's private FastCGI structure")]
mod fastcgi;
mod splice;
pub(crate) mod stream;

pub(crate) use cork::Cork;

use std::fmt;
use std::os::fd::BorrowedFd;

use send_file_wire::{Framing, ServerKind};

use crate::ffi;
use crate::limits::MOST_SPOOLED_BYTES;
use crate::request::Exchange;

/// Why a connection cannot be handed over; the fallback sends the file.
#[derive(Debug)]
pub(crate) struct Veto {
    reason: String,
    expected: bool,
}

impl Veto {
    /// A connection or a configuration of a kind that is not handed over.
    pub(crate) fn new(reason: impl Into<String>) -> Veto {
        Veto {
            reason: reason.into(),
            expected: true,
        }
    }

    /// Something that should not be so, and that would turn every handoff off without a word: the log gets one.
    pub(crate) fn unexpected(reason: impl Into<String>) -> Veto {
        Veto {
            reason: reason.into(),
            expected: false,
        }
    }

    pub(crate) fn is_expected(&self) -> bool {
        self.expected
    }
}

impl fmt::Display for Veto {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

/// The name of the SAPI, such as `fpm-fcgi`.
pub(crate) fn name() -> String {
    ffi::sapi_name().to_string_lossy().into_owned()
}

/// Whether headers go to a web server as those of a CGI script (RFC 3875), over FastCGI or not.
pub(crate) fn speaks_cgi() -> bool {
    matches!(ffi::sapi_name().to_bytes(), b"fpm-fcgi" | b"cgi-fcgi")
}

/// How PHP is connected to clients in this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// Inside httpd.
    Apache,
    /// PHP-FPM, or php-cgi as a FastCGI server.
    FastCgi,
    /// `php -S`.
    CliServer,
    /// Anything else: no handoff.
    InProcess,
}

impl Route {
    pub(crate) fn of_this_process() -> Route {
        match ffi::sapi_name().to_bytes() {
            b"apache2handler" => Route::Apache,
            b"fpm-fcgi" => Route::FastCgi,
            b"cgi-fcgi" if fastcgi::is_serving() => Route::FastCgi,
            b"cli-server" => Route::CliServer,
            _ => Route::InProcess,
        }
    }

    /// Whether this request was made by the web server for a part of another one's answer.
    pub(crate) fn is_subrequest(self) -> bool {
        self == Route::Apache && apache::is_subrequest()
    }

    /// Keeps the web server from changing bytes or ranges of the answer, whoever sends it.
    pub(crate) fn claim_representation(self) {
        if self == Route::Apache {
            apache::claim_representation();
        }
    }

    /// Whether the web server takes the type out of a 304 by itself. It is told then: what an administrator has configured
    /// for a type (`ExpiresByType`) is for a 304, too (RFC 9110 section 15.4.5).
    pub(crate) fn drops_the_type_of_304(self) -> bool {
        self == Route::Apache
    }

    /// Between PHP's headers and the flush: httpd was given PHP's default type, which other interfaces do not send.
    pub(crate) fn drop_content_type(self) {
        if self == Route::Apache {
            apache::drop_content_type();
        }
    }

    /// Whether the connection takes the body as a whole, however slow the client. When in doubt, no.
    pub(crate) fn takes_at_once(self, body_bytes: u64) -> bool {
        match self {
            Route::Apache => apache::takes_at_once(body_bytes),
            Route::FastCgi => fastcgi::takes_at_once(body_bytes),
            Route::CliServer => cli_server::takes_at_once(body_bytes),
            Route::InProcess => false,
        }
    }

    /// Whether [`Route::send_span`] may send something.
    pub(crate) fn sends_spans(self) -> bool {
        self == Route::Apache
    }

    /// Before the headers are flushed: until the value is dropped they wait in the connection for the body that follows.
    pub(crate) fn hold_back(self) -> Option<Cork> {
        match self {
            Route::Apache => apache::hold_back(),
            Route::FastCgi | Route::CliServer | Route::InProcess => None,
        }
    }

    /// After the headers were flushed: sends what the connection takes of a span past all layers of the server, and
    /// returns how many bytes that was. The rest goes the usual way.
    pub(crate) fn send_span(self, file: BorrowedFd, offset: u64, len: u64) -> u64 {
        match self {
            Route::Apache => apache::send_span(file, offset, len),
            Route::FastCgi | Route::CliServer | Route::InProcess => 0,
        }
    }

    /// Finds the connection of this request if it can be handed over, and prepares what takes its place in this process.
    pub(crate) fn inspect(self, server_software: &str) -> Result<Connection, Veto> {
        match self {
            Route::Apache => apache::inspect().map(Connection::Apache),
            Route::FastCgi => {
                fastcgi::inspect(server_kind(server_software)).map(Connection::FastCgi)
            }
            Route::CliServer => cli_server::inspect().map(Connection::CliServer),
            Route::InProcess => Err(Veto::new("this SAPI has no connection to hand over")),
        }
    }

    /// Ends an answer that is shorter than announced in such a way that the client notices.
    pub(crate) fn cut(self, server_software: &str) {
        match self {
            Route::Apache => apache::cut(),
            Route::FastCgi => fastcgi::cut(server_kind(server_software)),
            // The development server closes the connection, and the length tells.
            Route::CliServer | Route::InProcess => {}
        }
    }
}

/// A connection that can be handed over.
#[derive(Debug)]
pub(crate) enum Connection {
    Apache(apache::Connection),
    FastCgi(fastcgi::Connection),
    CliServer(cli_server::Connection),
}

impl Connection {
    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        match self {
            Connection::Apache(connection) => connection.descriptor(),
            Connection::FastCgi(connection) => connection.descriptor(),
            Connection::CliServer(connection) => connection.descriptor(),
        }
    }

    pub(crate) fn framing(&self) -> Framing {
        match self {
            Connection::FastCgi(connection) => Framing::FastCgi(connection.framing()),
            Connection::Apache(_) | Connection::CliServer(_) => Framing::Raw,
        }
    }

    /// Headers that only a handed-over answer has.
    pub(crate) fn headers(
        &self,
        exchange: &Exchange,
        body_bytes: u64,
    ) -> &'static [(&'static str, &'static str)] {
        match self {
            // Nobody is left to read a next request.
            Connection::Apache(_) => &[("Connection", "close")],
            // Without it nginx spools what the client does not take yet to its disk; a body that is no larger than a page
            // can be spooled as one, which is faster. nginx strips the header, others would pass it on.
            Connection::FastCgi(connection)
                if connection.framing().server == ServerKind::Nginx
                    && body_bytes > MOST_SPOOLED_BYTES
                    && !exchange.script_has_set("X-Accel-Buffering") =>
            {
                &[("X-Accel-Buffering", "no")]
            }
            // The development server says `Connection: close` itself.
            Connection::FastCgi(_) | Connection::CliServer(_) => &[],
        }
    }

    /// Before the headers are flushed: they wait for the first bytes of the manager, which takes the cork out.
    pub(crate) fn hold_back(&self) -> Option<Cork> {
        Cork::put_into(self.descriptor())
    }

    /// After the headers were flushed, before the commit: is it still so?
    pub(crate) fn recheck(&self) -> Result<(), Veto> {
        match self {
            Connection::Apache(connection) => connection.recheck(),
            Connection::FastCgi(connection) => connection.recheck(),
            Connection::CliServer(connection) => connection.recheck(),
        }
    }

    /// After the commit: puts the dead descriptor in the place of the connection.
    pub(crate) fn detach(self, body_bytes: u64) {
        match self {
            Connection::Apache(connection) => connection.detach(body_bytes),
            Connection::FastCgi(connection) => connection.detach(),
            Connection::CliServer(connection) => connection.detach(),
        }
    }
}

fn server_kind(server_software: &str) -> ServerKind {
    match server_software {
        name if name.starts_with("nginx") => ServerKind::Nginx,
        name if name.starts_with("Apache") => ServerKind::Apache,
        name if name.starts_with("lighttpd") => ServerKind::Lighttpd,
        _ => ServerKind::Other,
    }
}
