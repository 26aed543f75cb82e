//! Bars: one picture for each scenario that has some.

use std::path::Path;

use anyhow::anyhow;
use plotters::prelude::*;

use super::markdown::number;
use crate::peer::{Peer, Way};
use crate::results::{Results, Section};
use crate::scenario::{crowded, requests, throughput};

const WIDTH: u32 = 860;
const MARGIN: i32 = 16;
const TITLE_HEIGHT: i32 = 30;
const BAR_HEIGHT: i32 = 20;
const LABEL_WIDTH: i32 = 180;
/// For the number behind the longest bar.
const VALUE_WIDTH: i32 = 80;

const OURS: RGBColor = RGBColor(0x1f, 0x77, 0xb4);
const OTHERS: RGBColor = RGBColor(0xb0, 0xb0, 0xb0);
const FONT: &str = "sans-serif";

/// Which scenarios have a picture, of which quantities.
const PICTURES: [(&str, &[&str]); 3] = [
    (
        throughput::NAME,
        &[throughput::RATE, throughput::CPU_SERVER],
    ),
    (requests::NAME, &[requests::RATE]),
    (crowded::NAME, &[crowded::SERVED]),
];

/// Draws all of them, and returns the names of the files.
///
/// # Errors
/// Those of writing.
pub(crate) fn draw_all(results: &Results, folder: &Path) -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    for (scenario, quantities) in PICTURES {
        if let Some(section) = results.section(scenario) {
            let name = format!("{scenario}.svg");
            draw(section, quantities, &folder.join(&name))?;
            names.push(name);
        }
    }
    Ok(names)
}

/// The bars of one quantity in one work.
struct Panel {
    title: String,
    bars: Vec<(Peer, f64)>,
}

impl Panel {
    fn height(&self) -> i32 {
        TITLE_HEIGHT + BAR_HEIGHT * self.bars.len() as i32 + MARGIN
    }
}

fn draw(section: &Section, quantities: &[&str], path: &Path) -> anyhow::Result<()> {
    let panels = panels(section, quantities);
    let height: i32 = MARGIN + panels.iter().map(Panel::height).sum::<i32>();
    let area = SVGBackend::new(path, (WIDTH, height.unsigned_abs())).into_drawing_area();
    let draw = || -> Result<(), DrawingAreaErrorKind<std::io::Error>> {
        area.fill(&WHITE)?;
        let mut top = MARGIN;
        for panel in &panels {
            draw_panel(&area, panel, top)?;
            top += panel.height();
        }
        area.present()
    };
    draw().map_err(|error| anyhow!("drawing {}: {error}", path.display()))
}

fn panels(section: &Section, quantities: &[&str]) -> Vec<Panel> {
    let mut panels = Vec::new();
    for quantity in quantities {
        for work in section.works() {
            let bar = |peer: &Peer| Some((*peer, section.median(work, peer.name, quantity)?));
            panels.push(Panel {
                title: format!("{work}: {quantity}"),
                bars: Peer::ALL.iter().filter_map(bar).collect(),
            });
        }
    }
    panels
}

fn draw_panel(
    area: &DrawingArea<SVGBackend, plotters::coord::Shift>,
    panel: &Panel,
    top: i32,
) -> Result<(), DrawingAreaErrorKind<std::io::Error>> {
    let title = (FONT, 16).into_font().style(FontStyle::Bold);
    area.draw(&Text::new(panel.title.clone(), (MARGIN, top), title))?;
    let greatest = panel.bars.iter().map(|(_, value)| *value);
    let greatest = greatest.fold(f64::MIN_POSITIVE, f64::max);
    let room = f64::from(WIDTH as i32 - LABEL_WIDTH - VALUE_WIDTH - MARGIN);
    let font = (FONT, 13).into_font();
    for (row, (peer, value)) in panel.bars.iter().enumerate() {
        let y = top + TITLE_HEIGHT + BAR_HEIGHT * row as i32;
        let end = LABEL_WIDTH + (room * value / greatest) as i32;
        let color = if peer.way == Way::SendFile {
            OURS
        } else {
            OTHERS
        };
        let bar = [(LABEL_WIDTH, y), (end, y + BAR_HEIGHT - 4)];
        area.draw(&Rectangle::new(bar, color.filled()))?;
        area.draw(&Text::new(peer.name, (MARGIN, y + 1), font.clone()))?;
        area.draw(&Text::new(number(*value), (end + 6, y + 1), font.clone()))?;
    }
    Ok(())
}
