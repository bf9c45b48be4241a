//! Rewrites the rows of a batch whose records have been looked for: into rows with ids for the records that are there,
//! and rows for those to create. The others are rejected or skipped.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use super::FoundRecords;
use super::parts::Parts;
use crate::config::{OnMissing, OnSeveral};
use crate::convert::{
    Column, Columns, Key, KeyComparison, Kind, Rejection, Row, RowKind, RowTypes, SourceColumn, cells, json_object,
    raw_cells, restore, source_columns, text,
};
use crate::matching::{Found, ID, MOST_WRITTEN, MatchPlan, RecordId, RowKey};
use crate::pipeline::batch::{
    Batch, KeptKeys, LocalRejection, MergedRecords, OpenBatch, Origin, SegmentId, SettledSegment, TakenRows,
    unsent_columns,
};
use crate::pipeline::job::entered::JobJournal;
use crate::pipeline::job::rejection_reasons::{Example, RejectionReasons};
use crate::pipeline::prepare::StreamPlan;
use crate::rejected::{RejectedRecord, RejectedWriter, RejectionDetails};
use airbyte::{Error, JsonTypes, Result};
use salesforce::Operation;

/// How many ids a rejection shows.
const MOST_SHOWN: usize = 5;

/// The largest upload of one job, in bytes (Developer Limits Quick Reference, "Bulk API limits").
const LARGEST_UPLOAD: usize = 100_000_000;

/// The bytes that a row may grow by, because it has an id in place of its key. A batch that was as large as it may be
/// needs no second job for that.
const ID_LENGTH: usize = 20;

/// The most rows that the rows of one batch become. Many records that each name thousands would not fit in memory.
const MOST_ROWS: usize = 5_000_000;

/// What the rows of a batch became.
pub(crate) struct Rewritten {
    /// The jobs for records that are there, one after the other: updates or deletes.
    pub(crate) written: Vec<Batch>,
    /// The job for records to create.
    pub(crate) created: Option<Batch>,
    /// Rows whose records that job may create. They are looked for again when it has ended.
    pub(crate) later: Vec<Batch>,
    pub(crate) settled: Settled,
}

/// The records that need no job.
#[derive(Debug, Default)]
pub(crate) struct Settled {
    segments: HashMap<SegmentId, SettledSegment>,
    pub(crate) reasons: RejectionReasons,
    /// How many count as written although nothing is sent.
    pub(crate) skipped: u64,
    pub(crate) rejected: u64,
}

impl Settled {
    pub(crate) fn add(&mut self, segment: SegmentId, written: u64, rejected: u64) {
        let entry = self.segments.entry(segment).or_insert(SettledSegment { segment, written: 0, rejected: 0 });
        entry.written += written;
        entry.rejected += rejected;
        self.skipped += written;
        self.rejected += rejected;
    }

    pub(crate) fn segments(&self) -> Vec<SettledSegment> {
        self.segments.values().copied().collect()
    }
}

/// A row of the batch.
struct SentRow<'r> {
    /// What it has besides its upload.
    unsent: Option<String>,
    csv: &'r [u8],
    cells: Vec<&'r [u8]>,
    types: Arc<RowTypes>,
    origin: Origin,
    merged: Vec<MergedRecords>,
}

impl SentRow<'_> {
    /// How many of its records each segment has.
    fn records(&self) -> impl Iterator<Item = (SegmentId, u64)> {
        let merged = self.merged.iter().map(|it| (it.segment, u64::from(it.records)));
        std::iter::once((self.origin.segment, 1)).chain(merged)
    }
}

/// Rewrites the rows of one batch.
pub(crate) struct Rewriter<'r> {
    plan: &'r StreamPlan,
    matching: &'r MatchPlan,
    batch: &'r Batch,
    matches: &'r dyn FoundRecords,
    /// The position of each key field among the columns.
    keys: Vec<Option<usize>>,
    /// The columns that an update sends.
    sent: Vec<usize>,
    written: OpenBatch,
    /// The batches before it, which are full.
    full: Vec<Batch>,
    /// The largest upload: rows that each write many records may need several.
    largest_upload: usize,
    rows_written: usize,
    most_rows: usize,
    created: OpenBatch,
    kept: KeptKeys,
    /// The types of the last row, and those of its values that are sent and that are kept.
    types: Option<(Arc<RowTypes>, Arc<RowTypes>, Arc<RowTypes>)>,
    parts: Parts,
    settled: Settled,
}

