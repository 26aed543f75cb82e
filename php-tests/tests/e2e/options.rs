//! The arguments and settings beside the file's name, and the functions beside `send_file()`.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use send_file_php_tests::case::{Answer, Case};
use send_file_php_tests::client::Connection;
use send_file_php_tests::files::Sample;
use send_file_php_tests::limits::MIN_HANDOFF_BYTES;
use send_file_php_tests::stack::{Kind, Options};

use crate::answers::own_sample;
use crate::{Body, OwnBody, named, on_a_new_stack};

pub(crate) const CASES: &[(&str, Body)] = named![
    a_string_is_sent_like_a_file,
    every_kind_of_stream_is_sent_like_a_file,
    a_body_of_just_the_minimum_is_handed_off_and_one_byte_less_keeps_the_connection,
    a_rate_is_kept_behind_a_burst,
    a_small_body_at_a_slow_rate_holds_no_worker,
    a_precompressed_sibling_is_sent_to_who_takes_it,
];

/// With settings of their own.
pub(crate) const OWN_CASES: &[(&str, OwnBody)] = named![
    only_listed_types_are_handed_off,
    a_rate_of_the_settings_is_for_downloads_without_their_own,
];

fn a_string_is_sent_like_a_file(case: &Case) -> anyhow::Result<()> {
    let medium = &case.files.medium;
    let whole = case.ask(&case.get("buffer.php", "file=medium.bin"))?;
    whole.is_the_file(medium)?;
    whole.has_header("Content-Type", "application/octet-stream")?;
    whole.has_no_header("Last-Modified")?;
    case.was_handed_off(&whole)?;
    is_answered_like_a_file(case, "buffer.php", "", &whole)
}

fn every_kind_of_stream_is_sent_like_a_file(case: &Case) -> anyhow::Result<()> {
    for kind in ["file", "tmpfile", "temp", "memory"] {
        let query = format!("kind={kind}&");
        let request = case.get("stream.php", &format!("{query}file=medium.bin"));
        let whole = case.ask(&request).context(kind)?;
        whole.is_the_file(&case.files.medium).context(kind)?;
        case.was_handed_off(&whole).context(kind)?;
        // A temporary file is another one in every request.
        if matches!(kind, "file" | "memory") {
            is_answered_like_a_file(case, "stream.php", &query, &whole).context(kind)?;
        }
    }
    Ok(())
}

/// Ranges and conditions are by the entity tag of an earlier answer.
fn is_answered_like_a_file(
    case: &Case,
    script: &str,
    query: &str,
    whole: &Answer,
) -> anyhow::Result<()> {
    let medium = &case.files.medium;
    let etag = whole.header("ETag")?;
    let request = || case.get(script, &format!("{query}file=medium.bin"));

    let range = request()
        .with("Range", "bytes=5000000-5999999")
        .with("If-Range", &etag);
    let range = case.ask(&range)?;
    range.is_the_range(medium, 5_000_000..6_000_000)?;
    case.was_handed_off(&range)?;

    let unchanged = case.ask(&request().with("If-None-Match", &etag))?;
    unchanged.has_status(304)
}

/// At its bound, and one byte below: by the file's length, a window's and a range's.
fn a_body_of_just_the_minimum_is_handed_off_and_one_byte_less_keeps_the_connection(
    case: &Case,
) -> anyhow::Result<()> {
    let page = &case.files.page;
    let below = MIN_HANDOFF_BYTES - 1;
    let range = format!("bytes=0-{}", below - 1);
    let windowed = |length: u64| case.get("send.php", &format!("file=page.bin&length={length}"));
    let mut connection = Connection::open(case.stack.address)?;
    let mut kept = Vec::new();
    for request in [windowed(below), case.get_file(page).with("Range", &range)] {
        if !case.stack.kind.keeps_connections() {
            connection = Connection::open(case.stack.address)?;
        }
        let answer = case.ask_on(&mut connection, &request)?;
        answer.has_body(&page.bytes(0, below)?)?;
        kept.push(answer);
    }
    if case.stack.kind.keeps_connections() {
        case.ask_on(&mut connection, &case.get("page.php", ""))?
            .has_status(200)?;
    }

    let range = format!("bytes=0-{below}");
    for request in [
        windowed(MIN_HANDOFF_BYTES),
        case.get_file(page).with("Range", &range),
    ] {
        let answer = case.ask(&request)?;
        answer.has_body(&page.bytes(0, MIN_HANDOFF_BYTES)?)?;
        case.was_handed_off(&answer)?;
    }
    for answer in &kept {
        case.was_not_handed_off(answer)?;
    }
    Ok(())
}

const BURST_BYTES: u64 = 200_000;
const RATE: u64 = 200_000;

