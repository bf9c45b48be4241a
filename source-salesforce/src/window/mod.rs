//! Windows: the spans of time whose changes an incremental sync reads, one after another.
//!
//! A window is closed before it is read: every change with a stamp in it is committed. A record that changes later has a
//! stamp of the next window. So a window can be read at any time, by any number of attempts, and nothing in it shows up
//! late.

mod boundary;
mod fields;
mod halves;
mod length;
mod state;
mod takeover;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::moment::Moment;
pub(crate) use boundary::Boundary;
pub(crate) use halves::halves;
pub(crate) use length::{end_after, half};
#[cfg(test)]
pub(crate) use state::tests::incremental;
pub(crate) use state::{DeletionPoint, IncrementalState, OpenWindow, Progress, Refresh};

/// The shortest span of a call of `/updated` or `/deleted` in whole minutes. Salesforce takes more than a minute.
pub(crate) const SHORTEST_SPAN: SignedDuration = SignedDuration::from_mins(2);

/// A span of time, without its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Window {
    /// None for all that was before the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) from: Option<Moment>,
    pub(crate) to: Moment,
}
