//! What a client sees, the same on every stack, with the manager and without.

use std::fs::{self, OpenOptions, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, ensure};
use nix::sys::stat::Mode;
use send_file_php_tests::case::{Answer, Case};
use send_file_php_tests::client::{Connection, Ending, Request};
use send_file_php_tests::files::{SPARSE_TAIL_BYTES, Sample, file_path};
use send_file_php_tests::limits::{PATIENCE, POLL};
use send_file_php_tests::stack::Kind;

use crate::{Body, named};

pub(crate) const CASES: &[(&str, Body)] = named![
    a_file_of_300_mb_arrives_with_the_right_sha256,
    an_empty_file_is_a_whole_answer,
    a_file_of_one_byte_is_a_whole_answer,
    a_small_file_leaves_the_connection_open_for_the_next_request,
    a_sparse_file_of_5_gib_has_its_length_and_its_last_range,
    a_head_request_has_no_body,
    a_range_is_answered_with_its_bytes,
    the_last_bytes_are_a_range_too,
    several_ranges_come_as_parts,
    a_range_beyond_the_end_is_refused_with_the_length,
    a_range_of_another_version_gets_the_whole_file,
    an_unchanged_file_is_answered_304_by_its_etag,
    an_unchanged_file_is_answered_304_by_its_date,
    a_change_within_a_nanosecond_changes_the_etag,
    a_file_from_the_future_was_modified_now,
    headers_and_cookies_of_the_script_are_kept,
    headers_of_the_administrator_are_kept,
    a_status_of_the_script_is_kept_and_turns_ranges_off,
    an_interim_status_of_the_script_is_answered_200,
    a_download_name_in_unicode_goes_into_the_content_disposition,
    a_window_of_the_file_is_sent_as_if_it_were_all,
    nested_output_buffers_do_not_get_into_the_file,
    callbacks_of_the_script_neither_get_into_the_file_nor_swallow_it,
    output_compression_of_php_leaves_the_file_alone,
    a_script_that_has_sent_output_answers_itself,
    a_post_whose_body_nobody_reads_gets_the_file,
    a_second_request_sent_along_does_not_harm_the_first,
    a_client_that_half_closes_gets_the_file,
    a_slow_client_gets_the_file,
    shutdown_functions_run_to_their_end_and_the_code_after_does_not,
    the_script_goes_on_where_it_asks_to,
    another_page_of_the_session_answers_during_the_download,
    a_file_deleted_after_sending_arrives_whole,
    a_file_cut_short_under_way_never_looks_complete,
    a_file_replaced_under_way_arrives_whole_in_its_old_version,
    a_missing_file_is_answered_by_the_script,
    an_unreadable_file_is_answered_by_the_script,
    a_folder_is_answered_by_the_script,
    a_fifo_is_answered_by_the_script_at_once,
];

fn a_file_of_300_mb_arrives_with_the_right_sha256(case: &Case) -> anyhow::Result<()> {
    let answer = case.ask(&case.get_file(&case.files.big))?;
    answer.is_the_file(&case.files.big)?;
    case.was_handed_off(&answer)
}

fn an_empty_file_is_a_whole_answer(case: &Case) -> anyhow::Result<()> {
    let answer = case.ask(&case.get_file(&case.files.empty))?;
    answer.is_the_file(&case.files.empty)?;
    answer.header("ETag").map(drop)
}

fn a_file_of_one_byte_is_a_whole_answer(case: &Case) -> anyhow::Result<()> {
    let answer = case.ask(&case.get_file(&case.files.one))?;
    answer.is_the_file(&case.files.one)?;
    answer.header("ETag").map(drop)
}

fn a_small_file_leaves_the_connection_open_for_the_next_request(case: &Case) -> anyhow::Result<()> {
    let mut connection = Connection::open(case.stack.address)?;
    let answer = case.ask_on(&mut connection, &case.get_file(&case.files.small))?;
    answer.is_the_file(&case.files.small)?;
    if case.stack.kind.keeps_connections() {
        let again = case.ask_on(&mut connection, &case.get_file(&case.files.small))?;
        again.is_the_file(&case.files.small)?;
    }
    case.was_not_handed_off(&answer)
}

