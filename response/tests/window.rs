//! `offset` and `length`: a part of the file is the content.

mod support;

use send_file_response::{Options, Part, RawOptions, Response};
use support::*;

fn window(offset: u64, length: Option<u64>, request: Headers) -> Response {
    Case {
        request,
        options: RawOptions {
            filename: b"a.txt",
            offset,
            length,
            ..RawOptions::default()
        },
        ..Case::default()
    }
    .answer()
}

#[test]
fn a_window_is_sent_as_a_whole_content() {
    let response = window(2, Some(5), &[]);
    assert_eq!(response.status, 200);
    assert_eq!(header(&response, "Content-Length"), Some("5"));
    assert_eq!(header(&response, "Content-Range"), None);
    assert_eq!(body(&response), b"23456");
    assert!(response.whole);
    assert_eq!(body(&window(7, None, &[])), b"789");
    assert_eq!(body(&window(7, Some(100), &[])), b"789");
}

#[test]
fn a_window_may_be_empty() {
    for (offset, length) in [(2, Some(0)), (10, None), (10, Some(3)), (11, None)] {
        let response = window(offset, length, &[]);
        assert_eq!(response.status, 200, "{offset} {length:?}");
        assert_eq!(header(&response, "Content-Length"), Some("0"));
        assert!(response.parts.is_empty() && response.whole);
    }
}

#[test]
fn ranges_are_relative_to_the_window() {
    let response = window(2, Some(5), &[("Range", "bytes=1-2")]);
    assert_eq!(response.status, 206);
    assert_eq!(header(&response, "Content-Range"), Some("bytes 1-2/5"));
    assert_eq!(response.parts, [Part::Span { offset: 3, len: 2 }]);
    let suffix = window(2, Some(5), &[("Range", "bytes=-2")]);
    assert_eq!(header(&suffix, "Content-Range"), Some("bytes 3-4/5"));
    assert_eq!(body(&suffix), b"56");
    let cut = window(2, Some(5), &[("Range", "bytes=3-9")]);
    assert_eq!(header(&cut, "Content-Range"), Some("bytes 3-4/5"));
}

#[test]
fn several_ranges_are_relative_to_the_window() {
    let response = window(2, Some(5), &[("Range", "bytes=3-3,0-1")]);
    let parts: Vec<_> = read_multipart(&response)
        .into_iter()
        .map(|part| (part.1, part.2))
        .collect();
    assert_eq!(
        parts,
        [
            ("bytes 3-3/5".to_owned(), b"5".to_vec()),
            ("bytes 0-1/5".to_owned(), b"23".to_vec()),
        ]
    );
}

#[test]
fn what_lies_behind_the_window_is_unsatisfiable() {
    let response = window(2, Some(5), &[("Range", "bytes=5-")]);
    assert_eq!(response.status, 416);
    assert_eq!(header(&response, "Content-Range"), Some("bytes */5"));
    assert_eq!(window(10, None, &[("Range", "bytes=0-")]).status, 416);
}

#[test]
fn a_window_has_its_own_entity_tag_and_the_date_of_the_file() {
    let tag = |offset, length| {
        let response = window(offset, length, &[]);
        assert_eq!(header(&response, "Last-Modified"), Some(MODIFIED));
        header(&response, "ETag").unwrap().to_owned()
    };
    assert_eq!(tag(2, Some(5)), "\"a-2ebc98a1-5-7+2+5\"");
    assert_eq!(tag(2, Some(8)), tag(2, None));
    assert_eq!(tag(0, Some(10)), ETAG);
    assert_eq!(tag(0, Some(11)), ETAG);
    assert_ne!(tag(0, Some(9)), ETAG);
}

#[test]
fn conditions_are_judged_by_the_tag_of_the_window() {
    let own = "\"a-2ebc98a1-5-7+2+5\"";
    let status = |request: Headers| window(2, Some(5), request).status;
    assert_eq!(status(&[("If-None-Match", own)]), 304);
    assert_eq!(status(&[("If-None-Match", ETAG)]), 200);
    assert_eq!(status(&[("If-Match", ETAG)]), 412);
    assert_eq!(status(&[("Range", "bytes=0-1"), ("If-Range", own)]), 206);
    assert_eq!(status(&[("Range", "bytes=0-1"), ("If-Range", ETAG)]), 200);
}

#[test]
fn two_windows_have_two_boundaries() {
    let boundary = |offset| {
        let response = window(offset, Some(5), &[("Range", "bytes=0-0,2-2")]);
        header(&response, "Content-Type").unwrap().to_owned()
    };
    assert_ne!(boundary(1), boundary(2));
}

#[test]
fn a_206_of_the_script_is_about_the_window() {
    let with = |content_range| {
        let script = [("Content-Range", content_range)];
        Case {
            status: Some(206),
            script: &script,
            options: RawOptions {
                filename: b"a.txt",
                offset: 2,
                length: Some(5),
                ..RawOptions::default()
            },
            ..Case::default()
        }
        .answer()
    };
    let part = with("bytes 2-6/10");
    assert_eq!((part.status, body(&part)), (206, b"23456".to_vec()));
    assert_eq!(with("bytes 0-9/10").status, 200);
}

#[test]
fn an_offset_begins_within_a_file_up_to_its_end() {
    let begins_within = |offset, file_bytes| {
        let options = Options::new(RawOptions {
            offset,
            ..RawOptions::default()
        });
        options.unwrap().begins_within(file_bytes)
    };
    assert!(begins_within(0, 0) && begins_within(10, 10) && begins_within(9, 10));
    assert!(!begins_within(1, 0) && !begins_within(11, 10));
}
