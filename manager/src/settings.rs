//! From the command line to what the manager goes by.
#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;
use std::{fs, iter};

use anyhow::{Context, bail};
use clap::{Parser, ValueEnum};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::{Gid, Group, SysconfVar, User, getuid, sysconf};

use crate::control::Request;
use crate::limits::{
    DEFAULT_CELLS_AT_MOST, DESCRIPTOR_MARGIN, FEWEST_JOB_DESCRIPTORS, MAX_CELLS, MAX_PEERS,
    MEMORY_BYTES_PER_JOB, MIN_DESCRIPTORS_PER_JOB, MIN_MEMORY_BYTES, OFFERS_OF_A_USER_IN_QUARTERS,
    PAGE_BYTES, PEER_SHARE_OF_DESCRIPTORS, SHORTEST_HANG_TIMEOUT,
};
use crate::progress::Patience;
use crate::queue::Discipline;
use crate::unsent;

/// Sends files for PHP workers that call send_file().
#[derive(Clone, Debug, Parser)]
#[command(name = "send-file-manager", version, args_override_self = true)]
pub struct Arguments {
    #[command(subcommand)]
    request: Option<Request>,

    /// The Unix socket that workers connect to.
    #[arg(
        long,
        global = true,
        value_name = "PATH",
        default_value = "/run/send-file/manager.sock"
    )]
    socket: PathBuf,

    /// Read options from this file: one a line, named as here without the dashes, "stall-timeout = 30"; "#" begins a
    /// comment. What is said on the command line counts more. A reload reads it again.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Mode of the socket, octal. Who may connect is decided by --allow-uid; this can narrow it.
    #[arg(long, value_name = "OCTAL", default_value = "666", value_parser = parse_mode)]
    socket_mode: u32,

    /// Group of the socket, by name or number [default: unchanged].
    #[arg(long, value_name = "GROUP")]
    socket_group: Option<String>,

    /// A user whose workers may hand over downloads, by number or name; may be given several times [default: the
    /// user who starts the manager, root, and www-data if it exists].
    #[arg(long, value_name = "USER")]
    allow_uid: Vec<String>,

    /// The most downloads at a time [default: what 64 cells have room for, each as many as the descriptor limit allows at
    /// 2 descriptors a download; one over FastCGI takes 3].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_jobs: Option<u32>,

    /// The most downloads at a time of one user's workers, counted by each cell for itself: a user may have as many times
    /// that as there are cells [default: --max-jobs].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_jobs_per_uid: Option<u32>,

    /// Whose turn is next among the downloads that could go on: each in its turn, or the one with the fewest bytes left,
    /// which makes the mean time shorter and that of large downloads longer.
    #[arg(long, value_enum, default_value = "fair")]
    queue: Discipline,

    /// Take files on network and FUSE file systems, too. A server that hangs in a read then hangs its own downloads, and one
    /// that hangs in anything else (when a file is offered or closed) every download; without this workers send such files by
    /// themselves.
    #[arg(long)]
    allow_remote_files: bool,

    /// Break a download off when the client took nothing for so long, in seconds.
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = parse_seconds)]
    stall_timeout: Duration,

    /// Break a download off when the client took less than so many bytes a second on average over --stall-timeout; 0: as
    /// long as it took anything. A download under a lower rate of its own is measured by half of that.
    #[arg(long, value_name = "BYTES_PER_SEC", default_value = "100")]
    min_rate: u64,

    /// Wait so long for a worker to send headers after its offer was accepted, in seconds. Longer than any web
    /// server's own timeout for that (Apache: Timeout, 300).
    #[arg(long, value_name = "SECONDS", default_value = "360", value_parser = parse_seconds)]
    offer_timeout: Duration,

    /// On SIGTERM, let running downloads go on for so long, in seconds. A second SIGTERM ends them at once.
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = parse_seconds)]
    drain_timeout: Duration,

    /// Processes that send, each with a guardian that replaces it when it dies [default: one for each core, at most 8].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=MAX_CELLS as i64 / 2))]
    cells: Option<u16>,

    /// Kill and replace a worker whose loop stands still for so long, in seconds.
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = parse_hang_timeout)]
    hang_timeout: Duration,

    /// Only look whether everything is in order to start, and say so.
    #[arg(long)]
    check: bool,
    /// The user to become when root starts the manager, by name or number [default: send-file if there is such a user,
    /// else nobody].
    #[arg(long, value_name = "USER", conflicts_with = "no_sandbox")]
    user: Option<String>,

    /// Do not start where this kernel lacks a layer of the sandbox. Without this it is left out, and the log says so.
    #[arg(long, conflicts_with = "no_sandbox")]
    require_sandbox: bool,

    /// Keep all rights of the user who starts the manager.
    #[arg(long)]
    no_sandbox: bool,

    /// How log lines are written to standard error.
    #[arg(long, value_enum, default_value = "text")]
    log_format: LogFormat,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// How much of a sandbox there must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SandboxMode {
    /// As much as the kernel offers.
    Offered,
    /// All of it.
    Required,
    /// None.
    Off,
}

