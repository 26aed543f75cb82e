//! Every scenario at its least size, on all servers: the benchmark works, whatever it would measure.

use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// They would take the machine from each other, and wait for it in vain.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Runs a scenario, and expects these words in the tables that it prints.
fn works(scenario: &str, expected: &[&str]) {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let output = Command::new(env!("CARGO_BIN_EXE_send-file-bench"))
        .args([scenario, "--smoke"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{errors}");
    for word in expected {
        assert!(text.contains(word), "no {word:?} in\n{text}\n{errors}");
    }
}

const PEERS: [&str; 10] = [
    "| apache-send_file |",
    "| apache-static |",
    "| apache-xsendfile |",
    "| apache-readfile |",
    "| nginx-send_file |",
    "| nginx-relay |",
    "| nginx-readfile |",
    "| nginx-x-accel |",
    "| nginx-static |",
    "| lighttpd-xsendfile |",
];

#[test]
fn throughput_is_measured_of_every_peer() {
    works("throughput", &PEERS);
}

#[test]
fn requests_are_measured_of_every_peer() {
    works("requests", &PEERS);
}

#[test]
fn the_call_is_measured_on_every_stack() {
    works(
        "call",
        &[
            "| apache_mod_php |",
            "| apache_proxy_fcgi |",
            "| cli_server |",
        ],
    );
}

#[test]
fn slow_downloads_are_held_under_apache_and_behind_nginx() {
    works("slow", &["| apache-send_file |", "| nginx-send_file |"]);
}

#[test]
fn a_crowd_comes_to_every_peer() {
    works("crowded", &PEERS);
}

#[test]
fn a_warm_download_is_measured_beside_cold_ones() {
    works("cold", &["| apache-send_file |", "| nginx-static |"]);
}

#[test]
fn one_cell_is_compared_with_two() {
    works("cells", &["2 cells, MB/s / 1 cell, MB/s"]);
}
