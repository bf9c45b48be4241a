//! The JSON types that the values of a row had, so that a rejected record comes back with them.
//!
//! CSV has no types: `1` in a checkbox becomes `true`, as `true` does, and `"5"` in a text field becomes `5`, as `5` does.
//! The values of a column nearly always have one type, so a row does not keep its own types: rows share them until a value
//! has another type than the last one in its column.

use std::sync::Arc;

use super::column::Columns;
use airbyte::json::Value;

/// How many lists of types are remembered, for columns whose values go back and forth between types.
const MOST_REMEMBERED: usize = 64;

/// The JSON type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum JsonType {
    Null,
    Text,
    Number,
    Boolean,
    Array,
    Object,
}

impl JsonType {
    #[inline(always)]
    pub(super) fn of(value: &Value<'_>) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Text(_) => Self::Text,
            Value::Number(_) => Self::Number,
            Value::Boolean(_) => Self::Boolean,
            Value::Array(_) => Self::Array,
            Value::Object(_) => Self::Object,
        }
    }
}

/// The JSON types of the values of a row, in the order of the columns. A null has the type of the last value of its column,
/// and none if there was none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowTypes(Box<[JsonType]>);

impl RowTypes {
    /// The type of a column's value; `Null` if no value had one.
    pub(super) fn of(&self, column: usize) -> JsonType {
        self.0.get(column).copied().unwrap_or(JsonType::Null)
    }

    /// The types of the columns that name the record alone. `columns` are those of these types.
    pub(crate) fn of_key(&self, columns: &Columns) -> Arc<Self> {
        Arc::new(Self(columns.naming_columns().iter().map(|(column, _)| self.of(*column)).collect()))
    }

    /// Whether every row with these types can be read with `others`. They differ only in columns that have no type here,
    /// and so no value.
    pub(crate) fn are_within(&self, others: &Self) -> bool {
        self.0.iter().enumerate().all(|(column, own)| *own == JsonType::Null || *own == others.of(column))
    }

    /// The types of a row that has the values of a later one in some columns, and those of this row in the others.
    pub(super) fn merged(&self, later: &Self, is_later: impl Fn(usize) -> bool) -> Self {
        let columns = 0..self.0.len().max(later.0.len());
        Self(columns.map(|column| if is_later(column) { later.of(column) } else { self.of(column) }).collect())
    }

    /// The types of some columns, in their order; none where there is no column.
    pub(crate) fn of_columns(&self, columns: impl IntoIterator<Item = Option<usize>>) -> Self {
        Self(columns.into_iter().map(|column| column.map_or(JsonType::Null, |column| self.of(column))).collect())
    }

    /// The bytes held.
    pub(crate) fn size(&self) -> usize {
        size_of_val(&*self.0)
    }
}

/// Follows the types of one stream's values.
#[derive(Debug, Default)]
pub(super) struct TypeTracker {
    /// The type of the last value of each column.
    last: Vec<JsonType>,
    is_changed: bool,
    of_row: Arc<RowTypes>,
    remembered: Vec<Arc<RowTypes>>,
}

impl TypeTracker {
    /// Follows so many columns from now on, which have no types yet.
    pub(super) fn set_width(&mut self, width: usize) {
        self.last = vec![JsonType::Null; width];
        self.remembered.clear();
        self.is_changed = true;
    }

    /// Whether a value of this type changes nothing.
    #[inline(always)]
    pub(super) fn expects(&self, column: usize, value: &Value<'_>) -> bool {
        let json_type = JsonType::of(value);
        json_type == JsonType::Null || json_type == self.last[column]
    }

    /// Whether a string changes nothing.
    #[inline(always)]
    pub(super) fn expects_text(&self, column: usize) -> bool {
        self.last[column] == JsonType::Text
    }

    /// Follows a value.
    pub(super) fn add(&mut self, column: usize, json_type: JsonType) {
        if json_type != JsonType::Null && json_type != self.last[column] {
            self.last[column] = json_type;
            self.is_changed = true;
        }
    }

    /// Ends a row.
    #[inline(always)]
    pub(super) fn end_row(&mut self) {
        if self.is_changed {
            self.change();
        }
    }

    fn change(&mut self) {
        self.is_changed = false;
        if let Some(known) = self.remembered.iter().find(|known| *known.0 == *self.last) {
            self.of_row = Arc::clone(known);
            return;
        }
        if self.remembered.len() == MOST_REMEMBERED {
            self.remembered.clear();
        }
        self.of_row = Arc::new(RowTypes(self.last.as_slice().into()));
        self.remembered.push(Arc::clone(&self.of_row));
    }

    /// The types of the last row.
    pub(super) fn of_row(&self) -> &Arc<RowTypes> {
        &self.of_row
    }
}

#[cfg(test)]
mod tests {
    use super::JsonType::{Null, Number, Text};
    use super::*;

    #[test]
    fn rows_share_their_types_until_a_value_has_another() {
        let mut tracker = TypeTracker::default();
        tracker.set_width(2);
        let mut row = |types: [JsonType; 2]| {
            types.into_iter().enumerate().for_each(|(column, json_type)| tracker.add(column, json_type));
            tracker.end_row();
            Arc::clone(tracker.of_row())
        };
        let first = row([Text, Null]);
        assert!(Arc::ptr_eq(&first, &row([Null, Null])));
        let second = row([Null, Number]);
        assert!(first.are_within(&second) && !second.are_within(&first));
        assert!(Arc::ptr_eq(&second, &row([Text, Number])));
        let other = row([Number, Null]);
        assert!(!other.are_within(&second) && !second.are_within(&other));
        assert!(Arc::ptr_eq(&second, &row([Text, Null])), "known types are found again");
        assert!(Arc::ptr_eq(&other, &row([Number, Number])));
    }

    #[test]
    fn remembered_types_have_a_bound() {
        let mut tracker = TypeTracker::default();
        tracker.set_width(10);
        for row in 0..1_000_usize {
            for column in 0..10 {
                tracker.add(column, if row >> column & 1 == 0 { Text } else { Number });
            }
            tracker.end_row();
            assert!(tracker.remembered.len() <= MOST_REMEMBERED);
            assert_eq!(tracker.of_row().of(0), if row % 2 == 0 { Text } else { Number });
        }
    }

    #[test]
    fn merged_types_are_those_of_the_values_that_a_row_has_then() {
        let of = |types: &[JsonType]| RowTypes(types.into());
        for (earlier, later, expected) in [
            (&[Text, Text][..], &[Number, Number][..], &[Text, Number][..]),
            (&[Text], &[Null, Number], &[Text, Number]),
            (&[Text, Number, Text], &[Number], &[Text, Null, Text]),
        ] {
            assert_eq!(of(earlier).merged(&of(later), |column| column == 1), of(expected), "{earlier:?} {later:?}");
        }
    }
}
