//! A batch that still takes rows.

use std::sync::Arc;

use serde_json::value::RawValue;
use tokio::time::Instant;

use super::Batch;
use super::chunked_vec::ChunkedVec;
use super::compressed_csv::{CompressedCsv, PIECE_SIZE};
use super::merging::RowsToMerge;
use super::origin::{MergedRecords, Origin, RowOrigins};
use super::reserve::Reserve;
use super::row_index::HeldRecords;
use super::row_keys::{KeyGroups, RowKeys};
use super::types_of_rows::TypesOfRows;
use super::unsent::Unsent;
use crate::budget::Lease;
use crate::convert::{Column, Columns, Rejection, Row, RowKind, RowTypes, cells, row_hash, write_row};
use memory::Spares;
use salesforce::ROWS_OF_BULK_BATCH;

/// The bytes of CSV of the first pieces. Smaller ones would be compressed badly.
const SMALLEST_PIECE: usize = 8 * 1024;

/// A batch that still takes rows.
#[derive(Debug)]
pub(crate) struct OpenBatch {
    /// What its rows do. While it is open for records, it also takes rows that delete, and they are divided later.
    kind: RowKind,
    columns: Arc<Columns>,
    opened_at: Instant,
    pub(super) compressed: CompressedCsv,
    /// CSV that is not compressed yet.
    pub(super) tail: Vec<u8>,
    /// The memory of pieces of another batch, for those of this one.
    spares: Option<Spares>,
    length: u64,
    header_length: usize,
    pub(super) origins: RowOrigins,
    pub(super) types: TypesOfRows,
    pub(super) keys: RowKeys,
    /// The numbers of the rows that delete, while it also takes others.
    deletes: ChunkedVec<u32>,
    /// What rows that delete have besides their upload, once they are divided from the others.
    unsent: Option<Unsent>,
    pub(super) local_rejections: Vec<LocalRejection>,
    local_rejections_size: usize,
    /// Those of them with a key, and where they are among the rows.
    keyed_rejections: Vec<KeyedRejection>,
    /// How many of the last ones are stored after the rows.
    late_rejections: usize,
    reserve: Reserve,
    lease: Lease,
}

/// Where a record that is not uploaded is among the rows.
#[derive(Debug)]
struct KeyedRejection {
    index: usize,
    key: u128,
    rows_before: usize,
}

/// A record that the connector itself rejects, so that it is never uploaded.
#[derive(Debug)]
pub(crate) struct LocalRejection {
    pub(crate) origin: Origin,
    pub(crate) data: Box<RawValue>,
    pub(crate) rejection: Rejection,
}

impl LocalRejection {
    /// The bytes held.
    pub(super) fn size(&self) -> usize {
        self.data.get().len() + self.rejection.message.len() + size_of::<Self>()
    }
}

impl OpenBatch {
    pub(crate) fn new(columns: Arc<Columns>, lease: Lease) -> Self {
        Self::of_kind(RowKind::Write, columns, lease)
    }

    /// A batch for rows of `batch` that are sent again.
    pub(crate) fn of_retries(batch: &Batch, lease: Lease) -> Self {
        Self::of_kind(batch.kind, Arc::clone(&batch.columns), lease)
    }

    /// A batch for rows of this kind alone.
    pub(crate) fn of_kind(kind: RowKind, columns: Arc<Columns>, lease: Lease) -> Self {
        let mut batch = Self {
            kind,
            opened_at: Instant::now(),
            compressed: CompressedCsv::default(),
            tail: Vec::new(),
            spares: None,
            length: 0,
            header_length: 0,
            origins: RowOrigins::default(),
            types: TypesOfRows::default(),
            keys: RowKeys::default(),
            deletes: ChunkedVec::default(),
            unsent: None,
            local_rejections: Vec::new(),
            local_rejections_size: 0,
            keyed_rejections: Vec::new(),
            late_rejections: 0,
            reserve: Reserve::default(),
            lease,
            columns,
        };
        let mut header = Vec::new();
        write_row(&mut header, batch.columns.iter().map(Column::header));
        batch.append(&header);
        batch.header_length = header.len();
        batch.update_lease();
        batch
    }

    /// Whether the memory of a piece of the batch that this one is made of would be used again.
    pub(crate) fn takes_memory(&self) -> bool {
        self.spares.as_ref().is_none_or(Spares::have_room)
    }

    /// Takes the memory of a piece for its own pieces.
    pub(crate) fn take_memory(&mut self, spare: Vec<u8>) {
        self.spares.get_or_insert_default().add(spare);
    }

    /// The same batch, which also leases this for its rows.
    pub(crate) fn reserving(self, reserve: Reserve) -> Self {
        Self { reserve, ..self }
    }

