//! Which representation: the file itself or a precompressed sibling (RFC 9110 section 12.5.3).

use crate::coding::Coding;
use crate::options::Options;
use crate::representation::{Representations, Selected};
use crate::request::Request;
use crate::script::Script;

/// The codings of the siblings that may be chosen.
pub(crate) fn codings_to_try(
    _request: &Request,
    _script: &Script,
    _options: &Options,
) -> Vec<Coding> {
    Vec::new()
}

/// The representation that the answer is about.
pub(crate) fn select(
    _request: &Request,
    representations: &Representations,
    _script: &Script,
    options: &Options,
) -> Selected {
    let file = representations.identity;
    Selected {
        coding: None,
        file,
        window: options.window.in_file(file.size),
    }
}
