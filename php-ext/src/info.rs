//! The page in `phpinfo()` and `php --ri send_file`.
#![forbid(unsafe_code)]

use std::ffi::CString;

use ext_php_rs::zend::ModuleEntry;
use send_file_wire::channel::connect_to;

use crate::error::Error;
use crate::ini::Settings;
use crate::sapi::Route;
use crate::{ffi, sapi};

pub(crate) extern "C" fn print(module: *mut ModuleEntry) {
    let rows = [
        ("send_file support", "enabled".to_owned()),
        ("Version", env!("CARGO_PKG_VERSION").to_owned()),
        ("SAPI route", route()),
        ("Manager", manager()),
    ];
    let rows = rows.map(|(name, value)| (text(name), text(&value)));
    let printed = ffi::print_info(module, &rows);
    drop(rows);
    if matches!(printed, Err(Error::Bailout)) {
        ffi::bail_out();
    }
}

fn route() -> String {
    let name = sapi::name();
    match Route::of_this_process() {
        Route::InProcess => format!("{name}: files are sent by this process"),
        _ => format!("{name}: connections are handed to the manager"),
    }
}

/// Reachable means that it accepts connections; an offer may still be rejected.
fn manager() -> String {
    let settings = Settings::in_force();
    let path = &settings.manager_socket;
    if path.as_os_str().is_empty() {
        return "off (send_file.manager_socket is empty)".to_owned();
    }
    match connect_to(path) {
        Ok(_) => "reachable".to_owned(),
        Err(error) => format!("not reachable: {error}"),
    }
}

fn text(value: &str) -> CString {
    CString::new(value.replace('\0', "\\0")).unwrap_or_default()
}
