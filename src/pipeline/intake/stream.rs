//! One stream of the sync: its plan, its converter, its open batch and its counts.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::ignored_fields::{Ignored, IgnoredFields};
use super::input_errors::LineError;
use crate::budget::Budget;
use crate::config::NullHandling;
use crate::convert::{Converted, Converter, NotAnObject, RowKind, SourceColumn};
use crate::journal::EarlierRows;
use crate::pipeline::batch::{Batch, LocalRejection, OpenBatch, Origin, Reserve, SegmentId};
use crate::pipeline::job::StreamBatch;
use crate::pipeline::prepare::{PlannedStream, ResolvedField, StreamPlan};
use crate::pipeline::progress::RecordCounts;
use airbyte::{Error, OpenRecord, Result, StreamName, json::Cursor};

/// A stream of the configured catalog.
pub(crate) struct Stream {
    pub(super) name: StreamName,
    /// `None` for a reset, which brings no records.
    loading: Option<Loading>,
    /// Whether the source has announced the end of the stream.
    pub(super) is_complete: bool,
    pub(super) counts: RecordCounts,
    /// The rows that jobs of earlier attempts wrote.
    pub(super) earlier: Vec<EarlierRows>,
}

/// The parts of a stream that brings records.
struct Loading {
    plan: Arc<StreamPlan>,
    /// The plan of the batches that delete what the source has deleted.
    delete_plan: Option<Arc<StreamPlan>>,
    converter: Converter,
    ignored: IgnoredFields,
    open: Option<OpenBatch>,
}

/// The limits of an open batch.
pub(crate) struct BatchLimits {
    /// The largest upload in bytes.
    pub(crate) batch_size: usize,
    pub(crate) budget: Arc<Budget>,
}

/// A record was added to the open batch.
pub(super) struct Added {
    /// The batches of the one that was open before, if that had no room for the record.
    pub(super) full: Vec<StreamBatch>,
    /// The segment of the record, if nothing is sent for it: an earlier attempt has written the same row, or it is
    /// skipped.
    pub(super) settled: Option<SegmentId>,
    /// Whether it is skipped.
    pub(super) is_skipped: bool,
}

impl Stream {
    pub(crate) fn new(planned: PlannedStream, nulls: NullHandling, earlier: Vec<EarlierRows>) -> Self {
        let loading = planned.plan.map(|plan| Loading::new(plan, nulls));
        Self { name: planned.name, loading, is_complete: false, counts: RecordCounts::default(), earlier }
    }

    /// Adds the record of a line, if the whole line is valid and the record becomes a row. `None` changes nothing.
    /// `origin` is called with the time of extraction once the record is certain to be added.
    pub(super) fn add_plain(
        &mut self,
        index: usize,
        mut record: OpenRecord<'_>,
        origin: impl FnOnce(i64) -> Origin,
        limits: &BatchLimits,
    ) -> Option<Added> {
        let loading = self.loading.as_mut()?;
        let is_skipped = match loading.converter.convert(record.data()) {
            Ok(Converted::Row) => false,
            Ok(Converted::Skipped) => true,
            _ => return None,
        };
        let extracted_at_ms = record.close()?;
        let origin = origin(extracted_at_ms);
        let settled = if is_skipped { Some(origin.segment) } else { loading.take_row(&mut self.earlier, origin) };
        let full = if settled.is_some() { None } else { loading.push_row(origin, limits) };
        self.counts.truncated += loading.converter.truncated();
        self.counts.read += 1;
        Some(Added { full: full.map(|batch| loading.seal(index, batch)).unwrap_or_default(), settled, is_skipped })
    }

