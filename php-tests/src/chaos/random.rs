//! Numbers that a seed determines, in whatever order threads draw them: each thing that is planned has its own sequence.

/// A sequence of pseudo-random numbers (splitmix64).
#[derive(Clone, Debug)]
pub struct Random(u64);

/// What a sequence is for, so that no two kinds of plan share one.
#[derive(Clone, Copy, Debug)]
pub enum Purpose {
    /// Which files there are.
    File = 1,
    /// What a download is like.
    Download = 2,
    /// Who is killed when.
    Blow = 3,
    /// Who is measured first.
    Order = 4,
    /// Which rounds are drawn again.
    Resample = 5,
}

impl Random {
    /// The sequence of the thing with this number.
    pub fn new(seed: u64, purpose: Purpose, number: u64) -> Random {
        Random(mix(mix(seed ^ mix(purpose as u64)) ^ number))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        mix(self.0)
    }

    /// From 0 up to, and without, the bound.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    /// Both ends included.
    pub(crate) fn between(&mut self, first: u64, last: u64) -> u64 {
        first + self.below(last - first + 1)
    }

    pub(crate) fn in_percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }

    /// One of these, each as often as its weight says.
    pub(crate) fn weighted<T: Copy>(&mut self, choices: &[(u64, T)]) -> T {
        let total = choices.iter().map(|(weight, _)| weight).sum();
        let mut at = self.below(total);
        for (weight, choice) in choices {
            if at < *weight {
                return *choice;
            }
            at -= weight;
        }
        unreachable!("`at` is below the sum of the weights")
    }

    /// Between both, each order of magnitude as often as any other: sizes of files.
    pub(crate) fn size_between(&mut self, least: u64, most: u64) -> u64 {
        let share = self.below(1 << 20) as f64 / f64::from(1 << 20);
        (least as f64 * (most as f64 / least as f64).powf(share)) as u64
    }
}

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The finalizer of splitmix64.
pub(crate) fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(GOLDEN);
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}
