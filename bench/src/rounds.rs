//! Rounds, in each of which everybody has a turn, in another order: whatever disturbs the machine for a while disturbs all.

use send_file_php_tests::chaos::random::{Purpose, Random};

/// Gives everybody a turn in each round.
///
/// # Errors
/// The first of a turn.
pub(crate) fn interleave<T>(
    rounds: usize,
    seed: u64,
    items: &[T],
    mut turn: impl FnMut(&T) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    for round in 0..rounds {
        for index in order(items.len(), seed, round) {
            turn(&items[index])?;
        }
    }
    Ok(())
}

/// A permutation, by Fisher and Yates.
fn order(count: usize, seed: u64, round: usize) -> Vec<usize> {
    let mut random = Random::new(seed, Purpose::Order, round as u64);
    let mut order: Vec<usize> = (0..count).collect();
    for last in (1..count).rev() {
        order.swap(last, random.below(last as u64 + 1) as usize);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_has_one_turn_a_round_and_rounds_differ() {
        let mut first = order(10, 1, 0);
        assert_ne!(first, order(10, 1, 1));
        assert_eq!(first, order(10, 1, 0));
        first.sort_unstable();
        assert_eq!(first, (0..10).collect::<Vec<_>>());
    }
}
