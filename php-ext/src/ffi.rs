//! The engine's functions that ext-php-rs does not wrap, wrapped.
//!
//! Rules that hold in this file: whatever can run user code or raise an error goes through [`guarded`] (but for
//! [`throw_unwind_exit`] and [`bail_out`], the last act of the handler); the globals are
//! reached by raw pointer for the length of one statement, never by a guard that a longjmp would leave locked.

use std::ffi::{CStr, CString, OsString, c_char, c_int, c_long};
use std::os::unix::ffi::OsStringExt;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::ptr;

use ext_php_rs::ffi as php;
use ext_php_rs::types::ZendStr;
use ext_php_rs::zend::{CatchError, ClassEntry, ModuleEntry, try_catch};

use nix::errno::Errno;

use crate::error::{Error, Refusal};

unsafe extern "C" {
    // main/SAPI.h
    fn sapi_flush() -> c_int;
    fn sapi_send_headers() -> c_int;
    // main/php_output.h
    fn php_output_discard_all();
    fn php_output_set_status(status: c_int);
    fn php_output_get_status() -> c_int;
    fn php_output_start_default() -> c_int;
    fn php_output_write_unbuffered(bytes: *const c_char, length: usize) -> usize;
    // ext/standard/php_filestat.h
    fn php_clear_stat_cache(realpath_cache: bool, filename: *const c_char, length: usize);
    // main/fopen_wrappers.h
    fn expand_filepath(path: *const c_char, real_path: *mut c_char) -> *mut c_char;
    fn php_check_open_basedir_ex(path: *const c_char, warn: c_int) -> c_int;
    // main/php.h
    fn php_log_err_with_severity(message: *const c_char, severity: c_int);
    // Zend/zend_exceptions.h, zend_execute.h, zend_ini.h
    fn zend_throw_unwind_exit();
    fn zend_set_timeout(seconds: php::zend_long, reset_signals: bool);
    fn zend_unset_timeout();
    fn display_ini_entries(module: *mut ModuleEntry);
    // ext/spl/spl_exceptions.h
    static spl_ce_RuntimeException: *mut ClassEntry;
}

/// main/php_output.h
const PHP_OUTPUT_DISABLED: c_int = 0x02;
const PHP_OUTPUT_SENT: c_int = 0x08;
const PHP_OUTPUT_LOCKED: c_int = 0x20;
/// main/php.h
const PHP_CONNECTION_ABORTED: i16 = 1;
/// syslog.h
const LOG_NOTICE: c_int = 5;

/// Runs `call`, which may bail out (longjmp) or leave an exception pending; both come back as errors. Give it nothing
/// that must be dropped: on a bailout it leaks. An exception that was pending before is no error of this call.
pub(crate) fn guarded<R>(call: impl FnOnce() -> R) -> Result<R, Error> {
    let pending_before = exception_is_pending();
    match try_catch(AssertUnwindSafe(call)) {
        Ok(_) if exception_is_pending() && !pending_before => Err(Error::Pending),
        Ok(value) => Ok(value),
        Err(CatchError::Bailout) => Err(Error::Bailout),
        Err(error) => Err(Refusal::Internal(error.to_string()).into()),
    }
}

/// Continues a bailout that [`guarded`] caught. The caller has nothing left to drop.
pub(crate) fn bail_out() -> ! {
    // SAFETY: the frames from here to the engine's catch point are the generated handler's, which own nothing.
    unsafe { ext_php_rs::zend::bailout() }
}

pub(crate) fn exception_is_pending() -> bool {
    // SAFETY: the executor globals exist as long as a thread runs PHP.
    unsafe { !(*php::ext_php_rs_executor_globals()).exception.is_null() }
}

/// Ends the request as `exit` does: shutdown functions and destructors run, catch and finally do not.
pub(crate) fn throw_unwind_exit() {
    // SAFETY: called at the end of an internal function with no exception pending, as the engine requires.
    unsafe { zend_throw_unwind_exit() }
}

/// `\RuntimeException`.
pub(crate) fn runtime_exception() -> &'static ClassEntry {
    // SAFETY: the SPL extension is always compiled in and registers its classes before a loaded module starts.
    unsafe { &*spl_ce_RuntimeException }
}

/// Drops all output buffers. Their callbacks run.
pub(crate) fn discard_output() -> Result<(), Error> {
    // SAFETY: the engine's own function, called inside a request.
    guarded(|| unsafe { php_output_discard_all() })
}

/// Starts an output buffer like that of `ob_start()`: code that removes all buffers must be able to remove this one.
pub(crate) fn start_buffer() -> Result<(), Error> {
    // SAFETY: the engine's own function, called inside a request.
    guarded(|| unsafe { php_output_start_default() }).map(|_| ())
}

