//! Programs that the harness starts: each in its own process group, killed with the group when dropped.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::{Pid, User};

use crate::limits::{LOG_TAIL_BYTES, PATIENCE, POLL};
use crate::run::Run;

/// A running program and its descendants.
#[derive(Debug)]
pub struct Process {
    child: Child,
    log: PathBuf,
    ended: bool,
}

impl Process {
    /// Starts a program with stdout and stderr appended to `log`, under another account where one is given.
    ///
    /// # Errors
    /// Names the program.
    pub fn start(
        mut command: Command,
        log: &Path,
        account: Option<&User>,
    ) -> anyhow::Result<Process> {
        let out = open_log(log)?;
        if let Some(account) = account {
            command.uid(account.uid.as_raw()).gid(account.gid.as_raw());
        }
        command.stdin(Stdio::null()).stdout(out);
        Process::spawn(command, log)
    }

    /// Starts a program that is talked to by its stdin and stdout; only its stderr goes to `log`.
    ///
    /// # Errors
    /// Names the program.
    pub fn start_with_pipes(
        mut command: Command,
        log: &Path,
    ) -> anyhow::Result<(Process, ChildStdin, ChildStdout)> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Process::spawn(command, log)?;
        let stdin = process.child.stdin.take().context("the pipe asked for")?;
        let stdout = process.child.stdout.take().context("the pipe asked for")?;
        Ok((process, stdin, stdout))
    }

    fn spawn(mut command: Command, log: &Path) -> anyhow::Result<Process> {
        command.process_group(0).stderr(open_log(log)?);
        let child = command
            .spawn()
            .with_context(|| format!("starting {:?}", command.get_program()))?;
        let process = Process {
            child,
            log: log.to_owned(),
            ended: false,
        };
        Run::current().watch(process.group());
        Ok(process)
    }

    /// The process group, whose number is the first process's.
    pub fn group(&self) -> Pid {
        Pid::from_raw(self.child.id() as i32)
    }

    /// Waits until `ready` says so.
    ///
    /// # Errors
    /// The end of the program's log where it ended instead, or took too long.
    pub fn wait_until_ready(&mut self, ready: impl FnMut() -> bool) -> anyhow::Result<()> {
        let mut ready = ready;
        let deadline = Instant::now() + PATIENCE;
        while !ready() {
            if let Some(status) = self.child.try_wait()? {
                bail!("ended at its start ({status}):\n{}", tail(&self.log));
            }
            if Instant::now() > deadline {
                bail!("not ready in time:\n{}", tail(&self.log));
            }
            std::thread::sleep(POLL);
        }
        Ok(())
    }

    /// Signals the whole group, and the groups of its descendants.
    ///
    /// # Errors
    /// Those of kill(2).
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let groups = groups(&family(self.group()));
        killpg(self.group(), signal).with_context(|| format!("sending {signal}"))?;
        for group in groups {
            let _ = killpg(group, signal);
        }
        Ok(())
    }

    /// Signals the first process alone.
    ///
    /// # Errors
    /// Those of kill(2).
    pub fn signal_first(&self, signal: Signal) -> anyhow::Result<()> {
        nix::sys::signal::kill(self.group(), signal).with_context(|| format!("sending {signal}"))
    }

    /// Waits for the program to end by itself.
    ///
    /// # Errors
    /// Where it does not in time.
    pub fn wait_for_end(&mut self) -> anyhow::Result<ExitStatus> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if Instant::now() > deadline {
                bail!("still running after {PATIENCE:?}:\n{}", tail(&self.log));
            }
            std::thread::sleep(POLL);
        }
    }

    /// Asks the program to end, so that it ends its own children, and kills what is left a moment later.
    pub fn stop(&mut self) {
        const GRACE: Duration = Duration::from_secs(2);
        let deadline = Instant::now() + GRACE;
        let asked = !self.ended && self.signal_first(Signal::SIGTERM).is_ok();
        while asked && Instant::now() < deadline && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(POLL);
        }
        self.kill();
    }

    /// Kills the whole group, and the groups of its descendants, and waits until every process of them is gone.
    pub fn kill(&mut self) {
        if self.ended {
            return;
        }
        self.ended = true;
        let group = self.group();
        // Before the wait: the numbers are theirs as long as the first process is not reaped.
        let mut groups = groups(&family(group));
        groups.insert(group);
        // First, so that it starts nothing while the others are killed.
        let _ = killpg(group, Signal::SIGKILL);
        for other in groups.iter().filter(|other| **other != group) {
            let _ = killpg(*other, Signal::SIGKILL);
        }
        let _ = self.child.wait();
        let deadline = Instant::now() + PATIENCE;
        while is_any_left(&groups) && Instant::now() < deadline {
            for group in &groups {
                let _ = killpg(*group, Signal::SIGKILL);
            }
            std::thread::sleep(POLL);
        }
        Run::current().forget(group);
    }

    /// The processes of the group and all that they started.
    pub fn family(&self) -> Vec<Member> {
        family(self.group())
    }

    /// The open descriptors of every process of the family.
    pub fn descriptors(&self) -> BTreeMap<i32, usize> {
        self.family()
            .into_iter()
            .filter_map(|member| Some((member.pid, descriptor_count(member.pid)?)))
            .collect()
    }

    /// The open descriptors of every process of the family: process, number, and what it is.
    pub fn descriptor_targets(&self) -> Vec<(i32, String, PathBuf)> {
        let pids = self.family().into_iter().map(|member| member.pid);
        let entries = pids.flat_map(|pid| {
            let entries = fs::read_dir(format!("/proc/{pid}/fd"));
            entries
                .into_iter()
                .flatten()
                .flatten()
                .map(move |entry| (pid, entry))
        });
        entries
            .filter_map(|(pid, entry)| {
                let target = fs::read_link(entry.path()).ok()?;
                Some((
                    pid,
                    entry.file_name().to_string_lossy().into_owned(),
                    target,
                ))
            })
            .collect()
    }

    /// The connections of PHP workers to a manager that the family has open, at either end.
    pub fn links(&self) -> BTreeSet<PathBuf> {
        let links = connected_seqpacket_sockets();
        let targets = self.descriptor_targets().into_iter();
        targets
            .map(|(_, _, target)| target)
            .filter(|target| links.contains(target))
            .collect()
    }

    /// The physical memory of the family, in bytes; what its processes share counts once.
    pub fn resident_bytes(&self) -> u64 {
        let kib = |member: &Member| -> Option<u64> {
            let rollup = fs::read_to_string(format!("/proc/{}/smaps_rollup", member.pid)).ok()?;
            let share = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
            share.trim().strip_suffix(" kB")?.parse().ok()
        };
        self.family().iter().filter_map(kib).sum::<u64>() * 1024
    }

    /// Where its output goes.
    pub fn log(&self) -> &Path {
        &self.log
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A process, as proc(5) has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its number.
    pub pid: i32,
    /// Its parent's number.
    pub parent: i32,
    /// The number of its group.
    pub group: i32,
}

