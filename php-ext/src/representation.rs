//! The file and its precompressed siblings: which of them is the answer.
#![forbid(unsafe_code)]

use send_file_response::{
    Coding, FileFacts, Mtime, Options, Representations, Response, Version, is_fresh,
};

use crate::open::{OpenFile, Place};
use crate::request::Exchange;

/// The answer, and the file that it is about.
pub(crate) fn decide(
    exchange: &Exchange,
    original: OpenFile,
    place: Option<&Place>,
    options: &Options,
) -> (OpenFile, Response) {
    let siblings = match place {
        Some(place) => fresh_siblings(&exchange.codings_to_try(options), place, &original),
        None => Vec::new(),
    };
    let coded: Vec<(Coding, FileFacts)> = siblings
        .iter()
        .map(|(coding, sibling)| (*coding, sibling.facts))
        .collect();
    let representations = Representations {
        identity: original.facts,
        coded: &coded,
    };
    let response = exchange.respond(&representations, options);
    let chosen = siblings
        .into_iter()
        .find(|(coding, _)| response.coding == Some(*coding));
    (chosen.map_or(original, |(_, sibling)| sibling), response)
}

/// The compressed files beside the file that are not older than it. One that cannot be opened is as good as none.
fn fresh_siblings(
    codings: &[Coding],
    place: &Place,
    original: &OpenFile,
) -> Vec<(Coding, OpenFile)> {
    let find = |coding: &Coding| {
        let sibling = place.with_suffix(coding.suffix()).open().ok()?;
        let fresh = is_fresh(modified(&sibling.facts)?, modified(&original.facts)?);
        fresh.then_some((*coding, sibling))
    };
    codings.iter().filter_map(find).collect()
}

fn modified(facts: &FileFacts) -> Option<Mtime> {
    match facts.version {
        Version::File { mtime, .. } => Some(mtime),
        Version::Content(_) => None,
    }
}
