//! What the cells tell each other and the master: memory that all of them share, with an entry for each.
//!
//! Every cell writes its own entry and nothing else; the master clears one before it gives it to a new cell. What it says
//! is advice, never a matter of who owns what: a cell that writes nonsense is badly balanced, and no more.

use std::io;
use std::mem::size_of;
use std::sync::atomic::{AtomicU32, Ordering};

use memmap2::{MmapOptions, MmapRaw};

use super::memfd;
use crate::limits::MAX_CELLS;

/// The entry of one cell. All of it is zero for a cell that has just been started.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct Entry {
    /// Downloads and accepted offers.
    downloads: AtomicU32,
    /// 1: it takes new downloads.
    is_serving: AtomicU32,
    /// 1: its descriptors are nearly used up.
    is_full: AtomicU32,
}

impl Entry {
    /// Nothing is known of the cell that gets this entry.
    pub fn clear(&self) {
        self.set_downloads(0);
        self.set_serving(false);
        self.is_full.store(0, Ordering::Release);
    }

    /// Downloads and accepted offers of this cell.
    pub fn set_downloads(&self, downloads: u32) {
        // Whoever says so and then looks at the sum must not be overtaken by another one that does the same.
        self.downloads.store(downloads, Ordering::SeqCst);
    }

    /// Whether this cell takes new downloads.
    pub fn set_serving(&self, is_serving: bool) {
        self.is_serving
            .store(u32::from(is_serving), Ordering::Release);
    }

    /// Whether this cell takes new downloads.
    pub fn is_serving(&self) -> bool {
        self.is_serving.load(Ordering::Acquire) != 0
    }

    /// This cell's descriptors are nearly used up. Returns whether that is news.
    pub fn note_full(&self) -> bool {
        self.is_full.swap(1, Ordering::AcqRel) == 0
    }

    /// Whether this cell's descriptors are nearly used up.
    pub fn is_full(&self) -> bool {
        self.is_full.load(Ordering::Acquire) != 0
    }
}

/// The entries of all cells.
#[derive(Debug)]
pub struct Board {
    map: MmapRaw,
}

impl Board {
    /// An empty one, to be shared with the processes forked from this one.
    ///
    /// # Errors
    /// Those of memfd_create(2), ftruncate(2) and mmap(2).
    pub fn create() -> io::Result<Board> {
        let memfd = memfd::create("send-file-board")?;
        memfd.set_len((MAX_CELLS * size_of::<Entry>()) as u64)?;
        memfd::seal_size(&memfd)?;
        let map = MmapOptions::new().map_raw(&memfd)?;
        Ok(Board { map })
    }

    /// The entry of this number.
    pub fn entry(&self, number: usize) -> &Entry {
        &self.entries()[number]
    }

    /// All downloads and accepted offers.
    pub fn downloads(&self) -> u32 {
        let each = |entry: &Entry| entry.downloads.load(Ordering::SeqCst);
        self.entries().iter().map(each).fold(0, u32::saturating_add)
    }

    /// The downloads of the cell that has the fewest of those that take new ones.
    pub fn fewest_downloads(&self) -> u32 {
        let serving = self.entries().iter().filter(|entry| entry.is_serving());
        let each = serving.map(|entry| entry.downloads.load(Ordering::Acquire));
        each.min().unwrap_or(0)
    }

    fn entries(&self) -> &[Entry] {
        // SAFETY: the mapping has room for so many, is page aligned, was zeroed, which every field takes, and lives as
        // long as `self`. The fields are atomics, as other processes write them, too.
        unsafe { std::slice::from_raw_parts(self.map.as_mut_ptr().cast::<Entry>(), MAX_CELLS) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_cells_that_take_downloads_can_have_the_fewest_but_all_count_in_the_sum() {
        let board = Board::create().unwrap();
        assert_eq!((board.downloads(), board.fewest_downloads()), (0, 0));
        for (number, downloads, is_serving) in [(0, 10, true), (1, 20, true), (5, 3, false)] {
            board.entry(number).set_downloads(downloads);
            board.entry(number).set_serving(is_serving);
        }
        assert_eq!((board.downloads(), board.fewest_downloads()), (33, 10));
        board.entry(5).clear();
        assert_eq!(board.downloads(), 30);
        assert!(board.entry(1).note_full() && !board.entry(1).note_full());
    }
}
