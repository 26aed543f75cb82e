//! `precompressed`: the file, or a sibling in a coding that the client accepts.

mod support;

use proptest::prelude::*;
use send_file_response::Coding::{self, Brotli, Gzip, Zstd};
use send_file_response::{FileFacts, Method, Options, RawOptions, Request, Response, Script};
use support::*;

fn accepting(accept_encoding: &str) -> Response {
    asked(&[("Accept-Encoding", accept_encoding)])
}

#[test]
fn a_sibling_is_sent_as_the_file_in_a_coding() {
    let response = accepting("gzip");
    assert_eq!((response.status, response.coding), (200, Some(Gzip)));
    assert!(response.whole);
    assert_eq!(
        response.headers,
        [
            ("Vary", "Accept-Encoding".to_owned()),
            ("Content-Type", "text/plain".to_owned()),
            ("Content-Encoding", "gzip".to_owned()),
            ("ETag", GZIP_ETAG.to_owned()),
            ("Last-Modified", SIBLING_MODIFIED.to_owned()),
            ("Accept-Ranges", "bytes".to_owned()),
            ("Content-Length", "8".to_owned()),
        ]
    );
}

#[test]
fn without_a_coding_in_common_it_is_the_file_that_varies() {
    for request in [
        &[][..],
        &[("Accept-Encoding", "")],
        &[("Accept-Encoding", "deflate, compress")],
        &[("Accept-Encoding", "gzip;q=0, identity;q=0, *;q=0")],
    ] {
        let response = asked(request);
        assert_eq!(response.coding, None, "{request:?}");
        assert_eq!(header(&response, "Content-Encoding"), None);
        assert_eq!(header(&response, "ETag"), Some(ETAG));
        assert_eq!(header(&response, "Content-Length"), Some("10"));
        assert_eq!(header(&response, "Vary"), Some("Accept-Encoding"));
    }
}

#[test]
fn the_highest_quality_wins_then_the_smallest_then_the_order() {
    for (accept_encoding, expected) in [
        ("gzip, br, zstd", Some(Brotli)),
        ("gzip, zstd", Some(Zstd)),
        ("gzip, br;q=0.9", Some(Gzip)),
        ("*", Some(Brotli)),
        ("*, br;q=0", Some(Zstd)),
        ("gzip;q=0.001", Some(Gzip)),
        ("gzip, identity", Some(Gzip)),
        ("gzip;q=0.5, identity;q=0.6", None),
        ("gzip;q=0.5, identity;q=0", Some(Gzip)),
        ("br;q=0, gzip;q=0, zstd;q=0", None),
    ] {
        assert_eq!(
            accepting(accept_encoding).coding,
            expected,
            "{accept_encoding}"
        );
    }
    let of_one_size = [(Gzip, sibling(8)), (Zstd, sibling(8)), (Brotli, sibling(8))];
    let chosen = |accept_encoding| {
        let request = [("Accept-Encoding", accept_encoding)];
        let case = Case {
            coded: &of_one_size,
            ..precompressed(&[], &request)
        };
        case.answer().coding
    };
    assert_eq!(chosen("gzip, zstd, br"), Some(Brotli));
    assert_eq!(chosen("gzip, zstd"), Some(Zstd));
}

#[test]
fn a_sibling_that_is_larger_than_the_file_is_only_liked_less_if_the_client_names_both() {
    let large = [(Gzip, sibling(11))];
    let chosen = |accept_encoding| {
        let request = [("Accept-Encoding", accept_encoding)];
        let case = Case {
            coded: &large,
            ..precompressed(&[], &request)
        };
        case.answer().coding
    };
    assert_eq!(chosen("gzip, identity"), None);
    assert_eq!(chosen("gzip"), Some(Gzip));
}