    /// Adds a record, as a row or as a rejected record.
    pub(super) fn add(
        &mut self,
        index: usize,
        data: &RawValue,
        origin: Origin,
        limits: &BatchLimits,
    ) -> Result<Added, LineError> {
        let Some(loading) = &mut self.loading else {
            return Err(LineError::Config(Error::config(format!(
                "The stream {} is set to overwrite, but this connector never deletes records to make room. Choose \
                 append, append_dedup, update or soft_delete for it.",
                self.name
            ))));
        };
        let mut full = None;
        let (mut settled, mut is_skipped) = (None, false);
        loop {
            match loading
                .convert(data)
                .map_err(|_| LineError::Invalid("the `data` of the record is not an object".to_owned()))?
            {
                Converted::Row => {
                    settled = loading.take_row(&mut self.earlier, origin);
                    if settled.is_none() {
                        full = loading.push_row(origin, limits).or(full);
                    }
                    self.counts.truncated += loading.converter.truncated();
                    break;
                }
                Converted::Skipped => {
                    (settled, is_skipped) = (Some(origin.segment), true);
                    break;
                }
                Converted::Rejected(rejection) => {
                    let record = LocalRejection { origin, data: data.to_owned(), rejection };
                    full = loading.reject(record, limits).or(full);
                    break;
                }
                Converted::NullObject(object) => full = loading.resolve_null(&object).or(full),
                Converted::NewColumn(column) => match loading.resolve_field(column) {
                    Ok(batch) => full = batch.or(full),
                    Err(problem) => {
                        // Only this record is wrong: the rows before it stay.
                        loading.open = loading.open.take().or(full);
                        return Err(LineError::Config(Error::config(format!(
                            "The stream {}: {problem}. Everything before it is loaded.",
                            self.name
                        ))));
                    }
                },
            }
        }
        self.counts.read += 1;
        Ok(Added { full: full.map(|batch| loading.seal(index, batch)).unwrap_or_default(), settled, is_skipped })
    }

    /// Seals the open batch, if there is one.
    pub(super) fn seal_batch(&mut self, index: usize) -> Vec<StreamBatch> {
        let Some(loading) = &mut self.loading else { return Vec::new() };
        loading.open.take().map(|batch| loading.seal(index, batch)).unwrap_or_default()
    }

    /// Logs how many fields were left out that the log does not name.
    pub(super) fn log_ignored_fields(&self) {
        if let Some(loading) = &self.loading {
            loading.ignored.log_rest(&self.name);
        }
    }

    pub(super) fn open_batch(&self) -> Option<&OpenBatch> {
        self.loading.as_ref()?.open.as_ref()
    }
}

impl Loading {
    fn new(plan: StreamPlan, nulls: NullHandling) -> Self {
        let delete_plan = plan.of_deletes().map(Arc::new);
        let on_deleted = plan.deletes.on_deleted.clone();
        let mut converter = Converter::new(Arc::clone(&plan.columns), nulls).on_deleted(on_deleted);
        plan.deletes.marks.iter().for_each(|mark| converter.mark_deleted(mark));
        Self { plan: Arc::new(plan), delete_plan, converter, ignored: IgnoredFields::default(), open: None }
    }

    /// Seals a batch. Keys that are perhaps the same make several batches of it, and so do deletes. They keep their
    /// order.
    fn seal(&self, stream: usize, batch: OpenBatch) -> Vec<StreamBatch> {
        let to_stream_batch = |batch: Batch| {
            let plan = match batch.kind {
                RowKind::Delete => self.delete_plan.as_ref().unwrap_or(&self.plan),
                RowKind::Write => &self.plan,
            };
            StreamBatch { stream, plan: Arc::clone(plan), batch, on_its_way: self.plan.begin_batch() }
        };
        batch.seal_merged().into_iter().map(to_stream_batch).collect()
    }

    /// The segment of the record if an earlier attempt has written the row of the converter.
    fn take_row(&self, earlier: &mut [EarlierRows], origin: Origin) -> Option<SegmentId> {
        let (row, columns) = (self.converter.row(), self.converter.columns());
        let is_written = earlier.iter_mut().any(|rows| rows.take(row.csv, columns, origin.segment));
        is_written.then_some(origin.segment)
    }

    /// Adds the row of the converter. Returns the batch that was open, if it had no room for the row.
    fn push_row(&mut self, origin: Origin, limits: &BatchLimits) -> Option<OpenBatch> {
        let row = self.converter.row();
        let (most_rows, most_deletes) = (self.plan.most_rows(), self.plan.most_deletes());
        let has_room = |batch: &OpenBatch| {
            batch.has_room(row.csv.len(), limits.batch_size)
                && !batch.fills_bulk_batches(limits.batch_size)
                && batch.rows() < most_rows
                && batch.deletes() < most_deletes
        };
        let full = self.open.take_if(|batch| !has_room(batch));
        let batch = self.open.get_or_insert_with(|| new_batch(&self.plan, &self.converter, limits));
        batch.add_types(row.csv, self.converter.row_types());
        batch.push(row, origin);
        full
    }

