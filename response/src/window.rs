//! The part of a file that is the whole content: `offset` and `length`.

/// The arguments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct WindowArguments {
    pub(crate) offset: u64,
    /// `None`: to the end.
    pub(crate) length: Option<u64>,
}

impl WindowArguments {
    /// Whether they were given at all.
    pub(crate) fn are_default(self) -> bool {
        self == WindowArguments::default()
    }

    /// The window in a file of `size` bytes, which cuts it; empty if it begins behind the end.
    pub(crate) fn in_file(self, size: u64) -> Window {
        let offset = self.offset.min(size);
        let left = size - offset;
        Window {
            offset,
            bytes: self.length.map_or(left, |length| length.min(left)),
        }
    }
}

/// A window that lies inside its file. Everything HTTP says is relative to it: lengths, ranges, 416.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// Position of its first byte in the file.
    pub(crate) offset: u64,
    /// Its length.
    pub(crate) bytes: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(offset: u64, length: Option<u64>) -> (u64, u64) {
        let Window { offset, bytes } = WindowArguments { offset, length }.in_file(10);
        (offset, bytes)
    }

    #[test]
    fn a_window_is_cut_at_the_end_of_the_file() {
        assert_eq!(window(0, None), (0, 10));
        assert_eq!(window(3, None), (3, 7));
        assert_eq!(window(3, Some(4)), (3, 4));
        assert_eq!(window(3, Some(7)), (3, 7));
        assert_eq!(window(3, Some(8)), (3, 7));
        assert_eq!(window(3, Some(u64::MAX)), (3, 7));
    }

    #[test]
    fn a_window_may_be_empty() {
        assert_eq!(window(3, Some(0)), (3, 0));
        assert_eq!(window(10, None), (10, 0));
        assert_eq!(window(11, Some(1)), (10, 0));
        assert_eq!(window(u64::MAX, Some(u64::MAX)), (10, 0));
    }
}
