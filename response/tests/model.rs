//! `respond()` against a model that has the file's bytes and looks at them one by one.

mod support;

use proptest::prelude::*;
use send_file_response::limits::{MAX_CONTENT_TYPE_BYTES, MAX_LITERAL_BYTES, MAX_RANGES};
use send_file_response::{Part, RawOptions, Response};
use support::*;

/// First and last position as the client writes them.
type Spec = (Option<u64>, Option<u64>);

/// What of the request and the call differs from one case to the next.
#[derive(Clone, Debug)]
struct Input {
    file_bytes: u64,
    offset: u64,
    length: Option<u64>,
    specs: Vec<Spec>,
    /// The entity tag in If-Range: ours, or an old one.
    if_range: Option<bool>,
}

/// A file in which no two neighbours, and hardly any two windows, look alike.
fn file(bytes: u64) -> Vec<u8> {
    (0..bytes).map(|at| (at * 37 % 251) as u8).collect()
}

/// The answer as the rules read.
#[derive(Debug, PartialEq)]
enum Expected {
    Whole(Vec<u8>),
    Unsatisfiable,
    /// Content-Range and bytes of each.
    Parts(Vec<(String, Vec<u8>)>),
}

fn model(input: &Input) -> Expected {
    let wanted = |at: &u64| {
        *at >= input.offset && input.length.is_none_or(|length| at - input.offset < length)
    };
    let file = file(input.file_bytes);
    let positions: Vec<u64> = (0..input.file_bytes).filter(wanted).collect();
    let content: Vec<u8> = positions.iter().map(|at| file[*at as usize]).collect();
    let size = content.len() as u64;

    let malformed = input.specs.iter().any(|spec| match spec {
        (None, None) => true,
        (Some(first), Some(last)) => last < first,
        _ => false,
    });
    let any_of_nothing = size == 0
        && input
            .specs
            .iter()
            .any(|spec| matches!(spec, (None, Some(1..))));
    if input.if_range == Some(false) || malformed || input.specs.is_empty() || any_of_nothing {
        return Expected::Whole(content);
    }
    let selected: Vec<Vec<u64>> = input
        .specs
        .iter()
        .map(|spec| (0..size).filter(|at| names(spec, *at, size)).collect())
        .filter(|selected: &Vec<u64>| !selected.is_empty())
        .collect();
    let total: usize = selected.iter().map(Vec::len).sum();
    let overlapping = selected.iter().enumerate().filter(|(i, one)| {
        let mut others = selected.iter().enumerate().filter(|(j, _)| i != j);
        others.any(|(_, two)| one.iter().any(|at| two.contains(at)))
    });
    match selected.len() {
        0 => Expected::Unsatisfiable,
        2.. if total as u64 >= size || overlapping.count() > 2 => Expected::Whole(content),
        _ => Expected::Parts(
            selected
                .iter()
                .map(|selected| {
                    let (first, last) = (selected[0], selected[selected.len() - 1]);
                    let bytes = selected.iter().map(|at| content[*at as usize]).collect();
                    (format!("bytes {first}-{last}/{size}"), bytes)
                })
                .collect(),
        ),
    }
}

fn names(spec: &Spec, at: u64, size: u64) -> bool {
    match *spec {
        (Some(first), last) => at >= first && last.is_none_or(|last| at <= last),
        (None, last) => last.is_some_and(|last| at + last >= size),
    }
}

fn answer(input: &Input, range: &str) -> Response {
    let with = |request: Headers| {
        Case {
            request,
            size: input.file_bytes,
            options: RawOptions {
                filename: b"a.txt",
                offset: input.offset,
                length: input.length,
                ..RawOptions::default()
            },
            ..Case::default()
        }
        .answer()
    };
    let ours = with(&[]);
    let etag = header(&ours, "ETag").unwrap();
    match input.if_range {
        None => with(&[("Range", range)]),
        Some(true) => with(&[("Range", range), ("If-Range", etag)]),
        Some(false) => with(&[("Range", range), ("If-Range", "\"old\"")]),
    }
}

fn sent(response: &Response, file: &[u8]) -> Vec<u8> {
    let bytes = |part: &Part| match part {
        Part::Span { offset, len } => file[*offset as usize..][..*len as usize].to_vec(),
        Part::Literal(bytes) => bytes.clone(),
    };
    response.parts.iter().flat_map(bytes).collect()
}

