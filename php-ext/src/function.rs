//! The function `send_file()` as PHP sees it. `send_file.stub.php` documents it.
#![forbid(unsafe_code)]

use std::panic::AssertUnwindSafe;

use ext_php_rs::args::Arg;
use ext_php_rs::builders::FunctionBuilder;
use ext_php_rs::flags::DataType;
use ext_php_rs::types::Zval;
use ext_php_rs::zend::{ExecuteData, run_handler};

use crate::answer::{self, Afterwards};
use crate::arguments::Arguments;
use crate::error::Error;
use crate::{exception, ffi, ffi_arguments};

/// The declaration. The defaults are what reflection shows and what the engine passes for arguments that a call with
/// named ones leaves out.
pub(crate) fn declaration() -> FunctionBuilder<'static> {
    FunctionBuilder::new("send_file", handler)
        .arg(Arg::new("filename", DataType::String))
        .not_required()
        .arg(nullable("content_type", DataType::String))
        .arg(nullable("download_as", DataType::String))
        .arg(Arg::new("inline", DataType::Bool).default("false"))
        .arg(Arg::new("offset", DataType::Long).default("0"))
        .arg(nullable("length", DataType::Long))
        .arg(nullable("etag", DataType::String))
        .arg(nullable("rate", DataType::Long))
        .arg(nullable("burst", DataType::Long))
        .arg(Arg::new("delete", DataType::Bool).default("false"))
        .arg(nullable("tag", DataType::String))
        .arg(Arg::new("precompressed", DataType::Bool).default("false"))
        .arg(Arg::new("end_request", DataType::Bool).default("true"))
        .returns(DataType::Void, false, false)
        .docs(&["Answers the request with a file and ends it."])
}

fn nullable(name: &str, kind: DataType) -> Arg<'static> {
    Arg::new(name, kind).allow_null().default("null")
}

extern "C" fn handler(call: &mut ExecuteData, _returned: &mut Zval) {
    run_handler(AssertUnwindSafe(|| {
        let Some(raw) = ffi_arguments::parse(call) else {
            return;
        };
        let outcome = Arguments::try_from(raw).and_then(answer::answer);
        let thrown = match outcome {
            Ok(Afterwards::Return) | Err(Error::Pending) => Ok(()),
            Ok(Afterwards::EndRequest) => {
                ffi::throw_unwind_exit();
                Ok(())
            }
            Err(Error::Value(message)) => exception::throw_value_error(message),
            Err(Error::Refused(refusal)) => exception::throw_refusal(&refusal),
            Err(Error::Bailout) => Err(Error::Bailout),
        };
        // Nothing that must be dropped is alive from here on: a bailout may go on.
        if matches!(thrown, Err(Error::Bailout)) {
            ffi::bail_out();
        }
    }));
}
