//! Requests made to harm: each has a defined answer, the right bytes if any, and the next request is
//! answered as if nothing had been.
//!
//! Web servers have an opinion of their own before PHP is asked. nginx and Apache refuse lines above 8 KiB with 400,
//! lighttpd with 431, `php -S` has no such limit but drops the connection of a head above 80 KiB. nginx refuses folded
//! lines and most repeated conditions; the others join them. `php -S` loses folded lines, and now and then the request.

use anyhow::{Context, ensure};
use send_file_php_tests::case::{Answer, Case, Tagged};
use send_file_php_tests::client::Connection;
use send_file_php_tests::files::Sample;
use send_file_php_tests::stack::Kind;

use crate::{Body, named};

pub(crate) const CASES: &[(&str, Body)] = named![
    many_ranges_never_make_the_answer_longer_than_the_file_and_the_heads_of_parts,
    a_line_of_more_than_8_kib_is_refused_by_the_web_server,
    a_range_on_two_lines_is_answered_as_the_web_server_passes_it_on,
    a_condition_on_two_lines_is_answered_as_the_web_server_passes_it_on,
    a_folded_line_is_read_as_one_or_refused,
    bytes_that_no_field_may_have_are_refused_or_mean_nothing,
    garbage_in_conditions_is_no_condition,
    garbage_in_a_range_is_no_range,
    dates_of_all_centuries_are_compared_or_ignored,
    ranges_count_for_get_alone,
];

/// As many ranges as an answer has at most (`MAX_RANGES` of the crate `response`).
const MAX_RANGES: usize = 64;

/// What stands around a part at most: boundary, media type, Content-Range.
const PART_HEAD_BYTES: u64 = 400;

/// What is to come of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// 200 and the file.
    File,
    /// 206 and these bytes, both ends included.
    Range(u64, u64),
    /// 206 and parts.
    Parts,
    /// This status and no body.
    Empty(u16),
    /// This status, by the web server, which closes.
    Refused(u16),
    /// Anything that is right in itself, or the end of the connection.
    AnythingOrNothing,
}

use Outcome::{AnythingOrNothing, Empty, File, Parts, Range, Refused};

fn many_ranges_never_make_the_answer_longer_than_the_file_and_the_heads_of_parts(
    case: &Case,
) -> anyhow::Result<()> {
    for (ranges, outcome) in [
        ("0-,".repeat(1300), File),
        ("0-0,".repeat(1300), File),
        ("-1,".repeat(1300), File),
        (",".repeat(7000), File),
        (one_byte_each(900), File),
        (one_byte_each(MAX_RANGES + 1), File),
        (one_byte_each(MAX_RANGES), Parts),
        (format!("{}0-", ",".repeat(7000)), Range(0, 99_999)),
        (format!("0-{}", "9".repeat(7000)), Range(0, 99_999)),
        (format!("{}-", "9".repeat(7000)), Empty(416)),
    ] {
        let raw = format!("Range: bytes={ranges}\r\n");
        let context = || format!("{} bytes of ranges, {:.40}", ranges.len(), ranges);
        is_answered(case, raw.as_bytes(), outcome).with_context(context)?;
    }
    Ok(())
}

/// Ranges of a byte that do not touch.
fn one_byte_each(count: usize) -> String {
    let ranges: Vec<String> = (0..count).map(|i| format!("{0}-{0}", 2 * i)).collect();
    ranges.join(",")
}

fn a_line_of_more_than_8_kib_is_refused_by_the_web_server(case: &Case) -> anyhow::Result<()> {
    for (name, repeated) in [("Range: bytes=", "0-0,"), ("If-None-Match: ", "\"a\", ")] {
        for (bytes, limit_of_php) in [(9000, false), (100_000, true)] {
            let raw = format!("{name}{}\r\n", repeated.repeat(bytes / repeated.len()));
            let outcome = match case.stack.kind {
                Kind::LighttpdCgi => Refused(431),
                Kind::CliServer if limit_of_php => AnythingOrNothing,
                Kind::CliServer => File,
                _ => Refused(400),
            };
            is_answered(case, raw.as_bytes(), outcome)
                .with_context(|| format!("{name} with {bytes} bytes"))?;
        }
    }
    Ok(())
}

/// Two ranges are no list (RFC 9110 section 5.3). Joined they are malformed; nginx up to 1.22 hands both to PHP, where
/// the last one stands.
fn a_range_on_two_lines_is_answered_as_the_web_server_passes_it_on(
    case: &Case,
) -> anyhow::Result<()> {
    let outcome = match case.stack.kind {
        Kind::NginxFpmUnix | Kind::NginxFpmTcp => Range(20, 29),
        _ => File,
    };
    is_answered(case, b"Range: bytes=0-9\r\nRange: bytes=20-29\r\n", outcome)
}

