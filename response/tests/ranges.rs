//! Parts of the file, and the bodies that carry them.

mod support;

use proptest::prelude::*;
use send_file_response::limits::MAX_PARTS;
use send_file_response::{Part, RawOptions};
use support::*;

#[test]
fn one_range_is_a_206_with_all_that_a_200_has() {
    let response = get(&[("Range", "bytes=2-4")]);
    assert_eq!(response.status, 206);
    assert_eq!(header(&response, "Content-Range"), Some("bytes 2-4/10"));
    assert_eq!(header(&response, "Content-Length"), Some("3"));
    assert_eq!(header(&response, "Content-Type"), Some("text/plain"));
    assert_eq!(header(&response, "ETag"), Some(ETAG));
    assert_eq!(header(&response, "Last-Modified"), Some(MODIFIED));
    assert_eq!(header(&response, "Accept-Ranges"), Some("bytes"));
    assert_eq!(body(&response), b"234");
}

#[test]
fn the_full_range_is_a_206_too() {
    let response = get(&[("Range", "bytes=0-")]);
    assert_eq!(response.status, 206);
    assert_eq!(header(&response, "Content-Range"), Some("bytes 0-9/10"));
    assert_eq!(body(&response), CONTENT);
}

#[test]
fn an_unsatisfiable_range_says_how_long_the_file_is() {
    let response = get(&[("Range", "bytes=10-")]);
    assert_eq!(response.status, 416);
    assert_eq!(header(&response, "Content-Range"), Some("bytes */10"));
    assert_eq!(header(&response, "Content-Length"), Some("0"));
    assert!(response.removed.contains(&"Content-Type"));
    assert!(response.parts.is_empty());
}

#[test]
fn an_empty_file_has_no_range_but_a_suffix() {
    let with = |range| {
        let request = [("Range", range)];
        Case {
            request: &request,
            size: 0,
            ..Case::default()
        }
        .answer()
    };
    assert_eq!(with("bytes=0-").status, 416);
    assert_eq!(
        header(&with("bytes=0-"), "Content-Range"),
        Some("bytes */0")
    );
    assert_eq!(with("bytes=-5").status, 200);
}

#[test]
fn two_range_lines_are_ignored() {
    let response = get(&[("Range", "bytes=0-1"), ("Range", "bytes=2-3")]);
    assert_eq!((response.status, response.body_bytes()), (200, 10));
}

#[test]
fn if_range_decides_between_part_and_whole() {
    let status = |if_range, range| get(&[("Range", range), ("If-Range", if_range)]).status;
    assert_eq!(status(ETAG, "bytes=0-1"), 206);
    assert_eq!(status(MODIFIED, "bytes=0-1"), 206);
    assert_eq!(status("\"x\"", "bytes=0-1"), 200);
    assert_eq!(status("Sun, 06 Nov 1994 08:49:38 GMT", "bytes=0-1"), 200);
    assert_eq!(status(ETAG, "bytes=10-"), 416);
    assert_eq!(status("\"x\"", "bytes=10-"), 200);
}

#[test]
fn a_range_of_a_version_that_the_client_does_not_mean_is_refused_first() {
    assert_eq!(
        get(&[("Range", "bytes=10-"), ("If-Match", "\"x\"")]).status,
        412
    );
    assert_eq!(
        get(&[("Range", "bytes=10-"), ("If-None-Match", ETAG)]).status,
        304
    );
}

#[test]
fn several_ranges_are_a_multipart_body_of_known_length() {
    let response = get(&[("Range", "bytes=7-8,0-1")]);
    assert_eq!(response.status, 206);
    assert_eq!(header(&response, "Content-Range"), None);
    assert_eq!(
        read_multipart(&response),
        [
            ("text/plain".into(), "bytes 7-8/10".into(), b"78".to_vec()),
            ("text/plain".into(), "bytes 0-1/10".into(), b"01".to_vec()),
        ]
    );
}

#[test]
fn the_type_of_the_script_goes_into_the_parts() {
    let response = Case {
        request: &[("Range", "bytes=7-8,0-1")],
        script: &[("Content-Type", "text/x-own")],
        ..Case::default()
    }
    .answer();
    assert!(
        header(&response, "Content-Type")
            .unwrap()
            .starts_with("multipart/byteranges; ")
    );
    assert!(
        read_multipart(&response)
            .iter()
            .all(|part| part.0 == "text/x-own")
    );
}