fn a_sparse_file_of_5_gib_has_its_length_and_its_last_range(case: &Case) -> anyhow::Result<()> {
    let sparse = &case.files.sparse;
    let head = case.ask(&case.head_file(sparse))?;
    head.has_length(5 << 30)?;

    let mut connection = Connection::open(case.stack.address)?;
    connection.send(&case.get_file(sparse).request.bytes())?;
    let begun = connection.read_head()?;
    ensure!(
        begun.content_length() == Some(5 << 30) || !case.stack.kind.keeps_lengths(),
        "Content-Length of the GET: {}",
        begun.text
    );
    ensure!(
        connection.read_some(1 << 20)?.iter().all(|byte| *byte == 0),
        "a hole is not all zeros"
    );
    connection.abort()?;

    let (start, end) = (sparse.len - SPARSE_TAIL_BYTES, sparse.len);
    let range = format!("bytes={start}-{}", end - 1);
    let answer = case.ask(&case.get_file(sparse).with("Range", &range))?;
    answer.is_the_range(sparse, start..end)?;
    case.was_handed_off(&answer)
}

fn a_head_request_has_no_body(case: &Case) -> anyhow::Result<()> {
    let mut connection = Connection::open(case.stack.address)?;
    let head = case.ask_on(&mut connection, &case.head_file(&case.files.medium))?;
    head.has_status(200)?;
    head.has_length(case.files.medium.len)?;
    let get = case.ask(&case.get_file(&case.files.medium))?;
    for name in ["ETag", "Last-Modified", "Content-Type", "Accept-Ranges"] {
        head.has_header(name, &get.header(name)?)?;
    }
    nothing_follows(case, connection, &head)
}

/// Behind an answer without a body comes the next answer, or the end.
fn nothing_follows(case: &Case, mut connection: Connection, answer: &Answer) -> anyhow::Result<()> {
    if answer.response.head.closes() {
        let rest = connection.read_until_closed()?;
        return answer.ensure(rest.is_empty(), || {
            format!("{} bytes follow the answer", rest.len())
        });
    }
    let page = case.ask_on(&mut connection, &case.get("page.php", ""))?;
    page.has_status(200)?;
    page.says("page of ")
}

fn a_range_is_answered_with_its_bytes(case: &Case) -> anyhow::Result<()> {
    let medium = &case.files.medium;
    let answer = case.ask(&case.get_file(medium).with("Range", "bytes=1000003-3000000"))?;
    answer.is_the_range(medium, 1_000_003..3_000_001)?;
    case.was_handed_off(&answer)
}

fn the_last_bytes_are_a_range_too(case: &Case) -> anyhow::Result<()> {
    let medium = &case.files.medium;
    let answer = case.ask(&case.get_file(medium).with("Range", "bytes=-50000"))?;
    answer.is_the_range(medium, medium.len - 50_000..medium.len)?;
    case.was_handed_off(&answer)
}

fn several_ranges_come_as_parts(case: &Case) -> anyhow::Result<()> {
    let medium = &case.files.medium;
    let ranges = [(5_000_000, 5_099_999), (0, 99), (7_000_000, 7_000_000)];
    let header = "bytes=5000000-5099999,0-99,7000000-7000000";
    let answer = case.ask(&case.get_file(medium).with("Range", header))?;
    answer.has_status(206)?;
    answer.is_whole()?;
    let content_type = answer.header("Content-Type")?;
    let boundary = content_type
        .split("boundary=")
        .nth(1)
        .unwrap_or_default()
        .trim_matches('"');
    answer.ensure(
        content_type.starts_with("multipart/byteranges") && !boundary.is_empty(),
        || format!("Content-Type {content_type:?}"),
    )?;
    answer.has_length(answer.response.body_bytes)?;

    let mut rest = answer.response.body.as_slice();
    for (first, last) in ranges {
        let head_end = rest
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .unwrap_or(0);
        let head = String::from_utf8_lossy(&rest[..head_end]).into_owned();
        let expected = format!("Content-Range: bytes {first}-{last}/{}", medium.len);
        answer.ensure(
            head.contains(&format!("--{boundary}"))
                && head.to_lowercase().contains(&expected.to_lowercase()),
            || format!("the head of a part is {head:?} where {expected:?} was expected"),
        )?;
        let body = rest.get(head_end + 4..).unwrap_or_default();
        let len = (last - first + 1) as usize;
        answer.ensure(body.starts_with(&medium.bytes(first, len as u64)?), || {
            format!("the bytes of the part {first}-{last} are wrong")
        })?;
        rest = &body[len..];
    }
    answer.ensure(rest == format!("\r\n--{boundary}--\r\n").as_bytes(), || {
        format!("the parts end with {:?}", String::from_utf8_lossy(rest))
    })?;
    case.was_handed_off(&answer)
}

