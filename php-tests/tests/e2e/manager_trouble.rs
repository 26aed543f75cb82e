//! The manager stopped, killed, started anew, frozen, full; clients that go away: whoever is still there gets the right
//! bytes, and nothing stays behind.

use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, ensure};
use nix::sys::signal::Signal;
use send_file_php_tests::case::{Answer, Case, Tagged};
use send_file_php_tests::client::{Connection, Head};
use send_file_php_tests::files::Sample;
use send_file_php_tests::run::{WORKER_ACCOUNT, account};
use send_file_php_tests::stack::{Kind, Options, Stack};

use crate::{OwnBody, named, on_a_new_stack};

pub(crate) const CASES: &[(&str, OwnBody)] = named![
    a_client_that_resets_or_closes_under_way_leaves_nothing_behind,
    a_manager_told_to_stop_finishes_the_running_download,
    a_killed_worker_of_the_manager_loses_no_download,
    a_killed_manager_is_replaced_by_streaming,
    a_manager_started_anew_takes_downloads_again,
    a_worker_keeps_its_link_to_the_manager_and_finds_the_next_one_when_it_is_cut,
    an_offer_is_announced_only_where_one_is_likely,
    a_frozen_manager_is_replaced_by_streaming,
    a_full_manager_means_503_with_a_time_to_come_back,
    a_user_with_all_downloads_allowed_means_503_too,
    a_full_manager_means_streaming_where_configured,
    no_manager_means_503_where_configured,
    a_handoff_that_cannot_be_prepared_is_streamed_and_logged,
];

/// A download under way whose client has stopped reading.
struct Held {
    request: Tagged,
    connection: Connection,
    head: Head,
    some: Vec<u8>,
}

impl Held {
    fn begin(case: &Case, sample: &Sample) -> anyhow::Result<Held> {
        let request = case.get_file(sample);
        let mut connection = Connection::open_slow(case.stack.address)?;
        connection.send(&request.request.bytes())?;
        let head = connection.read_head()?;
        let some = connection.read_some(100_000)?;
        Ok(Held {
            request,
            connection,
            head,
            some,
        })
    }

    fn finish(mut self) -> anyhow::Result<Answer> {
        let response = self
            .connection
            .read_rest(self.head, &self.some, &mut |_| {})?;
        Ok(self.request.answered(response))
    }
}

fn handed_off(case: &Case) -> anyhow::Result<()> {
    let answer = case.ask(&case.get_file(&case.files.medium))?;
    answer.is_the_file(&case.files.medium)?;
    case.was_handed_off(&answer)
}

/// The file comes right although the manager has no part in it.
fn streamed(stack: &Stack) -> anyhow::Result<String> {
    let case = Case::on(stack);
    for sample in [&case.files.medium, &case.files.page, &case.files.small] {
        let answer = case.ask(&case.get_file(sample))?;
        answer.is_the_file(sample)?;
    }
    let answer = case.ask(&case.get_file(&case.files.medium))?;
    answer.is_the_file(&case.files.medium)?;
    Ok(answer.tag)
}

fn a_client_that_resets_or_closes_under_way_leaves_nothing_behind(
    kind: Kind,
) -> anyhow::Result<()> {
    on_a_new_stack(kind, &Options::with_manager(), |stack| {
        let case = Case::on(stack);
        handed_off(&case)?;
        let manager = stack.manager();
        let base = manager.idle_descriptor_count();
        for reset in [true, false] {
            let held: Vec<Held> = (0..10)
                .map(|_| Held::begin(&case, &case.files.big))
                .collect::<anyhow::Result<_>>()?;
            ensure!(
                manager.descriptor_count() > base,
                "ten downloads use no descriptors"
            );
            for held in held {
                let tag = held.request.tag.clone();
                if reset {
                    held.connection.abort()?;
                } else {
                    drop(held.connection);
                }
                let job = manager.wait_for_job(&tag)?;
                ensure!(job.bytes < job.of, "the client is gone, but {}", job.line);
            }
            manager.wait_for_descriptor_count(base)?;
        }
        handed_off(&case)
    })
}

fn a_manager_told_to_stop_finishes_the_running_download(kind: Kind) -> anyhow::Result<()> {
    on_a_new_stack(kind, &Options::with_manager(), |stack| {
        let case = Case::on(stack);
        let held = Held::begin(&case, &case.files.big)?;
        case.stack.manager().terminate()?;
        streamed(case.stack)?;
        let answer = held.finish()?;
        answer.is_the_file(&case.files.big)?;
        case.was_handed_off(&answer)?;
        let status = stack.manager_mut().wait_for_end()?;
        ensure!(status.success(), "the manager ended with {status}");
        streamed(stack).map(drop)
    })
}

