//! The fields of a stream's records that are left out. A source may use any text as a name, so their number has no
//! bound: what is kept and logged of them has one.

use std::collections::HashSet;

use crate::convert::SourceColumn;
use airbyte::StreamName;

/// How many names the log has, a line each.
const MOST_LOGGED: u64 = 50;

/// How many names are kept. A record with one that is not kept is converted twice.
const MOST_NAMES: usize = 1_000;

/// The bytes of all names that are kept.
const MOST_BYTES: usize = 32 * 1024;

/// The fields that are left out.
#[derive(Debug, Default)]
pub(super) struct IgnoredFields {
    names: HashSet<SourceColumn>,
    bytes: usize,
    /// How many of the names are the user's, and not metadata.
    fields: u64,
    /// Names that the converter does not know yet.
    new_names: Vec<SourceColumn>,
    /// How many values of the current record have names that are not kept.
    values_of_record: u64,
    /// The same for all earlier records.
    values: u64,
}

/// Whose field it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ignored {
    /// The user's: the log names it.
    Data,
    /// The platform's or the source's, which do not concern the user.
    Metadata,
}

impl IgnoredFields {
    /// Begins the conversion of a record, again if it has begun before.
    pub(super) fn begin_record(&mut self) {
        self.values_of_record = 0;
    }

    /// Adds a value of the current record.
    pub(super) fn add(&mut self, stream: &StreamName, source: &SourceColumn, kind: Ignored) {
        if self.names.contains(source) {
            return;
        }
        if self.names.len() >= MOST_NAMES || self.bytes + source.length() > MOST_BYTES {
            self.values_of_record += u64::from(kind == Ignored::Data);
            return;
        }
        self.bytes += source.length();
        self.names.insert(source.clone());
        self.new_names.push(source.clone());
        if kind == Ignored::Data {
            self.fields += 1;
            if self.fields <= MOST_LOGGED {
                tracing::warn!(%stream, field = source.shown(), "a field of the records is ignored");
            }
        }
    }

    /// Ends the record, and returns the names that are new.
    pub(super) fn end_record(&mut self) -> std::vec::Drain<'_, SourceColumn> {
        self.values += std::mem::take(&mut self.values_of_record);
        self.new_names.drain(..)
    }

    /// Logs how much the log does not name.
    pub(super) fn log_rest(&self, stream: &StreamName) {
        let (fields, values) = (self.fields.saturating_sub(MOST_LOGGED), self.values);
        if fields + values > 0 {
            tracing::warn!(
                %stream, fields, values,
                "more fields of the records are ignored"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add_all(ignored: &mut IgnoredFields, names: impl Iterator<Item = String>, kind: Ignored) -> usize {
        let stream = StreamName { namespace: None, name: "s".to_owned() };
        ignored.begin_record();
        names.for_each(|name| ignored.add(&stream, &SourceColumn::top(name), kind));
        ignored.end_record().count()
    }

    #[test]
    fn names_are_kept_up_to_a_number_and_counted_beyond() {
        for kind in [Ignored::Data, Ignored::Metadata] {
            let mut ignored = IgnoredFields::default();
            let names = || (0..400_000).map(|number| format!("n{number}"));
            assert_eq!(add_all(&mut ignored, names(), kind), MOST_NAMES);
            assert_eq!(add_all(&mut ignored, names(), kind), 0);
            let beyond = if kind == Ignored::Data { 2 * (400_000 - MOST_NAMES as u64) } else { 0 };
            assert_eq!(ignored.values, beyond);
            assert_eq!((ignored.names.len(), ignored.new_names.len()), (MOST_NAMES, 0));
        }
    }

    #[test]
    fn long_names_are_not_kept() {
        let mut ignored = IgnoredFields::default();
        let names = (0..MOST_NAMES).map(|number| format!("{number:0>1000}"));
        assert_eq!(add_all(&mut ignored, names, Ignored::Data), MOST_BYTES / 1000);
        assert_eq!(add_all(&mut ignored, std::iter::once("x".repeat(MOST_BYTES)), Ignored::Data), 0);
    }

    #[test]
    fn a_record_that_is_converted_again_counts_once() {
        let mut ignored = IgnoredFields::default();
        let stream = StreamName { namespace: None, name: "s".to_owned() };
        for _ in 0..2 {
            ignored.begin_record();
            ignored.add(&stream, &SourceColumn::top("x".repeat(MOST_BYTES + 1)), Ignored::Data);
        }
        ignored.end_record();
        assert_eq!(ignored.values, 1);
    }
}