/// What chance would hardly make.
const GOOD_REQUEST_HEADERS: Headers = &[
    ("Range", "bytes=1-2"),
    ("Range", "bytes=0-0,2-3"),
    ("Range", "bytes=-1"),
    ("If-Range", ETAG),
    ("If-Match", "*"),
    ("Accept-Encoding", "gzip, br;q=0.5"),
    ("Accept-Encoding", "zstd, identity;q=0"),
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// `assert_sound` in `answer()` compares Content-Length with the body for each of these.
    #[test]
    fn what_is_sent_is_what_the_headers_say(
        specs in prop::collection::vec((0u64..14, 0u64..14), 1..5),
    ) {
        let set: Vec<String> = specs.iter().map(|(first, more)| format!("{first}-{}", first + more)).collect();
        let value = format!("bytes={}", set.join(","));
        let response = get(&[("Range", &value)]);
        // The naive answer: each range that begins inside the file, cut out of it.
        let wanted: Vec<(String, Vec<u8>)> = specs
            .iter()
            .filter(|(first, _)| *first < 10)
            .map(|(first, more)| {
                let last = (first + more).min(9);
                (format!("bytes {first}-{last}/10"), CONTENT[*first as usize..=last as usize].to_vec())
            })
            .collect();
        match (response.status, wanted.len()) {
            (416, 0) => {}
            (206, 1) => {
                prop_assert_eq!(header(&response, "Content-Range"), Some(wanted[0].0.as_str()));
                prop_assert_eq!(body(&response), wanted[0].1.clone());
            }
            (206, 2..) => {
                let sent: Vec<_> = read_multipart(&response).into_iter().map(|part| (part.1, part.2)).collect();
                prop_assert_eq!(sent, wanted);
            }
            (200, 2..) => prop_assert_eq!(body(&response), CONTENT),
            (status, count) => prop_assert!(false, "{} for {} ranges", status, count),
        }
    }

    #[test]
    fn no_request_no_script_and_no_options_make_an_unsound_answer(
        method in "GET|HEAD|POST",
        status in prop::option::of(prop::sample::select(vec![103u16, 200, 204, 205, 206, 304, 404])),
        request in prop::collection::vec((
            "Range|If-Range|If-Match|If-None-Match|If-Modified-Since|If-Unmodified-Since|Accept-Encoding",
            "bytes=([0-9]{0,2}-[0-9]{0,2},?){1,70}|(W/)?\"[a-z]\"|\\*|Sun, 06 Nov 1994 08:49:37 GMT|gzip|.*",
        ), 0..5),
        good in prop::collection::vec(prop::sample::select(GOOD_REQUEST_HEADERS), 0..3),
        script in prop::collection::vec((
            "ETag|Last-Modified|Content-Type|Content-Range|Accept-Ranges|Content-Length|Transfer-Encoding|Vary|Content-Encoding",
            "(W/)?\"[a-z]\"|none|(?s).*",
        ), 0..4),
        size in prop_oneof![0u64..200, Just(i64::MAX as u64)],
        window in prop::option::of((0u64..220, prop::option::of(0u64..220))),
        etag in prop::option::of("|v|W/\"v\""),
        (delete, precompressed) in any::<(bool, bool)>(),
    ) {
        fn borrowed(pairs: &[(String, String)]) -> Vec<(&str, &str)> {
            pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
        }
        let (mut request, script) = (borrowed(&request), borrowed(&script));
        request.extend(good);
        let (offset, length) = window.filter(|_| !delete).unwrap_or((0, None));
        let options = RawOptions {
            offset,
            length,
            etag: etag.as_deref().map(str::as_bytes),
            delete,
            precompressed,
            ..Case::default().options
        };
        let case = Case {
            method: &method,
            status,
            request: &request,
            script: &script,
            size,
            options,
            coded: SIBLINGS,
            ..Case::default()
        };
        let response = case.answer();
        if method == "HEAD" {
            let whole: Vec<_> = request.iter().copied().filter(|(name, _)| *name != "Range").collect();
            let get = Case { method: "GET", request: &whole, ..case }.answer();
            prop_assert_eq!((get.status, get.headers, get.removed), (response.status, response.headers.clone(), response.removed.clone()));
        }
        prop_assert!(response.parts.len() <= MAX_PARTS);
        let (first, end) = match response.coding {
            Some(coding) => (0, SIBLINGS.iter().find(|(other, _)| *other == coding).unwrap().1.size),
            None => (offset.min(size), length.map_or(size, |length| size.min(offset + length)).max(offset.min(size))),
        };
        for part in &response.parts {
            match part {
                Part::Span { offset, len } => prop_assert!(*offset >= first && offset + len <= end),
                // Delimiter, two headers and line breaks: nothing of the script can add lines.
                Part::Literal(bytes) => prop_assert!(bytes.iter().filter(|byte| **byte == b'\n').count() <= 5),
            }
        }
    }
}
