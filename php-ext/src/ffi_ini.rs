//! Registers the INI settings and has [`ini::check`] called before one changes.

use std::ffi::{CStr, CString, c_int, c_void};
use std::ptr;

use ext_php_rs::ffi::{self as php, zend_ini_entry, zend_string};
use ext_php_rs::flags::IniEntryPermission;
use ext_php_rs::zend::{IniEntryDef, IniEntryDefs};

use crate::error::Error;
use crate::ffi::{bail_out, guarded};
use crate::ini;

const COUNT: usize = ini::ENTRIES.len();

static DEFINITIONS: IniEntryDefs<{ COUNT + 1 }> = {
    let mut definitions = [const { IniEntryDef::end() }; COUNT + 1];
    let mut at = 0;
    while at < COUNT {
        let (name, default) = ini::ENTRIES[at];
        definitions[at] = IniEntryDef::new(name, default, IniEntryPermission::System);
        definitions[at].on_modify = Some(on_modify);
        at += 1;
    }
    IniEntryDefs::new(definitions)
};

pub(crate) fn register(module_number: i32) {
    IniEntryDef::register(DEFINITIONS.as_slice(), module_number);
}

/// Called by the engine with the value about to be set; FAILURE keeps the one before, at startup the default.
unsafe extern "C" fn on_modify(
    entry: *mut zend_ini_entry,
    value: *mut zend_string,
    _: *mut c_void,
    _: *mut c_void,
    _: *mut c_void,
    stage: c_int,
) -> c_int {
    /// Zend/zend_ini.h: ZEND_INI_STAGE_STARTUP
    const STARTUP: c_int = 1;
    /// Zend/zend_types.h: SUCCESS and FAILURE
    const SUCCESS: c_int = 0;
    const FAILURE: c_int = -1;

    // SAFETY: the engine passes an entry of ours, whose name is interned and NUL-terminated, and null or a string.
    let checked = unsafe {
        let name = CStr::from_ptr((*(*entry).name).val.as_ptr());
        let value = value.as_ref().map_or(&b""[..], |value| value.as_bytes());
        ini::check(name, value)
    };
    let Err(complaint) = checked else {
        return SUCCESS;
    };
    let kind = if stage == STARTUP {
        php::E_CORE_WARNING
    } else {
        php::E_WARNING
    };
    let result = if complaint.stays { SUCCESS } else { FAILURE };
    let sentence = CString::new(complaint.sentence.replace('\0', "\\0")).unwrap_or_default();
    drop(complaint);
    let text = sentence.as_ptr();
    // SAFETY: format and argument are NUL-terminated and fit each other.
    let warned = guarded(|| unsafe {
        php::php_error_docref(ptr::null(), kind as c_int, c"%s".as_ptr(), text);
    });
    drop(sentence);
    if matches!(warned, Err(Error::Bailout)) {
        bail_out();
    }
    result
}
