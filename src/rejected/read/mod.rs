//! The way back: reads the rejected records of the bucket, whatever the settings were when they were stored.
//!
//! What an object is, is decided by its content. One that is no object of rejected records is skipped, and one that is
//! cannot be passed over: if it cannot be read whole, the run ends in an error that names it. So this module never
//! returns less than the bucket holds without saying so.
//!
//! - `reader` lists the objects, and reads one after the other in the order in which they were written (`listing`,
//!   `order`). A thread takes the text apart, fed by the download through a channel of a few pieces (`pieces`), so an
//!   object of any size takes little memory;
//! - `object` decides what an object is (`content`), and `jsonl` and `csv` read its rows;
//! - `row` is a stored row, taken apart: the record under its source names, and why it was rejected;
//! - `owner` says which stream an object belongs to;
//! - `selection` is what of it is wanted, `findings` what there was, and `summary` counts it.

mod content;
mod csv;
mod findings;
mod jsonl;
mod listing;
mod object;
mod order;
mod owner;
mod pieces;
mod reader;
mod row;
mod selection;
mod summary;

pub(crate) use findings::Findings;
pub(crate) use reader::{Found, Progress, RecordSink, RejectedReader};
pub(crate) use selection::Selection;
pub(crate) use summary::Summary;

#[cfg(test)]
mod tests;
