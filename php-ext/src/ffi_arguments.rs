//! The arguments of a call, parsed by the engine itself: weak and strict types, `Stringable`, named arguments and the
//! wording of a `TypeError` are PHP's own.

use std::ffi::{c_char, c_int};
use std::ptr;

use ext_php_rs::ffi::{zend_long, zend_string};
use ext_php_rs::zend::ExecuteData;

use crate::arguments::RawArguments;

unsafe extern "C" {
    // Zend/zend_API.h
    fn zend_parse_parameters(count: u32, spec: *const c_char, ...) -> c_int;
}

/// The values of this call, or nothing if an exception is pending. They borrow the call frame's strings.
pub(crate) fn parse(call: &mut ExecuteData) -> Option<RawArguments<'_>> {
    let mut strings: [*mut zend_string; 5] = [ptr::null_mut(); 5];
    let [filename, content_type, download_as, etag, tag] =
        strings.each_mut().map(|string| &raw mut *string);
    let (mut inline, mut delete, mut precompressed, mut end_request) = (false, false, false, true);
    let mut integers: [zend_long; 4] = [0; 4];
    let [offset, length, rate, burst] = integers.each_mut().map(|integer| &raw mut *integer);
    let mut no_length = true;
    let mut no_rate = true;
    let mut no_burst = true;
    // SAFETY: the specification and the pointers behind it correspond one to one: S a zend_string*, b a bool, l a
    // zend_long, ! allows null (with a bool after a zend_long). All point to live locals.
    let result = unsafe {
        zend_parse_parameters(
            call.This.u2.num_args,
            c"S|S!S!bll!S!l!l!bS!bb".as_ptr(),
            filename,
            content_type,
            download_as,
            &raw mut inline,
            offset,
            length,
            &raw mut no_length,
            etag,
            rate,
            &raw mut no_rate,
            burst,
            &raw mut no_burst,
            &raw mut delete,
            tag,
            &raw mut precompressed,
            &raw mut end_request,
        )
    };
    if result != 0 {
        return None;
    }
    // SAFETY: after success each is null or a zend_string that the call frame keeps alive, `call` borrowed with it.
    let [filename, content_type, download_as, etag, tag] =
        strings.map(|string| unsafe { string.as_ref() }.map(|string| string.as_bytes()));
    let [offset, length, rate, burst] = integers;
    Some(RawArguments {
        filename: filename?,
        content_type,
        download_as,
        inline,
        offset,
        length: (!no_length).then_some(length),
        etag,
        rate: (!no_rate).then_some(rate),
        burst: (!no_burst).then_some(burst),
        delete,
        tag,
        precompressed,
        end_request,
    })
}
