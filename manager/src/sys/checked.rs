//! Words in shared memory that say themselves whether they are what was stored: value and complement in one store.
//!
//! A successor goes by them, and a bit that changed must not become another state or intent.
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// A value of 16 bits. Zeroed memory holds none.
#[repr(transparent)]
pub(super) struct Checked16(AtomicU32);

impl Checked16 {
    pub(super) fn store(&self, value: u16) {
        let word = u32::from(value) | u32::from(!value) << 16;
        self.0.store(word, Ordering::Release);
    }

    pub(super) fn clear(&self) {
        self.0.store(0, Ordering::Release);
    }

    pub(super) fn is_clear(&self) -> bool {
        self.0.load(Ordering::Acquire) == 0
    }

    /// The value; `None` where none was stored, or not this.
    pub(super) fn load(&self) -> Option<u16> {
        let word = self.0.load(Ordering::Acquire);
        let (value, check) = (word as u16, (word >> 16) as u16);
        (check == !value).then_some(value)
    }
}

/// A value of 32 bits. Zeroed memory holds none.
#[repr(transparent)]
pub(super) struct Checked32(AtomicU64);

impl Checked32 {
    pub(super) fn store(&self, value: i32) {
        let value = value.cast_unsigned();
        let word = u64::from(value) | u64::from(!value) << 32;
        self.0.store(word, Ordering::Release);
    }

    /// The value; `None` where none was stored, or not this.
    pub(super) fn load(&self) -> Option<i32> {
        let word = self.0.load(Ordering::Acquire);
        let (value, check) = (word as u32, (word >> 32) as u32);
        (check == !value).then_some(value.cast_signed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_with_another_bit_holds_nothing() {
        let word = Checked16(AtomicU32::new(0));
        assert_eq!(word.load(), None);
        word.store(259);
        assert_eq!(word.load(), Some(259));
        for bit in 0..32 {
            let stored = word.0.load(Ordering::Relaxed);
            assert_eq!(Checked16(AtomicU32::new(stored ^ 1 << bit)).load(), None);
        }
        let word = Checked32(AtomicU64::new(0));
        assert_eq!(word.load(), None);
        word.store(-1);
        assert_eq!(word.load(), Some(-1));
        for bit in 0..64 {
            let stored = word.0.load(Ordering::Relaxed);
            assert_eq!(Checked32(AtomicU64::new(stored ^ 1 << bit)).load(), None);
        }
    }
}