/// What the manager goes by; everything resolved and checked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Path of the socket.
    pub socket: PathBuf,
    /// Its mode.
    pub socket_mode: u32,
    /// Its group, if it is to be changed.
    pub socket_group: Option<Gid>,
    /// The users whose offers are taken.
    pub allowed_uids: BTreeSet<u32>,
    /// The most downloads at a time.
    pub max_jobs: u32,
    /// The most of them in one cell.
    pub slots: u32,
    /// The most of one user's workers in one cell, offers counted.
    pub max_jobs_per_uid: u32,
    /// What those of one cell may hold together beyond their slots.
    pub max_memory_bytes: u64,
    /// What the kernel may hold unsent for the clients of all cells together.
    pub unsent_bytes: u64,
    /// The most offers of one user's workers that wait for their commit in one cell.
    pub max_offers_per_uid: usize,
    /// How many cells take new downloads.
    pub cells: usize,
    /// After this time without a turn of its loop a worker is killed.
    pub hang_timeout: Duration,
    /// Whether this is a start to see whether one is possible.
    pub is_trial: bool,
    /// The program, by the path it had at the start: what is there at the time of an upgrade is the new one.
    pub executable: PathBuf,
    /// The most workers connected at a time.
    pub max_peers: usize,
    /// The most descriptors this process may have.
    pub max_descriptors: usize,
    /// Those of them that downloads may take. The rest is for workers, so that each gets an answer.
    pub job_descriptors: usize,
    /// Whose turn is next.
    pub queue: Discipline,
    /// Files may be on file systems that can hang.
    pub allow_remote_files: bool,
    /// When a download is broken off whose client takes nothing or too little.
    pub patience: Patience,
    /// After this time without commit an offer is given up.
    pub offer_timeout: Duration,
    /// Time for running downloads after SIGTERM.
    pub drain_timeout: Duration,
    /// The user to become, by name or number.
    pub user: Option<String>,
    /// How much of a sandbox there must be.
    pub sandbox: SandboxMode,
    /// How log lines look.
    pub log_format: LogFormat,
}

impl Arguments {
    /// Those of this process: of the file that they name, if they do, and of the command line.
    ///
    /// # Errors
    /// A sentence about the file. What is wrong with the command line is said by clap, which ends the process.
    pub fn of_this_process() -> anyhow::Result<Arguments> {
        let given = Arguments::parse();
        let Some(path) = &given.config else {
            return Ok(given);
        };
        let text = fs::read_to_string(path)
            .with_context(|| format!("could not read {}", path.display()))?;
        let mut words = std::env::args_os();
        let program = words.next().unwrap_or_default();
        let options: Vec<String> = from_file(&text).collect();
        for name in ["check", "config"] {
            let option = format!("--{name}");
            if options
                .iter()
                .any(|word| word.split('=').next() == Some(&option))
            {
                bail!("{}: {name} is for the command line only", path.display());
            }
        }
        let options = options.into_iter().map(OsString::from);
        let all = iter::once(program).chain(options).chain(words);
        match Arguments::try_parse_from(all) {
            Ok(arguments) => Ok(arguments),
            Err(error) => bail!("{}: {}", path.display(), error.render()),
        }
    }

    /// What a running manager is to be asked, and where.
    pub fn request(&self) -> Option<(Request, &Path)> {
        self.request.map(|request| (request, &*self.socket))
    }
}

