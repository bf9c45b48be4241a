//! By which fields the records of a stream are found, if not by their ids or by the key of an upsert.

use super::columns::KeyColumns;
use super::fields::{ObjectFields, nearest_name_is};
use super::plan::StreamPlan;
use super::related::{RelatedField, RelatedObjects, RelationshipName};
use super::request::StreamRequest;
use crate::config::{OnMissing, OnSeveral, cannot_insert};
use crate::convert::{Key, KeyComparison, Kind};
use crate::matching::{KeyField, MatchPlan, ValueType};
use salesforce::{Describe, Field, FieldType, Operation};

/// What a stream says of how its records are found.
#[derive(Debug)]
pub(super) struct MatchRequest {
    /// The names of columns, in the spelling of the user.
    pub(super) columns: Vec<String>,
    on_missing: Option<OnMissing>,
    on_several: OnSeveral,
}

/// A match that can be done.
#[derive(Debug)]
pub(super) struct CheckedMatch {
    pub(super) plan: MatchPlan,
    /// What the values of each key field are.
    pub(super) kinds: Vec<Kind>,
}

impl CheckedMatch {
    /// The columns whose values find the records. New records get them.
    pub(super) fn columns(&self) -> KeyColumns {
        let names = self.plan.keys.iter().map(|key| key.name.clone());
        let are_sent = self.plan.on_missing == OnMissing::Insert;
        KeyColumns::found_by(names.zip(self.kinds.iter().copied().map(Some)).collect(), are_sent)
    }
}

impl StreamRequest<'_> {
    /// How the records of the stream are found: by `match`, or by an external id that an update or delete has as its
    /// key. `None` if they are found by their ids or by the key of an upsert.
    pub(super) fn match_request(&self, operation: Operation, describe: &Describe) -> Option<MatchRequest> {
        if let Some(settings) = self.match_settings() {
            let columns = settings.fields().iter().map(|name| self.match_column(name)).collect();
            return Some(MatchRequest {
                columns,
                on_missing: settings.on_missing(),
                on_several: settings.on_several(),
            });
        }
        if matches!(operation, Operation::Insert | Operation::Upsert) {
            return None;
        }
        let column = match self.external_id_field() {
            Some(field) => field.to_owned(),
            None => self.external_id_of_primary_key(describe)?,
        };
        Some(MatchRequest { columns: vec![column], on_missing: None, on_several: OnSeveral::Reject })
    }

    /// The column that a name in `match` means. A source column comes before a field, because the user sees it.
    fn match_column(&self, name: &str) -> String {
        let is_source = self.schema().iter().any(|field| field.name == name) || self.renames().has(name);
        if is_source { self.column_name(name).to_owned() } else { name.to_owned() }
    }

    /// The column of the primary key, if that is an external id or another lookup field. An `Id` among the columns
    /// names the record already.
    fn external_id_of_primary_key(&self, describe: &Describe) -> Option<String> {
        let column = self.primary_key_column()?;
        let has_id =
            self.schema().iter().any(|field| self.column_name(&field.name).eq_ignore_ascii_case(crate::matching::ID));
        let field = describe.field(column)?;
        (!has_id && field.is_lookup() && field.field_type != FieldType::Id).then(|| column.to_owned())
    }
}

impl MatchRequest {
    /// What the stream does with records that exist or not: an upsert that creates none is an update.
    pub(super) fn operation(&self, operation: Operation) -> Operation {
        match (operation, self.on_missing) {
            (Operation::Upsert, Some(OnMissing::Reject | OnMissing::Skip)) => Operation::Update,
            (operation, _) => operation,
        }
    }

    /// Its columns, as far as they are known without a check.
    pub(super) fn unchecked_columns(&self) -> KeyColumns {
        let column = |name: &String| (name.clone(), Some(Kind::Text { longest: None }));
        KeyColumns::found_by(self.columns.iter().map(column).collect(), false)
    }

    /// The names of the fields of related objects, in lower case and without the relationship.
    pub(super) fn related_fields(&self) -> impl Iterator<Item = String> {
        self.columns.iter().filter_map(|name| Some(name.split_once('.')?.1.to_ascii_lowercase()))
    }

