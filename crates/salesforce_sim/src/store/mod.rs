//! The records of the org, stored compactly: a test may load several 100,000 of them.

mod deletions;
pub(crate) mod id;
mod record;
mod stamp;
mod table;

pub(crate) use deletions::Deletions;
pub(crate) use record::Cells;
pub(crate) use stamp::{Stamp, Stamps};
pub(crate) use table::{RecordState, Table, Tables};
