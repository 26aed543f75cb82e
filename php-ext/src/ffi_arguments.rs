//! The arguments of a call, parsed by the engine itself: weak and strict types, `Stringable`, named arguments and the
//! wording of a `TypeError` are PHP's own.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;

use ext_php_rs::ffi::{zend_long, zend_string};
use ext_php_rs::types::Zval;
use ext_php_rs::zend::ExecuteData;

use crate::arguments::{RawArguments, RawSubject};
use crate::function::Function;

unsafe extern "C" {
    // Zend/zend_API.h
    fn zend_parse_parameters(count: u32, spec: *const c_char, ...) -> c_int;
}

/// Whether a function without parameters was called without arguments; otherwise an exception is pending.
pub(crate) fn parse_none(call: &mut ExecuteData) -> bool {
    // SAFETY: an empty specification goes with no pointers.
    unsafe { zend_parse_parameters(call.This.u2.num_args, c"".as_ptr()) == 0 }
}

/// The values of this call, or nothing if an exception is pending. They borrow the call frame's values.
pub(crate) fn parse(call: &mut ExecuteData, function: Function) -> Option<RawArguments<'_>> {
    let spec: &CStr = match function {
        Function::File | Function::Buffer => c"S|S!S!bll!S!l!l!bS!bb",
        Function::Stream => c"r|S!S!bll!S!l!l!bS!bb",
    };
    let mut subject: *mut c_void = ptr::null_mut();
    let mut strings: [*mut zend_string; 4] = [ptr::null_mut(); 4];
    let [content_type, download_as, etag, tag] = strings.each_mut().map(|string| &raw mut *string);
    let (mut inline, mut delete, mut precompressed, mut end_request) = (false, false, false, true);
    let mut integers: [zend_long; 4] = [0; 4];
    let [offset, length, rate, burst] = integers.each_mut().map(|integer| &raw mut *integer);
    let mut no_length = true;
    let mut no_rate = true;
    let mut no_burst = true;
    // SAFETY: the specification and the pointers behind it correspond one to one: S a zend_string*, r a zval*, b a bool,
    // l a zend_long, ! allows null (with a bool after a zend_long). All point to live locals.
    let result = unsafe {
        zend_parse_parameters(
            call.This.u2.num_args,
            spec.as_ptr(),
            &raw mut subject,
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
    // SAFETY: after success it is what the specification says, and the call frame keeps it alive, `call` borrowed with
    // it.
    let subject = unsafe {
        match function {
            Function::File => RawSubject::File(subject.cast::<zend_string>().as_ref()?.as_bytes()),
            Function::Buffer => {
                RawSubject::Buffer(subject.cast::<zend_string>().as_ref()?.as_bytes())
            }
            Function::Stream => RawSubject::Stream(subject.cast::<Zval>().as_ref()?),
        }
    };
    // SAFETY: each is null or a zend_string, kept alive like the subject.
    let [content_type, download_as, etag, tag] =
        strings.map(|string| unsafe { string.as_ref() }.map(|string| string.as_bytes()));
    let [offset, length, rate, burst] = integers;
    Some(RawArguments {
        subject,
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
