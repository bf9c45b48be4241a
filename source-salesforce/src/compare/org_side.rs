//! The records of an org, as a comparison reads them: the key of each and when it changed.

use jiff::Timestamp;

use airbyte::{Error, Result};
use salesforce::{Describe, Field, FieldType, JobWatcher, KeyComparison, Org, QueryPage};

use super::entry::{Entry, Identity};
use super::sorter::Sorter;
use crate::config::Config;
use crate::moment::Moment;
use crate::objects::{is_big, is_of_schema};
use crate::plan::{CREATED, CatalogStream, StreamPlan, count, plan};
use crate::query::{Follower, check_unpacked, read_query};
use crate::state::{ReadingState, SyncIds};
use crate::user_error::error_of;

/// The fields that say when a record changed, best first.
const STAMPS: [&str; 2] = ["SystemModstamp", "LastModifiedDate"];

/// One org of a comparison.
pub(super) struct OrgSide<'a> {
    org: &'a Org,
    objects: Vec<ReadObject>,
}

/// An object that is read.
struct ReadObject {
    plan: StreamPlan,
    key: KeyField,
    /// Where the key and the time of the change are in a row.
    key_place: usize,
    stamp_place: Option<usize>,
}

/// What the describe of an object says of its key, and of when its records were made and changed.
struct KeyField {
    name: String,
    comparison: KeyComparison,
    stamp: Option<String>,
    /// Whether a query can leave out what was created later. Those of big objects and of the schema have rules of their own.
    has_created: bool,
}

impl KeyField {
    /// The key with this name, as the object spells it. One that it does not have is named as it was given, for the error.
    fn of(describe: &Describe, name: &str) -> Self {
        let usable = |name: &&str| {
            let is_time = |field: &&Field| field.field_type == FieldType::Datetime;
            describe.field(name).filter(is_time)
        };
        let field = describe.field(name);
        Self {
            name: field.map_or(name, |field| &field.name).to_owned(),
            comparison: match field {
                Some(field) if field.field_type == FieldType::Datetime => KeyComparison::Moment,
                Some(field) => KeyComparison::of(field),
                None => KeyComparison::Text,
            },
            stamp: STAMPS.iter().find_map(usable).map(|field| field.name.clone()),
            has_created: !is_of_schema(&describe.name)
                && !is_big(&describe.name)
                && usable(&CREATED).is_some_and(|field| !field.not_filterable && !field.nillable),
        }
    }
}

impl<'a> OrgSide<'a> {
    /// Plans to read these objects with these keys.
    ///
    /// # Errors
    /// The org has an object or a key not, or does not answer.
    pub(super) async fn prepare(org: &'a Org, config: &Config, wanted: &[(&str, &str)]) -> Result<Self> {
        let names: Vec<String> = wanted.iter().map(|(object, _)| (*object).to_owned()).collect();
        let describes = org.describe_each(&names, |describe| describe).await;
        let mut fault = None;
        let described = wanted.iter().zip(describes).map(|((_, key), describe)| match describe {
            Ok(describe) => KeyField::of(&describe, key),
            // The plan says what is wrong, of all objects together.
            Err(first) => {
                fault.get_or_insert(first);
                KeyField::of(&Describe::default(), key)
            }
        });
        let keys: Vec<KeyField> = described.collect();
        let streams = names.into_iter().zip(&keys).map(|(name, key)| CatalogStream {
            name: airbyte::StreamName { namespace: None, name },
            columns: Some([Some(&key.name), key.stamp.as_ref()].into_iter().flatten().cloned().collect()),
            cursor_field: Vec::new(),
            is_incremental: false,
            tells_deletions: false,
            sync: SyncIds::default(),
            primary_key: Vec::new(),
            destination_mode: None,
        });
        let plans = plan(org, config, streams.collect()).await?;
        // Without the describe nobody knows how the keys are compared.
        if let Some(fault) = fault {
            return Err(error_of(&fault, "describing the objects of the streams"));
        }
        let mut objects = Vec::new();
        for (mut plan, key) in plans.into_iter().zip(keys) {
            plan.wants_proof = true;
            let place = |name: &str| plan.soql.fields().iter().position(|field| field.eq_ignore_ascii_case(name));
            let Some(key_place) = place(&key.name) else {
                return Err(Error::config(format!(
                    "The field {} of {} cannot be read, so records cannot be compared by it. Give another one with --key.",
                    key.name, plan.stream
                )));
            };
            let stamp_place = key.stamp.as_deref().and_then(place);
            objects.push(ReadObject { plan, key, key_place, stamp_place });
        }
        Ok(Self { org, objects })
    }

    /// How the org compares the keys of a stream.
    pub(super) fn comparison(&self, stream: usize) -> KeyComparison {
        self.objects[stream].key.comparison
    }

    /// The field by which the records of a stream are compared.
    pub(super) fn key(&self, stream: usize) -> &str {
        &self.objects[stream].key.name
    }

    /// The time of the org.
    ///
    /// # Errors
    /// The org does not answer.
    pub(super) async fn now(&self) -> Result<Option<Moment>> {
        let now = self.org.now().await.map_err(|fault| error_of(&fault, "asking for the time of the org"))?;
        Ok(now.map(Moment::of))
    }