/// nginx refuses them. lighttpd passes the first If-None-Match and If-Modified-Since on, the others join all.
fn a_condition_on_two_lines_is_answered_as_the_web_server_passes_it_on(
    case: &Case,
) -> anyhow::Result<()> {
    let etag = case
        .ask(&case.head_file(&case.files.page))?
        .header("ETag")?;
    let never = "Fri, 31 Dec 9999 23:59:59 GMT";
    let always = "Thu, 01 Jan 1970 00:00:00 GMT";
    for (name, first, second, joined, first_alone) in [
        ("If-None-Match", "\"x\"", etag.as_str(), Empty(304), File),
        ("If-None-Match", &etag, "\"x\"", Empty(304), Empty(304)),
        ("If-Match", "\"x\"", &etag, File, File),
        ("If-Match", "\"x\"", "\"y\"", Empty(412), Empty(412)),
        ("If-Modified-Since", never, never, File, Empty(304)),
        ("If-Unmodified-Since", always, always, File, File),
    ] {
        let outcome = match case.stack.kind {
            Kind::NginxFpmUnix | Kind::NginxFpmTcp => Refused(400),
            Kind::LighttpdCgi => first_alone,
            _ => joined,
        };
        let raw = format!("{name}: {first}\r\n{name}: {second}\r\n");
        is_answered(case, raw.as_bytes(), outcome).context(raw)?;
    }
    Ok(())
}

/// RFC 9112 section 5.2: refuse it, or read the line break as spaces.
fn a_folded_line_is_read_as_one_or_refused(case: &Case) -> anyhow::Result<()> {
    let etag = case
        .ask(&case.head_file(&case.files.page))?
        .header("ETag")?;
    for (raw, unfolded) in [
        ("Range: bytes=0-9,\r\n 20-29\r\n".to_owned(), Parts),
        ("Range: bytes=0-9,\r\n\t20-29\r\n".to_owned(), Parts),
        ("Range:\r\n bytes=0-9\r\n".to_owned(), Range(0, 9)),
        (format!("If-None-Match: \"x\",\r\n {etag}\r\n"), Empty(304)),
    ] {
        let outcome = match case.stack.kind {
            Kind::NginxFpmUnix | Kind::NginxFpmTcp => Refused(400),
            Kind::CliServer => AnythingOrNothing,
            _ => unfolded,
        };
        is_answered(case, raw.as_bytes(), outcome).context(raw)?;
    }
    Ok(())
}

/// Apache and lighttpd refuse control characters, nginx only line ends and NUL, `php -S` none.
fn bytes_that_no_field_may_have_are_refused_or_mean_nothing(case: &Case) -> anyhow::Result<()> {
    for (raw, of_nginx) in [
        (&b"Range: bytes=0-\x019\r\n"[..], File),
        (b"Range: bytes=0-\x7f9\r\n", File),
        (b"Range: bytes=0-9\0\r\n", Refused(400)),
        (b"If-None-Match: \"a\0b\"\r\n", Refused(400)),
        (b"If-None-Match: *\rX-Injected: 1\r\n", Refused(400)),
        (b"Range bytes=0-9\r\n", Refused(400)),
        (b"Range : bytes=0-9\r\n", Refused(400)),
    ] {
        let outcome = match case.stack.kind {
            Kind::NginxFpmUnix | Kind::NginxFpmTcp => of_nginx,
            Kind::CliServer => AnythingOrNothing,
            _ => Refused(400),
        };
        is_answered(case, raw, outcome)
            .with_context(|| String::from_utf8_lossy(raw).into_owned())?;
    }
    Ok(())
}

fn garbage_in_conditions_is_no_condition(case: &Case) -> anyhow::Result<()> {
    let long = format!("\"{}\"", "x".repeat(7000));
    let many = "\"x\",".repeat(1700);
    let garbage: [&[u8]; 16] = [
        b"x",
        b"\"",
        b"\"x",
        b"W/",
        b"W/x",
        b"w/\"x\"",
        b"\"\"",
        b",,,,",
        b"x, *",
        b"\"*\"",
        b"%22x%22",
        b"\"\xff\xfe\"",
        b"\xc3\x28",
        b"../../etc/passwd",
        long.as_bytes(),
        many.as_bytes(),
    ];
    for value in garbage {
        for (name, range, outcome) in [
            ("If-None-Match", "", File),
            ("If-Modified-Since", "", File),
            ("If-Unmodified-Since", "", File),
            // A version that cannot be the file's, all the same.
            ("If-Match", "", Empty(412)),
            ("If-Range", "Range: bytes=0-9\r\n", File),
        ] {
            let raw = [name.as_bytes(), b": ", value, b"\r\n", range.as_bytes()].concat();
            is_answered(case, &raw, outcome)
                .with_context(|| String::from_utf8_lossy(&raw).into_owned())?;
        }
    }
    Ok(())
}