    /// Whether a row of `length` bytes fits within `limit`. An empty batch takes any row, so a row that is larger than
    /// the limit is uploaded alone.
    pub(crate) fn has_room(&self, length: usize, limit: usize) -> bool {
        self.origins.len() == 0 || self.length + length as u64 <= limit as u64
    }

    /// Whether it is nearly full, at `limit` bytes, and its rows fill bulk batches of Salesforce: one more would not fit
    /// as a whole, and the org has few of them a day. It costs a tenth more jobs at most.
    pub(crate) fn fills_bulk_batches(&self, limit: usize) -> bool {
        let (rows, limit) = (self.origins.len() as u64, limit as u64);
        if rows == 0 || !rows.is_multiple_of(ROWS_OF_BULK_BATCH) || self.length < limit - limit / 10 {
            return false;
        }
        self.length + self.length / (rows / ROWS_OF_BULK_BATCH) > limit
    }

    pub(crate) fn push(&mut self, row: Row<'_>, origin: Origin) {
        self.push_keyed(row, origin, &[]);
    }

    /// Adds a row that other rows with the same key may be merged with.
    pub(crate) fn push_keyed(&mut self, row: Row<'_>, origin: Origin, merged: &[MergedRecords]) {
        if let Some(key) = row.key {
            self.keys.push(key, row.csv.len());
        }
        if row.kind == RowKind::Delete {
            // A batch of 100 MB has at most 50 million rows of two bytes.
            #[expect(clippy::cast_possible_truncation)]
            self.deletes.push(self.origins.len() as u32);
        }
        self.push_again(row.csv, origin, merged);
    }

    /// Adds a row of another batch. It stands for the record of `origin` and for those that were merged into it.
    pub(crate) fn push_again(&mut self, csv: &[u8], origin: Origin, merged: &[MergedRecords]) {
        self.append(csv);
        self.origins.push(row_hash(csv), origin, merged);
        self.update_lease();
    }

    /// Adds a row of a converter that deletes: its key is uploaded, and its mark is not.
    pub(super) fn push_delete(&mut self, csv: &[u8], types: &Arc<RowTypes>, origin: Origin, merged: &[MergedRecords]) {
        let mut key = cells(csv);
        let mark = key.pop().unwrap_or_default();
        let mut csv = Vec::new();
        write_row(&mut csv, key.iter().map(String::as_str));
        self.add_types(&csv, types);
        self.add_unsent(&mark);
        self.push_again(&csv, origin, merged);
    }

    /// Adds what the row that is pushed next has besides its upload, as a JSON object on one line.
    pub(crate) fn add_unsent(&mut self, json: &str) {
        self.unsent.get_or_insert_default().push(json);
    }

    /// Adds the JSON types of the values of the row that is pushed next.
    pub(crate) fn add_types(&mut self, csv: &[u8], types: &Arc<RowTypes>) {
        self.types.add(csv, types);
    }

    /// Adds a record that is not uploaded, as [`reject`](Self::reject) does. Of several rejected records with one key,
    /// the last one is stored last.
    pub(crate) fn reject_keyed(&mut self, record: LocalRejection, key: Option<u128>) {
        if let Some(key) = key {
            let (index, rows_before) = (self.local_rejections.len(), self.origins.len());
            self.keyed_rejections.push(KeyedRejection { index, key, rows_before });
        }
        self.reject(record);
    }

    /// Adds a record that is not uploaded, and that comes after all rows of the batch.
    pub(super) fn reject_late(&mut self, record: LocalRejection) {
        self.late_rejections += 1;
        self.reject(record);
    }

    /// Puts those of the records that are not uploaded last that come after the rows of their keys.
    pub(super) fn divide_rejections(&mut self) {
        let keyed = std::mem::take(&mut self.keyed_rejections);
        if keyed.is_empty() {
            return;
        }
        let last_rows = self.keys.last_rows(keyed.iter().map(|it| it.key));
        let mut is_late = vec![false; self.local_rejections.len()];
        for KeyedRejection { index, key, rows_before } in keyed {
            is_late[index] = last_rows.get(&key).is_some_and(|last| *last < rows_before);
        }
        let rejections = std::mem::take(&mut self.local_rejections).into_iter().zip(is_late);
        let (late, early): (Vec<_>, Vec<_>) = rejections.partition(|(_, is_late)| *is_late);
        self.late_rejections = late.len();
        self.local_rejections = early.into_iter().chain(late).map(|(record, _)| record).collect();
    }

