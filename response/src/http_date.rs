//! HTTP dates (RFC 9110 section 5.6.7) as seconds since the epoch.

use std::time::{Duration, UNIX_EPOCH};

/// The first second that a four-digit year cannot say: 10000-01-01.
const END_OF_DATES_SECS: u64 = 253_402_300_800;

/// Formats as IMF-fixdate. `None` before 1970 and after 9999, which httpdate cannot format; a file
/// that old or that late goes without Last-Modified.
pub(crate) fn format(secs: i64) -> Option<String> {
    let secs = u64::try_from(secs)
        .ok()
        .filter(|secs| *secs < END_OF_DATES_SECS)?;
    Some(httpdate::fmt_http_date(
        UNIX_EPOCH + Duration::from_secs(secs),
    ))
}

/// Parses any of the three formats, from year 0 to 9999; `None` if invalid. `now_secs` decides the century of a
/// two-digit year.
///
/// httpdate knows no year before 1970 and no leap second; a condition with either is as valid as any other. Which day of
/// the week it was is not asked: the date says it, and section 5.6.7 wants recipients to be robust.
pub(crate) fn parse(value: &str, now_secs: i64) -> Option<i64> {
    let words: Vec<&str> = value.split(' ').take(MOST_WORDS + 1).collect();
    let (date, time) = match words[..] {
        [weekday, day, month, year, time, "GMT"] if is_short_weekday(weekday, ",") => {
            (Date::new(day, month, number(year, 4)?)?, parse_time(time)?)
        }
        [weekday, date, time, "GMT"] if is_long_weekday(weekday) => {
            let time_secs = parse_time(time)?;
            (rfc850_date(date, time_secs, now_secs)?, time_secs)
        }
        [weekday, month, "", day, time, year] if is_short_weekday(weekday, "") => (
            Date::new(&format!("0{day}"), month, number(year, 4)?)?,
            parse_time(time)?,
        ),
        [weekday, month, day, time, year] if is_short_weekday(weekday, "") => {
            (Date::new(day, month, number(year, 4)?)?, parse_time(time)?)
        }
        _ => return None,
    };
    date.exists()
        .then(|| date.days_since_epoch() * DAY_SECS + time)
}

/// Of an asctime-date with a one-digit day.
const MOST_WORDS: usize = 6;

const DAY_SECS: i64 = 24 * 60 * 60;

/// `06-Nov-94`. A date that appears to be more than 50 years in the future is the latest in the past with these two
/// digits.
fn rfc850_date(text: &str, time_secs: i64, now_secs: i64) -> Option<Date> {
    let (day, rest) = text.split_once('-')?;
    let (month, year) = rest.split_once('-')?;
    let this_year: i64 = format(now_secs)?[12..16].parse().ok()?;
    let date = Date::new(day, month, this_year / 100 * 100 + number(year, 2)?)?;
    let fifty_years_before = date.years_before(50).days_since_epoch() * DAY_SECS + time_secs;
    if fifty_years_before > now_secs {
        return Some(date.years_before(100));
    }
    Some(date)
}

/// A day of the Gregorian calendar, which counts for the time before it, too. The day may be one that its month does
/// not have.
#[derive(Clone, Copy)]
struct Date {
    year: i64,
    /// From 0.
    month: usize,
    /// From 1.
    day: i64,
}

impl Date {
    fn new(day: &str, month: &str, year: i64) -> Option<Date> {
        Some(Date {
            year,
            month: MONTHS.iter().position(|known| *known == month)?,
            day: number(day, 2)?,
        })
    }

    fn years_before(self, years: i64) -> Date {
        Date {
            year: self.year - years,
            ..self
        }
    }

    fn exists(self) -> bool {
        (1..=self.days_of_month(self.month)).contains(&self.day)
    }

    fn days_since_epoch(self) -> i64 {
        let months = (0..self.month).map(|month| self.days_of_month(month));
        days_before_year(self.year) - days_before_year(1970) + months.sum::<i64>() + self.day - 1
    }

    fn days_of_month(self, month: usize) -> i64 {
        let is_leap = days_before_year(self.year + 1) - days_before_year(self.year) == 366;
        match month {
            1 if is_leap => 29,
            1 => 28,
            3 | 5 | 8 | 10 => 30,
            _ => 31,
        }
    }
}

