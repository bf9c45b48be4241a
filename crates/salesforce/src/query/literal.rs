//! Values in the text of a query.

use std::fmt::{self, Write};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::record_id::check_characters;

/// The years of dates that Salesforce knows (SOQL and SOSL Reference, "Date Formats and Date Literals").
const YEARS: std::ops::RangeInclusive<i16> = 1700..=4000;

/// The largest exponent of a number that is written out. No field has more than 18 digits.
const LARGEST_EXPONENT: u32 = 40;

/// The most digits of a number, leading and trailing zeros among them.
const MOST_DIGITS: usize = 100;

/// A value as a query writes it. Whatever a text contains, it stays one literal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Literal(String);

impl Literal {
    /// The most characters of a text in a condition (Limits Quick Reference, "SOQL and SOSL Limits"). Salesforce
    /// refuses the query of a longer one. No field that a query can filter by has values as long.
    pub const LONGEST_TEXT: usize = 4_000;

    /// A text: also the value of a picklist, an e-mail address, an id.
    ///
    /// The escapes are those that Salesforce documents (SOQL and SOSL Reference, "Quoted String Escape Sequences").
    /// Control characters other than line ends and tabs are written by their code, because the page calls `\b` the bell
    /// and others call it the backspace. `%` and `_` have a meaning for `LIKE` alone.
    pub fn text(text: impl AsRef<str>) -> Self {
        let text = text.as_ref();
        let mut literal = String::with_capacity(text.len() + 2);
        literal.push('\'');
        for character in text.chars() {
            match character {
                '\'' | '"' | '\\' => literal.extend(['\\', character]),
                '\n' => literal.push_str("\\n"),
                '\r' => literal.push_str("\\r"),
                '\t' => literal.push_str("\\t"),
                // Some readers take the last two for line ends.
                _ if character.is_control() || matches!(character, '\u{2028}' | '\u{2029}') => {
                    // Writing to a text cannot fail. These characters have one UTF-16 unit.
                    let _ = write!(literal, "\\u{:04x}", u32::from(character));
                }
                _ => literal.push(character),
            }
        }
        literal.push('\'');
        Self(literal)
    }

    /// An id of 15 or 18 characters. None if the text is not an id: Salesforce refuses a whole query for one wrong id.
    pub fn id(text: &str) -> Option<Self> {
        let is_id = match text.len() {
            15 => true,
            18 => has_check_characters(text.as_bytes()),
            _ => false,
        };
        (is_id && text.bytes().all(|byte| byte.is_ascii_alphanumeric())).then(|| Self::text(text))
    }

