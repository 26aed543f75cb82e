//! The short form of `make chaos`: the same zeros, in some seconds.

use std::sync::{Mutex, PoisonError};

use send_file_php_tests::chaos::{Settings, run};

#[test]
fn no_download_is_lost_or_corrupt_and_nothing_leaks_while_workers_are_killed() {
    survives(Settings::short());
}

#[test]
fn no_download_is_lost_or_corrupt_while_workers_are_killed_and_cells_run_out_of_descriptors() {
    survives(Settings::short_with_splits());
}

/// The files of a run have names that the next one has, too.
static ONE_RUN_AT_A_TIME: Mutex<()> = Mutex::new(());

fn survives(settings: Settings) {
    let _turn = ONE_RUN_AT_A_TIME
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    println!("SEED={}", settings.seed);
    let report = run(settings).unwrap();
    println!("{report}");
    assert!(report.is_clean(), "{report}");
    assert!(report.is_enough(), "{report}");
}
