//! The files of the tables. They are older than any request, so that their date counts in If-Range, and all stacks send
//! the same ones.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::sync::OnceLock;
use std::time::{Duration, UNIX_EPOCH};

use anyhow::Context;
use send_file_php_tests::files::{Sample, file_path};

/// When the files of the tables were last modified: Sun, 06 Nov 1994 08:49:37 GMT.
pub(crate) const MODIFIED_SECS: u64 = 784_111_777;

/// A time of that minute, as HTTP has it.
pub(crate) fn http_date(secs: u64) -> String {
    let second = 37 + secs - MODIFIED_SECS;
    format!("Sun, 06 Nov 1994 08:49:{second:02} GMT")
}

/// Name, length, and seconds from [`MODIFIED_SECS`] back.
const FILES: [(&str, u64, u64); 14] = [
    // On both sides of `send_file.min_size`, which is 16 KiB in the tests.
    ("empty", 0, 0),
    ("one", 1, 0),
    ("below", 16_383, 0),
    ("limit", 16_384, 0),
    ("page", 100_000, 0),
    ("large", 3_000_000, 0),
    ("style.css", 60_000, 0),
    ("style.css.br", 20_000, 0),
    ("style.css.zst", 25_000, 0),
    ("style.css.gz", 30_000, 0),
    // With a sibling that is too small for a handoff, and one that is too old to be sent.
    ("script.css", 40_000, 0),
    ("script.css.gz", 10_000, 0),
    ("old.css", 60_000, 0),
    ("old.css.gz", 30_000, 1),
];

pub(crate) struct TableFiles(Vec<(&'static str, Sample)>);

impl TableFiles {
    pub(crate) fn named(&self, name: &str) -> anyhow::Result<&Sample> {
        let mut files = self.0.iter();
        let found = files.find(|(other, _)| *other == name);
        Ok(&found
            .with_context(|| format!("no file {name} of the table"))?
            .1)
    }

    fn create() -> anyhow::Result<TableFiles> {
        // Where scripts put the copies that they delete, under their own account.
        let copies = file_path("copies")?;
        fs::create_dir(&copies)?;
        fs::set_permissions(&copies, Permissions::from_mode(0o777))?;
        let mut files = Vec::new();
        for (name, len, older_secs) in FILES {
            let sample = Sample::create(&format!("table-{name}"), len)?;
            File::options()
                .write(true)
                .open(&sample.path)?
                .set_modified(UNIX_EPOCH + Duration::from_secs(MODIFIED_SECS - older_secs))?;
            files.push((name, sample));
        }
        Ok(TableFiles(files))
    }
}

pub(crate) fn files() -> &'static TableFiles {
    static FILES: OnceLock<TableFiles> = OnceLock::new();
    FILES.get_or_init(|| TableFiles::create().expect("the files of the table"))
}