    /// Adds a record that is not uploaded. It is stored together with the rejected rows of the batch.
    pub(crate) fn reject(&mut self, record: LocalRejection) {
        self.local_rejections_size += record.size();
        self.local_rejections.push(record);
        self.update_lease();
    }

    fn append(&mut self, csv: &[u8]) {
        let piece_size = self.piece_size();
        let length = self.tail.len() + csv.len();
        if length > self.tail.capacity() {
            let capacity = length.next_power_of_two().min(piece_size).max(length);
            self.tail.reserve_exact(capacity - self.tail.len());
        }
        self.length += csv.len() as u64;
        self.tail.extend_from_slice(csv);
        if length >= piece_size {
            self.compress_tail();
        }
    }

    /// The bytes of the next piece. A small batch has small pieces, because with thousands of streams what is not
    /// compressed yet would take all memory.
    fn piece_size(&self) -> usize {
        let share = usize::try_from(self.length / 4).unwrap_or(PIECE_SIZE);
        // A piece that takes the memory of another must not be larger, and not all compress alike.
        let largest = if self.spares.is_some() { PIECE_SIZE * 9 / 10 } else { PIECE_SIZE };
        share.clamp(SMALLEST_PIECE, largest)
    }

    fn compress_tail(&mut self) {
        if !self.tail.is_empty() {
            match &mut self.spares {
                Some(spares) => self.compressed.push_into(&self.tail, spares),
                None => self.compressed.push(&self.tail),
            }
            self.tail.clear();
        }
    }

    fn update_lease(&mut self) {
        let unsent = self.unsent.as_ref().map_or(0, Unsent::size);
        let rows = self.origins.size() + self.types.size() + self.keys.size() + self.deletes.size() + unsent;
        let rejections = self.local_rejections_size + self.keyed_rejections.capacity() * size_of::<KeyedRejection>();
        self.lease.set(self.compressed.size() + self.tail.capacity() + rows + rejections + self.reserved());
    }

    /// The bytes leased for what becomes of its rows.
    fn reserved(&self) -> usize {
        let rows = self.origins.len();
        let deletes = if self.kind == RowKind::Delete { rows } else { self.deletes.len() };
        self.reserve.of(rows - deletes, deletes)
    }

    /// Whether it has neither rows nor records that are not uploaded.
    pub(super) fn is_empty(&self) -> bool {
        self.origins.len() == 0 && self.local_rejections.is_empty()
    }

    pub(crate) fn columns(&self) -> &Arc<Columns> {
        &self.columns
    }

    /// How many of its rows delete, while it also takes others.
    pub(crate) fn deletes(&self) -> usize {
        self.deletes.len()
    }

    /// How many rows it has.
    pub(crate) fn rows(&self) -> usize {
        self.origins.len()
    }

    pub(crate) fn opened_at(&self) -> Instant {
        self.opened_at
    }

    /// The bytes leased.
    pub(crate) fn held(&self) -> usize {
        self.lease.bytes()
    }

    /// The bytes of the CSV and of the records that are not uploaded.
    pub(crate) fn length(&self) -> u64 {
        self.length + self.local_rejections_size as u64
    }

    /// The batches to load one after the other, in which every record has one row. Nearly always it is one batch.
    pub(crate) fn seal_merged(mut self) -> Vec<Batch> {
        self.divide_rejections();
        let has_deletes = self.deletes.len() > 0;
        let Some(groups) = std::mem::take(&mut self.keys).groups(has_deletes) else { return vec![self.seal()] };
        self.into_rows_to_merge(groups).merge().into_iter().map(Self::seal).collect()
    }

    pub(super) fn into_rows_to_merge(mut self, groups: KeyGroups) -> RowsToMerge {
        self.compress_tail();
        RowsToMerge {
            columns: self.columns,
            csv: Arc::new(self.compressed),
            header_length: self.header_length,
            origins: self.origins,
            types: self.types,
            groups,
            deletes: self.deletes,
            local_rejections: self.local_rejections,
            late_rejections: self.late_rejections,
            reserve: self.reserve,
            lease: self.lease,
        }
    }

    /// The batch to upload. Keys are not compared.
    pub(crate) fn seal(mut self) -> Batch {
        self.compress_tail();
        self.keys = RowKeys::default();
        self.tail = Vec::new();
        self.update_lease();
        let reserved = self.reserved();
        Batch {
            kind: self.kind,
            unsent: self.unsent,
            columns: self.columns,
            csv: Arc::new(self.compressed),
            origins: self.origins,
            types: self.types,
            held: HeldRecords::default(),
            local_rejections: self.local_rejections,
            late_rejections: self.late_rejections,
            keys: None,
            local_rejections_size: self.local_rejections_size,
            reserved,
            lease: self.lease,
        }
    }
}
