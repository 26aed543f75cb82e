//! Files of some sizes, by eight clients at once: requests per second.

use std::time::Duration;

use anyhow::Context;
use send_file_php_tests::files::Sample;

use crate::load::Stop;
use crate::plan::Plan;
use crate::results::Section;
use crate::rounds::interleave;

pub(crate) const NAME: &str = "requests";
pub(crate) const RATE: &str = "requests/s";
pub(crate) const CPU: &str = "CPU us/request, server side";

/// What is asked for, and how long.
const SIZES: [(&str, u64); 3] = [("4 KB", 4_000), ("100 KB", 100_000), ("1 MB", 1_000_000)];

const CONNECTIONS: usize = 8;
const ROUNDS: usize = 7;

/// Of one turn: thousands of requests.
const TIME: Duration = Duration::from_millis(500);
const SMOKE_TIME: Duration = Duration::from_millis(20);

pub(crate) fn run(plan: &Plan) -> anyhow::Result<Section> {
    let mut section = plan.section(NAME);
    section.compare_with_all(&plan.peers, RATE);
    let servers = plan.start_peers()?;
    let time = plan.scaled(TIME, SMOKE_TIME);
    for (work, bytes) in SIZES {
        let file = Sample::create(&format!("requests-{bytes}.bin"), bytes)?;
        let mut turn = 0;
        // The first round, of which nothing is kept, warms up.
        interleave(plan.rounds(ROUNDS) + 1, plan.seed, &servers, |server| {
            let load = server.load(&file.name, file.len, CONNECTIONS);
            let before: Duration = server.cpu().values().sum();
            let taken = load
                .run(Stop::After(time))
                .with_context(|| format!("{}\n{}", server.peer.name, server.log_tails()))?;
            let cpu = server
                .cpu()
                .values()
                .sum::<Duration>()
                .saturating_sub(before);
            turn += 1;
            if turn > servers.len() {
                let (peer, responses) = (server.peer.name, taken.responses as f64);
                section.add(work, peer, RATE, responses / taken.wall.as_secs_f64());
                section.add(work, peer, CPU, cpu.as_secs_f64() * 1e6 / responses);
            }
            Ok(())
        })?;
    }
    Ok(section)
}
