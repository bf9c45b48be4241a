//! Checks the text of a cell against the type of its field.

use std::borrow::Cow;

use super::row_error::RowError;
use crate::schema::{Field, FieldType};

/// Returns the value to store for the text of a cell, or the error of its row. Does not check references.
pub(crate) fn check<'a>(field: &Field, text: &'a str) -> Result<Cow<'a, str>, RowError> {
    match field.kind {
        FieldType::Boolean => return boolean(text).map(Cow::Borrowed).ok_or_else(|| wrong_type(field, text)),
        FieldType::Int | FieldType::Double | FieldType::Currency | FieldType::Percent => number(field, text)?,
        FieldType::Date if !is_date(text) => return Err(wrong_type(field, text)),
        FieldType::DateTime if !is_datetime(text) => return Err(wrong_type(field, text)),
        FieldType::Date | FieldType::DateTime => year(field, text)?,
        FieldType::Time if !is_time(text) => return Err(wrong_type(field, text)),
        FieldType::Email => email(field, text)?,
        FieldType::Picklist if field.restricted => picklist(field, text, text)?,
        FieldType::MultiPicklist if field.restricted => {
            text.split(';').try_for_each(|value| picklist(field, value, text))?;
        }
        _ => {}
    }
    length(field, text)?;
    Ok(Cow::Borrowed(text))
}

/// The error of a text that does not have the type of the field.
pub(crate) fn wrong_type(field: &Field, text: &str) -> RowError {
    let message = format!("{}: value not of required type: {text}", field.label);
    RowError::with_fields("INVALID_TYPE_ON_FIELD_IN_RECORD", message, &[&field.name])
}

/// The booleans of XML Schema, in any case.
fn boolean(text: &str) -> Option<&'static str> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" => Some("true"),
        "false" | "0" => Some("false"),
        _ => None,
    }
}

fn number(field: &Field, text: &str) -> Result<(), RowError> {
    let is_int = field.kind == FieldType::Int;
    let magnitude = if is_number(text, is_int) { text.parse::<f64>().ok() } else { None };
    let Some(magnitude) = magnitude else {
        return Err(wrong_type(field, text));
    };
    // Extra digits after the decimal point are kept (Salesforce Help 000387302). The digits before it must fit.
    let digits = i32::try_from(field.precision.saturating_sub(field.scale)).unwrap_or(i32::MAX);
    if magnitude.abs() >= 10_f64.powi(digits) {
        let message = format!("{}: value outside of valid range on numeric field: {text}", field.label);
        return Err(RowError::with_fields("NUMBER_OUTSIDE_VALID_RANGE", message, &[&field.name]));
    }
    Ok(())
}

/// Whether a text is a decimal number. A number that need not be whole may have a point and an exponent.
fn is_number(text: &str, is_int: bool) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if is_int {
        return !unsigned.is_empty() && all_digits(unsigned);
    }
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (unsigned, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    all_digits(whole)
        && all_digits(fraction)
        && whole.len() + fraction.len() > 0
        && exponent.is_none_or(|exponent| !exponent.is_empty() && all_digits(exponent))
}

/// Whether a text matches a pattern, in which `0` stands for any digit.
fn matches_pattern(text: &str, pattern: &str) -> bool {
    text.len() == pattern.len()
        && text.bytes().zip(pattern.bytes()).all(|(byte, wanted)| match wanted {
            b'0' => byte.is_ascii_digit(),
            wanted => byte == wanted,
        })
}

/// `yyyy-MM-dd` (Bulk API 2.0, "Valid Date Format in Records").
fn is_date(text: &str) -> bool {
    matches_pattern(text, "0000-00-00") && text.parse::<jiff::civil::Date>().is_ok()
}

/// `yyyy-MM-ddTHH:mm:ss` with milliseconds or not, and `Z` or an offset (Bulk API 2.0, "Valid Date Format in
/// Records").
fn is_datetime(text: &str) -> bool {
    let Some((date, time)) = text.split_once('T') else {
        return false;
    };
    let Some(zone) = time.find(['Z', '+', '-']) else {
        return false;
    };
    let (clock, zone) = time.split_at(zone);
    is_date(date) && is_clock(clock) && (zone == "Z" || is_offset(&zone[1..]))
}

