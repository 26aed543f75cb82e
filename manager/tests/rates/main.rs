//! How well the real daemon keeps a rate, measured where it matters: at the receiving end of real connections.
//!
//! What is compared are bytes and the time in which they came, never a deadline: a busy machine makes a window longer,
//! not the measurement wrong. A binary of its own, so that no other test runs meanwhile.

#[allow(dead_code, reason = "the handoff tests use all of it")]
#[path = "../handoff/rig.rs"]
mod rig;

use std::fs::{self, File};
use std::net::TcpStream;
use std::num::{NonZeroU16, NonZeroU64};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::RwLock;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::socket::{MsgFlags, recv};
use nix::unistd::{SysconfVar, sysconf};
use send_file_wire::limits::{MAX_PACE_INTERVAL, PACE_CREDIT_TIME};
use send_file_wire::{FastCgi, Framing, Part, Rate, ServerKind};

use rig::{
    Manager, connection, connection_with_small_window, file_with, number, pattern, read_records,
    span,
};

/// Over so long a rate must be kept.
const WINDOW: Duration = Duration::from_secs(5);

/// Long enough for windows that start at different moments.
const MEASURED: Duration = Duration::from_secs(6);

/// How far a rate may be off.
const TOLERANCE: f64 = 0.05;

/// Held by tests that leave most of the machine to others for reading, for writing by the one that needs all of it.
static MACHINE: RwLock<()> = RwLock::new(());

fn rate(bytes_per_sec: u64, burst_bytes: u64) -> Rate {
    Rate {
        bytes_per_sec: NonZeroU64::new(bytes_per_sec).unwrap(),
        burst_bytes,
    }
}

/// A file of zeros that takes no memory.
fn sparse_file(bytes: u64) -> File {
    let file = File::from(memfd_create("sparse", MFdFlags::MFD_CLOEXEC).unwrap());
    file.set_len(bytes).unwrap();
    file
}

/// A sparse file of this size, given away under a rate: the client's end.
fn paced_download(manager: &Manager, rate: Option<Rate>, bytes: u64) -> TcpStream {
    let (client, server) = connection();
    let file = sparse_file(bytes);
    manager.hand_over_at(rate, &server, &file, Framing::Raw, &[span(0, bytes)]);
    client
}

/// When how many bytes had arrived.
type Arrivals = Vec<(Instant, u64)>;

/// Receives for so long, without looking at the bytes.
fn receive(client: &TcpStream, time: Duration) -> Arrivals {
    let mut piece = vec![0; 1 << 20];
    let (start, mut total) = (Instant::now(), 0);
    let mut arrivals = Vec::new();
    while start.elapsed() < time {
        // MSG_TRUNC makes TCP drop the bytes without copying them.
        let bytes = recv(client.as_raw_fd(), &mut piece, MsgFlags::MSG_TRUNC).unwrap();
        assert!(bytes > 0, "the download ended after {total} bytes");
        total += bytes as u64;
        arrivals.push((Instant::now(), total));
    }
    arrivals
}

/// The slowest and the fastest average since the first arrival over so long or longer, in bytes a second. Not over any
/// stretch: what the machine held up before it began is made up for in it.
fn extremes(arrivals: &Arrivals) -> (f64, f64) {
    let (from, before) = arrivals[0];
    let rates = arrivals
        .iter()
        .filter(|(to, _)| *to >= from + WINDOW)
        .map(|(to, total)| (total - before) as f64 / (*to - from).as_secs_f64());
    rates.fold((f64::INFINITY, 0.0), |(slowest, fastest), rate| {
        (rate.min(slowest), rate.max(fastest))
    })
}

fn assert_kept(bytes_per_sec: u64, measured: f64) {
    let off = measured / bytes_per_sec as f64 - 1.0;
    println!("{bytes_per_sec} bytes/s: {:+.3} % in a window", off * 100.0);
    assert!(
        off.abs() <= TOLERANCE,
        "{measured:.0} bytes/s where {bytes_per_sec} were asked for"
    );
}

#[test]
fn any_rate_is_kept_within_5_percent_over_5_seconds() {
    let _machine = MACHINE.read();
    let manager = &Manager::start(&[]);
    std::thread::scope(|scope| {
        for bytes_per_sec in [1_000, 100_000, 10_000_000] {
            scope.spawn(move || {
                let client = paced_download(manager, Some(rate(bytes_per_sec, 0)), 1 << 30);
                let arrivals = receive(&client, MEASURED);
                let (slowest, fastest) = extremes(&arrivals);
                assert_kept(bytes_per_sec, slowest);
                assert_kept(bytes_per_sec, fastest);
                // Smooth, too: not one piece every few seconds.
                let fewest = MEASURED.as_millis() / MAX_PACE_INTERVAL.as_millis() * 3 / 4;
                let pieces = arrivals.len();
                assert!(
                    pieces as u128 >= fewest,
                    "{bytes_per_sec} bytes/s in {pieces} pieces"
                );
            });
        }
        scope.spawn(|| behind_its_burst(manager));
    });
}