    /// Checks every field.
    ///
    /// # Errors
    /// All problems, each as the rest of a sentence that begins with the stream.
    pub(super) fn check(
        &self,
        operation: Operation,
        fields: &ObjectFields,
        related: &RelatedObjects,
    ) -> Result<CheckedMatch, Vec<String>> {
        if operation == Operation::Insert {
            return Err(vec![
                "`match` is for an operation that finds records, and an insert does not; set the operation `upsert` to create \
                 those that are not there, or remove `match`"
                    .to_owned(),
            ]);
        }
        if let Some(rule) = cannot_insert(operation, self.on_missing) {
            return Err(vec![format!("`match.on_missing` {rule}")]);
        }
        let default = if operation == Operation::Upsert { OnMissing::Insert } else { OnMissing::Reject };
        let on_missing = self.on_missing.unwrap_or(default);
        let checker = Checker { fields, related, is_sent: on_missing == OnMissing::Insert };
        let (mut keys, mut kinds, mut problems) = (Vec::new(), Vec::new(), Vec::new());
        for name in &self.columns {
            match checker.key(name) {
                Ok((key, kind)) => {
                    keys.push(key);
                    kinds.push(kind);
                }
                Err(problem) => problems.push(problem),
            }
        }
        if let [KeyField { name, value_type: ValueType::Boolean, .. }] = &*keys {
            problems.push(format!(
                "its match by {name} alone cannot name a record, because {name} is true or false; add a field"
            ));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let object = fields.object().to_owned();
        Ok(CheckedMatch { plan: MatchPlan { object, keys, on_missing, on_several: self.on_several }, kinds })
    }
}

/// Checks the fields of a match.
struct Checker<'c> {
    fields: &'c ObjectFields,
    related: &'c RelatedObjects,
    /// Whether new records get the values of the key.
    is_sent: bool,
}

impl Checker<'_> {
    fn key(&self, name: &str) -> Result<(KeyField, Kind), String> {
        match name.split_once('.') {
            None => self.own_key(name),
            Some((before, inner)) => self.related_key(name, before, inner),
        }
    }

    fn own_key(&self, name: &str) -> Result<(KeyField, Kind), String> {
        let object = self.fields.object();
        let Some(field) = self.fields.field(name) else {
            let nearest = nearest_name_is(self.fields.nearest(name, |field| why_no_key(field).is_none()));
            return Err(format!("its match field {name} is not a field of {object} that the user can see{nearest}"));
        };
        if let Some(why) = why_no_key(field) {
            return Err(format!(
                "records of {object} cannot be found by {}, because it {why}; match by another field",
                field.name
            ));
        }
        if self.is_sent && !field.createable {
            return Err(not_created(object, &field.name, "it cannot be set in a new record"));
        }
        Ok((key_field(field.name.clone(), field), self.kind(field)))
    }

    fn related_key(&self, name: &str, before: &str, inner: &str) -> Result<(KeyField, Kind), String> {
        let object = self.fields.object();
        let relationship = RelationshipName::parse(before);
        let Some(reference) = self.fields.reference(relationship) else {
            return Err(format!(
                "its match field {name} goes through {before}, which is not a relationship of \
                                {object}"
            ));
        };
        let several = relationship.object.is_some() || reference.polymorphic;
        let target = relationship.target(reference).filter(|_| !several && !inner.contains('.'));
        let Some(target) = target else {
            return Err(format!(
                "its match field {name} must go through one relationship to one object; match by {} instead",
                reference.name
            ));
        };
        let Some(field) = self.related.detail(target, inner) else {
            let nearest = nearest_name_is(self.related.nearest(target, inner).as_deref());
            return Err(format!("its match field {name} is not a field of {target} that the user can see{nearest}"));
        };
        let name = format!("{}.{}", reference.relationship_name.as_deref().unwrap_or(before), field.name);
        if let Some(why) = why_no_key(field).or_else(|| why_no_key(reference)) {
            return Err(format!(
                "records of {object} cannot be found by {name}, because it {why}; match by another field"
            ));
        }
        let names_record = matches!(self.related.find(target, inner), RelatedField::Key(_));
        if self.is_sent && !(names_record && reference.createable) {
            return Err(not_created(object, &name, "it cannot name the related record of a new one"));
        }
        Ok((key_field(name, field), self.kind(field)))
    }

    /// A key that is cut would be the key of another record.
    fn kind(&self, field: &Field) -> Kind {
        match self.fields.kind(field) {
            Kind::Text { .. } => Kind::Text { longest: None },
            kind => kind,
        }
    }
}

