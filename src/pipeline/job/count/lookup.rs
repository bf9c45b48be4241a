//! Looks up the records that the rows of a job name, as Salesforce does when the job runs.

use std::sync::atomic::{AtomicU64, Ordering};

use super::known::{Gone, KnownChanges, Record, Way};
use super::outcome::Fate;
use super::recycled::Recycled;
use super::revised::{Revised, RevisedMatches};
use super::writes::{Writes, Written};
use crate::convert::{raw_cells, text};
use crate::matching::{Found, MatchPlan, RowKey};
use crate::pipeline::batch::Batch;
use salesforce::{JobWatcher, Operation};

/// An id that names no record of the object. Salesforce has several codes for it (`MALFORMED_ID`,
/// `INVALID_CROSS_REFERENCE_KEY`), which cannot be told apart from outside.
const NO_SUCH_ID: &str = "NO_SUCH_ID";

/// The id of a record in the recycle bin.
const IN_RECYCLE_BIN: &str = "ENTITY_IS_DELETED";

/// An external id that several records have (recorded answers).
const SEVERAL_RECORDS: &str = "DUPLICATE_EXTERNAL_ID";

/// How the records of a stream are looked up.
pub(super) struct Lookup {
    pub(super) plan: MatchPlan,
    pub(super) way: Way,
    pub(super) operation: Operation,
}

/// Why there is no living record with an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NotThere {
    InRecycleBin,
    Gone,
    Unknown,
}

impl Lookup {
    pub(super) fn new(plan: MatchPlan, operation: Operation) -> Self {
        Self { way: Way::of(&plan), plan, operation }
    }

    /// How a delete of the job leaves a record. `None` if the job deletes none.
    pub(super) fn deletes(&self) -> Option<Gone> {
        match self.operation {
            Operation::Delete => Some(Gone::Recycled),
            Operation::HardDelete => Some(Gone::Erased),
            _ => None,
        }
    }

    /// The key of each row of a batch, and its first value.
    pub(super) fn keys(&self, batch: &Batch) -> impl Iterator<Item = (RowKey, String)> {
        let cells = KeyCells::new(&self.plan, batch);
        batch.csv_rows().filter_map(move |csv| {
            let values = cells.values(&csv)?;
            Some((self.plan.row_key(values.iter().map(String::as_str)).ok()?, values.into_iter().next()?))
        })
    }
}

/// Decides what the rows of one batch do.
pub(super) struct Fates<'l> {
    pub(super) lookup: &'l Lookup,
    pub(super) matches: &'l RevisedMatches<'l>,
    pub(super) recycled: &'l Recycled,
    /// Whether the stream only follows deletes of its source: what is gone already has what was asked for.
    pub(super) follows_source: bool,
    pub(super) writes: &'l Writes<'l>,
}

