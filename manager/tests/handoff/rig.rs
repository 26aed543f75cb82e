//! Starts the daemon and plays the worker, the client and the web server around it.

use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::socket::{
    AddressFamily, Shutdown, SockFlag, SockType, SockaddrStorage, connect, setsockopt, shutdown,
    socket, sockopt,
};
use nix::unistd::{Pid, geteuid};
use send_file_wire::{Announcement, Answer, Commit, Framing, Offer, OfferId, Part, Rate, channel};

const PATIENCE: Duration = Duration::from_secs(20);

/// The daemon under test, in a directory of its own. It is killed when the test is over.
pub(crate) struct Manager {
    child: Mutex<Child>,
    directory: PathBuf,
    pub(crate) socket: PathBuf,
    program: PathBuf,
    arguments: Vec<String>,
    descriptor_limit: u32,
}

const PROGRAM: &str = env!("CARGO_BIN_EXE_send-file-manager");

/// Names the place where a worker dies, see `crash.rs` of the manager.
const DIE_AT: &str = "SEND_FILE_MANAGER_DIE_AT";

/// Makes workers try what they must not do, see `crash.rs` of the manager.
const TRY_THE_SANDBOX: &str = "SEND_FILE_MANAGER_TRY_THE_SANDBOX";

impl Manager {
    /// With as many descriptors as an ordinary process has by default, which is fewer than the tests open.
    pub(crate) fn start(arguments: &[&str]) -> Manager {
        Manager::start_with_descriptors(1024, arguments)
    }

    pub(crate) fn start_with_descriptors(descriptor_limit: u32, arguments: &[&str]) -> Manager {
        let manager = Manager::begin(descriptor_limit, arguments, |_| {});
        manager.wait_until_listening();
        manager
    }

    /// From another path than where it was built.
    #[allow(dead_code, reason = "the survival tests need it")]
    pub(crate) fn start_program(program: &Path, arguments: &[&str]) -> Manager {
        let manager = Manager::begin_program(program, 1024, arguments, |_| {});
        manager.wait_until_listening();
        manager
    }

    /// One whose worker dies at this place. It is not waited for: that may be before it listens.
    #[allow(dead_code, reason = "the survival tests need it")]
    pub(crate) fn start_to_die_at(place: &str, arguments: &[&str]) -> Manager {
        Manager::begin(1024, arguments, |command| {
            command.env(DIE_AT, place);
        })
    }

    /// One whose workers try what they must not do, with another process of their user, too, and log how that ended.
    #[allow(dead_code, reason = "the sandbox tests need it")]
    pub(crate) fn start_trying_the_sandbox(other: Pid, arguments: &[&str]) -> Manager {
        Manager::begin(1024, arguments, |command| {
            command.env(TRY_THE_SANDBOX, other.to_string());
        })
    }

    /// One that this user starts, for root to test. It is not waited for: it may end at once.
    #[allow(dead_code, reason = "the sandbox tests need it")]
    pub(crate) fn begin_as(uid: u32, arguments: &[&str]) -> Manager {
        Manager::begin(1024, arguments, |command| {
            // Through a descriptor: that user may not get through to where it was built.
            command.stdin(File::open(built()).unwrap());
            command.env("PROGRAM", "/proc/self/fd/0");
            command.uid(uid).gid(uid);
        })
    }

    /// One that is not waited for, with something about it that is unusual.
    pub(crate) fn begin(
        descriptor_limit: u32,
        arguments: &[&str],
        prepare: impl FnOnce(&mut Command),
    ) -> Manager {
        Manager::begin_program(&built(), descriptor_limit, arguments, prepare)
    }

