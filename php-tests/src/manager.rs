//! The manager: start, stop, kill, freeze, and what it says in its log.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context, bail};
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};
use nix::unistd::{Pid, geteuid};
use serde_json::Value;

use crate::limits::{PATIENCE, POLL};
use crate::process::{Process, tail};
use crate::products::Products;
use crate::run::{self, MANAGER_ACCOUNT};

/// A running manager.
#[derive(Debug)]
pub struct Manager {
    process: Process,
    socket: PathBuf,
    flags: Vec<String>,
    jobs: Mutex<JobLog>,
}

/// What the manager said of a job that ended.
#[derive(Clone, Debug)]
pub struct Job {
    /// Bytes of the body that were sent.
    pub bytes: u64,
    /// Bytes of the body.
    pub of: u64,
    /// In the manager's words.
    pub outcome: String,
    /// The whole line.
    pub line: String,
}

#[derive(Debug)]
struct JobLog {
    path: PathBuf,
    read_bytes: u64,
    by_tag: HashMap<String, Vec<Job>>,
    count: usize,
}

impl Manager {
    /// Starts a manager in a folder and waits until its socket takes connections.
    ///
    /// # Errors
    /// With the end of its log.
    pub fn start(dir: &Path, flags: &[&str]) -> anyhow::Result<Manager> {
        let program = &Products::current()?.manager;
        Manager::start_command(Command::new(program), dir, flags)
    }

