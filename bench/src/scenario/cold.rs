//! One warm download, paced by its client, beside fifty whose files have to come from the disk.
//!
//! A machine whose disk and processors are busy is slower for everybody. So each peer runs twice, and the warm download comes in turns
//! from the server that has the fifty, too, and from one that has nothing else to do, the idle control, while the fifty go on. Their clients are
//! threads of the least priority, as they would be on other machines. The warm file is kept in memory.

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
use nix::sys::socket::{setsockopt, sockopt};
use send_file_php_tests::files::Sample;

use crate::background::{Pinned, step_back};
use crate::client::{Client, parse_head};
use crate::limits::{MAX_HEAD_BYTES, PATIENCE};
use crate::peer::{APACHE_SEND_FILE, NGINX_SEND_FILE, NGINX_STATIC, Peer};
use crate::plan::Plan;
use crate::results::Section;
use crate::rounds::interleave;
use crate::server::{Options, Server};
use crate::statistics::percentile;

pub(crate) const NAME: &str = "cold";
pub(crate) const ALONE: &str = "alone, p99.9 gap ms";
pub(crate) const BESIDE: &str = "beside cold readers, p99.9 gap ms";
pub(crate) const CONTROL: &str = "from an idle control beside them, p99.9 gap ms";
pub(crate) const WORK: &str = "warm download";

/// nginx static as one whose every process waits for the disk.
const PEERS: [Peer; 3] = [APACHE_SEND_FILE, NGINX_SEND_FILE, NGINX_STATIC];
const ROUNDS: usize = 3;
/// In a round, beside the cold readers: so that the p99.9 of each is of some thousand pieces of different moments.
const TURNS: usize = 3;

const READERS: usize = 50;
const SMOKE_READERS: usize = 3;
/// 2 GB all together.
const COLD_BYTES: u64 = 40_000_000;
const SMOKE_COLD_BYTES: u64 = 1_000_000;

/// What the client of the warm one takes, and how often: 20 MB/s.
const PIECE_BYTES: usize = 40_000;
const PIECE_EVERY: Duration = Duration::from_millis(2);
/// Some 1000, of which one is beyond the percentile.
const TIME: Duration = Duration::from_secs(2);
const SMOKE_TIME: Duration = Duration::from_millis(100);
/// Little, so that what the server does not send is soon missed.
const RECEIVE_BYTES: usize = 64 << 10;

pub(crate) fn run(plan: &Plan) -> anyhow::Result<Section> {
    let mut section = plan.section(NAME);
    let time = plan.scaled(TIME, SMOKE_TIME);
    let pieces = time.as_micros().div_ceil(PIECE_EVERY.as_micros()) as u64;
    let warm = Sample::create("warm.bin", 2 * pieces * PIECE_BYTES as u64)?;
    let _pinned = Pinned::new(&warm.path)?;
    let cold = cold_files(plan)?;
    let mut pairs = Vec::new();
    for peer in PEERS.into_iter().filter(|peer| plan.peers.contains(peer)) {
        let start = || Server::start(peer, &Options::default());
        pairs.push((start()?, start()?));
        section.compare((peer.name, BESIDE), (peer.name, CONTROL));
        section.compare((peer.name, BESIDE), (peer.name, ALONE));
    }
    interleave(
        plan.rounds(ROUNDS),
        plan.seed,
        &pairs,
        |(server, control)| {
            round(plan, &mut section, (server, control), &warm, &cold)
                .with_context(|| format!("{}\n{}", server.peer.name, server.log_tails()))
        },
    )?;
    Ok(section)
}