/// From the first day of year 0, which was a leap year.
fn days_before_year(year: i64) -> i64 {
    let multiples_below = |of: i64| (year + of - 1).div_euclid(of);
    365 * year + multiples_below(4) - multiples_below(100) + multiples_below(400)
}

/// `08:49:37`; the leap second `23:59:60` is the first of the next day, as for the clock of the system.
fn parse_time(text: &str) -> Option<i64> {
    let (hour, rest) = text.split_once(':')?;
    let (minute, second) = rest.split_once(':')?;
    let (hour, minute, second) = (number(hour, 2)?, number(minute, 2)?, number(second, 2)?);
    let is_leap_second = (hour, minute, second) == (23, 59, 60);
    let is_time = hour < 24 && minute < 60 && second < 60;
    (is_time || is_leap_second).then_some((hour * 60 + minute) * 60 + second)
}

fn number(digits: &str, count: usize) -> Option<i64> {
    let is_number = digits.len() == count && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().ok()).flatten()
}

fn is_short_weekday(word: &str, end: &str) -> bool {
    let name = word.strip_suffix(end);
    name.is_some_and(|name| WEEKDAYS.iter().any(|known| known[..3] == *name))
}

fn is_long_weekday(word: &str) -> bool {
    let name = word.strip_suffix(',');
    name.is_some_and(|name| WEEKDAYS.contains(&name))
}

const WEEKDAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const IN_2025: i64 = 1_750_000_000;
    const NOV_1994: i64 = 784_111_777;

    #[test]
    fn the_three_formats_name_the_same_second() {
        for value in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            // Not a Monday, but one day all the same.
            "Mon, 06 Nov 1994 08:49:37 GMT",
        ] {
            assert_eq!(parse(value, IN_2025), Some(NOV_1994), "{value}");
        }
        assert_eq!(format(NOV_1994).unwrap(), "Sun, 06 Nov 1994 08:49:37 GMT");
    }

    #[test]
    fn what_is_no_http_date_is_no_date() {
        for value in [
            "",
            "0",
            "784111777",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:49:37 +0100",
            "Sun, 31 Feb 1994 08:49:37 GMT",
            "sun, 06 nov 1994 08:49:37 gmt",
            "Sunday, 6-Nov-94 08:49:37 GMT",
            "Sunday, 06-Nov-1994 08:49:37 GMT",
            "Sunday, 06-Nov-+5 08:49:37 GMT",
            "Someday, 06-Nov-94 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
            "\u{e9}day, 06-Nov-94 08:49:37 GMT",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT",
            "Sun, 06 Nov 1994 08:60:00 GMT",
            "Sun, 06 Nov 1994 08:49:60 GMT",
            "Sun, 06 Nov 1994 23:59:61 GMT",
            "Sun, 06 Nov 1994 8:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 06 Nov 1994 08:49:37 GMT ",
            "Sun, 06 Nov 19940 08:49:37 GMT",
            "Sun, 06 Nov -994 08:49:37 GMT",
            "Sun,  06 Nov 1994 08:49:37 GMT",
            "Sun 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06-Nov-94 08:49:37 GMT",
            "Sun Nov 6 08:49:37 1994",
            "Sun Nov  06 08:49:37 1994",
            "Sun Nov  6 08:49:37 94",
            "Sun Nov  6 08:49:37 1994 GMT",
            "Thu, 29 Feb 1900 00:00:00 GMT",
            "Sat, 29 Feb 2025 00:00:00 GMT",
        ] {
            assert_eq!(parse(value, IN_2025), None, "{value}");
        }
    }

    #[test]
    fn a_two_digit_year_is_at_most_fifty_years_ahead() {
        // IN_2025 is 15 June 2025, 15:06:40.
        for (value, expected) in [
            ("Tuesday, 01-Jan-75 00:00:00 GMT", "2075-01-01T00:00:00"),
            ("Saturday, 15-Jun-75 15:06:40 GMT", "2075-06-15T15:06:40"),
            ("Sunday, 15-Jun-75 15:06:41 GMT", "1975-06-15T15:06:41"),
            ("Wednesday, 31-Dec-75 23:59:59 GMT", "1975-12-31T23:59:59"),
            ("Thursday, 01-Jan-76 00:00:00 GMT", "1976-01-01T00:00:00"),
            ("Sunday, 29-Feb-76 00:00:00 GMT", "1976-02-29T00:00:00"),
            ("Saturday, 01-Jan-00 00:00:00 GMT", "2000-01-01T00:00:00"),
        ] {
            assert_eq!(parse(value, IN_2025), secs_of(expected), "{value}");
        }
    }

    #[test]
    fn dates_from_year_0_to_9999_are_dates() {
        for (value, expected) in [
            ("Sat, 01 Jan 0000 00:00:00 GMT", -62_167_219_200),
            ("Tue, 29 Feb 0000 00:00:00 GMT", -62_162_121_600),
            ("Sun Dec 31 23:59:59 0000", -62_135_596_801),
            ("Mon, 01 Jan 0001 00:00:00 GMT", -62_135_596_800),
            ("Fri, 15 Oct 1582 00:00:00 GMT", -12_219_292_800),
            ("Wed, 28 Feb 1900 23:59:59 GMT", -2_203_891_201),
            ("Wed, 31 Dec 1969 23:59:59 GMT", -1),
            ("Thu Jan  1 00:00:00 1970", 0),
            ("Tue, 29 Feb 2000 00:00:00 GMT", 951_782_400),
            ("Tue, 19 Jan 2038 03:14:08 GMT", 2_147_483_648),
            ("Fri, 31 Dec 9999 23:59:59 GMT", 253_402_300_799),
        ] {
            assert_eq!(parse(value, IN_2025), Some(expected), "{value}");
        }
    }

    #[test]
    fn a_leap_second_is_the_first_of_the_next_day() {
        for value in [
            "Sat, 31 Dec 2016 23:59:60 GMT",
            "Saturday, 31-Dec-16 23:59:60 GMT",
            "Sat Dec 31 23:59:60 2016",
            "Sun, 01 Jan 2017 00:00:00 GMT",
        ] {
            assert_eq!(parse(value, IN_2025), Some(1_483_228_800), "{value}");
        }
    }

    /// Of `2025-06-15T15:06:40`, counted year by year and day by day.
    fn secs_of(text: &str) -> Option<i64> {
        let part = |range: std::ops::Range<usize>| text[range].parse::<i64>().unwrap();
        let is_leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let mut days = 0;
        for year in 1970..part(0..4) {
            days += if is_leap(year) { 366 } else { 365 };
        }
        let february = if is_leap(part(0..4)) { 29 } else { 28 };
        let months = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        days += months[..part(5..7) as usize - 1].iter().sum::<i64>() + part(8..10) - 1;
        Some(days * 86_400 + part(11..13) * 3600 + part(14..16) * 60 + part(17..19))
    }

    proptest! {
        #[test]
        fn what_is_formatted_is_parsed_again(secs in 0i64..253_402_300_800) {
            let text = format(secs).unwrap();
            prop_assert_eq!(parse(&text, IN_2025), Some(secs));
            // The same in the format of asctime().
            let (weekday, day, month, year, time) = (&text[..3], &text[5..7], &text[8..11], &text[12..16], &text[17..25]);
            let day = day.strip_prefix('0').map_or(day.to_owned(), |day| format!(" {day}"));
            prop_assert_eq!(parse(&format!("{weekday} {month} {day} {time} {year}"), IN_2025), Some(secs));
        }

        #[test]
        fn any_text_is_a_date_or_none_without_panic(
            text in "(Sun|Sunday),? [0-9]{2}[ -](Jan|Feb|Nov)[ -][0-9]{2,4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT|.*",
            now_secs in prop_oneof![Just(i64::MIN), Just(0), Just(i64::MAX), 0i64..253_402_300_800],
        ) {
            let _ = parse(&text, now_secs);
        }
    }

    #[test]
    fn times_that_a_date_cannot_say_are_refused() {
        assert_eq!(format(-1), None);
        assert_eq!(format(0).unwrap(), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(
            format(253_402_300_799).unwrap(),
            "Fri, 31 Dec 9999 23:59:59 GMT"
        );
        assert_eq!(format(253_402_300_800), None);
    }
}