/// Whether output (not headers) has been given to the SAPI, past all buffers.
pub(crate) fn output_has_left() -> bool {
    // SAFETY: reads the output globals of this thread.
    unsafe { php_output_get_status() & PHP_OUTPUT_SENT != 0 }
}

/// Whether an output buffer callback is running, where buffers cannot be discarded.
pub(crate) fn inside_output_callback() -> bool {
    // SAFETY: reads the output globals of this thread.
    unsafe { php_output_get_status() & PHP_OUTPUT_LOCKED != 0 }
}

/// From now on what the script prints vanishes, and `header()` neither works nor warns.
pub(crate) fn disable_output() {
    // SAFETY: both are plain stores to this thread's globals, valid inside a request.
    unsafe {
        php_output_set_status(PHP_OUTPUT_DISABLED);
        (*php::ext_php_rs_sapi_globals()).request_info.no_headers = true;
    }
}

/// Whether headers or, after an earlier call, everything has left. A SAPI without headers (embed, phpdbg) says from the
/// start that they are sent; there only the earlier call counts.
pub(crate) fn answer_has_begun() -> bool {
    // SAFETY: reads fields of this thread's SAPI and output globals.
    unsafe {
        let has_no_headers = (*php::ext_php_rs_sapi_globals()).request_info.no_headers;
        let disabled = php_output_get_status() & PHP_OUTPUT_DISABLED != 0;
        disabled || (headers_are_sent() && !has_no_headers)
    }
}

pub(crate) fn headers_are_sent() -> bool {
    // SAFETY: reads a field of this thread's SAPI globals.
    unsafe { (*php::ext_php_rs_sapi_globals()).headers_sent != 0 }
}

/// Without it PHP adds `Content-Type: text/html` to an answer that has none.
pub(crate) fn send_no_default_content_type() {
    // SAFETY: a plain store to this thread's SAPI globals.
    unsafe {
        (*php::ext_php_rs_sapi_globals())
            .sapi_headers
            .send_default_content_type = 0;
    }
}

/// Runs `call` while PHP adds no `;charset=` to text types.
pub(crate) fn without_default_charset<R>(call: impl FnOnce() -> R) -> R {
    // SAFETY: the engine only reads the string that the field points to, and never frees it (an INI entry owns it); the
    // old pointer is back before anything else runs, since `call` does not bail out past us (it uses `guarded`).
    unsafe {
        let globals = php::ext_php_rs_sapi_globals();
        let charset = (*globals).default_charset;
        (*globals).default_charset = c"".as_ptr().cast_mut();
        let result = call();
        (*globals).default_charset = charset;
        result
    }
}

/// Sends the headers through the SAPI and flushes what it buffers.
pub(crate) fn send_headers_and_flush() -> Result<(), Error> {
    // SAFETY: the engine's own functions, called inside a request; both may run user code, so they are guarded.
    guarded(|| unsafe {
        sapi_send_headers();
        sapi_flush();
    })
}

/// Sends the headers through the SAPI, which may hold them back until there is a body.
pub(crate) fn send_headers_only() -> Result<(), Error> {
    // SAFETY: as above.
    guarded(|| unsafe {
        sapi_send_headers();
    })
}

/// Flushes what the SAPI buffers.
pub(crate) fn flush() -> Result<(), Error> {
    // SAFETY: as above.
    guarded(|| unsafe {
        sapi_flush();
    })
}

/// Writes to the client once the headers have left, past all buffers, whoever may have opened one. Returns how many bytes
/// the SAPI took. An answer to HEAD gets none, which counts as taken.
pub(crate) fn write_body(bytes: &[u8]) -> Result<usize, Error> {
    // SAFETY: reads a field of this thread's SAPI globals.
    if unsafe { (*php::ext_php_rs_sapi_globals()).request_info.headers_only } {
        return Ok(bytes.len());
    }
    // SAFETY: pointer and length are those of a slice that outlives the call.
    guarded(|| unsafe { php_output_write_unbuffered(bytes.as_ptr().cast(), bytes.len()) })
}

/// Whether the SAPI has noticed that the client is gone. A request that ran into `max_execution_time` (another bit) has
/// a client all the same.
pub(crate) fn client_is_gone() -> bool {
    // SAFETY: reads a field of this thread's core globals.
    let status = unsafe { (*php::ext_php_rs_process_globals()).connection_status };
    status & PHP_CONNECTION_ABORTED != 0
}

/// Runs `call` with `ignore_user_abort` on: a client that leaves would otherwise longjmp out of the write.
pub(crate) fn ignoring_abort<R>(call: impl FnOnce() -> R) -> R {
    // SAFETY: plain stores to this thread's globals; `call` comes back, since whatever in it bails out is guarded.
    unsafe {
        let globals = php::ext_php_rs_process_globals();
        let ignore = (*globals).ignore_user_abort;
        (*globals).ignore_user_abort = true;
        let result = call();
        (*globals).ignore_user_abort = ignore;
        result
    }
}

