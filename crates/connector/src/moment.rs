//! Dates, date-times and times of day in the forms that Salesforce reads (Bulk API 2.0 guide, "Valid Date Format in
//! Records"): `yyyy-MM-dd`, `yyyy-MM-ddTHH:mm:ss[.SSS](Z|±HH:mm)`, `HH:mm:ss.SSSZ`.
//!
//! Warehouses write them with a space instead of the `T`, with short offsets, without an offset (read as UTC), and with
//! more digits of a second than the milliseconds that Salesforce keeps. Everything else is not a date or time.

use std::borrow::Cow;
use std::ops::RangeInclusive;

/// The years of dates and of dates with a time ("Minimum and Maximum Dates", SOQL and SOSL Reference, "Date Formats and
/// Date Literals").
const YEARS: RangeInclusive<u32> = 1700..=4000;

/// Why a text is not a date or time for Salesforce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAMoment {
    /// It has another form, or means something else.
    WrongForm,
    /// It has the form, but there is no such day or time.
    DoesNotExist,
    /// Salesforce does not take its year.
    YearOutOfRange,
}

/// A date, or the date of a midnight.
pub fn date(text: &str) -> Result<&str, NotAMoment> {
    let (date, rest) = read_date(text)?;
    if rest.is_empty() {
        return Ok(date);
    }
    let (clock, offset) = read_clock(after_separator(rest)?)?;
    read_offset(offset)?;
    let is_midnight = clock.second_of_day == 0 && clock.fraction.bytes().all(|digit| digit == b'0');
    if is_midnight { Ok(date) } else { Err(NotAMoment::WrongForm) }
}

/// A date and time. A date alone is its midnight in UTC.
pub fn date_time(text: &str) -> Result<Cow<'_, str>, NotAMoment> {
    let (date, rest) = read_date(text)?;
    if rest.is_empty() {
        return Ok(Cow::Owned(format!("{date}T00:00:00Z")));
    }
    let (clock, written_offset) = read_clock(after_separator(rest)?)?;
    let offset = read_offset(written_offset)?;
    if rest.starts_with('T')
        && matches!(clock.to_second, Cow::Borrowed(_))
        && matches!(clock.fraction.len(), 0 | 3)
        && *offset == *written_offset
    {
        // Most are in the form of Salesforce.
        return Ok(Cow::Borrowed(text));
    }
    let mut written = format!("{date}T{}", clock.to_second);
    if let Some(milliseconds) = clock.milliseconds() {
        written.push('.');
        written.push_str(&milliseconds);
    }
    written.push_str(&offset);
    Ok(Cow::Owned(written))
}

/// A time of day. It has no time zone in Salesforce, so the only offset is zero.
pub fn time(text: &str) -> Result<Cow<'_, str>, NotAMoment> {
    let (clock, offset) = read_clock(text)?;
    if !matches!(&*read_offset(offset)?, "Z" | "+00:00" | "-00:00") {
        return Err(NotAMoment::WrongForm);
    }
    let milliseconds = clock.milliseconds().unwrap_or_else(|| "000".to_owned());
    Ok(Cow::Owned(format!("{}.{milliseconds}Z", clock.to_second)))
}

const DATE_LENGTH: usize = "yyyy-MM-dd".len();

/// The year of a text that begins with a date that exists, alone or before a time in any form.
pub fn year_of(text: &str) -> Option<u32> {
    let (date, rest) = read_date(text).ok()?;
    let is_end =
        rest.is_empty() || after_separator(rest).is_ok_and(|time| time.starts_with(|it: char| it.is_ascii_digit()));
    digits(date.get(..4)?).filter(|_| is_end)
}

