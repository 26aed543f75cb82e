//! The programs that people download with: curl, wget and aria2 here, Chromium in `browser`; under which name each of them
//! saves a file in `saved_names`.

mod browser;
mod saved_names;

use std::fs;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Instant;

use anyhow::{Context, ensure};
use send_file_php_tests::case::Case;
use send_file_php_tests::files::{Sample, file_path};
use send_file_php_tests::folder::Folder;
use send_file_php_tests::limits::{PATIENCE, POLL};
use send_file_php_tests::stack::Kind;

use crate::{Body, named};

/// On the two stacks that most sites have: the client does not see the others' differences.
pub(crate) fn cases(kind: Kind) -> impl Iterator<Item = &'static (&'static str, Body)> {
    let here = matches!(kind, Kind::ApacheModPhp | Kind::NginxFpmUnix);
    let cases = CASES.iter().chain(saved_names::CASES).chain(browser::CASES);
    cases.filter(move |_| here)
}

const CASES: &[(&str, Body)] = named![
    curl_goes_on_with_an_interrupted_download,
    wget_goes_on_with_an_interrupted_download,
    curl_gets_ranges_of_a_file,
    curl_that_takes_compressed_answers_gets_the_file,
    curl_decodes_a_precompressed_sibling_and_goes_on_with_the_decoded_file,
    sixteen_connections_of_aria2_fetch_one_file,
];

fn curl_goes_on_with_an_interrupted_download(case: &Case) -> anyhow::Result<()> {
    let start = ["--silent", "--limit-rate", SLOWLY, "--output", "file.bin"];
    let go_on = [
        "--silent",
        "--show-error",
        "--dump-header",
        "-",
        "--continue-at",
        "-",
        "--output",
        "file.bin",
    ];
    goes_on_with_an_interrupted_download(case, "curl", &start, &go_on)
}

fn wget_goes_on_with_an_interrupted_download(case: &Case) -> anyhow::Result<()> {
    let slowly = format!("--limit-rate={SLOWLY}");
    let start = ["--no-verbose", &slowly, "--output-document=file.bin"];
    let go_on = [
        "--no-verbose",
        "--server-response",
        "--tries=1",
        "--continue",
        "--output-document=file.bin",
    ];
    goes_on_with_an_interrupted_download(case, "wget", &start, &go_on)
}

/// Bytes a second of a download that is interrupted.
const SLOWLY: &str = "20M";

/// Where it is interrupted.
const INTERRUPTED_AT_BYTES: u64 = 4 << 20;

fn goes_on_with_an_interrupted_download(
    case: &Case,
    program: &str,
    start: &[&str],
    go_on: &[&str],
) -> anyhow::Result<()> {
    let long = long()?;
    let folder = Folder::create()?;
    let (url, _) = file_url(case, long);
    let mut process = folder.start(program, &[start, &[&url]].concat())?;
    let deadline = Instant::now() + PATIENCE;
    while folder.bytes_of("file.bin") < INTERRUPTED_AT_BYTES {
        ensure!(Instant::now() < deadline, "{program} does not get on");
        std::thread::sleep(POLL);
    }
    process.kill();
    let saved = folder.bytes_of("file.bin");
    ensure!(saved < long.len, "it was over before it was interrupted");

    let (url, tag) = file_url(case, long);
    let printed = folder.run(program, &[go_on, &[&url]].concat())?;
    folder.holds_only("file.bin", long)?;
    ensure!(
        printed.contains("206 Partial Content"),
        "{program} began anew:\n{printed}"
    );
    if case.has_manager() {
        case.job_is_whole(&tag, long.len - saved)?;
    }

    // Of a file that is complete it asks for what is behind the end.
    let printed = folder.run(program, &[go_on, &[&url]].concat())?;
    ensure!(printed.contains(" 416 "), "nothing was refused:\n{printed}");
    folder.holds_only("file.bin", long)
}

fn curl_gets_ranges_of_a_file(case: &Case) -> anyhow::Result<()> {
    let medium = &case.files.medium;
    ensure!(range_by_curl(case, "100-199")? == medium.bytes(100, 100)?);
    ensure!(range_by_curl(case, "-500")? == medium.bytes(medium.len - 500, 500)?);
    ensure!(range_by_curl(case, "7999990-")? == medium.bytes(7_999_990, 10)?);

    // Curl saves parts as they come, with their heads.
    let mut rest = range_by_curl(case, "5000000-5099999,0-99")?;
    for (first, len) in [(5_000_000, 100_000), (0, 100)] {
        let last = first + len - 1;
        let mut part =
            format!("Content-Range: bytes {first}-{last}/{}\r\n\r\n", medium.len).into_bytes();
        part.extend(medium.bytes(first, len)?);
        part.extend(b"\r\n--");
        let at = rest.windows(part.len()).position(|bytes| bytes == part);
        let at = at.with_context(|| format!("the part {first}-{last} is not there"))?;
        rest.drain(..at + part.len());
    }
    Ok(())
}