/// Checks the year of a date ("Minimum and Maximum Dates", SOQL and SOSL Reference). The latest moment is the midnight
/// at the beginning of December 31, 4000; this org takes the whole day.
fn year(field: &Field, text: &str) -> Result<(), RowError> {
    if ("1700".."4001").contains(&&text[..4]) {
        return Ok(());
    }
    let message = format!("{}: invalid date: {text}", field.label);
    Err(RowError::with_fields("FIELD_INTEGRITY_EXCEPTION", message, &[&field.name]))
}

fn is_offset(text: &str) -> bool {
    let has_digits = matches_pattern(text, "00:00") || matches_pattern(text, "0000");
    has_digits && text[..2] <= *"14" && text[text.len() - 2..] < *"60"
}

/// `HH:mm:ss` with milliseconds or not, and with `Z` or not.
fn is_time(text: &str) -> bool {
    is_clock(text.strip_suffix('Z').unwrap_or(text))
}

fn is_clock(text: &str) -> bool {
    let (clock, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_fraction = matches!(fraction.len(), 1..=3) && fraction.bytes().all(|byte| byte.is_ascii_digit());
    is_fraction && matches_pattern(clock, "00:00:00") && clock[..2] < *"24" && clock[3..5] < *"60" && clock[6..] < *"60"
}

fn email(field: &Field, text: &str) -> Result<(), RowError> {
    let is_email = text.split_once('@').is_some_and(|(local, domain)| {
        let labels = domain.split('.');
        !local.is_empty()
            && !domain.contains('@')
            && labels.clone().count() > 1
            && labels.clone().all(|label| !label.is_empty())
            && !text.contains(|letter: char| letter.is_whitespace() || ",;<>()\"".contains(letter))
    });
    if is_email {
        return Ok(());
    }
    let message = format!("{}: invalid email address: {text}", field.label);
    Err(RowError::with_fields("INVALID_EMAIL_ADDRESS", message, &[&field.name]))
}

fn picklist(field: &Field, value: &str, text: &str) -> Result<(), RowError> {
    if field.values.iter().any(|known| known == value) {
        return Ok(());
    }
    let message = format!("bad value for restricted picklist field: {text}");
    Err(RowError::with_fields("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, &[&field.name]))
}

/// Checks the length in UTF-16 units, as Java counts them.
fn length(field: &Field, text: &str) -> Result<(), RowError> {
    let max = field.length;
    let is_short = || text.len() <= max || text.encode_utf16().count() <= max;
    let fits = if field.rich_text { stored_length(text) <= max } else { is_short() };
    if max == 0 || fits {
        return Ok(());
    }
    let message = format!("{}: data value too large: {text} (max length={max})", field.label);
    Err(RowError::with_fields("STRING_TOO_LONG", message, &[&field.name]))
}

/// The length of rich text as it is stored: the markup counts, and a literal `&` or apostrophe counts as the five
/// characters `&amp;` or `&#39;` (Salesforce Help, "Rich Text Area Field Considerations" and "Multi-line text and rich
/// text fields limits and restrictions").
fn stored_length(text: &str) -> usize {
    const ENCODED: usize = 5;
    let mut in_tag = false;
    text.char_indices()
        .map(|(position, character)| {
            in_tag = (in_tag || character == '<') && character != '>';
            match character {
                '&' if !begins_entity(&text[position..]) => ENCODED,
                '\'' if !in_tag => ENCODED,
                other => other.len_utf16(),
            }
        })
        .sum()
}

/// Whether a text begins with an entity such as `&amp;` or `&#39;`.
fn begins_entity(text: &str) -> bool {
    let name = text[1..].split_once(';').map_or("", |(name, _)| name);
    !name.is_empty() && name.len() < 10 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'#')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rich_text_is_measured_as_it_is_stored() {
        for (text, length) in [
            ("<b>bold</b>", 11),
            ("R&D", 7),
            ("R&amp;D", 7),
            ("it's", 8),
            ("<a title='x'>y</a>", 18),
            ("&;", 6),
            ("😀", 2),
        ] {
            assert_eq!(stored_length(text), length, "{text}");
            assert!(check(&Field::rich_text("Rich", length), text).is_ok(), "{text}");
            let error = check(&Field::rich_text("Rich", length - 1), text).unwrap_err();
            assert!(error.to_string().starts_with("STRING_TOO_LONG:"), "{error}");
        }
    }

    #[test]
    fn each_type_takes_its_own_texts() {
        let fields = [
            Field::boolean("Flag"),
            Field::int("Count", 4),
            Field::double("Number", 8, 2),
            Field::date("Day"),
            Field::datetime("Moment"),
            Field::time("Clock"),
            Field::email("Mail"),
            Field::text("Text", 5),
            Field::picklist("Choice", &["A", "B"]).restricted(),
            Field::picklist("Open", &["A", "B"]),
            Field::multipicklist("Choices", &["A", "B"]).restricted(),
        ];
        for (name, accepted, refused) in [
            ("Flag", &["true", "false", "TRUE", "1", "0"][..], &["yes", "t", "2", "on"][..]),
            ("Count", &["0", "-12", "+7", "9999"], &["1.0", "1e3", "1,000", "", " 1", "0x1"]),
            (
                "Number",
                &["1", "-1.25", ".5", "2.", "3.00E+03", "1e-3", "999999.999"],
                &[".", "1,5", "NaN", "inf", "1e", "1 "],
            ),
            (
                "Day",
                &["2026-02-28", "2024-02-29", "1700-01-01", "4000-12-31"],
                &[
                    "1699-12-31",
                    "4001-01-01",
                    "0001-01-01",
                    "2026-02-29",
                    "2026-2-1",
                    "26-02-01",
                    "2026-02-01Z",
                    "01/02/2026",
                ],
            ),
            (
                "Moment",
                &[
                    "2026-02-03T04:05:06Z",
                    "2026-02-03T04:05:06.789Z",
                    "2026-02-03T04:05:06.7+01:00",
                    "2026-02-03T04:05:06-0800",
                    "1700-01-01T00:00:00Z",
                ],
                &[
                    "2026-02-03",
                    "2026-02-03 04:05:06Z",
                    "2026-02-03T04:05:06",
                    "2026-02-03T24:00:00Z",
                    "2026-02-03T04:05Z",
                    "2026-02-03T04:05:06.123456Z",
                    "2026-02-30T04:05:06Z",
                    "1699-12-31T23:59:59Z",
                    "4001-01-01T00:00:00Z",
                    "2026-02-03T04:05:06+1",
                    "1770000000000",
                ],
            ),
            ("Clock", &["04:05:06.789Z", "04:05:06Z", "23:59:59"], &["4:05:06", "24:00:00", "04:05", "04:60:00"]),
            (
                "Mail",
                &["a@example.com", "a.b+c@mail.example.com"],
                &["a", "a@b", "a@@example.com", "a b@example.com", "@example.com", "a@example..com"],
            ),
            ("Text", &["", "fünf5", "\u{1f600}abc"], &["sechs6", "\u{1f600}\u{1f600}ab"]),
            ("Choice", &["A", "B"], &["a", "C", "A;B"]),
            ("Open", &["A", "anything"], &[]),
            ("Choices", &["A", "A;B", "B;A"], &["A;C", "A; B", "C"]),
        ] {
            let field = fields.iter().find(|field| field.name == name).unwrap();
            for text in accepted {
                assert!(check(field, text).is_ok(), "{name}: {text}");
            }
            for text in refused {
                assert!(check(field, text).is_err(), "{name}: {text}");
            }
        }
    }

    #[test]
    fn errors_name_the_field_and_the_text() {
        for (field, text, error) in [
            (
                Field::text("FirstName", 4),
                "Cécile",
                "STRING_TOO_LONG:First Name: data value too large: Cécile (max length=4):FirstName --",
            ),
            (Field::email("Email"), "x", "INVALID_EMAIL_ADDRESS:Email: invalid email address: x:Email --"),
            (
                Field::picklist("Industry", &["Energy"]).restricted(),
                "Magic",
                "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST:bad value for restricted picklist field: Magic:Industry --",
            ),
            (
                Field::date("Close_Date__c"),
                "soon",
                "INVALID_TYPE_ON_FIELD_IN_RECORD:Close Date: value not of required type: soon:Close_Date__c --",
            ),
            (
                Field::currency("Amount", 4, 2),
                "100",
                "NUMBER_OUTSIDE_VALID_RANGE:Amount: value outside of valid range on numeric field: 100:Amount --",
            ),
        ] {
            assert_eq!(check(&field, text).unwrap_err().to_string(), error);
        }
    }

    #[test]
    fn booleans_are_stored_in_one_form() {
        for (text, stored) in [("1", "true"), ("FALSE", "false")] {
            assert_eq!(check(&Field::boolean("Flag"), text).unwrap(), stored);
        }
    }
}
