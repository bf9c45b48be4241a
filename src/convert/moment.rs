//! Dates, date-times and times of day in the forms that Salesforce reads (Bulk API 2.0 guide, "Valid Date Format in
//! Records"): `yyyy-MM-dd`, `yyyy-MM-ddTHH:mm:ss[.SSS](Z|±HH:mm)`, `HH:mm:ss.SSSZ`.
//!
//! Warehouses write them with a space instead of the `T`, with short offsets, without an offset (read as UTC), and with
//! more digits of a second than the milliseconds that Salesforce keeps. Everything else is not a date or time.

use std::borrow::Cow;

/// A date, or the date of a midnight.
pub(super) fn date(text: &str) -> Option<&str> {
    let (date, rest) = read_date(text)?;
    let is_midnight = rest.is_empty()
        || read_clock(rest.strip_prefix(['T', 't', ' '])?).is_some_and(|(clock, offset)| {
            clock.second_of_day == 0
                && clock.fraction.bytes().all(|digit| digit == b'0')
                && read_offset(offset).is_some()
        });
    is_midnight.then_some(date)
}

/// A date and time. A date alone is its midnight in UTC.
pub(super) fn date_time(text: &str) -> Option<Cow<'_, str>> {
    let (date, rest) = read_date(text)?;
    if rest.is_empty() {
        return Some(Cow::Owned(format!("{date}T00:00:00Z")));
    }
    let (clock, written_offset) = read_clock(rest.strip_prefix(['T', 't', ' '])?)?;
    let offset = read_offset(written_offset)?;
    if rest.starts_with('T')
        && matches!(clock.to_second, Cow::Borrowed(_))
        && matches!(clock.fraction.len(), 0 | 3)
        && *offset == *written_offset
    {
        // Most are in the form of Salesforce.
        return Some(Cow::Borrowed(text));
    }
    let mut written = format!("{date}T{}", clock.to_second);
    if let Some(milliseconds) = clock.milliseconds() {
        written.push('.');
        written.push_str(&milliseconds);
    }
    written.push_str(&offset);
    Some(Cow::Owned(written))
}

/// A time of day. It has no time zone in Salesforce, so the only offset is zero.
pub(super) fn time(text: &str) -> Option<Cow<'_, str>> {
    let (clock, offset) = read_clock(text)?;
    if !matches!(&*read_offset(offset)?, "Z" | "+00:00" | "-00:00") {
        return None;
    }
    let milliseconds = clock.milliseconds().unwrap_or_else(|| "000".to_owned());
    Some(Cow::Owned(format!("{}.{milliseconds}Z", clock.to_second)))
}

const DATE_LENGTH: usize = "yyyy-MM-dd".len();

/// The date at the beginning, and the rest.
fn read_date(text: &str) -> Option<(&str, &str)> {
    let (date, rest) = text.split_at_checked(DATE_LENGTH)?;
    let bytes = date.as_bytes();
    let shape_fits = bytes.iter().enumerate().all(|(index, byte)| match index {
        4 | 7 => *byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    let in_range = shape_fits && (1..=12).contains(&number(&date[5..7])) && (1..=31).contains(&number(&date[8..10]));
    in_range.then_some((date, rest))
}

/// A time of day as it is written.
struct Clock<'a> {
    /// `HH:mm:ss`.
    to_second: Cow<'a, str>,
    second_of_day: u32,
    /// The digits after the point of the second.
    fraction: &'a str,
}

impl Clock<'_> {
    /// Three digits, if there is a fraction.
    fn milliseconds(&self) -> Option<String> {
        if self.fraction.is_empty() {
            return None;
        }
        let kept = &self.fraction[..self.fraction.len().min(3)];
        Some(format!("{kept:0<3}"))
    }
}

/// The time of day at the beginning, and the rest.
fn read_clock(text: &str) -> Option<(Clock<'_>, &str)> {
    let (to_minute, rest) = text.split_at_checked("HH:mm".len())?;
    let (hour, minute) = to_minute.split_once(':').filter(|(hour, _)| hour.len() == 2)?;
    if digits(hour)? > 23 || digits(minute)? > 59 {
        return None;
    }
    let (hour, minute) = (number(hour), number(minute));
    let Some(seconds) = rest.strip_prefix(':') else {
        let to_second = Cow::Owned(format!("{to_minute}:00"));
        return Some((Clock { to_second, second_of_day: hour * 3600 + minute * 60, fraction: "" }, rest));
    };
    let second = digits(seconds.get(..2)?)?;
    if second > 59 {
        return None;
    }
    let to_second = Cow::Borrowed(&text[.."HH:mm:ss".len()]);
    let mut rest = &seconds[2..];
    let mut fraction = "";
    if let Some(after_point) = rest.strip_prefix('.') {
        let end = after_point.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(after_point.len());
        if end == 0 {
            return None;
        }
        (fraction, rest) = after_point.split_at(end);
    }
    Some((Clock { to_second, second_of_day: hour * 3600 + minute * 60 + second, fraction }, rest))
}

