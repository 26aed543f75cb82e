//! The figures of the README, between two marks.

use std::fs;
use std::path::Path;

use anyhow::Context;

use super::markdown;
use super::targets::Verdict;

const BEGIN: &str = "<!-- written by make bench -->\n";
const END: &str = "<!-- until here -->\n";

/// Puts table and pictures in the place of those that are there.
///
/// # Errors
/// Where the marks are missing, and those of writing.
pub(crate) fn update(
    readme: &Path,
    folder: &Path,
    verdicts: &[Verdict],
    plots: &[String],
) -> anyhow::Result<()> {
    let old = fs::read_to_string(readme).with_context(|| readme.display().to_string())?;
    let mut figures = markdown::targets(verdicts);
    for plot in plots {
        let name = plot.trim_end_matches(".svg");
        figures += &format!("\n![{name}]({}/{plot})\n", folder.display());
    }
    let new = replaced(&old, &figures)
        .with_context(|| format!("{} has no place for figures", readme.display()))?;
    Ok(fs::write(readme, new)?)
}

fn replaced(text: &str, figures: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}{figures}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_take_the_place_of_others_and_of_nothing_else() {
        let text = format!("a\n{BEGIN}old\n{END}b\n");
        let expected = format!("a\n{BEGIN}new\n{END}b\n");
        assert_eq!(replaced(&text, "new\n"), Some(expected));
        assert_eq!(replaced("a\n", "new\n"), None);
    }
}
