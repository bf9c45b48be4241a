//! By which fields the records of a stream are found.

use std::hash::{BuildHasher, Hasher};

use foldhash::quality::FixedState;

use super::literal::literals;
use crate::config::{OnMissing, OnSeveral};
use crate::convert::{Key, KeyComparison, NULL_MARKER};

/// The field that every record has as its key.
pub(crate) const ID: &str = "Id";

/// How the records of a stream are found, and what becomes of a row that does not name exactly one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MatchPlan {
    /// The object whose records are looked for.
    pub(crate) object: String,
    /// The fields that together name a record. There is at least one.
    pub(crate) keys: Vec<KeyField>,
    pub(crate) on_missing: OnMissing,
    pub(crate) on_several: OnSeveral,
}

/// One of the fields that name a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyField {
    /// Its name in a query, which is the header of its column too: `Email`, or `Account.External_Id__c`.
    pub(crate) name: String,
    pub(crate) value_type: ValueType,
    /// How the org compares its values.
    pub(crate) comparison: KeyComparison,
    /// The most characters of its values, if there is a limit.
    pub(crate) longest: Option<usize>,
}

/// How a value is written in a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ValueType {
    /// A text of any kind.
    Text,
    Id,
    Number,
    /// A whole number of 32 bits.
    Int,
    /// A whole number of 64 bits.
    Long,
    Boolean,
    Date,
    /// A date and time.
    Moment,
}

/// The key of a row: equal for values that certainly name the same records.
///
/// It takes twelve bytes: a batch has hundreds of thousands. With 96 bits, a million keys and a million records have
/// one by chance once in 10^16 batches. Keys that share the first 48 bits by chance are only asked for again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RowKey([u8; 12]);

impl RowKey {
    fn new(certain: u64, alike: u64) -> Self {
        let mut bytes = [0; 12];
        bytes[..6].copy_from_slice(&alike.to_be_bytes()[..6]);
        bytes[6..].copy_from_slice(&certain.to_be_bytes()[..6]);
        Self(bytes)
    }

    /// The part that keys share which perhaps name the same records.
    pub(crate) fn alike(self) -> u64 {
        let mut bytes = [0; 8];
        bytes[2..].copy_from_slice(&self.0[..6]);
        u64::from_be_bytes(bytes)
    }

    /// A hash by which a later attempt knows the key again.
    pub(crate) fn hash(self) -> u64 {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.0[4..]);
        u64::from_be_bytes(bytes)
    }
}

impl MatchPlan {
    /// Finds the records of an object by their ids.
    pub(crate) fn of_ids(object: &str) -> Self {
        let ids =
            KeyField { name: ID.to_owned(), value_type: ValueType::Id, comparison: KeyComparison::Id, longest: None };
        Self::of_key(object, ids)
    }

    /// Finds the records of an object by one field.
    pub(crate) fn of_key(object: &str, key: KeyField) -> Self {
        let (object, keys) = (object.to_owned(), vec![key]);
        Self { object, keys, on_missing: OnMissing::Reject, on_several: OnSeveral::Reject }
    }

    /// Whether the records are found by their ids.
    pub(crate) fn is_of_ids(&self) -> bool {
        matches!(&*self.keys, [key] if key.name.eq_ignore_ascii_case(ID))
    }

