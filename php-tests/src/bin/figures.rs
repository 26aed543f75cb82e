//! `send-file-figures`: what a handoff costs and saves, on each stack, in one run. Prints Markdown.
//!
//! Everything that is compared is measured in turns, so that a busy moment of the machine meets both. Figures of a
//! noisy machine: trust the ratios.
#![forbid(unsafe_code)]

use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use nix::sys::socket::{MsgFlags, recv};
use send_file_php_tests::case::Case;
use send_file_php_tests::client::{Connection, Request};
use send_file_php_tests::files::{Files, Sample};
use send_file_php_tests::limits::PATIENCE;
use send_file_php_tests::stack::{Kind, Options, Stack};

/// Requests of each kind, behind the warm-up.
const REQUESTS: usize = 400;
const WARM_UP: usize = 50;
/// Downloads of each kind.
const DOWNLOADS: usize = 5;
/// Slow downloads whose memory is looked at.
const SLOW_DOWNLOADS: [usize; 3] = [0, 200, 2000];

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("send-file-figures: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    println!(
        "Time of a request for {} KB, median of {REQUESTS}:\n",
        Files::current().page.len / 1000
    );
    println!("| stack | send_file() returns after | whole request | page without a file | ratio |");
    println!("|---|---|---|---|---|");
    for kind in Kind::ALL {
        let stack = Stack::start(kind, &Options::with_manager())?;
        println!("{}", requests(&stack).with_context(|| stack.log_tails())?);
    }
    println!(
        "\nA download of {} MB, median of {DOWNLOADS}:\n",
        Files::current().big.len / 1_000_000
    );
    println!("| stack | send_file() | readfile() | ratio |");
    println!("|---|---|---|---|");
    for kind in Kind::ALL {
        let stack = Stack::start(kind, &Options::with_manager())?;
        println!("{}", downloads(&stack).with_context(|| stack.log_tails())?);
    }
    println!("\nPhysical memory of the manager, table included, with slow downloads:\n");
    println!(
        "| stack | {} downloads | {} | {} | a download |",
        SLOW_DOWNLOADS[0], SLOW_DOWNLOADS[1], SLOW_DOWNLOADS[2]
    );
    println!("|---|---|---|---|---|");
    for kind in [Kind::ApacheModPhp, Kind::NginxFpmUnix, Kind::CliServer] {
        let stack = Stack::start(kind, &Options::with_manager())?;
        println!("{}", memory(&stack).with_context(|| stack.log_tails())?);
    }
    Ok(())
}

fn requests(stack: &Stack) -> anyhow::Result<String> {
    let case = Case::on(stack);
    let file = format!("file={}", case.files.page.name);
    let (mut calls, mut sends, mut pages) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..WARM_UP + REQUESTS {
        let call = case.get("call.php", &file);
        take(stack.address, &call.request)?;
        let call_ns: u64 = case.wait_for_mark(&call.tag, "call_ns")?.parse()?;
        let send = take(stack.address, &case.get("send.php", &file).request)?.0;
        let page = take(stack.address, &case.get("page.php", "").request)?.0;
        if round >= WARM_UP {
            calls.push(Duration::from_nanos(call_ns));
            sends.push(send);
            pages.push(page);
        }
    }
    let (call, send, page) = (median(calls), median(sends), median(pages));
    let ratio = send.as_secs_f64() / page.as_secs_f64();
    Ok(format!(
        "| {} | {} | {} | {} | {ratio:.2} |",
        stack.kind.name(),
        us(call),
        us(send),
        us(page)
    ))
}

fn downloads(stack: &Stack) -> anyhow::Result<String> {
    let case = Case::on(stack);
    let file = format!("file={}", case.files.big.name);
    let rate = |script: &str| -> anyhow::Result<f64> {
        let (time, bytes) = take(stack.address, &case.get(script, &file).request)?;
        ensure!(
            bytes >= case.files.big.len,
            "{script} sent {bytes} bytes only"
        );
        Ok(bytes as f64 / time.as_secs_f64() / 1e6)
    };
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..=DOWNLOADS {
        ours.push(rate("send.php")?);
        theirs.push(rate("readfile.php")?);
    }
    // The first of each warmed up.
    let (ours, theirs) = (median(ours.split_off(1)), median(theirs.split_off(1)));
    Ok(format!(
        "| {} | {ours:.0} MB/s | {theirs:.0} MB/s | {:.2} |",
        stack.kind.name(),
        ours / theirs
    ))
}

fn memory(stack: &Stack) -> anyhow::Result<String> {
    let case = Case::on(stack);
    let file = Sample::create(&format!("{}-slow.bin", stack.kind.name()), 20_000_000)?;
    let mut running = Vec::new();
    let mut resident = Vec::new();
    for count in SLOW_DOWNLOADS {
        while running.len() < count {
            let mut connection = Connection::open_slow(stack.address)?;
            connection.send(&case.get_file(&file).request.bytes())?;
            connection.read_head()?;
            connection.read_some(1000)?;
            running.push(connection);
        }
        resident.push(stack.manager().process().resident_bytes());
    }
    let finished = stack.manager().finished_jobs();
    ensure!(
        finished == 0,
        "{finished} of the slow downloads are over already"
    );
    let [none, _, most] = resident[..] else {
        bail!("three counts")
    };
    let each = (most - none) as f64 / SLOW_DOWNLOADS[2] as f64 / 1024.0;
    let kib: Vec<String> = resident
        .iter()
        .map(|bytes| format!("{} KiB", bytes / 1024))
        .collect();
    Ok(format!(
        "| {} | {} | {each:.1} KiB |",
        stack.kind.name(),
        kib.join(" | ")
    ))
}

/// Asks on a connection of its own and throws the answer away, in the kernel, until the server closes. Returns the time
/// from connecting to the end, and the bytes, head included.
fn take(address: SocketAddr, request: &Request) -> anyhow::Result<(Duration, u64)> {
    use std::io::Write;

    let begun = Instant::now();
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(&request.clone().with("Connection", "close").bytes())?;
    let mut piece = vec![0; 1 << 20];
    let mut bytes = 0;
    loop {
        match recv(stream.as_raw_fd(), &mut piece, MsgFlags::MSG_TRUNC)? {
            0 => return Ok((begun.elapsed(), bytes)),
            taken => bytes += taken as u64,
        }
    }
}

fn median<T: PartialOrd + Copy>(mut values: Vec<T>) -> T {
    values.sort_by(|a, b| a.partial_cmp(b).expect("no NaN is measured"));
    values[values.len() / 2]
}

fn us(time: Duration) -> String {
    format!("{} µs", time.as_micros())
}