    /// A number, from its text with or without a sign, a point and an exponent. None if the text is not a number, or
    /// one with far more digits than any field has. An exponent is written out, because no document allows it in a
    /// query.
    pub fn number(text: &str) -> Option<Self> {
        let (sign, unsigned) = match text.strip_prefix(['-', '+']) {
            Some(unsigned) => (if text.starts_with('-') { "-" } else { "" }, unsigned),
            None => ("", text),
        };
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let has_digits = !whole.is_empty() || !fraction.is_empty();
        if !has_digits || !is_digits(whole) || !is_digits(fraction) {
            return None;
        }
        if exponent.unsigned_abs() > LARGEST_EXPONENT || whole.len() + fraction.len() > MOST_DIGITS {
            return None;
        }
        let mut digits = format!("{whole}{fraction}");
        let mut point = i32::try_from(whole.len()).ok()? + exponent;
        while point < 1 {
            digits.insert(0, '0');
            point += 1;
        }
        let point = usize::try_from(point).ok()?;
        while digits.len() < point {
            digits.push('0');
        }
        let (whole, fraction) = digits.split_at(point);
        let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
        let whole = if whole.is_empty() { "0" } else { whole };
        Some(Self(if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }))
    }

    /// A checkbox.
    pub fn boolean(value: bool) -> Self {
        Self(value.to_string())
    }

    /// A date as `yyyy-MM-dd`. None if the text is none, or the year is one that Salesforce does not know.
    pub fn date(text: &str) -> Option<Self> {
        let date: Date = text.parse().ok().filter(|_| text.len() == 10)?;
        YEARS.contains(&date.year()).then(|| Self(text.to_owned()))
    }

    /// A point in time with `Z` or an offset, such as `2026-01-02T03:04:05.000+0100`. It is written in UTC. None if the
    /// text is none, or the year is one that Salesforce does not know.
    pub fn datetime(text: &str) -> Option<Self> {
        let moment: Timestamp = text.parse().ok()?;
        if !YEARS.contains(&TimeZone::UTC.to_datetime(moment).year()) {
            return None;
        }
        let format = if moment.subsec_millisecond() == 0 { "%Y-%m-%dT%H:%M:%SZ" } else { "%Y-%m-%dT%H:%M:%S%.3fZ" };
        Some(Self(moment.strftime(format).to_string()))
    }

    /// The number of bytes that the literal takes in a URL.
    pub(super) fn url_length(&self) -> usize {
        url_length(&self.0)
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether the last three of 18 characters encode the case of the others. Their own case does not matter.
fn has_check_characters(id: &[u8]) -> bool {
    id.split_first_chunk().is_some_and(|(short, check)| check_characters(short).eq_ignore_ascii_case(check))
}

/// The number of bytes that a text takes in the query of a URL (URL Standard, "application/x-www-form-urlencoded").
pub fn url_length(text: &str) -> usize {
    let length = |byte: u8| match byte {
        b'*' | b'-' | b'.' | b'_' | b' ' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => 1,
        _ => 3,
    };
    text.bytes().map(length).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use url::form_urlencoded::byte_serialize;

    use super::*;

    #[test]
    fn a_text_is_quoted_with_the_documented_escapes() {
        for (text, quoted) in [
            ("", "''"),
            ("plain", "'plain'"),
            ("O'Hara", r"'O\'Hara'"),
            (r"C:\new", r"'C:\\new'"),
            (r"\", r"'\\'"),
            (r"\'", r"'\\\''"),
            ("say \"hi\"", r#"'say \"hi\"'"#),
            ("a\nb\r\tc", r"'a\nb\r\tc'"),
            ("\u{0}\u{7}\u{8}\u{c}\u{1b}\u{7f}\u{85}", r"'\u0000\u0007\u0008\u000c\u001b\u007f\u0085'"),
            ("\u{2028}\u{2029}", r"'\u2028\u2029'"),
            ("50%_, (a) -- ; {b} &c=d+e#", "'50%_, (a) -- ; {b} &c=d+e#'"),
            ("Zoë 東京 😀", "'Zoë 東京 😀'"),
            ("' OR Name != '", r"'\' OR Name != \''"),
        ] {
            assert_eq!(Literal::text(text).to_string(), quoted);
        }
    }

    #[test]
    fn a_number_is_written_out() {
        for (text, literal) in [
            ("7", Some("7")),
            ("007", Some("7")),
            ("-0.50", Some("-0.5")),
            ("+12", Some("12")),
            (".5", Some("0.5")),
            ("5.", Some("5")),
            ("1.6147805824397E13", Some("16147805824397")),
            ("1.0E7", Some("10000000")),
            ("12e-4", Some("0.0012")),
            ("1.25e1", Some("12.5")),
            ("-2E+3", Some("-2000")),
            ("9007199254740993", Some("9007199254740993")),
            ("", None),
            (".", None),
            ("-", None),
            ("--1", None),
            ("1e", None),
            ("1e999999999", None),
            ("1e2147483647", None),
            ("1e-2147483648", None),
            (&"1".repeat(100), Some(&"1".repeat(100))),
            (&"1".repeat(101), None),
            ("1e40", Some(&format!("1{}", "0".repeat(40)))),
            ("1e41", None),
            ("1e-40", Some(&format!("0.{}1", "0".repeat(39)))),
            ("1e-41", None),
            ("0", Some("0")),
            ("-0", Some("-0")),
            ("1.2.3", None),
            ("1,5", None),
            ("1 OR 2", None),
            ("NaN", None),
            ("0x1", None),
            ("+1e-1", Some("0.1")),
            ("+-1", None),
            ("1-", None),
        ] {
            assert_eq!(Literal::number(text).map(|literal| literal.to_string()).as_deref(), literal, "{text:?}");
        }
    }

    #[test]
    fn a_date_and_a_moment_are_checked_and_written_in_utc() {
        for (text, literal) in [
            ("2026-02-28", Some("2026-02-28")),
            ("1700-01-01", Some("1700-01-01")),
            ("2026-02-30", None),
            ("4000-12-31", Some("4000-12-31")),
            ("4001-01-01", None),
            ("1699-12-31", None),
            ("0001-01-01", None),
            ("20260228", None),
            ("2026-02-28T00:00:00Z", None),
            ("2026-02-28 OR", None),
        ] {
            assert_eq!(Literal::date(text).map(|literal| literal.to_string()).as_deref(), literal, "{text}");
        }
        for (text, literal) in [
            ("2026-01-02T03:04:05Z", Some("2026-01-02T03:04:05Z")),
            ("2026-01-02T03:04:05.000+0000", Some("2026-01-02T03:04:05Z")),
            ("2026-01-02T03:04:05.678-08:00", Some("2026-01-02T11:04:05.678Z")),
            ("2026-01-01T00:30:00+01:00", Some("2025-12-31T23:30:00Z")),
            ("2026-01-02T03:04:05", None),
            ("2026-01-02", None),
            ("4000-12-31T23:59:59Z", Some("4000-12-31T23:59:59Z")),
            ("4001-01-01T00:00:00Z", None),
            ("1700-01-01T00:00:00Z", Some("1700-01-01T00:00:00Z")),
            ("1700-01-01T00:00:00+00:01", None),
            ("soon", None),
        ] {
            assert_eq!(Literal::datetime(text).map(|literal| literal.to_string()).as_deref(), literal, "{text}");
        }
    }

    #[test]
    fn an_id_has_15_or_18_letters_and_digits() {
        assert_eq!(Literal::id("001Sim000000001").unwrap().to_string(), "'001Sim000000001'");
        for text in ["001Sim000000001IAA", "001Sim000000001iaa", "001000000000001AAA", "abcdeFGHIJ01KlMA5U"] {
            assert!(Literal::id(text).is_some(), "{text}");
        }
        for text in [
            "",
            "001Sim00000000",
            "001Sim0000000001",
            "001Sim00000000'",
            "001Sim0000000\u{e9}",
            "001Sim000000001AAA",
            "001Sim00000000\u{e9}AA",
            "internationalism18",
        ] {
            assert_eq!(Literal::id(text), None, "{text}");
        }
    }

    #[test]
    fn characters_that_an_address_encodes_count_three_times() {
        assert_eq!(url_length("a = 'a@b.c'"), 7 + 4 * 3);
        assert_eq!(url_length("\u{fc}"), 6);
    }

    proptest! {
        #[test]
        fn no_text_ends_its_literal(text in "\\PC*|[\\x00-\\x7f]*|['\\\\\"]*") {
            let literal = Literal::text(&text).to_string();
            let inside = literal.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')).unwrap();
            let mut is_escaped = false;
            for character in inside.chars() {
                prop_assert!(is_escaped || character != '\'', "{literal}");
                prop_assert!(!character.is_control(), "{literal}");
                is_escaped = !is_escaped && character == '\\';
            }
            prop_assert!(!is_escaped, "{literal}");
        }

        #[test]
        fn the_length_in_a_url_is_exact(text in any::<String>()) {
            let encoded: String = byte_serialize(text.as_bytes()).collect();
            prop_assert_eq!(url_length(&text), encoded.len());
        }
    }
}
