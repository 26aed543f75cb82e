//! What it was measured on and with.

use std::fs;
use std::process::Command;

use nix::sys::utsname::uname;
use serde::{Deserialize, Serialize};

/// The machine, and the versions of what runs on it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) kernel: String,
    pub(crate) versions: Vec<String>,
}

impl Machine {
    /// This one.
    pub(crate) fn current() -> Machine {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpuinfo
            .lines()
            .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let versions = [
            ("apache2", "-v"),
            ("nginx", "-v"),
            ("lighttpd", "-v"),
            ("php8.2", "-v"),
        ];
        let kernel = uname().map_or_else(
            |_| String::new(),
            |name| name.release().to_string_lossy().into_owned(),
        );
        Machine {
            processor: model.map_or("unknown", |(_, model)| model).to_owned(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            kernel,
            versions: versions
                .iter()
                .filter_map(|(program, flag)| first_line(program, &[flag]))
                .collect(),
        }
    }
}

/// The commit of the working tree, with a sign where files differ from it that are not written by a measurement.
pub(crate) fn commit() -> String {
    let commit = first_line("git", &["rev-parse", "--short", "HEAD"]);
    let others = [":/", ":!/bench/results", ":!/README.md"];
    let status = [
        &["status", "--porcelain", "--untracked-files=no"],
        &others[..],
    ]
    .concat();
    let sign = first_line("git", &status).map_or("", |_| "+");
    commit.map_or_else(|| "unknown".to_owned(), |commit| commit + sign)
}

/// The first line that a program prints, wherever to.
fn first_line(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    text.lines().next().map(str::to_owned)
}
