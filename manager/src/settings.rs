//! From the command line to what the manager goes by.
#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Parser, ValueEnum};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::{Gid, Group, User, getuid};

use crate::limits::{
    DESCRIPTOR_MARGIN, MAX_PEERS, MEMORY_BYTES_PER_JOB, MIN_DESCRIPTORS_PER_JOB, MIN_MEMORY_BYTES,
    OFFERS_OF_A_USER_IN_QUARTERS, PEER_SHARE_OF_DESCRIPTORS,
};
use crate::progress::Patience;
use crate::queue::Discipline;

/// Sends files for PHP workers that call send_file().
#[derive(Clone, Debug, Parser)]
#[command(name = "send-file-manager", version)]
pub struct Arguments {
    /// The Unix socket that workers connect to.
    #[arg(
        long,
        value_name = "PATH",
        default_value = "/run/send-file/manager.sock"
    )]
    socket: PathBuf,

    /// Mode of the socket, octal. Who may connect is decided by --allow-uid; this can narrow it.
    #[arg(long, value_name = "OCTAL", default_value = "666", value_parser = parse_mode)]
    socket_mode: u32,

    /// Group of the socket, by name or number [default: unchanged].
    #[arg(long, value_name = "GROUP")]
    socket_group: Option<String>,

    /// A user whose workers may hand over downloads, by number or name; may be given several times [default: the
    /// manager's own user, root, and www-data if it exists].
    #[arg(long, value_name = "USER")]
    allow_uid: Vec<String>,

    /// The most downloads at a time [default: as many as the descriptor limit allows, at 2 descriptors a download; one
    /// over FastCGI takes 3, so that with those alone it is a third less].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_jobs: Option<u32>,

    /// The most downloads at a time of one user's workers [default: --max-jobs].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_jobs_per_uid: Option<u32>,

    /// Whose turn is next among the downloads that could go on: each in its turn, or the one with the fewest bytes left,
    /// which makes the mean time shorter and that of large downloads longer.
    #[arg(long, value_enum, default_value = "fair")]
    queue: Discipline,

    /// Take files on network and FUSE file systems, too. A server that hangs then hangs every download; without this
    /// workers send such files by themselves.
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
    /// The most of them of one user's workers.
    pub max_jobs_per_uid: u32,
    /// What they may hold together beyond their slots.
    pub max_memory_bytes: u64,
    /// The most offers of one user's workers that wait for their commit.
    pub max_offers_per_uid: usize,
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
    /// How log lines look.
    pub log_format: LogFormat,
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
        let room = u32::try_from(room).unwrap_or(u32::MAX).min(MAX_SLOTS);
        if room == 0 {
            bail!("the descriptor limit of {max_descriptors} leaves no room for a download");
        }
        let max_jobs = match arguments.max_jobs {
            Some(wanted) if wanted > room => {
                bail!(
                    "--max-jobs {wanted} is more than the descriptor limit of {max_descriptors} allows ({room})"
                )
            }
            Some(wanted) => wanted,
            None => room,
        };
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
            max_jobs_per_uid: arguments.max_jobs_per_uid.unwrap_or(max_jobs),
            max_memory_bytes: (MEMORY_BYTES_PER_JOB * u64::from(max_jobs)).max(MIN_MEMORY_BYTES),
            max_offers_per_uid: (max_peers * OFFERS_OF_A_USER_IN_QUARTERS / 4).max(1),
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
            ["--socket-mode", "999"],
            ["--stall-timeout", "0"],
            ["--stall-timeout", "nan"],
            ["--allow-uid", "no-such-user-here"],
            ["--socket-group", "no-such-group-here"],
            ["--min-rate", "-1"],
            ["--max-jobs-per-uid", "0"],
            ["--max-jobs", "0"],
            ["--max-jobs", "4294967295"],
        ] {
            assert!(settings(&arguments).is_err(), "{arguments:?} was taken");
        }
    }
}
