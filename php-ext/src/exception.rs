//! `SendFile\Exception`, and how an [`Error`] becomes an exception.
#![forbid(unsafe_code)]

use ext_php_rs::builders::ClassBuilder;
use ext_php_rs::exception::PhpException;
use ext_php_rs::zend::{ClassEntry, ce};

use crate::error::{Error, Refusal};
use crate::ffi;

const NAME: &str = "SendFile\\Exception";

/// Registers the class; called when the module starts. It is a plain subclass without a Rust object behind it, so that
/// scripts may extend and construct it like any exception.
pub(crate) fn register() -> ext_php_rs::error::Result<()> {
    ClassBuilder::new(NAME)
        .extends((ffi::runtime_exception, "\\RuntimeException"))
        .registration(|_, _| {})
        .register()
}

pub(crate) fn throw_value_error(function: &str, sentence: &str) -> Result<(), Error> {
    throw(format!("{function}(): {sentence}"), ce::value_error())
}

pub(crate) fn throw_refusal(function: &str, refusal: &Refusal) -> Result<(), Error> {
    let class = ClassEntry::try_find(NAME).unwrap_or_else(ffi::runtime_exception);
    throw(format!("{function}(): {refusal}"), class)
}

/// Throwing allocates, and so can end in a fatal error: the script is at its memory limit.
fn throw(message: String, class: &'static ClassEntry) -> Result<(), Error> {
    match ffi::guarded(|| PhpException::new(message, 0, class).throw()) {
        Err(Error::Bailout) => Err(Error::Bailout),
        // That an exception is pending is what was wanted.
        _ => Ok(()),
    }
}
