//! Which records of the org do these keys name? For streams whose records are found by other fields than their ids.
//!
//! [`MatchPlan`] says which fields together name a record. [`KeyRows`] gives the values of these fields for each row of a
//! batch, in the order of [`MatchPlan::keys`], as often as it is asked. [`find_records`] asks the org and returns
//! [`Matches`], which say for the key of each row ([`MatchPlan::row_key`]) what it has [`Found`]: nothing, one record, several, or records of
//! which no document says whether they are meant. What follows from that is up to the caller.
//!
//! Few keys are asked for in lists, many with one query job ([`cost`]). The rows of an answer are joined with the keys
//! while they arrive (`wanted`), so memory holds a hash and an id for each key, and no answer.

mod cost;
mod find;
mod lists;
mod literal;
mod plan;
mod record_id;
mod sizes;
mod source;
mod wanted;

pub(crate) use find::{KeyRows, find_records};
pub(crate) use plan::{ID, KeyField, MatchPlan, RowKey, ValueType};
pub(crate) use record_id::RecordId;
pub(crate) use sizes::QuerySizes;
pub(crate) use source::OrgRecords;
#[cfg(test)]
pub(crate) use wanted::Asked;
pub(crate) use wanted::{Found, MOST_WRITTEN, Matches};
