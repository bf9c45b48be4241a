//! Keeps the ids of the rows that a job wrote.

use std::sync::Arc;

use super::{Judge, JudgeError};
use crate::convert::{Columns, RowTypes, restore, row_hash};
use crate::pipeline::batch::{Batch, RowIndex};
use crate::pipeline::job::result_counts::ResultCounts;
use crate::pipeline::job::result_layout::{ID, ResultLayout};
use crate::rejected::{SuccessStore, SuccessWriter, WrittenAs, WrittenRecord};
use salesforce::ResultRow;
use serde_json::value::RawValue;

impl Judge<'_> {
    /// Reads the rows that the job wrote, so many, and writes their keys and ids. They are not visible before the writer
    /// finishes.
    pub(super) async fn keep_successes(
        &mut self,
        store: &SuccessStore,
        written: u64,
    ) -> Result<SuccessWriter, JudgeError> {
        if self.index.is_none() {
            self.set_index(RowIndex::new(&self.batch.origins));
        }
        let batch = self.batch;
        let columns = self.plan.source_key.columns(&batch.columns, batch.keys.as_ref().map(|keys| keys.columns()));
        let names = KeyValues::names(&columns.of_record, batch);
        let mut writer = store.writer(&self.plan.identity, names);
        let mut of_record = KeyValues::new(columns.of_record, batch);
        let mut of_merged = KeyValues::new(columns.of_merged, batch);
        let mut keys = batch.keys.as_ref().map(|keys| keys.reader());
        let mut rows = self.job.successful_rows().await?;
        let layout = self.layout(&rows, &[ID])?;
        let (mut read, mut unfound) = (0, 0);
        while let Some(row) = rows.next().await? {
            read += 1;
            let csv = layout.csv(row);
            let sent = self.index.as_ref().and_then(|index| index.find(row_hash(&csv)));
            let (mut key, mut origin, mut records) = (Vec::new(), 0, 1);
            if let Some(sent) = sent {
                (origin, records) = (batch.origins.origin(sent).extracted_at_ms, batch.origins.records(sent));
                let values = if records > 1 { &mut of_merged } else { &mut of_record };
                key = values.of_row(&layout, row, &csv);
                if let Some(keys) = &mut keys {
                    key = keys.with_others(layout.cells(row).next().unwrap_or_default(), key);
                }
            } else {
                // Its values may be others than those of the source.
                unfound += 1;
            }
            let written = WrittenAs { id: layout.id(row), is_created: layout.is_created(row), records };
            writer.write(&WrittenRecord::new(origin, key, written)).await?;
        }
        if read != written {
            let failed = self.batch.rows().saturating_sub(written + self.unprocessed + self.unknown);
            return Err(self.wrong_counts(ResultCounts { succeeded: read, failed, unprocessed: self.unprocessed }));
        }
        if unfound > 0 {
            tracing::warn!(
                job = self.job.id(),
                object = self.plan.job.object,
                rows = unfound,
                "Salesforce returned written rows in another form: their ids are kept without their keys"
            );
        }
        Ok(writer)
    }
}

/// The values of some columns of a batch, under their source names and with their JSON types.
struct KeyValues<'b> {
    batch: &'b Batch,
    positions: Vec<usize>,
    columns: Columns,
    /// The types of the last row, and those of the columns.
    types: Option<(Arc<RowTypes>, RowTypes)>,
}

impl<'b> KeyValues<'b> {
    fn new(positions: Vec<usize>, batch: &'b Batch) -> Self {
        let columns = positions.iter().map(|position| batch.columns[*position].clone()).collect();
        Self { batch, positions, columns: Columns::new(columns, None), types: None }
    }

    /// The names of the columns at these positions, and of those whose values are kept, each once.
    fn names(positions: &[usize], batch: &Batch) -> Vec<String> {
        let kept = batch.keys.iter().flat_map(|keys| keys.columns().iter());
        let columns = kept.chain(positions.iter().map(|position| &batch.columns[*position]));
        let mut names: Vec<String> = Vec::new();
        for column in columns {
            let name = column.source().parent().unwrap_or(column.source().name());
            if !names.iter().any(|other| other == name) {
                names.push(name.to_owned());
            }
        }
        names
    }

    /// The values of a row of the results, whose upload was `csv`.
    fn of_row(&mut self, layout: &ResultLayout, row: &ResultRow, csv: &[u8]) -> Vec<(String, Box<RawValue>)> {
        if let Some(types) = self.batch.types_of(csv)
            && self.types.as_ref().is_none_or(|(of_row, _)| !Arc::ptr_eq(of_row, types))
        {
            self.types = Some((Arc::clone(types), types.of_columns(self.positions.iter().copied().map(Some))));
        }
        let types = self.types.as_ref().map(|(_, types)| types);
        let cells = self.positions.iter().map(|position| layout.cell(row, *position));
        restore(&self.columns, cells, types)
    }
}