fn behind_its_burst(manager: &Manager) {
    const RATE: u64 = 20_000;
    const BURST: u64 = 2_000_000;
    let client = paced_download(manager, Some(rate(RATE, BURST)), 1 << 30);
    let arrivals = receive(&client, MEASURED);
    let first = arrivals[0].0;
    let (burst_over, _) = arrivals.iter().find(|(_, total)| *total >= BURST).unwrap();
    // At the rate it would have taken 100 s.
    let took = *burst_over - first;
    assert!(took < Duration::from_secs(2), "the burst took {took:?}");
    let behind = arrivals.iter().copied().filter(|(at, _)| at > burst_over);
    let (slowest, fastest) = extremes(&behind.collect());
    assert_kept(RATE, slowest);
    assert_kept(RATE, fastest);
}

#[test]
fn a_gigabyte_a_second_is_kept_too() {
    let _machine = MACHINE.write();
    let manager = Manager::start(&[]);
    let client = paced_download(&manager, None, 1 << 40);
    let possible = receive(&client, Duration::from_secs(1)).last().unwrap().1;
    drop(client);
    // A busy machine may not have that much to give: then the highest rate that leaves it room.
    let rates = [1_000_000_000, 300_000_000, 100_000_000, 30_000_000];
    let kept = rates.into_iter().find(|rate| possible >= rate * 3 / 2);
    let bytes_per_sec =
        kept.unwrap_or_else(|| panic!("only {possible} bytes in a second without a rate"));
    let client = paced_download(&manager, Some(rate(bytes_per_sec, 0)), 1 << 40);
    let (slowest, fastest) = extremes(&receive(&client, MEASURED));
    println!(
        "{bytes_per_sec} of {possible} possible bytes/s: {slowest:.0} to {fastest:.0} in windows of {WINDOW:?}"
    );
    assert_kept(bytes_per_sec, fastest);
    // This takes both cores of a small machine, whose other tenants can make it slower, but not by half.
    assert!(slowest > bytes_per_sec as f64 / 2.0, "{slowest} bytes/s");
}

#[test]
fn a_rate_covers_ranges_literals_and_the_body_inside_fastcgi_records() {
    const RATE: u64 = 100_000;
    let _machine = MACHINE.read();
    let manager = &Manager::start(&[]);
    let file = &file_with(&pattern(0, 1 << 20));
    let literal = |text: &str| Part::Literal(text.as_bytes().repeat(1000));
    let parts = &[
        literal("first boundary"),
        span(700_000, 100_000),
        literal("second boundary"),
        span(5, 171_000),
    ];
    const BODY_BYTES: u64 = 14_000 + 100_000 + 15_000 + 171_000;
    let expected = &[
        b"first boundary".repeat(1000),
        pattern(700_000, 100_000),
        b"second boundary".repeat(1000),
        pattern(5, 171_000),
    ]
    .concat();
    let fastcgi = Framing::FastCgi(FastCgi {
        request_id: NonZeroU16::new(1).unwrap(),
        server: ServerKind::Nginx,
        keep: false,
    });
    // The end of the connection comes with the last piece.
    let ideal = Duration::from_secs_f64(BODY_BYTES as f64 / RATE as f64);
    let check = |what: &str, received: &[u8], took: Duration| {
        println!("{what}: {took:?} where {ideal:?} are ideal");
        assert!(received == expected, "{what}: other bytes");
        // Never too early, by a byte; the last piece may be late on a busy machine.
        assert!(
            took >= ideal && took <= ideal.mul_f64(1.3),
            "{what}: {took:?} where {ideal:?} are ideal"
        );
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (mut client, server) = connection();
            let start = Instant::now();
            manager.hand_over_at(Some(rate(RATE, 0)), &server, file, Framing::Raw, parts);
            drop(server);
            let received = rig::read_to_end(&mut client).unwrap();
            check("raw", &received, start.elapsed());
        });
        scope.spawn(|| {
            let file = File::open(format!("/proc/self/fd/{}", number(file))).unwrap();
            let (mut web_server, worker_end) = UnixStream::pair().unwrap();
            let start = Instant::now();
            manager.hand_over_at(Some(rate(RATE, 0)), &worker_end, &file, fastcgi, parts);
            drop(worker_end);
            let bytes = rig::read_to_end(&mut web_server).unwrap();
            let took = start.elapsed();
            let (received, ended) = read_records(&bytes);
            assert!(ended);
            check("FastCGI", &received, took);
        });
    });
}

