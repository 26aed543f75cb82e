//! Byte ranges: RFC 9110 section 14, from the header's text to what is sent.

use std::cmp::Ordering;

use crate::limits::{MAX_OVERLAPPING_RANGES, MAX_RANGES};
use crate::request::trim_ows;

/// A satisfiable range, both ends included, inside the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ByteRange {
    pub(crate) first: u64,
    pub(crate) last: u64,
}

impl ByteRange {
    /// Never 0, and no overflow: `last` is below a file's size.
    pub(crate) fn bytes(&self) -> u64 {
        self.last - self.first + 1
    }

    /// The value of Content-Range (section 14.4).
    pub(crate) fn content_range(&self, size: u64) -> String {
        format!("bytes {}-{}/{size}", self.first, self.last)
    }

    /// Whether the value of a Content-Range is about bytes, or about nothing that could be told: another unit is named.
    pub(crate) fn is_in_bytes(content_range: &str) -> bool {
        let unit = content_range.split(' ').next().unwrap_or_default();
        unit.eq_ignore_ascii_case("bytes") || !content_range.contains(' ')
    }

    /// How many bytes the value of a Content-Range names; `None` if it is malformed, or names none.
    pub(crate) fn bytes_named(content_range: &str) -> Option<u64> {
        let (unit, named) = content_range.split_once(' ')?;
        let (range, size) = named.split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let (first, last) = (parse_position(first)?, parse_position(last)?);
        let inside = size == "*" || parse_position(size)? > last;
        let bytes = last.checked_sub(first)?.checked_add(1)?;
        (unit.eq_ignore_ascii_case("bytes") && inside).then_some(bytes)
    }
}

/// What of the file to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Selection {
    /// The Range is ignored: not in bytes, malformed, or asking for too much.
    Whole,
    /// 416: none of the ranges has a byte of the file.
    Unsatisfiable,
    /// One is satisfiable: a plain 206.
    One(ByteRange),
    /// Several are, in the order in which the client named them.
    Many(Vec<ByteRange>),
}

/// Reads the value of a Range header for a file of `size` bytes.
///
/// An empty file is special: it satisfies a suffix range and no other (section 14.1.2), but there is
/// no Content-Range that says "0 bytes of 0". So `bytes=-5` is answered with the whole, empty file
/// and `bytes=0-` with 416.
pub(crate) fn select(value: &str, size: u64) -> Selection {
    let Some(specs) = parse(value) else {
        return Selection::Whole;
    };
    if size == 0 && specs.iter().any(|spec| matches!(spec, Spec::Suffix(1..))) {
        return Selection::Whole;
    }
    let ranges: Vec<ByteRange> = specs.iter().filter_map(|spec| spec.resolve(size)).collect();
    match ranges[..] {
        [] => Selection::Unsatisfiable,
        [only] => Selection::One(only),
        _ if is_worth_sending(&ranges, size) => Selection::Many(ranges),
        _ => Selection::Whole,
    }
}

/// Whether the value of a Range header is one that counts, in a file long enough.
pub(crate) fn is_well_formed(value: &str) -> bool {
    parse(value).is_some()
}

/// One range as the client wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spec {
    From(u64),
    FromTo(u64, u64),
    Suffix(u64),
}

impl Spec {
    /// `None` if unsatisfiable (section 14.1.2).
    fn resolve(self, size: u64) -> Option<ByteRange> {
        let end = size.checked_sub(1)?;
        let (first, last) = match self {
            Spec::From(first) => (first, end),
            Spec::FromTo(first, last) => (first, last.min(end)),
            // A suffix of no bytes begins behind the end.
            Spec::Suffix(bytes) => (size.saturating_sub(bytes), end),
        };
        (first <= end).then_some(ByteRange { first, last })
    }
}

/// `bytes=` and a list of at least one range; `None` if anything in it is malformed or if it is
/// longer than [`MAX_RANGES`]. Unit names are not case-sensitive (section 14.1), list members may be
/// empty and have whitespace around them (section 5.6.1).
fn parse(value: &str) -> Option<Vec<Spec>> {
    let (unit, set) = value.split_once('=')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    let mut specs = Vec::new();
    for member in set
        .split(',')
        .map(trim_ows)
        .filter(|member| !member.is_empty())
    {
        if specs.len() == MAX_RANGES {
            return None;
        }
        specs.push(parse_spec(member)?);
    }
    (!specs.is_empty()).then_some(specs)
}

fn parse_spec(member: &str) -> Option<Spec> {
    let (first, last) = member.split_once('-')?;
    if first.is_empty() {
        return Some(Spec::Suffix(parse_position(last)?));
    }
    let first_position = parse_position(first)?;
    if last.is_empty() {
        return Some(Spec::From(first_position));
    }
    let last_position = parse_position(last)?;
    // Compared as written: numbers too large for u64 are all the same once they are saturated.
    if compare_digits(first, last) == Ordering::Greater {
        return None;
    }
    Some(Spec::FromTo(first_position, last_position))
}