fn a_range_beyond_the_end_is_refused_with_the_length(case: &Case) -> anyhow::Result<()> {
    let answer = case.ask(
        &case
            .get_file(&case.files.medium)
            .with("Range", "bytes=8000000-"),
    )?;
    answer.has_status(416)?;
    answer.has_header("Content-Range", "bytes */8000000")?;
    answer.is_whole()
}

fn a_range_of_another_version_gets_the_whole_file(case: &Case) -> anyhow::Result<()> {
    let request = case.get_file(&case.files.medium);
    let request = request
        .with("Range", "bytes=0-9")
        .with("If-Range", "\"another version\"");
    let answer = case.ask(&request)?;
    answer.is_the_file(&case.files.medium)?;
    case.was_handed_off(&answer)
}

fn an_unchanged_file_is_answered_304_by_its_etag(case: &Case) -> anyhow::Result<()> {
    unchanged(case, "ETag", "If-None-Match")
}

fn an_unchanged_file_is_answered_304_by_its_date(case: &Case) -> anyhow::Result<()> {
    unchanged(case, "Last-Modified", "If-Modified-Since")
}

fn unchanged(case: &Case, validator: &str, condition: &str) -> anyhow::Result<()> {
    let first = case.ask(&case.get_file(&case.files.medium))?;
    let value = first.header(validator)?;
    let mut connection = Connection::open(case.stack.address)?;
    let second = case.get_file(&case.files.medium).with(condition, &value);
    let second = case.ask_on(&mut connection, &second)?;
    second.has_status(304)?;
    second.has_header("ETag", &first.header("ETag")?)?;
    nothing_follows(case, connection, &second)
}

/// The same size, the same inode, the same second.
fn a_change_within_a_nanosecond_changes_the_etag(case: &Case) -> anyhow::Result<()> {
    let sample = own_sample(case, "changed", 50_000)?;
    let file = OpenOptions::new().write(true).open(&sample.path)?;
    let modified = UNIX_EPOCH + Duration::new(1_700_000_000, 1);
    file.set_modified(modified)?;
    let before = case.ask(&case.get_file(&sample))?;
    file.set_modified(modified + Duration::from_nanos(1))?;
    let held = case
        .get_file(&sample)
        .with("If-None-Match", &before.header("ETag")?)
        .with("If-Modified-Since", &before.header("Last-Modified")?);
    let after = case.ask(&held)?;
    after.is_the_file(&sample)?;
    ensure!(
        before.header("ETag")? != after.header("ETag")?,
        "another version, the same ETag"
    );
    Ok(())
}

/// RFC 9110 section 8.8.2.1.
fn a_file_from_the_future_was_modified_now(case: &Case) -> anyhow::Result<()> {
    let sample = own_sample(case, "future", 50_000)?;
    let file = OpenOptions::new().write(true).open(&sample.path)?;
    file.set_modified(UNIX_EPOCH + Duration::from_secs(4_070_908_800))?;
    let before = SystemTime::now() - Duration::from_secs(1);
    let answer = case.ask(&case.get_file(&sample))?;
    answer.is_the_file(&sample)?;
    let said = httpdate::parse_http_date(&answer.header("Last-Modified")?)?;
    ensure!(
        (before..=SystemTime::now()).contains(&said),
        "modified {said:?}"
    );
    Ok(())
}