/// The options in a configuration file, as on a command line.
fn from_file(text: &str) -> impl Iterator<Item = String> {
    let lines = text.lines().map(str::trim);
    lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| match line.split_once('=') {
            Some((name, value)) => format!("--{}={}", name.trim(), value.trim()),
            None => format!("--{line}"),
        })
}

impl Settings {
    /// Resolves the command line. Raises the soft descriptor limit to the hard one.
    ///
    /// # Errors
    /// A sentence that names the flag and what is wrong with it.
    pub fn from_arguments(arguments: Arguments) -> anyhow::Result<Settings> {
        let max_descriptors = raise_descriptor_limit()?;
        let max_peers = MAX_PEERS.min(max_descriptors / PEER_SHARE_OF_DESCRIPTORS);
        let job_descriptors = max_descriptors.saturating_sub(DESCRIPTOR_MARGIN + max_peers);
        let room = job_descriptors / MIN_DESCRIPTORS_PER_JOB;
        let slots = u32::try_from(room).unwrap_or(u32::MAX).min(MAX_SLOTS);
        if job_descriptors < FEWEST_JOB_DESCRIPTORS {
            bail!("the descriptor limit of {max_descriptors} leaves no room for downloads");
        }
        let room = slots.saturating_mul(MAX_CELLS as u32);
        let max_jobs = match arguments.max_jobs {
            Some(wanted) if wanted > room => {
                bail!(
                    "--max-jobs {wanted} is more than {MAX_CELLS} cells allow with the descriptor limit of {max_descriptors} ({room})"
                )
            }
            Some(wanted) => wanted,
            None => room,
        };
        let slots = slots.min(max_jobs);
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Ok(Settings {
            socket: arguments.socket,
            socket_mode: arguments.socket_mode,
            socket_group: arguments
                .socket_group
                .as_deref()
                .map(resolve_group)
                .transpose()?,
            allowed_uids: allowed_uids(&arguments.allow_uid)?,
            max_jobs,
            slots,
            max_jobs_per_uid: arguments.max_jobs_per_uid.unwrap_or(max_jobs),
            max_memory_bytes: (MEMORY_BYTES_PER_JOB * u64::from(slots)).max(MIN_MEMORY_BYTES),
            unsent_bytes: unsent_bytes(),
            max_offers_per_uid: (max_peers * OFFERS_OF_A_USER_IN_QUARTERS / 4).max(1),
            cells: arguments
                .cells
                .map_or(cores.min(DEFAULT_CELLS_AT_MOST), usize::from),
            hang_timeout: arguments.hang_timeout,
            is_trial: arguments.check,
            executable: executable()?,
            max_peers,
            max_descriptors,
            job_descriptors,
            queue: arguments.queue,
            allow_remote_files: arguments.allow_remote_files,
            patience: Patience {
                stall_timeout: arguments.stall_timeout,
                min_bytes_per_sec: arguments.min_rate,
            },
            offer_timeout: arguments.offer_timeout,
            drain_timeout: arguments.drain_timeout,
            user: arguments.user,
            sandbox: match (arguments.no_sandbox, arguments.require_sandbox) {
                (true, _) => SandboxMode::Off,
                (false, true) => SandboxMode::Required,
                (false, false) => SandboxMode::Offered,
            },
            log_format: arguments.log_format,
        })
    }
}

/// A bound for the address space the table reserves, should a machine have no descriptor limit to speak of: 32 GiB.
const MAX_SLOTS: u32 = 1 << 20;

fn raise_descriptor_limit() -> anyhow::Result<usize> {
    let (soft, hard) =
        getrlimit(Resource::RLIMIT_NOFILE).context("could not read the descriptor limit")?;
    // The hard limit can be above what the kernel allows at all (fs.nr_open); then the soft one has to do.
    let limit = match setrlimit(Resource::RLIMIT_NOFILE, hard, hard) {
        Ok(()) => hard,
        Err(_) => soft,
    };
    Ok(usize::try_from(limit).unwrap_or(usize::MAX))
}