    /// The key of values in the order of the fields.
    ///
    /// # Errors
    /// The first field without a value, so that the values name nothing.
    pub(crate) fn row_key<'v>(&self, values: impl IntoIterator<Item = &'v str>) -> Result<RowKey, &KeyField> {
        let state = |seed| FixedState::with_seed(seed).build_hasher();
        let (mut certain, mut alike) = (state(1), state(2));
        let mut values = values.into_iter();
        for field in &self.keys {
            let value = values.next().filter(|value| !is_blank(value)).ok_or(field)?;
            // A value that no record can have is a key too: it finds nothing.
            let canonical = field.comparison.canonical(value).unwrap_or(value.into());
            field.comparison.add_to_hashes(&canonical, &mut certain, &mut alike);
        }
        Ok(RowKey::new(certain.finish(), alike.finish()))
    }

    /// What values are where case counts in no text: equal for values that perhaps name the same records then.
    pub(super) fn in_any_case<'v>(&self, values: impl IntoIterator<Item = &'v str>) -> u64 {
        let state = |seed| FixedState::with_seed(seed).build_hasher();
        let (mut certain, mut alike) = (state(1), state(2));
        for (field, value) in self.keys.iter().zip(values) {
            let comparison = match field.comparison {
                KeyComparison::Exact | KeyComparison::Text => KeyComparison::IgnoreCase,
                other => other,
            };
            let canonical = comparison.canonical(value).unwrap_or(value.into());
            comparison.add_to_hashes(&canonical, &mut certain, &mut alike);
        }
        alike.finish()
    }

    /// The fields as keys of rows.
    pub(crate) fn row_keys(&self) -> Vec<Key> {
        let key = |field: &KeyField| Key { field: field.name.clone(), comparison: field.comparison };
        self.keys.iter().map(key).collect()
    }

    /// Whether there is no record with this key if the org finds none. A query must be able to ask for each value, and
    /// a record must keep it as it was sent.
    pub(crate) fn proves_absence<V: AsRef<str>>(&self, values: &[V]) -> bool {
        self.is_searchable(values) && self.is_kept(values)
    }

    /// Whether a query compares the values as the plan does, so that its answer says what a key names. It does not
    /// where case counts, or may count, in a text: most texts are equal in any case for a query, also those of an
    /// external id that counts case in an upsert.
    pub(super) fn is_compared_by_queries(&self) -> bool {
        let counts_case = |it: &KeyField| matches!(it.comparison, KeyComparison::Exact | KeyComparison::Text);
        !self.keys.iter().any(|field| field.value_type == ValueType::Text && counts_case(field))
    }

    /// Whether a query can ask for this key.
    pub(super) fn is_searchable<V: AsRef<str>>(&self, values: &[V]) -> bool {
        self.keys.iter().zip(values).all(|(field, value)| literals(field, value.as_ref()).is_some())
    }

    /// Whether a record keeps each value as it was sent.
    pub(super) fn is_kept<V: AsRef<str>>(&self, values: &[V]) -> bool {
        self.keys.iter().zip(values).all(|(field, value)| field.comparison.is_kept(value.as_ref()))
    }

    /// The names of the fields, as a part of a sentence.
    pub(crate) fn names(&self) -> String {
        let names: Vec<&str> = self.keys.iter().map(|field| field.name.as_str()).collect();
        names.join(" and ")
    }
}

