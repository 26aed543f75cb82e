//! Tables of requests (`table_rows`, `table_options`), answered alike with the manager and without, and by all web
//! servers.
//!
//! Every answer is also what its row says, or two wrong ones would be alike.

use anyhow::{Context, bail, ensure};
use send_file_php_tests::case::{Answer, Case, Tagged};
use send_file_php_tests::files::{Sample, file_path};
use send_file_php_tests::stack::Kind;

use crate::alike::{Alike, Seen, boundary};
use crate::applications::preset_query;
use crate::table_files::{MODIFIED_SECS, files, http_date};
use crate::table_options::OPTION_ROWS;
use crate::table_rows::{ROWS, Row};
use crate::{Comparison, named};

/// Run on the two stacks of each kind.
pub(crate) const CASES_OF_A_KIND: &[(&str, Comparison)] = named![
    every_row_is_answered_alike_with_the_manager_and_without,
    every_row_of_options_is_answered_alike_with_the_manager_and_without,
];

/// Run on the stacks of all kinds.
pub(crate) const CASES_OF_ALL_KINDS: &[(&str, Comparison)] = named![
    every_row_is_answered_alike_by_all_web_servers,
    every_row_of_options_is_answered_alike_by_all_web_servers,
];

fn every_row_is_answered_alike_with_the_manager_and_without(cases: &[Case]) -> anyhow::Result<()> {
    every_row_is_answered_alike(ROWS, cases, Alike::InEverything)
}

fn every_row_of_options_is_answered_alike_with_the_manager_and_without(
    cases: &[Case],
) -> anyhow::Result<()> {
    every_row_is_answered_alike(OPTION_ROWS, cases, Alike::InEverything)
}

fn every_row_is_answered_alike_by_all_web_servers(cases: &[Case]) -> anyhow::Result<()> {
    every_row_is_answered_alike(ROWS, cases, Alike::ButForTheWebServer)
}

fn every_row_of_options_is_answered_alike_by_all_web_servers(cases: &[Case]) -> anyhow::Result<()> {
    every_row_is_answered_alike(OPTION_ROWS, cases, Alike::ButForTheWebServer)
}

/// What the stacks answer to each row is what the row says, and the same.
fn every_row_is_answered_alike(rows: &[Row], cases: &[Case], alike: Alike) -> anyhow::Result<()> {
    let mut failures = Vec::new();
    for row in rows {
        if let Err(error) = row_is_answered_alike(row, cases, alike) {
            failures.push(format!("{row:?}\n{error:#}"));
        }
    }
    ensure!(
        failures.is_empty(),
        "{} rows fail; {}",
        failures.len(),
        failures.join("\n\n")
    );
    Ok(())
}

fn row_is_answered_alike(row: &Row, cases: &[Case], alike: Alike) -> anyhow::Result<()> {
    let content = Content::of(row)?;
    let mut first: Option<Seen> = None;
    for case in cases {
        let stack = case.stack.kind.name();
        if case.stack.kind == Kind::LighttpdCgi && row.lighttpd_may_find_a_range() {
            continue;
        }
        let answer = case.ask(&request(case, row)?)?;
        is_as_the_row_says(case, &answer, row, &content).context(stack)?;
        if row.method != "HEAD" {
            case.was_handed_off(&answer).context(stack)?;
        }
        if row.deletes() {
            deletes_after_a_whole_answer_only(case, &answer, row).context(stack)?;
        }
        let seen = Seen::of(&answer, alike);
        if let Some(first) = &first {
            first.is_the_same_as(&seen).context(stack)?;
        }
        first.get_or_insert(seen);
    }
    Ok(())
}

fn request(case: &Case, row: &Row) -> anyhow::Result<Tagged> {
    let query = query(row, &fields(row.script))?;
    let mut request = match row.method {
        "GET" => case.get(row.page, &query),
        "HEAD" => case.head(row.page, &query),
        "POST" => case.post(row.page, &query, b"a body".to_vec()),
        other => bail!("no method for a row: {other}"),
    };
    for line in fields(row.request) {
        let (name, value) = line.split_once(": ").context("a header of the row")?;
        request = request.with(name, &filled(case, row, value)?);
    }
    Ok(request)
}

fn query(row: &Row, script: &[&str]) -> anyhow::Result<String> {
    let query = preset_query(files().named(row.file)?, script);
    Ok(format!("{query}&{}", row.options))
}

/// Text of a row with the dates and entity tags that it names.
fn filled(case: &Case, row: &Row, text: &str) -> anyhow::Result<String> {
    let mut text = text
        .replace("{date}", &http_date(MODIFIED_SECS))
        .replace("{before}", &http_date(MODIFIED_SECS - 1))
        .replace("{after}", &http_date(MODIFIED_SECS + 1));
    for (name, coding) in [
        ("{etag}", "identity"),
        ("{br}", "br"),
        ("{zstd}", "zstd"),
        ("{gzip}", "gzip"),
    ] {
        if text.contains(name) {
            let head = case.head(row.page, &query(row, &[])?);
            let head = case.ask(&head.with("Accept-Encoding", coding))?;
            text = text.replace(name, &head.header("ETag")?);
        }
    }
    if text.contains("{file}") {
        let head = case.ask(&case.head_file(files().named(row.file)?))?;
        text = text.replace("{file}", &head.header("ETag")?);
    }
    Ok(text)
}

