//! How long a client of a warm file waits between two arrivals while others have cold files read. A measurement:
//! `cargo test --release -p send-file-manager --test cold gaps -- --ignored --nocapture`. `OTHER_MANAGER` names another program
//! to be measured in turns with this one, `DISK_BYTES_PER_SEC` makes the disk of both slow (with version 1 of control groups).

use std::fs::{self, File};
use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nix::sys::socket::{MsgFlags, recv};
use nix::sys::stat::{major, minor, stat};
use nix::unistd::{Pid, SysconfVar, sysconf};
use send_file_wire::Framing;

use crate::disk::DiskFile;
use crate::rig::{Manager, built, connection, file_with, number, span};

const COLD_CLIENTS: usize = 50;
const FILE_BYTES: u64 = 32 << 20;
/// Dropped from the cache at a time.
const COOLED_BYTES: u64 = 4 << 20;
/// The file is sent again and again.
const REPEATS: u64 = 64;
/// More than a client takes while it is watched.
const WARM_FILE_BYTES: u64 = 512 << 20;
const MEASURED: Duration = Duration::from_secs(3);
const ROUNDS: usize = 3;

fn download(manager: &Manager, file: &File, bytes: u64) -> TcpStream {
    let (client, server) = connection();
    let parts = vec![span(0, bytes); REPEATS as usize];
    // The description is the download's own.
    let file = File::open(format!("/proc/self/fd/{}", number(file))).unwrap();
    manager.hand_over(&server, &file, Framing::Raw, &parts);
    client
}

/// Takes what comes; MSG_TRUNC makes TCP drop the bytes without copying them.
fn take(client: &TcpStream, memory: &mut [u8]) -> usize {
    recv(client.as_raw_fd(), memory, MsgFlags::MSG_TRUNC).unwrap_or(0)
}

/// What was seen of one client.
struct Seen {
    /// The pauses between arrivals, sorted.
    gaps_us: Vec<u64>,
    bytes: u64,
    /// What the worker used, for whomever.
    cpu: Duration,
}

fn watch(manager: &Manager, warm: &File) -> Seen {
    let cpu_before = cpu_time(manager.worker());
    let client = download(manager, warm, WARM_FILE_BYTES);
    let mut memory = vec![0; 256 * 1024];
    let (mut gaps_us, mut taken) = (Vec::new(), 0);
    let started = Instant::now();
    let mut last = started;
    while started.elapsed() < MEASURED {
        let bytes = take(&client, &mut memory);
        assert!(bytes > 0);
        taken += bytes as u64;
        let now = Instant::now();
        gaps_us.push((now - last).as_micros() as u64);
        last = now;
    }
    gaps_us.sort_unstable();
    Seen {
        gaps_us,
        bytes: taken,
        cpu: cpu_time(manager.worker()) - cpu_before,
    }
}

/// What a process has used with all its threads (proc_pid_stat(5), fields 14 and 15).
fn cpu_time(process: Pid) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    let ticks: u64 = fields[11..13]
        .iter()
        .map(|ticks| ticks.parse::<u64>().unwrap())
        .sum();
    let per_second = sysconf(SysconfVar::CLK_TCK).unwrap().unwrap();
    Duration::from_secs_f64(ticks as f64 / per_second as f64)
}

fn print(what: &str, seen: &Seen) {
    let gaps = &seen.gaps_us;
    let at = |share: f64| gaps[((gaps.len() - 1) as f64 * share) as usize];
    println!(
        "{what:42} p50 {:5} p99 {:6} p99.9 {:7} max {:8} us, {:5} MB/s, {:5.1} CPU ms/GB",
        at(0.5),
        at(0.99),
        at(0.999),
        at(1.0),
        seen.bytes / MEASURED.as_secs() / 1_000_000,
        seen.cpu.as_secs_f64() * 1e12 / seen.bytes as f64
    );
}

