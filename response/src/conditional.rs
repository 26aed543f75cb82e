//! Conditional requests: RFC 9110 section 13, in the order of section 13.2.2.

use crate::etag::{EntityTag, any_listed, any_matches};
use crate::request::Request;
use crate::validators::Validators;

/// What the preconditions of a GET or HEAD lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Answer as if there had been none.
    Proceed,
    /// 304.
    NotModified,
    /// 412.
    PreconditionFailed,
}

/// Steps 1 to 4 of section 13.2.2. A date counts only where the entity tag condition beside it is
/// absent, and is ignored if it is invalid or on several lines.
pub(crate) fn evaluate(request: &Request, validators: &Validators) -> Verdict {
    let client_has_the_wrong_version = if request.has("If-Match") {
        !if_match(request, validators)
    } else {
        if_unmodified_since(request, validators) == Some(false)
    };
    if client_has_the_wrong_version {
        return Verdict::PreconditionFailed;
    }
    let client_has_it_already = if request.has("If-None-Match") {
        !if_none_match(request, validators)
    } else {
        if_modified_since(request, validators) == Some(false)
    };
    if client_has_it_already {
        return Verdict::NotModified;
    }
    Verdict::Proceed
}

/// Step 5: whether a Range of this request counts. True without If-Range (section 13.1.5).
pub(crate) fn if_range(request: &Request, validators: &Validators) -> bool {
    if !request.has("If-Range") {
        return true;
    }
    let Some(value) = request.single("If-Range") else {
        return false;
    };
    if let Some(held) = EntityTag::parse(value) {
        return is_ours(&held, validators);
    }
    // Equal, not merely not older: the parts would not belong together otherwise.
    validators.date_is_strong() && validators.parse_date(value) == validators.last_modified_secs()
}

/// Whether the client says by an entity tag, in If-Range or else in If-Match, that a range of this version is meant.
pub(crate) fn names_version(request: &Request, validators: &Validators) -> bool {
    if !request.has("If-Range") {
        return any_listed(request.lines("If-Match"), |held| is_ours(held, validators));
    }
    let held = request.single("If-Range").and_then(EntityTag::parse);
    held.is_some_and(|held| is_ours(&held, validators))
}

/// Whether the client says by an entity tag that it has this version.
pub(crate) fn client_holds(request: &Request, validators: &Validators) -> bool {
    let ours = validators.etag();
    any_listed(request.lines("If-None-Match"), |held| {
        ours.is_some_and(|ours| held.matches_weakly(&ours))
    })
}

fn is_ours(held: &EntityTag, validators: &Validators) -> bool {
    let ours = validators.etag();
    ours.is_some_and(|ours| held.matches_strongly(&ours))
}

/// Section 13.1.1: strong comparison, since the client is about to rely on the exact bytes.
fn if_match(request: &Request, validators: &Validators) -> bool {
    any_matches(request.lines("If-Match"), |held| is_ours(held, validators))
}

/// Section 13.1.2: true if none matches, by weak comparison.
fn if_none_match(request: &Request, validators: &Validators) -> bool {
    let ours = validators.etag();
    !any_matches(request.lines("If-None-Match"), |held| {
        ours.is_some_and(|ours| held.matches_weakly(&ours))
    })
}

/// Section 13.1.3. A date in the future is a date like any other: not modified since.
fn if_modified_since(request: &Request, validators: &Validators) -> Option<bool> {
    let date = validators.parse_date(request.single("If-Modified-Since")?)?;
    Some(validators.last_modified_secs()? > date)
}

