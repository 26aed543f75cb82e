//! What a download is, and what a blow is: functions of the seed and a number, whatever the threads do.

use std::ops::Range;
use std::time::Duration;

use super::content::Content;
use super::limits::{
    FEWEST_FILE_BYTES, LONGEST_LIFE, LONGEST_PAUSE, LONGEST_STOP, LONGEST_YOUNG_LIFE,
    MOST_FILE_BYTES, MOST_RANGE_BYTES, OFFER_TIMEOUT, PAGE_BYTES,
};
use super::random::{Purpose, Random};

/// One download.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) number: u64,
    pub(crate) way: Way,
    pub(crate) file: Choice,
    pub(crate) disk: Disk,
    pub(crate) fate: Fate,
    pub(crate) ask: Ask,
    pub(crate) habit: Habit,
    pub(crate) rate: Option<Pacing>,
    pub(crate) handover: Handover,
}

/// By which way it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    /// The harness is the web server and the PHP worker; bytes as they are.
    RawTcp,
    /// The same, with FastCGI's framing on a Unix socket, as behind nginx.
    FastCgiUnix,
    /// The same on TCP, as behind Apache.
    FastCgiTcp,
    /// Real Apache with mod_php.
    Apache,
    /// Real nginx with php-fpm.
    Nginx,
}

/// Which file.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Choice {
    /// One of those that many downloads share.
    Shared(usize),
    /// One of its own, as something happens to it.
    Own(Content),
}

/// Where its bytes come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disk {
    /// The page cache.
    Warm,
    /// Dropped from the page cache first.
    Cold,
}

/// What happens to the file during the download, once the client has this share of the body, in permille.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Stays,
    Truncated { at: u64, to: u64 },
    Replaced { at: u64 },
}

/// What the client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    Whole,
    Range(Range<u64>),
    /// Unsorted, and some overlap.
    Ranges(Vec<Range<u64>>),
}

/// How the client takes it. Shares of the body in permille.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Habit {
    Fast,
    /// Pauses between small pieces.
    Slow {
        pause: Duration,
    },
    /// Stops once, and goes on.
    Stalls {
        at: u64,
        pause: Duration,
    },
    /// Goes away, with a reset or a close.
    Aborts {
        at: u64,
        with_reset: bool,
    },
    /// Says at once that it will send no more.
    HalfCloses,
}

/// The rate of a download.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pacing {
    pub(crate) bytes_per_sec: u64,
    pub(crate) burst_bytes: u64,
}

/// What the PHP worker of the raw ways does once its offer was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Handover {
    /// Commits at once.
    AtOnce,
    /// Commits so much later; about as late as the manager gives the offer up, for some.
    After(Duration),
    /// Keeps the connection and streams.
    Withdrawn,
}

impl Plan {
    /// The download with this number. `shared` are the files that all may use.
    pub(crate) fn new(seed: u64, number: u64, shared: &[Content]) -> Plan {
        let random = &mut Random::new(seed, Purpose::Download, number);
        let way = random.weighted(&[
            (40, Way::RawTcp),
            (15, Way::FastCgiUnix),
            (10, Way::FastCgiTcp),
            (20, Way::Apache),
            (15, Way::Nginx),
        ]);
        let mut fate = random_fate(random);
        let file = match fate {
            Fate::Stays => Choice::Shared(random.below(shared.len() as u64) as usize),
            _ => Choice::Own(random_content(random)),
        };
        let content = match file {
            Choice::Shared(index) => shared[index],
            Choice::Own(content) => content,
        };
        if let Fate::Truncated { to, .. } = &mut fate {
            // At the end of a page: the kernel wipes the rest of the last page even where it lies in a socket already.
            *to = random.below(content.len) / PAGE_BYTES * PAGE_BYTES;
        }
        let ask = random_ask(random, content.len);
        let body_bytes = ask.bytes(content.len);
        Plan {
            number,
            way,
            file,
            disk: random.weighted(&[(95, Disk::Warm), (5, Disk::Cold)]),
            fate,
            ask,
            habit: random_habit(random, way),
            rate: random
                .in_percent(15)
                .then(|| random_rate(random, body_bytes)),
            handover: random_handover(random),
        }
    }

    /// By which the log names it.
    pub(crate) fn tag(&self) -> String {
        format!("d{}", self.number)
    }
}

impl Way {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Way::RawTcp => "raw over TCP",
            Way::FastCgiUnix => "FastCGI over a Unix socket",
            Way::FastCgiTcp => "FastCGI over TCP",
            Way::Apache => "Apache with mod_php",
            Way::Nginx => "nginx with php-fpm",
        }
    }
}

impl Ask {
    /// The ranges, whole files included.
    pub(crate) fn ranges(&self, len: u64) -> Vec<Range<u64>> {
        let one = match self {
            Ask::Whole => 0..len,
            Ask::Range(range) => range.clone(),
            Ask::Ranges(ranges) => return ranges.clone(),
        };
        Vec::from([one])
    }

    fn bytes(&self, len: u64) -> u64 {
        let ranges = self.ranges(len);
        ranges.iter().map(|range| range.end - range.start).sum()
    }
}

/// The content of a file that is not there yet.
pub(crate) fn random_content(random: &mut Random) -> Content {
    Content {
        key: random.next(),
        len: random.size_between(FEWEST_FILE_BYTES, MOST_FILE_BYTES),
    }
}

