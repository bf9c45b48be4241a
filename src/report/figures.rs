//! Numbers, times and moments as a person reads them.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A number with its thousands apart: `1,234,567`.
pub(super) struct Number(pub(super) u64);

/// A number of things: `1 row`, `2 rows`.
pub(super) struct Counted(pub(super) u64, pub(super) &'static str);

/// A length of time: `85 ms`, `1.2 s`, `4 min 05 s`, `2 h 05 min`.
pub(super) struct Lasting(pub(super) Duration);

/// A share of the length of a sync, in percent.
pub(super) struct Percent(pub(super) f64);

/// A moment: `27 November 2026, 14:41:37 UTC`.
pub(super) struct Moment(pub(super) Timestamp);

impl Display for Number {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

impl Display for Counted {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self(count, thing) = self;
        write!(f, "{} {thing}{}", Number(*count), if *count == 1 { "" } else { "s" })
    }
}

impl Display for Lasting {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let milliseconds = self.0.as_millis();
        let seconds = self.0.as_secs();
        match seconds {
            0 => write!(f, "{milliseconds} ms"),
            1..60 => write!(f, "{}.{} s", seconds, milliseconds % 1_000 / 100),
            60..3_600 => write!(f, "{} min {:02} s", seconds / 60, seconds % 60),
            _ => write!(f, "{} h {:02} min", Number(seconds / 3_600), seconds / 60 % 60),
        }
    }
}

impl Display for Percent {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2}%", self.0.clamp(0.0, 100.0))
    }
}

impl Display for Moment {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.to_zoned(TimeZone::UTC).strftime("%-d %B %Y, %H:%M:%S UTC"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_their_thousands_apart() {
        for (number, expected) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (1_234_567, "1,234,567"),
            (u64::MAX, "18,446,744,073,709,551,615"),
        ] {
            assert_eq!(Number(number).to_string(), expected);
        }
        assert_eq!(Counted(0, "row").to_string(), "0 rows");
        assert_eq!(Counted(1, "row").to_string(), "1 row");
        assert_eq!(Counted(1_200, "row").to_string(), "1,200 rows");
    }

    #[test]
    fn times_have_two_units_at_most() {
        for (milliseconds, expected) in [
            (0, "0 ms"),
            (999, "999 ms"),
            (1_260, "1.2 s"),
            (59_999, "59.9 s"),
            (60_000, "1 min 00 s"),
            (245_500, "4 min 05 s"),
            (3_600_000, "1 h 00 min"),
            (7_500_000, "2 h 05 min"),
            (360_000_000, "100 h 00 min"),
        ] {
            assert_eq!(Lasting(Duration::from_millis(milliseconds)).to_string(), expected);
        }
    }

    #[test]
    fn a_moment_names_its_time_zone() {
        let moment: Timestamp = "2026-03-04T05:06:07.089Z".parse().unwrap();
        assert_eq!(Moment(moment).to_string(), "4 March 2026, 05:06:07 UTC");
    }
}
