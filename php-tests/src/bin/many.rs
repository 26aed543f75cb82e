//! `send-file-many [COUNT]`: holds so many slow downloads at the same time (25,000 if nothing is said), and then finishes them.
//! `send-file-many curve [COUNT...]`: does so with each of several numbers, and says what a download costs (`scale.rs`).
//!
//! More than one process may have descriptors for, on this side and on the manager's: clients are held by processes of their
//! own, 8,000 each, and the manager starts cells as their descriptors run out. Every byte is compared.
#![forbid(unsafe_code)]

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrStorage, connect, setsockopt, socket, sockopt,
};
use nix::unistd::Pid;
use send_file_php_tests::limits::POLL;
use send_file_php_tests::manager::Manager;
use send_file_php_tests::run::Run;
use send_file_php_tests::scale::{KernelMemory, Observation, processor_secs, report};
use send_file_wire::{Answer, Commit, Framing, Offer, OfferId, Part, Reason, channel};

/// Downloads at the same time.
const COUNT: usize = 25_000;
/// Where the curve is measured.
const CURVE: [usize; 4] = [1_000, 5_000, 10_000, COUNT];
/// Downloads that one process holds the clients of.
const HELD_BY_ONE: usize = 8_000;
/// More than the kernels of both sides take for a client that hardly reads.
const BODY_BYTES: usize = 200_000;
/// What every client reads in each round while all are held: slow, but not stalled.
const ROUND_BYTES: usize = 1_000;
const ROUNDS: usize = 3;
/// How long to ask again where the manager has no room for a moment.
const PATIENCE: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match &arguments[..] {
        [hold, socket, file, count] if hold == "hold" => {
            hold_them(Path::new(socket), Path::new(file), count)
        }
        [curve, counts @ ..] if curve == "curve" => draw(counts),
        [] => run(COUNT).map(drop),
        [count] => parse(count).and_then(run).map(drop),
        _ => Err(anyhow::anyhow!(
            "usage: send-file-many [COUNT], or send-file-many curve [COUNT...]"
        )),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("send-file-many: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn parse(count: &str) -> anyhow::Result<usize> {
    count.parse().context("the number of downloads")
}

fn draw(counts: &[String]) -> anyhow::Result<()> {
    let counts = match counts {
        [] => CURVE.to_vec(),
        counts => counts
            .iter()
            .map(|count| parse(count))
            .collect::<Result<_, _>>()?,
    };
    let seen: Vec<Observation> = counts.into_iter().map(run).collect::<Result<_, _>>()?;
    println!("\n{}", report(&seen)?);
    Ok(())
}

fn run(count: usize) -> anyhow::Result<Observation> {
    let folder = Run::current().folder("many")?;
    let file = folder.join("file");
    fs::write(&file, content())?;
    // Clients that are held take nothing for as long as it takes to begin all of them.
    let manager = Manager::start(&folder, &["--stall-timeout", "600"])?;
    let (_, limit) = getrlimit(Resource::RLIMIT_NOFILE)?;
    let worker_secs = || {
        let first = manager.process().group().as_raw();
        processor_secs(first, manager.workers().into_iter().map(Pid::as_raw))
    };
    let (kernel_before, secs_before) = (KernelMemory::now()?, worker_secs()?);
    let descriptors_before = worker_descriptors(&manager);
    let cells_before = manager.workers().len();
    let began = Instant::now();
    let mut holders = Vec::new();
    for first in (0..count).step_by(HELD_BY_ONE) {
        let share = HELD_BY_ONE.min(count - first);
        holders.push(Holder::start(manager.socket(), &file, share)?);
    }
    for holder in &mut holders {
        holder.expect("held")?;
    }
    println!(
        "{count} downloads at the same time after {:.1} s; the descriptor limit of a process is {limit}",
        began.elapsed().as_secs_f32()
    );
    let (kernel, secs_held) = (KernelMemory::now()?, worker_secs()?);
    let descriptors = worker_descriptors(&manager) - descriptors_before;
    let memory_bytes = manager.process().resident_bytes();
    println!(
        "{} cells; {:.1} MiB of memory, {:.2} KiB a download",
        manager.workers().len(),
        memory_bytes as f32 / (1 << 20) as f32,
        memory_bytes as f32 / 1024.0 / count as f32,
    );
    for holder in &mut holders {
        holder.say("go")?;
    }
    for holder in &mut holders {
        holder.expect("all right")?;
    }
    println!(
        "all arrived, every byte compared, after {:.1} s",
        began.elapsed().as_secs_f32()
    );
    wait_for_retired_cells(&manager, cells_before)?;
    Ok(Observation {
        downloads: count,
        descriptors: descriptors as f64,
        memory_bytes: memory_bytes as f64,
        queued_bytes: kernel.queued_bytes - kernel_before.queued_bytes,
        kernel_bytes: kernel.slab_bytes - kernel_before.slab_bytes,
        beginning_secs: secs_held - secs_before,
        sending_secs: worker_secs()? - secs_held,
        sent_bytes: (count * BODY_BYTES) as f64,
    })
}

/// What a cell has spent that was relieved is known when it has ended.
fn wait_for_retired_cells(manager: &Manager, cells: usize) -> anyhow::Result<()> {
    let until = Instant::now() + PATIENCE;
    while manager.workers().len() > cells {
        ensure!(Instant::now() < until, "a cell that retired does not end");
        std::thread::sleep(POLL);
    }
    Ok(())
}

/// A guardian has the same ones: they are shared.
fn worker_descriptors(manager: &Manager) -> usize {
    let of_each = manager.process().descriptors();
    let workers = manager.workers().into_iter();
    workers.filter_map(|pid| of_each.get(&pid.as_raw())).sum()
}

/// The process that holds the clients of some downloads.
struct Holder {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Holder {
    fn start(socket: &Path, file: &Path, count: usize) -> anyhow::Result<Holder> {
        let program: PathBuf = std::env::current_exe()?;
        let mut child = Command::new(program)
            .arg("hold")
            .args([socket, file])
            .arg(count.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        Ok(Holder {
            input: child.stdin.take().context("a pipe")?,
            output: BufReader::new(child.stdout.take().context("a pipe")?),
            child,
        })
    }

    fn expect(&mut self, word: &str) -> anyhow::Result<()> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        ensure!(line.trim() == word, "a holder said {line:?} for {word:?}");
        Ok(())
    }

    fn say(&mut self, word: &str) -> io::Result<()> {
        writeln!(self.input, "{word}")
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The life of a holder.
fn hold_them(manager: &Path, file: &Path, count: &str) -> anyhow::Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    let count: usize = count.parse()?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut clients = Vec::new();
    for number in 0..count {
        let client = begin(manager, file, &listener)
            .with_context(|| format!("download {number} of this process"))?;
        clients.push(client);
    }
    let expected = content();
    let mut piece = vec![0; ROUND_BYTES];
    for round in 0..ROUNDS {
        for client in &mut clients {
            client.read_exact(&mut piece)?;
            ensure!(
                piece == expected[round * ROUND_BYTES..][..ROUND_BYTES],
                "a wrong byte in round {round}"
            );
        }
    }
    println!("held");
    let mut go = String::new();
    io::stdin().read_line(&mut go)?;
    ensure!(go.trim() == "go", "the other process has ended");
    let mut rest = Vec::new();
    for mut client in clients {
        rest.clear();
        client.read_to_end(&mut rest)?;
        ensure!(
            rest == expected[ROUNDS * ROUND_BYTES..],
            "{} bytes, or a wrong one",
            rest.len()
        );
    }
    println!("all right");
    Ok(())
}

/// Hands a download over, as a PHP worker does.
fn begin(manager: &Path, file: &Path, listener: &TcpListener) -> anyhow::Result<TcpStream> {
    let client = socket(
        AddressFamily::Inet,
        SockType::Stream,
        SockFlag::SOCK_CLOEXEC,
        None,
    )?;
    setsockopt(&client, sockopt::RcvBuf, &4096)?;
    let address: SockaddrStorage = listener.local_addr()?.into();
    connect(client.as_raw_fd(), &address)?;
    let (server, _) = listener.accept()?;
    let file = File::open(file)?;
    let offer = Offer {
        id: OfferId(1),
        framing: Framing::Raw,
        rate: None,
        parts: vec![Part::Span {
            offset: 0,
            len: BODY_BYTES as u64,
        }],
        tag: b"many".to_vec(),
    };
    let until = Instant::now() + PATIENCE;
    loop {
        match hand_over(manager, &server, &file, &offer)? {
            Ok(()) => return Ok(client.into()),
            // Until a fresh cell serves; PHP would answer 503 or stream.
            Err(Reason::Busy | Reason::Draining) if Instant::now() < until => {}
            Err(reason) => bail!("rejected: {reason:?}"),
        }
    }
}

fn hand_over(
    manager: &Path,
    server: &TcpStream,
    file: &File,
    offer: &Offer,
) -> anyhow::Result<Result<(), Reason>> {
    let worker = channel::connect_to(manager)?;
    let packet = offer.encode()?;
    channel::send(worker.as_fd(), &packet, &[server.as_fd(), file.as_fd()])?;
    let mut fds = [PollFd::new(worker.as_fd(), PollFlags::POLLIN)];
    ensure!(
        poll(&mut fds, PollTimeout::try_from(PATIENCE)?)? == 1,
        "no answer in time"
    );
    let mut answer = [0; 64];
    let length = channel::receive(worker.as_fd(), &mut answer)?;
    ensure!(length > 0, "the manager closed without an answer");
    match Answer::decode(&answer[..length])? {
        Answer::Accept(id) => {
            channel::send(worker.as_fd(), &Commit(id).encode(), &[])?;
            Ok(Ok(()))
        }
        Answer::Reject(_, reason) => Ok(Err(reason)),
    }
}

/// Bytes that tell where in the file they are from.
fn content() -> Vec<u8> {
    let byte = |at: usize| (at ^ at >> 8 ^ at >> 16).wrapping_mul(167) as u8;
    (0..BODY_BYTES).map(byte).collect()
}
