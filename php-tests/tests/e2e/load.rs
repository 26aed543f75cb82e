//! Many clients, slow clients, many requests.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::{bail, ensure};
use send_file_php_tests::case::{Case, Tagged};
use send_file_php_tests::client::{Connection, Head};
use send_file_php_tests::limits::{PATIENCE, POLL};
use send_file_php_tests::stack::{Kind, Options, Stack};

use crate::{OwnBody, named, on_a_new_stack};

pub(crate) const CASES: &[(&str, OwnBody)] = named![
    two_hundred_slow_downloads_run_and_a_page_still_answers,
    thousands_of_requests_leave_no_descriptor_open,
    thousands_of_requests_without_a_manager_leave_no_descriptor_open,
];

/// A request, its connection, the head and the first bytes of the answer.
type Begun = (Tagged, Connection, Head, Vec<u8>);

const SLOW_CLIENTS: usize = 200;

/// Ten pages, one after the other. One that waited for a worker would wait for a download, which is over only when its
/// client reads on: for longer than any client here waits. How long a page takes tells nothing: a web server may well
/// be busy for seconds with filling the buffers of all those clients.
pub(crate) fn pages_come(case: &Case) -> anyhow::Result<()> {
    (0..10).try_for_each(|_| case.page().map(drop))
}

fn two_hundred_slow_downloads_run_and_a_page_still_answers(kind: Kind) -> anyhow::Result<()> {
    on_a_new_stack(kind, &Options::with_manager(), |stack| {
        let case = Case::on(stack);
        let mut begun = Vec::new();
        while begun.len() < SLOW_CLIENTS {
            begun.extend(begin_some(&case)?);
        }
        pages_come(&case)?;
        let finished = stack.manager().finished_jobs();
        ensure!(
            finished == 0,
            "{finished} of the slow downloads were over already: nothing was shown"
        );
        finish_all(&case, begun)
    })
}

/// Downloads whose clients read a little and stop.
fn begin_some(case: &Case) -> anyhow::Result<Vec<Begun>> {
    /// php-cgi has a queue of 128 connections, and lighttpd answers 503 when it is full.
    const AT_ONCE: usize = 50;
    let mut sent = Vec::new();
    for _ in 0..AT_ONCE {
        let request = case.get_file(&case.files.medium);
        let mut connection = Connection::open_slow(case.stack.address)?;
        connection.send(&request.request.bytes())?;
        sent.push((request, connection));
    }
    let begin = |(request, mut connection): (Tagged, Connection)| {
        let head = connection.read_head()?;
        let some = connection.read_some(1000)?;
        Ok((request, connection, head, some))
    };
    sent.into_iter().map(begin).collect()
}

/// All clients read on at once, some threads taking them in turn.
fn finish_all(case: &Case, begun: Vec<(Tagged, Connection, Head, Vec<u8>)>) -> anyhow::Result<()> {
    let left = Mutex::new(begun);
    let next = || left.lock().unwrap_or_else(PoisonError::into_inner).pop();
    in_parallel(16, || {
        while let Some((request, mut connection, head, some)) = next() {
            let answer = request.answered(connection.read_rest(head, &some, &mut |_| {})?);
            answer.is_the_file(&case.files.medium)?;
            case.was_handed_off(&answer)?;
        }
        Ok(())
    })
}

fn in_parallel(threads: usize, work: impl Fn() -> anyhow::Result<()> + Sync) -> anyhow::Result<()> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(&work)).collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().expect("a client thread"))
    })
}

fn thousands_of_requests_leave_no_descriptor_open(kind: Kind) -> anyhow::Result<()> {
    let requests = match kind {
        Kind::ApacheModPhp | Kind::NginxFpmUnix => 10_000,
        _ => 1_000,
    };
    on_a_new_stack(kind, &Options::with_manager(), |stack| {
        ask_often(stack, 200)?;
        let workers = stack.worker_descriptors();
        let manager = stack.manager();
        let base = manager.idle_descriptor_count();
        let before = manager.finished_jobs();

        ask_often(stack, requests)?;

        manager.wait_for_descriptor_count(base)?;
        workers_return_to(stack, &workers)?;
        let finished = manager.finished_jobs() - before;
        ensure!(
            finished == requests,
            "{finished} of {requests} requests were handed off"
        );
        Ok(())
    })
}

fn thousands_of_requests_without_a_manager_leave_no_descriptor_open(
    kind: Kind,
) -> anyhow::Result<()> {
    on_a_new_stack(kind, &Options::without_manager(), |stack| {
        ask_often(stack, 200)?;
        let workers = stack.worker_descriptors();
        ask_often(stack, 2_000)?;
        workers_return_to(stack, &workers)
    })
}

/// Asks for the same file again and again, from a few clients at once, and checks every answer.
fn ask_often(stack: &Stack, requests: usize) -> anyhow::Result<()> {
    const CLIENTS: usize = 4;
    let left = AtomicUsize::new(requests);
    let take = || {
        left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
            left.checked_sub(1)
        })
        .is_ok()
    };
    in_parallel(CLIENTS, || {
        let case = Case::on(stack);
        while take() {
            case.ask(&case.get_file(&case.files.page))?
                .is_the_file(&case.files.page)?;
        }
        Ok(())
    })
}

fn workers_return_to(
    stack: &Stack,
    before: &std::collections::BTreeMap<i32, usize>,
) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let now = stack.worker_descriptors();
        // A worker may hold the web server's idle connection, or may not have had to open what it keeps: so the most
        // that any had is what each may have.
        if !now.is_empty() && now.values().max() <= before.values().max() {
            return Ok(());
        }
        if Instant::now() > deadline {
            bail!("the workers had these descriptors (by pid): {before:?}\nand now: {now:?}");
        }
        std::thread::sleep(POLL);
    }
}
