//! Every target over its corpus: what the fuzzer once found worth keeping is tried again with every test run.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use send_file_fuzz::{TARGETS, target};

/// Targets that count the descriptors of the process must not run beside each other.
static ALONE: Mutex<()> = Mutex::new(());

/// The fewest inputs of a corpus that is one.
const FEWEST: usize = 5;

fn corpus(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(name)
}

fn runs_over_its_corpus(name: &str) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let target = target(name).expect("it is a target");
    target(&[]);
    let mut count = 0;
    for entry in std::fs::read_dir(corpus(name)).expect("there is a corpus") {
        let path = entry.unwrap().path();
        let data = std::fs::read(&path).unwrap();
        let run = catch_unwind(AssertUnwindSafe(|| target(&data)));
        assert!(run.is_ok(), "{} fails", path.display());
        count += 1;
    }
    assert!(count >= FEWEST, "only {count} inputs for {name}");
}

#[test]
fn the_corpus_of_packet() {
    runs_over_its_corpus("packet");
}

#[test]
fn the_corpus_of_offer() {
    runs_over_its_corpus("offer");
}

#[test]
fn the_corpus_of_slots() {
    runs_over_its_corpus("slots");
}

#[test]
fn the_corpus_of_answer() {
    runs_over_its_corpus("answer");
}

#[test]
fn the_corpus_of_tables() {
    runs_over_its_corpus("tables");
}

#[test]
fn the_corpus_of_stream() {
    runs_over_its_corpus("stream");
}

#[test]
fn every_corpus_is_that_of_a_target() {
    let mut folders: Vec<String> = std::fs::read_dir(corpus(""))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let mut names: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    folders.sort();
    names.sort();
    assert_eq!(folders, names);
}
