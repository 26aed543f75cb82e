//! What web servers put between PHP and the client: TLS, HTTP/2, filters, includes.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use anyhow::{Context, ensure};
use send_file_php_tests::case::{Answer, Case};
use send_file_php_tests::files::{Sample, hex};
use send_file_php_tests::run::Run;
use send_file_php_tests::stack::Kind;
use sha2::{Digest, Sha256};

use crate::{Body, named};

pub(crate) fn cases(kind: Kind) -> &'static [(&'static str, Body)] {
    match kind {
        Kind::ApacheModPhp => named![
            a_file_through_tls_is_streamed_in_process,
            a_file_is_not_compressed_by_mod_deflate,
            the_lifetime_of_a_type_is_said_with_a_304_too,
            a_file_through_mod_ratelimit_is_streamed_in_process,
            a_file_included_in_a_page_is_streamed_in_process,
            a_file_included_in_a_page_is_whole_whatever_was_asked_of_the_page,
        ],
        Kind::NginxFpmUnix | Kind::NginxFpmTcp => named![
            a_file_through_tls_is_handed_off,
            a_file_through_tls_and_http2_is_handed_off,
        ],
        Kind::ApacheProxyFcgi => named![a_file_through_http2_is_handed_off],
        Kind::LighttpdCgi | Kind::CliServer => named![],
    }
}

fn a_file_through_tls_is_streamed_in_process(case: &Case) -> anyhow::Result<()> {
    let tag = arrives_through_tls(case, "--http1.1", "1.1", &case.files.medium)?;
    no_job(case, &tag)
}

fn a_file_through_tls_is_handed_off(case: &Case) -> anyhow::Result<()> {
    let tag = arrives_through_tls(case, "--http1.1", "1.1", &case.files.big)?;
    job(case, &tag, &case.files.big)
}

fn a_file_through_tls_and_http2_is_handed_off(case: &Case) -> anyhow::Result<()> {
    let tag = arrives_through_tls(case, "--http2", "2", &case.files.big)?;
    job(case, &tag, &case.files.big)
}

fn a_file_through_http2_is_handed_off(case: &Case) -> anyhow::Result<()> {
    let tag = arrives(
        case,
        "http",
        case.stack.address,
        "",
        &["--http2-prior-knowledge"],
        "2",
        &case.files.big,
    )?;
    job(case, &tag, &case.files.big)
}

/// Curl is told to speak this version of HTTP, and did.
fn arrives_through_tls(
    case: &Case,
    flag: &str,
    version: &str,
    sample: &Sample,
) -> anyhow::Result<String> {
    arrives(case, "https", tls(case)?, "", &[flag], version, sample)
}

/// mod_deflate is told to leave it, so that it can be handed off and has its length and its ETag.
fn a_file_is_not_compressed_by_mod_deflate(case: &Case) -> anyhow::Result<()> {
    for sample in [&case.files.medium, &case.files.small] {
        let request = case.get("deflated/send.php", &format!("file={}", sample.name));
        let answer = case.ask(&request.with("Accept-Encoding", "gzip"))?;
        answer.is_the_file(sample)?;
        answer.has_no_header("Content-Encoding")?;
        case.was_handed_off(&answer)?;
    }
    let page = case.get("deflated/readfile.php", "file=small.bin");
    let page = case.ask(&page.with("Accept-Encoding", "gzip"))?;
    // Or this would show nothing.
    page.has_header("Content-Encoding", "gzip")
}

/// mod_expires goes by the type, which a 304 does not say.
fn the_lifetime_of_a_type_is_said_with_a_304_too(case: &Case) -> anyhow::Result<()> {
    let sample = &case.files.medium;
    let request = case.get("expires/send.php", &format!("file={}", sample.name));
    let whole = case.ask(&request)?;
    whole.is_the_file(sample)?;
    case.was_handed_off(&whole)?;
    let etag = whole.header("ETag")?;
    let part = case.ask(&request.clone().with("Range", "bytes=0-99999"))?;
    part.is_the_range(sample, 0..100_000)?;
    let unchanged = case.ask(&request.with("If-None-Match", &etag))?;
    unchanged.has_status(304)?;
    unchanged.has_no_header("Content-Type")?;
    for answer in [&whole, &part, &unchanged] {
        answer.has_header("Cache-Control", "max-age=3600")?;
        answer.header("Expires")?;
    }
    Ok(())
}