fn garbage_in_a_range_is_no_range(case: &Case) -> anyhow::Result<()> {
    let garbage: [&[u8]; 14] = [
        b"",
        b"bytes",
        b"bytes=",
        b"bytes=-",
        b"bytes=--1",
        b"bytes=5",
        b"bytes=+1-2",
        b"bytes=1-2-3",
        b"bytes=0x0-0x9",
        b"bytes=0-9;20-29",
        b"bytes=1e3-2e3",
        b"bytes=0-\xff9",
        b"bytes: 0-9",
        b"0-9",
    ];
    for value in garbage {
        let raw = [b"Range: ", value, b"\r\n"].concat();
        is_answered(case, &raw, File)
            .with_context(|| String::from_utf8_lossy(&raw).into_owned())?;
    }
    Ok(())
}

/// The file is of this year. What is no date is no condition.
fn dates_of_all_centuries_are_compared_or_ignored(case: &Case) -> anyhow::Result<()> {
    for (date, since, unmodified_since) in [
        ("Sat, 01 Jan 0000 00:00:00 GMT", File, None),
        ("Mon, 01 Jan 0001 00:00:00 GMT", File, None),
        ("Fri, 15 Oct 1582 00:00:00 GMT", File, None),
        ("Wed, 31 Dec 1969 23:59:59 GMT", File, None),
        ("Thu, 01 Jan 1970 00:00:00 GMT", File, Some(Empty(412))),
        ("Sunday, 06-Nov-94 08:49:37 GMT", File, Some(Empty(412))),
        ("Sun Nov  6 08:49:37 1994", File, Some(Empty(412))),
        ("Thu, 29 Feb 2024 12:00:00 GMT", File, Some(Empty(412))),
        ("Sun, 07 Feb 2106 06:28:16 GMT", Empty(304), Some(File)),
        ("Fri, 31 Dec 9999 23:59:59 GMT", Empty(304), Some(File)),
        ("Fri Dec 31 23:59:59 9999", Empty(304), Some(File)),
        ("Sat, 01 Jan 10000 00:00:00 GMT", File, Some(File)),
        ("Fri, 31 Dec 99999999999999 23:59:59 GMT", File, Some(File)),
        ("Fri, 31 Dec -001 23:59:59 GMT", File, Some(File)),
        ("Fri, 32 Dec 9999 23:59:59 GMT", File, Some(File)),
        ("Thu, 30 Feb 2023 00:00:00 GMT", File, Some(File)),
        ("Fri, 31 Dec 9999 24:00:00 GMT", File, Some(File)),
        ("Fri, 31 Dec 9999 23:59:59 +0200", File, Some(File)),
        ("9999-12-31T23:59:59Z", File, Some(File)),
        ("253402300799", File, Some(File)),
    ] {
        let raw = format!("If-Modified-Since: {date}\r\n");
        is_answered(case, raw.as_bytes(), since).context(raw)?;
        // Before 1970 a date may be read or ignored.
        if let Some(outcome) = unmodified_since {
            let raw = format!("If-Unmodified-Since: {date}\r\n");
            is_answered(case, raw.as_bytes(), outcome).context(raw)?;
        }
        let raw = format!("Range: bytes=0-9\r\nIf-Range: {date}\r\n");
        is_answered(case, raw.as_bytes(), File).context(raw)?;
    }
    Ok(())
}

/// RFC 9110 section 14.2. What is no GET or HEAD has no conditions here either: the script has acted on it.
fn ranges_count_for_get_alone(case: &Case) -> anyhow::Result<()> {
    let page = &case.files.page;
    let query = format!("file={}", page.name);
    for (name, value) in [
        ("Range", "bytes=0-9".to_owned()),
        ("Range", format!("bytes={}", one_byte_each(MAX_RANGES))),
        ("Range", "bytes=100000-".to_owned()),
    ] {
        let mut connection = Connection::open(case.stack.address)?;
        let head = case.head("send.php", &query).with(name, &value);
        let head = case.ask_on(&mut connection, &head)?;
        head.has_status(200)?;
        head.has_length(page.len)?;
        head.has_body(b"")?;
        the_next_is_right(case, connection, &head)?;

        for body in [Vec::new(), vec![b'x'; 100_000]] {
            let mut connection = Connection::open(case.stack.address)?;
            let post = case.post("send.php", &query, body).with(name, &value);
            let post = case.ask_on(&mut connection, &post.with("If-None-Match", "*"))?;
            post.is_the_file(page)?;
            case.was_handed_off(&post)?;
            the_next_is_right(case, connection, &post)?;
        }
    }
    Ok(())
}

