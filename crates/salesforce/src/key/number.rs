//! Numbers as keys, in texts of any length.

/// Numbers with more digits before the point are not numbers of Salesforce, which keeps 18.
const MOST_DIGITS: i64 = 100;

/// A number with more digits may be rounded when it is saved (Salesforce Help 000394530).
const MOST_KEPT_DIGITS: i64 = 15;

/// A decimal number: 0.`digits` times ten to the power of `point`, with no zero at either end of the digits.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Decimal {
    is_negative: bool,
    digits: Vec<u8>,
    point: i64,
}

impl Decimal {
    /// A number with or without a sign, a point and an exponent.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let Some((mantissa, exponent)) = text.split_once(['e', 'E']) else { return Self::parse_plain(text) };
        let exponent: i32 = exponent.parse().ok()?;
        let number = Self::parse_plain(mantissa)?;
        // Zero stays zero.
        let shift = if number.digits.is_empty() { 0 } else { i64::from(exponent) };
        Some(Self { point: number.point + shift, ..number })
    }

    /// A number without an exponent.
    pub(super) fn parse_plain(text: &str) -> Option<Self> {
        let (is_negative, unsigned) = match text.strip_prefix('-') {
            Some(unsigned) => (true, unsigned),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let mut all = whole.bytes().chain(fraction.bytes());
        if whole.len() + fraction.len() == 0 || !all.all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let whole = whole.trim_start_matches('0');
        let mut digits = [whole, fraction].concat().into_bytes();
        let leading = digits.iter().take_while(|digit| **digit == b'0').count();
        digits.drain(..leading);
        digits.truncate(digits.iter().rposition(|digit| *digit != b'0').map_or(0, |last| last + 1));
        let point = if digits.is_empty() { 0 } else { length(whole.len()) - length(leading) };
        Some(Self { is_negative: is_negative && !digits.is_empty(), digits, point })
    }

    /// The same text for equal numbers, and not a number itself.
    pub(super) fn to_text(&self) -> String {
        format!("={}0.{}e{}", self.sign(), String::from_utf8_lossy(&self.digits), self.point)
    }

    /// The number with `scale` decimal places, in units of the last one, after an equals sign. A half is rounded up
    /// (Salesforce Help, "Number Fields"). `None` for numbers that are too large.
    pub(super) fn rounded(&self, scale: u32) -> Option<String> {
        let kept = self.point + i64::from(scale);
        if kept > MOST_DIGITS {
            return None;
        }
        // A zero before the digits takes the carry.
        let mut digits = vec![b'0'];
        digits.extend((0..kept.max(0)).map(|position| self.digit(position)));
        if kept >= 0 && self.digit(kept) >= b'5' {
            for digit in digits.iter_mut().rev() {
                if *digit < b'9' {
                    *digit += 1;
                    break;
                }
                *digit = b'0';
            }
        }
        let text = String::from_utf8_lossy(&digits);
        let text = text.trim_start_matches('0');
        Some(if text.is_empty() { "=0".to_owned() } else { format!("={}{text}", self.sign()) })
    }

    /// Whether a field with `scale` decimal places certainly keeps every digit.
    pub(super) fn is_kept(&self, scale: u32) -> bool {
        let digits = length(self.digits.len());
        digits <= MOST_KEPT_DIGITS && digits - self.point <= i64::from(scale)
    }

    /// The number without an exponent. `None` for numbers that no field of Salesforce holds.
    pub(super) fn to_plain(&self) -> Option<String> {
        if self.point.abs() > MOST_DIGITS {
            return None;
        }
        // Positions before the digits and after them are zeros.
        let text = |from: i64, to: i64| (from..to).map(|position| char::from(self.digit(position))).collect::<String>();
        let whole = if self.point > 0 { text(0, self.point) } else { "0".to_owned() };
        let fraction = text(self.point, length(self.digits.len()));
        let point = if fraction.is_empty() { "" } else { "." };
        Some(format!("{}{whole}{point}{fraction}", self.sign()))
    }

    fn sign(&self) -> &'static str {
        if self.is_negative { "-" } else { "" }
    }

    fn digit(&self, position: i64) -> u8 {
        usize::try_from(position).ok().and_then(|position| self.digits.get(position)).copied().unwrap_or(b'0')
    }
}

