//! The plan of a stream: an object, an operation, a key, and the columns of its rows.

use std::sync::Arc;

use super::columns::{ColumnRules, ResolvedField};
use super::deletes::DeletePlan;
use super::packed::LateFields;
use super::related::RelationshipName;
use super::source_key::SourceKey;
use super::written_objects::{BatchOnItsWay, WriteProgress, WritingLane, WrittenObjects};
use crate::config::OnMissing;
use crate::convert::{Column, Columns, OnDeleted, SourceColumn};
use crate::journal::Target;
use crate::matching::MatchPlan;
use crate::rejected::StreamIdentity;
use airbyte::StreamName;
use salesforce::{JobSpec, Operation};

/// The longest header row, in characters (Bulk API 2.0 guide, "Prepare CSV Files").
const MAX_HEADER_LENGTH: usize = 32_000;

/// The most fields of a record (Developer Limits Quick Reference, "Bulk API limits").
const MAX_FIELDS: usize = 5_000;

/// The most rows of a batch whose records are looked for. A search may read the keys of all records of the object, so a
/// million rows are nine searches. The memory of one stream takes no more rows, with what [`SEARCHED_ROW`] reserves.
const MOST_MATCHED_ROWS: usize = 120_000;

/// The bytes that a row takes while its record is looked for and until its job runs, besides its CSV and its origin: its
/// key and the id that is found (24), a share of the page of results that is held (up to 30), and then the id in its new row
/// (about 10), the origin of that row (12), and its key with the hash of the id, so that a rejected record has it (about
/// 25). The rest is for the gaps that the heap has between all these.
const SEARCHED_ROW: usize = 140;

/// How the records of a stream are written.
#[derive(Debug, Clone)]
pub(crate) struct StreamPlan {
    pub(crate) name: StreamName,
    pub(crate) job: JobSpec,
    pub(crate) columns: Arc<Columns>,
    /// How records are found whose rows have no id. Their jobs have plans of their own.
    pub(crate) matching: Option<Arc<MatchPlan>>,
    pub(crate) identity: StreamIdentity,
    /// The largest upload, in bytes of CSV.
    pub(crate) batch_size: usize,
    pub(crate) deletes: DeletePlan,
    /// What names its records in the source.
    pub(crate) source_key: Arc<SourceKey>,
    /// The objects that this and all other streams write.
    pub(super) written_objects: Arc<WrittenObjects>,
    pub(super) rules: Arc<ColumnRules>,
    pub(super) late: Arc<LateFields>,
}

impl StreamPlan {
    /// The plan of the batches that delete the records which the source has deleted. `None` if it deletes none of them,
    /// or deletes all records.
    pub(crate) fn of_deletes(&self) -> Option<Self> {
        if self.deletes.on_deleted != OnDeleted::Delete || self.job.operation.is_delete() {
            return None;
        }
        let job = JobSpec {
            object: self.job.object.clone(),
            operation: Operation::Delete,
            external_id_field: None,
            assignment_rule_id: None,
        };
        Some(Self { job, matching: self.deletes.matching.clone(), ..self.clone() })
    }

    /// Whether a source column says if the source has deleted the record.
    pub(crate) fn is_deletion_mark(&self, source: &SourceColumn) -> bool {
        self.rules.is_mark(source)
    }

    /// Says that the primary key cannot name what was written, because it is not sent.
    pub(crate) fn warn_of_unsent_primary_key(&self) {
        let missing: Vec<String> = self.source_key.missing_in(&self.columns).map(SourceColumn::shown).collect();
        if !missing.is_empty() {
            tracing::warn!(
                stream = %self.name,
                fields = missing.join(", "),
                "the primary key is not sent to Salesforce, so the ids of written records are kept with other values"
            );
        }
    }

    /// A batch of the stream is complete.
    pub(crate) fn begin_batch(&self) -> BatchOnItsWay {
        self.written_objects.begin_batch(&self.job.object, self.lane())
    }

    /// How far the sync is with an object, apart from the batches of this stream's own lane. `None` if it does not write
    /// the object.
    pub(crate) fn progress_of_others(&self, object: &str) -> Option<WriteProgress> {
        let own = object.eq_ignore_ascii_case(&self.job.object).then(|| self.lane());
        self.written_objects.progress(object, own.as_ref())
    }

    /// Whether batches of an object, apart from this stream's own lane, are or were on their way since `earlier`.
    pub(crate) fn is_written_since(&self, object: &str, earlier: WriteProgress) -> bool {
        self.progress_of_others(object).is_some_and(|now| now.is_written_since(earlier))
    }

    /// Whether jobs of the object keep the order of the batches.
    pub(crate) fn is_ordered(&self) -> bool {
        self.job.operation.is_ordered() || self.matching.is_some()
    }

    /// Whether records are created that are looked for and not there.
    pub(crate) fn creates_missing(&self) -> bool {
        self.matching.as_ref().is_some_and(|matching| matching.on_missing == OnMissing::Insert)
    }

    /// The most rows of a batch.
    pub(crate) fn most_rows(&self) -> usize {
        if self.matching.is_some() { MOST_MATCHED_ROWS } else { usize::MAX }
    }

    /// The most rows of a batch that delete.
    pub(crate) fn most_deletes(&self) -> usize {
        if self.deletes.matching.is_some() { MOST_MATCHED_ROWS } else { usize::MAX }
    }

    /// The bytes that each row of a batch needs when it is complete.
    pub(crate) fn reserved_for_row(&self) -> usize {
        if self.matching.is_some() { SEARCHED_ROW } else { 0 }
    }

    /// The same for each row that deletes.
    pub(crate) fn reserved_for_delete(&self) -> usize {
        if self.deletes.matching.is_some() { SEARCHED_ROW } else { 0 }
    }

