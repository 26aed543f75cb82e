//! Calls from here into PHP functions and into code of the script.

use std::ptr;

use ext_php_rs::ffi as php;
use ext_php_rs::types::Zval;

use crate::error::Error;
use crate::ffi::guarded;

unsafe extern "C" {
    // Zend/zend_fibers.h
    fn zend_fiber_switch_block();
    fn zend_fiber_switch_unblock();
}

/// Calls a function of PHP's own if there is one of that (lower case) name; one that the script has defined in its place
/// may do anything. The arguments are plain values, no strings or arrays.
pub(crate) fn call_function(name: &str, arguments: &mut [Zval]) -> Result<Option<i64>, Error> {
    let mut returned = Zval::new();
    let result = &raw mut returned;
    // SAFETY: the table holds `zend_function` pointers that live as long as the request; `result` is a valid zval.
    let called = guarded(|| unsafe {
        let table = (*php::ext_php_rs_executor_globals()).function_table;
        let function = php::zend_hash_str_find_ptr_lc(table, name.as_ptr().cast(), name.len())
            .cast::<php::zend_function>();
        if function.is_null() || u32::from((*function).type_) != php::ZEND_INTERNAL_FUNCTION {
            return false;
        }
        php::zend_call_known_function(
            function,
            ptr::null_mut(),
            ptr::null_mut(),
            result,
            arguments.len() as u32,
            arguments.as_mut_ptr(),
            ptr::null_mut(),
        );
        true
    })?;
    Ok(called.then(|| returned.long().unwrap_or(0)))
}

/// Runs the callback of `header_register_callback()` where PHP would, when headers are about to leave; it does not run
/// again. As in PHP, one that it registers itself never runs.
pub(crate) fn run_header_callback() -> Result<(), Error> {
    // SAFETY: reads a field of this thread's SAPI globals.
    if unsafe { (*php::ext_php_rs_sapi_globals()).request_info.no_headers } {
        return Ok(());
    }
    let Some(mut callback) = take_header_callback() else {
        return Ok(());
    };
    let mut returned = Zval::new();
    let (function, result) = (&raw mut callback, &raw mut returned);
    // SAFETY: all pointers are null where the engine allows it, or to live zvals; there are no arguments.
    let called = guarded(|| unsafe {
        php::_call_user_function_impl(
            ptr::null_mut(),
            function,
            result,
            0,
            ptr::null_mut(),
            ptr::null_mut(),
        )
    });
    let mut done = vec![callback, returned];
    done.extend(take_header_callback());
    if matches!(called, Err(Error::Bailout)) {
        // The engine frees all values with the request, and runs no more code of the script on the way.
        std::mem::forget(done);
        return Err(Error::Bailout);
    }
    // Destructors are user code, too.
    let dropped = guarded(|| drop(done));
    called.map(|_| ()).and(dropped)
}

fn take_header_callback() -> Option<Zval> {
    // SAFETY: the bits of the field move out, with the reference they count; what stays is IS_UNDEF (all zeros), which is
    // how the engine marks that there is none.
    unsafe {
        let field = &raw mut (*php::ext_php_rs_sapi_globals()).callback_func;
        if (*field).u1.type_info == 0 {
            return None;
        }
        Some(ptr::replace(field, std::mem::zeroed()))
    }
}

/// While it lives, an attempt to switch fibers throws a `FiberError`.
pub(crate) struct FiberSwitchesBlocked;

impl FiberSwitchesBlocked {
    /// Outside of a fiber there is nothing to suspend, and fibers that user code starts end above us on the stack.
    pub(crate) fn if_in_a_fiber() -> Option<FiberSwitchesBlocked> {
        // SAFETY: reads a field of this thread's executor globals; the block is a counter, taken back in `drop`.
        unsafe {
            if (*php::ext_php_rs_executor_globals()).active_fiber.is_null() {
                return None;
            }
            zend_fiber_switch_block();
        }
        Some(FiberSwitchesBlocked)
    }
}

impl Drop for FiberSwitchesBlocked {
    fn drop(&mut self) {
        // SAFETY: the counterpart of the block, in the same fiber, since there was no switch.
        unsafe { zend_fiber_switch_unblock() };
    }
}