fn a_file_through_mod_ratelimit_is_streamed_in_process(case: &Case) -> anyhow::Result<()> {
    let tag = arrives(
        case,
        "http",
        case.stack.address,
        "limited/",
        &[],
        "1.1",
        &case.files.medium,
    )?;
    no_job(case, &tag)
}

fn a_file_included_in_a_page_is_streamed_in_process(case: &Case) -> anyhow::Result<()> {
    let page = &case.files.page;
    let answer = case.ask(&case.get("included.shtml", &format!("file={}", page.name)))?;
    is_the_page_around(&answer, page)?;
    case.was_not_handed_off(&answer)
}

/// httpd passes the headers of the request for the page on to the script that it includes.
fn a_file_included_in_a_page_is_whole_whatever_was_asked_of_the_page(
    case: &Case,
) -> anyhow::Result<()> {
    let page = &case.files.page;
    let alone = case.ask(&case.get_file(page))?;
    let etag = alone.header("ETag")?;
    let date = alone.header("Last-Modified")?;
    for (name, value) in [
        ("Range", "bytes=0-9"),
        ("Range", "bytes=0-1,5-6"),
        ("Range", "bytes=99999999-"),
        ("If-None-Match", &etag),
        ("If-Modified-Since", &date),
        ("If-Match", "\"another version\""),
    ] {
        let request = case.get("included.shtml", &format!("file={}", page.name));
        let answer = case.ask(&request.with(name, value))?;
        is_the_page_around(&answer, page).with_context(|| format!("{name}: {value}"))?;
    }
    Ok(())
}

fn is_the_page_around(answer: &Answer, sample: &Sample) -> anyhow::Result<()> {
    answer.has_status(200)?;
    let mut expected = b"before".to_vec();
    expected.extend(sample.bytes(0, sample.len)?);
    expected.extend(b"after\n");
    answer.has_body(&expected)
}

fn tls(case: &Case) -> anyhow::Result<SocketAddr> {
    case.stack.tls.context("a stack with TLS")
}

/// Downloads with curl, checks the bytes and the HTTP version; returns the tag.
fn arrives(
    case: &Case,
    scheme: &str,
    address: SocketAddr,
    folder: &str,
    flags: &[&str],
    version: &str,
    sample: &Sample,
) -> anyhow::Result<String> {
    let tag = case.get("", "").tag;
    let body = Run::current().dir().join(format!("{tag}.body"));
    let url = format!(
        "{scheme}://{address}/{folder}send.php?file={}&tag={tag}",
        sample.name
    );
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--insecure", "--max-time", "60"])
        .args(["--write-out", "%{http_code} %{http_version}", "--output"])
        .arg(&body)
        .args(flags)
        .arg(&url)
        .output()
        .context("running curl")?;
    let written = String::from_utf8_lossy(&output.stdout);
    let expected = format!("200 {version}");
    ensure!(
        output.status.success() && written == expected,
        "curl {url}: {written:?} where {expected:?} was expected\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let bytes = fs::read(&body)?;
    fs::remove_file(&body)?;
    ensure!(
        bytes.len() as u64 == sample.len,
        "{} bytes where {} were expected",
        bytes.len(),
        sample.len
    );
    let sha: [u8; 32] = Sha256::digest(&bytes).into();
    ensure!(
        sha == sample.sha(),
        "the SHA-256 is {} where {} was expected",
        hex(&sha),
        hex(&sample.sha())
    );
    Ok(tag)
}

fn job(case: &Case, tag: &str, sample: &Sample) -> anyhow::Result<()> {
    if case.has_manager() {
        case.job_is_whole(tag, sample.len)?;
    }
    Ok(())
}

fn no_job(case: &Case, tag: &str) -> anyhow::Result<()> {
    let Some(manager) = &case.stack.manager else {
        return Ok(());
    };
    let later = case.ask(&case.get_file(&case.files.page))?;
    case.was_handed_off(&later)?;
    let jobs = manager.jobs_with(tag);
    ensure!(
        jobs.is_empty(),
        "it should not have been handed off, but was: {jobs:?}"
    );
    Ok(())
}
