//! Columns of every kind, and the decision about a new source column.

use std::sync::Arc;

use airbyte::JsonTypes;
use destination_salesforce::convert::{Column, Converter, Kind, SourceColumn};

const NONE: JsonTypes = JsonTypes { text: false, number: false, boolean: false, array: false, object: false };
const TEXT: JsonTypes = JsonTypes { text: true, ..NONE };
const NUMBER: JsonTypes = JsonTypes { number: true, ..NONE };
const BOOLEAN: JsonTypes = JsonTypes { boolean: true, ..NONE };
const ARRAY: JsonTypes = JsonTypes { array: true, ..NONE };
const ALL_BUT_TEXT: JsonTypes = JsonTypes { text: false, number: true, boolean: true, array: true, object: true };

/// Chooses columns by the bits of a number.
pub fn choose(bits: u8) -> Vec<Column> {
    let plain = Kind::Text { longest: None };
    let top = |bit: u8, name: &str, kind, types| {
        (bits >> bit & 1 == 1)
            .then(|| Column::new(SourceColumn::top(name), format!("{}__c", name.to_uppercase()), kind, types))
    };
    let nested = |field: &str, kind, types| {
        (bits >> 7 & 1 == 1)
            .then(|| Column::new(SourceColumn::nested("r", field), format!("R.{field}__c"), kind, types))
    };
    let columns = [
        top(0, "t", plain, TEXT),
        nested("x", plain, TEXT),
        top(1, "s", Kind::Text { longest: Some(3) }, TEXT),
        top(2, "n", Kind::Number, NUMBER),
        top(3, "b", Kind::Boolean, BOOLEAN),
        top(4, "d", Kind::Date, TEXT),
        top(4, "m", Kind::DateTime, TEXT),
        top(4, "h", Kind::Time, TEXT),
        nested("y", Kind::Number, NUMBER),
        top(5, "p", Kind::MultiPicklist, ARRAY),
        top(6, "o", plain, ALL_BUT_TEXT),
    ];
    columns.into_iter().flatten().collect()
}

/// How many columns new source columns may add up to.
const MOST_COLUMNS: usize = 20;

/// Makes a new source column a column or a nested object, or ignores it, by its name and the number of columns.
pub fn decide(converter: &mut Converter, source: SourceColumn) {
    if source.parent().is_none() && source.name().starts_with('N') {
        converter.nest(source.name());
    } else if source.name().starts_with('c') && converter.columns().len() < MOST_COLUMNS {
        let column = Column::new(source.clone(), source.to_string(), Kind::Text { longest: None }, TEXT);
        converter.set_columns(Arc::new(converter.columns().with(column)));
    } else {
        converter.ignore(&source);
    }
}