fn a_rate_is_kept_behind_a_burst(case: &Case) -> anyhow::Result<()> {
    let sample = case.files.medium.bytes(0, 700_000)?;
    let query = format!("file=medium.bin&length=700000&rate={RATE}&burst={BURST_BYTES}");
    let request = case.get("send.php", &query);
    let mut connection = Connection::open(case.stack.address)?;
    connection.send(&request.request.bytes())?;
    let head = connection.read_head()?;
    let started = Instant::now();
    let start = connection.read_some(BURST_BYTES as usize - 20_000)?;
    let burst_took = started.elapsed();
    let rest = connection.read_rest(head, &start, &mut |_| {})?;
    let all_took = started.elapsed();

    let answer = request.answered(rest);
    answer.is_whole()?;
    answer.has_body(&sample)?;
    case.was_handed_off(&answer)?;
    // The rest takes 2.5 s. It cannot be early but for what web servers hold back; late it is on a busy machine.
    ensure!(
        burst_took < Duration::from_millis(1500),
        "the burst took {burst_took:?}"
    );
    let (least, most) = (Duration::from_millis(2300), Duration::from_millis(4500));
    ensure!(
        (least..most).contains(&all_took),
        "500 kB at 200 kB/s took {all_took:?}"
    );
    Ok(())
}

fn a_small_body_at_a_slow_rate_holds_no_worker(case: &Case) -> anyhow::Result<()> {
    let answer = case.ask(&case.get("send.php", "file=small.bin&rate=20000"))?;
    answer.is_the_file(&case.files.small)?;
    if case.has_manager() {
        case.job_is_whole(&answer.tag, case.files.small.len)?;
    }
    Ok(())
}

fn a_precompressed_sibling_is_sent_to_who_takes_it(case: &Case) -> anyhow::Result<()> {
    let original = own_sample(case, "style", 90_000)?;
    let sibling = Sample::create(&format!("{}.gz", original.name), 40_000)?;
    let request = || {
        case.get(
            "send.php",
            &format!("precompressed=1&file={}", original.name),
        )
    };

    let plain = case.ask(&request())?;
    plain.is_the_file(&original)?;
    plain.has_no_header("Content-Encoding")?;
    let coded = case.ask(&request().with("Accept-Encoding", "br;q=0.5, GZIP"))?;
    coded.is_the_file(&sibling)?;
    coded.has_header("Content-Encoding", "gzip")?;
    for answer in [&plain, &coded] {
        answer.has_header("Vary", "Accept-Encoding")?;
        case.was_handed_off(answer)?;
    }
    let etag = coded.header("ETag")?;
    ensure!(
        etag != plain.header("ETag")?,
        "two representations, one ETag"
    );

    let again = request()
        .with("Accept-Encoding", "gzip")
        .with("If-None-Match", &etag);
    case.ask(&again)?.has_status(304)?;
    let range = request()
        .with("Accept-Encoding", "gzip")
        .with("Range", "bytes=50000-89999");
    let range = case.ask(&range)?;
    range.is_the_range(&original, 50_000..90_000)?;
    range.has_no_header("Content-Encoding")?;
    let resumed = request()
        .with("Accept-Encoding", "gzip")
        .with("If-Range", &etag)
        .with("Range", "bytes=10000-39999");
    let resumed = case.ask(&resumed)?;
    resumed.is_the_range(&sibling, 10_000..40_000)?;
    resumed.has_header("Content-Encoding", "gzip")?;
    case.was_handed_off(&resumed)?;

    fs::remove_file(&sibling.path)?;
    let without = case.ask(&request().with("Accept-Encoding", "gzip"))?;
    without.is_the_file(&original)
}

fn only_listed_types_are_handed_off(kind: Kind) -> anyhow::Result<()> {
    let options = Options::with_manager().ini("send_file.types=\"video/*, application/pdf\"");
    on_a_new_stack(kind, &options, |stack| {
        let case = Case::on(stack);
        for (content_type, is_listed) in [
            ("video/mp4", true),
            ("Application/PDF;version=2", true),
            ("videos/mp4", false),
            ("text/plain", false),
        ] {
            let query = format!("file=page.bin&content_type={content_type}");
            let answer = case
                .ask(&case.get("send.php", &query))
                .context(content_type)?;
            answer.is_the_file(&case.files.page)?;
            if is_listed {
                case.was_handed_off(&answer).context(content_type)?;
            } else {
                let later =
                    case.ask(&case.get("send.php", "file=page.bin&content_type=video/mp4"))?;
                case.was_handed_off(&later)?;
                let jobs = stack.manager().jobs_with(&answer.tag);
                ensure!(jobs.is_empty(), "{content_type} was handed off: {jobs:?}");
            }
        }
        Ok(())
    })
}

fn a_rate_of_the_settings_is_for_downloads_without_their_own(kind: Kind) -> anyhow::Result<()> {
    let options = Options::with_manager().ini("send_file.rate=100K");
    on_a_new_stack(kind, &options, |stack| {
        let case = Case::on(stack);
        let took = |query: &str| -> anyhow::Result<Duration> {
            let started = Instant::now();
            let answer = case.ask(&case.get("send.php", query))?;
            answer.is_the_file(&case.files.page)?;
            Ok(started.elapsed())
        };
        let (limited, own) = (took("file=page.bin")?, took("file=page.bin&rate=10000000")?);
        ensure!(
            limited > Duration::from_millis(850),
            "100 kB at 100 KiB/s took {limited:?}"
        );
        ensure!(
            own < limited / 2,
            "with a rate of its own it took {own:?}, not {limited:?}"
        );
        Ok(())
    })
}
