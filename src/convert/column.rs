//! The columns of the CSV of a stream.

use std::collections::{BTreeMap, HashMap};
use std::ops::Index;
use std::sync::Arc;

use super::key::{Key, KeyComparison};
use super::source_column::SourceColumn;
use airbyte::JsonTypes;

/// The values that a field takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text, and everything that is not one of the others.
    Text {
        /// The length to which longer text is cut, in UTF-16 units. `None` if text is not cut.
        longest: Option<usize>,
    },
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// A date.
    Date,
    /// A date and time.
    DateTime,
    /// A time of day.
    Time,
    /// Several values of a list.
    MultiPicklist,
}

/// A column: it takes a source column of the record to a field of the object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    source: SourceColumn,
    header: String,
    kind: Kind,
    types: JsonTypes,
    /// The reference field that it fills.
    reference: Option<Box<str>>,
    clears: bool,
    related_object: Option<Arc<str>>,
}

impl Column {
    /// The source column `source` becomes the column `header`. `types` are its types in the schema of the stream.
    pub fn new(source: SourceColumn, header: impl Into<String>, kind: Kind, types: JsonTypes) -> Self {
        Self { source, header: header.into(), kind, types, reference: None, clears: false, related_object: None }
    }

    /// A column that clears the reference field `field` where the nested object `object` is null. No other value of the
    /// object goes to it.
    pub fn clearing(object: &str, field: &str) -> Self {
        let column = Self::new(SourceColumn::top(object), field, Kind::Text { longest: None }, JsonTypes::default());
        Self { clears: true, ..column.of_reference(field) }
    }

    /// The column fills the reference field `field`.
    #[must_use]
    pub fn of_reference(self, field: &str) -> Self {
        Self { reference: Some(field.into()), ..self }
    }

    /// The reference field that the column fills, with an id or with the key of the related record.
    pub fn reference(&self) -> Option<&str> {
        self.reference.as_deref()
    }

    /// Whether the column can name a related record: it fills the reference, or is a field of the related record.
    pub fn names_related(&self) -> bool {
        self.reference.is_some() || self.header.contains('.')
    }

    /// Whether the column only clears its reference.
    pub fn clears(&self) -> bool {
        self.clears
    }

    /// The column refers to a record of `object` by a key, which must be there when a row is written.
    #[must_use]
    pub fn referring_to(self, object: &str) -> Self {
        Self { related_object: Some(object.into()), ..self }
    }

    /// The object of the record that the column refers to by a key.
    pub fn related_object(&self) -> Option<&str> {
        self.related_object.as_deref()
    }

    /// The source column.
    pub fn source(&self) -> &SourceColumn {
        &self.source
    }

    /// Whether the column is called `header`. Salesforce ignores case in the names of fields.
    pub fn is_named(&self, header: &str) -> bool {
        self.header.eq_ignore_ascii_case(header)
    }

    /// The header: the name of the field in Salesforce, or of a field of a related object.
    pub fn header(&self) -> &str {
        &self.header
    }

    /// What the field takes.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The JSON types of the source column in the schema of the stream.
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
    /// For each column, the first column that sets the same field.
    fields: Vec<usize>,
    /// The columns of each reference that several columns fill.
    sharing: Vec<Vec<usize>>,
    /// The columns whose values are equal in rows of one record.
    merged_by: Vec<(usize, KeyComparison)>,
    /// The fields by which records are found that have no key.
    found_by: Vec<Key>,
}