    /// Adds a record that is not uploaded. Returns the batch that was open, if it was full.
    fn reject(&mut self, record: LocalRejection, limits: &BatchLimits) -> Option<OpenBatch> {
        let full = self.open.take_if(|batch| batch.length() >= limits.batch_size as u64);
        let batch = self.open.get_or_insert_with(|| new_batch(&self.plan, &self.converter, limits));
        batch.reject_keyed(record, self.converter.rejected_key());
        full
    }

    /// Converts a record. What is left out of it is decided on the way: a record may have any number of such fields.
    fn convert(&mut self, data: &RawValue) -> Result<Converted, NotAnObject> {
        let Self { plan, converter, ignored, .. } = self;
        let columns = Arc::clone(converter.columns());
        ignored.begin_record();
        let leaves_out = |source: &SourceColumn| {
            // `resolve_field` decides about it, and logs it.
            if plan.is_deletion_mark(source) {
                return false;
            }
            let kind = match plan.resolve_field(source.clone(), &columns) {
                Ok(ResolvedField::Ignored) => Ignored::Data,
                Ok(ResolvedField::Metadata) => Ignored::Metadata,
                _ => return false,
            };
            ignored.add(&plan.name, source, kind);
            true
        };
        let converted = converter.convert_without(&mut Cursor::new(data.get()), leaves_out)?;
        if !matches!(converted, Converted::NewColumn(_) | Converted::NullObject(_)) {
            ignored.end_record().for_each(|source| converter.ignore(&source));
        }
        Ok(converted)
    }

    /// Decides what becomes of a source column that has no column yet. A new column ends the open batch, whose rows
    /// lack it.
    fn resolve_field(&mut self, source: SourceColumn) -> Result<Option<OpenBatch>, String> {
        match self.plan.resolve_field(source.clone(), self.converter.columns())? {
            ResolvedField::Column(column) => {
                self.plan.log_new_column(&column, self.converter.columns());
                self.converter.set_columns(Arc::new(self.converter.columns().with(column)));
                Ok(self.open.take())
            }
            ResolvedField::Nested => {
                self.converter.nest(source.name());
                Ok(None)
            }
            ResolvedField::Description => {
                let stream = &self.plan.name;
                tracing::warn!(%stream, field = %source, "a field that cannot name the related record is not sent");
                self.converter.describe(&source);
                Ok(None)
            }
            ResolvedField::DeletionMark => {
                self.converter.mark_deleted(&source);
                // Rows that came before the first mark may lack the keys by which rows are merged.
                Ok(if self.plan.matching.is_some() { self.open.take() } else { None })
            }
            // Only the mark of a deleted record: the conversion has left out all others.
            ResolvedField::Metadata | ResolvedField::Ignored => {
                self.converter.ignore(&source);
                Ok(None)
            }
        }
    }

    /// Decides how a nested object that is null is cleared. A new column ends the open batch, whose rows lack it.
    fn resolve_null(&mut self, object: &str) -> Option<OpenBatch> {
        match self.plan.clearing_column(object, self.converter.columns()) {
            Some(column) => {
                self.converter.set_columns(Arc::new(self.converter.columns().with(column)));
                self.open.take()
            }
            None => {
                let stream = &self.plan.name;
                tracing::warn!(%stream, field = object, "a null changes nothing: another column fills the same field");
                self.converter.keep_null(object);
                None
            }
        }
    }
}

fn new_batch(plan: &StreamPlan, converter: &Converter, limits: &BatchLimits) -> OpenBatch {
    let reserve = Reserve { writes: plan.reserved_for_row(), deletes: plan.reserved_for_delete() };
    OpenBatch::new(Arc::clone(converter.columns()), limits.budget.lease()).reserving(reserve)
}

#[cfg(test)]
mod tests;