impl<'r> Rewriter<'r> {
    pub(crate) fn new(
        plan: &'r StreamPlan,
        matching: &'r MatchPlan,
        batch: &'r Batch,
        matches: &'r dyn FoundRecords,
    ) -> Self {
        let columns = &batch.columns;
        let is_key = |column: &Column| matching.keys.iter().any(|key| column.is_named(&key.name));
        let keys = matching.keys.iter().map(|key| columns.iter().position(|column| column.is_named(&key.name)));
        let keys: Vec<Option<usize>> = keys.collect();
        let is_delete = plan.job.operation.is_delete();
        let sent = (0..columns.len()).filter(|column| !is_delete && !is_key(&columns[*column]));
        let sent: Vec<usize> = sent.collect();
        let id = || Column::new(SourceColumn::top(ID), ID, Kind::Text { longest: None }, JsonTypes::default());
        let written = std::iter::once(id()).chain(sent.iter().map(|column| columns[*column].clone())).collect();
        let written = Columns::new(written, Some(Key { field: ID.to_owned(), comparison: KeyComparison::Id }));
        let merged_by = matching.keys.iter().map(|key| Key { field: key.name.clone(), comparison: key.comparison });
        let created = columns.merged_by(merged_by);
        let kept = keys.iter().flatten().map(|column| columns[*column].clone()).collect();
        let lease = || batch.another_lease();
        Self {
            written: OpenBatch::of_kind(batch.kind, Arc::new(written), lease()),
            full: Vec::new(),
            largest_upload: LARGEST_UPLOAD.min(plan.batch_size + ID_LENGTH * batch.origins.len()),
            rows_written: 0,
            most_rows: MOST_ROWS,
            created: OpenBatch::new(Arc::new(created), lease()),
            kept: KeptKeys::new(Arc::new(Columns::new(kept, None)), is_delete, lease()).with_room_for(matches.found()),
            plan,
            matching,
            batch,
            matches,
            keys,
            sent,
            types: None,
            parts: Parts::default(),
            settled: Settled::default(),
        }
    }

    /// Rewrites the rows that were taken out of the batch. Rejected records go to `writer`.
    ///
    /// # Errors
    /// The bucket cannot be written.
    pub(crate) async fn rewrite(
        mut self,
        mut rows: TakenRows,
        journal: &JobJournal,
        mut writer: Option<&mut RejectedWriter>,
    ) -> Result<(Rewritten, Parts)> {
        let mut count = 0;
        let mut unsent = self.batch.unsent_rows();
        while let Some(csv) = rows.next() {
            self.take_memory(&mut rows);
            let number = count;
            let row = SentRow { unsent: unsent.next(), ..self.sent_row(number, &csv) };
            count += 1;
            if let Some(rejection) = self.row(&row, journal) {
                self.reject(&row, &rejection, writer.as_deref_mut()).await?;
            }
        }
        if count as u64 != self.batch.rows() {
            return Err(Error::system("A batch cannot be read again."));
        }
        let kept = self.kept.complete();
        let mut written = self.full;
        if self.written.rows() > 0 {
            written.extend(self.written.seal_merged());
        }
        for batch in &mut written {
            batch.local_rejections.iter_mut().for_each(|record| give_back_key(record, &kept));
            batch.keys = Some(Arc::clone(&kept));
        }
        let mut created = if self.created.rows() == 0 { Vec::new() } else { self.created.seal_merged() }.into_iter();
        let rewritten = Rewritten { written, created: created.next(), later: created.collect(), settled: self.settled };
        Ok((rewritten, self.parts))
    }

    /// Takes the memory of rows that are read for those that they become.
    fn take_memory(&mut self, rows: &mut TakenRows) {
        for batch in [&mut self.written, &mut self.created] {
            if batch.takes_memory()
                && let Some(memory) = rows.take_memory()
            {
                return batch.take_memory(memory);
            }
        }
    }

