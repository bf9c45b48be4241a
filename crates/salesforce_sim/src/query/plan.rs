//! A query that is checked against the schema, and the records that it finds.

use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::{
    column::Column,
    comparison::{Format, is_bare, shown},
    filter::Filter,
    order::Order,
    refusals,
};
use crate::{
    reply::ApiError,
    schema::{Field, FieldType, Object, is_same_name},
    soql::{self, Query, Selection},
    store::{RecordState, Table, Tables},
};

/// The most characters of a query (Limits Quick Reference, "SOQL and SOSL Limits").
pub(crate) const MAX_SOQL: usize = 100_000;

/// The parts of an address that the answers of queries show (REST API Developer Guide, "Compound Fields"). The org has no
/// codes of states and countries, and no accuracy of a position.
const ADDRESS_PARTS: [&str; 7] = ["city", "country", "latitude", "longitude", "postalCode", "state", "street"];

/// A query, ready to run.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// The object.
    pub(super) object: String,
    /// Nothing for `count()`.
    pub(super) columns: Vec<Selected>,
    filter: Option<Filter>,
    order: Order,
    limit: usize,
    /// Whether it finds deleted records in the recycle bin, and archived ones, as well.
    finds_deleted: bool,
    /// The field that says whether a record is archived.
    archived: Option<usize>,
}

/// A selected field.
#[derive(Debug, Clone)]
pub(super) struct Selected {
    column: Column,
    /// The field path as the query spells it.
    pub(super) spelt: String,
    /// The names on the path as the org spells them.
    names: Vec<String>,
    field: Field,
    /// The parts of a compound field, each with its name in the answer.
    parts: Vec<(String, Selected)>,
}

/// What a query found, from which more pages are read.
#[derive(Debug, Clone)]
pub(crate) struct Cursor {
    pub(super) plan: Plan,
    pub(super) records: Vec<usize>,
    /// The records on a page.
    pub(super) most: usize,
    pub(super) found: Instant,
}

fn malformed(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "MALFORMED_QUERY", message)
}

impl Plan {
    /// Reads a query and checks it against the schema.
    pub(crate) fn new(tables: &Tables, text: &str, finds_deleted: bool) -> Result<Self, ApiError> {
        if text.chars().count() > MAX_SOQL {
            return Err(malformed(format!("SOQL statements cannot be longer than {MAX_SOQL} characters.")));
        }
        let query = soql::parse(text)
            .map_err(|error| malformed(format!("\nERROR at Row:1:Column:{}\n{}", error.column, error.message)))?;
        let Some(table) = tables.get(&query.object) else {
            let message = format!("sObject type '{}' is not supported.", query.object);
            return Err(ApiError::new(400, "INVALID_TYPE", message));
        };
        let object = &table.object;
        refusals::check(tables, object, &query)?;
        let columns = select(tables, object, &query)?;
        let filter = query.condition.as_ref().map(|condition| Filter::new(tables, object, condition)).transpose()?;
        Ok(Self {
            object: object.name.clone(),
            columns,
            filter,
            order: Order::new(tables, object, &query.order)?,
            limit: query.limit.unwrap_or(usize::MAX),
            finds_deleted,
            archived: archived(object),
        })
    }

    /// The selected fields that no query job can select: compound ones, or ones with a body in base64.
    pub(super) fn fields_of(&self, kind: FieldType) -> impl Iterator<Item = &str> {
        self.columns.iter().filter(move |column| column.field.kind == kind).map(|column| column.spelt.as_str())
    }

    /// Whether the query counts records and returns none.
    pub(super) fn counts(&self) -> bool {
        self.columns.is_empty()
    }

    /// The numbers of the records that the query finds, oldest first or in its order.
    pub(super) fn run(&self, tables: &Tables) -> Vec<usize> {
        let Some(table) = tables.get(&self.object) else { return Vec::new() };
        let is_found = |record: &usize| match table.state(*record) {
            RecordState::Live => self.finds_deleted || !self.is_archived(table, *record),
            RecordState::Recycled => self.finds_deleted,
            RecordState::Erased | RecordState::Pending => false,
        };
        let holds = |record: &usize| self.filter.as_ref().is_none_or(|filter| filter.holds(tables, table, *record));
        // An index has live records only.
        let candidates =
            self.filter.as_ref().filter(|_| !self.finds_deleted).and_then(|filter| filter.candidates(table));
        let mut records: Vec<usize> = match candidates {
            Some(candidates) => candidates.into_iter().filter(is_found).filter(holds).collect(),
            None => (0..table.next_number()).filter(is_found).filter(holds).collect(),
        };
        if self.order.is_given() {
            self.order.sort(tables, table, &mut records);
        }
        records.truncate(self.limit);
        records
    }

    fn is_archived(&self, table: &Table, record: usize) -> bool {
        self.archived.is_some_and(|field| table.cells(record).get(field) == Some("true"))
    }

