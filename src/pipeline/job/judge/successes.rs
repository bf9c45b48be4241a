//! Keeps the ids of the rows that a job wrote.

use super::{Judge, JudgeError};
use crate::convert::row_hash;
use crate::pipeline::batch::RowIndex;
use crate::pipeline::job::key_values::{KeyValues, names};
use crate::pipeline::job::result_counts::ResultCounts;
use crate::pipeline::job::result_layout::ID;
use crate::rejected::{SuccessStore, SuccessWriter, WrittenAs, WrittenRecord};

impl Judge<'_> {
    /// The row that a row of the results was, each of equal rows in its turn.
    fn find_written(&mut self, csv: &[u8]) -> Option<usize> {
        let index = self.index.as_mut()?;
        let sent = index.find(row_hash(csv));
        if index.size() > self.index_lease.bytes() {
            self.index_lease.set(index.size());
        }
        sent
    }

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
        let mut of_record = KeyValues::new(columns.of_record, &batch.columns);
        let mut of_merged = KeyValues::new(columns.of_merged, &batch.columns);
        let kept = batch.keys.iter().flat_map(|keys| keys.columns().iter());
        let mut writer = store.writer(&self.plan.identity, names(kept.chain(of_record.columns().iter())));
        let mut keys = batch.keys.as_ref().map(|keys| keys.reader());
        let mut rows = self.job.successful_rows().await?;
        let layout = self.layout(&rows, &[ID])?;
        let (mut read, mut unfound) = (0, 0);
        while let Some(row) = rows.next().await? {
            read += 1;
            let csv = layout.csv(row);
            let sent = self.find_written(&csv);
            let (mut key, mut origin, mut records) = (Vec::new(), 0, 1);
            if let Some(sent) = sent {
                (origin, records) = (batch.origins.origin(sent).extracted_at_ms, batch.origins.records(sent));
                let values = if records > 1 { &mut of_merged } else { &mut of_record };
                key = values.of_row(&layout, row, batch.types_of(&csv));
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
