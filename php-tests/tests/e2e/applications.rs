//! What scripts set before the call, as if they sent the file themselves: status lines, lengths, validators, codings.

use std::fs;
use std::process::Command;

use anyhow::ensure;
use send_file_php_tests::case::{Answer, Case, Tagged};
use send_file_php_tests::files::{Sample, file_path};
use send_file_php_tests::stack::Kind;

use crate::{Body, named};

pub(crate) const CASES: &[(&str, Body)] = named![
    a_status_line_of_the_script_gives_way_to_the_computed_status,
    a_status_header_as_cgi_has_it_does_not_outlive_the_computed_status,
    a_status_line_that_is_not_200_is_the_choice_of_the_script,
    a_length_of_the_script_is_corrected_and_sent_once,
    a_part_that_the_script_has_chosen_is_left_alone,
    a_part_that_the_file_is_not_is_answered_with_the_file,
    conditions_are_judged_against_the_etag_of_the_script,
    conditions_are_judged_against_the_date_of_the_script,
    a_gzip_file_of_the_script_keeps_its_coding,
    repeated_headers_are_kept_in_every_answer_with_the_file,
];

/// The query for preset.php that sends this file after setting these header lines.
pub(crate) fn preset_query(sample: &Sample, lines: &[&str]) -> String {
    let mut query = format!("file={}", sample.name);
    for line in lines {
        query += &format!("&header%5B%5D={}", percent_encoded(line.as_bytes()));
    }
    query
}