fn not_created(object: &str, name: &str, why: &str) -> String {
    format!(
        "a new record of {object} would lack its key {name}, because {why}; choose `reject` or `skip` for `match.on_missing`, or \
         match by another field"
    )
}

impl StreamPlan {
    /// How the records are found that the keys of the rows name. `None` if there is no key, or none that a query can
    /// look up. A sync leaves this to the jobs; a dry run has none.
    ///
    /// An upsert compares some keys in another way than a query does, so what a query finds is compared again.
    pub(crate) fn key_lookup(&self) -> Option<MatchPlan> {
        let Key { field: name, comparison } = self.columns.key()?;
        let object = &self.job.object;
        let ids = MatchPlan::of_ids(object);
        if ids.keys[0].name.eq_ignore_ascii_case(name) {
            return Some(ids);
        }
        let fields = self.late.for_column(name, false);
        let field = fields.field(name).filter(|field| why_no_key(field).is_none())?;
        let key = key_field(field.name.clone(), field);
        Some(MatchPlan::of_key(object, KeyField { comparison: *comparison, ..key }))
    }
}

/// Why records cannot be found by the values of a field.
fn why_no_key(field: &Field) -> Option<&'static str> {
    use FieldType::{
        Address, AnyType, Base64, Complexvalue, Encryptedstring, Location, Multipicklist, Other, Textarea, Time,
    };
    match field.field_type {
        Address | Location | Complexvalue => Some("is made of several fields"),
        Multipicklist => Some("holds several values"),
        Base64 => Some("holds a file"),
        Encryptedstring => Some("is encrypted"),
        AnyType | Other(_) | Time => Some("has a type that keys cannot have"),
        _ if field.is_rich_text() => Some("holds text with markup"),
        _ if field.not_filterable => Some("cannot be filtered"),
        // A text area that can be filtered has up to 255 characters.
        Textarea if field.length > 255 => Some("holds long text"),
        _ => None,
    }
}

/// How records are found that an upsert has written by this key. Its values are one where the upsert takes them for
/// one.
///
/// # Errors
/// Why they cannot be found.
pub(super) fn upsert_key_field(field: &Field, comparison: KeyComparison) -> Result<KeyField, &'static str> {
    match why_no_key(field) {
        Some(why) => Err(why),
        None => Ok(KeyField { comparison, ..key_field(field.name.clone(), field) }),
    }
}

fn key_field(name: String, field: &Field) -> KeyField {
    use FieldType::{Boolean, Currency, Date, Datetime, Double, Id, Int, Long, Percent, Reference};
    let (value_type, comparison) = match field.field_type {
        Id | Reference => (ValueType::Id, KeyComparison::Id),
        Int => (ValueType::Int, KeyComparison::Number { scale: 0 }),
        Long => (ValueType::Long, KeyComparison::Number { scale: 0 }),
        Double | Currency | Percent => (ValueType::Number, KeyComparison::Number { scale: field.scale }),
        Boolean => (ValueType::Boolean, KeyComparison::Exact),
        Date => (ValueType::Date, KeyComparison::Exact),
        Datetime => (ValueType::Moment, KeyComparison::Moment),
        // "String comparisons using the equals operator are case-sensitive for unique case-sensitive fields and
        // case-insensitive for all other fields" (SOQL and SOSL Reference, "Comparison Operators").
        _ if field.case_sensitive => (ValueType::Text, KeyComparison::Exact),
        _ => (ValueType::Text, KeyComparison::IgnoreCase),
    };
    let longest = (value_type == ValueType::Text && field.length > 0).then_some(field.length as usize);
    KeyField { name, value_type, comparison, longest }
}

#[cfg(test)]
mod tests;
