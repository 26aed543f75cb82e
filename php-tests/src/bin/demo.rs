//! `send-file-demo [cli-server|apache|fpm]`: a large download and a page from the same PHP, at the same time.
#![forbid(unsafe_code)]

use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{bail, ensure};
use send_file_php_tests::case::{Answer, Case};
use send_file_php_tests::client::{Connection, Request};
use send_file_php_tests::files::{Sample, hex};
use send_file_php_tests::stack::{Kind, Options, Stack};

const FILE_BYTES: u64 = 200_000_000;
const FILE_NAME: &str = "demo.bin";

/// So slow that one can watch it.
const CLIENT_BYTES_PER_SECOND: u64 = 60_000_000;

/// How often a page is asked for during the download.
const PAGE_EVERY: Duration = Duration::from_millis(100);

/// A page that takes longer than this has waited for the download.
const PAGE_PATIENCE: Duration = Duration::from_secs(1);

const USAGE: &str = "usage: send-file-demo [cli-server|apache|fpm]";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("send-file-demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    let kind = kind_asked_for()?;
    let sample = Sample::create(FILE_NAME, FILE_BYTES)?;
    let stack = Stack::start(kind, &Options::with_manager())?;
    let url = format!("http://{}", stack.address);
    println!(
        "{} with the extension, and the manager, are running.",
        described(kind)
    );
    println!("  the download  {url}/send.php?file={FILE_NAME}");
    println!("  a page        {url}/page.php\n");

    show(&stack, &sample).map_err(|error| anyhow::anyhow!("{error:#}\n{}", stack.log_tails()))?;
    if std::io::stdout().is_terminal() {
        println!("\nIt stays up until Ctrl-C. To try:");
        println!("  curl --limit-rate 20M -o /dev/null '{url}/send.php?file={FILE_NAME}'");
        loop {
            // The watchdog of the run stops everything when a signal ends this process.
            std::thread::park();
        }
    }
    Ok(())
}

fn kind_asked_for() -> anyhow::Result<Kind> {
    let mut arguments = std::env::args().skip(1);
    let kind = match arguments.next().as_deref() {
        None | Some("cli-server") => Kind::CliServer,
        Some("apache") => Kind::ApacheModPhp,
        Some("fpm") => Kind::NginxFpmUnix,
        Some("-h" | "--help") => {
            println!("{USAGE}");
            std::process::exit(0);
        }
        Some(other) => bail!("unknown stack {other:?}\n{USAGE}"),
    };
    ensure!(arguments.next().is_none(), "{USAGE}");
    Ok(kind)
}

fn described(kind: Kind) -> &'static str {
    match kind {
        Kind::CliServer => "`php -S`, which has a single process,",
        Kind::ApacheModPhp => "Apache with mod_php and 5 workers,",
        _ => "nginx with php-fpm and 5 workers,",
    }
}

/// Downloads, asks for pages meanwhile, and tells what came of it.
fn show(stack: &Stack, sample: &Sample) -> anyhow::Result<()> {
    let over = AtomicBool::new(false);
    let (answer, latencies) = std::thread::scope(|scope| {
        let pages = scope.spawn(|| ask_for_pages(stack.address, &over));
        let answer = download(stack, sample);
        over.store(true, Ordering::Relaxed);
        (
            answer,
            pages.join().expect("the thread that asks for pages"),
        )
    });
    let (answer, latencies) = (answer?, latencies?);

    answer.is_the_file(sample)?;
    println!(
        "SHA-256        {} - as it should be",
        hex(&answer.response.sha)
    );
    let case = Case::on(stack);
    let busy_us: u64 = case.wait_for_mark(&answer.tag, "worker_us")?.parse()?;
    println!(
        "PHP was busy   {:.1} ms with the download",
        busy_us as f64 / 1000.0
    );
    let (median, worst) = (
        latencies[latencies.len() / 2],
        latencies[latencies.len() - 1],
    );
    println!(
        "pages          {} during the download, median {}, slowest {}",
        latencies.len(),
        ms(median),
        ms(worst)
    );
    let job = case.job_is_whole(&answer.tag, sample.len)?;
    println!("the manager    {}", job.line);
    ensure!(
        worst < PAGE_PATIENCE,
        "a page took {}: it waited for the download",
        ms(worst)
    );
    Ok(())
}

/// Asks for pages until the download is over; returns how long each took, fastest first.
fn ask_for_pages(address: SocketAddr, over: &AtomicBool) -> anyhow::Result<Vec<Duration>> {
    let mut latencies = Vec::new();
    while !over.load(Ordering::Relaxed) || latencies.is_empty() {
        let asked = Instant::now();
        let page = Connection::open(address)?.exchange(&Request::get("/page.php"))?;
        ensure!(
            page.head.status == 200,
            "the page is answered by {}",
            page.head.status
        );
        latencies.push(asked.elapsed());
        std::thread::sleep(PAGE_EVERY);
    }
    latencies.sort();
    Ok(latencies)
}

fn download(stack: &Stack, sample: &Sample) -> anyhow::Result<Answer> {
    let request = Case::on(stack).get("timed.php", &format!("file={}", sample.name));
    let mut connection = Connection::open_slow(stack.address)?;
    connection.send(&request.request.bytes())?;
    let head = connection.read_head()?;
    let mut progress = Progress::new(sample.len);
    let response = connection.read_rest(head, &[], &mut |bytes| progress.advance(bytes))?;
    progress.end();
    Ok(request.answered(response))
}

/// Paces the client and shows how far it is: a bar on a terminal, lines elsewhere.
struct Progress {
    total: u64,
    begun: Instant,
    shown_percent: Option<u64>,
    terminal: bool,
}

impl Progress {
    fn new(total: u64) -> Progress {
        Progress {
            total,
            begun: Instant::now(),
            shown_percent: None,
            terminal: std::io::stdout().is_terminal(),
        }
    }

    fn advance(&mut self, bytes: u64) {
        let due = Duration::from_secs_f64(bytes as f64 / CLIENT_BYTES_PER_SECOND as f64);
        // A client as slow as this is what the demo is about: no event would come sooner.
        std::thread::sleep(due.saturating_sub(self.begun.elapsed()));
        let percent = bytes * 100 / self.total;
        let step = if self.terminal { 1 } else { 10 };
        if self
            .shown_percent
            .is_none_or(|shown| percent >= shown + step)
        {
            self.shown_percent = Some(percent / step * step);
            self.show(bytes, percent);
        }
    }

    fn show(&self, bytes: u64, percent: u64) {
        let rate = bytes as f64 / self.begun.elapsed().as_secs_f64().max(0.001) / 1e6;
        let line = format!(
            "{percent:3} %  {:3} of {} MB  {rate:.0} MB/s",
            bytes / 1_000_000,
            self.total / 1_000_000
        );
        if self.terminal {
            let filled = (percent / 2) as usize;
            print!(
                "\r  [{}{}] {line}  ",
                "#".repeat(filled),
                "-".repeat(50 - filled)
            );
            let _ = std::io::stdout().flush();
        } else {
            println!("  {line}");
        }
    }

    fn end(&self) {
        if self.terminal {
            println!("\n");
        }
    }
}

fn ms(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1000.0)
}
