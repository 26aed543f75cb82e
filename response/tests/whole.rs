//! The whole file, and the conditions under which it is not sent.

mod support;

use send_file_response::{Part, RawOptions, Version};
use support::*;

#[test]
fn a_plain_get_is_the_whole_file_with_everything_that_describes_it() {
    let response = get(&[]);
    assert_eq!(response.status, 200);
    assert!(response.whole);
    assert_eq!(response.parts, [Part::Span { offset: 0, len: 10 }]);
    assert_eq!(
        response.headers,
        [
            ("Content-Type", "text/plain".to_owned()),
            ("ETag", ETAG.to_owned()),
            ("Last-Modified", MODIFIED.to_owned()),
            ("Accept-Ranges", "bytes".to_owned()),
            ("Content-Length", "10".to_owned()),
        ]
    );
}

#[test]
fn head_has_the_headers_of_get_and_no_body() {
    let with = |method, request| {
        let case = Case {
            method,
            request,
            ..Case::default()
        };
        case.answer()
    };
    for request in [
        &[][..],
        &[("If-None-Match", ETAG)],
        &[("If-Match", "\"x\"")],
        &[("If-Modified-Since", MODIFIED)],
    ] {
        let (get, head) = (with("GET", request), with("HEAD", request));
        assert_eq!(
            (get.status, &get.headers),
            (head.status, &head.headers),
            "{request:?}"
        );
        assert_eq!(head.body_bytes(), 0);
    }
}

#[test]
fn head_ignores_a_range() {
    let response = Case {
        method: "HEAD",
        request: &[("Range", "bytes=0-1")],
        ..Case::default()
    }
    .answer();
    assert_eq!(response.status, 200);
    assert_eq!(header(&response, "Content-Length"), Some("10"));
}

#[test]
fn other_methods_get_the_whole_file_whatever_they_ask() {
    for method in ["POST", "PUT", "get", "OPTIONS"] {
        let response = Case {
            method,
            request: &[
                ("Range", "bytes=0-1"),
                ("If-None-Match", "*"),
                ("If-Match", "\"x\""),
            ],
            ..Case::default()
        }
        .answer();
        assert_eq!(
            (response.status, response.body_bytes()),
            (200, 10),
            "{method}"
        );
    }
}

#[test]
fn the_answer_to_another_method_says_nothing_about_the_resource() {
    let post = |script, etag| {
        let case = Case {
            method: "POST",
            script,
            options: RawOptions {
                etag,
                ..Case::default().options
            },
            ..Case::default()
        };
        case.answer()
    };
    let response = post(&[], None);
    for name in ["ETag", "Last-Modified", "Accept-Ranges"] {
        assert_eq!(header(&response, name), None, "{name}");
    }
    let own = post(&[("ETag", "\"v\"")], None);
    assert!(!own.removed.contains(&"ETag"));
    assert_eq!(header(&post(&[], Some(b"v")), "ETag"), Some("\"v\""));
}

#[test]
fn an_empty_file_has_a_length_and_no_parts() {
    let response = Case {
        size: 0,
        ..Case::default()
    }
    .answer();
    assert_eq!(response.status, 200);
    assert_eq!(header(&response, "Content-Length"), Some("0"));
    assert!(response.parts.is_empty());
}

#[test]
fn a_download_has_a_name_whole_or_in_part() {
    for request in [
        &[][..],
        &[("Range", "bytes=0-1")],
        &[("Range", "bytes=0-1,3-3")],
    ] {
        let response = Case {
            request,
            options: RawOptions {
                filename: b"a.txt",
                download_as: Some(b"b.txt"),
                ..RawOptions::default()
            },
            ..Case::default()
        }
        .answer();
        assert_eq!(
            header(&response, "Content-Disposition"),
            Some("attachment; filename=\"b.txt\"")
        );
    }
}

#[test]
fn not_modified_has_validators_and_nothing_of_the_content() {
    let response = get(&[("If-None-Match", ETAG), ("Range", "bytes=0-1")]);
    assert_eq!(response.status, 304);
    assert_eq!(header(&response, "ETag"), Some(ETAG));
    assert_eq!(header(&response, "Last-Modified"), Some(MODIFIED));
    for name in [
        "Content-Length",
        "Content-Type",
        "Content-Encoding",
        "Content-Range",
    ] {
        assert!(response.removed.contains(&name), "{name}");
    }
    assert!(!response.removed.contains(&"Cache-Control"));
}

#[test]
fn only_an_answer_with_all_of_the_content_is_whole() {
    let whole = |method, status, request| {
        let case = Case {
            method,
            status,
            request,
            ..Case::default()
        };
        case.answer().whole
    };
    for (request, expected) in [
        (&[][..], true),
        (&[("Range", "items=0-1")], true),
        (&[("Range", "bytes=0-4,5-")], true),
        (&[("Range", "bytes=0-")], false),
        (&[("Range", "bytes=0-1,3-4")], false),
        (&[("Range", "bytes=10-")], false),
        (&[("If-None-Match", "*")], false),
        (&[("If-Match", "\"x\"")], false),
    ] {
        assert_eq!(whole("GET", None, request), expected, "{request:?}");
    }
    assert!(!whole("HEAD", None, &[]));
    assert!(whole("POST", None, &[]));
    assert!(whole("GET", Some(404), &[]) && whole("GET", Some(206), &[]));
    for status in [204, 205, 304] {
        assert!(!whole("GET", Some(status), &[]), "{status}");
    }
}

#[test]
fn a_buffer_has_a_tag_by_its_hash_and_no_date() {
    let response = Case {
        version: Version::Content(0xfe),
        options: RawOptions::default(),
        ..Case::default()
    }
    .answer();
    assert_eq!(
        header(&response, "ETag"),
        Some("\"a-000000000000000000000000000000fe\"")
    );
    assert_eq!(header(&response, "Last-Modified"), None);
    assert!(!response.removed.contains(&"Last-Modified"));
    assert_eq!(
        header(&response, "Content-Type"),
        Some("application/octet-stream")
    );
}

#[test]
fn dates_are_no_condition_on_a_buffer() {
    let status = |name| {
        let request = [(name, MODIFIED), ("Range", "bytes=0-1")];
        Case {
            request: &request,
            version: Version::Content(0xfe),
            ..Case::default()
        }
        .answer()
        .status
    };
    assert_eq!(status("If-Modified-Since"), 206);
    assert_eq!(status("If-Unmodified-Since"), 206);
    assert_eq!(status("If-Range"), 200);
}

#[test]
fn a_failed_precondition_is_an_empty_answer() {
    let response = get(&[("If-Match", "\"x\""), ("Range", "bytes=0-1")]);
    assert_eq!(response.status, 412);
    assert_eq!(header(&response, "Content-Length"), Some("0"));
    assert_eq!(header(&response, "ETag"), Some(ETAG));
    assert!(response.removed.contains(&"Content-Type"));
}
