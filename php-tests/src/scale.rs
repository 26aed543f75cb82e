//! What many downloads cost, measured at several numbers of them, and the straight line through it.
//!
//! A cost is taken as `a + b * downloads`: what the manager costs by itself, and what each download adds. How far the measured
//! points lie from the line says how much the line can be believed, and how far a prediction may be off.

use std::fmt::Write;
use std::fs;

use anyhow::{Context, ensure};

/// What was seen while so many downloads were held.
#[derive(Clone, Copy, Debug, Default)]
pub struct Observation {
    /// How many.
    pub downloads: usize,
    /// Descriptors of all cells.
    pub descriptors: f64,
    /// Physical memory of the manager, its table included.
    pub memory_bytes: f64,
    /// What the kernel has queued on all TCP connections of the machine.
    pub queued_bytes: f64,
    /// Structures of the kernel (slab), for both ends of each connection.
    pub kernel_bytes: f64,
    /// What the workers spent to begin all of them.
    pub beginning_secs: f64,
    /// What they spent on the bytes.
    pub sending_secs: f64,
    /// The bytes of that.
    pub sent_bytes: f64,
}

/// A name, how it is counted, and how it is read off.
type Cost = (&'static str, &'static str, fn(&Observation) -> f64);

const COSTS: [Cost; 6] = [
    ("descriptors", "", |seen| seen.descriptors),
    ("memory of the manager", "KiB", |seen| {
        seen.memory_bytes / 1024.0
    }),
    ("queued by TCP", "KiB", |seen| seen.queued_bytes / 1024.0),
    ("kernel structures, both ends", "KiB", |seen| {
        seen.kernel_bytes / 1024.0
    }),
    ("CPU to begin", "ms", |seen| seen.beginning_secs * 1e3),
    ("CPU to send", "ms", |seen| seen.sending_secs * 1e3),
];

/// The numbers of downloads that a prediction is made for.
const PREDICTED: [f64; 2] = [100_000.0, 1_000_000.0];

/// What the kernel counts of the machine.
#[derive(Clone, Copy, Debug)]
pub struct KernelMemory {
    /// Bytes queued on TCP connections.
    pub queued_bytes: f64,
    /// Bytes of structures that are in use.
    pub slab_bytes: f64,
}

impl KernelMemory {
    /// As it is now.
    ///
    /// # Errors
    /// Where /proc does not say.
    pub fn now() -> anyhow::Result<KernelMemory> {
        const PAGE_BYTES: f64 = 4096.0;
        let sockets = fs::read_to_string("/proc/net/sockstat")?;
        let tcp = sockets.lines().find(|line| line.starts_with("TCP:"));
        let pages = tcp.and_then(|line| line.split("mem ").nth(1)?.trim().parse::<f64>().ok());
        let memory = fs::read_to_string("/proc/meminfo")?;
        // What could be taken back at once (names, inodes) is no cost.
        let slab = memory
            .lines()
            .find_map(|line| line.strip_prefix("SUnreclaim:"));
        let slab_kib = slab.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<f64>().ok());
        Ok(KernelMemory {
            queued_bytes: pages.context("the memory of TCP")? * PAGE_BYTES,
            slab_bytes: slab_kib.context("the memory of the kernel")? * 1024.0,
        })
    }
}

/// The time that processes have spent on a processor, in seconds, and those that have ended and were waited for by the first.
///
/// # Errors
/// Where /proc does not say.
pub fn processor_secs(first: i32, processes: impl IntoIterator<Item = i32>) -> anyhow::Result<f64> {
    let mut sum_ns = ended_children_secs(first)? * 1e9;
    for pid in processes {
        let text = fs::read_to_string(format!("/proc/{pid}/schedstat"))?;
        let ns = text.split(' ').next().and_then(|ns| ns.parse::<f64>().ok());
        sum_ns += ns.context("the time of a process")?;
    }
    Ok(sum_ns / 1e9)
}

/// Of the children that a process has waited for, and theirs.
fn ended_children_secs(pid: i32) -> anyhow::Result<f64> {
    /// Fields of proc_pid_stat(5), counted from the one behind the name: user and system time of children.
    const CHILDREN: [usize; 2] = [13, 14];
    /// What the kernel shows user space, whatever its own clock (USER_HZ).
    const TICKS_A_SEC: f64 = 100.0;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let ticks = |at: &usize| fields.get(*at)?.parse::<f64>().ok();
    let sum: Option<f64> = CHILDREN.iter().map(ticks).sum();
    Ok(sum.context("the time of ended processes")? / TICKS_A_SEC)
}

