//! Points in time in whole seconds, as windows and their states have them.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use salesforce::Literal;
use serde::{Deserialize, Serialize};

/// A point in time in whole seconds. Stamps of records have no more (their milliseconds do not count when they are
/// compared).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Moment(Timestamp);

impl Moment {
    /// The second of a point in time.
    pub(crate) fn of(time: Timestamp) -> Self {
        Self(
            Timestamp::from_second(time.as_second().saturating_sub(i64::from(time.subsec_nanosecond() < 0)))
                .unwrap_or(time),
        )
    }

    /// The minute of a point in time: `/updated` and `/deleted` know no seconds.
    pub(crate) fn whole_minute(self) -> Self {
        self.minus(SignedDuration::from_secs(self.0.as_second().rem_euclid(60)))
    }

    pub(crate) fn minus(self, time: SignedDuration) -> Self {
        self.0.checked_sub(time).map_or(self, Self)
    }

    /// The time from another point in time to this one.
    pub(crate) fn since(self, other: Self) -> SignedDuration {
        self.0.duration_since(other.0)
    }

    pub(crate) fn timestamp(self) -> Timestamp {
        self.0
    }

    /// The value in a query. None for a year that Salesforce does not know.
    pub(crate) fn literal(self) -> Option<Literal> {
        Literal::datetime(&self.to_string())
    }

    /// Reads a date such as `2021-07-25` or a point in time such as `2021-07-25T00:00:00Z`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let day = || format!("{text}T00:00:00Z").parse::<Timestamp>();
        text.parse::<Timestamp>().or_else(|_| day()).ok().map(Self::of)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<Moment> for String {
    fn from(moment: Moment) -> Self {
        moment.to_string()
    }
}

impl TryFrom<String> for Moment {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("{text} is no point in time"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_has_whole_seconds_and_every_usual_form() {
        for (text, expected) in [
            ("2026-01-02", "2026-01-02T00:00:00Z"),
            ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"),
            ("2026-01-02T03:04:05.999Z", "2026-01-02T03:04:05Z"),
            ("2026-01-02T03:04:05.000+0000", "2026-01-02T03:04:05Z"),
            ("2026-01-02T03:04:05+02:00", "2026-01-02T01:04:05Z"),
            ("1969-12-31T23:59:58.5Z", "1969-12-31T23:59:58Z"),
        ] {
            assert_eq!(Moment::parse(text).unwrap().to_string(), expected, "{text}");
        }
        assert_eq!(Moment::parse("yesterday"), None);
        let moment = Moment::parse("2026-01-02T03:04:05Z").unwrap();
        assert_eq!(moment.whole_minute().to_string(), "2026-01-02T03:04:00Z");
        let before_1970 = Moment::parse("1969-12-31T23:59:58.5Z").unwrap();
        assert_eq!(before_1970.whole_minute().to_string(), "1969-12-31T23:59:00Z");
        assert_eq!(moment.since(moment.whole_minute()), SignedDuration::from_secs(5));
        assert_eq!(moment.literal().unwrap().to_string(), "2026-01-02T03:04:05Z");
    }
}