/// Whether a cell is not a value for a key.
fn is_blank(cell: &str) -> bool {
    cell.trim().is_empty() || cell == NULL_MARKER
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn plan(keys: &[(&str, KeyComparison)]) -> MatchPlan {
        let field = |(name, comparison): &(&str, KeyComparison)| KeyField {
            name: (*name).to_owned(),
            value_type: match comparison {
                KeyComparison::Number { .. } => ValueType::Number,
                KeyComparison::Moment => ValueType::Moment,
                KeyComparison::Id => ValueType::Id,
                _ => ValueType::Text,
            },
            comparison: *comparison,
            longest: Some(80),
        };
        MatchPlan {
            object: "Contact".into(),
            keys: keys.iter().map(field).collect(),
            on_missing: OnMissing::Reject,
            on_several: OnSeveral::Reject,
        }
    }

    #[test]
    fn keys_are_the_same_where_the_documents_say_so_and_alike_where_they_do_not() {
        use KeyComparison::{Exact, Id, IgnoreCase, Moment, Number};
        for (comparison, one, other, expected) in [
            (IgnoreCase, "Ann@Example.com", " ann@example.COM ", "one"),
            (IgnoreCase, "a", "b", "two"),
            (IgnoreCase, "\u{fc}", "\u{dc}", "perhaps one"),
            (IgnoreCase, "ue", "\u{fc}", "two"),
            (IgnoreCase, "a b", "a  b", "two"),
            (Exact, "a", "A", "two"),
            (Exact, "2026-01-31", "2026-01-31", "one"),
            (Number { scale: 2 }, "1000", "1.0E3", "one"),
            (Number { scale: 2 }, "1", "1.00", "one"),
            (Number { scale: 2 }, "1.001", "1.00", "perhaps one"),
            (Number { scale: 0 }, "1", "-1", "two"),
            (Id, "0015000000Gv7qJ", "0015000000Gv7qJAAR", "one"),
            (Id, "0015000000Gv7qJAAR", "0015000000GV7QJAAR", "perhaps one"),
            (Id, "0015000000Gv7qJ", "0015000000Gv7qj", "two"),
            (Moment, "2026-01-31T09:30:00+02:00", "2026-01-31T07:30:00.000+0000", "one"),
            (Moment, "2026-01-31T07:30:00.000Z", "2026-01-31T07:30:00Z", "one"),
            (Moment, "2026-01-31T07:30:00.250Z", "2026-01-31T07:30:00.000Z", "perhaps one"),
            (IgnoreCase, "a\nb", "a\r\nb", "perhaps one"),
            (Exact, "a\r\nb\nc", "a\nb\r\nc", "perhaps one"),
            (Exact, "a\rb", "a\nb", "perhaps one"),
            (IgnoreCase, "a\nb", "a b", "two"),
            (Moment, "2026-01-31T07:30:01Z", "2026-01-31T07:30:00Z", "two"),
            (Moment, "1700-01-01T00:00:00Z", "4000-12-31T00:00:00Z", "two"),
        ] {
            let plan = plan(&[("F__c", comparison)]);
            let [one_key, other_key] = [one, other].map(|value| plan.row_key([value]).unwrap());
            let found = match (one_key == other_key, one_key.alike() == other_key.alike()) {
                (true, true) => "one",
                (true, false) => "equal and not alike",
                (false, true) => "perhaps one",
                (false, false) => "two",
            };
            assert_eq!(found, expected, "{comparison:?} {one:?} {other:?}");
        }
    }

    #[test]
    fn values_of_several_fields_are_distinguished_by_each() {
        let text = KeyComparison::IgnoreCase;
        let plan = plan(&[("A", text), ("B", text)]);
        let key = |values: [&str; 2]| plan.row_key(values);
        assert_eq!(key(["a", "b"]), key(["A", "b "]));
        for other in [["ab", "c"], ["b", "a"], ["a", "bc"]] {
            assert_ne!(key(["a", "b"]), key(other), "{other:?}");
        }
        for (values, missing) in [(["", "b"], "A"), (["a", " "], "B"), (["a", "#N/A"], "B"), (["\t", ""], "A")] {
            assert_eq!(key(values).unwrap_err().name, missing);
        }
    }

    #[test]
    fn a_query_compares_no_text_in_which_case_may_count() {
        use KeyComparison::{Exact, Id, IgnoreCase, Moment, Number, Text};
        let number = || ("N", Number { scale: 0 });
        for (keys, expected) in [
            (vec![("A", IgnoreCase)], true),
            (vec![("A", Exact)], false),
            (vec![("A", Text)], false),
            (vec![("A", Id)], true),
            (vec![("A", Moment)], true),
            (vec![number()], true),
            (vec![("A", Exact), number()], false),
            (vec![number(), ("A", Text)], false),
            (vec![number(), ("A", IgnoreCase)], true),
        ] {
            assert_eq!(plan(&keys).is_compared_by_queries(), expected, "{keys:?}");
        }
        for value_type in [ValueType::Date, ValueType::Boolean] {
            let mut plan = plan(&[("A", Exact)]);
            plan.keys[0].value_type = value_type;
            assert!(plan.is_compared_by_queries(), "{value_type:?}");
        }
    }

    #[test]
    fn a_plan_is_of_ids_if_they_are_its_only_key() {
        use KeyComparison::{Id, IgnoreCase};
        for (keys, expected) in [
            (vec![("Id", Id)], true),
            (vec![("iD", Id)], true),
            (vec![("AccountId", Id)], false),
            (vec![("Id", Id), ("Email", IgnoreCase)], false),
        ] {
            assert_eq!(plan(&keys).is_of_ids(), expected, "{keys:?}");
        }
        let of_ids = MatchPlan::of_ids("Contact");
        assert!(of_ids.is_of_ids() && of_ids.object == "Contact");
        assert_eq!((of_ids.on_missing, of_ids.on_several), (OnMissing::Reject, OnSeveral::Reject));
        let keys: Vec<_> = plan(&[("Email", IgnoreCase), ("AccountId", Id)]).row_keys();
        assert_eq!(
            keys.iter().map(|key| (&*key.field, key.comparison)).collect::<Vec<_>>(),
            [("Email", IgnoreCase), ("AccountId", Id)]
        );
    }

    #[test]
    fn only_what_a_query_asks_for_and_a_record_keeps_proves_that_nothing_is_there() {
        use KeyComparison::{Exact, Id, IgnoreCase, Moment, Number};
        let too_long = "x".repeat(81);
        for (comparison, value_type, value, expected) in [
            (IgnoreCase, ValueType::Text, "ann@example.com", true),
            (IgnoreCase, ValueType::Text, " M\u{fc}ller \u{1f600} ", true),
            (Exact, ValueType::Text, "a\nb", false),
            (IgnoreCase, ValueType::Text, "a\tb", false),
            (IgnoreCase, ValueType::Text, "a\t", false),
            (IgnoreCase, ValueType::Text, "\u{a0}a", false),
            (IgnoreCase, ValueType::Text, "a\u{200b}b", false),
            (IgnoreCase, ValueType::Text, "e\u{301}", false),
            (IgnoreCase, ValueType::Text, &too_long, false),
            (Number { scale: 2 }, ValueType::Number, "1.5e3", true),
            (Number { scale: 2 }, ValueType::Number, "1234567890123.45", true),
            (Number { scale: 2 }, ValueType::Number, "12345678901234.56", false),
            (Number { scale: 0 }, ValueType::Number, "1000000000000000000", true),
            (Number { scale: 2 }, ValueType::Number, "1.50", true),
            (Number { scale: 2 }, ValueType::Number, "1.505", false),
            (Number { scale: 2 }, ValueType::Number, "1,000", false),
            (Number { scale: 2 }, ValueType::Number, "1000\n", false),
            (Number { scale: 2 }, ValueType::Number, "\u{ff11}", false),
            (Number { scale: 0 }, ValueType::Int, "-2147483648", true),
            (Number { scale: 0 }, ValueType::Int, "7.0", true),
            (Number { scale: 0 }, ValueType::Int, "7.5", false),
            (Number { scale: 0 }, ValueType::Int, "2147483648", false),
            (Number { scale: 0 }, ValueType::Long, "2147483648", true),
            (Number { scale: 0 }, ValueType::Long, "9223372036854775808", false),
            (Exact, ValueType::Boolean, "false", true),
            (Exact, ValueType::Boolean, "FALSE", false),
            (Exact, ValueType::Date, "2026-01-31", true),
            (Exact, ValueType::Date, "31.1.2026", false),
            (Moment, ValueType::Moment, "2026-01-31T09:30:00.000+02:00", true),
            (Moment, ValueType::Moment, "2026-01-31T09:30:00.250Z", false),
            (Moment, ValueType::Moment, "tomorrow", false),
            (Id, ValueType::Id, "0015000000Gv7qJAAR", true),
            (Id, ValueType::Id, "0015000000Gv7qJAAA", false),
        ] {
            let mut plan = plan(&[("Email", IgnoreCase), ("F__c", comparison)]);
            plan.keys[1].value_type = value_type;
            assert_eq!(plan.proves_absence(&["a", value]), expected, "{comparison:?} {value_type:?} {value:?}");
        }
    }
}
