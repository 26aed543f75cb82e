//! What became of a download.

use super::content::Checker;
use super::follow::End;
use super::plan::{Fate, Plan};

/// What became of a download.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// All of it came, and every byte was right.
    Whole,
    /// The client went away, and what it had until then was right.
    Aborted,
    /// The file was cut, and the client can tell that not all has come.
    VisiblyCut,
    /// The file was cut, and the answer is as long as announced, with zeros for what the file lost: right only if all of
    /// it was in the kernel's hands before the cut, which the manager's log can tell.
    Wiped,
    /// 503: no room.
    Refused,
    /// It ended early, although neither client nor file had given a reason.
    Lost(String),
    /// A wrong byte, or an answer that looks whole and is not.
    Corrupt(String),
}

/// The verdict on a body that was compared piece by piece. `looks_whole`: the answer says of itself that all has come.
pub(crate) fn judge(plan: &Plan, checker: &Checker, end: &End, looks_whole: bool) -> Verdict {
    let (received, expected) = (checker.received_bytes(), checker.expected_bytes());
    if let Some(at) = checker.wrong_at() {
        return Verdict::Corrupt(format!("byte {at} of {expected} is wrong"));
    }
    match end {
        End::Aborted => Verdict::Aborted,
        _ if matches!(plan.fate, Fate::Truncated { .. }) => match received < expected {
            true => Verdict::VisiblyCut,
            // Whatever came behind the last byte, a client goes by the length.
            false if checker.is_whole() => Verdict::Whole,
            false => Verdict::Wiped,
        },
        End::Over if looks_whole && checker.is_whole() => Verdict::Whole,
        End::Over => Verdict::Lost(format!("it ended after {received} bytes of {expected}")),
        End::Broken(error) => {
            Verdict::Lost(format!("{error} after {received} bytes of {expected}"))
        }
    }
}