#[test]
fn a_coding_of_the_script_or_a_part_or_a_deletion_turns_it_off() {
    let accept: Headers = &[("Accept-Encoding", "gzip")];
    let off = [
        precompressed(&[("content-encoding", "br")], accept),
        precompressed(&[("Content-Range", "bytes 0-9/20")], accept),
        Case {
            status: Some(206),
            ..precompressed(&[], accept)
        },
        Case {
            status: Some(204),
            ..precompressed(&[], accept)
        },
        Case {
            options: RawOptions {
                delete: true,
                ..PRECOMPRESSED
            },
            ..precompressed(&[], accept)
        },
        Case {
            options: RawOptions {
                length: Some(100),
                ..PRECOMPRESSED
            },
            ..precompressed(&[], accept)
        },
        Case {
            options: RawOptions {
                precompressed: false,
                ..PRECOMPRESSED
            },
            ..precompressed(&[], accept)
        },
    ];
    for (index, case) in off.iter().enumerate() {
        let response = case.answer();
        assert_eq!(response.coding, None, "{index}");
        assert_eq!(header(&response, "Content-Encoding"), None, "{index}");
        assert_eq!(header(&response, "Vary"), None, "{index}");
        assert_eq!(codings_to_try(case), [], "{index}");
    }
}

#[test]
fn an_error_page_is_negotiated_like_a_file() {
    let response = Case {
        status: Some(404),
        ..precompressed(&[], &[("Accept-Encoding", "gzip"), ("Range", "bytes=0-1")])
    }
    .answer();
    assert_eq!((response.status, response.coding), (404, Some(Gzip)));
    assert_eq!(header(&response, "Content-Encoding"), Some("gzip"));
    assert_eq!(header(&response, "ETag"), None);
}

#[test]
fn every_answer_says_what_it_depends_on() {
    let gzip = ("Accept-Encoding", "gzip");
    for (request, status) in [
        (&[gzip][..], 200),
        (&[gzip, ("If-None-Match", "*")], 304),
        (&[gzip, ("If-Match", "\"x\"")], 412),
        (&[gzip, ("Range", "bytes=1-")], 206),
        (&[gzip, ("Range", "bytes=99-")], 416),
    ] {
        let response = asked(request);
        assert_eq!(response.status, status);
        assert_eq!(header(&response, "Vary"), Some("Accept-Encoding"));
    }
    for status in [304, 404] {
        let response = Case {
            status: Some(status),
            ..precompressed(&[], &[gzip])
        }
        .answer();
        assert_eq!(header(&response, "Vary"), Some("Accept-Encoding"));
    }
}

#[test]
fn what_the_script_varies_on_is_kept() {
    let vary = |lines: &[&str]| {
        let script: Vec<_> = lines.iter().map(|line| ("vary", *line)).collect();
        let response = precompressed(&script, &[("Accept-Encoding", "gzip")]).answer();
        assert!(!response.removed.contains(&"Vary"));
        header(&response, "Vary").map(str::to_owned)
    };
    let set = |value: &str| Some(value.to_owned());
    assert_eq!(vary(&["Cookie"]), set("Cookie, Accept-Encoding"));
    assert_eq!(
        vary(&["Cookie,  Origin", ",Accept"]),
        set("Cookie, Origin, Accept, Accept-Encoding")
    );
    assert_eq!(vary(&["a\r\nb: c, d"]), set("d, Accept-Encoding"));
    assert_eq!(vary(&[""]), set("Accept-Encoding"));
    for said in [
        &["accept-encoding"][..],
        &["Cookie, Accept-Encoding"],
        &["Cookie", "Accept-encoding"],
        &["*"],
        &["Cookie, *"],
    ] {
        assert_eq!(vary(said), None, "{said:?}");
    }
}

fn codings_to_try(case: &Case) -> Vec<Coding> {
    let request = Request {
        method: Method::parse(case.method),
        headers: case.request,
    };
    let script = Script {
        status: case.status,
        headers: case.script,
    };
    let options = Options::new(case.options).unwrap();
    options.codings_to_try(&request, &script)
}

