//! How many instructions the loop spends on a handoff, a download and a turn, outside the kernel.
//!
//! `cargo bench --bench instructions` runs itself under `valgrind --tool=callgrind`, which counts what happens inside
//! [`counted_turn`] and nowhere else. The numbers hardly depend on the machine and not at all on its load, so that they show what a
//! noisy clock hides; they do depend on the compiler and the C library. bench/instructions.sh compares them with what is
//! written down. `CALLGRIND_DIR=FOLDER` keeps the counts by function, for callgrind_annotate.

#[path = "../tests/stepped/rig.rs"]
mod rig;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use rig::{Download, Rig, Way};

/// Repetitions that are counted, and those before, in which tables grow to their size.
const COUNTED: usize = 50;
const BEFORE: usize = 20;

const BODY_BYTES: usize = 100_000;

/// Of a download that goes on, and what its client takes between two turns.
const LONG_BODY_BYTES: usize = 64 << 20;
const PIECE_BYTES: usize = 512 * 1024;

/// What is counted.
const SCENARIOS: [(&str, Way, Scenario); 6] = [
    ("offer raw", Way::Raw, Scenario::Offer),
    ("offer fastcgi", Way::FastCgi, Scenario::Offer),
    ("download of 100 KB raw", Way::Raw, Scenario::Download),
    (
        "download of 100 KB fastcgi",
        Way::FastCgi,
        Scenario::Download,
    ),
    ("turn that goes on raw", Way::Raw, Scenario::Turn),
    ("turn that goes on fastcgi", Way::FastCgi, Scenario::Turn),
];

#[derive(Clone, Copy)]
enum Scenario {
    /// From the connection of the worker to the accept.
    Offer,
    /// From the connection of the worker to the end.
    Download,
    /// A turn of a download whose client has taken something.
    Turn,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments[..] {
        [carry, name] if carry == "carry" => carry_out(name),
        _ => SCENARIOS.iter().for_each(|(name, ..)| report(name)),
    }
}

/// Runs one of them under callgrind and prints its name, the instructions, and the calls to malloc and its like.
fn report(name: &str) {
    let counts = std::env::temp_dir().join(format!("send-file-callgrind-{}", std::process::id()));
    let status = Command::new("valgrind")
        .args(["--tool=callgrind", "--collect-atstart=no"])
        .arg("--toggle-collect=*counted_turn*")
        .arg(format!("--callgrind-out-file={}", counts.display()))
        .arg(std::env::current_exe().expect("this program"))
        .args(["carry", name])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("valgrind runs");
    assert!(status.success(), "{name}: {status}");
    let (instructions, allocations) = read_counts(&counts);
    let each = |count: u64| count as f64 / COUNTED as f64;
    println!(
        "{name}: {:.0} instructions, {:.1} allocations",
        each(instructions),
        each(allocations)
    );
    // For callgrind_annotate.
    if let Some(folder) = std::env::var_os("CALLGRIND_DIR") {
        let kept = Path::new(&folder).join(name.replace(' ', "-"));
        fs::copy(&counts, kept).expect("a folder for the counts");
    }
    let _ = fs::remove_file(counts);
}

/// From a file of callgrind: all instructions, and the calls of functions that allocate. "(7) name" names a function,
/// "(7)" refers to it, and "calls=" follows what is called.
fn read_counts(path: &Path) -> (u64, u64) {
    let text = fs::read_to_string(path).expect("callgrind wrote its counts");
    let (mut instructions, mut allocations) = (0, 0);
    let mut allocating = Vec::new();
    let mut is_allocating = false;
    for line in text.lines() {
        if let Some(total) = line.strip_prefix("totals: ") {
            instructions = total.trim().parse().expect("a number");
        }
        let Some((what, rest)) = line.split_once('=') else {
            continue;
        };
        match what {
            "fn" | "cfn" => {
                let (number, name) = rest.split_once(' ').unwrap_or((rest, ""));
                if ["malloc", "calloc", "realloc", "posix_memalign"].contains(&name) {
                    allocating.push(number.to_owned());
                }
                is_allocating = what == "cfn" && allocating.iter().any(|other| other == number);
            }
            "calls" if is_allocating => {
                let calls = rest.split(' ').next().unwrap_or_default();
                allocations += calls.parse::<u64>().expect("a number");
            }
            _ => {}
        }
    }
    (instructions, allocations)
}

/// The process that callgrind watches.
fn carry_out(name: &str) {
    // As the daemon logs: the line of each download is a part of its cost.
    send_file_manager::daemon::start_log(send_file_manager::settings::LogFormat::Json);
    let (_, way, scenario) = SCENARIOS
        .iter()
        .find(|(other, ..)| *other == name)
        .expect("a scenario");
    let mut rig = Rig::new();
    match scenario {
        Scenario::Offer => repeat(&mut rig, *way, offer),
        Scenario::Download => repeat(&mut rig, *way, download),
        Scenario::Turn => go_on(&mut rig, *way),
    }
}

fn repeat(rig: &mut Rig, way: Way, one: fn(&mut Rig, Download, fn(&mut Rig))) {
    let file = rig.file(BODY_BYTES);
    for number in 0..BEFORE + COUNTED {
        let turn = if number < BEFORE {
            any_turn
        } else {
            counted_turn
        };
        let begun = rig.offer(way, &file);
        one(rig, begun, turn);
    }
}

/// Only what leads to the accept is counted; the download then takes its way.
fn offer(rig: &mut Rig, begun: Download, turn: fn(&mut Rig)) {
    turn(rig);
    finish(rig, begun, any_turn);
}

fn download(rig: &mut Rig, begun: Download, turn: fn(&mut Rig)) {
    turn(rig);
    finish(rig, begun, turn);
}

fn finish(rig: &mut Rig, mut begun: Download, turn: fn(&mut Rig)) {
    begun.commit();
    turn(rig);
    while !begun.take(BODY_BYTES) {
        turn(rig);
    }
    drop(begun);
    // It finds that the client has gone.
    turn(rig);
}

fn go_on(rig: &mut Rig, way: Way) {
    let file = rig.file(LONG_BODY_BYTES);
    let mut begun = rig.offer(way, &file);
    any_turn(rig);
    begun.commit();
    any_turn(rig);
    for number in 0..BEFORE + COUNTED {
        assert!(!begun.take(PIECE_BYTES), "the body is too short");
        if number < BEFORE {
            any_turn(rig);
        } else {
            counted_turn(rig);
        }
    }
}

#[inline(never)]
fn counted_turn(rig: &mut Rig) {
    // So that it is not the same code as the other, which a linker might make one of.
    std::hint::black_box(COUNTED);
    rig.turn();
}

#[inline(never)]
fn any_turn(rig: &mut Rig) {
    rig.turn();
}
