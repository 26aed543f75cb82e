//! Line breaks and control characters in what a careless script hands through: no argument gets them into the head of
//! an answer, or into the log of the manager as a line of its own.

use anyhow::ensure;
use send_file_php_tests::case::Case;
use send_file_php_tests::client::Connection;
use send_file_php_tests::files::{Sample, file_path};

use crate::applications::percent_encoded;
use crate::hostile::{nothing_of_the_file_is_said, the_next_is_right};
use crate::{Body, named};

pub(crate) const CASES: &[(&str, Body)] = named![
    line_breaks_in_arguments_never_reach_the_head,
    line_breaks_in_a_tag_forge_no_line_in_the_log,
    line_breaks_in_the_name_of_a_file_never_reach_the_head,
    line_breaks_in_headers_of_the_script_never_reach_the_head,
];

fn line_breaks_in_arguments_never_reach_the_head(case: &Case) -> anyhow::Result<()> {
    let page = &case.files.page;
    for (argument, value) in [("content_type", "text/plain"), ("download_as", "name.txt")] {
        for bad in [
            &b"\r\nX-Injected: 1"[..],
            b"\nX-Injected: 1",
            b"\rX-Injected: 1",
            b"\r\n\r\n<html>",
            b"\r\n X-Injected: 1",
            b"\0",
            b"\x0b",
            b"\x1b[2J",
            b"\x7f",
            b"\xc2\x85",
            b"\xff",
        ] {
            let value = twice_encoded(&[value.as_bytes(), bad].concat());
            let query = format!("file={}&{argument}={value}", page.name);
            let mut connection = Connection::open(case.stack.address)?;
            let answer = case.ask_on(&mut connection, &case.get("hostile.php", &query))?;
            answer.has_status(400)?;
            answer.says("refused: send_file(): ")?;
            nothing_of_the_file_is_said(&answer)?;
            the_next_is_right(case, connection, &answer)?;
        }
    }
    // A separator of lines for some editors, of nothing in HTTP.
    let query = format!(
        "file={}&download_as={}",
        page.name,
        twice_encoded("a\u{2028}b.txt".as_bytes())
    );
    let answer = case.ask(&case.get("hostile.php", &query))?;
    answer.is_the_file(page)?;
    answer.has_header(
        "Content-Disposition",
        "attachment; filename=\"a_b.txt\"; filename*=UTF-8''a%E2%80%A8b.txt",
    )
}

/// As hostile.php wants it: lighttpd refuses queries with control characters.
fn twice_encoded(bytes: &[u8]) -> String {
    percent_encoded(percent_encoded(bytes).as_bytes())
}

fn line_breaks_in_a_tag_forge_no_line_in_the_log(case: &Case) -> anyhow::Result<()> {
    let page = &case.files.page;
    let forged = case.get("", "").tag + "-forged";
    let line =
        format!("{{\"message\":\"download ended\",\"tag\":\"{forged}\",\"bytes\":1,\"of\":1}}");
    for bad in [
        format!("\"}}\n{line}"),
        format!("\r\n{line}\r\n"),
        "\x1b[2J\0\x7f".to_owned(),
    ] {
        let request = case.get("hostile.php", "");
        let tag = format!("{}{bad}", request.tag);
        // The last `tag` of the query is the one that PHP takes.
        let query = format!("file={}&tag={}", page.name, twice_encoded(tag.as_bytes()));
        let answer = case.ask(&case.get("hostile.php", &query))?;
        answer.is_the_file(page)?;
        if !case.has_manager() {
            continue;
        }
        case.job_is_whole(&tag, page.len)?;
        let forged_jobs = case.stack.manager().jobs_with(&forged);
        ensure!(
            forged_jobs.is_empty(),
            "a tag has written lines of its own: {forged_jobs:?}"
        );
    }
    Ok(())
}

fn line_breaks_in_the_name_of_a_file_never_reach_the_head(case: &Case) -> anyhow::Result<()> {
    let name = "a\r\nX-Injected: 1\r\n\r\n<html>.bin";
    let tag = case.get("", "").tag;
    std::fs::create_dir(file_path(&tag)?)?;
    let sample = Sample::create(&format!("{tag}/{}", name.replace('/', "_")), 50_000)?;
    let query = format!("file={}", twice_encoded(sample.name.as_bytes()));
    let answer = case.ask(&case.get("hostile.php", &query))?;
    answer.is_the_file(&sample)?;
    answer.has_no_header("X-Injected")?;
    case.was_handed_off(&answer)?;

    let missing = case.ask(&case.get("hostile.php", &format!("{query}.missing")))?;
    missing.has_status(404)?;
    missing.says("not sent: ")?;
    nothing_of_the_file_is_said(&missing)?;
    let cut = case.ask(&case.get("hostile.php", "file=page.bin%2500.jpg"))?;
    cut.has_status(400)?;
    nothing_of_the_file_is_said(&cut)
}

/// PHP drops such a header with a warning; the answer goes on without it.
fn line_breaks_in_headers_of_the_script_never_reach_the_head(case: &Case) -> anyhow::Result<()> {
    let page = &case.files.page;
    for line in ["X-Own: 1\r\nX-Injected: 1", "X-Own: 1\nX-Injected: 1"] {
        let query = format!(
            "file={}&header={}",
            page.name,
            twice_encoded(line.as_bytes())
        );
        let answer = case.ask(&case.get("hostile.php", &query))?;
        answer.is_the_file(page)?;
        answer.has_no_header("X-Own")?;
        answer.has_no_header("X-Injected")?;
        case.was_handed_off(&answer)?;
    }
    Ok(())
}
