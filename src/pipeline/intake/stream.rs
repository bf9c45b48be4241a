//! One stream of the sync: its plan, its converter, its open batch, its counts.

use std::sync::Arc;

use serde_json::value::RawValue;

use crate::config::NullHandling;
use crate::convert::{Converted, Converter, SourceColumn};
use crate::pipeline::batch::origin::Origin;
use crate::pipeline::batch::{LocalRejection, OpenBatch};
use crate::pipeline::budget::Budget;
use crate::pipeline::job::lane::StreamBatch;
use crate::pipeline::prepare::field::ResolvedField;
use crate::pipeline::prepare::plan::StreamPlan;
use airbyte::{Error, OpenRecord, Result, StreamName, json::Cursor};

/// A stream of the configured catalog.
pub(in crate::pipeline) struct Stream {
    pub(in crate::pipeline) name: StreamName,
    /// None for a reset, which brings no records.
    writing: Option<Writing>,
    /// Whether the source has said that everything has been sent.
    pub(in crate::pipeline) is_complete: bool,
    /// Records read, written and rejected so far.
    pub(in crate::pipeline) read: u64,
    pub(in crate::pipeline) written: u64,
    pub(in crate::pipeline) rejected: u64,
}

/// What a stream that brings records needs.
struct Writing {
    plan: Arc<StreamPlan>,
    converter: Converter,
    open: Option<OpenBatch>,
    /// How many values of its rows were cut. A record may be converted more than once before it is taken.
    truncated: u64,
}

/// Why a record cannot be taken.
#[derive(Debug)]
pub(in crate::pipeline) enum RecordError {
    /// The record is not one.
    NotAnObject,
    /// The user must change something.
    Config(Error),
}

impl Stream {
    pub(in crate::pipeline) fn new(name: StreamName, plan: Option<StreamPlan>, nulls: NullHandling) -> Self {
        let writing = plan.map(|plan| Writing {
            converter: Converter::new(Arc::clone(&plan.columns), nulls),
            plan: Arc::new(plan),
            open: None,
            truncated: 0,
        });
        Self { name, writing, is_complete: false, read: 0, written: 0, rejected: 0 }
    }

    /// Takes the record of a line into the open batch, if all goes well with both: the line is a message, and the record
    /// becomes a row. If not, `None`, and nothing has happened. `found` is asked once it is certain.
    pub(in crate::pipeline) fn take_plain(
        &mut self,
        index: usize,
        mut record: OpenRecord<'_>,
        found: impl FnOnce(i64) -> Origin,
        room: &BatchLimits,
    ) -> Option<Option<StreamBatch>> {
        let writing = self.writing.as_mut()?;
        let Ok(Converted::Row) = writing.converter.convert(record.data()) else { return None };
        let extracted_at_ms = record.close()?;
        let full = writing.push_row(found(extracted_at_ms), room);
        self.read += 1;
        Some(full.map(|batch| writing.work(index, batch)))
    }

    /// Takes a record into the open batch. Where there is no room for it, the batch that was open is returned, and
    /// another is open with the record in it.
    pub(in crate::pipeline) fn take(
        &mut self,
        index: usize,
        data: &RawValue,
        record: Origin,
        room: &BatchLimits,
    ) -> Result<Option<StreamBatch>, RecordError> {
        let Some(writing) = &mut self.writing else {
            return Err(RecordError::Config(Error::config(format!(
                "The stream {} is set to overwrite, and nothing is ever deleted in Salesforce to make room. Choose \
                 append, append_dedup, update or soft_delete for it.",
                self.name
            ))));
        };
        let mut full = None;
        loop {
            let converted = writing.converter.convert(&mut Cursor::new(data.get()));
            match converted.map_err(|_| RecordError::NotAnObject)? {
                Converted::Row => {
                    full = writing.push_row(record, room).or(full);
                    break;
                }
                Converted::Rejected(refusal) => {
                    let refused = LocalRejection { record, data: data.to_owned(), refusal };
                    full = writing.refuse(refused, room).or(full);
                    break;
                }
                Converted::NewColumn(path) => match writing.resolve_field(path) {
                    Ok(batch) => full = batch.or(full),
                    Err(problem) => {
                        // The record is at fault, not the rows before it.
                        writing.open = writing.open.take().or(full);
                        return Err(RecordError::Config(Error::config(format!(
                            "The stream {}: {problem}.",
                            self.name
                        ))));
                    }
                },
            }
        }
        self.read += 1;
        Ok(full.map(|batch| writing.work(index, batch)))
    }

    /// The open batch, sealed, where there is one.
    pub(in crate::pipeline) fn seal(&mut self, index: usize) -> Option<StreamBatch> {
        let writing = self.writing.as_mut()?;
        let batch = writing.open.take()?;
        Some(writing.work(index, batch))
    }

    /// The open batch.
    pub(in crate::pipeline) fn open(&self) -> Option<&OpenBatch> {
        self.writing.as_ref()?.open.as_ref()
    }

    /// How many values were cut to the length of their field.
    pub(in crate::pipeline) fn truncated(&self) -> u64 {
        self.writing.as_ref().map_or(0, |writing| writing.truncated)
    }
}

/// The room that a batch has.
pub(in crate::pipeline) struct BatchLimits {
    /// The largest upload in bytes.
    pub(in crate::pipeline) batch_size: usize,
    pub(in crate::pipeline) budget: Arc<Budget>,
}

impl Writing {
    fn work(&self, stream: usize, batch: OpenBatch) -> StreamBatch {
        StreamBatch { stream, plan: Arc::clone(&self.plan), batch: batch.seal() }
    }

    /// Adds the row that the converter has made; the batch that was open where it has no room for it.
    fn push_row(&mut self, record: Origin, room: &BatchLimits) -> Option<OpenBatch> {
        let row = self.converter.row();
        self.truncated += self.converter.truncated();
        let full = self.open.take_if(|batch| !batch.has_room(row.csv.len(), room.batch_size));
        let columns = self.converter.columns();
        self.open.get_or_insert_with(|| OpenBatch::new(Arc::clone(columns), room.budget.lease())).push(row, record);
        full
    }

    /// Adds a record that is not sent; the batch that was open where that is full.
    fn refuse(&mut self, record: LocalRejection, room: &BatchLimits) -> Option<OpenBatch> {
        let full = self.open.take_if(|batch| batch.length() >= room.batch_size as u64);
        let columns = self.converter.columns();
        self.open.get_or_insert_with(|| OpenBatch::new(Arc::clone(columns), room.budget.lease())).refuse(record);
        full
    }

    /// Decides about a field that no column takes. A new column ends the open batch, whose rows do not have it.
    fn resolve_field(&mut self, path: SourceColumn) -> Result<Option<OpenBatch>, String> {
        match self.plan.resolve_field(path.clone(), self.converter.columns())? {
            ResolvedField::Column(column) => {
                self.converter.set_columns(Arc::new(self.converter.columns().with(column)));
                Ok(self.open.take())
            }
            ResolvedField::Nested => {
                self.converter.nest(path.name());
                Ok(None)
            }
            ResolvedField::Ignored => {
                tracing::warn!(stream = %self.plan.name, field = %path, "a field of the records is left out");
                self.converter.ignore(&path);
                Ok(None)
            }
        }
    }
}
