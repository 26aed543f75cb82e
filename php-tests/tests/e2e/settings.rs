//! Settings that change what is sent, from php.ini to the client.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use send_file_php_tests::case::{Answer, Case};
use send_file_php_tests::client::Connection;
use send_file_php_tests::files::{Sample, file_path};
use send_file_php_tests::limits::WORKERS;
use send_file_php_tests::stack::{Kind, Options};

use crate::answers::own_sample;
use crate::{OwnBody, named, on_a_new_stack};

/// On the two stacks whose settings and workers differ most.
pub(crate) fn own_cases(kind: Kind) -> &'static [(&'static str, OwnBody)] {
    match kind {
        Kind::ApacheModPhp | Kind::NginxFpmUnix => named![
            nothing_outside_of_the_root_is_sent,
            no_rename_under_way_leads_out_of_the_root,
            a_mime_types_file_names_types_and_is_read_again_when_it_changes,
            siblings_are_sent_without_being_asked_for_where_configured,
            a_general_rate_delays_nothing_that_it_does_not_slow_down,
        ],
        _ => named![],
    }
}

fn nothing_outside_of_the_root_is_sent(kind: Kind) -> anyhow::Result<()> {
    let folder = format!("root-{}", kind.name());
    let root = file_path(&folder)?;
    fs::create_dir_all(root.join("deep"))?;
    let inside = Sample::create(&format!("{folder}/in.bin"), 100_000)?;
    let deep = Sample::create(&format!("{folder}/deep/in.bin"), 90_000)?;
    symlink("deep", root.join("to_deep"))?;
    symlink("../page.bin", root.join("out.bin"))?;
    symlink("..", root.join("to_files"))?;
    symlink(&inside.path, root.join("absolute.bin"))?;
    let options = Options::with_manager().ini(format!("send_file.root={}", root.display()));
    on_a_new_stack(kind, &options, |stack| {
        let case = Case::on(stack);
        for (name, sample) in [("in.bin", &inside), ("to_deep/in.bin", &deep)] {
            let answer = case.ask(&case.get("send.php", &format!("file={folder}/{name}")))?;
            answer.is_the_file(sample).context(name)?;
            case.was_handed_off(&answer).context(name)?;
        }
        // The last three are there to be sent without the root; the first ones never are.
        let mut refusals = Vec::new();
        for name in [
            "none.bin".to_owned(),
            format!("{folder}/none.bin"),
            format!("{folder}/out.bin"),
            format!("{folder}/to_files/page.bin"),
            format!("{folder}/absolute.bin"),
            format!("{folder}/../page.bin"),
            "page.bin".to_owned(),
        ] {
            let answer = case.ask(&case.get("send.php", &format!("file={name}")))?;
            is_answered_by_the_script(&answer).context(name)?;
            refusals.push(answer.response.body);
        }
        ensure!(
            refusals.first() == refusals.last(),
            "a refusal tells whether there is a file outside"
        );
        // What the script has opened or made itself is not limited.
        for script in ["stream.php?kind=file", "buffer.php?"] {
            let (script, query) = script.split_once('?').unwrap_or((script, ""));
            let answer = case.ask(&case.get(script, &format!("{query}&file=page.bin")))?;
            answer.is_the_file(&case.files.page).context(script)?;
        }
        Ok(())
    })
}

fn is_answered_by_the_script(answer: &Answer) -> anyhow::Result<()> {
    answer.has_status(404)?;
    answer.says("caught SendFile\\Exception: ")
}

/// While a directory of the root and a link that leads out change places, as fast as they can.
fn no_rename_under_way_leads_out_of_the_root(kind: Kind) -> anyhow::Result<()> {
    let folder = format!("swapped-{}", kind.name());
    let root = file_path(&folder)?;
    fs::create_dir_all(root.join("directory"))?;
    fs::create_dir_all(file_path(&format!("{folder}-outside"))?)?;
    let inside = Sample::create(&format!("{folder}/directory/a.bin"), 1000)?;
    let inside = inside.bytes(0, 1000)?;
    Sample::create(&format!("{folder}-outside/a.bin"), 1001)?;
    symlink(format!("../{folder}-outside"), root.join("link"))?;
    let options = Options::without_manager().ini(format!("send_file.root={}", root.display()));
    on_a_new_stack(kind, &options, |stack| {
        let case = Case::on(stack);
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let swapping = scope.spawn(|| swap(&root, &over));
            let seen = meets_both_sides(&case, &folder, &inside);
            over.store(true, Ordering::Relaxed);
            let swapped = swapping.join().expect("the swapping thread");
            seen.and(swapped)
        })
    })
}

fn swap(root: &Path, over: &AtomicBool) -> anyhow::Result<()> {
    let (directory, link) = (root.join("directory"), root.join("link"));
    let exchange = RenameFlags::RENAME_EXCHANGE;
    while !over.load(Ordering::Relaxed) {
        renameat2(AT_FDCWD, &directory, AT_FDCWD, &link, exchange)?;
    }
    Ok(())
}

