//! The life of a record beyond its insert, update and deletion: open transactions, the recycle bin, the end.

use super::{Cells, Record, RecordState, Stamps, Table};

impl Table {
    /// Adds a record that nobody sees before [`Table::publish`].
    pub(crate) fn insert_pending(&mut self, cells: Cells) -> usize {
        let record = self.records.len();
        self.records.push(Record { state: RecordState::Pending, stamps: Stamps::new(self.now), cells });
        record
    }

    /// Shows a pending record.
    pub(crate) fn publish(&mut self, record: usize) {
        self.records[record].state = RecordState::Live;
        self.live += 1;
        self.add_to_indexes(record);
    }

    /// Drops a pending record. Its number stays used.
    pub(crate) fn discard(&mut self, record: usize) {
        self.records[record].state = RecordState::Erased;
        self.records[record].cells = Cells::default();
    }

    /// Takes a record out of the recycle bin.
    pub(crate) fn undelete(&mut self, record: usize) {
        self.records[record].state = RecordState::Live;
        self.live += 1;
        self.touch(record);
        self.add_to_indexes(record);
        self.deletions.forget(record);
    }

    /// Removes a record from the recycle bin for good. Its stamps and its entry in the log of deletions stay.
    pub(crate) fn purge(&mut self, record: usize) {
        self.records[record].state = RecordState::Erased;
    }

    /// The numbers of the records in the recycle bin.
    pub(crate) fn recycled(&self) -> Vec<usize> {
        let records = self.records.iter().enumerate();
        records.filter(|(_, record)| record.state == RecordState::Recycled).map(|(number, _)| number).collect()
    }

    /// Locks a record for a transaction. False if another one has it.
    pub(crate) fn lock(&mut self, record: usize) -> bool {
        self.locked.insert(record)
    }

    /// Unlocks a record.
    pub(crate) fn unlock(&mut self, record: usize) {
        self.locked.remove(&record);
    }

    /// Whether an open transaction has changed a record.
    pub(crate) fn is_locked(&self, record: usize) -> bool {
        self.locked.contains(&record)
    }
}
