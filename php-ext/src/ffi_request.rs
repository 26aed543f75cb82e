//! Reads the request and the headers set so far out of the engine.

use std::ffi::CStr;
use std::slice;

use ext_php_rs::ffi::{self as php, TRACK_VARS_SERVER, sapi_header_struct};
use ext_php_rs::types::{ArrayKey, ZendStr, Zval};

use crate::error::Error;
use crate::ffi::guarded;

/// The server variables as the web server set them: the engine's own copy, which a script that changes `$_SERVER` does
/// not change. Values that are not UTF-8 come out with replacement characters.
pub(crate) fn server_variables() -> Result<Vec<(String, String)>, Error> {
    let mut name = ZendStr::new("_SERVER", false);
    let name_pointer = &raw mut *name;
    // SAFETY: `name` is alive during the call, which fills the table if `$_SERVER` was not used yet.
    guarded(|| unsafe { php::zend_is_auto_global(name_pointer) })?;
    // SAFETY: the table belongs to the request; nothing runs that could change it while it is read.
    let table = unsafe {
        let globals = php::ext_php_rs_process_globals();
        (&raw const (*globals).http_globals[TRACK_VARS_SERVER as usize])
            .as_ref()
            .and_then(Zval::array)
    };
    let Some(table) = table else {
        return Ok(Vec::new());
    };
    Ok(table
        .iter()
        .filter_map(|(key, value)| {
            let name = match key {
                ArrayKey::Long(_) => return None,
                ArrayKey::String(name) => name,
                ArrayKey::Str(name) => name.to_owned(),
                ArrayKey::ZendString(name) => String::from_utf8_lossy(name.as_bytes()).into_owned(),
            };
            let value = String::from_utf8_lossy(value.zend_str()?.as_bytes()).into_owned();
            Some((name, value))
        })
        .collect())
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