    fn sent_row<'c>(&self, number: usize, csv: &'c Bytes) -> SentRow<'c> {
        SentRow {
            unsent: None,
            csv,
            cells: raw_cells(csv).collect(),
            types: self.batch.types_of(csv).cloned().unwrap_or_default(),
            origin: self.batch.origins.origin(number),
            merged: self.batch.origins.merged(number).collect(),
        }
    }

    /// Adds a row to what it becomes, or says why it is rejected.
    fn row(&mut self, row: &SentRow<'_>, journal: &JobJournal) -> Option<Rejection> {
        let matching = self.matching;
        let (object, names) = (&matching.object, matching.names());
        let values: Vec<_> =
            self.keys.iter().map(|key| key.map_or_else(Default::default, |key| text(row.cells[key]))).collect();
        let key = match matching.row_key(values.iter().map(|value| &**value)) {
            Ok(key) => key,
            Err(field) => return Some(Rejection::missing_key(&field.name)),
        };
        match self.matches.of(key) {
            Found::One(id) => self.write(row, key, &[id]),
            Found::Several { ids, count } if matching.on_several == OnSeveral::UpdateAll && count <= MOST_WRITTEN => {
                self.write(row, key, &ids)
            }
            Found::Several { ids, count } => {
                let ids: Vec<String> = ids.iter().take(MOST_SHOWN).map(RecordId::to_string).collect();
                Some(Rejection::several_matches(object, &names, count, &ids))
            }
            Found::Uncertain => Some(Rejection::uncertain_match(object, &names)),
            Found::Missing if self.is_deleted_before(key, journal) => {
                self.skip(row);
                None
            }
            Found::Missing if matching.on_missing == OnMissing::Reject => Some(Rejection::no_match(object, &names)),
            Found::Missing if !matching.proves_absence(&values) => Some(Rejection::unproven_match(object, &names)),
            Found::Missing if matching.on_missing == OnMissing::Insert => {
                self.create(row, key);
                None
            }
            Found::Missing => {
                self.skip(row);
                None
            }
        }
    }

    /// Whether an earlier attempt of this sync has deleted the record.
    fn is_deleted_before(&self, key: RowKey, journal: &JobJournal) -> bool {
        self.plan.job.operation.is_delete() && journal.has_deleted(self.plan, key.hash())
    }

    /// Sends a row with each of these ids.
    fn write(&mut self, row: &SentRow<'_>, key: RowKey, ids: &[RecordId]) -> Option<Rejection> {
        if self.sent.is_empty() && !self.plan.job.operation.is_delete() {
            // Only an upsert may have nothing to send besides its key: it creates what is missing.
            if self.plan.job.operation != Operation::Upsert {
                return Some(Rejection::no_field());
            }
            self.skip(row);
            return None;
        }
        let is_too_much = ids.len() > 1 && self.rows_written + ids.len() > self.most_rows;
        let origin = if is_too_much { None } else { self.origin(row, ids.len()) };
        let Some((origin, merged)) = origin else {
            let ids: Vec<String> = ids.iter().take(MOST_SHOWN).map(RecordId::to_string).collect();
            return Some(Rejection::several_matches(&self.matching.object, &self.matching.names(), ids.len(), &ids));
        };
        let (sent_types, kept_types) = self.types_of(&row.types);
        let mut csv = Vec::with_capacity(row.csv.len() + 20);
        for id in ids {
            csv.clear();
            csv.extend_from_slice(id.as_str().as_bytes());
            for column in &self.sent {
                csv.push(b',');
                csv.extend_from_slice(row.cells[*column]);
            }
            csv.push(b'\n');
            let id_key = self.matches.may_share_records().then(|| KeyComparison::Id.hash_of_alike(id.as_str()));
            self.make_room(csv.len());
            self.rows_written += 1;
            self.written.add_types(&csv, &sent_types);
            if let Some(unsent) = &row.unsent {
                self.written.add_unsent(unsent);
            }
            self.written.push_keyed(Row { csv: &csv, key: id_key, kind: RowKind::Write }, origin, &merged);
        }
        csv.clear();
        for (position, column) in self.keys.iter().flatten().enumerate() {
            if position > 0 {
                csv.push(b',');
            }
            csv.extend_from_slice(row.cells[*column]);
        }
        csv.push(b'\n');
        self.kept.push(&csv, &kept_types, key.hash(), ids.iter().map(RecordId::as_str));
        None
    }

    /// Begins another batch if the last one is full. Their jobs are loaded one after the other.
    fn make_room(&mut self, length: usize) {
        if !self.written.has_room(length, self.largest_upload) {
            let next =
                OpenBatch::of_kind(self.batch.kind, Arc::clone(self.written.columns()), self.batch.another_lease());
            self.full.extend(std::mem::replace(&mut self.written, next).seal_merged());
        }
    }

    /// The origin of each of the rows that a row becomes, and the records that were merged into it.
    fn origin(&mut self, row: &SentRow<'_>, rows: usize) -> Option<(Origin, Vec<MergedRecords>)> {
        if rows == 1 {
            return Some((row.origin, row.merged.clone()));
        }
        let segment = self.parts.add(row.origin.segment, 1, rows)?;
        let merged = row.merged.iter().map(|it| {
            let segment = self.parts.add(it.segment, u64::from(it.records), rows)?;
            Some(MergedRecords { segment, records: 1 })
        });
        let merged = merged.collect::<Option<_>>()?;
        Some((Origin { segment, ..row.origin }, merged))
    }

    /// The types of the values of a row that are sent with an id, and of those that are kept.
    fn types_of(&mut self, types: &Arc<RowTypes>) -> (Arc<RowTypes>, Arc<RowTypes>) {
        // Nearly all rows have the same types.
        if let Some((of_row, sent, kept)) = &self.types
            && Arc::ptr_eq(of_row, types)
        {
            return (Arc::clone(sent), Arc::clone(kept));
        }
        let sent = std::iter::once(None).chain(self.sent.iter().copied().map(Some));
        let sent = Arc::new(types.of_columns(sent));
        let kept = Arc::new(types.of_columns(self.keys.iter().flatten().copied().map(Some)));
        self.types = Some((Arc::clone(types), Arc::clone(&sent), Arc::clone(&kept)));
        (sent, kept)
    }

    fn create(&mut self, row: &SentRow<'_>, key: RowKey) {
        self.created.add_types(row.csv, &row.types);
        // Rows whose keys are perhaps one go to different jobs, and the later one is looked for again.
        let key = self.matches.has_alike_rows().then(|| u128::from(key.alike()));
        self.created.push_keyed(Row { csv: row.csv, key, kind: RowKind::Write }, row.origin, &row.merged);
    }

    fn skip(&mut self, row: &SentRow<'_>) {
        row.records().for_each(|(segment, records)| self.settled.add(segment, records, 0));
    }

    async fn reject(
        &mut self,
        row: &SentRow<'_>,
        rejection: &Rejection,
        writer: Option<&mut RejectedWriter>,
    ) -> Result<()> {
        let mut records = 0;
        for (segment, count) in row.records() {
            self.settled.add(segment, 0, count);
            records += count;
        }
        let Some(writer) = writer else {
            let example = || Some(Example::of_source(row.origin.extracted_at_ms));
            self.settled.reasons.add_rejection(rejection, records, example);
            return Ok(());
        };
        let (code, field) = (rejection.code.as_str(), rejection.field.as_deref().unwrap_or_default());
        let cells = cells(row.csv);
        let mut data = restore(&self.batch.columns, cells.iter().map(String::as_str), Some(&row.types));
        data.extend(row.unsent.iter().cloned().flat_map(unsent_columns));
        let details = RejectionDetails::local(code, &rejection.message, field);
        let record = RejectedRecord::new(row.origin.extracted_at_ms, data, details);
        writer.write(&record).await?;
        self.settled.reasons.add_rejection(rejection, records, || Some(Example::stored(&record, writer)));
        Ok(())
    }
}

/// Gives a record that is rejected after its rewriting its key back, in place of the id that was found.
fn give_back_key(record: &mut LocalRejection, kept: &KeptKeys) {
    let mut data = source_columns(&record.data);
    let Some(id) = data.iter().position(|(name, _)| name == ID) else { return };
    let (_, id) = data.remove(id);
    let id: String = serde_json::from_str(id.get()).unwrap_or_default();
    record.data = json_object(kept.with_others(&id, data));
}

#[cfg(test)]
mod tests;