/// The multipart body, built up from its parts.
fn multipart(boundary: &str, parts: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (content_range, bytes) in parts {
        if !body.is_empty() {
            body.extend(b"\r\n");
        }
        body.extend(format!("--{boundary}\r\nContent-Type: text/plain\r\n").as_bytes());
        body.extend(format!("Content-Range: {content_range}\r\n\r\n").as_bytes());
        body.extend(bytes);
    }
    body.extend(format!("\r\n--{boundary}--\r\n").as_bytes());
    body
}

fn specs() -> impl Strategy<Value = Vec<Spec>> {
    let position = || prop::option::weighted(0.8, 0u64..45);
    // Mostly such as a client means; the second number counts from the first.
    let spec = (
        position(),
        prop::option::weighted(0.8, 0u64..12),
        any::<bool>(),
    );
    let spec = spec.prop_map(|(first, more, is_relative)| match (first, more) {
        (Some(first), Some(more)) if is_relative => (Some(first), Some(first + more)),
        spec => spec,
    });
    prop::collection::vec(spec, 1..6)
}

fn input() -> impl Strategy<Value = Input> {
    let offset = prop_oneof![Just(0u64), 0u64..50];
    let length = prop::option::of(0u64..50);
    let if_range = prop_oneof![3 => Just(None), 2 => Just(Some(true)), 1 => Just(Some(false))];
    (0u64..45, offset, length, specs(), if_range).prop_map(
        |(file_bytes, offset, length, specs, if_range)| Input {
            file_bytes,
            offset,
            length,
            specs,
            if_range,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn the_answer_to_any_ranges_of_any_window_is_that_of_the_model(input in input()) {
        let text = |end: Option<u64>| end.map_or(String::new(), |end| end.to_string());
        let set: Vec<String> = input
            .specs
            .iter()
            .map(|(first, last)| format!("{}-{}", text(*first), text(*last)))
            .collect();
        let response = answer(&input, &format!("bytes={}", set.join(", ")));
        let body = sent(&response, &file(input.file_bytes));
        prop_assert!(body.len() <= input.file_bytes as usize + MAX_LITERAL_BYTES);
        let length = body.len().to_string();
        prop_assert_eq!(header(&response, "Content-Length"), Some(length.as_str()));
        let content_range = header(&response, "Content-Range");
        match model(&input) {
            Expected::Whole(content) => {
                prop_assert_eq!((response.status, content_range), (200, None));
                prop_assert_eq!(body, content);
                prop_assert!(response.whole);
            }
            Expected::Unsatisfiable => {
                prop_assert_eq!((response.status, body.len()), (416, 0));
                prop_assert!(content_range.unwrap().starts_with("bytes */"));
            }
            Expected::Parts(parts) => {
                prop_assert_eq!(response.status, 206);
                prop_assert!(!response.whole);
                if let [(only, bytes)] = &parts[..] {
                    prop_assert_eq!(content_range, Some(only.as_str()));
                    prop_assert_eq!(&body, bytes);
                } else {
                    let content_type = header(&response, "Content-Type").unwrap();
                    let boundary = content_type.strip_prefix("multipart/byteranges; boundary=").unwrap();
                    prop_assert_eq!(content_range, None);
                    prop_assert_eq!(body, multipart(boundary, &parts));
                }
            }
        }
    }
}

#[test]
fn the_longest_literals_are_as_long_as_their_bound_says() {
    let media_type = format!("text/{}", "x".repeat(MAX_CONTENT_TYPE_BYTES - 5));
    let size = u64::MAX - MAX_LITERAL_BYTES as u64;
    // Positions of twenty digits, like the size.
    let set: Vec<String> = (1..=MAX_RANGES as u64)
        .map(|nth| format!("{0}-{0}", size - 2 * nth))
        .collect();
    let range = format!("bytes={}", set.join(","));
    let response = Case {
        request: &[("Range", &range)],
        size,
        options: RawOptions {
            content_type: Some(media_type.as_bytes()),
            ..RawOptions::default()
        },
        ..Case::default()
    }
    .answer();
    let literals = response.parts.iter().filter_map(|part| match part {
        Part::Literal(bytes) => Some(bytes.len()),
        Part::Span { .. } => None,
    });
    // The first delimiter has no line break in front of it.
    assert_eq!(literals.sum::<usize>(), MAX_LITERAL_BYTES - 2);
}
