//! How a running master becomes a newly started one: for a new binary (upgrade) or a changed configuration (reload).
//!
//! The process stays, with its number, its children and the listening socket; only its program is replaced, by execve(2).
//! Whatever supervises it, an init or a container's, sees nothing of it. No download is touched: those that run belong to
//! cells, which are processes of their own and finish them with the program they were started with, however the layout of
//! the table has changed since; and those that come find one listener throughout. Everything that can fail does so before
//! the step, in a trial start with the same arguments (`--check`); a cell of the old program retires only once those of
//! the new one serve.
#![forbid(unsafe_code)]

use std::ffi::{CString, OsString};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

use anyhow::{Context, bail};
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::unistd::{Pid, execve};

use crate::limits::{CHECK_PAUSE, CHECK_TIMEOUT};
use crate::sys::descriptors;

/// Names the listening socket and the cells that the generation before hands on: `FD` or `FD,GROUP,GROUP`.
const VARIABLE: &str = "SEND_FILE_MANAGER_INHERITS";

/// What one generation hands on to the next.
pub struct Inheritance<'a> {
    /// The listening socket.
    pub listener: BorrowedFd<'a>,
    /// The process groups of the cells.
    pub cells: Vec<Pid>,
}

/// What a master was handed on.
#[derive(Debug)]
pub struct Inherited {
    /// The listening socket.
    pub listener: OwnedFd,
    /// The process groups of the cells.
    pub cells: Vec<Pid>,
}

impl Inherited {
    /// What the generation before handed on; `None` in a first one.
    ///
    /// # Errors
    /// A sentence about a variable that no manager has set.
    pub fn find() -> anyhow::Result<Option<Inherited>> {
        let Some(words) = std::env::var_os(VARIABLE) else {
            return Ok(None);
        };
        let words = words.into_string().ok().context("it is no text");
        let (number, cells) = words
            .and_then(|words| parse(&words))
            .with_context(|| format!("{VARIABLE} was not set by a manager"))?;
        let listener = descriptors::inherited(number)
            .with_context(|| format!("{VARIABLE} names the descriptor {number}"))?;
        set_flags(&listener, FdFlag::FD_CLOEXEC).context("could not keep the listener")?;
        Ok(Some(Inherited { listener, cells }))
    }
}

fn parse(words: &str) -> anyhow::Result<(RawFd, Vec<Pid>)> {
    let mut words = words.split(',').map(str::parse::<i32>);
    let listener = words.next().context("it is empty")??;
    let cells = words.collect::<Result<Vec<i32>, _>>()?;
    // kill(2) takes 0 and less for something else.
    if listener < 3 || cells.iter().any(|group| *group <= 1) {
        bail!("a number is out of bounds");
    }
    Ok((listener, cells.into_iter().map(Pid::from_raw).collect()))
}

/// Tries the executable with this process's arguments, and then becomes it. Returns only if that failed, and nothing has
/// changed then.
pub fn begin(executable: &Path, inheritance: &Inheritance) -> anyhow::Error {
    let name = executable.display();
    tracing::info!(executable = %name, "starting anew");
    // Both the trial and the new program are to find it open.
    if let Err(error) = set_flags(&inheritance.listener, FdFlag::empty()) {
        return error.context("could not hand the listener on");
    }
    let error = match check(executable, inheritance) {
        Ok(()) => become_it(executable, inheritance)
            .err()
            .unwrap_or_else(|| anyhow::anyhow!("execve(2) returned")),
        Err(error) => error,
    };
    if let Err(error) = set_flags(&inheritance.listener, FdFlag::FD_CLOEXEC) {
        tracing::warn!("could not take the listener back: {error:#}");
    }
    error.context(format!("could not start {name} anew"))
}

/// A trial start, which does all that can fail.
fn check(executable: &Path, inheritance: &Inheritance) -> anyhow::Result<()> {
    let mut trial = Command::new(executable)
        .args(std::env::args_os().skip(1))
        .arg("--check")
        .env(VARIABLE, words(inheritance))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .context("the trial could not begin")?;
    let until = Instant::now() + CHECK_TIMEOUT;
    loop {
        match trial.try_wait().context("could not wait for the trial")? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => bail!("the trial failed ({status}); its reason is above"),
            None if Instant::now() >= until => {
                let _ = trial.kill();
                let _ = trial.wait();
                bail!("the trial took longer than {} s", CHECK_TIMEOUT.as_secs());
            }
            None => thread::sleep(CHECK_PAUSE),
        }
    }
}

fn become_it(executable: &Path, inheritance: &Inheritance) -> anyhow::Result<()> {
    let c_string = |text: OsString| CString::new(text.into_vec());
    let path = CString::new(executable.as_os_str().as_bytes())?;
    let arguments = std::env::args_os()
        .map(c_string)
        .collect::<Result<Vec<_>, _>>()?;
    let others = std::env::vars_os().filter(|(name, _)| name != VARIABLE);
    let environment = others
        .chain([(VARIABLE.into(), words(inheritance))])
        .map(|(mut name, value)| {
            name.push("=");
            name.push(value);
            c_string(name)
        })
        .collect::<Result<Vec<_>, _>>()?;
    // Unlike the standard library's, this leaves signals blocked: one that comes in between waits for the new program.
    execve(&path, &arguments, &environment)?;
    Ok(())
}

fn words(inheritance: &Inheritance) -> OsString {
    let mut words = inheritance.listener.as_raw_fd().to_string();
    for group in &inheritance.cells {
        words.push_str(&format!(",{group}"));
    }
    words.into()
}

fn set_flags(descriptor: &impl std::os::fd::AsFd, flags: FdFlag) -> anyhow::Result<()> {
    fcntl(descriptor, FcntlArg::F_SETFD(flags))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_handed_on_is_read_back() {
        let (number, cells) = parse("5,100,200").unwrap();
        assert_eq!(number, 5);
        assert_eq!(cells, [Pid::from_raw(100), Pid::from_raw(200)]);
        assert_eq!(parse("5").unwrap().1, []);
        for nonsense in [
            "",
            "x",
            "5,",
            "5,1",
            "5,0",
            "5,-1",
            "2,100",
            "5,99999999999",
        ] {
            assert!(parse(nonsense).is_err(), "{nonsense:?} was taken");
        }
    }
}
