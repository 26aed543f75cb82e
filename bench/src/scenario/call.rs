//! What a handoff costs the one who asks for it: the time inside of send_file(), and that of the whole request.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::time::Instant;

use anyhow::{Context, bail, ensure};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::{Mode, umask};
use nix::unistd::mkfifo;
use send_file_php_tests::client::{Connection, Request};
use send_file_php_tests::files::Sample;
use send_file_php_tests::run::Run;
use send_file_php_tests::stack::{Kind, Options, Stack};

use crate::limits::PATIENCE;
use crate::peer::HELLO_BYTES;
use crate::plan::Plan;
use crate::results::Section;
use crate::rounds::interleave;
use crate::statistics::median;

pub(crate) const NAME: &str = "call";
pub(crate) const CALL: &str = "send_file() us";
pub(crate) const HEADERS: &str = "headers alone us";
pub(crate) const BEYOND: &str = "beyond headers us";
pub(crate) const REQUEST: &str = "request us";
/// The same where `send_file.min_size` is what it is by default: PHP sends what the connection takes at once.
pub(crate) const DEFAULT_REQUEST: &str = "request us, default settings";
pub(crate) const PAGE: &str = "hello page us";

/// Bodies that are handed over, all of them, but by default settings.
const SIZES: [(&str, u64); 3] = [("20 KB", 20_000), ("100 KB", 100_000), ("1 MB", 1_000_000)];

/// Of all stacks, those that targets are for.
pub(crate) const JUDGED: [&str; 2] = ["apache_mod_php", "nginx_fpm_unix"];

/// The body whose transfer takes longer than anything else.
pub(crate) const LONGEST: &str = SIZES[2].0;

const ROUNDS: usize = 7;
/// Of each kind in a turn, of which the median counts.
const REQUESTS: usize = 60;
const SMOKE_REQUESTS: usize = 3;

/// As the extension has it (php-ext/src/limits.rs); the stacks of the tests hand over smaller ones, too.
const DEFAULT_MIN_SIZE: &str = "2M";

/// What is read at once: more than there is at any moment.
const PIECE_BYTES: usize = 256 << 10;

pub(crate) fn run(plan: &Plan) -> anyhow::Result<Section> {
    let mut section = plan.section(NAME);
    let mut times = Times::create()?;
    let pairs = start_stacks()?;
    let requests = plan.scaled(REQUESTS, SMOKE_REQUESTS);
    for (stack, by_default) in &pairs {
        let peer = stack.kind.name();
        section.compare((peer, REQUEST), (peer, PAGE));
        if by_default.is_some() {
            section.compare((peer, DEFAULT_REQUEST), (peer, PAGE));
        }
    }
    for (work, bytes) in SIZES {
        let file = Sample::create(&format!("call-{bytes}.bin"), bytes)?;
        for pair in &pairs {
            // Warms up.
            turn(pair, &file, requests, &mut times).with_context(|| pair.0.log_tails())?;
        }
        interleave(plan.rounds(ROUNDS), plan.seed, &pairs, |pair| {
            let (stack, _) = pair;
            let taken =
                turn(pair, &file, requests, &mut times).with_context(|| stack.log_tails())?;
            for (quantity, value) in taken {
                section.add(work, stack.kind.name(), quantity, value);
            }
            Ok(())
        })?;
    }
    for (stack, _) in &pairs {
        // Two of each four requests are downloads; where PHP sent one itself, this would wait in vain.
        let turns = SIZES.len() * (plan.rounds(ROUNDS) + 1);
        stack.manager().wait_for_jobs("", 2 * requests * turns)?;
    }
    Ok(section)
}

/// Each with one beside it whose settings are those by default, if targets are for it.
fn start_stacks() -> anyhow::Result<Vec<(Stack, Option<Stack>)>> {
    let by_default = Options::with_manager()
        .ini("zend_extension=opcache.so")
        .ini(format!("send_file.min_size={DEFAULT_MIN_SIZE}"))
        .script("plain_send.php", include_str!("../../docroot/send.php"))
        .script("hello.php", include_str!("../../docroot/hello.php"));
    let options = Options::with_manager()
        .ini("zend_extension=opcache.so")
        .ini("send_file.min_size=0")
        .script(
            "timed_send.php",
            include_str!("../../docroot/timed_send.php"),
        )
        .script(
            "timed_headers.php",
            include_str!("../../docroot/timed_headers.php"),
        )
        .script("plain_send.php", include_str!("../../docroot/send.php"))
        .script("hello.php", include_str!("../../docroot/hello.php"));
    Kind::ALL
        .into_iter()
        .map(|kind| {
            let is_judged = JUDGED.contains(&kind.name());
            let beside = is_judged.then(|| Stack::start(kind, &by_default));
            Ok((Stack::start(kind, &options)?, beside.transpose()?))
        })
        .collect()
}

