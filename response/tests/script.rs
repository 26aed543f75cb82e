//! What the script set, against what is computed.

mod support;

use send_file_response::{RawOptions, Response};
use support::*;

fn after(status: Option<u16>, script: Headers, request: Headers) -> Response {
    Case {
        request,
        status,
        script,
        ..Case::default()
    }
    .answer()
}

#[test]
fn headers_of_the_script_win_over_computed_ones() {
    let response = after(
        Some(200),
        &[
            ("content-type", "text/x-own"),
            ("ETAG", "\"own\""),
            ("last-modified", MODIFIED),
            ("accept-ranges", "bytes"),
            ("Content-Disposition", "inline"),
            ("Content-Length", "3"),
            ("Content-Encoding", "gzip"),
        ],
        &[],
    );
    assert_eq!(response.headers, [("Content-Length", "10".to_owned())]);
    assert_eq!(response.removed, ["Transfer-Encoding"]);
}

#[test]
fn explicit_arguments_win_over_headers_of_the_script() {
    let response = Case {
        script: &[
            ("Content-Type", "text/x-own"),
            ("Content-Disposition", "inline"),
        ],
        options: RawOptions {
            filename: b"a.txt",
            content_type: Some(b"image/png"),
            download_as: Some(b"a.png"),
            ..RawOptions::default()
        },
        ..Case::default()
    }
    .answer();
    assert_eq!(header(&response, "Content-Type"), Some("image/png"));
    assert_eq!(
        header(&response, "Content-Disposition"),
        Some("attachment; filename=\"a.png\"")
    );
}

#[test]
fn conditions_are_judged_by_the_validators_of_the_script() {
    let script: Headers = &[
        ("ETag", "W/\"own\""),
        ("Last-Modified", "Sun, 06 Nov 1994 08:49:30 GMT"),
    ];
    for (name, value, status) in [
        ("If-None-Match", "\"x\", \"own\"", 304),
        ("If-None-Match", ETAG, 200),
        ("If-Match", "\"own\"", 412),
        ("If-Modified-Since", "Sun, 06 Nov 1994 08:49:30 GMT", 304),
        ("If-Unmodified-Since", "Sun, 06 Nov 1994 08:49:29 GMT", 412),
    ] {
        let response = after(None, script, &[(name, value)]);
        assert_eq!(response.status, status, "{name}: {value}");
        assert_eq!(header(&response, "ETag"), None);
        assert_eq!(header(&response, "Last-Modified"), None);
    }
}

#[test]
fn a_weak_tag_of_the_script_allows_ranges_but_no_if_range() {
    let script: Headers = &[("ETag", "W/\"own\"")];
    let range = ("Range", "bytes=0-1");
    assert_eq!(after(None, script, &[range]).status, 206);
    assert_eq!(
        after(None, script, &[range, ("If-Range", "W/\"own\"")]).status,
        200
    );
    assert_eq!(
        after(None, script, &[range, ("If-Range", "\"own\"")]).status,
        200
    );
}

#[test]
fn another_status_sends_the_whole_file_whatever_is_asked() {
    let response = after(
        Some(404),
        &[],
        &[("Range", "bytes=0-1"), ("If-None-Match", "*")],
    );
    assert_eq!((response.status, response.body_bytes()), (404, 10));
    assert_eq!(header(&response, "Content-Type"), Some("text/plain"));
    assert_eq!(header(&response, "ETag"), None);
    assert_eq!(header(&response, "Accept-Ranges"), None);
}

#[test]
fn a_status_without_content_has_none() {
    for status in [204, 304] {
        let response = after(Some(status), &[], &[]);
        assert_eq!((response.status, response.body_bytes()), (status, 0));
        assert_eq!(header(&response, "Content-Length"), None);
        assert!(response.removed.contains(&"Content-Length"));
    }
    assert_eq!(
        header(&after(Some(205), &[], &[]), "Content-Length"),
        Some("0")
    );
    assert_eq!(header(&after(Some(304), &[], &[]), "ETag"), Some(ETAG));
}

#[test]
fn an_interim_status_of_the_script_is_no_answer() {
    for status in [100, 101, 103, 199] {
        let whole = after(Some(status), &[], &[]);
        assert_eq!(whole, after(None, &[], &[]), "{status}");
        let part = after(Some(status), &[], &[("Range", "bytes=0-1")]);
        assert_eq!((part.status, part.body_bytes()), (206, 2), "{status}");
    }
}

