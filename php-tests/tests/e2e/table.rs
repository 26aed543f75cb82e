//! One table of requests (`table_rows`), answered alike with the manager and without, and by all web servers.
//!
//! Every answer is also what its row says, or two wrong ones would be alike. The files are older than any request, so
//! that their date counts in If-Range, and all stacks send the same ones.

use std::fs::File;
use std::sync::OnceLock;
use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context, bail, ensure};
use send_file_php_tests::case::{Answer, Case, Tagged};
use send_file_php_tests::files::Sample;
use send_file_php_tests::stack::Kind;

use crate::applications::preset_query;
use crate::table_rows::{ROWS, Row};
use crate::{Comparison, named};

/// Run on the two stacks of each kind.
pub(crate) const CASES_OF_A_KIND: &[(&str, Comparison)] =
    named![every_row_is_answered_alike_with_the_manager_and_without];

/// Run on the stacks of all kinds.
pub(crate) const CASES_OF_ALL_KINDS: &[(&str, Comparison)] =
    named![every_row_is_answered_alike_by_all_web_servers];

/// Headers that may differ between two answers of one web server: the time, and what becomes of the connection.
const OF_THE_CONNECTION: [&str; 4] = ["date", "connection", "keep-alive", "x-accel-buffering"];

/// Headers that may differ between web servers besides: their names; what the administrator has added, which `php -S`
/// cannot; the request's Host, which `php -S` repeats; the framing, since Apache drops the length of a FastCGI answer;
/// the offer of HTTP/2.
const OF_THE_WEB_SERVER: [&str; 6] = [
    "server",
    "upgrade",
    "x-from-the-server",
    "host",
    "content-length",
    "transfer-encoding",
];

/// When the files of the table were last modified.
const MODIFIED_SECS: u64 = 784_111_777;
const MODIFIED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

fn every_row_is_answered_alike_with_the_manager_and_without(cases: &[Case]) -> anyhow::Result<()> {
    every_row_is_answered_alike(cases, Alike::InEverything)
}

fn every_row_is_answered_alike_by_all_web_servers(cases: &[Case]) -> anyhow::Result<()> {
    every_row_is_answered_alike(cases, Alike::ButForTheWebServer)
}

/// How much of two answers is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Alike {
    /// Everything but [`OF_THE_CONNECTION`].
    InEverything,
    /// Not [`OF_THE_WEB_SERVER`] either, nor the reason phrase, nor whether list fields stand on one line or on more.
    ButForTheWebServer,
}

