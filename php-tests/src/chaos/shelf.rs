//! The files that are downloaded: a few that many downloads share, and one for each download that something happens to.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use anyhow::Context;
use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};

use super::content::Content;
use super::limits::SHARED_FILES;
use super::plan::{Choice, Disk, Fate, Plan, random_content};
use super::random::{Purpose, Random};
use crate::files::file_path;

/// The files that downloads share.
#[derive(Debug)]
pub(crate) struct Shelf {
    pub(crate) shared: Vec<Content>,
}

/// The file of one download. Its own one goes with it.
#[derive(Debug)]
pub(crate) struct Source {
    /// Relative to the folder of files.
    pub(crate) name: String,
    pub(crate) content: Content,
    path: PathBuf,
    is_own: bool,
}

impl Shelf {
    /// Writes them.
    pub(crate) fn fill(seed: u64) -> anyhow::Result<Shelf> {
        let content = |number| random_content(&mut Random::new(seed, Purpose::File, number));
        let shared: Vec<Content> = (0..SHARED_FILES).map(content).collect();
        for (index, content) in shared.iter().enumerate() {
            write(&file_path(&shared_name(index))?, *content)?;
        }
        Ok(Shelf { shared })
    }

    /// The file that a download is of.
    pub(crate) fn source(&self, plan: &Plan) -> anyhow::Result<Source> {
        let (name, content, is_own) = match plan.file {
            Choice::Shared(index) => (shared_name(index), self.shared[index], false),
            Choice::Own(content) => (format!("chaos-own-{}.bin", plan.number), content, true),
        };
        let path = file_path(&name)?;
        if is_own {
            write(&path, content)?;
        }
        let source = Source {
            name,
            content,
            path,
            is_own,
        };
        if plan.disk == Disk::Cold {
            source.forget_pages()?;
        }
        Ok(source)
    }
}

impl Source {
    pub(crate) fn open(&self) -> anyhow::Result<File> {
        File::open(&self.path).with_context(|| format!("opening {}", self.path.display()))
    }

    /// What is to happen to the file happens.
    pub(crate) fn suffer(&self, fate: Fate) -> anyhow::Result<()> {
        match fate {
            Fate::Stays => Ok(()),
            Fate::Truncated { to, .. } => {
                let file = File::options().write(true).open(&self.path)?;
                Ok(file.set_len(to)?)
            }
            Fate::Replaced { .. } => {
                let other = Content {
                    key: !self.content.key,
                    ..self.content
                };
                let new = self.path.with_extension("new");
                write(&new, other)?;
                Ok(fs::rename(&new, &self.path)?)
            }
        }
    }

    fn forget_pages(&self) -> anyhow::Result<()> {
        let file = self.open()?;
        // Pages that are not on the disk yet cannot be dropped.
        file.sync_data()?;
        let advice = PosixFadviseAdvice::POSIX_FADV_DONTNEED;
        Ok(posix_fadvise(&file, 0, 0, advice)?)
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        if self.is_own {
            // What is left goes with the folder of the run.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn shared_name(index: usize) -> String {
    format!("chaos-{index}.bin")
}

fn write(path: &std::path::Path, content: Content) -> anyhow::Result<()> {
    content
        .write(path)
        .with_context(|| format!("writing {}", path.display()))?;
    // PHP's account reads it.
    Ok(fs::set_permissions(
        path,
        fs::Permissions::from_mode(0o644),
    )?)
}