/// Reads all of `text` as an offset, in the form `Z` or `±HH:mm`.
fn read_offset(text: &str) -> Option<Cow<'_, str>> {
    let text = text.trim_start_matches(' ');
    if text.is_empty() || matches!(text, "Z" | "z" | "UTC") {
        return Some(Cow::Borrowed("Z"));
    }
    if !text.starts_with(['+', '-']) || !text.is_ascii() {
        return None;
    }
    let (hours, minutes) = match text.len() {
        3 => (&text[1..], "00"),
        5 => (&text[1..3], &text[3..]),
        6 if text.as_bytes()[3] == b':' => (&text[1..3], &text[4..]),
        _ => return None,
    };
    if digits(hours)? > 18 || digits(minutes)? > 59 {
        return None;
    }
    Some(if text.len() == 6 { Cow::Borrowed(text) } else { Cow::Owned(format!("{}{hours}:{minutes}", &text[..1])) })
}

/// A number, if the text has only digits.
fn digits(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| number(text))
}

fn number(digits: &str) -> u32 {
    digits.bytes().fold(0, |number, digit| number * 10 + u32::from(digit - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        for (text, expected) in [
            ("2026-01-31", Some("2026-01-31")),
            ("2026-01-31T00:00:00Z", Some("2026-01-31")),
            ("2026-01-31 00:00:00.000000+02:00", Some("2026-01-31")),
            ("2026-01-31T00:00:01Z", None),
            ("2026-01-31T00:00:00.001Z", None),
            ("2026-01-31T", None),
            ("2026-13-01", None),
            ("2026-1-1", None),
            ("31.01.2026", None),
            ("12026-01-31", None),
            ("2026-01-3é", None),
            ("", None),
        ] {
            assert_eq!(date(text), expected, "{text}");
        }
    }

    #[test]
    fn date_times() {
        for (text, expected) in [
            ("2026-01-31T09:30:00Z", Some("2026-01-31T09:30:00Z")),
            ("2026-01-31T09:30:00.5-05:30", Some("2026-01-31T09:30:00.500-05:30")),
            ("2026-01-31T09:30:00.123456789Z", Some("2026-01-31T09:30:00.123Z")),
            ("2026-01-31T09:30:00", Some("2026-01-31T09:30:00Z")),
            ("2026-01-31 09:30:00.000 UTC", Some("2026-01-31T09:30:00.000Z")),
            ("2026-01-31 09:30:00+02", Some("2026-01-31T09:30:00+02:00")),
            ("2026-01-31T09:30:00+0200", Some("2026-01-31T09:30:00+02:00")),
            ("2026-01-31T09:30Z", Some("2026-01-31T09:30:00Z")),
            ("2026-01-31", Some("2026-01-31T00:00:00Z")),
            ("2026-01-31T24:00:00Z", None),
            ("2026-01-31T09:60:00Z", None),
            ("2026-01-31T09:30:00.Z", None),
            ("2026-01-31T09:30:00 CET", None),
            ("2026-01-31T09:30:00+2", None),
            ("2026-01-31X09:30:00Z", None),
            ("2026-01-31T09:30:0éZ", None),
            ("2026-01-31T1é:30", None),
            ("2026-01-31T12é30", None),
            ("tomorrow at noon", None),
        ] {
            assert_eq!(date_time(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn times() {
        for (text, expected) in [
            ("09:30:00", Some("09:30:00.000Z")),
            ("09:30", Some("09:30:00.000Z")),
            ("09:30:00.5Z", Some("09:30:00.500Z")),
            ("23:59:59.999999+00:00", Some("23:59:59.999Z")),
            ("09:30:00+02:00", None),
            ("9:30:00", None),
            ("1é:30", None),
            ("12é30", None),
            ("0:930", None),
            ("2026-01-31T09:30:00Z", None),
        ] {
            assert_eq!(time(text).as_deref(), expected, "{text}");
        }
    }
}
