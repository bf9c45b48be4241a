//! Looks up the records that the rows of a job name, as Salesforce does when the job runs.

use std::sync::atomic::{AtomicU64, Ordering};

use super::known::{Changes, KnownRecords};
use super::outcome::Fate;
use super::recycled::Recycled;
use crate::convert::{raw_cells, text};
use crate::matching::{Found, MatchPlan, Matches, RowKey};
use crate::pipeline::batch::Batch;
use salesforce::{JobWatcher, Operation};

/// An id that names no record of the object. Salesforce has several codes for it (`MALFORMED_ID`,
/// `INVALID_CROSS_REFERENCE_KEY`), which cannot be told apart from outside.
const NO_SUCH_ID: &str = "NO_SUCH_ID";

/// The id of a record in the recycle bin.
const IN_RECYCLE_BIN: &str = "ENTITY_IS_DELETED";

/// An external id that several records have (recorded answers).
const SEVERAL_RECORDS: &str = "DUPLICATE_EXTERNAL_ID";

/// How the records of a stream are looked up, and by what changes are known again.
pub(super) struct Lookup {
    pub(super) plan: MatchPlan,
    ids: MatchPlan,
    created: Changes,
    recycled: Changes,
    erased: Changes,
    operation: Operation,
}

/// What is known of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Record {
    Living,
    InRecycleBin,
    Gone,
    /// It is not living, and nothing more is known.
    Unknown,
}

impl Lookup {
    pub(super) fn new(plan: MatchPlan, operation: Operation) -> Self {
        let ids = MatchPlan::of_ids(&plan.object);
        let [recycled, erased] = ["recycled", "erased"].map(|change| Changes::of(change, &ids));
        Self { created: Changes::of("created", &plan), recycled, erased, ids, plan, operation }
    }

    /// A record with this key is created, unless the run has created it before.
    pub(super) fn create(&self, key: RowKey, known: &mut KnownRecords) -> Fate {
        if known.add(self.created, key) { Fate::Created } else { Fate::Updated }
    }

    /// Whether the run has deleted the record with this id. If not, a delete does it now.
    pub(super) fn is_deleted(&self, id: &str, known: &mut KnownRecords) -> bool {
        self.record(id, known) != Record::Living
    }

    fn record(&self, id: &str, known: &mut KnownRecords) -> Record {
        let Ok(key) = self.ids.row_key([id]) else { return Record::Unknown };
        if known.has(self.erased, key) {
            return Record::Gone;
        }
        if known.has(self.recycled, key) {
            return Record::InRecycleBin;
        }
        match self.operation {
            Operation::Delete => drop(known.add(self.recycled, key)),
            Operation::HardDelete => drop(known.add(self.erased, key)),
            _ => {}
        }
        Record::Living
    }

    pub(super) fn is_delete(&self) -> bool {
        self.operation.is_delete()
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
    pub(super) matches: &'l Matches,
    pub(super) recycled: &'l Recycled,
    /// Whether the stream only follows deletes of its source: what is gone already has what was asked for.
    pub(super) follows_source: bool,
}

impl Fates<'_> {
    /// What each row of a batch does: its number, its CSV, and its fate.
    pub(super) fn of_rows(&self, batch: &Batch, known: &mut KnownRecords, mut add: impl FnMut(usize, &[u8], Fate)) {
        let cells = KeyCells::new(&self.lookup.plan, batch);
        for (row, csv) in batch.csv_rows().enumerate() {
            let fate = match cells.key(&self.lookup.plan, &csv) {
                Some(key) => self.fate(key, known),
                // No row has an empty key; what Salesforce makes of one is not known.
                None => Fate::Unclear,
            };
            add(row, &csv, fate);
        }
    }

    fn fate(&self, key: RowKey, known: &mut KnownRecords) -> Fate {
        let lookup = self.lookup;
        let record = match self.matches.of(key) {
            Found::Uncertain => return Fate::Unclear,
            Found::Several { .. } => return Fate::Refused(SEVERAL_RECORDS),
            Found::One(id) => lookup.record(id.as_str(), known),
            Found::Missing => match self.recycled {
                Some(recycled) if recycled.contains(&key) => Record::InRecycleBin,
                Some(_) => Record::Gone,
                None => Record::Unknown,
            },
        };
        match (lookup.operation, record) {
            (Operation::Insert, _) => Fate::Created,
            (Operation::Upsert | Operation::Update, Record::Living) => Fate::Updated,
            (Operation::Delete | Operation::HardDelete, Record::Living) => Fate::Deleted,
            // A record in the recycle bin gives its external id free.
            (Operation::Upsert, _) if !lookup.plan.is_of_ids() => lookup.create(key, known),
            (_, Record::InRecycleBin) if self.follows_source => Fate::Skipped,
            (_, Record::InRecycleBin) => Fate::Refused(IN_RECYCLE_BIN),
            (_, Record::Unknown) if self.follows_source => Fate::Unclear,
            (_, Record::Gone | Record::Unknown) => Fate::Refused(NO_SUCH_ID),
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
