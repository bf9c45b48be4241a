//! Rows that refer by a key to records which the same sync writes. While such a parent is missing, Salesforce refuses
//! its children.

use crate::convert::{Columns, NULL_MARKER};
use crate::pipeline::prepare::{StreamPlan, WriteProgress};

/// The columns of a batch that refer by a key to records which this sync writes, before a job of the batch is closed.
#[derive(Debug)]
pub(super) struct ParentColumns {
    /// Columns with parents of the object of the batch itself.
    of_batch: Vec<usize>,
    /// Columns with parents of an object that another stream writes, and how far it was. Batches of the own lane do not
    /// count: none that follows is loaded before this one ends.
    of_other_streams: Vec<(usize, WriteProgress)>,
}

/// From where the missing parent of a row may still come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ParentSources {
    /// From other rows of the batch. No key is remembered: a row is sent again as long as others are written.
    pub(super) batch: bool,
    /// From another stream, of which a batch was or is on its way beside the job.
    pub(super) other_stream: bool,
}

impl ParentColumns {
    pub(super) fn new(plan: &StreamPlan, columns: &Columns) -> Self {
        let mut found = Self { of_batch: Vec::new(), of_other_streams: Vec::new() };
        for (position, column) in columns.iter().enumerate() {
            let Some(object) = column.related_object() else { continue };
            if object.eq_ignore_ascii_case(&plan.job.object) {
                found.of_batch.push(position);
            }
            if let Some(progress) = plan.progress_of_others(object) {
                found.of_other_streams.push((position, progress));
            }
        }
        found
    }

    /// Leaves the columns whose parents may have been written since the job was closed.
    pub(super) fn written_since(mut self, plan: &StreamPlan, columns: &Columns) -> Self {
        self.of_other_streams.retain(|(position, progress)| {
            let object = columns[*position].related_object();
            object.is_some_and(|object| plan.is_written_since(object, *progress))
        });
        self
    }

    /// From where the parents that a row names may come. `cells` are those of the columns of the batch.
    pub(super) fn sources<'c>(&self, cells: impl Iterator<Item = &'c str>) -> ParentSources {
        let mut sources = ParentSources::default();
        for (position, cell) in cells.enumerate() {
            if !cell.is_empty() && cell != NULL_MARKER {
                sources.batch |= self.of_batch.contains(&position);
                sources.other_stream |= self.of_other_streams.iter().any(|(other, _)| *other == position);
            }
        }
        sources
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_row_that_names_a_parent_can_lack_one() {
        let of_other_streams = [2, 3].map(|position| (position, WriteProgress::default())).into();
        let columns = ParentColumns { of_batch: vec![1], of_other_streams };
        for (cells, batch, other_stream) in [
            (["a", "", "", ""], false, false),
            (["a", "#N/A", "", "#N/A"], false, false),
            (["", "P-1", "", ""], true, false),
            (["a", "", "", "B-1"], false, true),
            (["a", "P-1", "B-1", ""], true, true),
        ] {
            let expected = ParentSources { batch, other_stream };
            assert_eq!(columns.sources(cells.into_iter()), expected, "{cells:?}");
        }
    }
}
