//! What scripts do after a call with `end_request: false`: work that the client need not wait for, cleaning up, mistakes.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use anyhow::{Context, ensure};
use send_file_php_tests::case::Case;
use send_file_php_tests::client::Connection;
use send_file_php_tests::stack::Kind;

use crate::applications::own_sample;
use crate::{Body, named};

pub(crate) const CASES: &[(&str, Body)] = named![
    work_after_the_call_does_not_keep_the_client_waiting,
    a_page_of_the_session_answers_during_the_work_after_the_call,
    unlinking_the_file_after_the_call_is_harmless,
    whatever_the_script_does_after_the_call_the_answer_stands,
    a_second_call_throws_and_does_not_harm_the_answer,
];

fn work_after_the_call_does_not_keep_the_client_waiting(case: &Case) -> anyhow::Result<()> {
    for sample in [&case.files.medium, &case.files.small] {
        let request = case.get("deferred.php", &format!("file={}", sample.name));
        let mut connection = Connection::open(case.stack.address)?;
        connection.send(&request.request.bytes())?;
        // The script waits for the mark: what comes before it has not waited for the script.
        let answer = request.answered(connection.read_response(true)?);
        answer.is_the_file(sample)?;
        case.has_no_mark(&answer.tag, "done")?;
        case.wait_for_mark(&answer.tag, "deferred")?;
        case.leave_mark(&answer.tag, "release")?;
        let how = case.wait_for_mark(&answer.tag, "done")?;
        ensure!(how == "released", "the work was {how}");
        answer.has_no_header("X-Late")?;
        answer.has_no_header("Set-Cookie")?;
        case.was_handed_off(&answer)?;
        if answer.response.head.closes() {
            let rest = connection.read_until_closed()?;
            answer.ensure(rest.is_empty(), || format!("{} bytes follow", rest.len()))?;
        } else {
            case.ask_on(&mut connection, &case.get("page.php", ""))?
                .says("page of ")?;
        }
    }
    Ok(())
}

fn a_page_of_the_session_answers_during_the_work_after_the_call(case: &Case) -> anyhow::Result<()> {
    if case.stack.kind == Kind::CliServer {
        // Its only process is busy with that work.
        return Ok(());
    }
    if case.stack.kind == Kind::NginxFpmTcp && !case.has_manager() {
        // nginx sends the next request on the FastCGI connection that it keeps, to the worker that is busy; it does so
        // after any script's fastcgi_finish_request(). A connection that was handed off is not kept.
        return Ok(());
    }
    let request = case.get("deferred.php", "file=medium.bin&session=1");
    let answer = case.ask(&request)?;
    answer.is_the_file(&case.files.medium)?;
    case.wait_for_mark(&request.tag, "deferred")?;
    // With the lock still held, this would wait until the work is given up.
    let page = case.ask(&case.get("session.php", "id=ofdeferredwork"))?;
    page.says("visits: ")?;
    case.has_no_mark(&request.tag, "done")?;
    case.leave_mark(&request.tag, "release")?;
    case.wait_for_mark(&request.tag, "done").map(drop)
}

fn unlinking_the_file_after_the_call_is_harmless(case: &Case) -> anyhow::Result<()> {
    for len in [20_000_000, 1000] {
        let sample = own_sample(case, "unlinked.bin", len)?;
        sample.sha();
        let folder = sample.path.parent().context("a folder")?;
        fs::set_permissions(folder, Permissions::from_mode(0o777))?;
        let request = case.get(
            "afterwards.php",
            &format!("then=unlink&file={}", sample.name),
        );
        let mut connection = Connection::open_slow(case.stack.address)?;
        connection.send(&request.request.bytes())?;
        let head = connection.read_head()?;
        let answer = request.answered(connection.read_rest(head, &[], &mut |_| {})?);
        answer.is_the_file(&sample)?;
        case.wait_for_mark(&answer.tag, "shutdown")?;
        case.has_no_mark(&answer.tag, "error")?;
        ensure!(!sample.path.exists(), "the file is still there");
        case.was_handed_off(&answer)?;
    }
    Ok(())
}

fn whatever_the_script_does_after_the_call_the_answer_stands(case: &Case) -> anyhow::Result<()> {
    for sample in [&case.files.medium, &case.files.small] {
        for then in ["nothing", "exception", "fatal"] {
            let query = format!("then={then}&file={}", sample.name);
            let request = || case.get("afterwards.php", &query);
            let mut connection = Connection::open(case.stack.address)?;
            let answer = case.ask_on(&mut connection, &request())?;
            answer.is_the_file(sample)?;
            case.was_handed_off(&answer)?;
            let state = case.wait_for_mark(&answer.tag, "after")?;
            says_that_the_answer_is_out(&state, 200)?;
            let at_the_end = case.wait_for_mark(&answer.tag, "shutdown")?;
            if then == "nothing" {
                says_that_the_answer_is_out(&at_the_end, 200)?;
                case.wait_for_mark(&answer.tag, "destructor")?;
            }
            // The connection, where it is kept, is fit for another request.
            if !answer.response.head.closes() {
                let part =
                    case.ask_on(&mut connection, &request().with("Range", "bytes=0-8999"))?;
                part.is_the_range(sample, 0..9000)?;
                let state = case.wait_for_mark(&part.tag, "after")?;
                says_that_the_answer_is_out(&state, 206)?;
            }
        }
    }
    Ok(())
}

fn says_that_the_answer_is_out(state: &str, status: u16) -> anyhow::Result<()> {
    let expected = format!(
        "{{\"headers_sent\":true,\"connection_status\":0,\"connection_aborted\":0,\
         \"http_response_code\":{status}}}"
    );
    ensure!(state == expected, "the script sees {state}");
    Ok(())
}

fn a_second_call_throws_and_does_not_harm_the_answer(case: &Case) -> anyhow::Result<()> {
    for sample in [&case.files.medium, &case.files.small] {
        let query = format!("then=again&file={}", sample.name);
        let answer = case.ask(&case.get("afterwards.php", &query))?;
        answer.is_the_file(sample)?;
        let message = case.wait_for_mark(&answer.tag, "again")?;
        ensure!(
            message == "send_file(): the response headers have already been sent",
            "the second call says {message:?}"
        );
        case.was_handed_off(&answer)?;
    }
    Ok(())
}
