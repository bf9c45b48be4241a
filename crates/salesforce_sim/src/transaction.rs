//! The handle to a transaction that a test holds open.

use crate::{
    org::{ChangeKind, SharedOrg, update},
    store::RecordState,
};

/// A transaction of an org, from [`SimulatedOrg::begin_transaction`](crate::SimulatedOrg::begin_transaction).
///
/// Its changes have the stamps of the moments at which they are made. Nobody sees them before [`Transaction::commit`], and
/// then they are there under these earlier stamps. The records that it changes are locked meanwhile. Dropped, it is rolled
/// back.
#[derive(Debug)]
pub struct Transaction {
    org: SharedOrg,
    number: usize,
}

impl Transaction {
    pub(crate) fn begin(org: SharedOrg) -> Self {
        let number = org.lock().begin_transaction();
        Self { org, number }
    }

    /// Inserts a record and returns its 18-character id; `None` if the object does not exist.
    pub fn insert(&self, object: &str, values: &[(&str, &str)]) -> Option<String> {
        self.org.lock().insert_in(self.number, object, values)
    }

    /// Changes a record. An empty value clears its field. False if there is none with this id, or another transaction has
    /// changed it.
    pub fn update(&self, object: &str, id: &str, values: &[(&str, &str)]) -> bool {
        let mut org = self.org.lock();
        let Some(change) = org.tables.get(object).map(|table| update(table, values)) else { return false };
        org.change_in(self.number, object, id, change)
    }

    /// Moves a record to the recycle bin. False as for [`Transaction::update`].
    pub fn recycle(&self, object: &str, id: &str) -> bool {
        self.change(object, id, ChangeKind::Delete(RecordState::Recycled))
    }

    /// Deletes a record for good. False as for [`Transaction::update`].
    pub fn erase(&self, object: &str, id: &str) -> bool {
        self.change(object, id, ChangeKind::Delete(RecordState::Erased))
    }

    /// Takes a record out of the recycle bin. False as for [`Transaction::update`].
    pub fn undelete(&self, object: &str, id: &str) -> bool {
        self.change(object, id, ChangeKind::Undelete)
    }

    /// Changes a record in some way. False as for [`Transaction::update`].
    pub(crate) fn change(&self, object: &str, id: &str, kind: ChangeKind) -> bool {
        self.org.lock().change_in(self.number, object, id, kind)
    }

    /// Ends the transaction: its changes are seen from now on.
    pub fn commit(self) {
        self.org.lock().end_transaction(self.number, true);
    }
}

impl Drop for Transaction {
    /// Does nothing after a commit.
    fn drop(&mut self) {
        self.org.lock().end_transaction(self.number, false);
    }
}
