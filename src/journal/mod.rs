//! The journal: what a later attempt of the same sync must know of the jobs of this one.
//!
//! Each job is entered in the bucket before it is closed (`store`, `entry`), and its entry goes away before the state
//! that covers its rows leaves. So a failure in between can write a record twice, but never lose one. `take_over`
//! reads the entries that an earlier attempt left, and `earlier_rows` finds the records of this attempt among the rows
//! that those jobs wrote.

mod earlier_rows;
mod entry;
mod store;
mod take_over;
mod written_rows;

pub(crate) use earlier_rows::EarlierRows;
pub(crate) use entry::{Entry, Target};
pub(crate) use store::{FOLDER, Journal, Removal};
pub(crate) use take_over::{Patience, TakenOver, take_over};

#[cfg(test)]
mod model;