/// The same without `max_execution_time`, for what may take long; it is as before afterwards, counted anew as after
/// `set_time_limit()`. What is as short as a page does without these four system calls, as a page does.
pub(crate) fn uninterrupted<R>(call: impl FnOnce() -> R) -> R {
    // SAFETY: the engine's own timer functions; `call` comes back, as above.
    unsafe {
        zend_unset_timeout();
        let result = ignoring_abort(call);
        let seconds = (*php::ext_php_rs_executor_globals()).timeout_seconds;
        zend_set_timeout(seconds, false);
        result
    }
}

/// The directory that relative paths start from: the process's, or, in a thread-safe PHP, the virtual one of this thread;
/// or why there is none.
pub(crate) fn current_directory() -> Result<Result<PathBuf, Errno>, Error> {
    if php::USING_ZTS == 0 {
        return Ok(nix::unistd::getcwd());
    }
    // SAFETY: the result is null or an emalloc'ed string that is ours, copied and freed at once.
    guarded(|| unsafe {
        Errno::clear();
        let expanded = expand_filepath(c".".as_ptr(), ptr::null_mut());
        if expanded.is_null() {
            return Err(Errno::last());
        }
        let bytes = CStr::from_ptr(expanded).to_bytes().to_vec();
        php::_efree(expanded.cast());
        Ok(PathBuf::from(OsString::from_vec(bytes)))
    })
}

/// Whether `open_basedir` allows the path.
pub(crate) fn basedir_allows(path: &CStr) -> Result<bool, Error> {
    // SAFETY: `path` is NUL-terminated.
    guarded(|| unsafe { php_check_open_basedir_ex(path.as_ptr(), 0) == 0 })
}

/// Whether `open_basedir` is set.
pub(crate) fn basedir_is_set() -> bool {
    // SAFETY: the field is null or a NUL-terminated string of the configuration.
    unsafe {
        let basedir = (*php::ext_php_rs_process_globals()).open_basedir;
        !basedir.is_null() && *basedir != 0
    }
}

/// After a file was removed, as PHP's `unlink()` does: `is_file()` would still find it.
pub(crate) fn forget_file_status() {
    // SAFETY: the engine's own function; without a name it forgets all.
    let _ = guarded(|| unsafe { php_clear_stat_cache(true, ptr::null(), 0) });
}

/// Writes a line to PHP's error log.
pub(crate) fn log(message: &str) {
    if let Ok(message) = CString::new(message) {
        let message = message.as_ptr();
        // SAFETY: NUL-terminated, alive during the call. A log that cannot be written is no reason to fail.
        let _ = guarded(|| unsafe { php_log_err_with_severity(message, LOG_NOTICE) });
    }
}

/// The name of the SAPI, such as `fpm-fcgi`.
pub(crate) fn sapi_name() -> &'static CStr {
    // SAFETY: the SAPI module and its name are static in every SAPI.
    unsafe { CStr::from_ptr((*php::ext_php_rs_sapi_module()).name) }
}

/// Prints a table of rows and the INI entries in `phpinfo()`.
pub(crate) fn print_info(
    module: *mut ModuleEntry,
    rows: &[(CString, CString)],
) -> Result<(), Error> {
    // SAFETY: all strings are NUL-terminated and alive; `module` is what the engine passed to the info function.
    guarded(|| unsafe {
        php::php_info_print_table_start();
        for (name, value) in rows {
            php::php_info_print_table_row(2, name.as_ptr(), value.as_ptr());
        }
        php::php_info_print_table_end();
        display_ini_entries(module);
    })
}

/// The value of an INI entry now.
pub(crate) fn ini_value(name: &CStr) -> Option<Vec<u8>> {
    with_ini_value(name, |value| value.map(<[u8]>::to_vec))
}

/// Whether an INI entry has this value now.
pub(crate) fn ini_value_is(name: &CStr, expected: Option<&[u8]>) -> bool {
    with_ini_value(name, |value| value == expected)
}

fn with_ini_value<R>(name: &CStr, look: impl FnOnce(Option<&[u8]>) -> R) -> R {
    // SAFETY: the table of this thread's entries holds pointers to them, and each owns its value, which nothing changes
    // while it is looked at.
    unsafe {
        let table = (*php::ext_php_rs_executor_globals()).ini_directives;
        let found = php::zend_hash_str_find(table, name.as_ptr(), name.count_bytes());
        let value = found.as_ref().and_then(|found| {
            let entry = found.value.ptr.cast::<php::zend_ini_entry>();
            (*entry).value.as_ref()
        });
        look(value.map(ZendStr::as_bytes))
    }
}

const _: () = assert!(
    size_of::<c_long>() == 8,
    "the offsets in sapi/ are those of LP64"
);
