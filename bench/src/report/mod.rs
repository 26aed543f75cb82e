//! What was measured, for people: `results.md` and pictures beside `results.json`, and the short form in the README.

pub(crate) mod markdown;
mod plots;
mod readme;
mod targets;

use std::fs;
use std::path::Path;

use anyhow::Context;

use crate::results::Results;

/// What is there from earlier runs.
///
/// # Errors
/// Where it is there and not readable.
pub(crate) fn load(folder: &Path) -> anyhow::Result<Results> {
    let path = folder.join("results.json");
    if !path.exists() {
        return Ok(Results::default());
    }
    let text = fs::read_to_string(&path)?;
    serde_json::from_str(&text).with_context(|| format!("reading {}", path.display()))
}

/// Writes all of it.
///
/// # Errors
/// Those of writing.
pub(crate) fn save(results: &Results, folder: &Path, readme: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder)?;
    let json = serde_json::to_string_pretty(results)?;
    fs::write(folder.join("results.json"), json + "\n")?;
    let plots = plots::draw_all(results, folder)?;
    let verdicts = targets::verdicts(results);
    fs::write(
        folder.join("results.md"),
        markdown::document(results, &verdicts, &plots),
    )?;
    readme::update(readme, folder, &verdicts, &plots)
}