#[test]
fn a_client_that_pauses_gets_no_more_at_once_than_the_credit_and_what_the_kernel_held() {
    const RATE: u64 = 8_000_000;
    const PAUSE: Duration = Duration::from_secs(3);
    const CREDIT_BYTES: u64 = RATE * PACE_CREDIT_TIME.as_millis() as u64 / 1000;
    /// Both ends' buffers on the loopback: 128 KiB not yet sent, and what the small window and its buffer hold.
    const KERNEL_BYTES: u64 = 1 << 20;
    let _machine = MACHINE.read();
    let manager = Manager::start(&[]);
    let (client, server) = connection_with_small_window();
    let file = sparse_file(1 << 30);
    let parts = [span(0, 1 << 30)];
    manager.hand_over_at(Some(rate(RATE, 0)), &server, &file, Framing::Raw, &parts);
    drop(server);
    receive(&client, Duration::from_millis(300));
    // This client's pace, not a wait.
    std::thread::sleep(PAUSE);
    let resumed = Instant::now();
    for (at, total) in receive(&client, Duration::from_secs(1)) {
        let earned = (RATE as f64 * (at - resumed).as_secs_f64()) as u64;
        let most = KERNEL_BYTES + CREDIT_BYTES + earned;
        assert!(
            total <= most,
            "{total} bytes {:?} after the pause",
            at - resumed
        );
    }
}

/// User and system time of a process so far, from /proc/pid/stat (proc_pid_stat(5), fields 14 and 15).
fn cpu_time(process_id: i32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{process_id}/stat")).unwrap();
    let behind_name = stat.rsplit(')').next().unwrap();
    let ticks: u64 = behind_name
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|field| field.parse::<u64>().unwrap())
        .sum();
    let per_second = sysconf(SysconfVar::CLK_TCK).unwrap().unwrap();
    Duration::from_secs_f64(ticks as f64 / per_second as f64)
}

/// Takes what has arrived.
fn drain(client: &TcpStream) -> u64 {
    let mut piece = [0; 1 << 16];
    let mut total = 0;
    loop {
        match recv(
            client.as_raw_fd(),
            &mut piece,
            MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_TRUNC,
        ) {
            Ok(0) => panic!("the download ended"),
            Ok(bytes) => total += bytes as u64,
            Err(Errno::EAGAIN) => return total,
            Err(errno) => panic!("{errno}"),
        }
    }
}

#[test]
fn two_thousand_paced_downloads_all_keep_their_rate_for_a_fraction_of_a_core() {
    const DOWNLOADS: usize = 2000;
    const RATE: u64 = 10_000;
    /// Of one core, and of a debug build.
    const MOST_CPU: f64 = 0.6;
    let _machine = MACHINE.read();
    let manager = Manager::start_with_descriptors(3 * DOWNLOADS as u32, &[]);
    let clients: Vec<TcpStream> = (0..DOWNLOADS)
        .map(|_| paced_download(&manager, Some(rate(RATE, 0)), 1 << 30))
        .collect();
    let cpu_before = cpu_time(manager.worker().as_raw());
    let start = Instant::now();
    // Since the first sweep: what came before it is not counted.
    let mut arrived: Vec<(Duration, u64)> = vec![(Duration::ZERO, 0); DOWNLOADS];
    let mut from = vec![Duration::ZERO; DOWNLOADS];
    for sweep in 0.. {
        for (number, client) in clients.iter().enumerate() {
            let bytes = drain(client);
            if sweep == 0 {
                from[number] = start.elapsed();
            } else {
                arrived[number] = (start.elapsed() - from[number], arrived[number].1 + bytes);
            }
        }
        if start.elapsed() > WINDOW {
            break;
        }
        // The clients' pace, not a wait: 5 KB, far less than a window.
        std::thread::sleep(Duration::from_millis(500));
    }
    let elapsed = start.elapsed();
    let cpu =
        (cpu_time(manager.worker().as_raw()) - cpu_before).as_secs_f64() / elapsed.as_secs_f64();
    let rates = arrived
        .iter()
        .map(|(time, bytes)| *bytes as f64 / time.as_secs_f64());
    let (slowest, fastest) = rates.fold((f64::INFINITY, 0.0f64), |(slowest, fastest), rate| {
        (slowest.min(rate), fastest.max(rate))
    });
    println!(
        "{DOWNLOADS} downloads: {slowest:.0} to {fastest:.0} bytes/s each, {cpu:.3} of a core"
    );
    // A piece more or less at either end of the time is 2.5 % of 5 s.
    let tolerance = RATE as f64 * 2.0 * TOLERANCE;
    assert!(slowest >= RATE as f64 - tolerance && fastest <= RATE as f64 + tolerance);
    assert!(cpu <= MOST_CPU, "{cpu:.3} of a core");
}
