//! Looks into both orgs, and compares them field by field. No code of the connectors is used, so that none of them proves
//! itself.

use std::collections::{BTreeMap, BTreeSet};

use salesforce_sim::SimulatedOrg;

use super::connection::KEY;

type Record = BTreeMap<String, Option<String>>;

/// The references, with the object that each points to.
const REFERENCES: [(&str, &str); 3] = [("ParentId", "Account"), ("AccountId", "Account"), ("ReportsToId", "Contact")];

/// What belongs to one org alone: ids, and the users who own records.
const OF_ONE_ORG: [&str; 2] = ["Id", "OwnerId"];

/// What a look found.
#[derive(Debug, Default)]
pub(crate) struct Look {
    /// The values that are the same in both orgs.
    pub(crate) equal: usize,
    /// The references that point to the same record in both orgs.
    pub(crate) parents: usize,
    /// Each difference as a sentence.
    pub(crate) differences: Vec<String>,
    /// The fields of numbers.
    numbers: BTreeSet<String>,
}

/// Compares all records of objects of two orgs.
pub(crate) fn look(first: &SimulatedOrg, second: &SimulatedOrg, objects: &[&str]) -> Look {
    let names = [names(first, objects), names(second, objects)];
    let mut look = Look { numbers: numbers(first), ..Look::default() };
    for object in objects {
        let mut theirs = BTreeMap::new();
        for record in second.records(object) {
            let name = name(&record);
            if theirs.insert(name.clone(), record).is_some() {
                look.differences.push(format!("{object} {name} is there twice."));
            }
        }
        for record in first.records(object) {
            let name = name(&record);
            match theirs.remove(&name) {
                Some(other) => look.compare(&format!("{object} {name}"), [&record, &other], &names),
                None => look.differences.push(format!("{object} {name} is missing.")),
            }
        }
        look.differences.extend(theirs.keys().map(|name| format!("{object} {name} is there without an original.")));
    }
    look
}

impl Look {
    fn compare(&mut self, what: &str, [record, other]: [&Record; 2], [names, other_names]: &[Names; 2]) {
        for (field, value) in record.iter().filter(|(field, _)| !OF_ONE_ORG.contains(&field.as_str())) {
            let copy = other.get(field).cloned().flatten();
            let is_reference = REFERENCES.iter().any(|(reference, _)| reference == field);
            let (value, copy) = match is_reference {
                false => (value.clone(), copy),
                true => (pointed(value.as_ref(), names), pointed(copy.as_ref(), other_names)),
            };
            let is_number = self.numbers.contains(field);
            match value == copy || is_number && number(value.as_ref()) == number(copy.as_ref()) {
                true if is_reference => self.parents += usize::from(value.is_some()),
                true => self.equal += 1,
                false => {
                    let [value, copy] = [value, copy].map(|value| value.unwrap_or_else(|| "nothing".to_owned()));
                    let difference = format!("{what}: {field} is {value} in the first org, and {copy} in the second.");
                    self.differences.push(difference);
                }
            }
        }
    }
}

/// The fields of an org that have numbers. A number can have several texts, such as `12` and `12.0`.
fn numbers(org: &SimulatedOrg) -> BTreeSet<String> {
    let fields = org.writable_fields().into_iter();
    fields
        .filter(|(_, _, kind)| ["int", "double", "currency", "percent"].contains(kind))
        .map(|(_, name, _)| name)
        .collect()
}

fn number(text: Option<&String>) -> Option<f64> {
    text.and_then(|text| text.parse().ok())
}

/// The names of the records of an org by their ids.
type Names = BTreeMap<String, String>;

fn names(org: &SimulatedOrg, objects: &[&str]) -> Names {
    let records = objects.iter().flat_map(|object| org.records(object));
    records.filter_map(|record| Some((record.get("Id")?.clone()?, name(&record)))).collect()
}

/// The external id of a record. One without it is named by its id, which no record of the other org has.
fn name(record: &Record) -> String {
    let value = |field: &str| record.get(field).cloned().flatten();
    value(KEY).unwrap_or_else(|| format!("without an external id ({})", value("Id").unwrap_or_default()))
}

/// The record to which a reference points.
fn pointed(id: Option<&String>, names: &Names) -> Option<String> {
    id.map(|id| names.get(id).cloned().unwrap_or_else(|| format!("{id}, which is not there")))
}