fn random_fate(random: &mut Random) -> Fate {
    let at = random.below(900);
    // Where it is cut to is known when the file is.
    let cut = Fate::Truncated { at, to: 0 };
    random.weighted(&[(94, Fate::Stays), (3, cut), (3, Fate::Replaced { at })])
}

fn random_ask(random: &mut Random, len: u64) -> Ask {
    let range = |random: &mut Random, most: u64| {
        let start = random.below(len);
        start..start + random.between(1, (len - start).min(most))
    };
    match random.below(100) {
        0..60 => Ask::Whole,
        60..80 => Ask::Range(range(random, u64::MAX)),
        _ => {
            let count = random.between(2, 6);
            let ranges = (0..count).map(|_| range(random, MOST_RANGE_BYTES));
            Ask::Ranges(ranges.collect())
        }
    }
}

fn random_habit(random: &mut Random, way: Way) -> Habit {
    let at = random.below(1000);
    let pause = Duration::from_micros(random.below(LONGEST_PAUSE.as_micros() as u64));
    let with_reset = random.in_percent(50);
    // nginx and Apache's FastCGI take it for the client's end.
    let half_closes = if way == Way::RawTcp { 8 } else { 0 };
    random.weighted(&[
        (45, Habit::Fast),
        (20, Habit::Slow { pause }),
        (15, Habit::Stalls { at, pause }),
        (12, Habit::Aborts { at, with_reset }),
        (half_closes, Habit::HalfCloses),
    ])
}

/// One that keeps this body for up to [`LONGEST_PAUSE`].
fn random_rate(random: &mut Random, body_bytes: u64) -> Pacing {
    let millis = random.between(20, LONGEST_PAUSE.as_millis() as u64);
    Pacing {
        bytes_per_sec: (body_bytes * 1000 / millis).max(1000),
        burst_bytes: random.below(body_bytes),
    }
}

fn random_handover(random: &mut Random) -> Handover {
    let a_little = Duration::from_micros(random.below(20_000));
    // Around the instant at which the manager gives up: in time, too late, and between.
    let at_the_end = OFFER_TIMEOUT - Duration::from_millis(6) + a_little * 6 / 10;
    random.weighted(&[
        (85, Handover::AtOnce),
        (10, Handover::After(a_little)),
        (3, Handover::After(at_the_end)),
        (2, Handover::Withdrawn),
    ])
}

/// Something that is done to a process of the manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Blow {
    /// SIGKILL to a worker.
    Kill,
    /// SIGSEGV to a worker.
    Fault,
    /// SIGSTOP to a worker, and SIGKILL so much later.
    StopAndKill(Duration),
    /// SIGSTOP to a worker, and SIGCONT so much later.
    StopAndContinue(Duration),
    /// SIGKILL to a guardian.
    KillGuardian,
    /// SIGUSR2 to the first process.
    Upgrade,
    /// SIGHUP to the first process.
    Reload,
}

/// A blow, so long after the manager was whole again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Strike {
    pub(crate) after: Duration,
    pub(crate) blow: Blow,
    /// Which of several workers or guardians, modulo their number.
    pub(crate) whom: u64,
}

impl Strike {
    /// The strike with this number.
    pub(crate) fn new(seed: u64, number: u64) -> Strike {
        let random = &mut Random::new(seed, Purpose::Blow, number);
        let longest = random.weighted(&[(1, LONGEST_YOUNG_LIFE), (1, LONGEST_LIFE)]);
        let stop = Duration::from_micros(random.below(LONGEST_STOP.as_micros() as u64));
        // Three faults in a row would be blamed on the download whose turn it is.
        let fault = if number.is_multiple_of(3) { 40 } else { 0 };
        let blow = random.weighted(&[
            (60, Blow::Kill),
            (fault, Blow::Fault),
            (12, Blow::StopAndKill(stop)),
            (12, Blow::StopAndContinue(stop)),
            // Never together with its worker.
            (25, Blow::KillGuardian),
            (3, Blow::Upgrade),
            (3, Blow::Reload),
        ]);
        Strike {
            after: Duration::from_micros(random.below(longest.as_micros() as u64)),
            blow,
            whom: random.next(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_plans_the_same_and_another_one_something_else() {
        let shared: Vec<Content> = (1..9)
            .map(|key| Content {
                key,
                len: key * 99_999,
            })
            .collect();
        let plans = |seed| {
            let of = |number| format!("{:?}", Plan::new(seed, number, &shared));
            (0..200).map(of).collect::<Vec<_>>()
        };
        let strikes = |seed| {
            let of = |number| format!("{:?}", Strike::new(seed, number));
            (0..200).map(of).collect::<Vec<_>>()
        };
        assert_eq!((plans(5), strikes(5)), (plans(5), strikes(5)));
        assert!(plans(5) != plans(6) && strikes(5) != strikes(6));
    }

    #[test]
    fn ranges_lie_in_the_file_and_blows_that_are_off_do_not_come() {
        let shared = [Content {
            key: 1,
            len: 100_000,
        }];
        for number in 0..2000 {
            let plan = Plan::new(1, number, &shared);
            let len = match plan.file {
                Choice::Shared(index) => shared[index].len,
                Choice::Own(content) => content.len,
            };
            for range in plan.ask.ranges(len) {
                assert!(range.start < range.end && range.end <= len, "{plan:?}");
            }
        }
    }
}