    /// The plan of a job whose rows have the ids of records that were looked for.
    pub(crate) fn of_found(&self) -> Self {
        let operation = if self.job.operation.is_delete() { self.job.operation } else { Operation::Update };
        Self { job: JobSpec { operation, ..self.job.clone() }, ..self.clone() }
    }

    /// The plan of a job that creates records that were looked for and are not there.
    pub(crate) fn of_missing(&self) -> Self {
        Self { job: JobSpec { operation: Operation::Insert, ..self.job.clone() }, ..self.clone() }
    }

    /// What a later attempt knows of its jobs.
    pub(crate) fn target(&self) -> Target {
        let target = Target::new(&self.name, self.identity.generation_id, &self.job);
        if self.matching.is_some() { target.of_search() } else { target }
    }

    fn lane(&self) -> WritingLane {
        if self.is_ordered() { WritingLane::Ordered } else { WritingLane::Insert(self.name.clone()) }
    }

    /// What becomes of a source column that a record has and `columns` lack.
    ///
    /// # Errors
    /// Why it cannot be written, as a sentence.
    pub(crate) fn resolve_field(&self, source: SourceColumn, columns: &Columns) -> Result<ResolvedField, String> {
        let types = airbyte::JsonTypes { text: true, ..Default::default() };
        // Of columns that are left out anyway there may be very many.
        let is_sent = !source.is_of_platform() && !self.job.operation.is_delete();
        let fields = self.late.for_column(&self.rules.column_name(&source), is_sent && self.rules.names_nearest());
        let resolved = self.rules.resolve(&fields, source.clone(), types).map_err(|problem| problem.sentence)?;
        match &resolved {
            ResolvedField::DeletionMark if !self.deletes.marks.contains(&source) => {
                self.deletes.log(&self.name, &source);
            }
            ResolvedField::Column(column) => self.check_new_column(column, columns)?,
            _ => {}
        }
        Ok(resolved)
    }

    fn check_new_column(&self, column: &Column, columns: &Columns) -> Result<(), String> {
        let others = || columns.iter().filter(|other| !other.clears());
        if others().any(|other| other.is_named(column.header())) {
            return Err(duplicate_column(column.header(), &self.job.object));
        }
        if let Some(problem) = self.rules.second_key(column, others()) {
            return Err(problem);
        }
        too_many_columns(columns.with(column.clone()).iter()).map_or(Ok(()), Err)
    }

    /// Says what a new column means for the records.
    pub(crate) fn log_new_column(&self, column: &Column, columns: &Columns) {
        warn_of_shared_reference(&self.name, column, columns.iter().filter(|other| !other.clears()));
    }

    /// The column that clears the reference of a nested object which is null and has no column of its own. `None` if
    /// another column fills the reference.
    pub(crate) fn clearing_column(&self, object: &str, columns: &Columns) -> Option<Column> {
        let name = self.rules.column_name(&SourceColumn::top(object));
        let fields = self.late.for_column(&name, false);
        let field = &fields.reference(RelationshipName::parse(&name))?.name;
        let is_filled = columns.iter().any(|column| column.reference() == Some(field));
        (!is_filled).then(|| Column::clearing(object, field))
    }
}

/// Says that a column fills the same reference as an earlier one. A row may use either of them.
pub(super) fn warn_of_shared_reference<'c>(
    stream: &StreamName,
    column: &Column,
    mut others: impl Iterator<Item = &'c Column>,
) {
    let Some(field) = column.reference() else { return };
    if let Some(other) = others.find(|other| other.reference() == Some(field)) {
        tracing::warn!(
            %stream, field, columns = format!("{}, {}", other.source(), column.source()),
            "two columns fill one field: Salesforce rejects a record that has a value in both"
        );
    }
}

/// The problem of more columns than Salesforce accepts.
pub(super) fn too_many_columns<'c>(columns: impl ExactSizeIterator<Item = &'c Column>) -> Option<String> {
    let count = columns.len();
    let header_length: usize = columns.map(|column| column.header().len() + 1).sum();
    (header_length > MAX_HEADER_LENGTH || count > MAX_FIELDS).then(|| {
        format!(
            "it has {count} fields; Salesforce takes at most {MAX_FIELDS} fields and {MAX_HEADER_LENGTH} characters of \
             field names"
        )
    })
}

/// The problem of two columns with one name.
pub(super) fn duplicate_column(header: &str, object: &str) -> String {
    format!("two of its fields would become {header} of {object}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::Kind;
    use airbyte::JsonTypes;

    /// More rows would not fit into the memory of one stream while their records are looked for.
    #[test]
    fn a_search_has_at_most_120000_rows_of_140_bytes() {
        assert_eq!((MOST_MATCHED_ROWS, SEARCHED_ROW), (120_000, 140));
    }

    #[test]
    fn more_columns_than_salesforce_accepts_are_a_problem() {
        let columns = |count: usize, name: &str| -> Vec<Column> {
            let column = |number| {
                Column::new(SourceColumn::top(""), format!("{name}{number:04}"), Kind::Number, JsonTypes::default())
            };
            (0..count).map(column).collect()
        };
        assert_eq!(too_many_columns(columns(5_000, "F").iter()), None);
        assert!(too_many_columns(columns(5_001, "F").iter()).is_some());
        assert_eq!(too_many_columns(columns(800, &"F".repeat(35)).iter()), None);
        assert!(too_many_columns(columns(800, &"F".repeat(36)).iter()).is_some(), "names of 32,800 characters");
        // A comma or the line end follows each name.
        let long = |length: usize| columns(1, &"F".repeat(length - 1 - 4));
        assert_eq!(too_many_columns(long(32_000).iter()), None);
        assert!(too_many_columns(long(32_001).iter()).is_some());
    }
}
