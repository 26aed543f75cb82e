//! The visitor's session.
#![forbid(unsafe_code)]

use crate::error::Error;
use crate::ffi_call;

/// ext/session/php_session.h: php_session_active
const ACTIVE: i64 = 2;

/// Writes and closes the session if one is active: its lock would keep other pages of the same visitor waiting for the
/// whole download. Save handlers are user code and may throw.
pub(crate) fn close() -> Result<(), Error> {
    if ffi_call::call_function("session_status", &mut [])? == Some(ACTIVE) {
        ffi_call::call_function("session_write_close", &mut [])?;
    }
    Ok(())
}
