//! What was measured, for people.

pub(crate) mod markdown;
