//! Fuzz targets: functions that take any bytes, hand them to the product and say what must hold then.
//!
//! | target | what it throws bytes at |
//! |---|---|
//! | [`packet`] | the decoders of the handoff protocol |
//! | [`offer`] | the manager's check of an offer, with real descriptors, and the download that comes of it |
//! | [`slots`] | what a successor makes of a job table that is not what its worker left |
//! | [`answer`] | the HTTP decision, from request headers, arguments and what the script set |
//! | [`tables`] | `mime.types` and lists of media types |
//! | [`stream`] | the order of bytes in a response, through sends and kills |
//!
//! `make fuzz` runs each of them under libFuzzer; `cargo test` runs each over its corpus in `fuzz/corpus/`.
#![forbid(unsafe_code)]

mod answer;
mod input;
mod limits;
mod offer;
mod packet;
mod planted;
mod rig;
mod slots;
mod stream;
mod tables;

pub use answer::answer;
pub use offer::offer;
pub use packet::packet;
pub use slots::slots;
pub use stream::stream;
pub use tables::tables;

/// Takes any bytes, and panics if the product did something wrong with them.
pub type Target = fn(&[u8]);

/// All targets, by name; the corpus of each is in the folder of that name.
pub const TARGETS: [(&str, Target); 6] = [
    ("packet", packet),
    ("offer", offer),
    ("slots", slots),
    ("answer", answer),
    ("tables", tables),
    ("stream", stream),
];

/// The target of this name. `planted` is one, too: a bug that shows whether the fuzzer sees what it does.
pub fn target(name: &str) -> Option<Target> {
    let mut known = TARGETS
        .into_iter()
        .chain([("planted", planted::planted as Target)]);
    known
        .find(|(other, _)| *other == name)
        .map(|(_, target)| target)
}
