//! Medians, percentiles, and how far a ratio can be trusted.

use send_file_php_tests::chaos::random::{Purpose, Random};

use crate::limits::{CONFIDENCE, RESAMPLES};

/// A ratio of two medians, and the interval that it is in with 95 % confidence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Ratio {
    pub(crate) value: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

/// The value in the middle; the mean of both where there are two.
///
/// # Panics
/// Where there is none.
pub(crate) fn median(values: &[f64]) -> f64 {
    let sorted = sorted(values);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        sorted[middle]
    } else {
        (sorted[middle - 1] + sorted[middle]) / 2.0
    }
}

/// The least value that this share of all does not exceed.
///
/// # Panics
/// Where there is none.
pub(crate) fn percentile(values: &[f64], share: f64) -> f64 {
    let sorted = sorted(values);
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted[rank.clamp(1, sorted.len()) - 1]
}

/// The ratio of the medians of two measurements whose rounds alternated, by the bootstrap: rounds are drawn again with
/// replacement, always the same of both, as a disturbed round disturbs both.
pub(crate) fn ratio(over: &[f64], under: &[f64]) -> Ratio {
    let rounds = over.len().min(under.len());
    let mut random = Random::new(rounds as u64, Purpose::Resample, 0);
    let mut resampled: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            let drawn: Vec<usize> = (0..rounds)
                .map(|_| random.below(rounds as u64) as usize)
                .collect();
            let of = |values: &[f64]| {
                let values: Vec<f64> = drawn.iter().map(|round| values[*round]).collect();
                median(&values)
            };
            of(over) / of(under)
        })
        .collect();
    resampled.sort_by(f64::total_cmp);
    let outside = (1.0 - CONFIDENCE) / 2.0;
    Ratio {
        value: median(over) / median(under),
        low: percentile(&resampled, outside),
        high: percentile(&resampled, 1.0 - outside),
    }
}

fn sorted(values: &[f64]) -> Vec<f64> {
    assert!(!values.is_empty(), "nothing was measured");
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_count_lies_between_the_two_in_the_middle() {
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), 2.5);
        assert_eq!(median(&[9.0, 1.0, 5.0]), 5.0);
    }

    #[test]
    fn a_percentile_is_a_value_that_was_measured() {
        let values: Vec<f64> = (1..=1000).map(f64::from).collect();
        assert_eq!(percentile(&values, 0.99), 990.0);
        assert_eq!(percentile(&values, 0.999), 999.0);
        assert_eq!(percentile(&[7.0], 0.99), 7.0);
    }

    #[test]
    fn a_steady_ratio_has_a_narrow_interval_although_rounds_differ() {
        let under = [1.0, 3.0, 2.0, 8.0, 5.0];
        let over: Vec<f64> = under.iter().map(|value| value * 2.0).collect();
        let ratio = ratio(&over, &under);
        assert_eq!((ratio.value, ratio.low, ratio.high), (2.0, 2.0, 2.0));
    }

    #[test]
    fn an_unsteady_ratio_has_a_wide_one_around_it() {
        let ratio = ratio(&[1.0, 2.0, 3.0, 4.0, 5.0], &[3.0; 5]);
        assert!(ratio.low < 0.7 && ratio.high > 1.3, "{ratio:?}");
        assert_eq!(ratio.value, 1.0);
    }
}
