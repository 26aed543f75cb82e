//! `precompressed`, once a sibling may be sent: its tag, and which bytes a range is of.

mod support;

use send_file_response::Coding::{self, Brotli, Gzip};
use send_file_response::RawOptions;
use support::*;

#[test]
fn conditions_are_judged_by_the_tag_of_the_sibling() {
    let gzip = ("Accept-Encoding", "gzip");
    let status = |condition| asked(&[gzip, condition]).status;
    assert_eq!(status(("If-None-Match", GZIP_ETAG)), 304);
    assert_eq!(status(("If-None-Match", ETAG)), 200);
    assert_eq!(status(("If-Match", GZIP_ETAG)), 200);
    assert_eq!(status(("If-Match", ETAG)), 412);
    assert_eq!(status(("If-Modified-Since", SIBLING_MODIFIED)), 304);
    assert_eq!(status(("If-Modified-Since", MODIFIED)), 200);
    let not_modified = asked(&[gzip, ("If-None-Match", GZIP_ETAG)]);
    assert_eq!(header(&not_modified, "ETag"), Some(GZIP_ETAG));
    assert!(not_modified.removed.contains(&"Content-Encoding"));
}

#[test]
fn a_strong_tag_of_script_or_argument_gets_the_name_of_the_coding() {
    let with = |script, etag, accept| {
        let request = [("Accept-Encoding", accept)];
        let response = Case {
            options: RawOptions {
                etag,
                ..PRECOMPRESSED
            },
            ..precompressed(script, &request)
        }
        .answer();
        header(&response, "ETag").map(str::to_owned)
    };
    let own: Headers = &[("ETag", "\"v1\"")];
    let set = |value: &str| Some(value.to_owned());
    assert_eq!(with(own, None, "gzip"), set("\"v1-gzip\""));
    assert_eq!(with(own, None, ""), None);
    assert_eq!(with(own, Some(b"v2"), "br"), set("\"v2-br\""));
    assert_eq!(with(own, Some(b"v2"), ""), set("\"v2\""));
    assert_eq!(with(own, Some(b"W/\"v2\""), "zstd"), set("W/\"v2\""));
    assert_eq!(with(&[("ETag", "W/\"v1\"")], None, "gzip"), None);
    assert_eq!(with(&[("ETag", "malformed")], None, "gzip"), None);
    assert_eq!(with(own, Some(b""), "gzip"), None);
}

#[test]
fn a_tag_with_the_name_of_the_coding_is_recognised() {
    let own: Headers = &[("ETag", "\"v1\""), ("Last-Modified", MODIFIED)];
    let gzip = ("Accept-Encoding", "gzip");
    let status = |condition| precompressed(own, &[gzip, condition]).answer().status;
    assert_eq!(status(("If-None-Match", "\"v1-gzip\"")), 304);
    assert_eq!(status(("If-None-Match", "\"v1\"")), 200);
    assert_eq!(status(("If-Modified-Since", MODIFIED)), 304);
    let response = precompressed(own, &[gzip]).answer();
    assert_eq!(header(&response, "Last-Modified"), None);
}

#[test]
fn a_304_of_the_script_names_the_copy_that_the_client_has() {
    let named = |script, if_none_match| {
        let request = [
            ("Accept-Encoding", "gzip, br"),
            ("If-None-Match", if_none_match),
        ];
        let response = Case {
            status: Some(304),
            ..precompressed(script, &request)
        }
        .answer();
        header(&response, "ETag").map(str::to_owned)
    };
    let own: Headers = &[("ETag", "\"v1\"")];
    let set = |value: &str| Some(value.to_owned());
    assert_eq!(named(own, "\"v1\""), None);
    assert_eq!(named(own, "\"v1-gzip\""), set("\"v1-gzip\""));
    assert_eq!(named(own, "\"old\""), set("\"v1-br\""));
    assert_eq!(named(&[], ETAG), set(ETAG));
    assert_eq!(named(&[], GZIP_ETAG), set(GZIP_ETAG));
    assert_eq!(named(&[], "*"), set(BROTLI_ETAG));
}

