//! The arguments `etag` and `delete`, against the request and the script.

mod support;

use send_file_response::{RawOptions, Response};
use support::*;

fn with_etag(etag: &[u8], status: Option<u16>, script: Headers, request: Headers) -> Response {
    Case {
        request,
        status,
        script,
        options: RawOptions {
            filename: b"a.txt",
            etag: Some(etag),
            ..RawOptions::default()
        },
        ..Case::default()
    }
    .answer()
}

const SCRIPT_TAG: Headers = &[("ETag", "\"script\"")];

#[test]
fn an_explicit_tag_replaces_the_computed_one_and_that_of_the_script() {
    for script in [&[][..], SCRIPT_TAG] {
        let response = with_etag(b"v1", None, script, &[]);
        assert_eq!(header(&response, "ETag"), Some("\"v1\""));
        let weak = with_etag(b"W/\"v1\"", None, script, &[]);
        assert_eq!(header(&weak, "ETag"), Some("W/\"v1\""));
    }
}

#[test]
fn conditions_are_judged_by_the_explicit_tag() {
    let range = ("Range", "bytes=0-1");
    for (etag, condition, status) in [
        (&b"v1"[..], ("If-None-Match", "\"v1\""), 304),
        (b"v1", ("If-None-Match", "\"script\""), 206),
        (b"v1", ("If-Match", "\"v1\""), 206),
        (b"v1", ("If-Match", "\"script\""), 412),
        (b"v1", ("If-Range", "\"v1\""), 206),
        (b"v1", ("If-Range", "\"script\""), 200),
        (b"W/\"v1\"", ("If-None-Match", "\"v1\""), 304),
        (b"W/\"v1\"", ("If-Match", "\"v1\""), 412),
        (b"W/\"v1\"", ("If-Range", "\"v1\""), 200),
    ] {
        let response = with_etag(etag, None, SCRIPT_TAG, &[condition, range]);
        assert_eq!(response.status, status, "{etag:?} {condition:?}");
    }
}

#[test]
fn an_explicit_tag_goes_with_every_status() {
    for status in [204, 205, 206, 304, 404] {
        let response = with_etag(b"v1", Some(status), &[], &[]);
        assert_eq!(header(&response, "ETag"), Some("\"v1\""), "{status}");
    }
}

#[test]
fn with_an_empty_tag_none_goes_out() {
    for status in [None, Some(204), Some(206), Some(304), Some(404)] {
        for request in [&[][..], &[("Range", "bytes=10-")], &[("If-Match", "\"x\"")]] {
            let response = with_etag(b"", status, SCRIPT_TAG, request);
            assert_eq!(header(&response, "ETag"), None);
            let removed = response.removed.iter().filter(|name| **name == "ETag");
            assert_eq!(removed.count(), 1, "{status:?} {request:?}");
        }
    }
}

#[test]
fn without_a_tag_only_a_star_matches_and_dates_still_work() {
    let range = ("Range", "bytes=0-1");
    for (condition, status) in [
        (("If-Match", "\"script\""), 412),
        (("If-Match", ETAG), 412),
        (("If-Match", "*"), 206),
        (("If-None-Match", "\"script\""), 206),
        (("If-None-Match", ETAG), 206),
        (("If-None-Match", "*"), 304),
        (("If-Range", "\"script\""), 200),
        (("If-Range", ETAG), 200),
        (("If-Range", MODIFIED), 206),
        (("If-Modified-Since", MODIFIED), 304),
    ] {
        let response = with_etag(b"", None, SCRIPT_TAG, &[condition, range]);
        assert_eq!(response.status, status, "{condition:?}");
        let modified = header(&response, "Last-Modified");
        assert_eq!(modified, Some(MODIFIED), "{condition:?}");
    }
}

fn deleting(method: &str, script: Headers, request: Headers) -> Response {
    Case {
        method,
        request,
        script,
        options: RawOptions {
            filename: b"a.txt",
            delete: true,
            ..RawOptions::default()
        },
        ..Case::default()
    }
    .answer()
}

#[test]
fn a_file_that_is_deleted_is_sent_whole_whatever_range_is_asked() {
    for script in [&[][..], &[("Accept-Ranges", "bytes")]] {
        for range in ["bytes=0-1", "bytes=0-1,3-3", "bytes=10-", "bytes=-5"] {
            let response = deleting("GET", script, &[("Range", range)]);
            assert_eq!((response.status, response.body_bytes()), (200, 10));
            assert!(response.whole, "{range}");
            assert_eq!(header(&response, "Accept-Ranges"), Some("none"));
        }
        let head = deleting("HEAD", script, &[]);
        assert_eq!(header(&head, "Accept-Ranges"), Some("none"));
    }
}

#[test]
fn a_file_that_is_deleted_still_has_conditions() {
    let status = |request: Headers| {
        let response = deleting("GET", &[], request);
        assert!(!response.whole);
        response.status
    };
    assert_eq!(status(&[("If-None-Match", ETAG)]), 304);
    assert_eq!(status(&[("If-Match", "\"x\"")]), 412);
}
