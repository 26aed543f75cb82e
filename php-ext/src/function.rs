//! The functions as PHP sees them. `send_file.stub.php` documents them.
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
use crate::ini::Settings;
use crate::{exception, ffi, ffi_arguments, route};

/// The functions that answer a request; they differ in their first parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    File,
    Buffer,
    Stream,
}

impl Function {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Function::File => "send_file",
            Function::Buffer => "send_buffer",
            Function::Stream => "send_stream",
        }
    }
}

/// The declarations. The defaults are what reflection shows and what the engine passes for arguments that a call with
/// named ones leaves out.
pub(crate) fn declarations() -> [FunctionBuilder<'static>; 4] {
    [
        FunctionBuilder::new("send_file", send_file)
            .arg(Arg::new("filename", DataType::String))
            .with_options(&["Answers the request with a file and ends it."]),
        FunctionBuilder::new("send_buffer", send_buffer)
            .arg(Arg::new("data", DataType::String))
            .with_options(&["Answers the request with a string and ends it."]),
        // PHP has no type for resources.
        FunctionBuilder::new("send_stream", send_stream)
            .arg(Arg::new("stream", DataType::Mixed))
            .with_options(&["Answers the request with the content of an open stream and ends it."]),
        FunctionBuilder::new("send_file_route", send_file_route)
            .returns(DataType::String, false, false)
            .docs(&["Says which way a file would go in answer to this request."]),
    ]
}

trait WithOptions {
    fn with_options(self, docs: &'static [&'static str]) -> Self;
}

impl WithOptions for FunctionBuilder<'static> {
    /// What all functions that answer have behind their first parameter.
    fn with_options(self, docs: &'static [&'static str]) -> Self {
        self.not_required()
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
            .docs(docs)
    }
}

fn nullable(name: &str, kind: DataType) -> Arg<'static> {
    Arg::new(name, kind).allow_null().default("null")
}

extern "C" fn send_file(call: &mut ExecuteData, _returned: &mut Zval) {
    run_handler(AssertUnwindSafe(|| handle(call, Function::File)));
}

extern "C" fn send_buffer(call: &mut ExecuteData, _returned: &mut Zval) {
    run_handler(AssertUnwindSafe(|| handle(call, Function::Buffer)));
}

extern "C" fn send_stream(call: &mut ExecuteData, _returned: &mut Zval) {
    run_handler(AssertUnwindSafe(|| handle(call, Function::Stream)));
}

fn handle(call: &mut ExecuteData, function: Function) {
    let Some(raw) = ffi_arguments::parse(call, function) else {
        return;
    };
    let settings = Settings::in_force();
    let arguments = Arguments::new(raw, &settings);
    let outcome = arguments.and_then(|arguments| answer::answer(arguments, settings));
    let thrown = match outcome {
        Ok(Afterwards::Return) | Err(Error::Pending) => Ok(()),
        Ok(Afterwards::EndRequest) => {
            ffi::throw_unwind_exit();
            Ok(())
        }
        Err(Error::Value(sentence)) => exception::throw_value_error(function.name(), &sentence),
        Err(Error::Refused(refusal)) => exception::throw_refusal(function.name(), &refusal),
        Err(Error::Bailout) => Err(Error::Bailout),
    };
    continue_bailout(thrown);
}

extern "C" fn send_file_route(call: &mut ExecuteData, returned: &mut Zval) {
    run_handler(AssertUnwindSafe(|| {
        if !ffi_arguments::parse_none(call) {
            return;
        }
        let text = route::describe();
        let answered = text.and_then(|text| ffi::guarded(|| returned.set_string(&text, false)));
        // An exception is pending, or the text is there: it is not too long for a string of PHP.
        continue_bailout(answered.map(drop));
    }));
}

/// Nothing that must be dropped is alive from here on: a bailout may go on.
fn continue_bailout(outcome: Result<(), Error>) {
    if matches!(outcome, Err(Error::Bailout)) {
        ffi::bail_out();
    }
}
