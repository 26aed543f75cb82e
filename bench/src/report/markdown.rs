//! Tables.

use crate::peer::{APACHE_SEND_FILE, NGINX_SEND_FILE};
use crate::results::Section;
use crate::statistics::Ratio;

/// All tables of a section.
pub(crate) fn section(section: &Section) -> String {
    let mut text = format!(
        "## {}\n\n{}, commit {}, {:.0} s.\n",
        section.scenario, section.date, section.commit, section.seconds
    );
    for work in section.works() {
        text += &medians(section, work);
    }
    for ours in [APACHE_SEND_FILE.name, NGINX_SEND_FILE.name] {
        text += &ratios(section, ours);
    }
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

/// A row for each peer, a column for each work: how much of it this one does.
fn ratios(section: &Section, ours: &str) -> String {
    let works = section.works();
    let title = format!("{} of {ours}, with that of each as 1", section.primary);
    let mut table = Table::new(&title, &works);
    let peers = works.first().map(|work| section.peers(work));
    let mut peers = peers.unwrap_or_default();
    if !peers.contains(&ours) {
        return String::new();
    }
    peers.retain(|peer| *peer != ours);
    for peer in peers {
        let ratio_in = |work: &&str| section.ratio(work, ours, peer, &section.primary);
        table.add(
            peer,
            works.iter().map(ratio_in).map(|ratio| ratio.map(interval)),
        );
    }
    table.text
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