/// Digits only, as many as the client likes: section 14.1.2 forbids to fail on large numbers.
fn parse_position(digits: &str) -> Option<u64> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(digits.parse().unwrap_or(u64::MAX))
}

fn compare_digits(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

/// Several ranges are only served if that is less than the whole file, whatever order, overlap and
/// repetition: no request makes us send more than the file and [`MAX_RANGES`] part headers.
fn is_worth_sending(ranges: &[ByteRange], size: u64) -> bool {
    let total = ranges
        .iter()
        .fold(0u64, |sum, range| sum.saturating_add(range.bytes()));
    total < size && overlapping(ranges) <= MAX_OVERLAPPING_RANGES
}

/// How many of the ranges share a byte with another one.
fn overlapping(ranges: &[ByteRange]) -> usize {
    let mut sorted = ranges.to_vec();
    sorted.sort_by_key(|range| range.first);
    let mut count = 0;
    let mut cluster = 0;
    let mut reach = None;
    for range in &sorted {
        let touches = reach.is_some_and(|reach| range.first <= reach);
        cluster = if touches { cluster + 1 } else { 1 };
        count += match cluster {
            1 => 0,
            2 => 2,
            _ => 1,
        };
        reach = reach.max(Some(range.last));
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn range(first: u64, last: u64) -> ByteRange {
        ByteRange { first, last }
    }

    #[test]
    fn one_range_is_cut_to_the_file() {
        for (value, first, last) in [
            ("bytes=0-0", 0, 0),
            ("bytes=0-", 0, 99),
            ("bytes=99-", 99, 99),
            ("bytes=10-19", 10, 19),
            ("bytes=10-100", 10, 99),
            ("bytes=10-99999999999999999999999999", 10, 99),
            ("bytes=-1", 99, 99),
            ("bytes=-100", 0, 99),
            ("bytes=-99999999999999999999999999", 0, 99),
            ("BYTES=00010-0019", 10, 19),
            ("bytes= 10-19", 10, 19),
            ("bytes=,\t10-19 ,,", 10, 19),
        ] {
            assert_eq!(
                select(value, 100),
                Selection::One(range(first, last)),
                "{value}"
            );
        }
    }

    #[test]
    fn a_malformed_range_is_ignored() {
        for value in [
            "",
            "bytes",
            "bytes=",
            "bytes=,",
            "bytes=-",
            "bytes=a-b",
            "bytes=1",
            "bytes=2-1",
            "bytes=0-1,2-1",
            "bytes=0-1,x",
            "bytes=0 - 1",
            "bytes=0- 1",
            "bytes =0-1",
            "bytes=+0-1",
            "bytes=--1",
            "bytes=0-1-2",
            "bytes=0-1;2-3",
            "bytes=0x0-1",
            "bytes:0-1",
            " =0-1",
            "items=0-1",
            "none=0-1",
            "bytes=0-1, bytes=2-3",
            "bytes=200-300,5-2",
            "bytes=200-300,x",
            "bytes= , , ,\t",
            "bytes=  1 -2 , 4- 5",
            "bytes=10-11 12-",
            "bytes=0--10",
            "bytes=0-\u{663}",
            "bytes=99999999999999999999999-99999999999999999999998",
        ] {
            assert_eq!(select(value, 100), Selection::Whole, "{value}");
        }
    }

    #[test]
    fn a_range_outside_the_file_is_unsatisfiable() {
        for value in [
            "bytes=100-",
            "bytes=100-200",
            "bytes=-0",
            "bytes=-0, 100-",
            "bytes=99999999999999999999999-",
            "bytes=99999999999999999999998-99999999999999999999999",
        ] {
            assert_eq!(select(value, 100), Selection::Unsatisfiable, "{value}");
        }
    }

    #[test]
    fn an_empty_file_satisfies_a_suffix_only() {
        assert_eq!(select("bytes=0-", 0), Selection::Unsatisfiable);
        assert_eq!(select("bytes=0-0", 0), Selection::Unsatisfiable);
        assert_eq!(select("bytes=-0", 0), Selection::Unsatisfiable);
        assert_eq!(select("bytes=-1", 0), Selection::Whole);
        assert_eq!(select("bytes=0-,-1", 0), Selection::Whole);
    }

    #[test]
    fn several_ranges_keep_their_order() {
        assert_eq!(
            select("bytes=50-59, 0-9,-1", 100),
            Selection::Many(vec![range(50, 59), range(0, 9), range(99, 99)])
        );
    }

    #[test]
    fn the_unsatisfiable_ones_of_several_are_left_out() {
        assert_eq!(select("bytes=200-,5-6", 100), Selection::One(range(5, 6)));
        assert_eq!(
            select("bytes=5-6,200-,-0,8-9", 100),
            Selection::Many(vec![range(5, 6), range(8, 9)])
        );
    }

    #[test]
    fn ranges_that_add_up_to_the_file_are_the_whole_file() {
        assert_eq!(select("bytes=0-49,50-99", 100), Selection::Whole);
        assert_eq!(select("bytes=0-,-1", 100), Selection::Whole);
        assert!(matches!(
            select("bytes=0-49,50-98", 100),
            Selection::Many(_)
        ));
        // The sum of these does not fit u64.
        assert_eq!(select("bytes=0-,0-", u64::MAX), Selection::Whole);
    }

    #[test]
    fn two_ranges_may_overlap_and_three_may_not() {
        assert!(matches!(select("bytes=0-5,3-8", 100), Selection::Many(_)));
        assert!(matches!(select("bytes=0-0,0-0", 100), Selection::Many(_)));
        assert_eq!(select("bytes=0-5,3-8,4-9", 100), Selection::Whole);
        assert_eq!(select("bytes=0-9,1-2,5-6", 100), Selection::Whole);
        assert_eq!(select("bytes=0-2,1-3,10-12,11-13", 100), Selection::Whole);
    }

    #[test]
    fn more_ranges_than_the_limit_are_ignored() {
        let of = |count: usize| {
            let specs: Vec<String> = (0..count).map(|i| format!("{0}-{0}", 2 * i)).collect();
            select(&format!("bytes={}", specs.join(",")), 1000)
        };
        assert!(matches!(of(MAX_RANGES), Selection::Many(ranges) if ranges.len() == MAX_RANGES));
        assert_eq!(of(MAX_RANGES + 1), Selection::Whole);
    }

    /// The positions that a list of ranges names, found byte by byte.
    fn naive(specs: &[(Option<u64>, Option<u64>)], size: u64) -> Option<Vec<Vec<u64>>> {
        let mut found = Vec::new();
        for spec in specs {
            let wanted: Vec<u64> = match *spec {
                (None, None) => return None,
                (Some(first), Some(last)) if last < first => return None,
                (first, last) => (0..size)
                    .filter(|at| match (first, last) {
                        (Some(first), last) => *at >= first && last.is_none_or(|last| *at <= last),
                        (None, last) => at + last.unwrap() >= size,
                    })
                    .collect(),
            };
            found.push(wanted);
        }
        Some(
            found
                .into_iter()
                .filter(|wanted| !wanted.is_empty())
                .collect(),
        )
    }

    fn positions(ranges: &[ByteRange]) -> Vec<Vec<u64>> {
        ranges
            .iter()
            .map(|range| (range.first..=range.last).collect())
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn ranges_name_the_bytes_that_a_naive_reading_names(
            specs in prop::collection::vec((prop::option::of(0u64..60), prop::option::of(0u64..60)), 1..5),
            size in 1u64..50,
        ) {
            let text = |end: Option<u64>| end.map_or(String::new(), |end| end.to_string());
            let set: Vec<String> =
                specs.iter().map(|(first, last)| format!("{}-{}", text(*first), text(*last))).collect();
            let selection = select(&format!("bytes={}", set.join(", ")), size);

            let Some(expected) = naive(&specs, size) else {
                prop_assert_eq!(selection, Selection::Whole);
                return Ok(());
            };
            let total: usize = expected.iter().map(Vec::len).sum();
            let shared = expected
                .iter()
                .enumerate()
                .filter(|(i, one)| {
                    expected.iter().enumerate().any(|(j, two)| *i != j && one.iter().any(|at| two.contains(at)))
                })
                .count();
            match selection {
                Selection::Unsatisfiable => prop_assert!(expected.is_empty()),
                Selection::One(range) => prop_assert_eq!(positions(&[range]), expected),
                Selection::Many(ranges) => {
                    prop_assert!(total < size as usize && shared <= MAX_OVERLAPPING_RANGES);
                    prop_assert_eq!(positions(&ranges), expected);
                }
                Selection::Whole => prop_assert!(
                    expected.len() > 1 && (total >= size as usize || shared > MAX_OVERLAPPING_RANGES)
                ),
            }
        }

        #[test]
        fn any_text_is_read_without_panic_and_stays_inside_the_file(
            value in "(bytes=)?[-0-9, \t=a]{0,80}|.*",
            size in prop_oneof![0u64..100, Just(u64::MAX)],
        ) {
            let ranges = match select(&value, size) {
                Selection::Whole | Selection::Unsatisfiable => vec![],
                Selection::One(range) => vec![range],
                Selection::Many(ranges) => ranges,
            };
            for range in ranges {
                prop_assert!(range.first <= range.last && range.last < size);
            }
        }
    }
}
