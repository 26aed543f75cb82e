//! HEAD is answered with the headers that GET would have (RFC 9110 section 9.3.2), whatever the call and the request.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, ensure};
use send_file_php_tests::case::{Answer, Case};
use send_file_php_tests::stack::Kind;

use crate::alike::{Alike, Seen};
use crate::applications::preset_query;
use crate::table_files::{MODIFIED_SECS, files, http_date};
use crate::{Body, named};

pub(crate) const CASES: &[(&str, Body)] = named![a_head_has_the_headers_of_its_get];

/// Random calls and requests, for each stack in each run.
const PAIRS: usize = 30;

const FILES: &[&str] = &[
    "empty",
    "one",
    "below",
    "limit",
    "page",
    "style.css",
    "script.css",
    "old.css",
];

/// Scripts, each with a query that names the function's own arguments.
const CALLS: &[(&str, &str)] = &[
    ("preset.php", ""),
    ("preset.php", "&precompressed=1"),
    ("preset.php", "&precompressed=1"),
    ("buffer.php", ""),
    ("stream.php", "&kind=file"),
    ("stream.php", "&kind=memory"),
];

const OPTIONS: &[&str] = &[
    "&offset=0&length=20000",
    "&length=1",
    "&etag=own",
    "&etag=W/%22own%22",
    "&etag=",
    "&download_as=M%C3%A4rz.pdf",
    "&download_as=a.pdf&inline=1",
    "&content_type=text/x-own",
    "&rate=100000000",
];

/// Set by the script.
const SET: &[&str] = &[
    "Cache-Control: max-age=60",
    "Set-Cookie: a=1",
    "ETag: \"script\"",
    "Last-Modified: Mon, 07 Nov 1994 08:49:37 GMT",
    "Content-Type: application/x-script",
    "Content-Disposition: attachment",
    "Content-Encoding: x-script",
    "Content-Length: 5",
    "Vary: Cookie",
    "Accept-Ranges: none",
    "HTTP/1.1 200 OK",
    "HTTP/1.1 404 Not Found",
];

const ASKED: &[(&str, &str)] = &[
    ("Accept-Encoding", "gzip"),
    ("Accept-Encoding", "br, gzip"),
    ("If-None-Match", "*"),
    ("If-None-Match", "\"own\""),
    ("If-None-Match", "\"own-gzip\", \"script\""),
    ("If-Match", "*"),
    ("If-Match", "\"own\""),
    ("If-Modified-Since", "{date}"),
    ("If-Unmodified-Since", "{date}"),
    ("If-Range", "{date}"),
];

/// A GET without Range: HEAD takes no notice of one.
fn a_head_has_the_headers_of_its_get(case: &Case) -> anyhow::Result<()> {
    let mut random = Random::new()?;
    for _ in 0..PAIRS {
        let (script, own) = *random.one_of(CALLS);
        let file = *random.one_of(FILES);
        let mut set = Vec::new();
        if script == "preset.php" {
            set = random.some_of(SET);
        }
        let mut query = preset_query(files().named(file)?, &set) + own;
        query.extend(random.some_of(OPTIONS));
        let mut get = case.get(script, &query);
        let mut head = case.head(script, &query);
        for (name, value) in random.some_of(ASKED) {
            let value = value.replace("{date}", &http_date(MODIFIED_SECS));
            get = get.with(name, &value);
            head = head.with(name, &value);
        }
        if random.below(3) == 0 && !judges_requests_itself(case.stack.kind) {
            head = head.with("Range", "bytes=0-9");
        }
        let (get, head) = (case.ask(&get)?, case.ask(&head)?);
        get.is_whole()?;
        head.has_body(b"")?;
        have_the_same_headers(case, &get, &head)?;
    }
    Ok(())
}

/// lighttpd looks for ranges.
fn judges_requests_itself(kind: Kind) -> bool {
    kind == Kind::LighttpdCgi
}

fn have_the_same_headers(case: &Case, get: &Answer, head: &Answer) -> anyhow::Result<()> {
    head.has_status(get.response.head.status)?;
    // A GET has a framing of its own where the web server drops lengths; Apache drops one of 0 from the answer to a HEAD.
    let is_framed_alike = case.stack.kind.keeps_lengths() && get.response.body_bytes > 0;
    let headers = |answer: &Answer| {
        let mut headers = Seen::of(answer, Alike::InEverything).headers;
        headers.retain(|(name, _)| {
            is_framed_alike || (name != "content-length" && name != "transfer-encoding")
        });
        headers
    };
    let (of_get, of_head) = (headers(get), headers(head));
    head.ensure(of_get == of_head, || {
        format!(
            "the headers of the GET were\n{of_get:#?}\nand those of this HEAD are\n{of_head:#?}"
        )
    })
}

/// xorshift64*, seeded with the time; a failure names the request and what it depends on, so that it can be asked again.
struct Random(u64);

impl Random {
    fn new() -> anyhow::Result<Random> {
        let nanos = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos();
        let seed = u64::try_from(nanos % u128::from(u64::MAX)).context("a seed")?;
        ensure!(seed != 0, "a seed of zero stays zero");
        Ok(Random(seed))
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let word = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(word).unwrap_or(0) % bound
    }

    fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    /// Up to two.
    fn some_of<T: Copy>(&mut self, all: &[T]) -> Vec<T> {
        let count = self.below(3);
        (0..count).map(|_| *self.one_of(all)).collect()
    }
}
