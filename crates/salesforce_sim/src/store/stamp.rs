//! The points in time that the org keeps with a record.

use jiff::Timestamp;

/// A point in time in whole seconds: the stamps of real records end in `.000`, and the milliseconds of `SystemModstamp`
/// do not count when it is compared (salesforce.stackexchange.com, question 234824).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Stamp(i64);

impl Stamp {
    pub(crate) fn of(moment: Timestamp) -> Self {
        Self(moment.as_second())
    }

    /// The stamp of a text such as `2026-01-02T03:04:05Z`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        text.parse().ok().map(Self::of)
    }

    /// The stamp so many seconds before.
    pub(crate) fn before(self, seconds: i64) -> Self {
        Self(self.0.saturating_sub(seconds))
    }

    /// The whole days from another stamp to this one.
    pub(crate) fn days_since(self, other: Self) -> i64 {
        self.0.saturating_sub(other.0).div_euclid(24 * 60 * 60)
    }

    /// The stamp without its seconds.
    pub(crate) fn whole_minute(self) -> Self {
        Self(self.0 - self.0.rem_euclid(60))
    }

    /// The stamp as the answers of the API write it.
    pub(crate) fn json(self) -> String {
        Timestamp::from_second(self.0).unwrap_or_default().strftime("%Y-%m-%dT%H:%M:%S.000+0000").to_string()
    }

    /// The stamp as the records keep the values of such fields.
    pub(crate) fn text(self) -> String {
        Timestamp::from_second(self.0).unwrap_or_default().to_string()
    }
}

/// What the org keeps with a record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Stamps {
    /// `CreatedDate`
    pub(crate) created: Stamp,
    /// `LastModifiedDate`
    pub(crate) modified: Stamp,
    /// `SystemModstamp`
    pub(crate) system: Stamp,
}

impl Stamps {
    /// The stamps of a record that is created now.
    pub(crate) fn new(now: Stamp) -> Self {
        Self { created: now, modified: now, system: now }
    }

    /// The stamp of a field with this name.
    pub(crate) fn get(self, field: &str) -> Option<Stamp> {
        match field {
            "CreatedDate" => Some(self.created),
            "LastModifiedDate" => Some(self.modified),
            "SystemModstamp" => Some(self.system),
            _ => None,
        }
    }

    /// Sets the stamp of a field with this name. False if the field is none of them.
    pub(crate) fn set(&mut self, field: &str, stamp: Stamp) -> bool {
        match field {
            "CreatedDate" => self.created = stamp,
            "LastModifiedDate" => self.modified = stamp,
            "SystemModstamp" => self.system = stamp,
            _ => return false,
        }
        true
    }
}
