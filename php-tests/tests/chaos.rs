//! The short form of `make chaos`: the same zeros, in some seconds.

use send_file_php_tests::chaos::{Settings, run};

#[test]
fn no_download_is_lost_or_corrupt_and_nothing_leaks_while_workers_are_killed() {
    survives(Settings::short());
}

#[test]
fn no_download_is_lost_or_corrupt_while_workers_are_killed_and_cells_run_out_of_descriptors() {
    survives(Settings::short_with_splits());
}

fn survives(settings: Settings) {
    println!("SEED={}", settings.seed);
    let report = run(settings).unwrap();
    println!("{report}");
    assert!(report.is_clean(), "{report}");
    assert!(report.is_enough(), "{report}");
}