fn headers_and_cookies_of_the_script_are_kept(case: &Case) -> anyhow::Result<()> {
    for (sample, range) in [
        (&case.files.medium, None),
        (&case.files.small, None),
        (&case.files.medium, Some("bytes=0-99999")),
    ] {
        let mut request = case.get("headers.php", &format!("file={}", sample.name));
        if let Some(range) = range {
            request = request.with("Range", range);
        }
        let answer = case.ask(&request)?;
        match range {
            Some(_) => answer.is_the_range(sample, 0..100_000)?,
            None => answer.is_the_file(sample)?,
        }
        answer.has_header("X-Script", "kept")?;
        answer.has_header("Content-Type", "application/x-of-the-script")?;
        let head = &answer.response.head;
        answer.ensure(
            head.headers_named("Cache-Control").join(", ") == "private, max-age=60",
            || "Cache-Control lines".into(),
        )?;
        answer.ensure(
            head.headers_named("Set-Cookie") == ["first=1", "second=2"],
            || "Set-Cookie lines".into(),
        )?;
        case.was_handed_off(&answer)?;
    }
    Ok(())
}

fn headers_of_the_administrator_are_kept(case: &Case) -> anyhow::Result<()> {
    if !case.stack.kind.adds_headers() {
        return Ok(());
    }
    for sample in [&case.files.medium, &case.files.small] {
        let answer = case.ask(&case.get_file(sample))?;
        answer.is_the_file(sample)?;
        answer.has_header("X-From-The-Server", "kept")?;
        case.was_handed_off(&answer)?;
    }
    Ok(())
}

fn a_status_of_the_script_is_kept_and_turns_ranges_off(case: &Case) -> anyhow::Result<()> {
    let medium = &case.files.medium;
    let request = case.get("status.php", &format!("status=404&file={}", medium.name));
    let answer = case.ask(&request.with("Range", "bytes=0-99"))?;
    answer.has_status(404)?;
    answer.has_the_bytes_of(medium)?;
    answer.has_no_header("Content-Range")?;
    case.was_handed_off(&answer)
}

/// Behind a 100 Apache sent the frame of an empty chunked body, which clients took for the next answer.
fn an_interim_status_of_the_script_is_answered_200(case: &Case) -> anyhow::Result<()> {
    let medium = &case.files.medium;
    for status in [100, 103] {
        let query = format!("status={status}&file={}", medium.name);
        let answer = case.ask(&case.get("status.php", &query))?;
        answer.is_the_file(medium)?;
        case.was_handed_off(&answer)?;
    }
    Ok(())
}

fn a_download_name_in_unicode_goes_into_the_content_disposition(case: &Case) -> anyhow::Result<()> {
    let request = case.get(
        "send.php",
        "file=page.bin&download_as=gr%C3%BC%C3%9Fe%20%26%20%22co%22.bin",
    );
    let answer = case.ask(&request)?;
    answer.is_the_file(&case.files.page)?;
    let disposition = answer.header("Content-Disposition")?;
    answer.ensure(disposition.starts_with("attachment;"), || {
        disposition.clone()
    })?;
    let extended = "filename*=UTF-8''gr%C3%BC%C3%9Fe%20&%20%22co%22.bin";
    answer.ensure(disposition.contains(extended), || {
        format!("{disposition} lacks {extended}")
    })?;
    case.was_handed_off(&answer)
}

fn a_window_of_the_file_is_sent_as_if_it_were_all(case: &Case) -> anyhow::Result<()> {
    let medium = &case.files.medium;
    let window = "file=medium.bin&offset=1000&length=2000000";
    let answer = case.ask(&case.get("send.php", window))?;
    answer.has_status(200)?;
    answer.has_length(2_000_000)?;
    answer.has_body(&medium.bytes(1000, 2_000_000)?)?;
    case.was_handed_off(&answer)?;

    let answer = case.ask(
        &case
            .get("send.php", window)
            .with("Range", "bytes=500-99999"),
    )?;
    answer.has_status(206)?;
    answer.has_header("Content-Range", "bytes 500-99999/2000000")?;
    answer.has_body(&medium.bytes(1500, 99_500)?)?;
    case.was_handed_off(&answer)
}

