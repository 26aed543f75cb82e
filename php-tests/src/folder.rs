//! Programs that people download with, each run in a folder that it saves into.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

use crate::files::{Sample, hex, sha_of};
use crate::process::Process;
use crate::run::Run;

/// A folder that programs save into; removed with all that is in it.
#[derive(Debug)]
pub struct Folder {
    dir: PathBuf,
}

impl Folder {
    /// A new one.
    ///
    /// # Errors
    /// Those of mkdir(2).
    pub fn create() -> anyhow::Result<Folder> {
        let dir = Run::current().folder("client")?;
        fs::create_dir(dir.join("saved"))?;
        Ok(Folder { dir })
    }

    /// Where files are saved.
    pub fn path(&self) -> PathBuf {
        self.dir.join("saved")
    }

    /// Runs a program to its end, which has to be a success; returns what it printed.
    ///
    /// # Errors
    /// With the arguments, and what it printed.
    pub fn run(&self, program: &str, arguments: &[&str]) -> anyhow::Result<String> {
        let mut process = self.start(program, arguments)?;
        let ended = process.wait_for_end();
        let printed = fs::read_to_string(process.log()).unwrap_or_default();
        let status = ended.with_context(|| format!("{program} {arguments:?}"))?;
        ensure!(
            status.success(),
            "{program} {arguments:?}: {status}\n{printed}"
        );
        Ok(printed)
    }

    /// Starts a program in the folder, with nobody's settings, and UTF-8 as its encoding of names.
    ///
    /// # Errors
    /// Names the program.
    pub fn start(&self, program: &str, arguments: &[&str]) -> anyhow::Result<Process> {
        let log = self.dir.join("printed");
        // Of the program before.
        let _ = fs::remove_file(&log);
        let mut command = self.command(program);
        command.args(arguments);
        Process::start(command, &log, None)
    }

    /// The command for a program in the folder.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("LC_ALL", "C.UTF-8")
            .env("HOME", &self.dir)
            .env("TMPDIR", &self.dir)
            .current_dir(self.path());
        command
    }

    /// The folder around, for what programs keep for themselves.
    pub(crate) fn outside(&self) -> &Path {
        &self.dir
    }

    /// How much of a file has been saved so far.
    pub fn bytes_of(&self, name: &str) -> u64 {
        fs::metadata(self.path().join(name)).map_or(0, |file| file.len())
    }

    /// What is in the folder is one file, of this name and with the bytes of the sample.
    ///
    /// # Errors
    /// With what there is instead.
    pub fn holds_only(&self, name: &str, sample: &Sample) -> anyhow::Result<()> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.path())? {
            names.push(entry?.file_name());
        }
        ensure!(
            names == [name],
            "saved is {names:?} where only {name:?} was expected"
        );
        let (got, expected) = (self.bytes_of(name), sample.len);
        ensure!(
            got == expected,
            "{name} has {got} bytes where {expected} were expected"
        );
        let (got, expected) = (hex(&sha_of(&self.path().join(name))?), hex(&sample.sha()));
        ensure!(
            got == expected,
            "the SHA-256 of {name} is {got} where {expected} was expected"
        );
        Ok(())
    }

    /// Empties it for the next download.
    ///
    /// # Errors
    /// Those of unlink(2).
    pub fn empty(&self) -> anyhow::Result<()> {
        fs::remove_dir_all(self.path())?;
        Ok(fs::create_dir(self.path())?)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left goes with the folder of the run.
        let _ = fs::remove_dir_all(&self.dir);
    }
}