/// By what the machine allows, where this process may read that.
fn unsent_bytes() -> u64 {
    let tcp_mem = fs::read_to_string("/proc/sys/net/ipv4/tcp_mem").ok();
    let page_bytes = sysconf(SysconfVar::PAGE_SIZE).ok().flatten();
    let page_bytes = page_bytes.and_then(|bytes| u64::try_from(bytes).ok());
    unsent::bytes_of_all(tcp_mem.as_deref(), page_bytes.unwrap_or(PAGE_BYTES as u64))
}

fn allowed_uids(given: &[String]) -> anyhow::Result<BTreeSet<u32>> {
    if !given.is_empty() {
        return given.iter().map(|user| resolve_user(user)).collect();
    }
    let www_data = User::from_name("www-data").ok().flatten();
    let defaults = [
        Some(getuid().as_raw()),
        Some(0),
        www_data.map(|user| user.uid.as_raw()),
    ];
    Ok(defaults.into_iter().flatten().collect())
}

fn resolve_user(user: &str) -> anyhow::Result<u32> {
    if let Ok(uid) = user.parse() {
        return Ok(uid);
    }
    match User::from_name(user)
        .with_context(|| format!("--allow-uid {user}: could not look the user up"))?
    {
        Some(found) => Ok(found.uid.as_raw()),
        None => bail!("--allow-uid {user}: there is no such user"),
    }
}

fn resolve_group(group: &str) -> anyhow::Result<Gid> {
    if let Ok(gid) = group.parse() {
        return Ok(Gid::from_raw(gid));
    }
    match Group::from_name(group)
        .with_context(|| format!("--socket-group {group}: could not look the group up"))?
    {
        Some(found) => Ok(found.gid),
        None => bail!("--socket-group {group}: there is no such group"),
    }
}

fn parse_mode(text: &str) -> Result<u32, String> {
    u32::from_str_radix(text, 8)
        .ok()
        .filter(|mode| *mode <= 0o777)
        .ok_or_else(|| "expected an octal mode such as 660".to_owned())
}

fn parse_hang_timeout(text: &str) -> Result<Duration, String> {
    let timeout = parse_seconds(text)?;
    if timeout < SHORTEST_HANG_TIMEOUT {
        return Err(format!(
            "expected at least {} s",
            SHORTEST_HANG_TIMEOUT.as_secs()
        ));
    }
    Ok(timeout)
}

/// Where this program is, or was: a reload may come after a new one has taken its path.
fn executable() -> anyhow::Result<PathBuf> {
    let path = std::env::current_exe().context("could not find this program's path")?;
    let bytes = path.as_os_str().as_bytes();
    Ok(match bytes.strip_suffix(b" (deleted)") {
        Some(former) => PathBuf::from(OsStr::from_bytes(former)),
        None => path,
    })
}

fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().map_err(|error| error.to_string())?;
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|duration| !duration.is_zero() && *duration <= Duration::from_secs(86_400))
        .ok_or_else(|| "expected seconds above 0, at most 86400".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(arguments: &[&str]) -> anyhow::Result<Settings> {
        let arguments = ["send-file-manager"].iter().chain(arguments);
        Settings::from_arguments(Arguments::try_parse_from(arguments)?)
    }

    #[test]
    fn defaults_let_root_and_the_own_user_in() {
        let settings = settings(&[]).unwrap();
        assert!(settings.allowed_uids.contains(&0));
        assert!(settings.allowed_uids.contains(&getuid().as_raw()));
        assert_eq!(settings.socket_mode, 0o666);
    }

    #[test]
    fn given_users_replace_the_defaults() {
        assert_eq!(
            settings(&["--allow-uid", "12345"]).unwrap().allowed_uids,
            BTreeSet::from([12345])
        );
    }

    #[test]
    fn nonsense_is_refused() {
        for arguments in [
            ["--no-sandbox", "--require-sandbox"],
            ["--no-sandbox", "--user=nobody"],
            ["--socket-mode", "999"],
            ["--stall-timeout", "0"],
            ["--stall-timeout", "nan"],
            ["--allow-uid", "no-such-user-here"],
            ["--socket-group", "no-such-group-here"],
            ["--hang-timeout", "1"],
            ["--min-rate", "-1"],
            ["--max-jobs-per-uid", "0"],
            ["--max-jobs", "0"],
            ["--max-jobs", "4294967295"],
        ] {
            assert!(settings(&arguments).is_err(), "{arguments:?} was taken");
        }
    }
}