    fn begin_program(
        program: &Path,
        descriptor_limit: u32,
        arguments: &[&str],
        prepare: impl FnOnce(&mut Command),
    ) -> Manager {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let directory =
            std::env::temp_dir().join(format!("send-file-handoff-{}-{number}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        if geteuid().is_root() {
            // Where an ordinary user's manager is to make its socket.
            std::os::unix::fs::chown(&directory, Some(NOBODY), None).unwrap();
        }
        let socket = directory.join("manager.sock");
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        let mut command = command(program, &socket, descriptor_limit, &arguments);
        prepare(&mut command);
        let child = command.stderr(log(&directory)).spawn().unwrap();
        Manager {
            child: child.into(),
            directory,
            socket,
            program: program.to_owned(),
            arguments,
            descriptor_limit,
        }
    }

    /// One whose log goes nowhere, and every write to it fails.
    pub(crate) fn start_with_a_full_log() -> Manager {
        let manager = Manager::start(&[]);
        manager.signal(Signal::SIGKILL);
        let mut child = manager.child.lock().unwrap();
        child.wait().unwrap();
        manager.wait_until_nobody_listens();
        let full = File::options().write(true).open("/dev/full").unwrap();
        *child = command(&manager.program, &manager.socket, 1024, &[])
            .stderr(full)
            .spawn()
            .unwrap();
        drop(child);
        manager.wait_until_listening();
        manager
    }

    pub(crate) fn wait_until_listening(&self) {
        until("the manager listens", || {
            channel::connect_to(&self.socket).ok()
        });
        self.wait_until_idle();
    }

    /// Its first process may be gone while others, killed as well, still have the socket.
    fn wait_until_nobody_listens(&self) {
        until("nobody listens", || channel::connect_to(&self.socket).err());
    }

    /// Starts a second daemon on the same socket, which must end by itself.
    pub(crate) fn start_another(&self) -> Output {
        let mut command = self.command();
        let mut second = command.stderr(Stdio::piped()).spawn().unwrap();
        let ended = || second.try_wait().unwrap();
        if std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            until("a second manager ends", ended)
        }))
        .is_err()
        {
            second.kill().unwrap();
            panic!("the second manager runs");
        }
        second.wait_with_output().unwrap()
    }

    /// Starts the daemon again after it was killed.
    pub(crate) fn restart(&self) {
        let mut child = self.child.lock().unwrap();
        child.wait().unwrap();
        self.wait_until_nobody_listens();
        *child = self.command().stderr(log(&self.directory)).spawn().unwrap();
        drop(child);
        self.wait_until_listening();
    }

    /// Asks the first process to end; whatever kills or stops goes to all processes of the daemon.
    pub(crate) fn signal(&self, signal: Signal) {
        match signal {
            Signal::SIGKILL | Signal::SIGSTOP | Signal::SIGCONT => self.signal_all(signal),
            _ => self.signal_master(signal),
        }
    }

    /// To every process of the daemon.
    pub(crate) fn signal_all(&self, signal: Signal) {
        let cells = children(self.master());
        // First, so that it starts no other cells.
        self.signal_master(signal);
        for cell in cells {
            // All processes of a cell at once, so that none replaces another.
            let _ = killpg(cell, signal);
        }
    }

    #[allow(dead_code, reason = "the survival tests need it")]
    pub(crate) fn signal_master(&self, signal: Signal) {
        kill(self.master(), signal).unwrap();
    }

    /// The guardians of all cells.
    pub(crate) fn guardians(&self) -> Vec<Pid> {
        children(self.master())
    }

    /// The guardian of the only cell.
    pub(crate) fn guardian(&self) -> Pid {
        until("there is a guardian", || self.guardian_now())
    }

    fn guardian_now(&self) -> Option<Pid> {
        self.guardians().into_iter().next()
    }

    /// The worker of the only cell: the child of its guardian.
    #[allow(dead_code, reason = "the handoff tests never look behind the daemon")]
    pub(crate) fn worker(&self) -> Pid {
        until("there is a worker", || self.worker_now())
    }

    #[allow(dead_code, reason = "the handoff tests never look behind the daemon")]
    pub(crate) fn worker_now(&self) -> Option<Pid> {
        children(self.guardian_now()?).into_iter().next()
    }

    /// Waits until the guardian has rung, for a worker that is stopped.
    #[allow(dead_code, reason = "the survival tests need it")]
    pub(crate) fn wait_for_doorbell(&self) {
        until("the doorbell", || {
            let all = fs::read_dir(format!("/proc/{}/fdinfo", self.guardian())).ok()?;
            let mut all = all.filter_map(|entry| fs::read_to_string(entry.ok()?.path()).ok());
            all.find(|info| {
                let count = info
                    .lines()
                    .find_map(|line| line.strip_prefix("eventfd-count:"));
                count.is_some_and(|count| count.trim() != "0")
            })
        });
    }

    /// Stops the worker and waits until it is between two system calls.
    #[allow(dead_code, reason = "the survival tests need it")]
    pub(crate) fn stop_worker(&self) -> Pid {
        let worker = self.worker();
        kill(worker, Signal::SIGSTOP).unwrap();
        until("the worker stops", || {
            (process_state(worker.as_raw())? == 'T').then_some(worker)
        })
    }

    /// The whole handoff, from offer to commit, by a worker that then closes.
    pub(crate) fn hand_over(
        &self,
        connection: &impl AsFd,
        file: &impl AsFd,
        framing: Framing,
        parts: &[Part],
    ) {
        self.hand_over_at(None, connection, file, framing, parts);
    }

    /// The same, under a rate.
    pub(crate) fn hand_over_at(
        &self,
        rate: Option<Rate>,
        connection: &impl AsFd,
        file: &impl AsFd,
        framing: Framing,
        parts: &[Part],
    ) {
        Worker::connect(self).hand_over_at(rate, connection, file, framing, parts);
    }

    /// Waits for a line with this message.
    pub(crate) fn wait_for_log(&self, message: &str) -> serde_json::Value {
        until(message, || self.log_line(message))
    }

    pub(crate) fn has_logged(&self, message: &str) -> bool {
        self.log_line(message).is_some()
    }

    fn log_line(&self, message: &str) -> Option<serde_json::Value> {
        self.log_lines(message).into_iter().next()
    }

    /// All lines with this message.
    pub(crate) fn log_lines(&self, message: &str) -> Vec<serde_json::Value> {
        let log = fs::read_to_string(self.directory.join("log")).unwrap();
        let lines = log
            .lines()
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        lines.filter(|line| line["message"] == message).collect()
    }

    /// All of the log.
    #[allow(dead_code, reason = "the survival tests need it")]
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.directory.join("log")).unwrap()
    }

    /// Waits until the daemon has no descriptors but its own.
    pub(crate) fn wait_until_idle(&self) {
        until("all descriptors are closed", || {
            (self.descriptor_count() == IDLE_DESCRIPTORS).then_some(())
        });
    }

    pub(crate) fn wait_for_exit(&self) -> ExitStatus {
        until("the manager ends", || {
            self.child.lock().unwrap().try_wait().unwrap()
        })
    }

    fn command(&self) -> Command {
        command(
            &self.program,
            &self.socket,
            self.descriptor_limit,
            &self.arguments,
        )
    }

    /// The first process.
    pub(crate) fn master(&self) -> Pid {
        Pid::from_raw(self.child.lock().unwrap().id() as i32)
    }

    /// How many descriptors guardian and worker have.
    pub(crate) fn descriptor_count(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.guardian())).map_or(0, Iterator::count)
    }
}

