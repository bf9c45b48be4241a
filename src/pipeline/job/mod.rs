//! The way of a batch through Salesforce: it waits in a lane, is loaded as a job, and its results are judged. In a dry
//! run it is only counted.

mod batch_loader;
mod count;
mod earlier;
mod earlier_successes;
mod entered;
mod event;
mod judge;
mod key_values;
mod lane;
mod load;
mod local_rejections;
mod matched;
mod parents;
mod rejection_reasons;
mod result_counts;
mod result_layout;
mod rounds;
mod turn;
mod waits;

pub(super) use count::{Counter, KNOWN_BYTES, Samples, StreamTally, Tally, Ways};
pub(super) use earlier_successes::keep_earlier_successes;
pub(super) use entered::JobJournal;
pub(super) use event::{Event, EventKind, LoadError, SettledRecords};
pub(super) use lane::{Jobs, StreamBatch};
pub(super) use load::{Loader, Stores};
pub(super) use rejection_reasons::{Example, Place, Reason, RejectionReasons};
pub(super) use waits::Waits;