fn a_killed_worker_of_the_manager_loses_no_download(kind: Kind) -> anyhow::Result<()> {
    on_a_new_stack(kind, &Options::with_manager(), |stack| {
        let case = Case::on(stack);
        handed_off(&case)?;
        let manager = stack.manager();
        let base = manager.idle_descriptor_count();
        let held: Vec<Held> = (0..3)
            .map(|_| Held::begin(&case, &case.files.big))
            .collect::<anyhow::Result<_>>()?;
        for _ in 0..3 {
            manager.kill_workers()?;
            handed_off(&case)?;
        }
        for held in held {
            let answer = held.finish()?;
            answer.is_the_file(&case.files.big)?;
            case.was_handed_off(&answer)?;
        }
        manager.wait_for_descriptor_count(base)
    })
}

fn a_killed_manager_is_replaced_by_streaming(kind: Kind) -> anyhow::Result<()> {
    on_a_new_stack(kind, &Options::with_manager(), |stack| {
        let case = Case::on(stack);
        handed_off(&case)?;
        let held = Held::begin(&case, &case.files.big)?;
        stack.manager_mut().kill();
        streamed(stack)?;
        drop(held);
        Case::on(stack).page().map(drop)
    })
}

fn a_manager_started_anew_takes_downloads_again(kind: Kind) -> anyhow::Result<()> {
    on_a_new_stack(kind, &Options::with_manager(), |stack| {
        handed_off(&Case::on(stack))?;
        stack.manager_mut().kill();
        streamed(stack)?;
        stack.manager_mut().restart()?;
        handed_off(&Case::on(stack))
    })
}

fn a_worker_keeps_its_link_to_the_manager_and_finds_the_next_one_when_it_is_cut(
    kind: Kind,
) -> anyhow::Result<()> {
    let options = Options::with_manager().ini("send_file.fallback=error");
    on_a_new_stack(kind, &options, |stack| {
        let case = Case::on(stack);
        handed_off(&case)?;
        let kept = stack.worker_links();
        ensure!(!kept.is_empty(), "no worker keeps a link");
        for _ in 0..5 {
            handed_off(&case)?;
        }
        ensure!(
            kept.is_subset(&stack.worker_links()),
            "a worker has connected anew without need"
        );
        // Its old cells close the links of those who have nothing under way.
        let manager = stack.manager();
        manager.process().signal(Signal::SIGHUP)?;
        manager.wait_for_log("retiring: no new downloads")?;
        for _ in 0..5 {
            handed_off(&case)?;
        }
        Ok(())
    })
}

fn an_offer_is_announced_only_where_one_is_likely(kind: Kind) -> anyhow::Result<()> {
    let options = Options::with_manager_flags(&["--cells", "1"])
        .logging("info,send_file_manager::event_loop=debug")
        .ini("send_file.min_size=1M");
    on_a_new_stack(kind, &options, |stack| {
        let case = Case::on(stack);
        let ask = |request: Tagged| case.ask(&request);
        let announcements = || stack.manager().log_count("announced an offer");
        let big = &case.files.medium;
        // Every worker gets a link, and each of the server's workers may answer next.
        for _ in 0..20 {
            handed_off(&case)?;
        }
        let before = announcements();
        ensure!(before > 0, "no offer was announced");
        let etag = ask(case.head_file(big))?.header("ETag")?;
        for _ in 0..20 {
            let unchanged = ask(case.get_file(big).with("If-None-Match", &etag))?;
            unchanged.has_status(304)?;
            ask(case.get_file(&case.files.page))?.is_the_file(&case.files.page)?;
            ask(case.head_file(big))?.has_status(200)?;
        }
        let needless = || announcements() - before;
        ensure!(
            needless() == 0,
            "{} announcements without an offer",
            needless()
        );
        handed_off(&case)?;
        ensure!(needless() <= 1, "{} announcements of one offer", needless());
        Ok(())
    })
}

