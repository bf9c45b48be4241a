//! What keys name once the batches before are written: what the org says, revised by what the run would have changed.

use std::sync::{Mutex, PoisonError};

use super::known::{Holder, KnownChanges, Record, Standing, Way};
use crate::matching::{Found, Matches, RecordId, RowKey};
use crate::pipeline::job::matched::FoundRecords;

/// The ids of rows whose record is unclear begin with this, so that they pass through the rewriting. No object of
/// Salesforce has it.
const UNCLEAR: [u8; 3] = *b"UNC";

/// What the keys of a batch name.
pub(super) struct RevisedMatches<'m> {
    pub(super) matches: &'m Matches,
    pub(super) known: &'m Mutex<KnownChanges>,
    pub(super) way: Way,
}

/// What a key names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Revised {
    Found(Found),
    /// It depends on what the run writes first.
    Unclear,
}

impl RevisedMatches<'_> {
    /// What a key names. A key that is unclear stays so.
    pub(super) fn revised(&self, key: RowKey, known: &mut KnownChanges) -> Revised {
        let (ids, count) = match self.matches.of(key) {
            Found::Uncertain => return Revised::Found(Found::Uncertain),
            Found::Missing => (Vec::new(), 0),
            Found::One(id) => (vec![id], 1),
            Found::Several { ids, count } => (ids, count),
        };
        let holder = known.holder(self.way, key);
        if holder == Holder::Unclear {
            known.make_unclear(self.way, key);
            return Revised::Unclear;
        }
        let mut left = Vec::with_capacity(ids.len());
        let unseen = count - ids.len();
        for id in ids {
            match known.standing(self.way, Record::of_id(id.as_str()), key) {
                Standing::Here => left.push(id),
                // It may be one of those that are not known by their ids, too.
                Standing::Away if unseen > 0 => return Revised::Unclear,
                Standing::Away => {}
                Standing::Unclear => return Revised::Unclear,
            }
        }
        if let Holder::Record(record) = holder
            && left.iter().all(|id| Record::of_id(id.as_str()) != record)
        {
            left.push(record.new_id());
        }
        let count = left.len() + unseen;
        Revised::Found(match (&*left, count) {
            ([], 0) => Found::Missing,
            ([id], 1) => Found::One(*id),
            _ => Found::Several { ids: left, count },
        })
    }
}

impl FoundRecords for RevisedMatches<'_> {
    fn of(&self, key: RowKey) -> Found {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match self.revised(key, &mut known) {
            Revised::Found(found) => found,
            Revised::Unclear => Found::One(RecordId::invented(UNCLEAR, key.hash())),
        }
    }

    fn may_share_records(&self) -> bool {
        self.matches.may_share_records()
    }

    fn has_alike_rows(&self) -> bool {
        self.matches.has_alike_rows()
    }

    fn found(&self) -> usize {
        self.matches.found()
    }
}

/// Whether the id of a rewritten row says that its record is unclear.
pub(super) fn is_unclear(id: &str) -> bool {
    RecordId::invented_number(UNCLEAR, id).is_some()
}
