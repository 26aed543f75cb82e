//! libFuzzer on the target that the environment names. Built and run by `fuzz/run.sh`.
#![no_main]

use std::sync::LazyLock;

use send_file_fuzz::{Target, target};

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
    target(&name).unwrap_or_else(|| panic!("FUZZ_TARGET: no target is called {name:?}"))
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| TARGET(data));