impl Columns {
    /// The columns, and the key if the operation needs one. The column of the key may be added later.
    pub fn new(columns: Vec<Column>, key: Option<Key>) -> Self {
        let is_key = |column: &Column| key.as_ref().is_some_and(|key| column.is_named(&key.field));
        let key_column = columns.iter().position(is_key);
        let mut first = HashMap::with_capacity(columns.len());
        let field = |column: &Column| column.reference.as_deref().unwrap_or(&column.header).to_ascii_lowercase();
        let fields = columns.iter().enumerate().map(|(index, column)| *first.entry(field(column)).or_insert(index));
        let fields: Vec<usize> = fields.collect();
        let mut sharing: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (index, first) in fields.iter().enumerate().filter(|(index, _)| columns[*index].reference.is_some()) {
            sharing.entry(*first).or_default().push(index);
        }
        let sharing = sharing.into_values().filter(|columns| columns.len() > 1).collect();
        let merged_by =
            key_column.zip(key.as_ref()).map(|(column, key)| (column, key.comparison)).into_iter().collect();
        Self { fields, sharing, columns, key, key_column, merged_by, found_by: Vec::new() }
    }

    /// These columns, for records that are found by these fields. Their columns may be added later.
    #[must_use]
    pub(crate) fn found_by(&self, keys: Vec<Key>) -> Self {
        Self { found_by: keys.clone(), ..self.merged_by(keys) }
    }

    /// These columns, with rows of one record that have equal values in all of these fields. No row needs to have them.
    #[must_use]
    pub(crate) fn merged_by(&self, keys: impl IntoIterator<Item = Key>) -> Self {
        let column = |key: Key| Some((self.columns.iter().position(|it| it.is_named(&key.field))?, key.comparison));
        Self { merged_by: keys.into_iter().filter_map(column).collect(), ..self.clone() }
    }

    /// These columns and one more. A column that clears the same reference is left out: the new one can clear it too.
    #[must_use]
    pub fn with(&self, column: Column) -> Self {
        let is_replaced = |other: &Column| other.clears && other.reference == column.reference;
        let mut columns: Vec<Column> = self.columns.iter().filter(|other| !is_replaced(other)).cloned().collect();
        columns.push(column);
        let columns = Self::new(columns, self.key.clone());
        if self.found_by.is_empty() { columns } else { columns.found_by(self.found_by.clone()) }
    }

    /// The columns that name the record alone, for rows that delete.
    #[must_use]
    pub(crate) fn key_alone(&self) -> Self {
        let columns = self.naming_columns().iter().map(|(column, _)| self.columns[*column].clone());
        Self::new(columns.collect(), self.key.clone())
    }

    /// Whether records are found by fields that are not a key.
    pub(super) fn are_found(&self) -> bool {
        !self.found_by.is_empty()
    }

    /// The columns that together name the record of a row, and how they are compared: that of the key, or those by
    /// which it is found. None as long as one of them is missing.
    pub(super) fn naming_columns(&self) -> &[(usize, KeyComparison)] {
        let fields = if self.are_found() { self.found_by.len() } else { 1 };
        if self.merged_by.len() == fields { &self.merged_by } else { &[] }
    }

    /// The first field that names the record and has no value, if the row has these cells.
    pub(super) fn first_unnamed<'c>(&self, cell: impl Fn(usize) -> &'c [u8]) -> Option<&str> {
        let is_blank = |column: usize| {
            let text = super::csv::text(cell(column));
            text.trim().is_empty() || text == super::NULL_MARKER
        };
        let keys = if self.are_found() { &*self.found_by } else { self.key.as_slice() };
        let is_unnamed =
            |key: &&Key| self.columns.iter().position(|column| column.is_named(&key.field)).is_none_or(is_blank);
        keys.iter().find(is_unnamed).map(|key| key.field.as_str())
    }

    /// How many columns there are.
    pub fn len(&self) -> usize {
        self.columns.len()
    }

    /// Whether there are no columns.
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// The columns in their order.
    pub fn iter(&self) -> std::slice::Iter<'_, Column> {
        self.columns.iter()
    }

    /// The key, if the operation needs one. No row has an empty key.
    pub fn key(&self) -> Option<&Key> {
        self.key.as_ref()
    }

    /// For each column, the first column that sets the same field.
    pub(super) fn fields(&self) -> &[usize] {
        &self.fields
    }

    /// The columns of each reference that several columns fill.
    pub(super) fn sharing(&self) -> &[Vec<usize>] {
        &self.sharing
    }

    /// The columns whose values are equal in rows of one record, and how they are compared.
    pub(crate) fn merging_columns(&self) -> &[(usize, KeyComparison)] {
        &self.merged_by
    }

    /// The column of the key, and how keys are compared.
    pub(super) fn key_column(&self) -> Option<(usize, KeyComparison)> {
        Some((self.key_column?, self.key.as_ref()?.comparison))
    }

    /// Whether `column` is the column of the key.
    #[inline]
    pub(super) fn is_key(&self, column: usize) -> bool {
        self.key_column == Some(column)
    }

    /// How keys are compared, if `column` is the column of the key.
    pub(super) fn comparison(&self, column: usize) -> Option<KeyComparison> {
        self.key_column().filter(|(key, _)| *key == column).map(|(_, comparison)| comparison)
    }
}