/// The medians of some requests of each kind, taken by turns.
fn turn(
    (stack, by_default): &(Stack, Option<Stack>),
    file: &Sample,
    requests: usize,
    times: &mut Times,
) -> anyhow::Result<Vec<(&'static str, f64)>> {
    let of_file = |script: &str| format!("/{script}?file={}", file.name);
    let get = |target: &str, bytes| timed_us(stack.address, target, bytes);
    let (mut calls, mut headers, mut sends, mut pages) = (vec![], vec![], vec![], vec![]);
    let mut default_sends = vec![];
    for _ in 0..requests {
        get(&of_file("timed_send.php"), file.len)?;
        calls.push(times.next_us()?);
        get("/timed_headers.php", HELLO_BYTES)?;
        headers.push(times.next_us()?);
        sends.push(get(&of_file("plain_send.php"), file.len)?);
        pages.push(get("/hello.php", HELLO_BYTES)?);
        if let Some(by_default) = by_default {
            // As warm as the other server is when it is asked.
            timed_us(by_default.address, "/hello.php", HELLO_BYTES)?;
            let target = of_file("plain_send.php");
            default_sends.push(timed_us(by_default.address, &target, file.len)?);
        }
    }
    let (call, header) = (median(&calls), median(&headers));
    let (send, page) = (median(&sends), median(&pages));
    let mut taken = vec![
        (CALL, call),
        (HEADERS, header),
        (BEYOND, call - header),
        (REQUEST, send),
        (PAGE, page),
    ];
    if !default_sends.is_empty() {
        taken.push((DEFAULT_REQUEST, median(&default_sends)));
    }
    Ok(taken)
}

/// From connecting to the last byte. By the client of the tests, since Apache sends what comes by FastCGI in chunks.
fn timed_us(address: SocketAddr, target: &str, expected_bytes: u64) -> anyhow::Result<f64> {
    let request = Request::get(target).with("Connection", "close").bytes();
    let mut piece = vec![0; PIECE_BYTES];
    let begun = Instant::now();
    let mut connection = Connection::open(address)?;
    connection.send(&request)?;
    let head = connection.read_head()?;
    let mut left = expected_bytes;
    while left > 0 {
        match connection.read_piece(&mut piece)? as u64 {
            0 => bail!("{target} ended {left} bytes early"),
            taken => left = left.checked_sub(taken).context("too many bytes")?,
        }
    }
    let time_us = begun.elapsed().as_secs_f64() * 1e6;
    let length = head.content_length();
    ensure!(
        head.status == 200 && length.is_none_or(|length| length == expected_bytes),
        "{target}: {}",
        head.text
    );
    Ok(time_us)
}

/// What scripts tell of the time they took, once that is over.
struct Times {
    lines: BufReader<File>,
}

impl Times {
    fn create() -> anyhow::Result<Times> {
        let path = Run::current().dir().join("times.fifo");
        // Scripts have another account.
        let before = umask(Mode::empty());
        let made = mkfifo(&path, Mode::from_bits_truncate(0o666));
        umask(before);
        made.context("making a FIFO")?;
        // For writing, too: it does not end when a script has closed it.
        let file = File::options().read(true).write(true).open(&path)?;
        Ok(Times {
            lines: BufReader::new(file),
        })
    }

    fn next_us(&mut self) -> anyhow::Result<f64> {
        if self.lines.buffer().is_empty() {
            let mut polled = [PollFd::new(self.lines.get_ref().as_fd(), PollFlags::POLLIN)];
            let ready = poll(&mut polled, PollTimeout::try_from(PATIENCE)?)?;
            ensure!(ready == 1, "a script did not tell its time");
        }
        let mut line = String::new();
        self.lines.read_line(&mut line)?;
        let nanoseconds: f64 = line.trim().parse().context("the time of a script")?;
        Ok(nanoseconds / 1e3)
    }
}
