//! The administrator's mime.types file (`send_file.mime_types`).
#![forbid(unsafe_code)]

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use send_file_response::MediaTypes;

use crate::ffi;
use crate::limits::{MAX_MIME_TYPES_BYTES, MAX_MIME_TYPES_FILES};

/// What this process has read, until it changes.
static READ: Mutex<Vec<Table>> = Mutex::new(Vec::new());

#[derive(Debug)]
struct Table {
    path: PathBuf,
    version: Version,
    /// Nothing if the file could not be read.
    types: Option<Arc<MediaTypes>>,
}

/// What of a file changes when it does: device, inode, size, and modification time in seconds and nanoseconds.
type Version = Option<(u64, u64, u64, i64, i64)>;

/// The table of the file in force; nothing if there is none. A file that cannot be read is logged, once, and the
/// built-in table answers alone: a download with a plainer type is better than none.
pub(crate) fn in_force(path: &Path) -> Option<Arc<MediaTypes>> {
    if path.as_os_str().is_empty() {
        return None;
    }
    let metadata = fs::metadata(path);
    let version = metadata.as_ref().ok().map(version);
    let is_it = |table: &&Table| table.path == path && table.version == version;
    if let Some(table) = read().iter().find(is_it) {
        return table.types.clone();
    }
    let (types, complaint) = match metadata.and_then(|metadata| load(path, &metadata)) {
        Ok(types) => {
            let lines = types.malformed_lines();
            let complaint = (!lines.is_empty()).then(|| format!("skipped lines {lines:?}"));
            (Some(Arc::new(types)), complaint)
        }
        Err(error) => (None, Some(error.to_string())),
    };
    remember(Table {
        path: path.to_owned(),
        version,
        types: types.clone(),
    });
    if let Some(complaint) = complaint {
        ffi::log(&format!("send_file.mime_types: {complaint}"));
    }
    types
}

fn remember(table: Table) {
    let mut tables = read();
    tables.retain(|other| other.path != table.path);
    if tables.len() == MAX_MIME_TYPES_FILES {
        tables.remove(0);
    }
    tables.push(table);
}

fn read() -> MutexGuard<'static, Vec<Table>> {
    READ.lock().unwrap_or_else(PoisonError::into_inner)
}

fn load(path: &Path, metadata: &Metadata) -> io::Result<MediaTypes> {
    if !metadata.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    if metadata.len() > MAX_MIME_TYPES_BYTES {
        let sentence = format!("the file has more than {MAX_MIME_TYPES_BYTES} bytes");
        return Err(io::Error::other(sentence));
    }
    let text = fs::read(path)?;
    Ok(MediaTypes::parse(&String::from_utf8_lossy(&text)))
}

fn version(metadata: &Metadata) -> (u64, u64, u64, i64, i64) {
    (
        metadata.dev(),
        metadata.ino(),
        metadata.size(),
        metadata.mtime(),
        metadata.mtime_nsec(),
    )
}
