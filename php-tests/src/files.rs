//! The files that are downloaded: pseudo-random, so that a byte in the wrong place is noticed.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::Context;
use sha2::{Digest, Sha256};

use crate::run::Run;

/// A SHA-256 digest.
pub type Sha = [u8; 32];

/// One file that scripts can send by its name.
#[derive(Debug)]
pub struct Sample {
    /// Relative to the folder of files.
    pub name: String,
    /// Absolute.
    pub path: PathBuf,
    /// In bytes.
    pub len: u64,
    sha: OnceLock<Sha>,
}

/// The files that all stacks share.
#[derive(Debug)]
pub struct Files {
    /// No bytes.
    pub empty: Sample,
    /// One byte.
    pub one: Sample,
    /// Below the size from which downloads are handed off.
    pub small: Sample,
    /// 100 kB.
    pub page: Sample,
    /// 8 MB: more than the buffers on the way of a slow client.
    pub medium: Sample,
    /// 300 MB.
    pub big: Sample,
    /// 5 GiB, of which the last MiB is not a hole.
    pub sparse: Sample,
}

/// The bytes at the end of [`Files::sparse`] that are not a hole.
pub const SPARSE_TAIL_BYTES: u64 = 1 << 20;

static FILES: OnceLock<Files> = OnceLock::new();

impl Files {
    /// The files of this run, written at the first call.
    ///
    /// # Panics
    /// Where they cannot be written: nothing can be tested then.
    pub fn current() -> &'static Files {
        FILES.get_or_init(|| Files::write().expect("the files to download"))
    }

    fn write() -> anyhow::Result<Files> {
        let dir = files_dir()?;
        fs::create_dir(dir.join("a-folder"))?;
        Ok(Files {
            empty: Sample::create("empty.bin", 0)?,
            one: Sample::create("one.bin", 1)?,
            small: Sample::create("small.bin", 10_000)?,
            page: Sample::create("page.bin", 100_000)?,
            medium: Sample::create("medium.bin", 8_000_000)?,
            big: Sample::create("big.bin", 300_000_000)?,
            sparse: Sample::create_sparse("sparse.bin", 5 << 30)?,
        })
    }
}

impl Sample {
    /// Writes a file of its own for one test, or for all.
    ///
    /// # Errors
    /// Those of writing.
    pub fn create(name: &str, len: u64) -> anyhow::Result<Sample> {
        Sample::create_with(name, |file| write_noise(file, seed(name), len))
    }

    /// The same, of bytes that the caller writes.
    ///
    /// # Errors
    /// Those of writing.
    pub fn create_with(
        name: &str,
        write: impl FnOnce(&mut File) -> std::io::Result<()>,
    ) -> anyhow::Result<Sample> {
        let path = files_dir()?.join(name);
        let mut file = File::create(&path)?;
        write(&mut file)?;
        let len = file.metadata()?.len();
        Sample::finish(name, path, len)
    }

    /// A file of the folder that something else has written.
    ///
    /// # Errors
    /// Those of stat(2).
    pub fn existing(name: &str) -> anyhow::Result<Sample> {
        let path = files_dir()?.join(name);
        let len = fs::metadata(&path)?.len();
        Sample::finish(name, path, len)
    }

    fn create_sparse(name: &str, len: u64) -> anyhow::Result<Sample> {
        let path = files_dir()?.join(name);
        let mut file = File::create(&path)?;
        file.seek(SeekFrom::Start(len - SPARSE_TAIL_BYTES))?;
        write_noise(&mut file, seed(name), SPARSE_TAIL_BYTES)?;
        Sample::finish(name, path, len)
    }

    fn finish(name: &str, path: PathBuf, len: u64) -> anyhow::Result<Sample> {
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644))?;
        Ok(Sample {
            name: name.to_owned(),
            path,
            len,
            sha: OnceLock::new(),
        })
    }

    /// The SHA-256 of the file as it is when first asked for.
    ///
    /// # Panics
    /// Where it cannot be read.
    pub fn sha(&self) -> Sha {
        *self
            .sha
            .get_or_init(|| sha_of(&self.path).expect("a readable sample"))
    }

    /// Some bytes of the file.
    ///
    /// # Errors
    /// Those of reading.
    pub fn bytes(&self, offset: u64, len: u64) -> anyhow::Result<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(len)?];
        let file = File::open(&self.path)?;
        file.read_exact_at(&mut bytes, offset)
            .with_context(|| format!("{len} bytes of {} at {offset}", self.name))?;
        Ok(bytes)
    }
}

/// The SHA-256 of a file.
///
/// # Errors
/// Those of reading.
pub fn sha_of(path: &Path) -> std::io::Result<Sha> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hash.finalize().into()),
            n => hash.update(&buffer[..n]),
        }
    }
}

/// Where scripts find what they send.
///
/// # Errors
/// Those of mkdir(2).
pub fn files_dir() -> anyhow::Result<PathBuf> {
    let dir = Run::current().dir().join("files");
    fs::create_dir_all(&dir)?;
    Ok(dir)
}

/// Writes pseudo-random bytes (xorshift64*): cheap, and without a period that a wrong offset could hide in.
///
/// # Errors
/// Those of writing.
pub fn write_noise(out: &mut impl Write, seed: u64, len: u64) -> std::io::Result<()> {
    let mut state = seed | 1;
    let mut block = vec![0u8; 1 << 16];
    let mut left = len;
    while left > 0 {
        for word in block.chunks_exact_mut(8) {
            state ^= state >> 12;
            state ^= state << 25;
            state ^= state >> 27;
            word.copy_from_slice(&state.wrapping_mul(0x2545_F491_4F6C_DD1D).to_le_bytes());
        }
        let n = left.min(block.len() as u64) as usize;
        out.write_all(&block[..n])?;
        left -= n as u64;
    }
    Ok(())
}

/// Where scripts leave marks that a test waits for.
///
/// # Errors
/// Those of mkdir(2).
pub fn marks_dir() -> anyhow::Result<PathBuf> {
    let dir = Run::current().dir().join("marks");
    fs::create_dir_all(&dir)?;
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o1777))?;
    Ok(dir)
}

fn seed(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// In lower-case hexadecimal.
pub fn hex(sha: &[u8]) -> String {
    sha.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Where a file of the folder lies.
///
/// # Errors
/// Those of [`files_dir`].
pub fn file_path(name: &str) -> anyhow::Result<PathBuf> {
    Ok(files_dir()?.join(Path::new(name)))
}
