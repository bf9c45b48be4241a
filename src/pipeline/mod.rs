//! The way of a record from the line that was read to the state that is given back.

mod batch;
mod budget;
mod field;
mod ledger;
mod mark;
mod plan;
