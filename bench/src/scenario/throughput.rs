//! One long file, by one client and by several: bytes per second, and processor time per byte.

use std::time::Duration;

use anyhow::Context;
use send_file_php_tests::files::Sample;

use crate::cpu;
use crate::load::Stop;
use crate::plan::Plan;
use crate::results::Section;
use crate::rounds::interleave;
use crate::server::{Cpu, Role, Server};

pub(crate) const NAME: &str = "throughput";
pub(crate) const RATE: &str = "GB/s";
pub(crate) const CPU_SERVER: &str = "CPU s/GB, server side";
pub(crate) const CPU_PHP: &str = "PHP + manager";
const CPU_CLIENTS: &str = "clients";

const FILE_BYTES: u64 = 1_000_000_000;
const SMOKE_BYTES: u64 = 2_000_000;

const WORKS: [Work; 2] = [
    Work {
        name: "1 connection",
        connections: 1,
        rounds: 7,
    },
    Work {
        name: "8 connections",
        connections: 8,
        rounds: 7,
    },
];

struct Work {
    name: &'static str,
    connections: usize,
    rounds: usize,
}

pub(crate) fn run(plan: &Plan) -> anyhow::Result<Section> {
    let mut section = plan.section(NAME);
    section.compare_with_all(&plan.peers, RATE);
    let file = Sample::create("throughput.bin", plan.scaled(FILE_BYTES, SMOKE_BYTES))?;
    let servers = plan.start_peers()?;
    for server in &servers {
        server
            .load(&file.name, file.len, 1)
            .run(Stop::Responses(1))?;
    }
    for work in WORKS {
        interleave(plan.rounds(work.rounds), plan.seed, &servers, |server| {
            measure(&mut section, &work, server, &file)
                .with_context(|| format!("{}\n{}", server.peer.name, server.log_tails()))
        })?;
    }
    Ok(section)
}

fn measure(
    section: &mut Section,
    work: &Work,
    server: &Server,
    file: &Sample,
) -> anyhow::Result<()> {
    let load = server.load(&file.name, file.len, work.connections);
    let (before, clients_before) = (server.cpu(), cpu::used_by_clients());
    let taken = load.run(Stop::Responses(work.connections as u64))?;
    let (after, clients) = (server.cpu(), cpu::used_by_clients() - clients_before);
    let gigabytes = taken.bytes as f64 / 1e9;
    let peer = server.peer.name;
    let mut add = |quantity, value| section.add(work.name, peer, quantity, value);
    add(RATE, gigabytes / taken.wall.as_secs_f64());
    let by_role = |roles: &[Role]| used(&before, &after, roles).as_secs_f64() / gigabytes;
    add(CPU_SERVER, by_role(&[Role::Web, Role::Php, Role::Manager]));
    add("web server", by_role(&[Role::Web]));
    add(CPU_PHP, by_role(&[Role::Php, Role::Manager]));
    add(CPU_CLIENTS, clients.as_secs_f64() / gigabytes);
    Ok(())
}

fn used(before: &Cpu, after: &Cpu, roles: &[Role]) -> Duration {
    let of = |cpu: &Cpu| -> Duration { roles.iter().filter_map(|role| cpu.get(role)).sum() };
    of(after).saturating_sub(of(before))
}
