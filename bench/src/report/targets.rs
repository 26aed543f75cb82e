//! What we want to reach, and whether it is.

use crate::peer::{
    APACHE_READFILE, APACHE_SEND_FILE, APACHE_STATIC, APACHE_XSENDFILE, NGINX_ACCEL,
    NGINX_READFILE, NGINX_RELAY, NGINX_SEND_FILE, NGINX_STATIC, Peer,
};
use crate::results::{Comparison, Results, Section, Side};
use crate::scenario::{call, cells, cold, requests, slow, throughput};
use crate::statistics::Ratio;

use super::markdown::{interval, number};

/// A line of the table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Verdict {
    pub(crate) work: String,
    pub(crate) target: String,
    pub(crate) measured: String,
    /// None where it is only to be stated, or cannot be told.
    pub(crate) is_reached: Option<bool>,
}

/// What a ratio has to be.
#[derive(Clone, Copy, Debug)]
enum Bound {
    AtLeast(f64),
    /// At least 1, or so little below it that the interval has both.
    Even,
    AtMost(f64),
    /// Not below 1 with any confidence.
    NotBelowOne,
    Stated,
}

/// The least ratio that counts as even where its interval reaches 1.
const EVEN: f64 = 0.97;

/// All that can be judged by what was measured.
pub(crate) fn verdicts(results: &Results) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    let mut judge = |scenario, lines: fn(&Section) -> Vec<Option<Verdict>>| {
        if let Some(section) = results.section(scenario) {
            verdicts.extend(lines(section).into_iter().flatten());
        }
    };
    judge(throughput::NAME, of_throughput);
    judge(requests::NAME, of_requests);
    judge(call::NAME, of_call);
    judge(slow::NAME, of_slow);
    judge(cold::NAME, of_cold);
    judge(cells::NAME, of_cells);
    verdicts
}

fn of_throughput(section: &Section) -> Vec<Option<Verdict>> {
    use throughput::{CPU_PHP, CPU_SERVER, RATE};

    let peers = [APACHE_STATIC, APACHE_XSENDFILE, NGINX_STATIC];
    let mut lines = Vec::new();
    for work in section.works() {
        let of =
            |ours, other, quantity, bound| against(section, work, ours, other, quantity, bound);
        let fastest = best(section, work, RATE, &peers, f64::total_cmp);
        let cheapest = best(section, work, CPU_SERVER, &peers, |a, b| b.total_cmp(a));
        lines.extend([
            fastest.and_then(|peer| of(APACHE_SEND_FILE, peer, RATE, Bound::Even)),
            cheapest.and_then(|peer| of(APACHE_SEND_FILE, peer, CPU_SERVER, Bound::AtMost(1.0))),
            of(NGINX_SEND_FILE, NGINX_READFILE, RATE, Bound::Even),
            of(NGINX_SEND_FILE, NGINX_RELAY, RATE, Bound::AtLeast(0.95)),
            of(
                NGINX_SEND_FILE,
                NGINX_READFILE,
                CPU_PHP,
                Bound::AtMost(0.25),
            ),
            of(NGINX_SEND_FILE, NGINX_ACCEL, RATE, Bound::Stated),
        ]);
    }
    lines
}

fn of_requests(section: &Section) -> Vec<Option<Verdict>> {
    use requests::RATE;

    let mut lines = Vec::new();
    for work in section.works() {
        let of = |ours, other, bound| against(section, work, ours, other, RATE, bound);
        let peers = [APACHE_XSENDFILE, APACHE_READFILE];
        let fastest = best(section, work, RATE, &peers, f64::total_cmp);
        lines.extend([
            fastest.and_then(|peer| of(APACHE_SEND_FILE, peer, Bound::Even)),
            of(NGINX_SEND_FILE, NGINX_READFILE, Bound::Even),
            of(NGINX_SEND_FILE, NGINX_ACCEL, Bound::Stated),
        ]);
    }
    lines
}

