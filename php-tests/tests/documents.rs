//! What documents name must be there.

use std::fs;
use std::path::Path;

/// Every name of a test in the last column of a table.
fn named_tests(document: &str) -> Vec<&str> {
    let rows = document.lines().filter(|line| line.starts_with('|'));
    let last = rows.filter_map(|row| row.trim_end_matches('|').rsplit('|').next());
    let is_name = |word: &&str| {
        word.bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    last.flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .filter(is_name)
        .collect()
}

fn append_sources(folder: &Path, sources: &mut String) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        let extension = path.extension().and_then(|extension| extension.to_str());
        match extension {
            _ if path.is_dir() => append_sources(&path, sources),
            Some("rs") => sources.push_str(&fs::read_to_string(&path).unwrap()),
            Some("phpt") => {
                let name = path.file_stem().unwrap().to_string_lossy();
                sources.push_str(&format!("\nfn {name}(\n"));
            }
            _ => {}
        }
    }
}

#[test]
fn every_test_that_the_threat_model_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let document = fs::read_to_string(root.join("docs/threat-model.md")).unwrap();
    let mut sources = String::new();
    for folder in [
        "manager/tests",
        "manager/src",
        "php-tests/tests",
        "php-tests/phpt",
    ] {
        append_sources(&root.join(folder), &mut sources);
    }
    let names = named_tests(&document);
    assert!(names.len() > 30, "{} names", names.len());
    let missing: Vec<&str> = names
        .into_iter()
        .filter(|name| !sources.contains(&format!("fn {name}(")))
        .collect();
    assert!(missing.is_empty(), "no such test: {missing:?}");
}
