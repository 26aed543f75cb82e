//! Bars: one picture for each scenario that has some.

use std::path::Path;

use anyhow::anyhow;
use plotters::prelude::*;

use super::markdown::number;
use crate::peer::{Peer, Way};
use crate::results::{Results, Section};
use crate::scenario::{call, cells, cold, crowded, requests, slow, throughput};

const WIDTH: u32 = 860;
const MARGIN: i32 = 16;
const TITLE_HEIGHT: i32 = 30;
const BAR_HEIGHT: i32 = 20;
const LABEL_WIDTH: i32 = 320;
/// For the number behind the longest bar.
const VALUE_WIDTH: i32 = 80;

const OURS: RGBColor = RGBColor(0x1f, 0x77, 0xb4);
const OTHERS: RGBColor = RGBColor(0xb0, 0xb0, 0xb0);
const FONT: &str = "sans-serif";

/// One picture.
struct Picture {
    scenario: &'static str,
    quantities: &'static [&'static str],
    bars: Bars,
}

/// What the bars of one panel are: there is a panel for each pair of the other two.
#[derive(Clone, Copy)]
enum Bars {
    Peers,
    Works,
    Quantities,
}

const PICTURES: [Picture; 7] = [
    Picture {
        scenario: throughput::NAME,
        quantities: &[throughput::RATE, throughput::CPU_SERVER],
        bars: Bars::Peers,
    },
    Picture {
        scenario: requests::NAME,
        quantities: &[requests::RATE],
        bars: Bars::Peers,
    },
    Picture {
        scenario: call::NAME,
        quantities: &[call::BEYOND],
        bars: Bars::Peers,
    },
    Picture {
        scenario: slow::NAME,
        quantities: &[slow::MEMORY, slow::TCP_MEMORY, slow::PAGE],
        bars: Bars::Works,
    },
    Picture {
        scenario: crowded::NAME,
        quantities: &[crowded::SERVED],
        bars: Bars::Peers,
    },
    Picture {
        scenario: cold::NAME,
        quantities: &[cold::ALONE, cold::BESIDE, cold::CONTROL],
        bars: Bars::Quantities,
    },
    Picture {
        scenario: cells::NAME,
        quantities: &[cells::ONE, cells::TWO],
        bars: Bars::Quantities,
    },
];

/// Draws all of them, and returns the names of the files.
///
/// # Errors
/// Those of writing.
pub(crate) fn draw_all(results: &Results, folder: &Path) -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    for picture in PICTURES {
        if let Some(section) = results.section(picture.scenario) {
            let name = format!("{}.svg", picture.scenario);
            draw(&panels(section, &picture), &folder.join(&name))?;
            names.push(name);
        }
    }
    Ok(names)
}

/// A title and its bars.
struct Panel {
    title: String,
    bars: Vec<Bar>,
}

struct Bar {
    label: String,
    value: f64,
    is_ours: bool,
}

impl Panel {
    fn height(&self) -> i32 {
        TITLE_HEIGHT + BAR_HEIGHT * self.bars.len() as i32 + MARGIN
    }
}

fn draw(panels: &[Panel], path: &Path) -> anyhow::Result<()> {
    let height: i32 = MARGIN + panels.iter().map(Panel::height).sum::<i32>();
    let area = SVGBackend::new(path, (WIDTH, height.unsigned_abs())).into_drawing_area();
    let draw = || -> Result<(), DrawingAreaErrorKind<std::io::Error>> {
        area.fill(&WHITE)?;
        let mut top = MARGIN;
        for panel in panels {
            draw_panel(&area, panel, top)?;
            top += panel.height();
        }
        area.present()
    };
    draw().map_err(|error| anyhow!("drawing {}: {error}", path.display()))
}

fn panels(section: &Section, picture: &Picture) -> Vec<Panel> {
    let mut panels: Vec<Panel> = Vec::new();
    for quantity in picture.quantities {
        for work in section.works() {
            for peer in section.peers(work) {
                let Some(value) = section.median(work, peer, quantity) else {
                    continue;
                };
                let (title, label) = match picture.bars {
                    Bars::Peers => (format!("{work}: {quantity}"), peer),
                    Bars::Works => (format!("{peer}: {quantity}"), work),
                    Bars::Quantities => (format!("{peer}: {work}"), *quantity),
                };
                let known = Peer::ALL.iter().find(|known| known.name == peer);
                let bar = Bar {
                    label: label.to_owned(),
                    value,
                    // Other names are those of the servers that it runs under.
                    is_ours: known.is_none_or(|peer| peer.way == Way::SendFile),
                };
                match panels.iter_mut().find(|panel| panel.title == title) {
                    Some(panel) => panel.bars.push(bar),
                    None => panels.push(Panel {
                        title,
                        bars: vec![bar],
                    }),
                }
            }
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
    let greatest = panel.bars.iter().map(|bar| bar.value);
    let greatest = greatest.fold(f64::MIN_POSITIVE, f64::max);
    let room = f64::from(WIDTH as i32 - LABEL_WIDTH - VALUE_WIDTH - MARGIN);
    let font = (FONT, 13).into_font();
    for (row, bar) in panel.bars.iter().enumerate() {
        let y = top + TITLE_HEIGHT + BAR_HEIGHT * row as i32;
        let end = LABEL_WIDTH + (room * bar.value / greatest) as i32;
        let color = if bar.is_ours { OURS } else { OTHERS };
        let corners = [(LABEL_WIDTH, y), (end, y + BAR_HEIGHT - 4)];
        area.draw(&Rectangle::new(corners, color.filled()))?;
        area.draw(&Text::new(bar.label.clone(), (MARGIN, y + 1), font.clone()))?;
        area.draw(&Text::new(
            number(bar.value),
            (end + 6, y + 1),
            font.clone(),
        ))?;
    }
    Ok(())
}
