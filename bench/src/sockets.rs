//! What the kernel holds for TCP connections, as ss(8) tells it from inet_diag.

use std::net::SocketAddr;
use std::process::Command;

use anyhow::{Context, ensure};

/// The connections of a server, and the memory that counts against net.ipv4.tcp_mem for them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TcpMemory {
    pub(crate) connections: u64,
    pub(crate) bytes: u64,
}

/// Of the side that listens there; the clients' sides are none of the server's.
///
/// # Errors
/// Where ss(8) is missing.
pub(crate) fn of_server(address: SocketAddr) -> anyhow::Result<TcpMemory> {
    let filter = format!("sport = :{}", address.port());
    let output = Command::new("ss")
        .args(["-Htmn", "state", "established", &filter])
        .output()
        .context("running ss")?;
    ensure!(
        output.status.success(),
        "ss: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(sum(&String::from_utf8_lossy(&output.stdout)))
}

fn sum(text: &str) -> TcpMemory {
    let mut memory = TcpMemory::default();
    for fields in text.split("skmem:(").skip(1) {
        let fields = fields.split(')').next().unwrap_or_default();
        memory.connections += 1;
        memory.bytes += fields.split(',').filter_map(charged).sum::<u64>();
    }
    memory
}

/// What was received and not read, what is queued to send, and what was taken in advance; not the limits of both.
fn charged(field: &str) -> Option<u64> {
    let digits = field.find(|char: char| char.is_ascii_digit())?;
    let (name, value) = field.split_at(digits);
    matches!(name, "r" | "w" | "f")
        .then(|| value.parse().ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_counts_and_what_may_be_held_does_not() {
        let text = "0 9 127.0.0.1:1 127.0.0.1:2\n\t skmem:(r1,rb131072,t0,tb87040,f20,w300,o0,bl0,d0)\n\
                    0 9 127.0.0.1:1 127.0.0.1:3\n\t skmem:(r0,rb131072,t0,tb87040,f4000,w0,o0,bl0,d0)\n";
        let memory = TcpMemory {
            connections: 2,
            bytes: 4321,
        };
        assert_eq!(sum(text), memory);
    }
}