/// The user that root's manager becomes by default.
#[allow(dead_code, reason = "the sandbox tests need it")]
pub(crate) const NOBODY: u32 = 65534;

/// Standard streams, listener, the master's bell, table, doorbell, the guardian's end, epoll; guardian and worker share
/// them.
pub(crate) const IDLE_DESCRIPTORS: usize = 9;

/// The children of a process that live.
fn children(parent: Pid) -> Vec<Pid> {
    let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"));
    let children = children.unwrap_or_default();
    let numbers = children
        .split_whitespace()
        .filter_map(|pid| pid.parse().ok());
    numbers
        .map(Pid::from_raw)
        .filter(|pid| is_alive(*pid))
        .collect()
}

impl Drop for Manager {
    fn drop(&mut self) {
        if matches!(self.child.lock().unwrap().try_wait(), Ok(None)) {
            self.signal_all(Signal::SIGKILL);
        }
        let _ = self.child.lock().unwrap().wait();
        if std::thread::panicking() {
            eprintln!(
                "{}",
                fs::read_to_string(self.directory.join("log")).unwrap_or_default()
            );
        }
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn log(directory: &Path) -> File {
    let path = directory.join("log");
    File::options()
        .create(true)
        .append(true)
        .open(path)
        .unwrap()
}

/// The program under test.
pub(crate) fn built() -> PathBuf {
    PROGRAM.into()
}

fn command(program: &Path, socket: &Path, descriptor_limit: u32, arguments: &[String]) -> Command {
    let mut command = Command::new("/bin/sh");
    command
        .args([
            "-c",
            &format!("ulimit -n {descriptor_limit}; exec \"${{PROGRAM:-$0}}\" \"$@\""),
        ])
        .arg(program)
        .arg("--socket")
        .arg(socket)
        .args(["--log-format", "json", "--cells", "1"])
        .args(arguments);
    if !geteuid().is_root() {
        // An ordinary user cannot look into an undumpable process, and these tests look at descriptors and memory.
        command.arg("--no-sandbox");
    }
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

/// Whether a process runs.
pub(crate) fn is_alive(pid: Pid) -> bool {
    !matches!(process_state(pid.as_raw()), None | Some('Z'))
}

/// As proc(5) has it: Z has ended, T is stopped.
fn process_state(pid: i32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit(')').next()?.trim_start().chars().next()
}

/// A worker's connection to the manager.
pub(crate) struct Worker(OwnedFd);

impl Worker {
    pub(crate) fn connect(manager: &Manager) -> Worker {
        Worker(channel::connect_to(&manager.socket).unwrap())
    }

    pub(crate) fn offer(
        &self,
        connection: &impl AsFd,
        file: &impl AsFd,
        framing: Framing,
        parts: &[Part],
    ) {
        self.offer_at(None, connection, file, framing, parts);
    }

    /// Offers, and commits once that is accepted.
    pub(crate) fn hand_over_at(
        &self,
        rate: Option<Rate>,
        connection: &impl AsFd,
        file: &impl AsFd,
        framing: Framing,
        parts: &[Part],
    ) {
        self.offer_at(rate, connection, file, framing, parts);
        assert_eq!(self.answer(), Answer::Accept(OfferId(1)));
        self.commit(OfferId(1)).unwrap();
    }

    /// It fails where the manager has closed already.
    #[allow(dead_code, reason = "the survival tests need it")]
    pub(crate) fn try_offer(
        &self,
        connection: &impl AsFd,
        file: &impl AsFd,
        framing: Framing,
        parts: &[Part],
    ) -> io::Result<()> {
        self.send_offer(b"test", None, connection, file, framing, parts)
    }

    pub(crate) fn offer_at(
        &self,
        rate: Option<Rate>,
        connection: &impl AsFd,
        file: &impl AsFd,
        framing: Framing,
        parts: &[Part],
    ) {
        self.send_offer(b"test", rate, connection, file, framing, parts)
            .unwrap();
    }

    pub(crate) fn send_offer(
        &self,
        tag: &[u8],
        rate: Option<Rate>,
        connection: &impl AsFd,
        file: &impl AsFd,
        framing: Framing,
        parts: &[Part],
    ) -> io::Result<()> {
        let offer = Offer {
            id: OfferId(1),
            framing,
            rate,
            parts: parts.to_vec(),
            tag: tag.to_vec(),
        };
        let descriptors = [connection.as_fd(), file.as_fd()];
        channel::send(self.0.as_fd(), &offer.encode().unwrap(), &descriptors)
    }

    #[allow(dead_code, reason = "not all tests need it")]
    pub(crate) fn announce(&self) -> io::Result<()> {
        channel::send(self.0.as_fd(), &Announcement.encode(), &[])
    }

    pub(crate) fn answer(&self) -> Answer {
        self.answer_or_end().expect("the manager gave no answer")
    }

    /// `None` where the manager closed without an answer.
    pub(crate) fn answer_or_end(&self) -> Option<Answer> {
        self.wait_for_answer();
        let mut packet = [0; 64];
        match channel::receive(self.0.as_fd(), &mut packet) {
            Ok(0) => None,
            Ok(len) => Some(Answer::decode(&packet[..len]).unwrap()),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => None,
            Err(error) => panic!("{error}"),
        }
    }

    pub(crate) fn wait_for_answer(&self) {
        let mut fds = [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
        let timeout = PollTimeout::try_from(PATIENCE).unwrap();
        assert_eq!(poll(&mut fds, timeout), Ok(1), "no answer from the manager");
    }

    /// Waits until the manager has closed or shut its reading side down.
    pub(crate) fn wait_for_end(&self) {
        let mut fds = [PollFd::new(self.0.as_fd(), PollFlags::POLLHUP)];
        let timeout = PollTimeout::try_from(PATIENCE).unwrap();
        assert_eq!(poll(&mut fds, timeout), Ok(1), "the manager keeps the peer");
    }

    /// Ends its side, and waits until the manager has read everything before that.
    pub(crate) fn end(self) {
        shutdown(self.0.as_raw_fd(), Shutdown::Write).unwrap();
        self.wait_for_end();
    }

    pub(crate) fn commit(&self, id: OfferId) -> io::Result<()> {
        channel::send(self.0.as_fd(), &Commit(id).encode(), &[])
    }
}

/// A TCP connection on the loopback: the client's end, which gives up after a while, and the server's.
pub(crate) fn connection() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    (client, listener.accept().unwrap().0)
}

/// The same, with a client whose kernel takes a few kilobytes only before the client reads.
pub(crate) fn connection_with_small_window() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let flags = SockFlag::SOCK_CLOEXEC;
    let socket = socket(AddressFamily::Inet, SockType::Stream, flags, None).unwrap();
    setsockopt(&socket, sockopt::RcvBuf, &4096).unwrap();
    let address: SockaddrStorage = listener.local_addr().unwrap().into();
    connect(socket.as_raw_fd(), &address).unwrap();
    (TcpStream::from(socket), listener.accept().unwrap().0)
}

/// A file in memory with this content, private to the test.
pub(crate) fn file_with(content: &[u8]) -> File {
    let mut file = File::from(memfd_create("test", MFdFlags::MFD_CLOEXEC).unwrap());
    file.write_all(content).unwrap();
    file.rewind().unwrap();
    file
}

/// Bytes that tell where in the file they are from.
pub(crate) fn pattern(offset: u64, len: u64) -> Vec<u8> {
    (offset..offset + len)
        .map(|at| (at ^ at >> 8 ^ at >> 16).wrapping_mul(167) as u8)
        .collect()
}

pub(crate) fn span(offset: u64, len: u64) -> Part {
    Part::Span { offset, len }
}

pub(crate) fn number(file: &impl AsFd) -> i32 {
    file.as_fd().as_raw_fd()
}

pub(crate) fn read_to_end(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What a web server takes from FastCGI records: the body, and whether END_REQUEST came.
pub(crate) fn read_records(bytes: &[u8]) -> (Vec<u8>, bool) {
    let (mut body, mut ended, mut rest) = (Vec::new(), false, bytes);
    while let [1, kind, 0, 1, high, low, 0, 0, more @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        match kind {
            6 => body.extend(&more[..length]),
            3 => ended = true,
            other => panic!("record of type {other}"),
        }
        rest = &more[length..];
    }
    assert!(rest.is_empty(), "{} bytes that are no record", rest.len());
    (body, ended)
}

/// Asks until there is an answer; fails the test when none comes.
pub(crate) fn until<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(Instant::now() < deadline, "timed out waiting: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