/// Section 13.1.4.
fn if_unmodified_since(request: &Request, validators: &Validators) -> Option<bool> {
    let date = validators.parse_date(request.single("If-Unmodified-Since")?)?;
    Some(validators.last_modified_secs()? <= date)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::{FileFacts, Mtime, Version};
    use crate::options::{Options, RawOptions};
    use crate::representation::Selected;
    use crate::request::Method;
    use crate::script::Script;
    use crate::window::Window;

    const AT: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";
    const NOW: i64 = 1_750_000_000;
    const MODIFIED_SECS: i64 = 784_111_777;
    const FILE: Selected = Selected {
        coding: None,
        file: FileFacts {
            size: 10,
            version: Version::File {
                mtime: Mtime {
                    secs: MODIFIED_SECS,
                    nanos: 5,
                },
                inode: 7,
            },
        },
        window: Window {
            offset: 0,
            bytes: 10,
        },
    };

    /// With the entity tag `"v"` and modified [`AT`].
    fn verdict(headers: &[(&str, &str)]) -> Verdict {
        with_etag("\"v\"", NOW, |validators| {
            evaluate(&get(headers), validators)
        })
    }

    fn range_counts(etag: &str, now_secs: i64, if_range_value: &str) -> bool {
        with_etag(etag, now_secs, |validators| {
            if_range(&get(&[("If-Range", if_range_value)]), validators)
        })
    }

    fn with_etag<T>(etag: &str, now_secs: i64, run: impl Fn(&Validators) -> T) -> T {
        let headers = [("ETag", etag)];
        let script = Script {
            status: None,
            headers: &headers,
        };
        run(&validators(&script, now_secs))
    }

    fn validators<'a>(script: &Script<'a>, now_secs: i64) -> Validators<'a> {
        let options = Options::new(RawOptions::default()).unwrap();
        Validators::of(&FILE, script, &options, now_secs)
    }

    fn get<'a>(headers: &'a [(&'a str, &'a str)]) -> Request<'a> {
        Request {
            method: Method::Get,
            headers,
        }
    }

    #[test]
    fn each_condition_alone_is_judged_by_its_section() {
        use Verdict::*;
        for (name, value, expected) in [
            ("If-Match", "\"v\"", Proceed),
            ("If-Match", "\"x\", \"v\"", Proceed),
            ("If-Match", "*", Proceed),
            ("If-Match", "\"x\"", PreconditionFailed),
            ("If-Match", "W/\"v\"", PreconditionFailed),
            ("If-Match", "v", PreconditionFailed),
            ("If-Match", "", PreconditionFailed),
            ("If-None-Match", "\"v\"", NotModified),
            ("If-None-Match", "W/\"v\"", NotModified),
            ("If-None-Match", "\"x\",\"v\"", NotModified),
            ("If-None-Match", "*", NotModified),
            ("If-None-Match", "\"x\"", Proceed),
            ("If-None-Match", "v", Proceed),
            ("If-Modified-Since", AT, NotModified),
            ("If-Modified-Since", AFTER, NotModified),
            ("If-Modified-Since", BEFORE, Proceed),
            (
                "If-Modified-Since",
                "Fri, 31 Dec 9999 23:59:59 GMT",
                NotModified,
            ),
            ("If-Modified-Since", "garbage", Proceed),
            ("If-Unmodified-Since", AT, Proceed),
            ("If-Unmodified-Since", AFTER, Proceed),
            ("If-Unmodified-Since", BEFORE, PreconditionFailed),
            ("If-Unmodified-Since", "garbage", Proceed),
            (
                "If-Unmodified-Since",
                "Sat, 01 Jan 1966 00:00:00 GMT",
                PreconditionFailed,
            ),
            (
                "If-Modified-Since",
                "Sat, 01 Jan 1966 00:00:00 GMT",
                Proceed,
            ),
        ] {
            assert_eq!(verdict(&[(name, value)]), expected, "{name}: {value}");
        }
    }

    #[test]
    fn an_entity_tag_condition_silences_the_date_beside_it() {
        assert_eq!(
            verdict(&[("If-Match", "\"v\""), ("If-Unmodified-Since", BEFORE)]),
            Verdict::Proceed
        );
        assert_eq!(
            verdict(&[("If-None-Match", "\"x\""), ("If-Modified-Since", AFTER)]),
            Verdict::Proceed
        );
    }

    #[test]
    fn a_failed_precondition_comes_before_not_modified() {
        assert_eq!(
            verdict(&[("If-None-Match", "\"v\""), ("If-Match", "\"x\"")]),
            Verdict::PreconditionFailed
        );
        assert_eq!(
            verdict(&[("If-Modified-Since", AT), ("If-Unmodified-Since", BEFORE)]),
            Verdict::PreconditionFailed
        );
        assert_eq!(
            verdict(&[("If-None-Match", "\"v\""), ("If-Match", "\"v\"")]),
            Verdict::NotModified
        );
    }

    #[test]
    fn lists_go_on_over_lines_but_dates_do_not() {
        assert_eq!(
            verdict(&[("If-None-Match", "\"x\""), ("if-none-match", "\"v\"")]),
            Verdict::NotModified
        );
        assert_eq!(
            verdict(&[("If-Match", "\"x\""), ("if-match", "\"v\"")]),
            Verdict::Proceed
        );
        assert_eq!(
            verdict(&[("If-Modified-Since", AT), ("If-Modified-Since", AT)]),
            Verdict::Proceed
        );
        assert_eq!(
            verdict(&[
                ("If-Unmodified-Since", BEFORE),
                ("If-Unmodified-Since", BEFORE)
            ]),
            Verdict::Proceed
        );
    }

    #[test]
    fn two_if_range_lines_are_true_of_nothing() {
        for value in ["\"v\"", AT] {
            let headers = [("If-Range", value), ("If-Range", value)];
            let counts = with_etag("\"v\"", NOW, |validators| {
                if_range(&get(&headers), validators)
            });
            assert!(!counts, "{value}");
        }
    }

    #[test]
    fn if_range_wants_the_same_strong_entity_tag() {
        assert!(range_counts("\"v\"", NOW, "\"v\""));
        assert!(!range_counts("\"v\"", NOW, "\"x\""));
        assert!(!range_counts("\"v\"", NOW, "W/\"v\""));
        assert!(!range_counts("W/\"v\"", NOW, "W/\"v\""));
        assert!(!range_counts("W/\"v\"", NOW, "\"v\""));
        assert!(!range_counts("\"v\"", NOW, "\"v\", \"x\""));
        assert!(!range_counts("\"v\"", NOW, "*"));
    }

    #[test]
    fn if_range_wants_the_exact_date() {
        assert!(range_counts("\"v\"", NOW, AT));
        assert!(range_counts("\"v\"", NOW, "Sunday, 06-Nov-94 08:49:37 GMT"));
        assert!(!range_counts("\"v\"", NOW, BEFORE));
        assert!(!range_counts("\"v\"", NOW, AFTER));
        assert!(!range_counts("\"v\"", NOW, "garbage"));
    }

    #[test]
    fn if_range_does_not_trust_a_date_in_the_second_it_names() {
        assert!(!range_counts("\"v\"", MODIFIED_SECS, AT));
        assert!(range_counts("\"v\"", MODIFIED_SECS + 1, AT));
    }

    #[test]
    fn if_range_without_a_date_on_our_side_is_false() {
        let headers = [("Last-Modified", "garbage")];
        let script = Script {
            status: None,
            headers: &headers,
        };
        let validators = validators(&script, NOW);
        assert!(!if_range(&get(&[("If-Range", "garbage")]), &validators));
    }
}