fn a_frozen_manager_is_replaced_by_streaming(kind: Kind) -> anyhow::Result<()> {
    // Short, since it is waited out, but not so short that a busy machine makes a healthy manager miss it.
    let options = Options::with_manager().ini("send_file.accept_timeout_ms=1000");
    on_a_new_stack(kind, &options, |stack| {
        let case = Case::on(stack);
        handed_off(&case)?;
        let manager = stack.manager();
        let base = manager.idle_descriptor_count();
        let held = Held::begin(&case, &case.files.big)?;
        manager.process().signal(Signal::SIGSTOP)?;
        let tag = streamed(stack)?;
        manager.process().signal(Signal::SIGCONT)?;
        let answer = held.finish()?;
        answer.is_the_file(&case.files.big)?;
        case.was_handed_off(&answer)?;
        handed_off(&case)?;
        manager.wait_for_descriptor_count(base)?;
        ensure!(
            manager.jobs_with(&tag).is_empty(),
            "the thawed manager sent what was streamed already"
        );
        Ok(())
    })
}

fn a_full_manager_means_503_with_a_time_to_come_back(kind: Kind) -> anyhow::Result<()> {
    room_for_one_means_503_for_the_second(kind, Options::with_room_for_one())
}

fn a_user_with_all_downloads_allowed_means_503_too(kind: Kind) -> anyhow::Result<()> {
    let options = Options::with_manager_flags(&["--max-jobs-per-uid", "1", "--cells", "1"]);
    room_for_one_means_503_for_the_second(kind, options)
}

fn room_for_one_means_503_for_the_second(kind: Kind, options: Options) -> anyhow::Result<()> {
    let options = options.ini("send_file.on_busy=error");
    on_a_new_stack(kind, &options, |stack| {
        let case = Case::on(stack);
        let held = Held::begin(&case, &case.files.big)?;
        let busy = case.ask(&case.get_file(&case.files.medium))?;
        busy.has_status(503)?;
        busy.is_whole()?;
        let seconds = busy.header("Retry-After")?;
        seconds
            .parse::<u32>()
            .with_context(|| format!("Retry-After: {seconds}"))?;
        for header in ["ETag", "Last-Modified", "Accept-Ranges", "Content-Range"] {
            busy.has_no_header(header)?;
        }
        let small = case.ask(&case.get_file(&case.files.small))?;
        small.is_the_file(&case.files.small)?;
        let answer = held.finish()?;
        answer.is_the_file(&case.files.big)?;
        case.was_handed_off(&answer)?;
        handed_off(&case)
    })
}

fn a_full_manager_means_streaming_where_configured(kind: Kind) -> anyhow::Result<()> {
    let options = Options::with_room_for_one().ini("send_file.on_busy=stream");
    on_a_new_stack(kind, &options, |stack| {
        let case = Case::on(stack);
        let held = Held::begin(&case, &case.files.big)?;
        let tag = streamed(stack)?;
        let answer = held.finish()?;
        answer.is_the_file(&case.files.big)?;
        case.was_handed_off(&answer)?;
        handed_off(&case)?;
        ensure!(
            stack.manager().jobs_with(&tag).is_empty(),
            "the full manager took another job"
        );
        Ok(())
    })
}

fn no_manager_means_503_where_configured(kind: Kind) -> anyhow::Result<()> {
    let options = Options::without_manager().ini("send_file.fallback=error");
    on_a_new_stack(kind, &options, |stack| {
        let case = Case::on(stack);
        let refused = case.ask(&case.get_file(&case.files.medium))?;
        refused.has_status(503)?;
        refused.is_whole()?;
        let small = case.ask(&case.get_file(&case.files.small))?;
        small.is_the_file(&case.files.small)
    })
}

fn a_handoff_that_cannot_be_prepared_is_streamed_and_logged(kind: Kind) -> anyhow::Result<()> {
    on_a_new_stack(kind, &Options::with_manager(), |stack| {
        for worker in stack.worker_descriptors().keys() {
            let mut prlimit = Command::new("prlimit");
            prlimit.args([&format!("--pid={worker}"), "--nofile=64:64"]);
            if let Some(account) = account(WORKER_ACCOUNT) {
                // A root without CAP_SYS_RESOURCE may not, the account itself may.
                prlimit.uid(account.uid.as_raw()).gid(account.gid.as_raw());
            }
            let status = prlimit.status().context("running prlimit")?;
            ensure!(status.success(), "prlimit: {status}");
        }
        let case = Case::on(stack);
        let answer = case.ask(&case.get("no_descriptors.php", "file=medium.bin"))?;
        answer.is_the_file(&case.files.medium)?;
        case.was_not_handed_off(&answer)?;
        let logs = stack.log_tails();
        ensure!(
            logs.contains("send_file(): no handoff: "),
            "no log says that there was no handoff"
        );
        Ok(())
    })
}
