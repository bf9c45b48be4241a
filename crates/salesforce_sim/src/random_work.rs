//! Work of random people in an org: they create, change and delete records, some in transactions that commit late.

use std::time::Duration;

use fastrand::Rng;

use crate::{
    org::{ChangeKind, SharedOrg, update},
    simulated_org::SimulatedOrg,
    store::RecordState,
    transaction::Transaction,
};

/// The most transactions that are open at the same time.
const OPEN: usize = 3;

/// The longest time between two steps, in seconds.
const PAUSE: u64 = 90;

/// The most things that are done between two requests.
const BETWEEN_REQUESTS: usize = 3;

/// Random work on the records of one object, which the seed alone decides.
///
/// Each [`step`](RandomWork::step) does one thing and sets the clock forward by some seconds. Transactions commit in any
/// order, so their changes show up under stamps that are minutes old. [`SimulatedOrg::begin_work`] lets the org do it
/// between its requests.
#[derive(Debug)]
pub struct RandomWork {
    object: String,
    rng: Rng,
    /// The ids of all records that it made.
    ids: Vec<String>,
    open: Vec<Transaction>,
    written: u64,
    is_calm: bool,
    is_finished: bool,
}

impl RandomWork {
    /// Work on the records of an object with a `Name`.
    pub fn new(object: &str, seed: u64) -> Self {
        Self {
            object: object.to_owned(),
            rng: Rng::with_seed(seed),
            ids: Vec::new(),
            open: Vec::new(),
            written: 0,
            is_calm: false,
            is_finished: false,
        }
    }

    /// The same without transactions, and without records that are erased: deleted ones are in the recycle bin.
    #[must_use]
    pub fn calm(self) -> Self {
        Self { is_calm: true, ..self }
    }

    /// Does one thing: begins, commits or rolls back a transaction, or changes a record, in one of them or at once.
    pub fn step(&mut self, org: &SimulatedOrg) {
        self.step_in(&org.org);
    }

    /// Does some things, or none.
    pub(crate) fn between_requests(&mut self, org: &SharedOrg) {
        if !self.is_finished {
            (0..self.rng.usize(0..=BETWEEN_REQUESTS)).for_each(|_| self.step_in(org));
        }
    }

    /// Commits every open transaction. After that nothing is done between requests.
    pub fn finish(&mut self) {
        self.open.drain(..).for_each(Transaction::commit);
        self.is_finished = true;
    }

    fn step_in(&mut self, org: &SharedOrg) {
        org.lock().clock.advance(Duration::from_secs(self.rng.u64(0..=PAUSE)));
        match self.rng.u8(0..10) {
            0 if !self.is_calm && self.open.len() < OPEN => self.open.push(Transaction::begin(org.clone())),
            1 | 2 if !self.open.is_empty() => {
                let transaction = self.open.swap_remove(self.rng.usize(..self.open.len()));
                if self.rng.u8(0..5) > 0 {
                    transaction.commit();
                }
            }
            _ => self.change(org),
        }
    }

    fn change(&mut self, org: &SharedOrg) {
        self.written += 1;
        let value = format!("value {}", self.written);
        let values = [("Name", value.as_str())];
        let object = &self.object;
        let transaction = match self.open.len() {
            0 => None,
            open => self.open.get(self.rng.usize(..=open)),
        };
        let kind = self.rng.u8(0..10);
        if self.ids.is_empty() || kind < 3 {
            let id = match transaction {
                Some(transaction) => transaction.insert(object, &values),
                None => org.lock().insert(object, &values),
            };
            self.ids.extend(id);
            return;
        }
        let id = &self.ids[self.rng.usize(..self.ids.len())];
        let change = match kind {
            3..=6 => match org.lock().tables.get(object) {
                Some(table) => update(table, &values),
                None => return,
            },
            7 => ChangeKind::Delete(RecordState::Recycled),
            8 if self.is_calm => ChangeKind::Delete(RecordState::Recycled),
            8 => ChangeKind::Delete(RecordState::Erased),
            _ => ChangeKind::Undelete,
        };
        // A record that is gone or locked is left as it is.
        match transaction {
            Some(transaction) => transaction.change(object, id, change),
            None => org.lock().change(object, id, &change),
        };
    }
}