/// What `curl --range` saves.
fn range_by_curl(case: &Case, range: &str) -> anyhow::Result<Vec<u8>> {
    let folder = Folder::create()?;
    let (url, _) = file_url(case, &case.files.medium);
    let status = folder.run(
        "curl",
        &[
            "--silent",
            "--show-error",
            "--range",
            range,
            "--output",
            "range",
            "--write-out",
            "%{http_code}",
            &url,
        ],
    )?;
    ensure!(status == "206", "the status of {range} is {status}");
    Ok(fs::read(folder.path().join("range"))?)
}

fn curl_that_takes_compressed_answers_gets_the_file(case: &Case) -> anyhow::Result<()> {
    for sample in [&case.files.medium, &case.files.small] {
        let folder = Folder::create()?;
        let (url, _) = file_url(case, sample);
        let flags = ["--silent", "--show-error", "--fail", "--compressed"];
        folder.run("curl", &[&flags[..], &["--output", "file", &url]].concat())?;
        folder.holds_only("file", sample)?;
    }
    Ok(())
}

fn curl_decodes_a_precompressed_sibling_and_goes_on_with_the_decoded_file(
    case: &Case,
) -> anyhow::Result<()> {
    let (_, tag) = case.url("", "");
    fs::create_dir(file_path(&tag)?)?;
    let name = format!("{tag}/lines.txt");
    let lines = (0..100_000).map(|number| format!("line {number}\n"));
    fs::write(file_path(&name)?, lines.collect::<String>())?;
    let sample = Sample::existing(&name)?;
    let zipped = Command::new("gzip")
        .args(["--keep", "--no-name"])
        .arg(&sample.path)
        .status()?;
    ensure!(zipped.success(), "gzip: {zipped}");
    let gzip_bytes = fs::metadata(file_path(&format!("{name}.gz"))?)?.len();

    let folder = Folder::create()?;
    let (url, _) = case.url("send.php", &format!("precompressed=1&file={name}"));
    let flags = [
        "--silent",
        "--show-error",
        "--fail",
        "--compressed",
        "--output",
        "file",
        "--write-out",
        "%{http_code} %{size_download}",
    ];
    let said = folder.run("curl", &[&flags[..], &[&url]].concat())?;
    ensure!(
        said == format!("200 {gzip_bytes}"),
        "curl got {said}, where the sibling has {gzip_bytes} bytes"
    );
    folder.holds_only("file", &sample)?;

    // What it has is decoded, and so its length counts in the decoded file.
    let half = sample.len / 2;
    let saved = fs::OpenOptions::new()
        .write(true)
        .open(folder.path().join("file"))?;
    saved.set_len(half)?;
    let go_on = [&flags[..], &["--continue-at", "-", &url]].concat();
    let said = folder.run("curl", &go_on)?;
    ensure!(
        said == format!("206 {}", sample.len - half),
        "going on, curl got {said}"
    );
    folder.holds_only("file", &sample)
}

/// More connections than there are PHP workers: without a manager they take turns.
fn sixteen_connections_of_aria2_fetch_one_file(case: &Case) -> anyhow::Result<()> {
    const CONNECTIONS: usize = 16;
    let long = long()?;
    let folder = Folder::create()?;
    let (url, tag) = file_url(case, long);
    folder.run(
        "aria2c",
        &[
            "--no-conf",
            "--max-connection-per-server=16",
            "--split=16",
            "--min-split-size=1M",
            // Or the first connections are done before the last begin.
            "--max-overall-download-limit=64M",
            "--file-allocation=none",
            "--console-log-level=warn",
            "--out=file.bin",
            &url,
        ],
    )?;
    folder.holds_only("file.bin", long)?;
    if case.has_manager() {
        let jobs = case.stack.manager().wait_for_jobs(&tag, CONNECTIONS)?;
        // The first one asks for the file, to see how long it is.
        let ranges = jobs.iter().filter(|job| job.of < long.len).count();
        ensure!(
            ranges >= CONNECTIONS - 1,
            "{ranges} of the jobs are ranges: {jobs:?}"
        );
    }
    Ok(())
}

/// Long enough to be interrupted, and for 16 connections.
fn long() -> anyhow::Result<&'static Sample> {
    static LONG: OnceLock<Sample> = OnceLock::new();
    shared(&LONG, || Sample::create("long.bin", 64 << 20))
}

/// A sample that only some cases need, created by the first.
fn shared(
    sample: &'static OnceLock<Sample>,
    create: impl FnOnce() -> anyhow::Result<Sample>,
) -> anyhow::Result<&'static Sample> {
    /// Two would write the same file.
    static CREATING: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _creating = CREATING
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    if sample.get().is_none() {
        let _ = sample.set(create()?);
    }
    sample.get().context("a sample")
}

fn file_url(case: &Case, sample: &Sample) -> (String, String) {
    case.url("send.php", &format!("file={}", sample.name))
}