fn length(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_numbers_have_one_text() {
        for (one, other) in [
            ("1", "1.00"),
            ("01", "1"),
            ("0.50", ".5"),
            ("+7", "7."),
            ("-0", "0.0"),
            ("100", "100.0"),
            ("12345678901234567890.10", "012345678901234567890.1"),
        ] {
            let text = |number| Decimal::parse_plain(number).unwrap().to_text();
            assert_eq!(text(one), text(other), "{one} {other}");
        }
        for (one, other) in [("100", "1"), ("-1", "1"), ("0.1", "0.01"), ("12345678901234567", "12345678901234568")] {
            let text = |number| Decimal::parse_plain(number).unwrap().to_text();
            assert_ne!(text(one), text(other), "{one} {other}");
        }
    }

    #[test]
    fn a_number_is_written_without_an_exponent() {
        for (text, plain) in [
            ("0", Some("0")),
            ("-0.0", Some("0")),
            ("1", Some("1")),
            ("0012.50", Some("12.5")),
            ("-.5", Some("-0.5")),
            ("0.0012", Some("0.0012")),
            ("1.5e3", Some("1500")),
            ("1.234567E8", Some("123456700")),
            ("12E-4", Some("0.0012")),
            ("1e999", None),
        ] {
            assert_eq!(Decimal::parse(text).unwrap().to_plain().as_deref(), plain, "{text}");
        }
    }

    #[test]
    fn numbers_are_rounded_to_the_places_of_the_field() {
        for (text, scale, rounded) in [
            ("1", 0, Some("1")),
            ("1.4", 0, Some("1")),
            ("1.5", 0, Some("2")),
            ("0.5", 0, Some("1")),
            ("0.4", 0, Some("0")),
            ("0.04", 0, Some("0")),
            ("-0.4", 0, Some("0")),
            ("99.5", 0, Some("100")),
            ("1.004", 2, Some("100")),
            ("1.005", 2, Some("101")),
            ("1e3", 0, Some("1000")),
            ("1.5E-1", 1, Some("2")),
            ("0e999999", 0, Some("0")),
            ("1e-999999", 0, Some("0")),
            ("1e999999", 0, None),
        ] {
            let rounded = rounded.map(|rounded| format!("={rounded}"));
            assert_eq!(Decimal::parse(text).unwrap().rounded(scale), rounded, "{text}");
        }
    }

    #[test]
    fn other_text_is_no_number() {
        for text in ["", ".", "-", "x1", "1.2.3", " 1", "1 ", "1,5", "e5", "1e", "1e1.5", "0x1", "NaN", "+-1"] {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_number_has_a_bound_of_a_hundred_places_on_each_side_of_the_point() {
        for (text, scale, is_rounded) in [("1e99", 0, true), ("1e100", 0, false), ("1e98", 1, true), ("1e99", 1, false)]
        {
            assert_eq!(Decimal::parse(text).unwrap().rounded(scale).is_some(), is_rounded, "{text} {scale}");
        }
        for (text, is_plain) in [("1e99", true), ("1e100", false), ("1e-101", true), ("1e-102", false)] {
            assert_eq!(Decimal::parse(text).unwrap().to_plain().is_some(), is_plain, "{text}");
        }
    }

    #[test]
    fn a_number_is_kept_with_fifteen_digits_and_the_places_of_its_field() {
        for (text, scale, is_kept) in [
            ("0", 0, true),
            ("123456789012345", 0, true),
            ("-123456789012345", 0, true),
            ("1234567890123456", 0, false),
            ("1234567890123450", 0, true),
            ("1234567890.12345", 5, true),
            ("1234567890.123456", 6, false),
            ("1.5", 0, false),
            ("1.25", 1, false),
            ("1.25", 2, true),
            ("1.250", 2, true),
            ("0.001", 2, false),
            ("0.001", 3, true),
            ("125e-2", 1, false),
            ("125e-2", 2, true),
            ("1e3", 0, true),
        ] {
            assert_eq!(Decimal::parse(text).unwrap().is_kept(scale), is_kept, "{text} {scale}");
        }
    }

    #[test]
    fn a_rounded_number_keeps_its_sign() {
        for (text, rounded) in [("-1.5", "=-2"), ("-1.4", "=-1"), ("-9.5", "=-10"), ("-0.5", "=-1"), ("+1.5", "=2")] {
            assert_eq!(Decimal::parse(text).unwrap().rounded(0).as_deref(), Some(rounded), "{text}");
        }
    }
}