fn fields(column: &'static str) -> Vec<&'static str> {
    column
        .split(" | ")
        .filter(|field| !field.is_empty())
        .collect()
}

/// The bytes that an answer is about: a window of a file, or a sibling.
struct Content {
    sample: &'static Sample,
    offset: u64,
    len: u64,
}

impl Content {
    fn of(row: &Row) -> anyhow::Result<Content> {
        let coding = fields(row.headers)
            .into_iter()
            .find_map(|line| line.strip_prefix("Content-Encoding: "));
        let suffix = match coding {
            Some("gzip") => ".gz",
            Some("zstd") => ".zst",
            Some("br") => ".br",
            _ => "",
        };
        let sample = files().named(&format!("{}{suffix}", row.file))?;
        let offset = row.option("offset").unwrap_or("0").parse()?;
        let rest = sample.len.saturating_sub(offset);
        let len = row.option("length").map_or(Ok(rest), str::parse)?;
        Ok(Content {
            sample,
            offset,
            len: len.min(rest),
        })
    }

    fn bytes(&self, first: u64, last: u64) -> anyhow::Result<Vec<u8>> {
        ensure!(last < self.len, "the row names bytes beyond the content");
        self.sample.bytes(self.offset + first, last - first + 1)
    }
}

fn is_as_the_row_says(
    case: &Case,
    answer: &Answer,
    row: &Row,
    content: &Content,
) -> anyhow::Result<()> {
    answer.has_status(row.status)?;
    has_the_headers_of_the_row(case, answer, row)?;
    if row.status == 416 && !row.headers.contains("Content-Range") {
        answer.has_header("Content-Range", &format!("bytes */{}", content.len))?;
    }
    let expected = match row.body {
        "nothing" => Vec::new(),
        "all" if content.len == 0 => Vec::new(),
        "all" => content.bytes(0, content.len - 1)?,
        "parts" => return consists_of_the_parts_asked_for(answer, row, content),
        range => {
            let (first, last) = positions(range)?;
            answer.has_header("Content-Range", &format!("bytes {range}/{}", content.len))?;
            content.bytes(first, last)?
        }
    };
    // A 304 has none, and Apache drops one of 0 from the answer to a HEAD.
    if row.status != 304 && !(row.method == "HEAD" && expected.is_empty()) {
        answer.has_length(expected.len() as u64)?;
    }
    match row.method {
        "HEAD" => answer.has_body(b""),
        _ => answer.has_body(&expected),
    }
}

fn has_the_headers_of_the_row(case: &Case, answer: &Answer, row: &Row) -> anyhow::Result<()> {
    for line in fields(row.headers) {
        match line.split_once(": ") {
            // Apache writes this list without spaces.
            Some(("Vary", value)) => {
                let vary = answer.header("Vary")?.replace(", ", ",");
                answer.ensure(vary == value, || format!("not Vary: {value}"))?;
            }
            Some((name, value)) => answer.has_header(name, &filled(case, row, value)?)?,
            None => answer.has_no_header(line.strip_prefix("no ").context("a header")?)?,
        }
    }
    Ok(())
}

/// The ranges of the request, in their order, each behind a head of its own (RFC 9110 section 14.6).
fn consists_of_the_parts_asked_for(
    answer: &Answer,
    row: &Row,
    content: &Content,
) -> anyhow::Result<()> {
    let content_type = answer.header("Content-Type")?;
    let boundary = boundary(&content_type).context("no boundary")?;
    let asked = fields(row.request)
        .into_iter()
        .find_map(|line| line.strip_prefix("Range: bytes="))
        .context("no Range in the row")?;
    let mut body = Vec::new();
    for range in asked.split(',') {
        let (first, last) = positions(range)?;
        if first >= content.len {
            continue;
        }
        let line_break = if body.is_empty() { "" } else { "\r\n" };
        body.extend(
            format!(
                "{line_break}--{boundary}\r\nContent-Type: {part_type}\r\n\
                 Content-Range: bytes {first}-{last}/{len}\r\n\r\n",
                part_type = part_type(row),
                len = content.len,
            )
            .into_bytes(),
        );
        body.extend(content.bytes(first, last)?);
    }
    body.extend(format!("\r\n--{boundary}--\r\n").into_bytes());
    answer.has_no_header("Content-Range")?;
    answer.has_length(body.len() as u64)?;
    answer.has_body(&body)
}

/// The argument, else what the script has set, else by the file's name.
fn part_type(row: &Row) -> &'static str {
    let set = fields(row.script)
        .into_iter()
        .find_map(|line| line.strip_prefix("Content-Type: "));
    let by_name = if row.file.ends_with(".css") {
        "text/css"
    } else {
        "application/octet-stream"
    };
    row.option("content_type").or(set).unwrap_or(by_name)
}

fn positions(range: &str) -> anyhow::Result<(u64, u64)> {
    let (first, last) = range.split_once('-').context("not a range")?;
    Ok((first.parse()?, last.parse()?))
}

/// Whether the script's copy is still there is known when its request has ended: the worker may get to it only after the
/// client has everything.
fn deletes_after_a_whole_answer_only(
    case: &Case,
    answer: &Answer,
    row: &Row,
) -> anyhow::Result<()> {
    case.wait_for_mark(&answer.tag, "ended")?;
    let copy = file_path(&format!("copies/{}", answer.tag))?;
    let is_whole = row.body == "all" && row.method != "HEAD";
    ensure!(
        copy.exists() != is_whole,
        "the file is {} after {} {}",
        if is_whole { "still there" } else { "deleted" },
        row.method,
        row.status
    );
    Ok(())
}
