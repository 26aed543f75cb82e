//! What a run is to do.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What a run is to do.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Determines every plan.
    pub seed: u64,
    /// At least so many downloads.
    pub downloads: u64,
    /// And at least so many processes killed meanwhile.
    pub kills: u64,
    /// No download begins later than this.
    pub longest: Duration,
    /// Through Apache and nginx, too; else over raw sockets only.
    pub through_web_servers: bool,
    /// More flags of the manager.
    pub manager_flags: Vec<String>,
    /// The descriptor limit is so low that cells are relieved all the time.
    pub splits: bool,
}

impl Settings {
    /// Some seconds, for `make test`.
    pub fn short() -> Settings {
        Settings {
            downloads: 600,
            kills: 60,
            longest: Duration::from_secs(120),
            ..Settings::long()
        }
    }

    /// Some seconds with cells that run out of descriptors.
    pub fn short_with_splits() -> Settings {
        Settings {
            downloads: 300,
            kills: 30,
            splits: true,
            through_web_servers: false,
            ..Settings::short()
        }
    }

    /// Some minutes, for `make chaos`.
    pub fn long() -> Settings {
        Settings {
            seed: seed_asked_for(),
            downloads: 10_000,
            kills: 1_000,
            longest: Duration::from_secs(900),
            through_web_servers: true,
            manager_flags: Vec::new(),
            splits: false,
        }
    }
}

/// The environment's SEED, else one that no run had.
fn seed_asked_for() -> u64 {
    let asked = std::env::var("SEED").ok();
    let asked = asked.and_then(|seed| seed.parse().ok());
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    asked.unwrap_or(now.unwrap_or_default().as_micros() as u64)
}
