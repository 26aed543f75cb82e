//! Which file systems can make a read wait for somebody who may never answer.
//!
//! A local disk answers or fails; a server on the network, or a process behind FUSE, can hang. Readers wait for what is to be
//! read, but some questions to a file system the loop asks itself, and every download would hang with it.
#![forbid(unsafe_code)]

use std::os::fd::BorrowedFd;

use crate::limits::MAX_KNOWN_MOUNTS;
use crate::sys::mount;

/// Whether reading the file can mean waiting for another process or machine.
///
/// # Errors
/// Those of statx(2) and fstatfs(2).
pub fn is_remote(file: BorrowedFd) -> nix::Result<bool> {
    Mounts::default().is_remote(file)
}

/// The mounts that files were on, and whether reading can mean waiting for another process or machine there.
#[derive(Debug, Default)]
pub struct Mounts {
    /// By the number that no other mount will ever have.
    known: Vec<(u64, bool)>,
}

impl Mounts {
    /// Whether reading the file can mean that.
    ///
    /// # Errors
    /// Those of statx(2) and fstatfs(2).
    pub fn is_remote(&mut self, file: BorrowedFd) -> nix::Result<bool> {
        let mount = mount::number(file)?;
        let known = self.known.iter().find(|(known, _)| Some(*known) == mount);
        if let Some((_, is_remote)) = known {
            return Ok(*is_remote);
        }
        let by_mount = mount.and_then(|mount| Some((mount, mount::magic_of_mount(mount).ok()?)));
        let Some((mount, magic)) = by_mount else {
            return mount::magic(file).map(is_remote_magic);
        };
        let is_remote = is_remote_magic(magic);
        if self.known.len() == MAX_KNOWN_MOUNTS {
            self.known.clear();
        }
        self.known.push((mount, is_remote));
        Ok(is_remote)
    }
}

fn is_remote_magic(magic: u64) -> bool {
    REMOTE.iter().any(|(_, remote)| *remote == magic)
}

/// From linux/magic.h, and where that has none from the source named.
const REMOTE: &[(&str, u64)] = &[
    ("nfs", 0x6969),
    ("cifs", 0xff53_4d42),
    ("smb", 0x517b),
    ("smb2", 0xfe53_4d42),
    ("ceph", 0x00c3_6400),
    ("afs", 0x5346_414f),
    ("kafs", 0x6b41_4653),
    ("coda", 0x7375_7245),
    ("ncp", 0x564c),
    ("9p", 0x0102_1997),
    // FUSE also means sshfs, s3fs, GlusterFS, and virtiofs.
    ("fuse", 0x6573_5546),
    ("ocfs2", 0x7461_636f),
    // Mounted when somebody looks into it.
    ("autofs", 0x0187),
    // fs/gfs2 (uapi linux/gfs2_ondisk.h): locks over the network.
    ("gfs2", 0x0116_1970),
    // fs/orangefs/orangefs-kernel.h.
    ("orangefs", 0x2003_0528),
    // Outside the kernel: Lustre (lustre_user.h), OpenAFS and IBM's GPFS as coreutils' stat.c has them.
    ("lustre", 0x0bd0_0bd0),
    ("gpfs", 0x4750_4653),
    ("panfs", 0xaad7_aaea),
    ("vmhgfs", 0xbacb_acbc),
    ("vboxsf", 0x786f_4256),
];

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::statfs;
    use std::fs::File;
    use std::os::fd::AsFd;

    #[test]
    fn the_file_systems_that_nix_knows_are_on_the_right_side() {
        let number = |kind: statfs::FsType| u64::from(kind.0.cast_unsigned() as u32);
        for remote in [
            statfs::NFS_SUPER_MAGIC,
            statfs::SMB_SUPER_MAGIC,
            statfs::AFS_SUPER_MAGIC,
            statfs::CODA_SUPER_MAGIC,
            statfs::FUSE_SUPER_MAGIC,
            statfs::NCP_SUPER_MAGIC,
            statfs::AUTOFS_SUPER_MAGIC,
        ] {
            assert!(is_remote_magic(number(remote)), "{remote:?}");
        }
        for local in [
            statfs::EXT4_SUPER_MAGIC,
            statfs::XFS_SUPER_MAGIC,
            statfs::BTRFS_SUPER_MAGIC,
            statfs::TMPFS_MAGIC,
            statfs::OVERLAYFS_SUPER_MAGIC,
            statfs::F2FS_SUPER_MAGIC,
            statfs::MSDOS_SUPER_MAGIC,
            statfs::ISOFS_SUPER_MAGIC,
        ] {
            assert!(!is_remote_magic(number(local)), "{local:?}");
        }
    }

    #[test]
    fn what_is_in_memory_is_not_remote() {
        let mut mounts = Mounts::default();
        let memfd = crate::sys::memfd::create("test").unwrap();
        for file in [memfd, File::open("/proc/self/status").unwrap()] {
            // The second time it is known.
            for _ in 0..2 {
                assert_eq!(mounts.is_remote(file.as_fd()), Ok(false));
            }
        }
    }
}
