//! Queries: which records they find, and the calls that return them.

mod column;
mod comparison;
mod filter;
mod plan;
mod rest;

pub(crate) use plan::Cursor;
pub(crate) use rest::{more, query};
