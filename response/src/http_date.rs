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

/// Parses any of the three formats; `None` if invalid. `now_secs` decides the century of a
/// two-digit year.
pub(crate) fn parse(value: &str, now_secs: i64) -> Option<i64> {
    let fixed = four_digit_year(value, now_secs);
    let time = httpdate::parse_http_date(fixed.as_deref().unwrap_or(value)).ok()?;
    let since_epoch = time.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since_epoch.as_secs()).ok()
}

/// Rewrites the obsolete rfc850-date as IMF-fixdate; `None` if it is not one. httpdate would take
/// 70 to 99 for 19xx, always; the RFC wants a moving window: a date that appears to be more than 50
/// years in the future is the latest year in the past with these two digits.
fn four_digit_year(value: &str, now_secs: i64) -> Option<String> {
    let (weekday, rest) = value.split_once(", ")?;
    let (date, time) = rest.split_once(' ')?;
    let mut fields = date.split('-');
    let (day, month, year) = (fields.next()?, fields.next()?, fields.next()?);
    let is_rfc850 = fields.next().is_none();
    if !is_rfc850 || !is_two_digits(year) {
        return None;
    }
    let this_year: u32 = format(now_secs)?[12..16].parse().ok()?;
    let year = this_year / 100 * 100 + year.parse::<u32>().ok()?;
    let year = if year > this_year + 50 {
        year - 100
    } else {
        year
    };
    Some(format!(
        "{}, {day} {month} {year} {time}",
        short_weekday(weekday)?
    ))
}

fn is_two_digits(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn short_weekday(name: &str) -> Option<&str> {
    const NAMES: [&str; 7] = [
        "Monday",
        "Tuesday",
        "Wednesday",
        "Thursday",
        "Friday",
        "Saturday",
        "Sunday",
    ];
    NAMES.contains(&name).then(|| &name[..3])
}

#[cfg(test)]
mod tests {
    use super::*;

    const IN_2025: i64 = 1_750_000_000;
    const NOV_1994: i64 = 784_111_777;

    #[test]
    fn the_three_formats_name_the_same_second() {
        for value in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
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
            "Mon, 06 Nov 1994 08:49:37 GMT",
            "Sun, 31 Feb 1994 08:49:37 GMT",
            "sun, 06 nov 1994 08:49:37 gmt",
            "Sunday, 6-Nov-94 08:49:37 GMT",
            "Sunday, 06-Nov-1994 08:49:37 GMT",
            "Sunday, 06-Nov-+5 08:49:37 GMT",
            "Someday, 06-Nov-94 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
            "\u{e9}day, 06-Nov-94 08:49:37 GMT",
        ] {
            assert_eq!(parse(value, IN_2025), None, "{value}");
        }
    }

    #[test]
    fn a_two_digit_year_is_at_most_fifty_years_ahead() {
        // 2075-01-01 was 50 years ahead in 2025, 2076 is 51 ahead and so 1976.
        assert_eq!(
            parse("Tuesday, 01-Jan-75 00:00:00 GMT", IN_2025),
            Some(3_313_526_400)
        );
        assert_eq!(
            parse("Thursday, 01-Jan-76 00:00:00 GMT", IN_2025),
            Some(189_302_400)
        );
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
