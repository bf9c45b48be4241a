//! One stream of the sync: its plan, its converter, its open batch, its counts.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::batch::{OpenBatch, RefusedRecord};
use super::budget::Budget;
use super::field::FieldMet;
use super::lane::Work;
use super::mark::Found;
use super::plan::StreamPlan;
use crate::config::NullHandling;
use crate::convert::{Converted, Converter, SourceColumn};
use airbyte::{Error, OpenRecord, Result, StreamName, json::Cursor};

/// A stream of the configured catalog.
pub(super) struct Stream {
    pub(super) name: StreamName,
    /// None for a reset, which brings no records.
    writing: Option<Writing>,
    /// Whether the source has said that everything has been sent.
    pub(super) is_complete: bool,
    /// Records read, written and rejected so far.
    pub(super) read: u64,
    pub(super) written: u64,
    pub(super) rejected: u64,
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
pub(super) enum NotTaken {
    /// The record is not one.
    NotAnObject,
    /// The user must change something.
    Config(Error),
}

impl Stream {
    pub(super) fn new(name: StreamName, plan: Option<StreamPlan>, nulls: NullHandling) -> Self {
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
    pub(super) fn take_plain(
        &mut self,
        index: usize,
        mut record: OpenRecord<'_>,
        found: impl FnOnce(i64) -> Found,
        room: &Room,
    ) -> Option<Option<Work>> {
        let writing = self.writing.as_mut()?;
        let Ok(Converted::Row) = writing.converter.convert(record.data()) else { return None };
        let extracted_at_ms = record.close()?;
        let full = writing.push_row(found(extracted_at_ms), room);
        self.read += 1;
        Some(full.map(|batch| writing.work(index, batch)))
    }

    /// Takes a record into the open batch. Where there is no room for it, the batch that was open is returned, and
    /// another is open with the record in it.
    pub(super) fn take(
        &mut self,
        index: usize,
        data: &RawValue,
        record: Found,
        room: &Room,
    ) -> Result<Option<Work>, NotTaken> {
        let Some(writing) = &mut self.writing else {
            return Err(NotTaken::Config(Error::config(format!(
                "The stream {} is set to overwrite, and nothing is ever deleted in Salesforce to make room. Choose \
                 append, append_dedup, update or soft_delete for it.",
                self.name
            ))));
        };
        let mut full = None;
        loop {
            let converted = writing.converter.convert(&mut Cursor::new(data.get()));
            match converted.map_err(|_| NotTaken::NotAnObject)? {
                Converted::Row => {
                    full = writing.push_row(record, room).or(full);
                    break;
                }
                Converted::Rejected(refusal) => {
                    let refused = RefusedRecord { record, data: data.to_owned(), refusal };
                    full = writing.refuse(refused, room).or(full);
                    break;
                }
                Converted::NewColumn(path) => match writing.meet(path) {
                    Ok(batch) => full = batch.or(full),
                    Err(problem) => {
                        // The record is at fault, not the rows before it.
                        writing.open = writing.open.take().or(full);
                        return Err(NotTaken::Config(Error::config(format!("The stream {}: {problem}.", self.name))));
                    }
                },
            }
        }
        self.read += 1;
        Ok(full.map(|batch| writing.work(index, batch)))
    }

    /// The open batch, sealed, where there is one.
    pub(super) fn seal(&mut self, index: usize) -> Option<Work> {
        let writing = self.writing.as_mut()?;
        let batch = writing.open.take()?;
        Some(writing.work(index, batch))
    }

    /// The open batch.
    pub(super) fn open(&self) -> Option<&OpenBatch> {
        self.writing.as_ref()?.open.as_ref()
    }

    /// How many values were cut to the length of their field.
    pub(super) fn truncated(&self) -> u64 {
        self.writing.as_ref().map_or(0, |writing| writing.truncated)
    }
}

/// The room that a batch has.
pub(super) struct Room {
    /// The largest upload in bytes.
    pub(super) batch_size: usize,
    pub(super) budget: Arc<Budget>,
}

impl Writing {
    fn work(&self, stream: usize, batch: OpenBatch) -> Work {
        Work { stream, plan: Arc::clone(&self.plan), batch: batch.seal() }
    }

    /// Adds the row that the converter has made; the batch that was open where it has no room for it.
    fn push_row(&mut self, record: Found, room: &Room) -> Option<OpenBatch> {
        let row = self.converter.row();
        self.truncated += self.converter.truncated();
        let full = self.open.take_if(|batch| !batch.has_room(row.csv.len(), room.batch_size));
        let columns = self.converter.columns();
        self.open.get_or_insert_with(|| OpenBatch::new(Arc::clone(columns), room.budget.lease())).push(row, record);
        full
    }

    /// Adds a record that is not sent; the batch that was open where that is full.
    fn refuse(&mut self, record: RefusedRecord, room: &Room) -> Option<OpenBatch> {
        let full = self.open.take_if(|batch| batch.length() >= room.batch_size as u64);
        let columns = self.converter.columns();
        self.open.get_or_insert_with(|| OpenBatch::new(Arc::clone(columns), room.budget.lease())).refuse(record);
        full
    }

    /// Decides about a field that no column takes. A new column ends the open batch, whose rows do not have it.
    fn meet(&mut self, path: SourceColumn) -> Result<Option<OpenBatch>, String> {
        match self.plan.meet(path.clone(), self.converter.columns())? {
            FieldMet::Column(column) => {
                self.converter.set_columns(Arc::new(self.converter.columns().with(column)));
                Ok(self.open.take())
            }
            FieldMet::Nested => {
                self.converter.nest(path.name());
                Ok(None)
            }
            FieldMet::Ignored => {
                tracing::warn!(stream = %self.plan.name, field = %path, "a field of the records is left out");
                self.converter.ignore(&path);
                Ok(None)
            }
        }
    }
}