impl Index<usize> for Columns {
    type Output = Column;

    fn index(&self, index: usize) -> &Column {
        &self.columns[index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str) -> Column {
        Column::new(SourceColumn::top(name), name, Kind::Text { longest: None }, JsonTypes::default())
    }

    #[test]
    fn a_record_that_is_found_by_several_fields_is_named_by_all_of_them_together() {
        let key = |field: &str| Key { field: field.to_owned(), comparison: KeyComparison::Exact };
        let one = Columns::new(vec![column("Phone")], None).found_by(vec![key("Phone"), key("Email")]);
        assert_eq!((one.naming_columns(), one.merging_columns()), (&[][..], &[(0, KeyComparison::Exact)][..]));
        assert_eq!(one.first_unnamed(|_| b"1"), Some("Email"));
        let both = one.with(column("Email"));
        assert_eq!(both.naming_columns(), [(0, KeyComparison::Exact), (1, KeyComparison::Exact)]);
        assert_eq!((both.first_unnamed(|_| b"1"), both.first_unnamed(|_| b"#N/A")), (None, Some("Phone")));
    }

    #[test]
    fn a_new_column_takes_the_place_of_the_one_that_clears_its_reference_alone() {
        let columns = Columns::new(vec![column("Name"), Column::clearing("Account", "AccountId")], None);
        let headers = |columns: &Columns| columns.iter().map(|it| it.header().to_owned()).collect::<Vec<_>>();
        let other = columns.with(column("Phone"));
        assert_eq!(headers(&other), ["Name", "AccountId", "Phone"]);
        let owner = other.with(column("Owner.Email").of_reference("OwnerId"));
        assert_eq!(headers(&owner), ["Name", "AccountId", "Phone", "Owner.Email"]);
        let account = owner.with(column("Account.Code__c").of_reference("AccountId"));
        assert_eq!(headers(&account), ["Name", "Phone", "Owner.Email", "Account.Code__c"]);
        // It fills the reference, and is no column that only clears it.
        assert_eq!(headers(&account.with(Column::clearing("Account", "AccountId"))).len(), 5);
    }

    #[test]
    fn a_new_column_changes_neither_the_key_nor_what_rows_are_merged_by() {
        let key = || Key { field: "Key__c".to_owned(), comparison: KeyComparison::IgnoreCase };
        let columns = Columns::new(vec![column("Name")], Some(key()));
        assert_eq!((columns.key_column(), columns.merging_columns()), (None, &[][..]));
        let with_key = columns.with(column("key__C")).with(column("Phone"));
        let expected = (1, KeyComparison::IgnoreCase);
        assert_eq!((with_key.key_column(), with_key.merging_columns()), (Some(expected), &[expected][..]));
        assert_eq!(with_key.naming_columns(), [expected]);
        assert_eq!([0, 1, 2].map(|column| with_key.is_key(column)), [false, true, false]);
        assert_eq!(with_key.comparison(1), Some(KeyComparison::IgnoreCase));
        assert_eq!((with_key.comparison(0), with_key.comparison(2)), (None, None));
        let alone = with_key.key_alone();
        assert_eq!(
            (alone.len(), alone.key(), alone.key_column()),
            (1, Some(&key()), Some((0, KeyComparison::IgnoreCase)))
        );
    }
}
