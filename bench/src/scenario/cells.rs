//! The same work by one cell and by two: a second must not be in the way of the first, and of the clients on the same cores.

use std::time::Duration;

use anyhow::Context;
use send_file_php_tests::files::Sample;

use crate::load::Stop;
use crate::peer::{APACHE_SEND_FILE, NGINX_SEND_FILE, Peer};
use crate::plan::Plan;
use crate::results::Section;
use crate::rounds::interleave;
use crate::server::{Options, Server};

pub(crate) const NAME: &str = "cells";
pub(crate) const ONE: &str = "1 cell, MB/s";
pub(crate) const TWO: &str = "2 cells, MB/s";

const FLAGS: [(&str, &[&str]); 2] = [(ONE, &["--cells", "1"]), (TWO, &["--cells", "2"])];
const PEERS: [Peer; 2] = [APACHE_SEND_FILE, NGINX_SEND_FILE];

const CONNECTIONS: usize = 8;
const TIME: Stop = Stop::After(Duration::from_millis(400));
const SMOKE_TIME: Stop = Stop::After(Duration::from_millis(20));

/// Bodies of this length, for so many rounds: one for each connection, or as many as there are in the time.
const WORKS: [Work; 3] = [
    Work {
        name: "1 GB",
        body_bytes: 1_000_000_000,
        smoke_bytes: 2_000_000,
        stop: Stop::Responses(CONNECTIONS as u64),
        rounds: 7,
    },
    Work {
        name: "1 MB",
        body_bytes: 1_000_000,
        smoke_bytes: 1_000_000,
        stop: TIME,
        rounds: 11,
    },
    Work {
        name: "100 KB",
        body_bytes: 100_000,
        smoke_bytes: 100_000,
        stop: TIME,
        rounds: 11,
    },
];

struct Work {
    name: &'static str,
    body_bytes: u64,
    smoke_bytes: u64,
    stop: Stop,
    rounds: usize,
}

pub(crate) fn run(plan: &Plan) -> anyhow::Result<Section> {
    let mut section = plan.section(NAME);
    let mut servers = Vec::new();
    for peer in PEERS.into_iter().filter(|peer| plan.peers.contains(peer)) {
        for (quantity, flags) in FLAGS {
            let options = Options {
                manager_flags: flags.to_vec(),
                // What is not handed over is no work of a cell.
                ini: "send_file.min_size=0",
                ..Options::default()
            };
            servers.push((quantity, Server::start(peer, &options)?));
        }
        section.compare((peer.name, TWO), (peer.name, ONE));
    }
    for work in WORKS {
        let bytes = plan.scaled(work.body_bytes, work.smoke_bytes);
        let file = Sample::create(&format!("cells-{bytes}.bin"), bytes)?;
        let rounds = plan.rounds(work.rounds);
        let stop = plan.scaled(work.stop, SMOKE_TIME);
        interleave(rounds, plan.seed, &servers, |(quantity, server)| {
            let load = server.load(&file.name, bytes, CONNECTIONS);
            let taken = load
                .run(stop)
                .with_context(|| format!("{}\n{}", server.peer.name, server.log_tails()))?;
            let rate = taken.bytes as f64 / 1e6 / taken.wall.as_secs_f64();
            section.add(work.name, server.peer.name, quantity, rate);
            Ok(())
        })?;
    }
    Ok(section)
}