fn of_call(section: &Section) -> Vec<Option<Verdict>> {
    const MOST_US: f64 = 60.0;

    let mut lines = Vec::new();
    for work in section.works() {
        for stack in call::JUDGED {
            let beyond = section.median(work, stack, call::BEYOND);
            lines.push(beyond.map(|us| Verdict {
                work: format!("{work}, {stack}: time in send_file() beyond that of headers"),
                target: format!("<= {MOST_US} us"),
                measured: format!("{} us", number(us)),
                is_reached: Some(us <= MOST_US),
            }));
            let handed_over = comparison((stack, call::REQUEST), (stack, call::PAGE));
            let ratio = section.ratio(work, &handed_over);
            // A page of 12 bytes says nothing about the time that a megabyte takes on its way.
            let bound = if work == call::LONGEST {
                Bound::Stated
            } else {
                Bound::AtMost(1.2)
            };
            let what = format!("{work}, {stack}: request / hello page");
            lines.push(ratio.map(|ratio| judged(what, ratio, bound)));
            let by_default = comparison((stack, call::DEFAULT_REQUEST), (stack, call::PAGE));
            let ratio = section.ratio(work, &by_default);
            let what = format!("{work}, {stack}: request by default settings / hello page");
            lines.push(ratio.map(|ratio| judged(what, ratio, bound)));
        }
    }
    lines
}

fn of_slow(section: &Section) -> Vec<Option<Verdict>> {
    const TCP_KB: f64 = 128.0;

    let [(few, _), (more, _), (many, _)] = slow::COUNTS;
    let mut lines = Vec::new();
    for (peer, memory_kb) in [(APACHE_SEND_FILE, 4.0), (NGINX_SEND_FILE, 8.0)] {
        let times = |quantity, under, bound, what: &str| -> Option<Verdict> {
            let ratio = section.ratio_of_works((many, under), peer.name, quantity)?;
            let work = format!("{many}, {}: {what}", peer.name);
            Some(judged(work, ratio, bound))
        };
        let most = |quantity: &str, kb: f64| {
            let value = section.median(many, peer.name, quantity)?;
            Some(Verdict {
                work: format!("{many}, {}: {quantity}", peer.name),
                target: format!("<= {kb}"),
                measured: number(value),
                is_reached: Some(value <= kb),
            })
        };
        let (page, cpu) = (slow::PAGE, slow::CPU);
        lines.extend([
            most(slow::BEHIND, 0.0),
            times(page, slow::IDLE, Bound::AtMost(1.5), "page p99 / idle"),
            most(slow::MEMORY, memory_kb),
        ]);
        if peer == APACHE_SEND_FILE {
            lines.push(most(slow::TCP_MEMORY, TCP_KB));
        }
        let gross = "CPU of one / of one in 100, idling included";
        let of_few = "CPU of one / of one in 100, without idling";
        let of_more = "CPU of one / of one in 1,000, without idling";
        lines.extend([
            times(cpu, few, Bound::AtMost(1.3), of_few),
            times(slow::CPU_WITH_IDLE, few, Bound::Stated, gross),
            times(cpu, more, Bound::AtMost(1.3), of_more),
        ]);
    }
    lines
}

fn of_cold(section: &Section) -> Vec<Option<Verdict>> {
    let mut lines = Vec::new();
    for peer in [APACHE_SEND_FILE, NGINX_SEND_FILE] {
        let beside = |under, bound, what| {
            let comparison = comparison((peer.name, cold::BESIDE), (peer.name, under));
            let ratio = section.ratio(cold::WORK, &comparison)?;
            let work = format!("{}: p99.9 gap beside 50 cold readers / {what}", peer.name);
            Some(judged(work, ratio, bound))
        };
        let control = "from an idle server then";
        lines.extend([
            beside(cold::CONTROL, Bound::AtMost(2.0), control),
            beside(cold::ALONE, Bound::Stated, "alone"),
        ]);
    }
    lines
}

fn of_cells(section: &Section) -> Vec<Option<Verdict>> {
    let mut lines = Vec::new();
    for work in section.works() {
        for comparison in &section.comparisons {
            let peer = &comparison.over.peer;
            let ratio = section.ratio(work, comparison);
            let what = format!("{work}, {peer}: 2 cells / 1 cell");
            lines.push(ratio.map(|ratio| judged(what, ratio, Bound::NotBelowOne)));
        }
    }
    lines
}

