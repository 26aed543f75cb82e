//! A hundred, a thousand and ten thousand slow downloads held by five PHP workers: what a page feels of them, and what they cost.
//!
//! Idle and with each crowd there are several rounds, of some hundred pages and a window of processor time each. What an idle server
//! uses, by its median, is not the downloads' and is taken off. The slow clients are one thread of the least priority: they
//! would be on other machines, and no page should wait for them.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use send_file_php_tests::files::Sample;

use crate::background::Pinned;
use crate::client::Client;
use crate::crowd::Crowd;
use crate::memory;
use crate::peer::{APACHE_SEND_FILE, HELLO_BYTES, NGINX_SEND_FILE};
use crate::plan::Plan;
use crate::results::Section;
use crate::server::{Options, Role, Server};
use crate::sockets;
use crate::statistics::{median, percentile};

pub(crate) const NAME: &str = "slow";
pub(crate) const PAGE: &str = "page p99 ms";
pub(crate) const MEMORY: &str = "manager KB/download";
pub(crate) const TCP_MEMORY: &str = "server TCP KB/download";
/// What is used beyond idling.
pub(crate) const CPU: &str = "CPU us/download/s, server side";
pub(crate) const CPU_WITH_IDLE: &str = "with idling";
/// Clients that did not get their two kilobytes a second to the end.
pub(crate) const BEHIND: &str = "clients behind";
pub(crate) const IDLE: &str = "idle";
const WEB_MEMORY: &str = "web + PHP KB/download";
const CPU_MANAGER: &str = "manager";

/// Crowds, and their names. A hundred wake a server three times a second, which is about what it does when it idles: what they cost
/// beyond that is hardly to be told, and what a thousand cost is.
pub(crate) const COUNTS: [(&str, usize); 3] = [
    ("100 downloads", 100),
    ("1,000 downloads", 1_000),
    ("10,000 downloads", 10_000),
];
const SMOKE_COUNTS: [(&str, usize); 3] = [
    ("10 downloads", 10),
    ("20 downloads", 20),
    ("40 downloads", 40),
];

/// More than a slow client gets to, and than kernels hold for it.
const FILE_BYTES: u64 = 20_000_000;

const ROUNDS: usize = 5;

/// For processor time: all rounds of a crowd together are most of the time in which each client is refilled once.
const WINDOW: Duration = Duration::from_millis(2_500);
const SMOKE_WINDOW: Duration = Duration::from_millis(200);

/// What each client takes at its start has to be over.
const SETTLING: Duration = Duration::from_secs(2);

/// Enough that the p99 is not one of them, a pause apart: a page is loaded now and then.
const PAGES: usize = 400;
const SMOKE_PAGES: usize = 10;
const PAUSE: Duration = Duration::from_millis(2);

pub(crate) fn run(plan: &Plan) -> anyhow::Result<Section> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
    let mut section = plan.section(NAME);
    let file = Sample::create("slow.bin", FILE_BYTES)?;
    // Nothing here is to be measured that comes from a disk.
    let _pinned = Pinned::new(&file.path)?;
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
    let manager = server.manager.as_ref().context("a manager")?;
    let peer = server.peer.name;
    // Caches of web server and PHP fill with the first pages.
    page_p99_ms(server, plan.scaled(PAGES, SMOKE_PAGES))?;
    let idle = rounds(plan, server)?;
    for round in &idle {
        section.add(IDLE, peer, PAGE, round.page_p99_ms);
    }
    let idle_load = Load::median_of(&idle);
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
        for round in rounds(plan, server)? {
            // Less than nothing is possible, where idling varies more than the downloads cost.
            let each = |load: f64, idle: f64| (load - idle) * 1e6 / count as f64;
            add(CPU, each(round.load.server, idle_load.server));
            add(CPU_MANAGER, each(round.load.manager, idle_load.manager));
            add(CPU_WITH_IDLE, each(round.load.server, 0.0));
            add(PAGE, round.page_p99_ms);
        }
    }
    // A download that the manager has ended would have a line in its log.
    ensure!(manager.finished_jobs() == 0, "downloads are over already");
    let [.., (most, _)] = plan.scaled(COUNTS, SMOKE_COUNTS);
    section.add(most, peer, BEHIND, crowd.end()? as f64);
    Ok(())
}

/// What is measured again and again while the crowd stays as it is.
struct Round {
    page_p99_ms: f64,
    load: Load,
}

/// Seconds of processor time in a second.
#[derive(Clone, Copy)]
struct Load {
    server: f64,
    manager: f64,
}

fn rounds(plan: &Plan, server: &Server) -> anyhow::Result<Vec<Round>> {
    let window = plan.scaled(WINDOW, SMOKE_WINDOW);
    let pages = plan.scaled(PAGES, SMOKE_PAGES);
    let round = |_| {
        Ok(Round {
            load: Load::in_window(server, window),
            page_p99_ms: page_p99_ms(server, pages)?,
        })
    };
    (0..plan.rounds(ROUNDS)).map(round).collect()
}

impl Load {
    fn in_window(server: &Server, window: Duration) -> Load {
        let (begun, before) = (Instant::now(), server.cpu());
        std::thread::sleep(window);
        let (after, time) = (server.cpu(), begun.elapsed());
        let of = |roles: &[Role]| -> f64 {
            let used = |role: &Role| after.get(role)?.checked_sub(*before.get(role)?);
            let used: Duration = roles.iter().filter_map(used).sum();
            used.as_secs_f64() / time.as_secs_f64()
        };
        Load {
            server: of(&[Role::Web, Role::Php, Role::Manager]),
            manager: of(&[Role::Manager]),
        }
    }

    fn median_of(rounds: &[Round]) -> Load {
        let of = |load: fn(&Load) -> f64| {
            let loads: Vec<f64> = rounds.iter().map(|round| load(&round.load)).collect();
            median(&loads)
        };
        Load {
            server: of(|load| load.server),
            manager: of(|load| load.manager),
        }
    }
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
