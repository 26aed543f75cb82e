//! Configuration files with `@name@` in them.

use anyhow::{Context, ensure};

/// Puts values into the places named `@name@`.
///
/// # Errors
/// Where a place is left without a value: a server would start with a wrong configuration.
pub(crate) fn fill(template: &str, values: &[(&str, String)]) -> anyhow::Result<String> {
    let mut text = template.to_owned();
    for (name, value) in values {
        text = text.replace(&format!("@{name}@"), value);
    }
    let left = text.split('@').nth(1);
    ensure!(left.is_none(), "no value for @{}@", left.context("a name")?);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_gets_its_value() {
        let text = fill("a @b@ c@d@", &[("b", "1".into()), ("d", "2".into())]).unwrap();
        assert_eq!(text, "a 1 c2");
    }

    #[test]
    fn a_place_without_a_value_is_an_error() {
        assert!(fill("listen @address@;", &[]).is_err());
    }
}
