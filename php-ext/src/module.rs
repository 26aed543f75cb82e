//! The module entry that PHP loads.

use ext_php_rs::builders::ModuleBuilder;
use ext_php_rs::prelude::php_module;

use crate::{answer, exception, ffi_ini, function, info, route};

/// The name of the extension, as in `extension=send_file` and `extension_loaded('send_file')`.
const NAME: &str = "send_file";

#[php_module]
fn get_module(module: ModuleBuilder) -> ModuleBuilder {
    let module = function::declarations()
        .into_iter()
        .fold(module.name(NAME), ModuleBuilder::function);
    module
        .constant(("SendFile\\ROUTE_HANDOFF", route::HANDOFF, &[]))
        .constant(("SendFile\\ROUTE_STREAM", route::STREAM, &[]))
        .constant(("SendFile\\ROUTE_ERROR", route::ERROR, &[]))
        .startup_function(start)
        .request_startup_function(start_request)
        .info_function(info::print)
}

unsafe extern "C" fn start(_kind: i32, module_number: i32) -> i32 {
    ffi_ini::register(module_number);
    match exception::register() {
        Ok(()) => 0,
        Err(_) => -1,
    }
}

unsafe extern "C" fn start_request(_kind: i32, _module_number: i32) -> i32 {
    answer::start_request();
    0
}