    /// The same with a descriptor limit.
    ///
    /// # Errors
    /// Those of [`Manager::start`].
    pub fn start_limited(
        dir: &Path,
        flags: &[&str],
        descriptor_limit: Option<u32>,
    ) -> anyhow::Result<Manager> {
        let Some(limit) = descriptor_limit else {
            return Manager::start(dir, flags);
        };
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", &format!("ulimit -n {limit}; exec \"$0\" \"$@\"")])
            .arg(&Products::current()?.manager);
        Manager::start_command(command, dir, flags)
    }

    /// Starts another program than the one under test, or in another way.
    ///
    /// # Errors
    /// Those of [`Manager::start`].
    pub fn start_command(
        mut command: Command,
        dir: &Path,
        flags: &[&str],
    ) -> anyhow::Result<Manager> {
        let account = run::account(MANAGER_ACCOUNT);
        if let Some(account) = &account {
            std::os::unix::fs::chown(dir, Some(account.uid.as_raw()), None)?;
        }
        let socket = dir.join("manager.sock");
        let log = dir.join("manager.log");
        command
            .arg("--socket")
            .arg(&socket)
            // The worker's account is neither the manager's nor in a group of it; who may offer is checked at accept.
            .args(["--log-format", "json", "--socket-mode", "0666"])
            .args(flags)
            .current_dir("/");
        if !geteuid().is_root() {
            // An ordinary user cannot look into an undumpable process, and the tests count descriptors and memory.
            command.arg("--no-sandbox");
        }
        let mut process = Process::start(command, &log, account.as_ref())?;
        process
            .wait_until_ready(|| connects(&socket))
            .context("the manager")?;
        Ok(Manager {
            process,
            socket,
            flags: flags.iter().map(|flag| (*flag).to_owned()).collect(),
            jobs: Mutex::new(JobLog::new(log)),
        })
    }

    /// The socket it listens on.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Its processes.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Asks it to end.
    ///
    /// # Errors
    /// Those of kill(2).
    pub fn terminate(&self) -> anyhow::Result<()> {
        self.process.signal_first(Signal::SIGTERM)
    }

    /// Waits for it to end by itself.
    ///
    /// # Errors
    /// Where it does not in time.
    pub fn wait_for_end(&mut self) -> anyhow::Result<ExitStatus> {
        self.process.wait_for_end().context("the manager")
    }

    /// The processes that carry the downloads: the children of the guardians, which are those of the first process.
    pub fn workers(&self) -> BTreeSet<Pid> {
        let first = self.process.group().as_raw();
        let family = self.process.family();
        let is_guardian = |pid| {
            let mut family = family.iter();
            family.any(|member| member.pid == pid && member.parent == first)
        };
        let workers = family.iter().filter(|member| is_guardian(member.parent));
        workers.map(|member| Pid::from_raw(member.pid)).collect()
    }

    /// Kills all workers, and nothing else, and waits for their successors.
    ///
    /// # Errors
    /// Where there is none to kill, or too few come.
    pub fn kill_workers(&self) -> anyhow::Result<()> {
        let dead = self.workers();
        if dead.is_empty() {
            bail!("the manager has no worker");
        }
        for worker in &dead {
            kill(*worker, Signal::SIGKILL).context("killing a worker")?;
        }
        let deadline = Instant::now() + PATIENCE;
        while self.workers().difference(&dead).count() < dead.len() {
            if Instant::now() > deadline {
                bail!("no successor came:\n{}", self.log_tail());
            }
            std::thread::sleep(POLL);
        }
        Ok(())
    }

    /// Kills all of it, guardians included.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it anew with the same socket and flags; the log goes on.
    ///
    /// # Errors
    /// With the end of its log.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        self.process.kill();
        let dir = self.socket.parent().context("a folder")?.to_owned();
        let flags: Vec<&str> = self.flags.iter().map(String::as_str).collect();
        let new = Manager::start(&dir, &flags)?;
        *self = new;
        Ok(())
    }

    /// The open descriptors of all its processes together, but for the links that PHP workers keep for their next offer.
    pub fn descriptor_count(&self) -> usize {
        let links = self.process.links();
        let targets = self.process.descriptor_targets();
        let is_link = |target: &PathBuf| links.contains(target);
        targets
            .iter()
            .filter(|(_, _, target)| !is_link(target))
            .count()
    }

    /// The open descriptors of one that serves nobody, once their number has stopped changing: a job ends a moment after its
    /// client has it all, and the frames made for a next FastCGI download go when none has come for a second.
    pub fn idle_descriptor_count(&self) -> usize {
        const SAME_FOR: u32 = 40;
        let mut last = self.descriptor_count();
        let mut same = 0;
        let deadline = Instant::now() + PATIENCE;
        while same < SAME_FOR && Instant::now() < deadline {
            std::thread::sleep(POLL);
            let now = self.descriptor_count();
            let is_idle = now == last && !self.has_frames();
            same = if is_idle { same + 1 } else { 0 };
            last = now;
        }
        last
    }

    fn has_frames(&self) -> bool {
        let targets = self.process.descriptor_targets();
        let is_of_frames = |target: &Path| target.starts_with("/memfd:send-file-frames (deleted)");
        targets.iter().any(|(_, _, target)| is_of_frames(target))
    }

    /// Waits until as many descriptors are open.
    ///
    /// # Errors
    /// With the count there is instead, and what the descriptors are.
    pub fn wait_for_descriptor_count(&self, expected: usize) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let count = self.descriptor_count();
            if count == expected {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!(
                    "the manager has {count} open descriptors where {expected} were expected:\n{}",
                    self.describe_descriptors()
                );
            }
            std::thread::sleep(POLL);
        }
    }

    fn describe_descriptors(&self) -> String {
        let targets = self.process.descriptor_targets();
        let lines = targets
            .iter()
            .map(|(pid, number, target)| format!("  {pid}: {number} -> {}", target.display()));
        lines.take(60).collect::<Vec<_>>().join("\n")
    }

    /// Waits for a line with this text.
    ///
    /// # Errors
    /// Where there is none in time.
    pub fn wait_for_log(&self, text: &str) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !self.log_tail().contains(text) {
            if Instant::now() > deadline {
                bail!("the manager has not logged \"{text}\"");
            }
            std::thread::sleep(POLL);
        }
        Ok(())
    }

    /// Waits for the line of a job with this tag.
    ///
    /// # Errors
    /// Where there is none in time: the download was not handed off, or is not over.
    pub fn wait_for_job(&self, tag: &str) -> anyhow::Result<Job> {
        let mut jobs = self.wait_for_jobs(tag, 1)?;
        jobs.pop().context("a job")
    }

    /// Waits for the lines of so many jobs with this tag; more may have come.
    ///
    /// # Errors
    /// Where there are fewer in time.
    pub fn wait_for_jobs(&self, tag: &str, count: usize) -> anyhow::Result<Vec<Job>> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let jobs = self.jobs_with(tag);
            if jobs.len() >= count {
                return Ok(jobs);
            }
            if Instant::now() > deadline {
                bail!(
                    "the manager has {} of {count} finished jobs with the tag {tag:?}; the others were not handed off",
                    jobs.len()
                );
            }
            std::thread::sleep(POLL);
        }
    }

    /// The finished jobs with this tag so far.
    pub fn jobs_with(&self, tag: &str) -> Vec<Job> {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        jobs.read_on();
        jobs.by_tag.get(tag).cloned().unwrap_or_default()
    }

    /// How many jobs have finished so far.
    pub fn finished_jobs(&self) -> usize {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        jobs.read_on();
        jobs.count
    }

    /// How often its log has this text.
    pub fn log_count(&self, text: &str) -> usize {
        let log = std::fs::read_to_string(self.process.log()).unwrap_or_default();
        log.matches(text).count()
    }

    /// The end of its log.
    pub fn log_tail(&self) -> String {
        tail(self.process.log())
    }
}

