//! Which representation is selected: the file itself or a precompressed sibling (RFC 9110 section 12.1, from
//! Accept-Encoding alone), and what that means for Vary.

use std::cmp::Reverse;

use crate::accept_encoding::AcceptEncoding;
use crate::coding::Coding;
use crate::conditional;
use crate::file::FileFacts;
use crate::options::Options;
use crate::range;
use crate::representation::{Representations, Selected};
use crate::request::{Method, Request};
use crate::script::Script;
use crate::validators::Validators;

/// The codings of the siblings that [`select`] could choose.
pub(crate) fn codings_to_try(request: &Request, script: &Script, options: &Options) -> Vec<Coding> {
    if !is_negotiated(script, options) {
        return Vec::new();
    }
    let accepted = AcceptEncoding::of(request);
    let names_a_version = request.has("If-Range") || request.has("If-Match");
    let identity_is_certain = asks_for_a_part(request, script, options)
        && !names_a_version
        && accepted.quality(None).is_some();
    if identity_is_certain {
        return Vec::new();
    }
    let mut codings = Coding::ALL.to_vec();
    codings.retain(|coding| accepted.quality(Some(*coding)).is_some());
    codings
}

/// The representation that the answer is about.
///
/// The positions of a Range are those of some representation. If-Range or If-Match name it; a client that names none
/// means the decoded file (`curl --compressed -C -`, media players). An If-Range that is a date, or an old version's,
/// decides nothing: the client's last answer was chosen in the same way as one without Range.
pub(crate) fn select(
    request: &Request,
    representations: &Representations,
    script: &Script,
    options: &Options,
    now_secs: i64,
) -> Selected {
    let selected = |coding, file: FileFacts| Selected {
        coding,
        file,
        window: options.window.in_file(file.size),
    };
    let identity = selected(None, representations.identity);
    if !is_negotiated(script, options) {
        return identity;
    }
    let accepted = AcceptEncoding::of(request);
    let coded = representations.coded.iter();
    let mut candidates = vec![identity];
    candidates.extend(coded.map(|(coding, file)| selected(Some(*coding), *file)));
    candidates.retain(|candidate| accepted.quality(candidate.coding).is_some());
    candidates.sort_by_key(|candidate| rank(candidate, &accepted));
    // If the client refuses everything there is, it gets the file: better than nothing.
    let best = *candidates.first().unwrap_or(&identity);
    let find = |is_meant: fn(&Request, &Validators) -> bool| {
        let found = candidates.iter().find(|candidate| {
            let validators = Validators::of(candidate, script, options, now_secs);
            is_meant(request, &validators)
        });
        found.copied()
    };
    if script.chosen_status() == Some(304) {
        // It found the client's copy good, and that is the one to name.
        return find(conditional::client_holds).unwrap_or(best);
    }
    if !asks_for_a_part(request, script, options) {
        return best;
    }
    match find(conditional::names_version) {
        Some(named) => named,
        None if !request.has("If-Range") && candidates.contains(&identity) => identity,
        None => best,
    }
}

/// Whether Accept-Encoding decides. Not if the script has coded the file itself or says which part of it this is, and
/// not for a status without content.
pub(crate) fn is_negotiated(script: &Script, options: &Options) -> bool {
    let is_settled = script.has("Content-Encoding")
        || script.has("Content-Range")
        || matches!(script.chosen_status(), Some(204..=206));
    options.precompressed && !is_settled
}

/// The value of Vary with Accept-Encoding in it; `None` if that of the script will do.
pub(crate) fn vary(script: &Script) -> Option<String> {
    let mut members: Vec<&str> = script.members("Vary").collect();
    let says_so = |member: &&str| *member == "*" || member.eq_ignore_ascii_case("Accept-Encoding");
    if members.iter().any(says_so) {
        return None;
    }
    members.retain(|member| !member.is_empty() && !member.contains(char::is_control));
    members.push("Accept-Encoding");
    Some(members.join(", "))
}

/// The least is the best: the highest quality, then the smallest, then the order of [`Coding::ALL`].
fn rank(candidate: &Selected, accepted: &AcceptEncoding) -> (Reverse<u16>, u64, usize) {
    let place = Coding::ALL
        .iter()
        .position(|coding| Some(*coding) == candidate.coding);
    (
        Reverse(accepted.quality(candidate.coding).unwrap_or(0)),
        candidate.file.size,
        place.unwrap_or(Coding::ALL.len()),
    )
}

/// Whether there is a Range that will not be ignored for what it says.
fn asks_for_a_part(request: &Request, script: &Script, options: &Options) -> bool {
    request.method == Method::Get
        && script.chosen_status().is_none()
        && options.allows_ranges(script)
        && request.single("Range").is_some_and(range::is_well_formed)
}