#[test]
fn only_siblings_that_could_be_sent_are_looked_for() {
    let to_try = |request: Headers| codings_to_try(&precompressed(&[], request));
    let accept = ("Accept-Encoding", "gzip, zstd;q=0.1, br;q=0");
    let range = ("Range", "bytes=0-1");
    assert_eq!(to_try(&[accept]), [Zstd, Gzip]);
    assert_eq!(to_try(&[accept, range]), []);
    assert_eq!(to_try(&[accept, range, ("If-Range", ETAG)]), [Zstd, Gzip]);
    assert_eq!(to_try(&[accept, range, ("If-Match", ETAG)]), [Zstd, Gzip]);
    assert_eq!(to_try(&[range, ("Accept-Encoding", "gzip, *;q=0")]), [Gzip]);
    assert_eq!(to_try(&[]), []);
}

/// What a member of Accept-Encoding says, in a form that needs no parser.
#[derive(Clone, Debug)]
struct Member {
    name: &'static str,
    thousandths: u16,
}

/// The choice as the rules read, one after the other, on a list of what is there.
fn naive_choice(members: &[Member], coded: &[(Coding, FileFacts)]) -> Option<Coding> {
    let said = |name: &str| {
        let found = members.iter().filter(|member| member.name == name);
        found.map(|member| member.thousandths).min()
    };
    let mut best: Option<(u16, u64, usize)> = None;
    let mut choice = None;
    for (place, coding) in [Brotli, Zstd, Gzip].into_iter().enumerate() {
        let Some((_, file)) = coded.iter().find(|(other, _)| *other == coding) else {
            continue;
        };
        let quality = said(coding.name()).or(said("*")).unwrap_or(0);
        let better = best.is_none_or(|(other, size, before)| {
            quality > other || (quality == other && (file.size, place) < (size, before))
        });
        if quality > 0 && better {
            best = Some((quality, file.size, place));
            choice = Some(coding);
        }
    }
    let identity_wins = match (said("identity"), best) {
        (Some(quality), Some((other, size, _))) if quality > 0 => {
            quality > other || (quality == other && 10 < size)
        }
        _ => false,
    };
    if identity_wins { None } else { choice }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_choice_is_that_of_a_naive_chooser(
        members in prop::collection::vec(
            (
                prop::sample::select(vec!["gzip", "br", "zstd", "identity", "*", "deflate"]),
                prop_oneof![Just(0u16), Just(1000), Just(500), 0u16..=1000],
            ).prop_map(|(name, thousandths)| Member { name, thousandths }),
            0..7,
        ),
        sizes in [prop::option::of(8u64..13), prop::option::of(8u64..13), prop::option::of(8u64..13)],
        lines in 1usize..4,
    ) {
        let coded: Vec<_> = [Gzip, Brotli, Zstd]
            .into_iter()
            .zip(sizes)
            .filter_map(|(coding, size)| Some((coding, sibling(size?))))
            .collect();
        let text = |member: &Member| format!("{};q={}.{:03}", member.name, member.thousandths / 1000, member.thousandths % 1000);
        let values: Vec<String> = members
            .chunks(lines)
            .map(|chunk| chunk.iter().map(text).collect::<Vec<_>>().join(", "))
            .collect();
        let request: Vec<_> = values.iter().map(|value| ("Accept-Encoding", value.as_str())).collect();
        let with_siblings = Case { coded: &coded, ..precompressed(&[], &request) };
        let response = with_siblings.answer();
        prop_assert_eq!(response.coding, naive_choice(&members, &coded), "{:?}", request);

        // Who looks only for the siblings that are asked for, gets the same answer.
        let tried = codings_to_try(&with_siblings);
        let found: Vec<_> = coded.iter().copied().filter(|(coding, _)| tried.contains(coding)).collect();
        prop_assert_eq!(response, Case { coded: &found, ..with_siblings }.answer());
    }
}
