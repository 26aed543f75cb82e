//! The representations there are of the content, and the one that was selected (RFC 9110 section 3.2).

use crate::coding::Coding;
use crate::file::FileFacts;
use crate::window::Window;

/// The file, and its precompressed siblings as far as there are any.
#[derive(Clone, Copy, Debug)]
pub struct Representations<'a> {
    /// The file itself.
    pub identity: FileFacts,
    /// The fresh siblings ([`is_fresh`](crate::is_fresh)), each coding at most once.
    pub coded: &'a [(Coding, FileFacts)],
}

/// One of them, and how much of it is the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Selected {
    /// `None`: the file itself.
    pub(crate) coding: Option<Coding>,
    pub(crate) file: FileFacts,
    pub(crate) window: Window,
}

impl Selected {
    /// The computed entity tag. Two windows of one file are two representations, which no tag may
    /// confuse.
    pub(crate) fn etag(&self) -> String {
        let version = self.file.version_tag();
        let Window { offset, bytes } = self.window;
        if bytes == self.file.size {
            return format!("\"{version}\"");
        }
        format!("\"{version}+{offset:x}+{bytes:x}\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::{Mtime, Version};

    const FILE: FileFacts = FileFacts {
        size: 4096,
        version: Version::File {
            mtime: Mtime {
                secs: 32,
                nanos: 255,
            },
            inode: 16,
        },
    };

    fn etag(file: FileFacts, offset: u64, bytes: u64) -> String {
        let selected = Selected {
            coding: None,
            file,
            window: Window { offset, bytes },
        };
        selected.etag()
    }

    #[test]
    fn the_entity_tag_of_a_file_is_its_version_in_quotes() {
        assert_eq!(etag(FILE, 0, 4096), "\"1000-20-ff-10\"");
    }

    #[test]
    fn two_windows_of_a_file_have_two_entity_tags() {
        assert_eq!(etag(FILE, 16, 32), "\"1000-20-ff-10+10+20\"");
        assert_eq!(etag(FILE, 0, 4095), "\"1000-20-ff-10+0+fff\"");
        assert_eq!(etag(FILE, 4096, 0), "\"1000-20-ff-10+1000+0\"");
    }

    #[test]
    fn an_empty_file_is_its_own_window() {
        let empty = FileFacts { size: 0, ..FILE };
        assert_eq!(etag(empty, 0, 0), "\"0-20-ff-10\"");
    }
}