    /// Reads the records of a stream; with `before`, only those that were created before it. Returns their number.
    ///
    /// # Errors
    /// They are not read whole, or it is not proven that they are.
    pub(super) async fn read(
        &self,
        stream: u16,
        identity: Identity,
        before: Option<Moment>,
        sorter: &mut Sorter,
    ) -> Result<u64> {
        let object = &self.objects[usize::from(stream)];
        let mut plan = match before.filter(|_| object.key.has_created) {
            Some(before) => object.plan.created_before(before),
            None => object.plan.clone(),
        };
        // The count of the plan is as old as the plan.
        plan.count = count(self.org, &plan).await?;
        let mut collector = Collector { object, stream, identity, sorter };
        let rows = read_query(self.org, &plan, &mut collector, None).await?;
        tracing::info!("{} is read whole: {rows} records", plan.stream);
        Ok(rows)
    }
}

/// Collects the records of a query.
struct Collector<'a> {
    object: &'a ReadObject,
    stream: u16,
    identity: Identity,
    sorter: &'a mut Sorter,
}

impl Follower for Collector<'_> {
    fn runs(&mut self) -> Result<()> {
        Ok(())
    }

    fn reaches(&mut self, _: &ReadingState) -> Result<()> {
        Ok(())
    }

    fn can_begin_again(&self) -> bool {
        true
    }

    fn begins_again(&mut self) -> Result<()> {
        self.sorter.clear();
        Ok(())
    }

    async fn take(&mut self, page: &mut QueryPage) -> Result<()> {
        let mut read = 0;
        while let Some(row) = page.next_row() {
            read += 1;
            let stamp = self.object.stamp_place.and_then(|place| row.at(place)).and_then(second_of);
            self.sorter.add(&Entry::new(self.stream, row.at(self.object.key_place), &self.identity, stamp))?;
        }
        check_unpacked(&self.object.plan.stream, page.rows(), read)
    }

    fn watcher(&self, _: &ReadingState) -> impl JobWatcher {
        |_: u64| {}
    }
}

/// The second of a point in time. Milliseconds do not count: Salesforce compares stamps without them.
pub(super) fn second_of(text: &str) -> Option<i64> {
    text.parse::<Timestamp>().ok().map(|time| time.as_millisecond().div_euclid(1000))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn key_field(object: &str, fields: Value, name: &str) -> KeyField {
        KeyField::of(&serde_json::from_value(json!({"name": object, "fields": fields})).unwrap(), name)
    }

    #[test]
    fn what_was_created_later_is_left_out_only_where_a_query_can_do_so() {
        let created = |more: Value| {
            let mut field = json!({"name": "CreatedDate", "type": "datetime", "filterable": true});
            more.as_object().unwrap().iter().for_each(|(key, value)| field[key] = value.clone());
            json!([field])
        };
        for (object, fields, expected) in [
            ("Account", created(json!({})), true),
            ("Account", created(json!({"filterable": false})), false),
            ("Account", created(json!({"nillable": true})), false),
            ("Account", created(json!({"type": "date"})), false),
            ("Account", json!([]), false),
            ("Reading__b", created(json!({})), false),
            ("EntityDefinition", created(json!({})), false),
            ("Setting__mdt", created(json!({})), false),
        ] {
            assert_eq!(key_field(object, fields.clone(), "Id").has_created, expected, "{object} {fields}");
        }
    }

    #[test]
    fn the_best_time_of_a_change_is_that_of_any_change() {
        let field = |name: &str, kind: &str| json!({"name": name, "type": kind});
        let (system, user) = (field("SystemModstamp", "datetime"), field("LastModifiedDate", "datetime"));
        for (fields, expected) in [
            (json!([user, system]), Some("SystemModstamp")),
            (json!([user]), Some("LastModifiedDate")),
            (json!([user, field("SystemModstamp", "string")]), Some("LastModifiedDate")),
            (json!([field("CreatedDate", "datetime")]), None),
        ] {
            assert_eq!(key_field("Account", fields.clone(), "Id").stamp.as_deref(), expected, "{fields}");
        }
    }

    #[test]
    fn a_key_has_the_spelling_and_the_comparison_of_its_field() {
        let fields = json!([
            {"name": "Key__c", "type": "string", "custom": true, "unique": true},
            {"name": "At__c", "type": "datetime"},
            {"name": "Number__c", "type": "double", "scale": 2},
        ]);
        for (name, expected, comparison) in [
            ("key__C", "Key__c", KeyComparison::IgnoreCase),
            ("At__c", "At__c", KeyComparison::Moment),
            ("Number__c", "Number__c", KeyComparison::Number { scale: 2 }),
            ("other__C", "other__C", KeyComparison::Text),
        ] {
            let key = key_field("Account", fields.clone(), name);
            assert_eq!((&*key.name, key.comparison), (expected, comparison));
        }
    }

    #[test]
    fn milliseconds_of_a_time_do_not_count() {
        for (text, expected) in [
            ("1970-01-01T00:00:09.999Z", Some(9)),
            ("1970-01-01T00:00:09.000+0000", Some(9)),
            ("1969-12-31T23:59:59.500Z", Some(-1)),
            ("1970-01-01", None),
        ] {
            assert_eq!(second_of(text), expected, "{text}");
        }
    }
}
