//! The headers that well-known frameworks, wikis and download plugins set before they send a file, each in a script.

use send_file_php_tests::case::{Answer, Case};
use send_file_php_tests::stack::Kind;

use crate::{Body, named};

pub(crate) const CASES: &[(&str, Body)] = named![
    symfony_gets_its_headers_and_the_right_status,
    mediawiki_gets_its_headers_and_the_right_status,
    dokuwiki_gets_its_headers_and_the_right_status,
    wordpress_gets_its_headers_and_the_right_status,
    drupal_gets_its_headers_and_the_right_status,
    nextcloud_gets_its_headers_and_the_right_status,
];

fn symfony_gets_its_headers_and_the_right_status(case: &Case) -> anyhow::Result<()> {
    is_served(case, "symfony.php", |answer| {
        answer.has_header("Cache-Control", "public")?;
        answer.has_header("ETag", "\"of-the-framework\"")?;
        let cookies = answer.response.head.headers_named("Set-Cookie");
        answer.ensure(cookies == ["session=s1", "XSRF-TOKEN=x1"], || {
            format!("the cookies are {cookies:?}")
        })?;
        let dates = answer.response.head.headers_named("Date").len();
        answer.ensure(case.stack.kind == Kind::CliServer || dates == 1, || {
            format!("{dates} dates")
        })?;
        if answer.response.head.status == 304 {
            return Ok(());
        }
        answer.has_header("Content-Type", "application/pdf")?;
        answer.has_header("Content-Disposition", "attachment; filename=report.pdf")
    })
}

fn mediawiki_gets_its_headers_and_the_right_status(case: &Case) -> anyhow::Result<()> {
    is_served(case, "mediawiki.php", |answer| {
        answer.has_header("Cache-Control", "private")?;
        answer.has_header("Vary", "Cookie")?;
        answer.has_header("Content-Security-Policy", "default-src 'none'")?;
        answer.has_header("X-Content-Type-Options", "nosniff")?;
        if answer.response.head.status == 304 {
            return Ok(());
        }
        answer.has_header("Content-Type", "image/png")?;
        answer.has_header("Content-Disposition", "inline;filename*=UTF-8''page.bin")
    })
}

fn dokuwiki_gets_its_headers_and_the_right_status(case: &Case) -> anyhow::Result<()> {
    let age = "public, proxy-revalidate, no-transform, max-age=604800";
    is_served(case, "dokuwiki.php", |answer| {
        answer.has_header("Cache-Control", age)?;
        answer.has_header("Expires", "Sun, 06 Nov 1994 08:49:37 GMT")?;
        answer.has_header("Pragma", "public")?;
        answer.has_header("Vary", "Accept-Encoding")?;
        if answer.response.head.status == 304 {
            return Ok(());
        }
        answer.has_header("Content-Type", "text/css; charset=utf-8")
    })
}

fn wordpress_gets_its_headers_and_the_right_status(case: &Case) -> anyhow::Result<()> {
    let never = "no-cache, must-revalidate, max-age=0";
    is_served(case, "wordpress.php", |answer| {
        answer.has_header("Cache-Control", never)?;
        answer.has_header("Expires", "Wed, 11 Jan 1984 05:00:00 GMT")?;
        answer.has_header("Pragma", "no-cache")?;
        answer.has_header("Content-Description", "File Transfer")?;
        answer.has_header("Content-Transfer-Encoding", "binary")?;
        if answer.response.head.status == 304 {
            return Ok(());
        }
        answer.has_header("Content-Type", "application/zip")?;
        answer.has_header("Content-Disposition", "attachment; filename=\"plugin.zip\"")
    })
}

fn drupal_gets_its_headers_and_the_right_status(case: &Case) -> anyhow::Result<()> {
    is_served(case, "drupal.php", |answer| {
        answer.has_header("Cache-Control", "must-revalidate, no-cache, private")?;
        answer.has_header("Expires", "Sun, 19 Nov 1978 05:00:00 GMT")?;
        answer.has_header("X-Generator", "CMS 10")?;
        if answer.response.head.status == 304 {
            return Ok(());
        }
        answer.has_header("Content-Language", "de")?;
        answer.has_header("Content-Type", "text/plain; charset=UTF-8")
    })
}

fn nextcloud_gets_its_headers_and_the_right_status(case: &Case) -> anyhow::Result<()> {
    is_served(case, "nextcloud.php", |answer| {
        let lines = answer.response.head.headers_named("Cache-Control");
        let expected = "must-revalidate, post-check=0, pre-check=0, public, must-revalidate";
        answer.ensure(lines.join(", ") == expected, || {
            format!("Cache-Control is {lines:?}")
        })?;
        answer.has_header("Pragma", "public")?;
        answer.has_header("Expires", "0")?;
        answer.has_header("OC-ETag", "\"5f1e\"")?;
        answer.has_header("ETag", "\"5f1e\"")?;
        if answer.response.head.status == 304 {
            return Ok(());
        }
        answer.has_header("Content-Type", "application/octet-stream")?;
        answer.has_header(
            "Content-Disposition",
            "attachment; filename*=UTF-8''gr%C3%BC%C3%9Fe.bin; filename=\"gr__e.bin\"",
        )
    })
}

/// The whole file, a part, a part of the same version, no part, nothing new, the head alone: with the headers that the
/// application has set, which `has_its_headers` looks at in all but the refusal.
fn is_served(
    case: &Case,
    script: &str,
    has_its_headers: impl Fn(&Answer) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    for sample in [&case.files.page, &case.files.small] {
        let query = format!("file={}", sample.name);
        let request = case.get(script, &query);
        let whole = case.ask(&request)?;
        whole.is_the_file(sample)?;
        has_its_headers(&whole)?;
        case.was_handed_off(&whole)?;
        let etag = whole.header("ETag")?;
        let date = whole.header("Last-Modified")?;

        for condition in [None, Some(&etag)] {
            let mut part = case.get(script, &query).with("Range", "bytes=1000-");
            if let Some(etag) = condition {
                part = part.with("If-Range", etag);
            }
            let part = case.ask(&part)?;
            part.is_the_range(sample, 1000..sample.len)?;
            has_its_headers(&part)?;
            case.was_handed_off(&part)?;
        }
        for (name, value) in [("If-None-Match", &etag), ("If-Modified-Since", &date)] {
            let unchanged = case.ask(&case.get(script, &query).with(name, value))?;
            unchanged.has_status(304)?;
            unchanged.has_header("ETag", &etag)?;
            has_its_headers(&unchanged)?;
        }
        let none = case.ask(&case.get(script, &query).with("Range", "bytes=100000-"))?;
        none.has_status(416)?;
        none.has_header("Content-Range", &format!("bytes */{}", sample.len))?;
        none.has_body(b"")?;
        let head = case.ask(&case.head(script, &query))?;
        head.has_status(200)?;
        head.has_length(sample.len)?;
        has_its_headers(&head)?;
    }
    Ok(())
}
