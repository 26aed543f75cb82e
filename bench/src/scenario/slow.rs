//! A hundred and ten thousand slow downloads held by five PHP workers: what a page feels of them, and what they cost.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use send_file_php_tests::files::Sample;

use crate::client::Client;
use crate::crowd::Crowd;
use crate::memory;
use crate::peer::{APACHE_SEND_FILE, HELLO_BYTES, NGINX_SEND_FILE};
use crate::plan::Plan;
use crate::results::Section;
use crate::server::{Cpu, Options, Role, Server};
use crate::sockets;
use crate::statistics::percentile;

pub(crate) const NAME: &str = "slow";
pub(crate) const PAGE: &str = "page p99 ms";
pub(crate) const MEMORY: &str = "manager KB/download";
pub(crate) const TCP_MEMORY: &str = "server TCP KB/download";
pub(crate) const CPU: &str = "CPU us/download/s, server side";
/// Clients that did not get their two kilobytes a second to the end.
pub(crate) const BEHIND: &str = "clients behind";
pub(crate) const IDLE: &str = "idle";
const WEB_MEMORY: &str = "web + PHP KB/download";
const CPU_MANAGER: &str = "manager";

/// Fewer and more, and their names.
pub(crate) const COUNTS: [(&str, usize); 2] =
    [("100 downloads", 100), ("10,000 downloads", 10_000)];
const SMOKE_COUNTS: [(&str, usize); 2] = [("10 downloads", 10), ("40 downloads", 40)];

/// More than a slow client gets to, and than kernels hold for it.
const FILE_BYTES: u64 = 20_000_000;

/// For processor time.
const WINDOW: Duration = Duration::from_secs(12);
const SMOKE_WINDOW: Duration = Duration::from_millis(200);

/// What each client takes at its start has to be over.
const SETTLING: Duration = Duration::from_secs(3);

/// Enough that the p99 is not one of them, a pause apart: a page is loaded now and then.
const PAGES: usize = 1000;
const SMOKE_PAGES: usize = 10;
const PAUSE: Duration = Duration::from_millis(4);

pub(crate) fn run(plan: &Plan) -> anyhow::Result<Section> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
    let mut section = plan.section(NAME);
    let file = Sample::create("slow.bin", FILE_BYTES)?;
    for peer in [APACHE_SEND_FILE, NGINX_SEND_FILE] {
        if !plan.peers.contains(&peer) {
            continue;
        }
        // Kernels give all connections that come one by one to the same process, which has too few descriptors then.
        let options = Options {
            listen: "reuseport",
            ..Options::default()
        };
        let server = Server::start(peer, &options)?;
        measure(plan, &mut section, &server, &file)
            .with_context(|| format!("{}\n{}", peer.name, server.log_tails()))?;
    }
    Ok(section)
}

fn measure(
    plan: &Plan,
    section: &mut Section,
    server: &Server,
    file: &Sample,
) -> anyhow::Result<()> {
    let window = plan.scaled(WINDOW, SMOKE_WINDOW);
    let pages = plan.scaled(PAGES, SMOKE_PAGES);
    let manager = server.manager.as_ref().context("a manager")?;
    let peer = server.peer.name;
    section.add(IDLE, peer, PAGE, page_p99_ms(server, pages)?);
    let idle_cpu = cpu_in(server, window);
    let (idle_memory, idle_web) = (memory::of_manager(manager), server.resident_bytes());
    let mut crowd = Crowd::new(server.address, &server.peer.target(&file.name));
    for (work, count) in plan.scaled(COUNTS, SMOKE_COUNTS) {
        crowd.grow(count)?;
        std::thread::sleep(plan.scaled(SETTLING, SMOKE_WINDOW));
        let each =
            |bytes: u64, idle: u64| bytes.saturating_sub(idle) as f64 / 1024.0 / count as f64;
        let mut add = |quantity, value| section.add(work, peer, quantity, value);
        add(MEMORY, each(memory::of_manager(manager), idle_memory));
        add(WEB_MEMORY, each(server.resident_bytes(), idle_web));
        let tcp = sockets::of_server(server.address)?;
        ensure!(tcp.connections >= count as u64, "{tcp:?} of {count}");
        add(TCP_MEMORY, each(tcp.bytes, 0));
        let cpu = cpu_in(server, window);
        let of = |roles: &[Role]| {
            let sum = |cpu: &Cpu| -> f64 {
                let times = roles.iter().filter_map(|role| cpu.get(role));
                times.map(Duration::as_secs_f64).sum()
            };
            (sum(&cpu) - sum(&idle_cpu)).max(0.0) * 1e6 / window.as_secs_f64() / count as f64
        };
        add(CPU, of(&[Role::Web, Role::Php, Role::Manager]));
        add(CPU_MANAGER, of(&[Role::Manager]));
        add(PAGE, page_p99_ms(server, pages)?);
    }
    // A download that the manager has ended would have a line in its log.
    ensure!(manager.finished_jobs() == 0, "downloads are over already");
    let [_, (most, _)] = plan.scaled(COUNTS, SMOKE_COUNTS);
    section.add(most, peer, BEHIND, crowd.end()? as f64);
    Ok(())
}

/// What a server uses in this time.
fn cpu_in(server: &Server, window: Duration) -> Cpu {
    let before = server.cpu();
    std::thread::sleep(window);
    let mut used = server.cpu();
    for (role, time) in &mut used {
        *time = time.saturating_sub(before.get(role).copied().unwrap_or_default());
    }
    used
}

/// The time of one page in a hundred, each on a connection of its own.
fn page_p99_ms(server: &Server, count: usize) -> anyhow::Result<f64> {
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let mut client = Client::new(server.address, server.peer.page(), HELLO_BYTES).closing();
        let begun = Instant::now();
        client.exchange().context("a page")?;
        times.push(begun.elapsed().as_secs_f64() * 1e3);
        std::thread::sleep(PAUSE);
    }
    Ok(percentile(&times, 0.99))
}
