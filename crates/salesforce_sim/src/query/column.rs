//! A field of a record or of a record that it refers to, such as `Account.External_Id__c`.

use std::borrow::Cow;

use crate::{
    reply::ApiError,
    schema::{Field, FieldType, Formula, Object, is_same_name},
    store::{RecordState, Stamp, Table, Tables, id},
};

/// The parents that a field path can pass (SOQL and SOSL Reference, "Understanding Relationship Query Limitations").
const MAX_PARENTS: usize = 5;

/// The object whose fields a query knows of a record of one of several objects.
const NAME: &str = "Name";

/// The id of every record of a big object (SOQL and SOSL Reference, "SOQL with Big Objects").
const EMPTY_ID: &str = "000000000000000AAA";

/// Where the value of a column is.
#[derive(Debug, Clone)]
pub(super) enum Column {
    /// In a field of the record.
    Own(usize),
    /// In a record that a field of the record refers to.
    Parent { reference: usize, targets: Vec<(String, Column)> },
    /// In a record of one of several objects, of which a query knows only the fields of the object `Name` (Object
    /// Reference, "Name").
    Named { reference: usize, field: usize },
}

impl Column {
    /// Finds the column of a field path.
    pub(super) fn resolve(tables: &Tables, object: &Object, path: &str) -> Result<Self, ApiError> {
        let names: Vec<&str> = path.split('.').collect();
        // A path may begin with the name of the object itself.
        let names = match names.split_first() {
            Some((first, rest))
                if !rest.is_empty() && is_same_name(first, &object.name) && !has_parent(object, first) =>
            {
                rest
            }
            _ => &names,
        };
        if names.len() > MAX_PARENTS + 1 {
            return Err(ApiError::new(400, "INVALID_FIELD", format!("{path} passes more than {MAX_PARENTS} parents")));
        }
        Self::resolve_names(tables, object, names)
    }

    fn resolve_names(tables: &Tables, object: &Object, names: &[&str]) -> Result<Self, ApiError> {
        let (name, rest) = names.split_first().ok_or_else(|| unknown_column("", object))?;
        if rest.is_empty() {
            return object.position(name).map(Self::Own).ok_or_else(|| unknown_column(name, object));
        }
        let reference = object.fields.iter().position(|field| !field.hidden && is_relationship(field, name));
        let Some(reference) = reference else { return Err(unknown_relationship(name)) };
        if object.fields[reference].is_polymorphic()
            && let Some(named) = tables.get(NAME)
        {
            // Further objects behind it are unknown here.
            let field = rest.first().filter(|_| rest.len() == 1).and_then(|name| named.object.position(name));
            let field = field.ok_or_else(|| unknown_column(rest[0], &named.object))?;
            return Ok(Self::Named { reference, field });
        }
        let mut targets = Vec::new();
        for target in &object.fields[reference].reference_to {
            let Some(table) = tables.get(target) else { continue };
            targets.push((table.object.name.clone(), Self::resolve_names(tables, &table.object, rest)?));
        }
        Ok(Self::Parent { reference, targets })
    }

    /// The field at the end of the path.
    pub(super) fn field<'t>(&self, tables: &'t Tables, object: &'t Object) -> Option<&'t Field> {
        match self {
            Self::Own(field) => object.fields.get(*field),
            Self::Parent { targets, .. } => {
                let (target, column) = targets.first()?;
                column.field(tables, &tables.get(target)?.object)
            }
            Self::Named { field, .. } => tables.get(NAME)?.object.fields.get(*field),
        }
    }

    /// The names on the path as the org spells them: relationships, then the field.
    pub(super) fn names(&self, tables: &Tables, object: &Object) -> Vec<String> {
        match self {
            Self::Own(field) => vec![object.fields[*field].name.clone()],
            Self::Parent { reference, targets } => {
                let mut names = vec![object.fields[*reference].relationship_name.clone().unwrap_or_default()];
                let rest = targets
                    .first()
                    .and_then(|(target, column)| Some(column.names(tables, &tables.get(target)?.object)));
                names.extend(rest.unwrap_or_default());
                names
            }
            Self::Named { reference, field } => {
                let name = tables.get(NAME).map(|named| named.object.fields[*field].name.clone());
                let relationship = object.fields[*reference].relationship_name.clone();
                vec![relationship.unwrap_or_default(), name.unwrap_or_default()]
            }
        }
    }

    /// The stored value; `None` is null. The values of a deleted parent are null, which is a guess.
    pub(super) fn value<'t>(&self, tables: &'t Tables, table: &'t Table, record: usize) -> Option<Cow<'t, str>> {
        match self {
            Self::Own(field) => own_value(tables, table, record, *field),
            Self::Named { reference, field } => {
                let (parent, record) = parent(tables, table, record, *reference)?;
                named_value(tables, parent, record, &tables.get(NAME)?.object.fields[*field].name)
            }
            Self::Parent { reference, targets } => {
                let (parent, record) = parent(tables, table, record, *reference)?;
                let (_, column) = targets.iter().find(|(name, _)| *name == parent.object.name)?;
                column.value(tables, parent, record)
            }
        }
    }

