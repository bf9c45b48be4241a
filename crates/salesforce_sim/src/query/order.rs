//! In which order a query returns records.

use std::cmp::Ordering;

use super::{column::Column, comparison::Kind};
use crate::{
    reply::ApiError,
    schema::{FieldType, Object},
    soql::SortKey,
    store::{Table, Tables},
};

/// The fields that records are sorted by, the most important first.
#[derive(Debug, Clone)]
pub(super) struct Order(Vec<Key>);

#[derive(Debug, Clone)]
struct Key {
    column: Column,
    kind: Kind,
    is_descending: bool,
    has_nulls_last: bool,
}

impl Order {
    /// Finds the fields of an `ORDER BY`. Long texts, encrypted fields and multi-select picklists cannot be sorted by
    /// (SOQL and SOSL Reference, "ORDER BY").
    pub(super) fn new(tables: &Tables, object: &Object, keys: &[SortKey]) -> Result<Self, ApiError> {
        let key = |key: &SortKey| {
            let column = Column::resolve(tables, object, &key.field)?;
            let field = column.field(tables, object).ok_or_else(ApiError::not_found)?;
            let is_sortable = field.is_filterable() && field.kind != FieldType::MultiPicklist;
            let Some(kind) = Kind::of(field).filter(|_| is_sortable) else {
                let text = format!("field '{}' can not be sorted in a query call", field.name);
                return Err(ApiError::new(400, "INVALID_FIELD", text));
            };
            let SortKey { is_descending, has_nulls_last, .. } = *key;
            Ok(Key { column, kind, is_descending, has_nulls_last })
        };
        keys.iter().map(key).collect::<Result<_, _>>().map(Self)
    }

    /// Whether there is one at all.
    pub(super) fn is_given(&self) -> bool {
        !self.0.is_empty()
    }

    /// Sorts records, which keep their order where they are equal.
    pub(super) fn sort(&self, tables: &Tables, table: &Table, records: &mut Vec<usize>) {
        let form = |key: &Key, record: usize| {
            key.column
                .value(tables, table, record)
                .and_then(|value| key.kind.form(&value).map(|form| form.into_owned()))
        };
        let forms = |record: usize| (self.0.iter().map(|key| form(key, record)).collect::<Vec<_>>(), record);
        let mut sorted: Vec<_> = records.iter().map(|record| forms(*record)).collect();
        sorted.sort_by(|(left, _), (right, _)| {
            let compared = self.0.iter().zip(left.iter().zip(right));
            compared.fold(Ordering::Equal, |order, (key, (left, right))| order.then_with(|| key.order(left, right)))
        });
        *records = sorted.into_iter().map(|(_, record)| record).collect();
    }
}

impl Key {
    /// Null comes first or last, whatever the direction.
    fn order(&self, left: &Option<String>, right: &Option<String>) -> Ordering {
        let nulls = if self.has_nulls_last { Ordering::Greater } else { Ordering::Less };
        match (left, right) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => nulls,
            (Some(_), None) => nulls.reverse(),
            (Some(left), Some(right)) => {
                let order = self.kind.order(left, right).unwrap_or(Ordering::Equal);
                if self.is_descending { order.reverse() } else { order }
            }
        }
    }
}