fn nested_output_buffers_do_not_get_into_the_file(case: &Case) -> anyhow::Result<()> {
    for sample in [&case.files.medium, &case.files.small] {
        let answer = case.ask(&case.get("buffers.php", &format!("file={}", sample.name)))?;
        answer.is_the_file(sample)?;
        case.was_handed_off(&answer)?;
    }
    Ok(())
}

fn callbacks_of_the_script_neither_get_into_the_file_nor_swallow_it(
    case: &Case,
) -> anyhow::Result<()> {
    for sample in [&case.files.medium, &case.files.small] {
        let mut connection = Connection::open(case.stack.address)?;
        let request = case.get("callbacks.php", &format!("file={}", sample.name));
        let answer = case.ask_on(&mut connection, &request)?;
        answer.is_the_file(sample)?;
        answer.has_header("X-From-Callback", "kept")?;
        case.was_handed_off(&answer)?;
        nothing_follows(case, connection, &answer)?;
    }
    Ok(())
}

fn output_compression_of_php_leaves_the_file_alone(case: &Case) -> anyhow::Result<()> {
    for sample in [&case.files.medium, &case.files.small] {
        let request = case.get("compressed.php", &format!("file={}", sample.name));
        let answer = case.ask(&request.with("Accept-Encoding", "gzip"))?;
        answer.has_no_header("Content-Encoding")?;
        answer.is_the_file(sample)?;
        case.was_handed_off(&answer)?;
    }
    Ok(())
}

fn a_script_that_has_sent_output_answers_itself(case: &Case) -> anyhow::Result<()> {
    let answer = case.ask(&case.get("already_sent.php", "file=medium.bin"))?;
    answer.has_status(200)?;
    answer.is_whole()?;
    answer.says("sent before. caught SendFile\\")?;
    case.was_not_handed_off(&answer)
}

fn a_post_whose_body_nobody_reads_gets_the_file(case: &Case) -> anyhow::Result<()> {
    for body_bytes in [10, 1_000_000] {
        let request = case.post_file(&case.files.big, vec![b'x'; body_bytes]);
        let mut connection = Connection::open_slow(case.stack.address)?;
        let answer = case.ask_on(&mut connection, &request)?;
        answer.is_the_file(&case.files.big)?;
        case.was_handed_off(&answer)?;
    }
    Ok(())
}

fn a_second_request_sent_along_does_not_harm_the_first(case: &Case) -> anyhow::Result<()> {
    if case.stack.kind == Kind::CliServer && !case.has_manager() {
        // It closes with the second request unread, which resets the first answer, a readfile() too.
        return Ok(());
    }
    let first = case.get_file(&case.files.medium);
    let second = case.get("page.php", "");
    let mut connection = Connection::open_slow(case.stack.address)?;
    let head = if case.stack.kind == Kind::CliServer {
        // It answers 400 to both when they come in one piece.
        connection.send(&first.request.bytes())?;
        let head = connection.read_head()?;
        connection.send(&second.request.bytes())?;
        head
    } else {
        connection.send(&[first.request.bytes(), second.request.bytes()].concat())?;
        connection.read_head()?
    };
    let answer = first.answered(connection.read_rest(head, &[], &mut |_| {})?);
    answer.is_the_file(&case.files.medium)?;
    case.was_handed_off(&answer)?;
    if answer.response.head.closes() {
        let rest = connection.read_until_closed()?;
        return answer.ensure(rest.is_empty(), || {
            format!("{} bytes follow the file", rest.len())
        });
    }
    let page = second.answered(connection.read_response(true)?);
    page.has_status(200)?;
    page.says("page of ")
}