    /// The field of the record itself, if it is one.
    pub(super) fn own(&self) -> Option<usize> {
        match self {
            Self::Own(field) => Some(*field),
            Self::Parent { .. } | Self::Named { .. } => None,
        }
    }
}

/// The live record that a field refers to.
fn parent<'t>(tables: &'t Tables, table: &'t Table, record: usize, reference: usize) -> Option<(&'t Table, usize)> {
    let target = own_value(tables, table, record, reference)?;
    let normalized = id::normalize(&target)?;
    let parent = tables.by_prefix(&normalized[..3])?;
    match parent.locate(&normalized)? {
        (record, RecordState::Live) => Some((parent, record)),
        _ => None,
    }
}

/// The value of a field of the object `Name` for a record of another object. Most are those of users alone.
fn named_value<'t>(tables: &'t Tables, table: &'t Table, record: usize, name: &str) -> Option<Cow<'t, str>> {
    let object = &table.object;
    let value = |field| own_value(tables, table, record, field);
    let group_type = || object.position("Type").filter(|_| object.name == "Group").and_then(value);
    let is_of = |objects: &[&str]| objects.contains(&&*object.name);
    match name {
        "Id" => Some(table.id(record).into()),
        "Type" if group_type().as_deref() == Some("Queue") => Some("Queue".into()),
        "Type" => Some(object.name.clone().into()),
        "Name" => object.fields.iter().position(|field| field.name_field).and_then(value),
        "FirstName" | "LastName" if !is_of(&["User", "Contact", "Lead"]) => None,
        "Email" if !is_of(&["User", "Group"]) => None,
        "Username" | "Alias" | "IsActive" if !is_of(&["User"]) => None,
        _ => object.position(name).and_then(value),
    }
}

fn own_value<'t>(tables: &'t Tables, table: &'t Table, record: usize, field: usize) -> Option<Cow<'t, str>> {
    let described = &table.object.fields[field];
    if let Some(formula) = &described.formula {
        return calculated(tables, table, record, formula);
    }
    let stored = table.cells(record).get(field).map(Cow::Borrowed);
    match described.kind {
        FieldType::Id if table.object.query.has_empty_ids => Some(EMPTY_ID.into()),
        FieldType::Id => Some(table.id(record).into()),
        FieldType::Boolean if described.name == "IsDeleted" => {
            Some((table.state(record) != RecordState::Live).to_string().into())
        }
        // A checkbox is never null.
        FieldType::Boolean => Some(stored.unwrap_or(Cow::Borrowed("false"))),
        FieldType::DateTime | FieldType::Reference => {
            let set = stored.filter(|value| !value.is_empty());
            set.or_else(|| tables.audit(table, record, described).map(Cow::Owned))
        }
        _ => stored.filter(|value| !value.is_empty()),
    }
}

/// The value of a formula as it is now.
fn calculated<'t>(tables: &'t Tables, table: &'t Table, record: usize, formula: &Formula) -> Option<Cow<'t, str>> {
    let value = |path: &str| {
        let column = Column::resolve(tables, &table.object, path).ok()?;
        Some(column.value(tables, table, record)?.into_owned())
    };
    match formula {
        Formula::Of(path) => value(path).map(Cow::Owned),
        Formula::DaysSince(field) => {
            let since = Stamp::parse(&value(field)?)?;
            Some(tables.now.days_since(since).to_string().into())
        }
    }
}

fn has_parent(object: &Object, name: &str) -> bool {
    object.fields.iter().any(|field| is_relationship(field, name))
}

fn is_relationship(field: &Field, name: &str) -> bool {
    field.relationship_name.as_ref().is_some_and(|relationship| is_same_name(relationship, name))
}

fn unknown_column(name: &str, object: &Object) -> ApiError {
    let advice = "If you are attempting to use a custom field, be sure to append the '__c' after the custom field name. \
                  Please reference your WSDL or the describe call for the appropriate names.";
    ApiError::new(400, "INVALID_FIELD", format!("No such column '{name}' on entity '{}'. {advice}", object.name))
}

fn unknown_relationship(name: &str) -> ApiError {
    let advice = "If you are attempting to use a custom relationship, be sure to append the '__r' after the custom \
                  relationship name. Please reference your WSDL or the describe call for the appropriate names.";
    ApiError::new(400, "INVALID_FIELD", format!("Didn't understand relationship '{name}' in field path. {advice}"))
}
