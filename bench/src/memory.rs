//! The memory of a manager: what its processes have for themselves, and its memfds, mapped or not.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;

use send_file_php_tests::manager::Manager;

/// Blocks of stat(2).
const BLOCK_BYTES: u64 = 512;

/// Physical memory in bytes: the heap and the rest of the processes, each shared page once, and all pages of memfds.
pub(crate) fn of_manager(manager: &Manager) -> u64 {
    let family = manager.process().family();
    let processes: u64 = family.iter().map(|member| private(member.pid)).sum();
    // Processes of a cell share their descriptors: by inode, so that each memfd counts once.
    let mut memfds = BTreeMap::new();
    for member in &family {
        memfds.extend(memfds_of(member.pid));
    }
    processes + memfds.values().sum::<u64>()
}

/// Without what is shared memory: that is a memfd's.
fn private(pid: i32) -> u64 {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let kib = |name: &str| -> u64 {
        let line = rollup.lines().find_map(|line| line.strip_prefix(name));
        let value = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
        value.unwrap_or_default()
    };
    (kib("Pss_Anon:") + kib("Pss_File:")) * 1024
}

/// Inode and physical bytes of each.
fn memfds_of(pid: i32) -> BTreeMap<u64, u64> {
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd"));
    let descriptors = descriptors.into_iter().flatten().flatten();
    let memfd = |path: std::path::PathBuf| -> Option<(u64, u64)> {
        let name = fs::read_link(&path).ok()?;
        let is_memfd = name.to_string_lossy().starts_with("/memfd:");
        let stat = is_memfd.then(|| fs::metadata(&path).ok()).flatten()?;
        Some((stat.ino(), stat.blocks() * BLOCK_BYTES))
    };
    descriptors
        .filter_map(|entry| memfd(entry.path()))
        .collect()
}
