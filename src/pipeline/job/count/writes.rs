//! What rows write into fields by which other streams find records.

use std::collections::HashMap;

use super::known::{KnownChanges, NewKey, Record, Way};
use crate::convert::{NULL_MARKER, raw_cells, text};
use crate::matching::MatchPlan;
use crate::pipeline::batch::Batch;
use crate::pipeline::prepare::StreamPlan;

/// How the streams of a sync find the records of each object, apart from their ids.
#[derive(Debug, Default)]
pub(crate) struct Ways(HashMap<String, Vec<MatchPlan>>);

impl Ways {
    pub(crate) fn of<'p>(plans: impl Iterator<Item = &'p StreamPlan>) -> Self {
        let mut ways: HashMap<String, Vec<MatchPlan>> = HashMap::new();
        for plan in plans {
            let by_search =
                [&plan.matching, &plan.deletes.matching].into_iter().flatten().map(|it| MatchPlan::clone(it));
            for way in plan.key_lookup().into_iter().chain(by_search).filter(|way| !way.is_of_ids()) {
                let of_object = ways.entry(way.object.to_ascii_lowercase()).or_default();
                if of_object.iter().all(|other| Way::of(other) != Way::of(&way)) {
                    of_object.push(way);
                }
            }
        }
        Self(ways)
    }

    /// What the rows of a batch write into the fields of these ways, apart from their own.
    pub(super) fn written_by(&self, object: &str, own: Option<Way>, batch: &Batch) -> Writes<'_> {
        let of_object = self.0.get(&object.to_ascii_lowercase()).into_iter().flatten();
        let others = of_object.filter(|plan| own != Some(Way::of(plan)));
        let position = |name: &str| batch.columns.iter().position(|column| column.is_named(name));
        let written = others.map(|plan| WrittenWay {
            plan,
            way: Way::of(plan),
            columns: plan.keys.iter().map(|key| position(&key.name)).collect(),
        });
        Writes(written.filter(|way| way.columns.iter().any(Option::is_some)).collect())
    }
}

/// A way some of whose fields are columns of a batch.
struct WrittenWay<'w> {
    plan: &'w MatchPlan,
    way: Way,
    /// The position of each field among the columns.
    columns: Vec<Option<usize>>,
}

/// What the rows of a batch write into the fields of other ways.
pub(super) struct Writes<'w>(Vec<WrittenWay<'w>>);

/// The record that a row writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    New(Record),
    Existing(Record),
    /// Nobody knows which one, or when: inserts of another stream keep no order.
    Unknown,
}

impl Writes<'_> {
    /// Notes what all rows of a batch write.
    pub(super) fn note_all(&self, batch: &Batch, written: Written, known: &mut KnownChanges) {
        if !self.0.is_empty() {
            batch.csv_rows().for_each(|csv| self.note(&csv, written, known));
        }
    }

    /// Notes what a row writes.
    pub(super) fn note(&self, csv: &[u8], written: Written, known: &mut KnownChanges) {
        if self.0.is_empty() {
            return;
        }
        let cells: Vec<&[u8]> = raw_cells(csv).collect();
        for WrittenWay { plan, way, columns } in &self.0 {
            let value = |column: &Option<usize>| column.and_then(|column| cells.get(column)).map(|cell| text(cell));
            let values: Vec<_> = columns.iter().map(|column| value(column).unwrap_or_default()).collect();
            if values.iter().all(|value| value.is_empty()) {
                // An empty cell leaves a field as it is.
                continue;
            }
            match (plan.row_key(values.iter().map(|value| &**value)), written) {
                (Ok(key), Written::New(record)) => known.give(*way, key, record),
                (Ok(key), Written::Existing(record)) => known.rewrite(*way, record, NewKey::Is(key)),
                (Ok(key), Written::Unknown) => known.make_unclear(*way, key),
                (Err(_), Written::Existing(record)) => {
                    let is_cleared = values.iter().any(|value| value == NULL_MARKER);
                    known.rewrite(*way, record, if is_cleared { NewKey::Cleared } else { NewKey::InPart });
                }
                (Err(_), Written::New(_) | Written::Unknown) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::known::{Holder, Standing};
    use super::*;
    use crate::config::{OnMissing, OnSeveral};
    use crate::convert::KeyComparison;
    use crate::matching::{KeyField, RowKey, ValueType};

    /// A way of so many fields.
    fn plan(fields: usize) -> MatchPlan {
        let field = |number| KeyField {
            name: format!("F{number}__c"),
            value_type: ValueType::Text,
            comparison: KeyComparison::IgnoreCase,
            longest: None,
        };
        let (on_missing, on_several) = (OnMissing::Reject, OnSeveral::Reject);
        MatchPlan { object: "Account".into(), keys: (0..fields).map(field).collect(), on_missing, on_several }
    }

    /// Notes a row that writes these fields after its id.
    fn note(known: &mut KnownChanges, fields: usize, cells: &str, written: Written) {
        let plan = plan(fields);
        let columns = (1..=fields).map(Some).collect();
        let writes = Writes(vec![WrittenWay { plan: &plan, way: Way::of(&plan), columns }]);
        writes.note(format!("001,{cells}\n").as_bytes(), written, known);
    }

    #[test]
    fn a_record_is_found_by_what_was_written_last_and_by_nothing_that_was_cleared() {
        use Standing::{Away, Here, Unclear};
        for (fields, cells, old, new) in [
            (1, "", Here, false),
            (1, "new", Away, true),
            (1, "OLD", Here, false),
            (1, "#N/A", Away, false),
            (2, ",", Here, false),
            (2, "new,new", Away, true),
            (2, "#N/A,new", Away, false),
            (2, "new,#N/A", Away, false),
            (2, "#N/A,", Away, false),
            (2, "new,", Unclear, false),
        ] {
            let (plan, record) = (plan(fields), Record::of_id("003000000000001AAA"));
            let way = Way::of(&plan);
            let key = |value: &str| -> RowKey { plan.row_key(vec![value; fields]).unwrap() };
            let mut known = KnownChanges::default();
            note(&mut known, fields, cells, Written::Existing(record));
            assert_eq!(known.standing(way, record, key("old")), old, "{cells}");
            assert_eq!(known.holder(way, key("new")) == Holder::Record(record), new, "{cells}");
        }
    }

    #[test]
    fn a_new_record_is_found_by_what_it_gets_and_an_unknown_one_makes_it_unclear() {
        let record = Record::of_id("003000000000001AAA");
        for (cells, written, expected) in [
            ("new", Written::New(record), Holder::Record(record)),
            ("#N/A", Written::New(record), Holder::Nobody),
            ("new", Written::Unknown, Holder::Unclear),
            ("#N/A", Written::Unknown, Holder::Nobody),
        ] {
            let (mut known, plan) = (KnownChanges::default(), plan(1));
            note(&mut known, 1, cells, written);
            assert_eq!(known.holder(Way::of(&plan), plan.row_key(["new"]).unwrap()), expected, "{cells} {written:?}");
        }
    }
}
