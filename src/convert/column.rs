//! The columns of a stream's CSV.

use std::fmt;
use std::ops::Index;

use super::key::{Key, KeyComparison};
use airbyte::JsonTypes;

/// What a field of Salesforce takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text, and whatever is not one of the others; `longest` is where the user wants it cut, in UTF-16 units.
    Text {
        /// The length of the field, where longer text is to be cut.
        longest: Option<usize>,
    },
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// A day.
    Date,
    /// A moment.
    DateTime,
    /// A time of day.
    Time,
    /// Several values of a list.
    MultiPicklist,
}

/// Where a field stands in a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceColumn {
    parent: Option<String>,
    name: String,
}

impl SourceColumn {
    /// A field of the record itself.
    pub fn top(name: impl Into<String>) -> Self {
        Self { parent: None, name: name.into() }
    }

    /// A field of a nested object of the record.
    pub fn nested(parent: impl Into<String>, name: impl Into<String>) -> Self {
        Self { parent: Some(parent.into()), name: name.into() }
    }

    /// The nested object, where there is one.
    pub fn parent(&self) -> Option<&str> {
        self.parent.as_deref()
    }

    /// The name of the field.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for SourceColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.parent {
            Some(parent) => write!(f, "{parent}.{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// One column: a field of the record on one side, of the object on the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    source: SourceColumn,
    header: String,
    kind: Kind,
    types: JsonTypes,
}

impl Column {
    /// The record's field `source` becomes the column `header`.
    pub fn new(source: SourceColumn, header: impl Into<String>, kind: Kind, types: JsonTypes) -> Self {
        Self { source, header: header.into(), kind, types }
    }

    /// Where the field stands in the record.
    pub fn source(&self) -> &SourceColumn {
        &self.source
    }

    /// Whether the column is that of `field`; Salesforce does not tell `Name` from `name`.
    pub fn is(&self, field: &str) -> bool {
        self.header.eq_ignore_ascii_case(field)
    }

    /// The name of the field in Salesforce.
    pub fn header(&self) -> &str {
        &self.header
    }

    /// What the field takes.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The JSON types that the stream's schema gives the field.
    pub fn types(&self) -> JsonTypes {
        self.types
    }
}

/// The columns of a batch, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Columns {
    columns: Vec<Column>,
    key: Option<Key>,
    key_column: Option<usize>,
}

impl Columns {
    /// The columns, and which field tells the record that a row means. Its column may come later.
    pub fn new(columns: Vec<Column>, key: Option<Key>) -> Self {
        let of_key = |column: &Column| key.as_ref().is_some_and(|key| column.is(&key.field));
        let key_column = columns.iter().position(of_key);
        Self { columns, key, key_column }
    }

    /// These columns and one more.
    #[must_use]
    pub fn with(&self, column: Column) -> Self {
        let mut columns = self.columns.clone();
        columns.push(column);
        Self::new(columns, self.key.clone())
    }

    /// How many columns there are.
    pub fn len(&self) -> usize {
        self.columns.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// The columns in their order.
    pub fn iter(&self) -> std::slice::Iter<'_, Column> {
        self.columns.iter()
    }

    /// The field that tells the record that a row means, where the operation needs one. No row leaves it empty.
    pub fn key(&self) -> Option<&Key> {
        self.key.as_ref()
    }

    /// Whether `column` is that of the key.
    #[inline]
    pub(super) fn is_key(&self, column: usize) -> bool {
        self.key_column == Some(column)
    }

    /// How the values of `column` are compared, where it is that of the key.
    pub(super) fn comparison(&self, column: usize) -> Option<KeyComparison> {
        self.key.as_ref().filter(|_| self.is_key(column)).map(|key| key.comparison)
    }
}

impl Index<usize> for Columns {
    type Output = Column;

    fn index(&self, index: usize) -> &Column {
        &self.columns[index]
    }
}