#[test]
fn a_range_goes_on_in_the_representation_that_its_condition_names() {
    let accept = ("Accept-Encoding", "gzip, br");
    let range = ("Range", "bytes=2-3");
    for name in ["If-Range", "If-Match"] {
        for (etag, coding, size) in [
            (GZIP_ETAG, Some(Gzip), 8),
            (BROTLI_ETAG, Some(Brotli), 6),
            (ETAG, None, 10),
        ] {
            let response = asked(&[accept, range, (name, etag)]);
            assert_eq!((response.status, response.coding), (206, coding), "{etag}");
            let content_range = format!("bytes 2-3/{size}");
            assert_eq!(
                header(&response, "Content-Range"),
                Some(content_range.as_str())
            );
            let name = coding.map(Coding::name);
            assert_eq!(header(&response, "Content-Encoding"), name);
        }
    }
}

#[test]
fn a_range_of_an_unnamed_version_is_one_of_the_decoded_file() {
    let range = ("Range", "bytes=2-3");
    for request in [
        &[("Accept-Encoding", "gzip"), range][..],
        &[("Accept-Encoding", "gzip"), range, ("If-Match", "*")],
        &[range],
    ] {
        let response = asked(request);
        assert_eq!((response.status, response.coding), (206, None));
        assert_eq!(body(&response), b"23");
    }
    let refusing = [("Accept-Encoding", "gzip, br, identity;q=0"), range];
    let response = asked(&refusing);
    assert_eq!((response.status, response.coding), (206, Some(Brotli)));
}

#[test]
fn an_if_range_that_names_no_version_is_answered_like_a_request_for_all() {
    let accept = ("Accept-Encoding", "gzip");
    let range = ("Range", "bytes=2-3");
    for (if_range, status) in [
        ("\"old\"", 200),
        ("W/\"8-2ebc98a2-0-9\"", 200),
        (BROTLI_ETAG, 200),
        (MODIFIED, 200),
        (SIBLING_MODIFIED, 206),
    ] {
        let response = asked(&[accept, range, ("If-Range", if_range)]);
        assert_eq!(
            (response.status, response.coding),
            (status, Some(Gzip)),
            "{if_range}"
        );
    }
}

#[test]
fn a_range_that_is_ignored_does_not_choose() {
    let accept = ("Accept-Encoding", "gzip");
    for range in ["items=0-1", "bytes=x", "bytes=2-1", ""] {
        assert_eq!(
            asked(&[accept, ("Range", range)]).coding,
            Some(Gzip),
            "{range}"
        );
    }
    let twice: Headers = &[accept, ("Range", "bytes=0-1"), ("Range", "bytes=0-1")];
    assert_eq!(asked(twice).coding, Some(Gzip));
    let one: Headers = &[accept, ("Range", "bytes=0-1")];
    let without_ranges = precompressed(&[("Accept-Ranges", "none")], one).answer();
    assert_eq!(without_ranges.coding, Some(Gzip));
    for method in ["HEAD", "POST"] {
        let case = Case {
            method,
            ..precompressed(&[], one)
        };
        assert_eq!(case.answer().coding, Some(Gzip), "{method}");
    }
}

#[test]
fn several_ranges_of_coded_bytes_are_the_whole() {
    let ranges = ("Range", "bytes=0-1,3-3");
    let ours = asked(&[("Accept-Encoding", "gzip"), ranges, ("If-Range", GZIP_ETAG)]);
    assert_eq!((ours.status, ours.body_bytes()), (200, 8));
    let of_the_script = precompressed(&[("Content-Encoding", "gzip")], &[ranges]).answer();
    assert_eq!(
        (of_the_script.status, of_the_script.body_bytes()),
        (200, 10)
    );
}

#[test]
fn digests_of_the_file_do_not_go_with_a_sibling() {
    let script: Headers = &[("Repr-Digest", "x"), ("Content-MD5", "y")];
    let gzip = ("Accept-Encoding", "gzip");
    let coded = precompressed(script, &[gzip]).answer();
    assert!(coded.removed.contains(&"Repr-Digest") && coded.removed.contains(&"Content-MD5"));
    let not_modified = precompressed(script, &[gzip, ("If-None-Match", "*")]).answer();
    assert!(not_modified.removed.contains(&"Repr-Digest"));
    let plain = precompressed(script, &[]).answer();
    assert!(!plain.removed.contains(&"Repr-Digest") && !plain.removed.contains(&"Content-MD5"));
}
