//! Reads the request and the headers set so far out of the engine.

use std::ffi::{CStr, c_char};
use std::{ptr, slice};

use ext_php_rs::ffi::{self as php, TRACK_VARS_SERVER, sapi_header_struct};
use ext_php_rs::types::{ZendStr, Zval};

use crate::error::Error;
use crate::ffi::{guarded, sapi_name};

/// The server variables of one request, as the web server set them: what a script does to `$_SERVER` does not matter.
#[derive(Clone, Copy)]
pub(crate) enum ServerVariables {
    /// Where the SAPI can be asked for one. `$_SERVER` is made of the same, but making it, in a request whose script has
    /// not used it, costs more than everything else a small file does.
    Sapi(unsafe extern "C" fn(*const c_char, usize) -> *mut c_char),
    /// The engine's own copy of `$_SERVER`.
    Table(*const php::HashTable),
    /// None on the command line.
    None,
}

impl ServerVariables {
    pub(crate) fn of_this_request() -> Result<ServerVariables, Error> {
        // SAFETY: the SAPI module is static in every SAPI.
        let getenv = unsafe { (*php::ext_php_rs_sapi_module()).getenv };
        match (sapi_name().to_bytes(), getenv) {
            // Others answer from the environment of the process, where `putenv()` writes.
            (b"apache2handler" | b"fpm-fcgi", Some(getenv)) => Ok(ServerVariables::Sapi(getenv)),
            _ => ServerVariables::of_the_table(),
        }
    }

    fn of_the_table() -> Result<ServerVariables, Error> {
        let mut name = ZendStr::new("_SERVER", false);
        let name_pointer = &raw mut *name;
        // SAFETY: `name` is alive during the call, which fills the table if `$_SERVER` was not used yet.
        guarded(|| unsafe { php::zend_is_auto_global(name_pointer) })?;
        // SAFETY: the table belongs to the request, and outlives every use here.
        let table = unsafe {
            let globals = php::ext_php_rs_process_globals();
            (&raw const (*globals).http_globals[TRACK_VARS_SERVER as usize])
                .as_ref()
                .and_then(Zval::array)
        };
        Ok(table.map_or(ServerVariables::None, |table| {
            ServerVariables::Table(ptr::from_ref(table))
        }))
    }

    /// The value of one. What is not UTF-8 comes out with replacement characters.
    pub(crate) fn value(self, name: &CStr) -> Option<String> {
        let (pointer, length) = (name.as_ptr(), name.count_bytes());
        // SAFETY: the name is NUL-terminated and alive, the function that of this request's SAPI, the table alive and
        // changed by nothing meanwhile; values are copied at once.
        unsafe {
            let bytes = match self {
                ServerVariables::Sapi(getenv) => {
                    let value = getenv(pointer, length);
                    (!value.is_null()).then(|| CStr::from_ptr(value).to_bytes())
                }
                ServerVariables::Table(table) => {
                    let found = php::zend_hash_str_find(table, pointer, length).as_ref();
                    found.and_then(Zval::zend_str).map(ZendStr::as_bytes)
                }
                ServerVariables::None => None,
            };
            bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned())
        }
    }
}

/// The request method; none on the command line.
pub(crate) fn request_method() -> Option<String> {
    // SAFETY: null or NUL-terminated, alive during the request; copied at once.
    unsafe {
        let method = (*php::ext_php_rs_sapi_globals())
            .request_info
            .request_method;
        (!method.is_null()).then(|| CStr::from_ptr(method).to_string_lossy().into_owned())
    }
}

/// The status so far; 0 where there is none.
pub(crate) fn script_status() -> i32 {
    // SAFETY: reads a field of this thread's SAPI globals.
    unsafe {
        (*php::ext_php_rs_sapi_globals())
            .sapi_headers
            .http_response_code
    }
}

/// The header lines set so far.
pub(crate) fn script_header_lines() -> Vec<String> {
    let mut lines = Vec::new();
    // SAFETY: the list belongs to the request and nothing changes it while it is walked; each element holds a
    // `sapi_header_struct` behind its links (Zend/zend_llist.h), whose pointer and length describe its line.
    unsafe {
        let mut element = (*php::ext_php_rs_sapi_globals()).sapi_headers.headers.head;
        while !element.is_null() {
            let header = (&raw const (*element).data).cast::<sapi_header_struct>();
            let line = (*header).header.cast::<u8>();
            if !line.is_null() {
                let line = slice::from_raw_parts(line, (*header).header_len);
                lines.push(String::from_utf8_lossy(line).into_owned());
            }
            element = (*element).next;
        }
    }
    lines
}
