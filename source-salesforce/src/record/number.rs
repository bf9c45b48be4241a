//! Numbers, which keep their digits.

use std::borrow::Cow;

/// The most digits of a whole number that is written out.
const MOST_DIGITS: usize = 40;

/// Whether a text is a number in JSON.
pub(super) fn is_json(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let is_whole = is_digits(whole) && (whole.len() == 1 || !whole.starts_with('0'));
    is_whole
        && fraction.is_none_or(is_digits)
        && exponent.is_none_or(|exponent| is_digits(exponent.strip_prefix(['-', '+']).unwrap_or(exponent)))
}

/// A whole number without a point and without an exponent; none if it is no whole number. Some fields for whole numbers
/// return `47.0`, or `1.2E7` as Java writes it.
pub(super) fn whole(text: &str) -> Option<Cow<'_, str>> {
    if !is_json(text) {
        return None;
    }
    if !text.contains(['.', 'e', 'E']) {
        return Some(text.into());
    }
    let (sign, unsigned) = text.strip_prefix('-').map_or(("", text), |unsigned| ("-", unsigned));
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let exponent: i32 = exponent.parse().ok()?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let point = i32::try_from(whole.len()).ok()?.checked_add(exponent)?;
    let point = usize::try_from(point).ok().filter(|point| (1..=MOST_DIGITS).contains(point))?;
    let digits = format!("{whole}{fraction}");
    let (kept, dropped) = digits.split_at(point.min(digits.len()));
    if dropped.bytes().any(|digit| digit != b'0') {
        return None;
    }
    let number = format!("{kept:0<point$}");
    let number = number.trim_start_matches('0');
    Some(if number.is_empty() { "0".into() } else { format!("{sign}{number}").into() })
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_of_json_are_numbers() {
        for text in ["0", "-0", "12", "-1.50", "1e3", "1.2E-7", "1E+2", "0.000", "12345678901234567890.10"] {
            assert!(is_json(text), "{text}");
            assert!(serde_json::from_str::<serde_json::Value>(text).is_ok(), "{text}");
        }
        for text in ["", "-", "01", "+1", ".5", "5.", "1e", "1e+", "NaN", "1,5", " 1", "0x1", "1_0", "--1", "1.2.3"] {
            assert!(!is_json(text), "{text}");
        }
    }

    #[test]
    fn a_whole_number_is_the_same_number() {
        for (text, expected) in [
            ("47", Some("47")),
            ("-47.000", Some("-47")),
            ("1.2E7", Some("12000000")),
            ("1.25e2", Some("125")),
            ("120E-1", Some("12")),
            ("0.0", Some("0")),
            ("821580693639061174", Some("821580693639061174")),
            ("-0", Some("-0")),
            ("-0.0", Some("0")),
            ("5e1", Some("50")),
            ("0.5E1", Some("5")),
            ("-0.5E1", Some("-5")),
            ("1E39", Some("1000000000000000000000000000000000000000")),
            ("1E40", None),
            ("1.25E1", None),
            ("1.05", None),
            ("10.0001", None),
            ("-1.05", None),
            ("1.005E1", None),
            ("1050E-2", None),
            ("1.0500E2", Some("105")),
            ("1000E-2", Some("10")),
            ("0.5", None),
            ("1E-3", None),
            ("1E99", None),
            ("1E2147483647", None),
            ("1E-2147483648", None),
            ("x", None),
        ] {
            assert_eq!(whole(text).as_deref(), expected, "{text}");
        }
    }
}