fn meets_both_sides(case: &Case, folder: &str, inside: &[u8]) -> anyhow::Result<()> {
    const REQUESTS: usize = 1000;
    let query = format!("file={folder}/directory/a.bin");
    let mut sent = 0;
    for _ in 0..REQUESTS {
        let answer = case.ask(&case.get("send.php", &query))?;
        if answer.response.head.status == 200 {
            answer.has_body(inside)?;
            sent += 1;
        } else {
            is_answered_by_the_script(&answer)?;
        }
    }
    ensure!(
        (1..REQUESTS).contains(&sent),
        "it was sent {sent} times of {REQUESTS}: nothing was swapped"
    );
    Ok(())
}

fn a_mime_types_file_names_types_and_is_read_again_when_it_changes(
    kind: Kind,
) -> anyhow::Result<()> {
    let types = file_path(&format!("{}.types", kind.name()))?;
    fs::write(&types, "# ours\napplication/x-own own\ntext/x-style css\n")?;
    let options = Options::with_manager().ini(format!("send_file.mime_types={}", types.display()));
    on_a_new_stack(kind, &options, |stack| {
        let case = Case::on(stack);
        let prefix = format!("types-{}", kind.name());
        for extension in ["own", "css", "html"] {
            Sample::create(&format!("{prefix}.{extension}"), 20_000)?;
        }
        // Each worker has read the file for itself.
        let are_the_types = |expected: [(&str, &str); 3]| -> anyhow::Result<()> {
            for (extension, content_type) in expected.repeat(2 * WORKERS) {
                let request = case.get("send.php", &format!("file={prefix}.{extension}"));
                case.ask(&request)?
                    .has_header("Content-Type", content_type)?;
            }
            Ok(())
        };
        are_the_types([
            ("own", "application/x-own"),
            ("css", "text/x-style"),
            ("html", "text/html"),
        ])?;
        fs::write(&types, "application/x-later own\n")?;
        are_the_types([
            ("own", "application/x-later"),
            ("css", "text/css"),
            ("html", "text/html"),
        ])
    })
}

fn siblings_are_sent_without_being_asked_for_where_configured(kind: Kind) -> anyhow::Result<()> {
    let options = Options::with_manager().ini("send_file.precompressed=1");
    on_a_new_stack(kind, &options, |stack| {
        let case = Case::on(stack);
        let original = own_sample(&case, "configured", 90_000)?;
        let sibling = Sample::create(&format!("{}.gz", original.name), 40_000)?;
        let ask = |script: &str, query: &str| {
            let query = format!("file={}&{query}", original.name);
            case.ask(&case.get(script, &query).with("Accept-Encoding", "gzip"))
        };
        for query in ["", "precompressed=1", "precompressed=0"] {
            let coded = ask("send.php", query).context(query)?;
            coded.is_the_file(&sibling).context(query)?;
            coded.has_header("Content-Encoding", "gzip")?;
            coded.has_header("Vary", "Accept-Encoding")?;
            case.was_handed_off(&coded)?;
        }
        // What has no siblings is not refused for a setting.
        for (script, query) in [
            ("send.php", "offset=0&length=90000"),
            ("buffer.php", ""),
            ("stream.php", "kind=file"),
        ] {
            let plain = ask(script, query).context(script)?;
            plain.is_the_file(&original).context(script)?;
            plain.has_no_header("Content-Encoding")?;
        }
        Ok(())
    })
}

/// At 1 MiB/s the file of 300 MB would take five minutes.
fn a_general_rate_delays_nothing_that_it_does_not_slow_down(kind: Kind) -> anyhow::Result<()> {
    const AT_ONCE: Duration = Duration::from_secs(5);
    let options = Options::with_manager().ini("send_file.rate=1M");
    on_a_new_stack(kind, &options, |stack| {
        let case = Case::on(stack);
        let (small, big) = (&case.files.small, &case.files.big);
        let mut connection = Connection::open(stack.address)?;
        let started = Instant::now();
        let head = case.ask_on(&mut connection, &case.head_file(big))?;
        head.has_status(200)?;
        let etag = head.header("ETag")?;
        for (name, value, status) in [
            ("If-None-Match", etag.as_str(), 304),
            ("If-Match", "\"other\"", 412),
            ("Range", "bytes=300000000-", 416),
        ] {
            let request = case.get_file(big).with(name, value);
            case.ask_on(&mut connection, &request)?.has_status(status)?;
        }
        // These are on the same connection: it is kept.
        let first = case.ask_on(&mut connection, &case.get_file(small))?;
        first.is_the_file(small)?;
        let second = case.ask_on(&mut connection, &case.get_file(small))?;
        second.is_the_file(small)?;
        let took = started.elapsed();
        ensure!(took < AT_ONCE, "what needs no time took {took:?}");
        case.was_not_handed_off(&first)
    })
}