#[test]
fn a_partial_answer_of_the_script_is_left_alone() {
    let response = after(
        Some(206),
        &[("Content-Range", "bytes 5-14/20")],
        &[("Range", "bytes=5-14")],
    );
    assert_eq!((response.status, response.body_bytes()), (206, 10));
    assert_eq!(header(&response, "Content-Range"), None);
    assert!(!response.removed.contains(&"Content-Range"));
}

#[test]
fn a_206_of_the_script_without_content_range_gets_one() {
    let response = after(Some(206), &[], &[]);
    assert_eq!(header(&response, "Content-Range"), Some("bytes 0-9/10"));
    let multipart = after(
        Some(206),
        &[("Content-Type", "Multipart/Byteranges; boundary=x")],
        &[],
    );
    assert_eq!(header(&multipart, "Content-Range"), None);
}

#[test]
fn a_206_of_the_script_whose_content_range_names_other_bytes_is_no_206() {
    for content_range in [
        "bytes 5-9/20",
        "bytes 5-15/20",
        "bytes 5-14/14",
        "bytes 14-5/20",
        "bytes */20",
        "bytes 0-18446744073709551615/*",
        "bytes",
    ] {
        let response = after(Some(206), &[("Content-Range", content_range)], &[]);
        assert_eq!(
            (response.status, response.body_bytes()),
            (200, 10),
            "{content_range}"
        );
        assert!(response.removed.contains(&"Content-Range"));
    }
    let twice: Headers = &[
        ("Content-Range", "bytes 5-14/20"),
        ("Content-Range", "bytes 5-9/20"),
    ];
    assert_eq!(after(Some(206), twice, &[]).status, 200);
    let seconds = after(Some(206), &[("Content-Range", "seconds 0-10/100")], &[]);
    assert_eq!((seconds.status, seconds.body_bytes()), (206, 10));
    assert!(!seconds.removed.contains(&"Content-Range"));
    let unknown_size = after(Some(206), &[("Content-Range", "Bytes 5-14/*")], &[]);
    assert_eq!(unknown_size.status, 206);
}

#[test]
fn a_206_of_the_script_with_an_empty_file_is_no_206() {
    let response = Case {
        status: Some(206),
        size: 0,
        ..Case::default()
    }
    .answer();
    assert_eq!(response.status, 200);
    assert_eq!(header(&response, "Content-Range"), None);
}

#[test]
fn the_script_can_turn_ranges_off() {
    for script in [("Accept-Ranges", "None"), ("Content-Range", "bytes 0-9/20")] {
        let response = after(None, &[script], &[("Range", "bytes=0-1")]);
        assert_eq!(
            (response.status, response.body_bytes()),
            (200, 10),
            "{script:?}"
        );
        assert_eq!(header(&response, "Accept-Ranges"), None);
    }
}

#[test]
fn a_refusal_is_not_cached_as_the_file_would_be() {
    let unsatisfiable: Headers = &[("Range", "bytes=10-")];
    let cached = after(
        None,
        &[("Cache-Control", "public, max-age=60")],
        unsatisfiable,
    );
    assert_eq!(cached.status, 416);
    assert!(cached.removed.contains(&"Cache-Control") && cached.removed.contains(&"Expires"));
    let private = after(
        None,
        &[("Cache-Control", "private, no-store")],
        unsatisfiable,
    );
    assert!(!private.removed.contains(&"Cache-Control"));
    for name in ["CDN-Cache-Control", "Surrogate-Control", "X-Accel-Expires"] {
        assert!(cached.removed.contains(&name) && private.removed.contains(&name));
        let whole = after(None, &[(name, "60")], &[]);
        assert!(!whole.removed.contains(&name), "{name}");
    }
}

#[test]
fn a_refusal_is_not_kept_where_the_file_would_be_revalidated() {
    for refused in [("Range", "bytes=10-"), ("If-Match", "\"x\"")] {
        let response = after(
            None,
            &[("Cache-Control", "no-cache, must-revalidate, max-age=0")],
            &[refused],
        );
        assert_eq!(header(&response, "Cache-Control"), Some("no-store"));
        assert!(response.removed.contains(&"Expires"));
    }
}

#[test]
fn a_digest_of_the_whole_content_does_not_go_with_a_part() {
    let script: Headers = &[("Content-MD5", "x"), ("Repr-Digest", "y")];
    assert!(!after(None, script, &[]).removed.contains(&"Content-MD5"));
    let part = after(None, script, &[("Range", "bytes=0-1")]);
    assert!(part.removed.contains(&"Content-MD5"));
    assert!(!part.removed.contains(&"Repr-Digest"));
}