/// Some turns of all three: alone, and beside the cold readers from both servers.
fn round(
    plan: &Plan,
    section: &mut Section,
    (server, control): (&Server, &Server),
    warm: &Sample,
    cold: &[Sample],
) -> anyhow::Result<()> {
    let peer = server.peer.name;
    let time = plan.scaled(TIME, SMOKE_TIME);
    let turns = plan.scaled(TURNS, 1);
    for _ in 0..turns {
        section.add(WORK, peer, ALONE, p999_gap_ms(server, warm, time)?);
    }
    let begun = Instant::now();
    let measure = || -> anyhow::Result<Duration> {
        for turn in 0..turns {
            // Whoever comes first finds what the other left, so they take turns in that, too.
            let order = match turn % 2 {
                0 => [(server, BESIDE), (control, CONTROL)],
                _ => [(control, CONTROL), (server, BESIDE)],
            };
            for (server, quantity) in order {
                section.add(WORK, peer, quantity, p999_gap_ms(server, warm, time)?);
            }
        }
        Ok(begun.elapsed())
    };
    let (elapsed, read_bytes) = beside_cold_readers(server, cold, measure)?;
    let rate = read_bytes as f64 / 1e6 / elapsed.as_secs_f64();
    section.add(WORK, peer, "cold MB/s", rate);
    Ok(())
}

/// Files that are on the disk, so that they can be dropped from memory.
fn cold_files(plan: &Plan) -> anyhow::Result<Vec<Sample>> {
    let bytes = plan.scaled(COLD_BYTES, SMOKE_COLD_BYTES);
    let numbers = 0..plan.scaled(READERS, SMOKE_READERS);
    let file = |number| -> anyhow::Result<Sample> {
        let sample = Sample::create(&format!("cold-{number}.bin"), bytes)?;
        File::open(&sample.path)?.sync_all()?;
        Ok(sample)
    };
    numbers.map(file).collect()
}

/// Runs something while each of these files is downloaded again and again, from the disk. Returns the bytes, too.
fn beside_cold_readers<T>(
    server: &Server,
    files: &[Sample],
    measure: impl FnOnce() -> anyhow::Result<T>,
) -> anyhow::Result<(T, u64)> {
    let is_over = AtomicBool::new(false);
    let read_again = |file: &Sample| -> anyhow::Result<u64> {
        step_back();
        let target = server.peer.target(&file.name);
        let mut client = Client::new(server.address, &target, file.len);
        let mut bytes = 0;
        while !is_over.load(Ordering::Relaxed) {
            let opened = File::open(&file.path)?;
            posix_fadvise(&opened, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED)?;
            client.exchange()?;
            bytes += file.len;
        }
        Ok(bytes)
    };
    std::thread::scope(|scope| {
        let readers = files.iter().map(|file| scope.spawn(|| read_again(file)));
        let readers: Vec<_> = readers.collect();
        let measured = measure();
        is_over.store(true, Ordering::Relaxed);
        let mut bytes = 0;
        for reader in readers {
            bytes += reader.join().expect("a reader does not panic")?;
        }
        Ok((measured?, bytes))
    })
}

/// Takes a piece every few milliseconds, and says how long it was at most between two in 99.9 % of all cases.
fn p999_gap_ms(server: &Server, file: &Sample, time: Duration) -> anyhow::Result<f64> {
    let mut stream = open_warm(server, file)?;
    let mut piece = vec![0; PIECE_BYTES];
    let mut gaps = Vec::new();
    let begun = Instant::now();
    let mut last = begun;
    for number in 1.. {
        stream.read_exact(&mut piece).context("the warm download")?;
        let now = Instant::now();
        gaps.push((now - last).as_secs_f64() * 1e3);
        last = now;
        if now - begun > time {
            return Ok(percentile(&gaps, 0.999));
        }
        let next = begun + PIECE_EVERY * number;
        std::thread::sleep(next.saturating_duration_since(now));
    }
    unreachable!("time ends before numbers do")
}

fn open_warm(server: &Server, file: &Sample) -> anyhow::Result<TcpStream> {
    let mut stream = TcpStream::connect(server.address)?;
    setsockopt(&stream, sockopt::RcvBuf, &RECEIVE_BYTES)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let target = server.peer.target(&file.name);
    write!(stream, "GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
    let mut start = [0; MAX_HEAD_BYTES];
    let got = stream.read(&mut start)?;
    let head = parse_head(&start[..got])?.context("a head in one piece")?;
    ensure!(
        head.status == 200 && head.body_bytes == Some(file.len),
        "{head:?} for a warm file"
    );
    Ok(stream)
}