pub(crate) fn percent_encoded(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_' => {
                char::from(*byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// A GET of the file after the script has set these header lines.
fn preset(case: &Case, sample: &Sample, lines: &[&str]) -> Tagged {
    case.get("preset.php", &preset_query(sample, lines))
}

fn a_status_line_of_the_script_gives_way_to_the_computed_status(case: &Case) -> anyhow::Result<()> {
    let page = &case.files.page;
    for line in ["HTTP/1.1 200 OK", "HTTP/1.0 200 OK", "HTTP/1.1 200 Fine"] {
        let request = preset(case, page, &[line]);
        let whole = case.ask(&request)?;
        whole.is_the_file(page)?;
        let etag = whole.header("ETag")?;
        for (name, value, status_line) in [
            ("Range", "bytes=0-49999", "206 Partial Content"),
            ("Range", "bytes=0-9,50000-50009", "206 Partial Content"),
            ("If-None-Match", &etag, "304 Not Modified"),
            ("If-Match", "\"other\"", "412 Precondition Failed"),
            ("Range", "bytes=100000-", "416 "),
        ] {
            let answer = case.ask(&request.clone().with(name, value))?;
            let expected = format!("HTTP/1.1 {status_line}");
            answer.ensure(answer.response.head.text.starts_with(&expected), || {
                format!("the answer does not start with {expected:?}")
            })?;
            answer.has_no_header("Status")?;
            answer.is_whole()?;
        }
    }
    Ok(())
}

/// Scripts of the time of CGI say `Status: 200 OK` beside the status line, or instead of it.
fn a_status_header_as_cgi_has_it_does_not_outlive_the_computed_status(
    case: &Case,
) -> anyhow::Result<()> {
    let page = &case.files.page;
    let request = || preset(case, page, &["Status: 200 OK"]);
    let whole = case.ask(&request())?;
    whole.is_the_file(page)?;
    let etag = whole.header("ETag")?;
    for (name, value, status) in [
        ("Range", "bytes=0-49999", 206),
        ("If-None-Match", &etag, 304),
        ("Range", "bytes=100000-", 416),
    ] {
        let answer = case.ask(&request().with(name, value))?;
        is_the_file_or_its_start(&answer, page, status)?;
    }
    Ok(())
}

fn a_status_line_that_is_not_200_is_the_choice_of_the_script(case: &Case) -> anyhow::Result<()> {
    let page = &case.files.page;
    let request = preset(case, page, &["HTTP/1.1 404 Not Found"]);
    let answer = case.ask(&request.with("Range", "bytes=0-9"))?;
    answer.has_status(404)?;
    answer.has_the_bytes_of(page)?;
    answer.has_no_header("Content-Range")?;
    case.was_handed_off(&answer)
}

fn a_length_of_the_script_is_corrected_and_sent_once(case: &Case) -> anyhow::Result<()> {
    let page = &case.files.page;
    let whole_length = format!("Content-Length: {}", page.len);
    for lines in [
        &[whole_length.as_str()][..],
        &["Content-Length: 5"],
        &["Content-Length: 999999999"],
        &["content-length: 5", "Content-Length: 6"],
    ] {
        let request = || preset(case, page, lines);
        let whole = case.ask(&request())?;
        whole.is_the_file(page)?;
        case.was_handed_off(&whole)?;
        let etag = whole.header("ETag")?;

        let part = case.ask(&request().with("Range", "bytes=10000-49999"))?;
        part.is_the_range(page, 10_000..50_000)?;
        case.was_handed_off(&part)?;

        let none = case.ask(&request().with("Range", "bytes=100000-"))?;
        none.has_status(416)?;
        none.has_length(0)?;
        none.has_body(b"")?;

        let unchanged = case.ask(&request().with("If-None-Match", &etag))?;
        unchanged.has_status(304)?;
        unchanged.has_no_header("Content-Length")?;

        let head = case.ask(&case.head("preset.php", &preset_query(page, lines)))?;
        head.has_status(200)?;
        head.has_length(page.len)?;
        head.has_body(b"")?;
    }
    Ok(())
}

fn a_part_that_the_script_has_chosen_is_left_alone(case: &Case) -> anyhow::Result<()> {
    let page = &case.files.page;
    let lines = [
        "HTTP/1.1 206 Partial Content",
        "Content-Range: bytes 500000-599999/2000000",
        "Content-Length: 100000",
    ];
    for range in [None, Some("bytes=500000-599999"), Some("bytes=0-9")] {
        let mut request = preset(case, page, &lines);
        if let Some(range) = range {
            request = request.with("Range", range);
        }
        let answer = case.ask(&request)?;
        answer.has_status(206)?;
        answer.has_header("Content-Range", "bytes 500000-599999/2000000")?;
        answer.has_length(page.len)?;
        answer.has_the_bytes_of(page)?;
        case.was_handed_off(&answer)?;
    }
    Ok(())
}

fn a_part_that_the_file_is_not_is_answered_with_the_file(case: &Case) -> anyhow::Result<()> {
    let page = &case.files.page;
    let request = case.get("symfony.php", &format!("file={}&own_part=1", page.name));
    let answer = case.ask(&request.with("Range", "bytes=0-99"))?;
    if case.stack.kind == Kind::LighttpdCgi && answer.response.head.status == 206 {
        // lighttpd cuts the part out of a 200 itself where that has come whole by the time it sends the head.
        return answer.is_the_range(page, 0..100);
    }
    answer.is_the_file(page)?;
    answer.has_no_header("Content-Range")?;
    case.was_handed_off(&answer)
}

fn conditions_are_judged_against_the_etag_of_the_script(case: &Case) -> anyhow::Result<()> {
    let page = &case.files.page;
    for (etag, name, value, status) in [
        ("\"own\"", "If-None-Match", "\"own\"", 304),
        ("\"own\"", "If-None-Match", "W/\"own\"", 304),
        ("\"own\"", "If-None-Match", "\"a\", W/\"b\",\"own\"", 304),
        ("\"own\"", "If-None-Match", "\"a\", \"b\"", 200),
        ("W/\"own\"", "If-None-Match", "\"own\"", 304),
        ("W/\"own\"", "If-None-Match", "W/\"own\"", 304),
        ("\"own\"", "If-Match", "\"a\", \"own\"", 200),
        ("\"own\"", "If-Match", "W/\"own\"", 412),
        ("W/\"own\"", "If-Match", "W/\"own\"", 412),
        ("\"own\"", "If-Range", "\"own\"", 206),
        ("\"own\"", "If-Range", "\"other\"", 200),
        ("W/\"own\"", "If-Range", "W/\"own\"", 200),
        ("\"with, a comma\"", "If-None-Match", "\"with\"", 200),
        // Not an entity tag, as careless scripts have it: nothing matches it.
        ("own", "If-None-Match", "own", 200),
        ("own", "If-Range", "own", 200),
    ] {
        let mut request = preset(case, page, &[&format!("ETag: {etag}")]).with(name, value);
        if name == "If-Range" {
            request = request.with("Range", "bytes=0-49999");
        }
        let answer = case.ask(&request)?;
        is_the_file_or_its_start(&answer, page, status)?;
        answer.has_header("ETag", etag)?;
    }
    Ok(())
}

fn conditions_are_judged_against_the_date_of_the_script(case: &Case) -> anyhow::Result<()> {
    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";
    let page = &case.files.page;
    for (name, value, status) in [
        ("If-Modified-Since", BEFORE, 200),
        ("If-Modified-Since", DATE, 304),
        ("If-Modified-Since", AFTER, 304),
        ("If-Unmodified-Since", BEFORE, 412),
        ("If-Unmodified-Since", DATE, 200),
        ("If-Range", BEFORE, 200),
        ("If-Range", DATE, 206),
        ("If-Range", AFTER, 200),
    ] {
        let mut request = preset(case, page, &[&format!("Last-Modified: {DATE}")]);
        request = request.with(name, value);
        if name == "If-Range" {
            request = request.with("Range", "bytes=0-49999");
        }
        let answer = case.ask(&request)?;
        is_the_file_or_its_start(&answer, page, status)?;
        answer.has_header("Last-Modified", DATE)?;
    }
    Ok(())
}

/// 200 is the file, 206 its first 50,000 bytes, anything else has no body.
fn is_the_file_or_its_start(answer: &Answer, sample: &Sample, status: u16) -> anyhow::Result<()> {
    match status {
        200 => answer.is_the_file(sample),
        206 => answer.is_the_range(sample, 0..50_000),
        status => {
            answer.has_status(status)?;
            answer.has_body(b"")
        }
    }
}

fn a_gzip_file_of_the_script_keeps_its_coding(case: &Case) -> anyhow::Result<()> {
    let plain = own_sample(case, "style.css", 200_000)?;
    let gzipped = gzip(&plain)?;
    for script in ["preset.php", "dokuwiki.php"] {
        let query = preset_query(&gzipped, &["Content-Encoding: gzip"]);
        let request = || case.get(script, &query);
        for accepted in ["gzip", "identity"] {
            let answer = case.ask(&request().with("Accept-Encoding", accepted))?;
            answer.is_the_file(&gzipped)?;
            answer.has_header("Content-Encoding", "gzip")?;
            case.was_handed_off(&answer)?;
            let decoded = gunzip(&gzipped, &answer.response.body)?;
            ensure!(
                decoded == plain.bytes(0, plain.len)?,
                "it decodes to something else"
            );
        }
        let whole = case.ask(&request())?;
        let part = case.ask(&request().with("Range", "bytes=100-50099"))?;
        part.is_the_range(&gzipped, 100..50_100)?;
        part.has_header("Content-Encoding", "gzip")?;
        part.has_header("ETag", &whole.header("ETag")?)?;
        let etag = whole.header("ETag")?;
        let unchanged = case.ask(&request().with("If-None-Match", &etag))?;
        unchanged.has_status(304)?;
        unchanged.has_header("ETag", &etag)?;
        unchanged.has_no_header("Content-Encoding")?;
    }
    Ok(())
}

/// The file and what gzip(1) makes of it.
fn gzip(plain: &Sample) -> anyhow::Result<Sample> {
    let status = Command::new("gzip")
        .args(["--keep", "--no-name"])
        .arg(&plain.path)
        .status()?;
    ensure!(status.success(), "gzip failed");
    Sample::existing(&format!("{}.gz", plain.name))
}

/// What the bytes that came of this file decode to.
fn gunzip(gzipped: &Sample, bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
    let came = gzipped.path.with_extension("came.gz");
    fs::write(&came, bytes)?;
    let output = Command::new("gzip")
        .args(["--decompress", "--stdout"])
        .arg(&came)
        .output()?;
    ensure!(output.status.success(), "not in the format of gzip");
    Ok(output.stdout)
}

fn repeated_headers_are_kept_in_every_answer_with_the_file(case: &Case) -> anyhow::Result<()> {
    let page = &case.files.page;
    let lines = [
        "Cache-Control: private",
        "Cache-Control: max-age=60",
        "Set-Cookie: first=1",
        "Set-Cookie: second=2",
        "Link: </a>; rel=next",
        "Link: </b>; rel=prev",
    ];
    let request = preset(case, page, &lines);
    let whole = case.ask(&request)?;
    whole.is_the_file(page)?;
    let part = case.ask(&request.clone().with("Range", "bytes=0-49999"))?;
    part.is_the_range(page, 0..50_000)?;
    let unchanged = case.ask(&request.with("If-None-Match", &whole.header("ETag")?))?;
    unchanged.has_status(304)?;
    for answer in [whole, part, unchanged] {
        let head = &answer.response.head;
        for (name, values) in [
            ("Cache-Control", ["private", "max-age=60"]),
            ("Set-Cookie", ["first=1", "second=2"]),
            ("Link", ["</a>; rel=next", "</b>; rel=prev"]),
        ] {
            // A web server may join the lines of a list, but no cookies (RFC 9110 section 5.3).
            let got = head.headers_named(name);
            let joined = name != "Set-Cookie" && got == [values.join(", ")];
            answer.ensure(got == values || joined, || format!("{name} is {got:?}"))?;
        }
    }
    Ok(())
}

/// A file for one case alone, in a folder of its own.
pub(crate) fn own_sample(case: &Case, name: &str, len: u64) -> anyhow::Result<Sample> {
    let tag = case.get("", "").tag;
    fs::create_dir(file_path(&tag)?)?;
    Sample::create(&format!("{tag}/{name}"), len)
}