fn a_client_that_half_closes_gets_the_file(case: &Case) -> anyhow::Result<()> {
    if matches!(case.stack.kind, Kind::NginxFpmUnix | Kind::NginxFpmTcp) {
        // For nginx such a client is gone, whatever PHP does; fastcgi_ignore_client_abort helps until the last bytes.
        return Ok(());
    }
    let request = case.get_file(&case.files.big);
    let mut connection = Connection::open_slow(case.stack.address)?;
    connection.send(&request.request.bytes())?;
    connection.half_close()?;
    let answer = request.answered(connection.read_response(true)?);
    answer.is_the_file(&case.files.big)?;
    case.was_handed_off(&answer)
}

fn a_slow_client_gets_the_file(case: &Case) -> anyhow::Result<()> {
    let request = case.get_file(&case.files.medium);
    let mut connection = Connection::open_slow(case.stack.address)?;
    connection.send(&request.request.bytes())?;
    let head = connection.read_head()?;
    let some = connection.read_some(1000)?;
    if case.has_manager() {
        case.page()?;
    }
    let mut pace = |_: u64| std::thread::yield_now();
    let answer = request.answered(connection.read_rest(head, &some, &mut pace)?);
    answer.is_the_file(&case.files.medium)?;
    case.was_handed_off(&answer)
}

fn shutdown_functions_run_to_their_end_and_the_code_after_does_not(
    case: &Case,
) -> anyhow::Result<()> {
    for sample in [&case.files.medium, &case.files.small] {
        let mut connection = Connection::open(case.stack.address)?;
        let request = case.get("shutdown.php", &format!("file={}", sample.name));
        let answer = case.ask_on(&mut connection, &request)?;
        answer.is_the_file(sample)?;
        case.was_handed_off(&answer)?;
        case.wait_for_mark(&answer.tag, "shutdown")
            .with_context(|| format!("sending {}", sample.name))?;
        case.wait_for_mark(&answer.tag, "destructor")?;
        case.has_no_mark(&answer.tag, "after")?;
        nothing_follows(case, connection, &answer)?;
    }
    Ok(())
}

fn the_script_goes_on_where_it_asks_to(case: &Case) -> anyhow::Result<()> {
    for sample in [&case.files.medium, &case.files.small] {
        let mut connection = Connection::open(case.stack.address)?;
        let request = case.get("continue.php", &format!("file={}", sample.name));
        let answer = case.ask_on(&mut connection, &request)?;
        answer.is_the_file(sample)?;
        case.was_handed_off(&answer)?;
        case.wait_for_mark(&answer.tag, "after")
            .with_context(|| format!("sending {}", sample.name))?;
        nothing_follows(case, connection, &answer)?;
    }
    Ok(())
}

fn another_page_of_the_session_answers_during_the_download(case: &Case) -> anyhow::Result<()> {
    if case.stack.kind == Kind::CliServer && !case.has_manager() {
        // Its only process is busy with the download.
        return Ok(());
    }
    let request = case.get("session.php", "file=big.bin");
    let mut connection = Connection::open_slow(case.stack.address)?;
    connection.send(&request.request.bytes())?;
    let head = connection.read_head()?;
    let page = case.ask(&case.get("session.php", ""))?;
    page.says("visits: ")?;
    let answer = request.answered(connection.read_rest(head, &[], &mut |_| {})?);
    answer.is_the_file(&case.files.big)?;
    case.was_handed_off(&answer)
}

fn a_file_deleted_after_sending_arrives_whole(case: &Case) -> anyhow::Result<()> {
    let sample = own_sample(case, "deleted", 2_000_000)?;
    sample.sha();
    let folder = sample.path.parent().unwrap_or(&sample.path);
    fs::set_permissions(folder, Permissions::from_mode(0o777))?;
    let answer = case.ask(&case.get("send.php", &format!("delete=1&file={}", sample.name)))?;
    answer.is_the_file(&sample)?;
    case.was_handed_off(&answer)?;
    // The worker may get to it only after the manager has sent everything.
    let deadline = Instant::now() + PATIENCE;
    while sample.path.exists() {
        ensure!(Instant::now() < deadline, "the file is still there");
        std::thread::sleep(POLL);
    }
    let again = case.ask(&case.get_file(&sample))?;
    again.has_status(404)
}

