//! HAProxy in front of two web servers, with the configuration of docker/.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, bail, ensure};

use crate::limits::{PATIENCE, POLL};
use crate::process::{Process, free_address};
use crate::run::Run;

const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docker/haproxy/haproxy.cfg");

/// A running HAProxy.
#[derive(Debug)]
pub struct Balancer {
    /// Where it speaks HTTP.
    pub address: SocketAddr,
    admin: PathBuf,
    _process: Process,
}

/// One of the web servers behind it, by the name that the configuration has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Node {
    /// `one`.
    One,
    /// `two`.
    Two,
}

/// What it says of a node.
#[derive(Clone, Debug)]
pub struct NodeState(HashMap<String, String>);

impl Balancer {
    /// Starts it, and waits until both answer their checks.
    ///
    /// # Errors
    /// With the end of its log.
    pub fn start(one: SocketAddr, two: SocketAddr) -> anyhow::Result<Balancer> {
        let dir = Run::current().folder("haproxy")?;
        let address = free_address()?;
        let admin = dir.join("admin.sock");
        let mut command = Command::new("haproxy");
        command
            .args(["-db", "-f", CONFIG])
            .env("LISTEN", address.to_string())
            .env("ADMIN", format!("unix@{}", admin.display()))
            .env("NODE_ONE", one.to_string())
            .env("NODE_TWO", two.to_string())
            .env("CHECK", "/page.php");
        let process = Process::start(command, &dir.join("haproxy.log"), None)?;
        let mut balancer = Balancer {
            address,
            admin,
            _process: process,
        };
        let Balancer {
            admin, _process, ..
        } = &mut balancer;
        _process
            .wait_until_ready(|| UnixStream::connect(&*admin).is_ok())
            .context("haproxy")?;
        for node in [Node::One, Node::Two] {
            balancer.wait_for(node, "answers its checks", |state| {
                state.text("check_status") == "L7OK"
            })?;
        }
        Ok(balancer)
    }

    /// No new request goes to this node; those under way are left alone.
    ///
    /// # Errors
    /// What HAProxy says.
    pub fn drain(&self, node: Node) -> anyhow::Result<()> {
        let answer = self.ask(&format!("set server nodes/{} state drain", node.name()))?;
        ensure!(answer.trim().is_empty(), "haproxy says {answer:?}");
        Ok(())
    }

    /// What is under way on a node, and was.
    ///
    /// # Errors
    /// Where HAProxy does not say.
    pub fn state(&self, node: Node) -> anyhow::Result<NodeState> {
        let table = self.ask("show stat")?;
        let mut lines = table.trim_start_matches("# ").lines();
        let names: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
        let rows = lines.map(|line| {
            let values = line.split(',').map(str::to_owned);
            let names = names.iter().map(|name| (*name).to_owned());
            names.zip(values).collect::<HashMap<_, _>>()
        });
        let mut states = rows.map(NodeState);
        let found =
            states.find(|row| row.text("pxname") == "nodes" && row.text("svname") == node.name());
        found.with_context(|| format!("haproxy knows no such node:\n{table}"))
    }

    /// Waits until it says so of a node.
    ///
    /// # Errors
    /// What it says instead, where that takes too long.
    pub fn wait_for(
        &self,
        node: Node,
        what: &str,
        is_so: impl Fn(&NodeState) -> bool,
    ) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let state = self.state(node)?;
            if is_so(&state) {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("waited in vain until {node:?} {what}: {state:?}");
            }
            std::thread::sleep(POLL);
        }
    }

    fn ask(&self, command: &str) -> anyhow::Result<String> {
        let mut socket = UnixStream::connect(&self.admin).context("haproxy's admin socket")?;
        writeln!(socket, "{command}")?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer)?;
        Ok(answer)
    }
}

impl Node {
    fn name(self) -> &'static str {
        match self {
            Node::One => "one",
            Node::Two => "two",
        }
    }
}

impl NodeState {
    /// The requests that it is answering.
    pub fn under_way(&self) -> u64 {
        self.number("scur")
    }

    /// All requests that it was given.
    pub fn requests(&self) -> u64 {
        self.number("stot")
    }

    /// Connections and responses that failed.
    pub fn failures(&self) -> u64 {
        ["econ", "eresp", "wretr", "wredis"]
            .map(|name| self.number(name))
            .iter()
            .sum()
    }

    fn number(&self, name: &str) -> u64 {
        self.text(name).parse().unwrap_or(0)
    }

    fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }
}
