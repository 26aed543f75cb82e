//! Tables.

use super::targets::Verdict;
use crate::results::{Results, Section, distinct};
use crate::statistics::Ratio;

/// The whole page.
pub(crate) fn document(results: &Results, verdicts: &[Verdict], plots: &[String]) -> String {
    let mut text = INTRODUCTION.to_owned();
    let machines = distinct(results.sections.iter().map(|section| &section.machine));
    for machine in machines {
        text += &format!(
            "\n{}, {} cores, Linux {}.\n{}.\n",
            machine.processor,
            machine.cores,
            machine.kernel,
            machine.versions.join("; ")
        );
    }
    text += &format!("\n## Targets\n{}", targets(verdicts));
    for section in &results.sections {
        text += &format!("\n{}", self::section(section));
        let plot = format!("{}.svg", section.scenario);
        if plots.contains(&plot) {
            text += &format!("\n![{}]({plot})\n", section.scenario);
        }
    }
    text
}

const INTRODUCTION: &str = "\
# Figures

Written by `make bench`. Servers, PHP, the manager and the clients share the cores of one machine, so trust the ratios and not the
absolutes. Medians of rounds in which the peers took turns in changing order; in parentheses the interval that a ratio is in
with 95 % confidence (bootstrap over rounds, which are 5 at least; less sure where they are few). PHP has 5 workers in each. Every answer was checked for its status and its exact length. Processor time
is that of all processes of a server; what the kernel does on the loopback device counts for whoever runs at that moment, so that part of the
receiving is the sender's, and the discarding the clients'. Slow clients, and those of cold files, have the least priority (nice 19):
they would be on other machines, and are not what a page or another download should wait for; the warm file beside cold ones is locked in memory.
Crowds of slow clients grow one after the other, so that what a machine does meanwhile is in their ratios. A difference that may be none
is neither reached nor missed.
";

/// What was to be reached, and whether it is.
pub(crate) fn targets(verdicts: &[Verdict]) -> String {
    let mut table = Table::new("work", &["target", "measured", "reached"]);
    for verdict in verdicts {
        let reached = match verdict.is_reached {
            Some(true) => "yes",
            Some(false) => "**no**",
            None => "",
        };
        let cells = [&verdict.target[..], &verdict.measured, reached];
        table.add(
            &verdict.work,
            cells.into_iter().map(|cell| Some(cell.to_owned())),
        );
    }
    table.text
}

/// All tables of a section.
pub(crate) fn section(section: &Section) -> String {
    let mut text = format!(
        "## {}\n\n{}. {}, commit {}, {:.0} s.\n",
        section.scenario, section.about, section.date, section.commit, section.seconds
    );
    for work in section.works() {
        text += &medians(section, work);
    }
    text += &ratios(section);
    text
}

/// A row for each peer, a column for each quantity.
fn medians(section: &Section, work: &str) -> String {
    let quantities = section.quantities(work);
    let mut table = Table::new(work, &quantities);
    for peer in section.peers(work) {
        let values = quantities
            .iter()
            .map(|quantity| section.median(work, peer, quantity).map(number));
        table.add(peer, values);
    }
    table.text
}

/// A row for each comparison, a column for each work.
fn ratios(section: &Section) -> String {
    let works = section.works();
    let mut text = String::new();
    let mut table = Table::new("ratio", &works);
    let mut last_peer = None;
    for comparison in &section.comparisons {
        let (over, under) = (&comparison.over, &comparison.under);
        if last_peer.is_some_and(|last| last != &over.peer) && over.quantity == under.quantity {
            text += &std::mem::replace(&mut table, Table::new("ratio", &works)).text;
        }
        last_peer = Some(&over.peer);
        let name = if over.quantity == under.quantity {
            format!("{}: {} / {}", over.quantity, over.peer, under.peer)
        } else {
            format!("{}: {} / {}", over.peer, over.quantity, under.quantity)
        };
        let cells = works.iter().map(|work| section.ratio(work, comparison));
        table.add(&name, cells.map(|ratio| ratio.map(interval)));
    }
    if last_peer.is_some() {
        text += &table.text;
    }
    text
}

struct Table {
    text: String,
}

impl Table {
    fn new(title: &str, columns: &[&str]) -> Table {
        Table {
            text: format!(
                "\n| {title} | {} |\n|---|{}\n",
                columns.join(" | "),
                "---:|".repeat(columns.len())
            ),
        }
    }

    fn add(&mut self, name: &str, cells: impl Iterator<Item = Option<String>>) {
        let cells: Vec<String> = cells.map(Option::unwrap_or_default).collect();
        self.text += &format!("| {name} | {} |\n", cells.join(" | "));
    }
}

/// With three digits that mean something.
pub(crate) fn number(value: f64) -> String {
    let digits = match value.abs() {
        0.0 => 0,
        small if small < 1.0 => 3,
        small if small < 10.0 => 2,
        small if small < 100.0 => 1,
        _ => 0,
    };
    format!("{value:.digits$}")
}

pub(crate) fn interval(ratio: Ratio) -> String {
    format!("{:.2} ({:.2} to {:.2})", ratio.value, ratio.low, ratio.high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_that_mean_something() {
        let numbers = [0.0, 0.1234, 1.234, 12.34, 123.4, 12345.6].map(number);
        assert_eq!(numbers, ["0", "0.123", "1.23", "12.3", "123", "12346"]);
    }
}