    /// Whether the query says in which order it wants the records.
    pub(super) fn is_ordered(&self) -> bool {
        self.order.is_given()
    }

    /// A record as the REST API shows it.
    pub(super) fn json(&self, tables: &Tables, record: usize, base: &str) -> Value {
        let Some(table) = tables.get(&self.object) else { return Value::Null };
        let mut shown = attributes(&self.object, base, &table.id(record));
        for selected in &self.columns {
            let value = match selected.field.kind {
                FieldType::Base64 => selected.column.value(tables, table, record).map(|_| {
                    json!(format!("{base}/sobjects/{}/{}/{}", self.object, table.id(record), selected.field.name))
                }),
                _ => selected.json(tables, table, record),
            };
            put(&mut shown, &selected.names, value);
        }
        Value::Object(shown)
    }

    /// The cells of a record in a CSV; `None` is null.
    pub(super) fn cells(&self, tables: &Tables, record: usize) -> Vec<Option<String>> {
        let Some(table) = tables.get(&self.object) else { return Vec::new() };
        let cell = |selected: &Selected| {
            let value = selected.column.value(tables, table, record)?;
            Some(shown(&selected.field, &value, Format::Csv).into_owned())
        };
        self.columns.iter().map(cell).collect()
    }
}

impl Selected {
    /// The value of a record in JSON. A compound field is an object of its parts, or null without any.
    fn json(&self, tables: &Tables, table: &Table, record: usize) -> Option<Value> {
        if self.field.kind == FieldType::Address {
            let parts = self.parts.iter().map(|(name, part)| (name.clone(), part.json(tables, table, record)));
            let parts: Vec<_> = parts.collect();
            let has_value = parts.iter().any(|(_, value)| value.is_some());
            return has_value.then(|| parts.into_iter().map(|(name, value)| (name, json!(value))).collect());
        }
        let value = self.column.value(tables, table, record)?;
        let text = shown(&self.field, &value, Format::Json);
        Some(match is_bare(&self.field) {
            true => serde_json::from_str(&text).unwrap_or_else(|_| json!(text)),
            false => json!(text),
        })
    }
}

fn attributes(object: &str, base: &str, id: &str) -> Map<String, Value> {
    let attributes = json!({"type": object, "url": format!("{base}/sobjects/{object}/{id}")});
    Map::from_iter([("attributes".to_owned(), attributes)])
}

/// Puts a value under the names of its path. A parent without a value that is set is null as a whole.
fn put(record: &mut Map<String, Value>, names: &[String], value: Option<Value>) {
    match names {
        [] => {}
        [name] => drop(record.insert(name.clone(), value.unwrap_or(Value::Null))),
        [relationship, rest @ ..] => {
            let parent = record.entry(relationship.clone()).or_insert(Value::Null);
            if value.is_some() && !parent.is_object() {
                *parent = json!({});
            }
            if let Value::Object(parent) = parent {
                put(parent, rest, value);
            }
        }
    }
}

/// The field of an object whose archived records only `queryAll` finds (REST API Developer Guide, "QueryAll").
fn archived(object: &Object) -> Option<usize> {
    let is_activity = ["Task", "Event"].iter().any(|activity| is_same_name(activity, &object.name));
    object.position("IsArchived").filter(|_| is_activity)
}

/// The selected fields, each once.
fn select(tables: &Tables, object: &Object, query: &Query) -> Result<Vec<Selected>, ApiError> {
    let Selection::Fields(paths) = &query.selection else { return Ok(Vec::new()) };
    let mut columns: Vec<Selected> = Vec::with_capacity(paths.len());
    for path in paths {
        let selected = select_one(tables, object, path)?;
        if columns.iter().any(|known| known.names == selected.names) {
            let name = selected.names.join(".");
            return Err(ApiError::new(400, "INVALID_FIELD", format!("duplicate field selected: {name}")));
        }
        if selected.field.kind == FieldType::Base64 && selected.column.own().is_none() {
            return Err(malformed(format!("this simulated org cannot select the field '{path}' of a parent")));
        }
        columns.push(selected);
    }
    Ok(columns)
}

fn select_one(tables: &Tables, object: &Object, path: &str) -> Result<Selected, ApiError> {
    let column = Column::resolve(tables, object, path)?;
    let field = column.field(tables, object).ok_or_else(ApiError::not_found)?.clone();
    let names = column.names(tables, object);
    let mut parts = Vec::new();
    if field.kind == FieldType::Address {
        let (before, prefix) =
            (path.rsplit_once('.').map_or("", |(before, _)| before), field.name.trim_end_matches("Address"));
        for part in ADDRESS_PARTS {
            let name = format!("{prefix}{}{}", part[..1].to_uppercase(), &part[1..]);
            let path = if before.is_empty() { name } else { format!("{before}.{name}") };
            parts.push((part.to_owned(), select_one(tables, object, &path)?));
        }
    }
    Ok(Selected { column, spelt: path.to_owned(), names, field, parts })
}