/// What was seen, the lines through it, and what they say of more.
///
/// # Errors
/// Where there is too little to draw a line through.
pub fn report(seen: &[Observation]) -> anyhow::Result<String> {
    ensure!(seen.len() > 2, "a line goes through any two points");
    let mut text = String::from("| cost | of it |");
    let per_download: Vec<String> = seen
        .iter()
        .map(|point| format!(" {} |", point.downloads))
        .collect();
    text += &per_download.concat();
    text += " each download | each of the last | farthest off | 100,000 | 1,000,000 |\n";
    text += &format!(
        "|---|---|{}---|---|---|---|---|\n",
        "---|".repeat(seen.len())
    );
    for (name, unit, of) in COSTS {
        let points: Vec<(f64, f64)> = seen
            .iter()
            .map(|point| (point.downloads as f64, of(point)))
            .collect();
        let line = Line::through(&points);
        write!(text, "| {name} | {unit} |")?;
        for (_, cost) in &points {
            write!(text, " {cost:.0} |")?;
        }
        let off = line.farthest_off(&points) * 100.0;
        let of_the_last = Line::through(&points[points.len() - 2..]).slope;
        write!(text, " {:.4} | {of_the_last:.4} | {off:.0} % |", line.slope)?;
        for downloads in PREDICTED {
            let spread = line.spread(&points, downloads);
            write!(text, " {:.0} ± {spread:.0} |", line.at(downloads))?;
        }
        text += "\n";
    }
    let bytes: f64 = seen.iter().map(|point| point.sent_bytes).sum();
    let secs: f64 = seen.iter().map(|point| point.sending_secs).sum();
    writeln!(
        text,
        "\n{:.2} s of processor time a GB to clients with the smallest windows",
        secs / bytes * 1e9
    )?;
    Ok(text)
}

/// `intercept + slope * x`.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Line {
    intercept: f64,
    slope: f64,
}

impl Line {
    /// The one with the least squares of relative distances: a point of 25,000 must not outweigh the others.
    fn through(points: &[(f64, f64)]) -> Line {
        let weighted = |of: fn(f64, f64) -> f64| -> f64 {
            points.iter().map(|(x, y)| of(*x, *y) / (x * x)).sum()
        };
        let (sum, sum_x, sum_xx) = (
            weighted(|_, _| 1.0),
            weighted(|x, _| x),
            weighted(|x, _| x * x),
        );
        let (sum_y, sum_xy) = (weighted(|_, y| y), weighted(|x, y| x * y));
        let slope = (sum * sum_xy - sum_x * sum_y) / (sum * sum_xx - sum_x * sum_x);
        Line {
            intercept: (sum_y - slope * sum_x) / sum,
            slope,
        }
    }

    fn at(self, x: f64) -> f64 {
        self.intercept + self.slope * x
    }

    /// How far the worst point is from the line, as a part of the point.
    fn farthest_off(self, points: &[(f64, f64)]) -> f64 {
        let off = |(x, y): &(f64, f64)| ((y - self.at(*x)) / y.abs().max(f64::MIN_POSITIVE)).abs();
        points.iter().map(off).fold(0.0, f64::max)
    }

    /// How far a prediction may be off: the difference that leaving any one point out makes to it.
    fn spread(self, points: &[(f64, f64)], x: f64) -> f64 {
        let without = |left_out: usize| {
            let mut fewer = points.to_vec();
            fewer.remove(left_out);
            (Line::through(&fewer).at(x) - self.at(x)).abs()
        };
        (0..points.len()).map(without).fold(0.0, f64::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_again_and_predicts_without_a_spread() {
        let points = [1e3, 5e3, 1e4, 2.5e4].map(|x| (x, 12_000.0 + 1.6 * x));
        let line = Line::through(&points);
        assert!((line.intercept - 12_000.0).abs() < 1e-3 && (line.slope - 1.6).abs() < 1e-6);
        assert!(line.farthest_off(&points) < 1e-9);
        assert!(line.spread(&points, 1e6) < 1.0);
    }

    #[test]
    fn a_point_that_lies_elsewhere_widens_the_prediction() {
        let mut points = [1e3, 5e3, 1e4, 2.5e4].map(|x| (x, 2.0 * x));
        points[2].1 *= 1.2;
        let line = Line::through(&points);
        assert!(line.farthest_off(&points) > 0.05);
        let truth = 2e6;
        assert!((line.at(1e6) - truth).abs() <= line.spread(&points, 1e6) * 1.001);
    }

    #[test]
    fn the_kernel_says_what_its_memory_is() {
        let memory = KernelMemory::now().unwrap();
        assert!(memory.slab_bytes > 0.0 && memory.queued_bytes >= 0.0);
    }

    #[test]
    fn a_process_that_has_ended_and_was_waited_for_still_counts() {
        let this = std::process::id() as i32;
        let before = processor_secs(this, []).unwrap();
        let count = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
        let status = std::process::Command::new("sh")
            .args(["-c", count])
            .status();
        assert!(status.unwrap().success());
        assert!(processor_secs(this, []).unwrap() > before);
    }
}
