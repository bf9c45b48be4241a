//! The records of the org, held compactly: a loader's test may put several 100,000 of them here.

pub(crate) mod id;
mod record;
mod table;

pub(crate) use record::Cells;
pub(crate) use table::{Life, Table, Tables};
