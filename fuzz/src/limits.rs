//! Every bound of the targets, with its reason.

/// The largest file that a target makes. Longer than a FastCGI record and than a small socket buffer, so that both ends
/// fall into the middle of a download.
pub(crate) const MAX_FILE_BYTES: u64 = 200_000;

/// The most downloads in a job table. Enough for one to take what is another's.
pub(crate) const MAX_DOWNLOADS: usize = 3;

/// The most things that happen to a job table between two workers.
pub(crate) const MAX_ACCIDENTS: usize = 8;

/// The most steps in a series that the input chooses; a target that is done earlier ends earlier.
pub(crate) const MAX_STEPS: usize = 2000;

/// The most request or script headers of an answer.
pub(crate) const MAX_HEADERS: usize = 12;

/// The most parts of an offer made from choices.
pub(crate) const MAX_CHOSEN_PARTS: usize = 6;
