//! Some clients at the same time.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::client::Client;

/// What is asked for, by how many.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    pub(crate) address: SocketAddr,
    pub(crate) target: String,
    pub(crate) body_bytes: u64,
    pub(crate) connections: usize,
}

/// When no further request is made.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stop {
    /// After so many, of all connections together. Connections that a server lets wait take none of the others' part.
    Responses(u64),
    After(Duration),
}

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken {
    pub(crate) wall: Duration,
    pub(crate) responses: u64,
    pub(crate) bytes: u64,
}

impl Load {
    /// Runs it.
    ///
    /// # Errors
    /// The first wrong answer.
    pub(crate) fn run(&self, stop: Stop) -> anyhow::Result<Taken> {
        let asked = AtomicU64::new(0);
        let begun = Instant::now();
        let goes_on = || match stop {
            Stop::Responses(most) => asked.fetch_add(1, Ordering::Relaxed) < most,
            Stop::After(time) => begun.elapsed() < time,
        };
        let one = || -> anyhow::Result<u64> {
            let mut client = Client::new(self.address, &self.target, self.body_bytes);
            let mut responses = 0;
            while goes_on() {
                client.exchange()?;
                responses += 1;
            }
            Ok(responses)
        };
        let responses = std::thread::scope(|scope| -> anyhow::Result<u64> {
            let clients: Vec<_> = (0..self.connections).map(|_| scope.spawn(one)).collect();
            let mut sum = 0;
            for client in clients {
                sum += client.join().expect("a client does not panic")?;
            }
            Ok(sum)
        });
        let responses = responses.with_context(|| format!("GET {}", self.target))?;
        Ok(Taken {
            wall: begun.elapsed(),
            responses,
            bytes: responses * self.body_bytes,
        })
    }
}