/// What descriptors of them look like. unix(7) has no list but /proc/net/unix: type 5 is SOCK_SEQPACKET, state 3 connected.
fn connected_seqpacket_sockets() -> HashSet<PathBuf> {
    let sockets = fs::read_to_string("/proc/net/unix").unwrap_or_default();
    let links = sockets.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [_, _, _, _, "0005", "03", inode, ..] = fields[..] else {
            return None;
        };
        Some(PathBuf::from(format!("socket:[{inode}]")))
    });
    links.collect()
}

/// The processes of a group and all their descendants, without those that have ended and are not reaped.
fn family(group: Pid) -> Vec<Member> {
    let all = processes();
    let mut family: Vec<Member> = all
        .iter()
        .copied()
        .filter(|member| member.group == group.as_raw())
        .collect();
    let mut next = 0;
    while next < family.len() {
        let parent = family[next].pid;
        for member in &all {
            if member.parent == parent && !family.contains(member) {
                family.push(*member);
            }
        }
        next += 1;
    }
    family
}

fn groups(family: &[Member]) -> BTreeSet<Pid> {
    let each = family.iter().map(|member| Pid::from_raw(member.group));
    each.collect()
}

fn is_any_left(groups: &BTreeSet<Pid>) -> bool {
    processes()
        .iter()
        .any(|member| groups.contains(&Pid::from_raw(member.group)))
}

fn processes() -> Vec<Member> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(process)
        .collect()
}

fn process(pid: i32) -> Option<Member> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything; behind it: state, parent, group.
    let mut fields = stat.rsplit(')').next()?.split_whitespace();
    let is_there = fields.next()? != "Z";
    let parent = fields.next()?.parse().ok()?;
    let group = fields.next()?.parse().ok()?;
    is_there.then_some(Member { pid, parent, group })
}

fn open_log(log: &Path) -> std::io::Result<File> {
    File::options().append(true).create(true).open(log)
}

fn descriptor_count(pid: i32) -> Option<usize> {
    Some(fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count())
}

/// Whether something accepts connections there.
pub fn answers(address: SocketAddr) -> bool {
    TcpStream::connect(address).is_ok()
}

/// Whether a web server answers there; a socket that listens is not enough, as Apache listens before it reads all of its
/// configuration.
pub fn speaks_http(address: SocketAddr) -> bool {
    let ask = || -> std::io::Result<[u8; 5]> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(b"HEAD /page.php HTTP/1.0\r\n\r\n")?;
        let mut start = [0; 5];
        stream.read_exact(&mut start)?;
        Ok(start)
    };
    ask().is_ok_and(|start| &start == b"HTTP/")
}

/// An address on 127.0.0.1 with nobody on it, outside the range that the kernel gives to outgoing connections.
///
/// # Errors
/// Where there is none.
pub fn free_address() -> anyhow::Result<SocketAddr> {
    const FIRST: u16 = 20_000;
    const COUNT: u16 = 12_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Runs side by side start at different places.
    let start = (std::process::id() % 120) as u16 * 100;
    for _ in 0..COUNT {
        let offset = (start + NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT;
        let address = SocketAddr::from(([127, 0, 0, 1], FIRST + offset));
        if TcpListener::bind(address).is_ok() {
            return Ok(address);
        }
    }
    bail!("no free port between {FIRST} and {}", FIRST + COUNT)
}

/// The end of a log, for a failure's message.
pub fn tail(log: &Path) -> String {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(LOG_TAIL_BYTES)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    match read() {
        Ok(bytes) if bytes.is_empty() => "(empty)".into(),
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => format!("({error})"),
    }
}