fn against(
    section: &Section,
    work: &str,
    ours: Peer,
    other: Peer,
    quantity: &str,
    bound: Bound,
) -> Option<Verdict> {
    let comparison = comparison((ours.name, quantity), (other.name, quantity));
    let ratio = section.ratio(work, &comparison)?;
    let work = format!("{work}: {quantity}, {} / {}", ours.name, other.name);
    Some(judged(work, ratio, bound))
}

fn comparison(over: (&str, &str), under: (&str, &str)) -> Comparison {
    let side = |(peer, quantity): (&str, &str)| Side {
        peer: peer.to_owned(),
        quantity: quantity.to_owned(),
    };
    Comparison {
        over: side(over),
        under: side(under),
    }
}

/// The one whose median is greatest by this order.
fn best(
    section: &Section,
    work: &str,
    quantity: &str,
    peers: &[Peer],
    order: fn(&f64, &f64) -> std::cmp::Ordering,
) -> Option<Peer> {
    let median = |peer: &Peer| Some((section.median(work, peer.name, quantity)?, *peer));
    let medians = peers.iter().filter_map(median);
    medians
        .max_by(|(one, _), (other, _)| order(one, other))
        .map(|(_, peer)| peer)
}

fn judged(work: String, ratio: Ratio, bound: Bound) -> Verdict {
    let (target, is_reached) = match bound {
        Bound::AtLeast(least) => (format!(">= {least}"), Some(ratio.value >= least)),
        Bound::Even => {
            let is_even = ratio.value >= EVEN && ratio.high >= 1.0;
            (">= 1".to_owned(), Some(ratio.value >= 1.0 || is_even))
        }
        // Of a difference that may be none nothing can be told.
        Bound::AtMost(most) => {
            let is_measurable = ratio.low > 0.0 && ratio.high.is_finite();
            let is_reached = is_measurable.then_some(ratio.value <= most);
            (format!("<= {most}"), is_reached)
        }
        Bound::NotBelowOne => (">= 1".to_owned(), Some(ratio.high >= 1.0)),
        Bound::Stated => ("stated".to_owned(), None),
    };
    Verdict {
        work,
        target,
        measured: interval(ratio),
        is_reached,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_reached(value: f64, low: f64, high: f64, bound: Bound) -> Option<bool> {
        let ratio = Ratio { value, low, high };
        judged(String::new(), ratio, bound).is_reached
    }

    #[test]
    fn even_is_a_little_less_whose_interval_reaches_one() {
        assert_eq!(is_reached(1.0, 0.9, 1.1, Bound::Even), Some(true));
        assert_eq!(is_reached(0.98, 0.95, 1.01, Bound::Even), Some(true));
        assert_eq!(is_reached(0.98, 0.97, 0.99, Bound::Even), Some(false));
        assert_eq!(is_reached(0.96, 0.9, 1.1, Bound::Even), Some(false));
    }

    #[test]
    fn bounds_are_inclusive_and_what_is_stated_is_not_judged() {
        assert_eq!(is_reached(0.95, 0.9, 1.0, Bound::AtLeast(0.95)), Some(true));
        assert_eq!(
            is_reached(0.94, 0.9, 1.0, Bound::AtLeast(0.95)),
            Some(false)
        );
        assert_eq!(is_reached(0.25, 0.2, 0.3, Bound::AtMost(0.25)), Some(true));
        assert_eq!(is_reached(0.26, 0.2, 0.3, Bound::AtMost(0.25)), Some(false));
        assert_eq!(is_reached(0.2, -1.0, 0.3, Bound::AtMost(0.25)), None);
        assert_eq!(is_reached(0.9, 0.8, 0.99, Bound::NotBelowOne), Some(false));
        assert_eq!(is_reached(0.9, 0.8, 1.01, Bound::NotBelowOne), Some(true));
        assert_eq!(is_reached(0.1, 0.1, 0.1, Bound::Stated), None);
    }
}