/// The processes of a manager, in a group whose reads of this file's disk are slow.
fn slow_down(manager: &Manager, file: &Path) {
    let Ok(bytes_per_sec) = std::env::var("DISK_BYTES_PER_SEC") else {
        return;
    };
    let group = PathBuf::from("/sys/fs/cgroup/blkio/send-file-cold");
    fs::create_dir_all(&group).unwrap();
    let device = stat(file).unwrap().st_dev;
    let limit = format!("{}:{} {bytes_per_sec}", major(device), minor(device));
    fs::write(group.join("blkio.throttle.read_bps_device"), limit).unwrap();
    for process in [manager.guardian(), manager.worker()] {
        fs::write(group.join("cgroup.procs"), process.to_string()).unwrap();
    }
}

fn measure(name: &str, program: &Path, warm: &File, on_disk: &DiskFile, cold: &[DiskFile]) {
    let manager = Manager::start_program(program, &[]);
    slow_down(&manager, program);
    let control = Manager::start_program(program, &[]);
    let alone = watch(&manager, warm);
    std::io::copy(&mut on_disk.open(), &mut std::io::sink()).unwrap();
    let looked_at = watch(&manager, &on_disk.open());
    cold.iter().for_each(DiskFile::cool);
    let (stop, cold_bytes) = (&AtomicBool::new(false), &AtomicU64::new(0));
    let clients: Vec<TcpStream> = cold
        .iter()
        .map(|file| download(&manager, &file.open(), FILE_BYTES))
        .collect();
    std::thread::scope(|scope| {
        for (client, file) in clients.iter().zip(cold) {
            scope.spawn(move || {
                let mut memory = vec![0; 256 * 1024];
                let mut total = 0;
                while !stop.load(Ordering::Relaxed) {
                    let bytes = take(client, &mut memory) as u64;
                    cold_bytes.fetch_add(bytes, Ordering::Relaxed);
                    // Cold again when its turn comes again.
                    if total / COOLED_BYTES != (total + bytes) / COOLED_BYTES {
                        let behind = (total + FILE_BYTES - 2 * COOLED_BYTES) % FILE_BYTES;
                        file.cool_range(behind / COOLED_BYTES * COOLED_BYTES, COOLED_BYTES);
                    }
                    total += bytes;
                }
            });
        }
        let before = cold_bytes.load(Ordering::Relaxed);
        let among = watch(&manager, warm);
        let during = cold_bytes.load(Ordering::Relaxed) - before;
        let beside = watch(&control, warm);
        stop.store(true, Ordering::Relaxed);
        for client in &clients {
            let _ = client.shutdown(std::net::Shutdown::Both);
        }
        print(&format!("{name} alone"), &alone);
        print(
            &format!("{name} alone, of the disk, in the cache"),
            &looked_at,
        );
        print(&format!("{name} beside, in a manager of its own"), &beside);
        print(&format!("{name} among {COLD_CLIENTS} cold ones"), &among);
        println!(
            "{name} cold bytes: {} MB/s",
            during / MEASURED.as_secs() / 1_000_000
        );
    });
}

#[test]
#[ignore = "a measurement"]
fn gaps_of_a_warm_download_among_cold_ones() {
    let file = |bytes| DiskFile::with(&vec![7; bytes as usize]).expect("a disk");
    let on_disk = file(WARM_FILE_BYTES);
    let cold: Vec<DiskFile> = (0..COLD_CLIENTS).map(|_| file(FILE_BYTES)).collect();
    // In memory: some machines drop what is in the cache although there is room.
    let warm = file_with(&vec![7; WARM_FILE_BYTES as usize]);
    for _ in 0..ROUNDS {
        if let Some(other) = std::env::var_os("OTHER_MANAGER") {
            measure("other", Path::new(&other), &warm, &on_disk, &cold);
        }
        measure("this", &built(), &warm, &on_disk, &cold);
    }
}
