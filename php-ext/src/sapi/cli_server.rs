//! `php -S`.
//!
//! `SG(server_context)` is a `php_cli_server_client` (sapi/cli/php_cli_server.c), private, the same in PHP 8.1 to 8.5:
//! a pointer, then the socket. The server keeps its clients by descriptor number and shuts the number down and closes it
//! after the script, so a dead socket must stand in its place.

use std::os::fd::{BorrowedFd, RawFd};

use super::descriptor::is_connected_stream;
use super::{Veto, detach};
use ext_php_rs::ffi as php;
use send_file_wire::room;

/// Behind the pointer to the server.
const SOCKET_OFFSET: usize = 8;

#[derive(Debug)]
pub(crate) struct Connection {
    number: RawFd,
    dead: detach::Dead,
}

pub(super) fn inspect() -> Result<Connection, Veto> {
    let number = socket_number().ok_or_else(|| Veto::unexpected("no client is connected"))?;
    let dead = detach::dead_socket().map_err(|error| Veto::unexpected(error.to_string()))?;
    let connection = Connection { number, dead };
    connection.recheck()?;
    Ok(connection)
}

/// Whether the connection takes a body without waiting for the client.
pub(super) fn takes_at_once(body_bytes: u64) -> bool {
    socket_number().is_some_and(|number| {
        // SAFETY: open, and if not it takes nothing.
        room::takes_at_once(unsafe { BorrowedFd::borrow_raw(number) }, body_bytes)
    })
}

impl Connection {
    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        // SAFETY: the server keeps the socket open until the request is over, which outlives this value.
        unsafe { BorrowedFd::borrow_raw(self.number) }
    }

    pub(super) fn recheck(&self) -> Result<(), Veto> {
        if socket_number() != Some(self.number) || !is_connected_stream(self.descriptor()) {
            return Err(Veto::unexpected("the client's socket was not found"));
        }
        Ok(())
    }

    pub(super) fn detach(self) {
        // SAFETY: as in `descriptor`.
        let live = unsafe { BorrowedFd::borrow_raw(self.number) };
        detach::replace(live, &self.dead);
    }
}

fn socket_number() -> Option<RawFd> {
    // SAFETY: in this SAPI the context is null or the client of the request being served, see above.
    unsafe {
        let client = (*php::ext_php_rs_sapi_globals()).server_context;
        if client.is_null() {
            return None;
        }
        let number = client.byte_add(SOCKET_OFFSET).cast::<RawFd>().read();
        (number >= 0).then_some(number)
    }
}
