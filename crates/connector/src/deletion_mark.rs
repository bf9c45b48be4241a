//! What the value of a mark says of its record: whether the source has deleted it.
//!
//! A wrong answer would delete a living record or keep a deleted one, so a value that says neither clearly is not an
//! answer.

use airbyte::json::{Text, Value};

use crate::moment;

/// The years that a mark may name. Some databases write another one where they have no time: 0001, 1900, 1970, 9999. As
/// seconds, the last of these is a time of 1978 in milliseconds.
const YEARS: std::ops::RangeInclusive<u32> = 1990..=2098;

/// The same years in seconds since 1970.
const SECONDS: std::ops::RangeInclusive<f64> = 631_152_000.0..=4_070_908_799.0;

/// Texts of a living record, in lower case.
const LIVING: [&str; 6] = ["", "false", "f", "no", "n", "0"];

/// Texts of a deleted record, in lower case.
const DELETED: [&str; 5] = ["true", "t", "yes", "y", "1"];

/// The column by which sources with deletes mark a deleted record. Its case does not matter.
pub const DELETION_MARK: &str = "_ab_cdc_deleted_at";

/// What the value of a mark says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeletionMark {
    /// The record lives.
    Living,
    /// The source has deleted the record.
    Deleted,
    /// Neither.
    Unclear,
}

impl DeletionMark {
    /// What a value says.
    #[must_use]
    pub fn read(value: &Value<'_>) -> Self {
        match value {
            Value::Null | Value::Boolean(false) => Self::Living,
            Value::Boolean(true) => Self::Deleted,
            Value::Number(number) => Self::of_number(number),
            Value::Text(text) if text.has_escape => Self::of_escaped(*text),
            Value::Text(text) => Self::of_text(text.raw),
            Value::Array(_) | Value::Object(_) => Self::Unclear,
        }
    }

    fn of_escaped(text: Text<'_>) -> Self {
        let mut decoded = String::new();
        text.decode(&mut decoded).map_or(Self::Unclear, |_| Self::of_text(&decoded))
    }

    fn of_text(text: &str) -> Self {
        let text = text.trim();
        let is_one_of = |words: &[&str]| words.iter().any(|word| word.eq_ignore_ascii_case(text));
        if is_one_of(&LIVING) {
            Self::Living
        } else if is_one_of(&DELETED) || moment::year_of(text).is_some_and(|year| YEARS.contains(&year)) {
            Self::Deleted
        } else {
            Self::of_number(text)
        }
    }

    /// Also a number in a text. A time is one in seconds, milliseconds, microseconds or nanoseconds.
    fn of_number(number: &str) -> Self {
        let is_number = number.starts_with(|first: char| first == '-' || first.is_ascii_digit());
        let Some(number) = number.parse::<f64>().ok().filter(|_| is_number) else { return Self::Unclear };
        let is_time = [1.0, 1e3, 1e6, 1e9].iter().any(|unit| SECONDS.contains(&(number / unit)));
        if number.abs() < f64::MIN_POSITIVE {
            Self::Living
        } else if is_time || (number - 1.0).abs() < f64::EPSILON {
            Self::Deleted
        } else {
            Self::Unclear
        }
    }
}

#[cfg(test)]
mod tests {
    use super::DeletionMark::{Deleted, Living, Unclear};
    use super::*;
    use airbyte::json::Cursor;

    /// The values of `docs/deletes.md`.
    #[test]
    fn the_page_has_the_answers() {
        let page = include_str!("../../../docs/deletes.md");
        let table = page.split("| value | the record |\n| --- | --- |\n").nth(1).unwrap().split("\n\n").next().unwrap();
        for line in table.lines() {
            let (json, answer) = line.trim_matches(['|', ' ']).split_once(" | ").unwrap();
            let expected = match answer {
                "lives" => Living,
                "is deleted" => Deleted,
                "is rejected" => Unclear,
                other => panic!("{other}"),
            };
            let value = Cursor::new(json.trim_matches('`')).value().unwrap();
            assert_eq!(DeletionMark::read(&value), expected, "{line}");
        }
        assert!(table.lines().count() > 20);
    }

    #[test]
    fn a_mark_says_clearly_that_a_record_lives_or_is_deleted_or_it_says_nothing() {
        for (json, expected) in [
            ("null", Living),
            ("false", Living),
            ("0", Living),
            ("0.0", Living),
            ("-0", Living),
            (r#""""#, Living),
            (r#"" ""#, Living),
            (r#""False""#, Living),
            (r#""f""#, Living),
            (r#""NO""#, Living),
            (r#""n""#, Living),
            (r#""0""#, Living),
            ("true", Deleted),
            ("1", Deleted),
            ("1.0", Deleted),
            (r#""true""#, Deleted),
            (r#"" TRUE ""#, Deleted),
            (r#""\u0074rue""#, Deleted),
            (r#""T""#, Deleted),
            (r#""Yes""#, Deleted),
            (r#""y""#, Deleted),
            (r#""1""#, Deleted),
            (r#""2026-01-01""#, Deleted),
            (r#""2026-01-01T00:00:00Z""#, Deleted),
            (r#""2026-01-01T00:00:00.123456Z""#, Deleted),
            (r#""2026-01-01 00:00:00.123456+00""#, Deleted),
            (r#""2026-01-01 00:00:00 UTC""#, Deleted),
            (r#""1990-01-01""#, Deleted),
            (r#""2098-12-31""#, Deleted),
            ("1767225600", Deleted),
            ("1767225600000", Deleted),
            ("1767225600.123", Deleted),
            (r#""1767225600000000""#, Deleted),
            ("1767225600000000000", Deleted),
            // "Never" in some databases.
            (r#""0000-00-00 00:00:00""#, Unclear),
            (r#""0001-01-01""#, Unclear),
            (r#""1900-01-01""#, Unclear),
            (r#""1970-01-01T00:00:00Z""#, Unclear),
            (r#""1989-12-31""#, Unclear),
            (r#""2099-01-01""#, Unclear),
            ("631152000", Deleted),
            ("631151999", Unclear),
            ("4070908799", Deleted),
            ("4070908800", Unclear),
            ("4070908799000", Deleted),
            ("4070908800000", Unclear),
            ("631151999999", Unclear),
            ("631152000000000", Deleted),
            ("4070908799000000000", Deleted),
            ("-1767225600", Unclear),
            (r#"".5""#, Unclear),
            (r#""+1""#, Unclear),
            ("1.1", Unclear),
            ("0.9", Unclear),
            ("1e0", Deleted),
            (r#""9999-12-31""#, Unclear),
            ("253402300799", Unclear),
            ("9223372036854775807", Unclear),
            ("-1", Unclear),
            ("2", Unclear),
            ("0.5", Unclear),
            ("20260101", Unclear),
            (r#""2026-02-30""#, Unclear),
            (r#""2026-01-01x""#, Unclear),
            (r#""deleted""#, Unclear),
            (r#""nan""#, Unclear),
            (r#""inf""#, Unclear),
            (r#""null""#, Unclear),
            (r#""\ud800""#, Unclear),
            ("[]", Unclear),
            (r#"{"deleted":true}"#, Unclear),
        ] {
            let value = Cursor::new(json).value().unwrap();
            assert_eq!(DeletionMark::read(&value), expected, "{json}");
        }
    }
}
