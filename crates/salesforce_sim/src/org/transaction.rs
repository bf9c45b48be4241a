//! Transactions that are open for a while: their changes have their stamps, and nobody sees them before the commit.

use super::Org;
use crate::store::{Cells, RecordState, Stamp, Stamps, Table, Tables, id};

/// A transaction that has begun and not ended.
#[derive(Debug)]
pub(crate) struct OpenTransaction {
    pub(crate) number: usize,
    pub(crate) began: Stamp,
    changes: Vec<Change>,
}

/// A change of one record.
#[derive(Debug)]
struct Change {
    /// The position of the object.
    table: usize,
    record: usize,
    at: Stamp,
    kind: ChangeKind,
}

/// What a test can do with a record.
#[derive(Debug)]
pub(crate) enum ChangeKind {
    /// Shows a record that the transaction has inserted.
    Insert,
    /// Sets and clears fields.
    Update(Vec<(u16, Option<String>)>),
    /// Moves a record to the recycle bin, or removes it for good.
    Delete(RecordState),
    /// Takes a record out of the recycle bin.
    Undelete,
}

impl ChangeKind {
    /// Whether a record in this state can be changed so.
    fn fits(&self, state: RecordState) -> bool {
        match self {
            Self::Insert => state == RecordState::Pending,
            Self::Update(_) => state == RecordState::Live,
            Self::Delete(RecordState::Erased) => matches!(state, RecordState::Live | RecordState::Recycled),
            Self::Delete(_) => state == RecordState::Live,
            Self::Undelete => state == RecordState::Recycled,
        }
    }

    fn apply(&self, table: &mut Table, record: usize) {
        match self {
            Self::Insert => table.publish(record),
            Self::Update(changes) => {
                let changes: Vec<_> = changes.iter().map(|(field, value)| (*field, value.as_deref())).collect();
                table.update(record, &changes);
            }
            Self::Delete(RecordState::Erased) if table.state(record) == RecordState::Recycled => table.purge(record),
            Self::Delete(state) => table.delete(record, *state),
            Self::Undelete => table.undelete(record),
        }
    }
}

/// The fields of an object that have these values, and the values. Fields that the org sets itself are left out.
fn fields<'v>(table: &Table, values: &[(&str, &'v str)]) -> Vec<(u16, &'v str)> {
    let field = |(name, value): &(&str, &'v str)| {
        let field = table.object.position(name)?;
        let is_stamp = Stamps::default().get(&table.object.fields[field].name).is_some();
        (!is_stamp).then_some((u16::try_from(field).ok()?, *value))
    };
    values.iter().filter_map(field).collect()
}

/// The change that sets these values. An empty value clears its field.
pub(crate) fn update(table: &Table, values: &[(&str, &str)]) -> ChangeKind {
    let value = |value: &str| (!value.is_empty()).then(|| value.to_owned());
    ChangeKind::Update(fields(table, values).into_iter().map(|(field, text)| (field, value(text))).collect())
}

/// The packed values of a new record.
pub(super) fn cells(table: &Table, values: &[(&str, &str)]) -> Cells {
    Cells::pack(fields(table, values).into_iter())
}

/// The position of an object and the number of a record, if the record is in a state that can be changed so and no open
/// transaction has it.
fn changeable(tables: &Tables, object: &str, id: &str, kind: &ChangeKind) -> Option<(usize, usize)> {
    let at = tables.position(object)?;
    let table = tables.at(at);
    let (record, state) = table.locate(&id::normalize(id)?)?;
    (kind.fits(state) && !table.is_locked(record)).then_some((at, record))
}

impl Org {
    /// Changes a record now. False if it is in no state for it, or an open transaction has changed it.
    pub(crate) fn change(&mut self, object: &str, id: &str, kind: &ChangeKind) -> bool {
        let Some((at, record)) = changeable(&self.tables, object, id, kind) else { return false };
        let now = self.clock.stamp();
        let table = self.tables.at_mut(at);
        table.begin(now);
        kind.apply(table, record);
        true
    }

    /// Begins a transaction and returns its number.
    pub(crate) fn begin_transaction(&mut self) -> usize {
        let number = self.next_transaction;
        self.next_transaction += 1;
        self.transactions.push(OpenTransaction { number, began: self.clock.stamp(), changes: Vec::new() });
        number
    }

    /// Inserts a record in a transaction and returns its id.
    pub(crate) fn insert_in(&mut self, number: usize, object: &str, values: &[(&str, &str)]) -> Option<String> {
        let Self { transactions, tables, clock, .. } = self;
        let transaction = transactions.iter_mut().find(|open| open.number == number)?;
        let (at, now) = (tables.position(object)?, clock.stamp());
        let table = tables.at_mut(at);
        table.begin(now);
        let record = table.insert_pending(cells(table, values));
        table.lock(record);
        transaction.changes.push(Change { table: at, record, at: now, kind: ChangeKind::Insert });
        Some(table.id(record))
    }

    /// Changes a record in a transaction, which locks it. False as for [`Org::change`].
    pub(crate) fn change_in(&mut self, number: usize, object: &str, id: &str, kind: ChangeKind) -> bool {
        let Self { transactions, tables, clock, .. } = self;
        let Some(transaction) = transactions.iter_mut().find(|open| open.number == number) else { return false };
        let Some((at, record)) = changeable(tables, object, id, &kind) else { return false };
        tables.at_mut(at).lock(record);
        transaction.changes.push(Change { table: at, record, at: clock.stamp(), kind });
        true
    }

    /// Ends a transaction. With `commits`, its changes are seen from now on, with the stamps that they have; else they
    /// never were.
    pub(crate) fn end_transaction(&mut self, number: usize, commits: bool) {
        let Some(at) = self.transactions.iter().position(|open| open.number == number) else { return };
        for Change { table, record, at, kind } in self.transactions.remove(at).changes {
            let table = self.tables.at_mut(table);
            table.unlock(record);
            match kind {
                kind if commits => {
                    table.begin(at);
                    kind.apply(table, record);
                }
                ChangeKind::Insert => table.discard(record),
                _ => {}
            }
        }
    }

    /// The beginning of the transaction that has been open for longest.
    pub(crate) fn oldest_transaction(&self) -> Option<Stamp> {
        self.transactions.iter().map(|open| open.began).min()
    }

    /// Merges records into a master: they go to the recycle bin, with its id in `MasterRecordId` if the object has the
    /// field, and the master is changed. False, and nothing is done, if one of them cannot be changed.
    pub(crate) fn merge(&mut self, object: &str, master: &str, losers: &[&str]) -> bool {
        let recycle = ChangeKind::Delete(RecordState::Recycled);
        let can_change = |id: &str| changeable(&self.tables, object, id, &recycle).is_some() && id != master;
        if changeable(&self.tables, object, master, &recycle).is_none() || !losers.iter().all(|id| can_change(id)) {
            return false;
        }
        let Some(at) = self.tables.position(object) else { return false };
        let of_loser = update(self.tables.at(at), &[("MasterRecordId", master)]);
        for loser in losers {
            self.change(object, loser, &of_loser);
            self.change(object, loser, &recycle);
        }
        self.change(object, master, &ChangeKind::Update(Vec::new()))
    }
}