/// The date at the beginning, and the rest.
fn read_date(text: &str) -> Result<(&str, &str), NotAMoment> {
    let (date, rest) = text.split_at_checked(DATE_LENGTH).ok_or(NotAMoment::WrongForm)?;
    let shape_fits = date.bytes().enumerate().all(|(index, byte)| match index {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    if !shape_fits {
        return Err(NotAMoment::WrongForm);
    }
    let (year, month, day) = (number(&date[..4]), number(&date[5..7]), number(&date[8..]));
    if !YEARS.contains(&year) {
        return Err(NotAMoment::YearOutOfRange);
    }
    if day == 0 || day > days(year, month) {
        return Err(NotAMoment::DoesNotExist);
    }
    Ok((date, rest))
}

/// The days of a month in the Gregorian calendar; none of a month that does not exist.
fn days(year: u32, month: u32) -> u32 {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 => 28 + u32::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    }
}

/// What follows the separator between a date and a time.
fn after_separator(rest: &str) -> Result<&str, NotAMoment> {
    rest.strip_prefix(['T', 't', ' ']).ok_or(NotAMoment::WrongForm)
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

/// The time of day at the beginning, and the rest. There is no second 60 for Salesforce.
fn read_clock(text: &str) -> Result<(Clock<'_>, &str), NotAMoment> {
    use NotAMoment::{DoesNotExist, WrongForm};
    let (to_minute, rest) = text.split_at_checked("HH:mm".len()).ok_or(WrongForm)?;
    let (hour, minute) = to_minute.split_once(':').filter(|(hour, _)| hour.len() == 2).ok_or(WrongForm)?;
    let (hour, minute) = (digits(hour).ok_or(WrongForm)?, digits(minute).ok_or(WrongForm)?);
    if hour > 23 || minute > 59 {
        return Err(DoesNotExist);
    }
    let Some(seconds) = rest.strip_prefix(':') else {
        let to_second = Cow::Owned(format!("{to_minute}:00"));
        return Ok((Clock { to_second, second_of_day: hour * 3600 + minute * 60, fraction: "" }, rest));
    };
    let second = seconds.get(..2).and_then(digits).ok_or(WrongForm)?;
    if second > 59 {
        return Err(DoesNotExist);
    }
    let to_second = Cow::Borrowed(&text[.."HH:mm:ss".len()]);
    let mut rest = &seconds[2..];
    let mut fraction = "";
    if let Some(after_point) = rest.strip_prefix('.') {
        let end = after_point.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(after_point.len());
        if end == 0 {
            return Err(WrongForm);
        }
        (fraction, rest) = after_point.split_at(end);
    }
    Ok((Clock { to_second, second_of_day: hour * 3600 + minute * 60 + second, fraction }, rest))
}

/// Reads all of `text` as an offset, in the form `Z` or `±HH:mm`.
fn read_offset(text: &str) -> Result<Cow<'_, str>, NotAMoment> {
    use NotAMoment::{DoesNotExist, WrongForm};
    let text = text.trim_start_matches(' ');
    if text.is_empty() || matches!(text, "Z" | "z" | "UTC") {
        return Ok(Cow::Borrowed("Z"));
    }
    if !text.starts_with(['+', '-']) || !text.is_ascii() {
        return Err(WrongForm);
    }
    let (hours, minutes) = match text.len() {
        3 => (&text[1..], "00"),
        5 => (&text[1..3], &text[3..]),
        6 if text.as_bytes()[3] == b':' => (&text[1..3], &text[4..]),
        _ => return Err(WrongForm),
    };
    if digits(hours).ok_or(WrongForm)? > 18 || digits(minutes).ok_or(WrongForm)? > 59 {
        return Err(DoesNotExist);
    }
    Ok(if text.len() == 6 { Cow::Borrowed(text) } else { Cow::Owned(format!("{}{hours}:{minutes}", &text[..1])) })
}

/// A number, if the text has only digits.
fn digits(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| number(text))
}

fn number(digits: &str) -> u32 {
    digits.bytes().fold(0, |number, digit| number * 10 + u32::from(digit - b'0'))
}

#[cfg(test)]
mod tests;
