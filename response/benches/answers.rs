//! What the HTTP decision costs, by what the client asks.
#![allow(missing_docs, reason = "criterion's macros make public functions")]

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use send_file_response::{
    FileFacts, Method, Mtime, Options, RawOptions, Representations, Request, Response, Script,
    Version, respond,
};

criterion_group! {
    name = benches;
    config = brief();
    targets = answers
}
criterion_main!(benches);

/// Names and values.
type Headers<'a> = &'a [(&'a str, &'a str)];

const NOW_SECS: i64 = 1_750_000_000;

/// What a browser says of itself with every request.
const BROWSER: Headers = &[
    ("Host", "www.example.com"),
    (
        "User-Agent",
        "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    ),
    (
        "Accept",
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    ),
    ("Accept-Language", "en-US,en;q=0.5"),
    ("Accept-Encoding", "gzip, deflate, br, zstd"),
    ("Cookie", "PHPSESSID=3t0v1u5j5p2q7c1m8o4k9a6b0d"),
];

/// Enough to tell a tenth, and all benchmarks of the project together take a minute.
fn brief() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(700))
        .sample_size(20)
}

fn answers(criterion: &mut Criterion) {
    let etag = answer(&[])
        .headers
        .into_iter()
        .find_map(|(name, value)| (name == "ETag").then_some(value))
        .expect("an entity tag");
    let ranges: Vec<String> = (0..16)
        .map(|n| format!("{}-{}", n * 1000, n * 1000 + 99))
        .collect();
    let many = format!("bytes={}", ranges.join(","));
    let cases: [(&str, u16, Headers); 6] = [
        ("the whole file", 200, &[]),
        ("a range", 206, &[("Range", "bytes=5000-9999")]),
        ("16 ranges", 206, &[("Range", &many)]),
        (
            "a range if unchanged",
            206,
            &[("Range", "bytes=5000-"), ("If-Range", &etag)],
        ),
        ("if changed since, by tag", 304, &[("If-None-Match", &etag)]),
        (
            "if changed since, by date",
            304,
            &[("If-Modified-Since", "Sun, 06 Nov 1994 08:49:37 GMT")],
        ),
    ];
    for (name, status, headers) in cases {
        assert_eq!(answer(headers).status, status, "{name}");
        let all = [BROWSER, headers].concat();
        criterion.bench_function(&format!("answer: {name}"), |bencher| {
            bencher.iter(|| answer(black_box(&all)));
        });
    }
}

/// Everything of a call: arguments that are checked, and the decision.
fn answer(headers: Headers) -> Response {
    let request = Request {
        method: Method::Get,
        headers,
    };
    let options = Options::new(RawOptions {
        filename: b"/srv/files/report.pdf",
        download_as: Some("Report M\u{e4}rz.pdf".as_bytes()),
        ..RawOptions::default()
    });
    let file = FileFacts {
        size: 100_000,
        version: Version::File {
            mtime: Mtime {
                secs: 784_111_777,
                nanos: 5,
            },
            inode: 7,
        },
    };
    let script = Script {
        status: None,
        headers: &[("X-Powered-By", "PHP/8.2")],
    };
    respond(
        &request,
        &Representations {
            identity: file,
            coded: &[],
        },
        &script,
        &options.expect("good arguments"),
        NOW_SECS,
    )
}