impl JobLog {
    fn new(path: PathBuf) -> JobLog {
        JobLog {
            path,
            read_bytes: 0,
            by_tag: HashMap::new(),
            count: 0,
        }
    }

    fn read_on(&mut self) {
        let mut text = Vec::new();
        let read = || -> std::io::Result<Vec<u8>> {
            let mut file = File::open(&self.path)?;
            file.seek(SeekFrom::Start(self.read_bytes))?;
            file.read_to_end(&mut text)?;
            Ok(text)
        };
        let text = read().unwrap_or_default();
        // A line that is still being written stays for the next time.
        let whole = text
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        self.read_bytes += whole as u64;
        for line in String::from_utf8_lossy(&text[..whole]).lines() {
            if let Some((tag, job)) = parse_job(line) {
                self.count += 1;
                self.by_tag.entry(tag).or_default().push(job);
            }
        }
    }
}

fn parse_job(line: &str) -> Option<(String, Job)> {
    let line_value: Value = serde_json::from_str(line).ok()?;
    let fields = line_value.get("fields").unwrap_or(&line_value);
    let number = |name: &str| fields.get(name).and_then(Value::as_u64);
    let text = |name: &str| fields.get(name).and_then(Value::as_str).map(str::to_owned);
    let job = Job {
        bytes: number("bytes")?,
        of: number("of")?,
        outcome: text("outcome")?,
        line: line.to_owned(),
    };
    Some((text("tag").unwrap_or_default(), job))
}
/// Whether a manager takes connections on this socket.
pub fn connects(path: &Path) -> bool {
    let Ok(address) = UnixAddr::new(path) else {
        return false;
    };
    let socket = socket(
        AddressFamily::Unix,
        SockType::SeqPacket,
        SockFlag::SOCK_CLOEXEC,
        None,
    );
    socket.is_ok_and(|socket| connect(socket.as_raw_fd(), &address).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_line_is_read_nested_or_flat_and_other_lines_are_passed_over() {
        let nested = r#"{"level":"INFO","fields":{"tag":"a","bytes":1,"of":2,"outcome":"reset"}}"#;
        let flat = r#"{"tag":"a","bytes":1,"of":2,"outcome":"reset"}"#;
        for line in [nested, flat] {
            let (tag, job) = parse_job(line).unwrap();
            assert_eq!((tag.as_str(), job.bytes, job.of), ("a", 1, 2));
        }
        assert!(parse_job(r#"{"fields":{"message":"listening"}}"#).is_none());
    }
}