pub(crate) fn nothing_of_the_file_is_said(answer: &Answer) -> anyhow::Result<()> {
    for name in ["X-Injected", "Content-Disposition", "ETag", "Accept-Ranges"] {
        answer.has_no_header(name)?;
    }
    Ok(())
}

/// Asks for the page with these lines in the head. The answer is this, the manager had its part in it, and the next
/// request is answered: on the same connection, or on another where this one has ended.
fn is_answered(case: &Case, raw: &[u8], outcome: Outcome) -> anyhow::Result<()> {
    let page = &case.files.page;
    let request = case.get_file(page);
    let mut connection = Connection::open(case.stack.address)?;
    let sent = connection.send(&with_raw_lines(&request, raw));
    let response = sent.and_then(|()| connection.read_response(true));
    let response = match response {
        Err(_) if outcome == AnythingOrNothing => return case.page().map(drop),
        response => response?,
    };
    let answer = request.answered(response);
    answer.has_no_header("X-Injected")?;
    if outcome == File && case.stack.kind == Kind::LighttpdCgi && answer.response.head.status != 200
    {
        // It looks for ranges itself, in a 200 that has come whole by the time it sends the head.
        ensure!(
            raw.starts_with(b"Range:"),
            "an answer that nobody asked for"
        );
        is_right_in_itself(&answer, page)?;
    } else {
        has_outcome(&answer, page, outcome)?;
        if matches!(outcome, File | Range(..) | Parts) {
            case.was_handed_off(&answer)?;
        }
    }
    the_next_is_right(case, connection, &answer)
}

fn with_raw_lines(request: &Tagged, raw: &[u8]) -> Vec<u8> {
    let head = request.request.head_text();
    let lines = head.strip_suffix("\r\n").unwrap_or(&head);
    [lines.as_bytes(), raw, b"\r\n"].concat()
}

fn has_outcome(answer: &Answer, sample: &Sample, outcome: Outcome) -> anyhow::Result<()> {
    match outcome {
        File => answer.is_the_file(sample),
        Range(first, last) => answer.is_the_range(sample, first..last + 1),
        Parts => {
            answer.has_status(206)?;
            is_right_in_itself(answer, sample)
        }
        Empty(status) => {
            answer.has_status(status)?;
            answer.has_body(b"")
        }
        Refused(status) => {
            answer.has_status(status)?;
            nothing_of_the_file_is_said(answer)?;
            answer.ensure(answer.response.head.closes(), || {
                "the connection is not closed".to_owned()
            })
        }
        AnythingOrNothing => is_right_in_itself(answer, sample),
    }
}

/// Whatever was understood: the bytes are those that the head says, and not many more than the file has.
fn is_right_in_itself(answer: &Answer, sample: &Sample) -> anyhow::Result<()> {
    answer.is_whole()?;
    let most = sample.len + MAX_RANGES as u64 * PART_HEAD_BYTES;
    answer.ensure(answer.response.body_bytes <= most, || {
        "more bytes than a file and its parts have".to_owned()
    })?;
    match (
        answer.response.head.status,
        answer.response.head.header("Content-Range"),
    ) {
        (200, _) => answer.is_the_file(sample),
        (206, Some(range)) => {
            let range = range.trim_start_matches("bytes ").replace('/', "-");
            let mut numbers = range.split('-').map(str::parse::<u64>);
            let mut next = || {
                numbers
                    .next()
                    .context("a Content-Range")?
                    .map_err(anyhow::Error::from)
            };
            let (first, last) = (next()?, next()?);
            answer.is_the_range(sample, first..last + 1)
        }
        (206, None) => {
            let content_type = answer.header("Content-Type")?;
            answer.ensure(
                content_type.starts_with("multipart/byteranges; boundary="),
                || "a part without a place".to_owned(),
            )?;
            answer.has_length(answer.response.body_bytes)
        }
        (304 | 412, _) => answer.has_body(b""),
        (status, _) => answer.ensure(matches!(status, 400 | 416 | 431), || {
            "an answer that is not one of these".to_owned()
        }),
    }
}

pub(crate) fn the_next_is_right(
    case: &Case,
    mut connection: Connection,
    answer: &Answer,
) -> anyhow::Result<()> {
    let small = &case.files.small;
    if !answer.response.head.closes() {
        return case
            .ask_on(&mut connection, &case.get_file(small))?
            .is_the_file(small);
    }
    let rest = connection.read_until_closed()?;
    answer.ensure(rest.is_empty(), || format!("{} bytes follow", rest.len()))?;
    case.ask(&case.get_file(small))?.is_the_file(small)
}
