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
use crate::convert::{Converted, Converter, FieldPath};
use crate::error::{Error, Result};
use crate::protocol::StreamName;

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
        });
        Self { name, writing, is_complete: false, read: 0, written: 0, rejected: 0 }
    }

    /// Takes a record into the open batch. Where there is no room for it, the batch that was open is returned, and
    /// another is open with the record in it.
    pub(super) fn take(
        &mut self,
        index: usize,
        data: &RawValue,
        record: Found,
        batch_size: usize,
        budget: &Arc<Budget>,
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
            let Writing { converter, open, .. } = writing;
            let columns = Arc::clone(converter.columns());
            match converter.convert(data).map_err(|_| NotTaken::NotAnObject)? {
                Converted::Row(row) => {
                    if open.as_ref().is_some_and(|batch| !batch.has_room(row.csv.len(), batch_size)) {
                        full = open.take();
                    }
                    open.get_or_insert_with(|| OpenBatch::new(columns, budget.lease())).push(row, record);
                    break;
                }
                Converted::Refused(refusal) => {
                    if open.as_ref().is_some_and(|batch| batch.length() >= batch_size as u64) {
                        full = open.take();
                    }
                    open.get_or_insert_with(|| OpenBatch::new(columns, budget.lease())).refuse(RefusedRecord {
                        record,
                        data: data.to_owned(),
                        refusal,
                    });
                    break;
                }
                Converted::NewField(path) => match writing.meet(path) {
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
        let plan = &writing.plan;
        Ok(full.map(|batch| Work { stream: index, plan: Arc::clone(plan), batch: batch.seal() }))
    }

    /// The open batch, sealed, where there is one.
    pub(super) fn seal(&mut self, index: usize) -> Option<Work> {
        let writing = self.writing.as_mut()?;
        let batch = writing.open.take()?.seal();
        Some(Work { stream: index, plan: Arc::clone(&writing.plan), batch })
    }

    /// The open batch.
    pub(super) fn open(&self) -> Option<&OpenBatch> {
        self.writing.as_ref()?.open.as_ref()
    }

    /// How many values were cut to the length of their field.
    pub(super) fn truncated(&self) -> u64 {
        self.writing.as_ref().map_or(0, |writing| writing.converter.truncated())
    }
}

impl Writing {
    /// Decides about a field that no column takes. A new column ends the open batch, whose rows do not have it.
    fn meet(&mut self, path: FieldPath) -> Result<Option<OpenBatch>, String> {
        match self.plan.meet(path.clone(), self.converter.columns())? {
            FieldMet::Column(column) => {
                self.converter.set_columns(Arc::new(self.converter.columns().with(column)));
                Ok(self.open.take())
            }
            FieldMet::Nested => {
                self.converter.nest(path.field());
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