impl Fates<'_> {
    /// What each row of a batch does: its number, its CSV, and its fate.
    pub(super) fn of_rows(&self, batch: &Batch, known: &mut KnownChanges, mut add: impl FnMut(usize, &[u8], Fate)) {
        let plan = &self.lookup.plan;
        let cells = KeyCells::new(plan, batch);
        for (row, csv) in batch.csv_rows().enumerate() {
            let values = cells.values(&csv).unwrap_or_default();
            let (fate, written) = match plan.row_key(values.iter().map(String::as_str)) {
                Ok(key) => self.fate(key, &values, known),
                // No row has an empty key; what Salesforce makes of one is not known.
                Err(_) => (Fate::Unclear, None),
            };
            if let Some(written) = written {
                self.writes.note(&csv, written, known);
            }
            add(row, &csv, fate);
        }
    }

    /// What a row does, and which record it writes.
    fn fate(&self, key: RowKey, values: &[String], known: &mut KnownChanges) -> (Fate, Option<Written>) {
        let found = match self.matches.revised(key, known) {
            Revised::Found(Found::Uncertain) | Revised::Unclear => return self.unclear(key, known),
            Revised::Found(found) => found,
        };
        match found {
            Found::One(id) => {
                let record = Record::of_id(id.as_str());
                match self.lookup.deletes() {
                    Some(gone) => {
                        known.delete(record, gone);
                        (Fate::Deleted, None)
                    }
                    None => (Fate::Updated, Some(Written::Existing(record))),
                }
            }
            Found::Missing if self.lookup.plan.is_of_ids() => (self.without_record(key, values, known), None),
            // A search that finds nothing proves it only for a value that the org keeps as it is sent.
            Found::Missing if !self.lookup.plan.proves_absence(values) => self.unclear(key, known),
            Found::Missing => {
                let record = known.create(self.lookup.way, key);
                (Fate::Created, Some(Written::New(record)))
            }
            Found::Several { .. } | Found::Uncertain => (Fate::Refused(SEVERAL_RECORDS), None),
        }
    }

    /// Nobody knows which record the row writes, nor what its key names from then on.
    fn unclear(&self, key: RowKey, known: &mut KnownChanges) -> (Fate, Option<Written>) {
        known.make_unclear(self.lookup.way, key);
        (Fate::Unclear, Some(Written::Unknown))
    }

    /// What becomes of an id that names no living record.
    fn without_record(&self, key: RowKey, values: &[String], known: &KnownChanges) -> Fate {
        let gone = values.first().and_then(|id| known.gone(Record::of_id(id)));
        let why = match (gone, self.recycled) {
            (Some(Gone::Recycled), _) => NotThere::InRecycleBin,
            (Some(Gone::Erased), _) => NotThere::Gone,
            (None, Some(recycled)) if recycled.contains(&key) => NotThere::InRecycleBin,
            (None, Some(_)) => NotThere::Gone,
            (None, None) => NotThere::Unknown,
        };
        match why {
            NotThere::InRecycleBin if self.follows_source => Fate::Skipped,
            NotThere::InRecycleBin => Fate::Refused(IN_RECYCLE_BIN),
            NotThere::Unknown if self.follows_source => Fate::Unclear,
            NotThere::Gone | NotThere::Unknown => Fate::Refused(NO_SUCH_ID),
        }
    }
}

/// The cells of a batch's rows that are keys.
pub(super) struct KeyCells(Vec<Option<usize>>);

impl KeyCells {
    pub(super) fn new(plan: &MatchPlan, batch: &Batch) -> Self {
        let position = |name: &str| batch.columns.iter().position(|column| column.is_named(name));
        Self(plan.keys.iter().map(|key| position(&key.name)).collect())
    }

    /// The key of a row. `None` if it has no value for one of the fields.
    pub(super) fn key(&self, plan: &MatchPlan, csv: &[u8]) -> Option<RowKey> {
        plan.row_key(self.values(csv)?.iter().map(String::as_str)).ok()
    }

    fn values(&self, csv: &[u8]) -> Option<Vec<String>> {
        let cells: Vec<&[u8]> = raw_cells(csv).collect();
        let value = |column: &Option<usize>| column.and_then(|column| cells.get(column).copied()).map(text);
        self.0.iter().map(|column| Some(value(column)?.into_owned())).collect()
    }
}

/// Counts the requests of a search.
#[derive(Debug, Default)]
pub(super) struct RequestCount(AtomicU64);

impl RequestCount {
    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl JobWatcher for RequestCount {
    fn progressed(&self, _: u64) {}

    fn asks(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_request_of_a_search_is_counted() {
        let requests = RequestCount::default();
        assert_eq!(requests.get(), 0);
        requests.progressed(7);
        for asked in 1..4 {
            requests.asks();
            assert_eq!(requests.get(), asked);
        }
    }

    #[test]
    fn only_deletes_remove_records_and_a_hard_delete_erases_them() {
        for (operation, gone) in [
            (Operation::Insert, None),
            (Operation::Update, None),
            (Operation::Upsert, None),
            (Operation::Delete, Some(Gone::Recycled)),
            (Operation::HardDelete, Some(Gone::Erased)),
        ] {
            assert_eq!(Lookup::new(MatchPlan::of_ids("Account"), operation).deletes(), gone, "{operation}");
        }
    }
}