fn a_file_cut_short_under_way_never_looks_complete(case: &Case) -> anyhow::Result<()> {
    let sample = own_sample(case, "truncated", 100_000_000)?;
    let request = case.get_file(&sample);
    let mut connection = Connection::open_slow(case.stack.address)?;
    connection.send(&request.request.bytes())?;
    let head = connection.read_head()?;
    let some = connection.read_some(100_000)?;
    ensure!(
        some == sample.bytes(0, 100_000)?,
        "the first bytes are wrong"
    );
    OpenOptions::new()
        .write(true)
        .open(&sample.path)?
        .set_len(200_000)?;
    let answer = request.answered(connection.read_rest(head, &some, &mut |_| {})?);
    answer.has_status(200)?;
    answer.is_cut()?;
    answer.ensure(!timed_out(&answer.response.ending), || {
        "the client was left waiting".into()
    })?;
    if case.has_manager() {
        let job = case.stack.manager().wait_for_job(&answer.tag)?;
        ensure!(
            job.bytes < job.of,
            "the manager takes a cut file for whole: {}",
            job.line
        );
    }
    Ok(())
}

fn timed_out(ending: &Ending) -> bool {
    matches!(ending, Ending::Cut(why) if why.contains("os error 11"))
}

fn a_file_replaced_under_way_arrives_whole_in_its_old_version(case: &Case) -> anyhow::Result<()> {
    let sample = own_sample(case, "replaced", 50_000_000)?;
    sample.sha();
    let request = case.get_file(&sample);
    let mut connection = Connection::open_slow(case.stack.address)?;
    connection.send(&request.request.bytes())?;
    let head = connection.read_head()?;
    let new = own_sample(case, "replacement", 1_000_000)?;
    fs::rename(&new.path, &sample.path)?;
    let answer = request.answered(connection.read_rest(head, &[], &mut |_| {})?);
    answer.is_the_file(&sample)?;
    case.was_handed_off(&answer)
}

/// A file for one case alone, in a folder of its own.
pub(crate) fn own_sample(case: &Case, name: &str, len: u64) -> anyhow::Result<Sample> {
    let tag = case.get("", "").tag;
    fs::create_dir(file_path(&tag)?)?;
    Sample::create(&format!("{tag}/{name}.bin"), len)
}

fn a_missing_file_is_answered_by_the_script(case: &Case) -> anyhow::Result<()> {
    the_script_answers_404(case, "no-such-file.bin")
}

fn an_unreadable_file_is_answered_by_the_script(case: &Case) -> anyhow::Result<()> {
    if nix::unistd::Uid::effective().is_root() {
        let sample = own_sample(case, "unreadable", 100_000)?;
        fs::set_permissions(&sample.path, Permissions::from_mode(0o000))?;
        return the_script_answers_404(case, &sample.name);
    }
    the_script_answers_404(case, "../../../proc/1/mem")
}

fn a_folder_is_answered_by_the_script(case: &Case) -> anyhow::Result<()> {
    the_script_answers_404(case, "a-folder")
}

fn a_fifo_is_answered_by_the_script_at_once(case: &Case) -> anyhow::Result<()> {
    let name = format!("{}.fifo", case.get("", "").tag);
    let path = file_path(&name)?;
    nix::unistd::mkfifo(&path, Mode::from_bits_truncate(0o666))?;
    fs::set_permissions(&path, Permissions::from_mode(0o666))?;
    the_script_answers_404(case, &name)
}

fn the_script_answers_404(case: &Case, name: &str) -> anyhow::Result<()> {
    let request = case.get("send.php", &format!("file={name}"));
    let mut connection = Connection::open(case.stack.address)?;
    let answer = case.ask_on(&mut connection, &request)?;
    answer.has_status(404)?;
    answer.says("caught SendFile\\")?;
    for header in ["ETag", "Last-Modified", "Accept-Ranges"] {
        answer.has_no_header(header)?;
    }
    if answer.response.head.closes() {
        return Ok(());
    }
    connection.exchange(&Request::get("/page.php")).map(|_| ())
}
