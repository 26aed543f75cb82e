//! What `send_file_route()` says, where it is something else than usual.

use std::process::Command;

use anyhow::{Context, ensure};
use send_file_php_tests::case::Case;
use send_file_php_tests::client::Connection;
use send_file_php_tests::stack::{Kind, Options};

use crate::{Body, OwnBody, named, on_a_new_stack};

/// httpd's name for what stands between PHP and a client with TLS.
const TLS_FILTER: &str = "httpd's output filter \"ssl/tls coalescing filter\" handles this answer";

pub(crate) fn cases(kind: Kind) -> &'static [(&'static str, Body)] {
    match kind {
        Kind::ApacheModPhp => named![
            the_route_is_told_as_it_is,
            a_route_that_was_asked_for_changes_nothing,
            the_route_through_tls_names_the_filter_in_the_way,
        ],
        Kind::NginxFpmUnix | Kind::NginxFpmTcp => named![
            the_route_is_told_as_it_is,
            a_route_that_was_asked_for_changes_nothing,
            the_route_behind_tls_and_http2_is_the_same,
        ],
        Kind::ApacheProxyFcgi => named![
            the_route_is_told_as_it_is,
            a_route_that_was_asked_for_changes_nothing,
            the_route_behind_http2_is_the_same,
        ],
        Kind::LighttpdCgi | Kind::CliServer => named![
            the_route_is_told_as_it_is,
            a_route_that_was_asked_for_changes_nothing,
        ],
    }
}

/// With settings of their own, on the two stacks whose connections differ most.
pub(crate) fn own_cases(kind: Kind) -> &'static [(&'static str, OwnBody)] {
    match kind {
        Kind::ApacheModPhp | Kind::NginxFpmUnix => named![
            the_route_is_an_error_where_nothing_may_be_streamed,
            the_route_is_an_error_while_the_manager_is_full,
            the_route_is_a_stream_while_the_manager_is_full_where_configured,
        ],
        _ => named![],
    }
}

fn the_route_is_told_as_it_is(case: &Case) -> anyhow::Result<()> {
    let answer = case.ask(&case.get("route.php", ""))?;
    answer.has_status(200)?;
    answer.has_body(usual_route(case).as_bytes())
}

/// Without a manager there is no socket.
fn usual_route(case: &Case) -> &'static str {
    if case.has_manager() {
        return "handoff";
    }
    "stream: the manager does not listen: No such file or directory (os error 2)"
}

fn a_route_that_was_asked_for_changes_nothing(case: &Case) -> anyhow::Result<()> {
    let medium = &case.files.medium;
    let request = case.get("route_then_send.php", &format!("file={}", medium.name));
    let answer = case.ask(&request)?;
    for name in ["X-Route", "X-Route-Again"] {
        answer.has_header(name, usual_route(case))?;
    }
    answer.is_the_file(medium)?;
    case.was_handed_off(&answer)
}

fn the_route_through_tls_names_the_filter_in_the_way(case: &Case) -> anyhow::Result<()> {
    let route = route_through_tls(case, "--http1.1")?;
    is(&route, &format!("stream: {TLS_FILTER}"))
}

fn the_route_behind_tls_and_http2_is_the_same(case: &Case) -> anyhow::Result<()> {
    is(&route_through_tls(case, "--http2")?, usual_route(case))
}

fn the_route_behind_http2_is_the_same(case: &Case) -> anyhow::Result<()> {
    let url = format!("http://{}/route.php", case.stack.address);
    let route = fetched(&url, "--http2-prior-knowledge")?;
    is(&route, usual_route(case))
}

fn the_route_is_an_error_where_nothing_may_be_streamed(kind: Kind) -> anyhow::Result<()> {
    let options = Options::with_manager().ini("send_file.fallback=error");
    on_a_new_stack(kind, &options, |stack| {
        let case = Case::on(stack);
        is(&route(&case)?, "handoff")?;
        if kind == Kind::ApacheModPhp {
            let expected = format!("error: {TLS_FILTER}");
            is(&route_through_tls(&case, "--http1.1")?, &expected)?;
        }
        stack.manager_mut().kill();
        let route = route(&Case::on(stack))?;
        ensure!(
            route.starts_with("error: the manager does not listen: "),
            "without the manager the route is {route:?}"
        );
        Ok(())
    })
}

fn the_route_is_an_error_while_the_manager_is_full(kind: Kind) -> anyhow::Result<()> {
    the_route_while_the_manager_is_full(kind, "error")
}

fn the_route_is_a_stream_while_the_manager_is_full_where_configured(
    kind: Kind,
) -> anyhow::Result<()> {
    the_route_while_the_manager_is_full(kind, "stream")
}

/// What would happen to a download is what `on_busy` says, whatever `fallback` says; and it passes.
fn the_route_while_the_manager_is_full(kind: Kind, on_busy: &str) -> anyhow::Result<()> {
    let other = if on_busy == "error" {
        "stream"
    } else {
        "error"
    };
    let options = Options::with_room_for_one()
        .ini(format!("send_file.on_busy={on_busy}"))
        .ini(format!("send_file.fallback={other}"));
    on_a_new_stack(kind, &options, |stack| {
        let case = Case::on(stack);
        let request = case.get_file(&case.files.big);
        let mut client = Connection::open_slow(stack.address)?;
        client.send(&request.request.bytes())?;
        client.read_head()?;
        // The body comes from the manager: it has the job.
        client.read_some(100_000)?;
        let expected = format!("{on_busy}: the manager is busy");
        is(&route(&case)?, &expected)?;
        client.abort()?;
        stack.manager().wait_for_job(&request.tag)?;
        is(&route(&case)?, "handoff")
    })
}

fn route(case: &Case) -> anyhow::Result<String> {
    let answer = case.ask(&case.get("route.php", ""))?;
    answer.has_status(200)?;
    Ok(String::from_utf8(answer.response.body)?)
}

fn route_through_tls(case: &Case, version: &str) -> anyhow::Result<String> {
    let address = case.stack.tls.context("a stack with TLS")?;
    fetched(&format!("https://{address}/route.php"), version)
}

/// The body of a page, as curl gets it with this version of HTTP.
fn fetched(url: &str, version: &str) -> anyhow::Result<String> {
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--insecure", "--fail"])
        .args(["--max-time", "60", version, url])
        .output()
        .context("running curl")?;
    ensure!(
        output.status.success(),
        "curl {url}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?)
}

fn is(route: &str, expected: &str) -> anyhow::Result<()> {
    ensure!(
        route == expected,
        "the route is {route:?} where {expected:?} was expected"
    );
    Ok(())
}