/// What the stacks answer to each row is what the row says, and the same.
fn every_row_is_answered_alike(cases: &[Case], alike: Alike) -> anyhow::Result<()> {
    let mut failures = Vec::new();
    for row in ROWS {
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
    let sample = files().named(row.file)?;
    let mut first: Option<Seen> = None;
    for case in cases {
        let stack = case.stack.kind.name();
        if case.stack.kind == Kind::LighttpdCgi && row.lighttpd_may_find_a_range() {
            continue;
        }
        let answer = case.ask(&request(case, row, sample)?)?;
        is_as_the_row_says(&answer, row, sample).context(stack)?;
        if row.method != "HEAD" {
            case.was_handed_off(&answer).context(stack)?;
        }
        let seen = Seen::of(&answer, alike);
        if let Some(first) = &first {
            first.is_the_same_as(&seen).context(stack)?;
        }
        first.get_or_insert(seen);
    }
    Ok(())
}

fn request(case: &Case, row: &Row, sample: &Sample) -> anyhow::Result<Tagged> {
    let query = preset_query(sample, &fields(row.script));
    let mut request = match row.method {
        "GET" => case.get("preset.php", &query),
        "HEAD" => case.head("preset.php", &query),
        "POST" => case.post("preset.php", &query, b"a body".to_vec()),
        other => bail!("no method for a row: {other}"),
    };
    for line in fields(row.request) {
        let (name, value) = line.split_once(": ").context("a header of the row")?;
        let value = value
            .replace("{date}", MODIFIED)
            .replace("{before}", BEFORE)
            .replace("{after}", AFTER);
        let value = if value.contains("{etag}") {
            value.replace("{etag}", &etag(case, sample)?)
        } else {
            value
        };
        request = request.with(name, &value);
    }
    Ok(request)
}

/// The entity tag that the extension computes, which holds the file's inode.
fn etag(case: &Case, sample: &Sample) -> anyhow::Result<String> {
    case.ask(&case.head_file(sample))?.header("ETag")
}

fn fields(column: &'static str) -> Vec<&'static str> {
    column
        .split(" | ")
        .filter(|field| !field.is_empty())
        .collect()
}

fn is_as_the_row_says(answer: &Answer, row: &Row, sample: &Sample) -> anyhow::Result<()> {
    answer.has_status(row.status)?;
    let (expected, content_range) = match row.body {
        "nothing" => (Vec::new(), None),
        "all" => (sample.bytes(0, sample.len)?, None),
        "parts" => return consists_of_the_parts_asked_for(answer, row, sample),
        range => {
            let (first, last) = positions(range)?;
            let content_range = format!("bytes {range}/{}", sample.len);
            (sample.bytes(first, last - first + 1)?, Some(content_range))
        }
    };
    if row.status == 206 {
        answer.has_header("Content-Range", &content_range.unwrap_or_default())?;
    }
    // A 304 has none, and Apache drops one of 0 from the answer to a HEAD.
    if row.status != 304 && !(row.method == "HEAD" && expected.is_empty()) {
        answer.has_length(expected.len() as u64)?;
    }
    match row.method {
        "HEAD" => answer.has_body(b""),
        _ => answer.has_body(&expected),
    }
}

/// The ranges of the request, in their order, each behind a head of its own (RFC 9110 section 14.6).
fn consists_of_the_parts_asked_for(
    answer: &Answer,
    row: &Row,
    sample: &Sample,
) -> anyhow::Result<()> {
    let content_type = answer.header("Content-Type")?;
    let boundary = boundary(&content_type).context("no boundary")?;
    let part_type = fields(row.script)
        .into_iter()
        .find_map(|line| line.strip_prefix("Content-Type: "))
        .unwrap_or("application/octet-stream");
    let asked = fields(row.request)
        .into_iter()
        .find_map(|line| line.strip_prefix("Range: bytes="))
        .context("no Range in the row")?;
    let mut body = Vec::new();
    for range in asked.split(',') {
        let (first, last) = positions(range)?;
        if first >= sample.len {
            continue;
        }
        let line_break = if body.is_empty() { "" } else { "\r\n" };
        body.extend(
            format!(
                "{line_break}--{boundary}\r\nContent-Type: {part_type}\r\n\
                 Content-Range: bytes {first}-{last}/{}\r\n\r\n",
                sample.len
            )
            .into_bytes(),
        );
        body.extend(sample.bytes(first, last - first + 1)?);
    }
    body.extend(format!("\r\n--{boundary}--\r\n").into_bytes());
    answer.has_no_header("Content-Range")?;
    answer.has_length(body.len() as u64)?;
    answer.has_body(&body)
}

fn positions(range: &str) -> anyhow::Result<(u64, u64)> {
    let (first, last) = range.split_once('-').context("not a range")?;
    Ok((first.parse()?, last.parse()?))
}

fn boundary(content_type: &str) -> Option<&str> {
    content_type.strip_prefix("multipart/byteranges; boundary=")
}

/// What of an answer must be the same. Boundaries are made of the time.
struct Seen {
    status_line: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Seen {
    fn of(answer: &Answer, alike: Alike) -> Seen {
        let head = &answer.response.head;
        let mut seen = Seen {
            status_line: head.text.lines().next().unwrap_or_default().to_owned(),
            headers: Vec::new(),
            body: answer.response.body.clone(),
        };
        for (name, value) in &head.headers {
            seen.add(name.to_ascii_lowercase(), value.clone());
        }
        // The order of lines with different names means nothing; this sort keeps that of equal ones.
        seen.headers.sort_by(|(a, _), (b, _)| a.cmp(b));
        if alike == Alike::ButForTheWebServer {
            seen.forget_the_web_server();
        }
        seen
    }

    fn add(&mut self, name: String, value: String) {
        if OF_THE_CONNECTION.contains(&name.as_str()) {
            return;
        }
        let Some(boundary) = boundary(&value) else {
            return self.headers.push((name, value));
        };
        self.body = replaced(&self.body, boundary.as_bytes());
        self.headers
            .push((name, value.replace(boundary, "BOUNDARY")));
    }

    fn forget_the_web_server(&mut self) {
        let end = self.status_line.match_indices(' ').nth(1);
        self.status_line
            .truncate(end.map_or(self.status_line.len(), |(at, _)| at));
        self.headers
            .retain(|(name, _)| !OF_THE_WEB_SERVER.contains(&name.as_str()));
        // RFC 9110 section 5.3: all but cookies may be joined.
        self.headers.dedup_by(|later, first| {
            let same = later.0 == first.0 && first.0 != "set-cookie";
            if same {
                first.1 = format!("{}, {}", first.1, later.1);
            }
            same
        });
    }

    fn is_the_same_as(&self, other: &Seen) -> anyhow::Result<()> {
        ensure!(
            self.status_line == other.status_line,
            "the status line was {:?} and is {:?}",
            self.status_line,
            other.status_line
        );
        ensure!(
            self.headers == other.headers,
            "the headers were\n{:#?}\nand are\n{:#?}",
            self.headers,
            other.headers
        );
        ensure!(self.body == other.body, "the bodies differ");
        Ok(())
    }
}

fn replaced(body: &[u8], boundary: &[u8]) -> Vec<u8> {
    let mut rest = body;
    let mut replaced = Vec::new();
    while let Some(at) = rest.windows(boundary.len()).position(|w| w == boundary) {
        replaced.extend(&rest[..at]);
        replaced.extend(b"BOUNDARY");
        rest = &rest[at + boundary.len()..];
    }
    replaced.extend(rest);
    replaced
}

struct TableFiles(Vec<(&'static str, Sample)>);

impl TableFiles {
    fn named(&self, name: &str) -> anyhow::Result<&Sample> {
        let mut files = self.0.iter();
        let found = files.find(|(other, _)| *other == name);
        Ok(&found.context("no such file of the table")?.1)
    }

    /// On both sides of `send_file.min_size`, which is 16 KiB in the tests.
    fn create() -> anyhow::Result<TableFiles> {
        let mut files = Vec::new();
        for (name, len) in [
            ("empty", 0),
            ("one", 1),
            ("below", 16_383),
            ("limit", 16_384),
            ("page", 100_000),
            ("large", 3_000_000),
        ] {
            let sample = Sample::create(&format!("table-{name}.bin"), len)?;
            File::options()
                .write(true)
                .open(&sample.path)?
                .set_modified(UNIX_EPOCH + Duration::from_secs(MODIFIED_SECS))?;
            files.push((name, sample));
        }
        Ok(TableFiles(files))
    }
}

fn files() -> &'static TableFiles {
    static FILES: OnceLock<TableFiles> = OnceLock::new();
    FILES.get_or_init(|| TableFiles::create().expect("the files of the table"))
}
