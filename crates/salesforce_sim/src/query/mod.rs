//! Queries: which records they find, and the calls that return them.

mod column;
mod comparison;
mod filter;
mod job;
mod job_calls;
mod plan;
mod rest;

pub(crate) use job_calls::{create, delete, info, list, patch, results};
pub(crate) use plan::Cursor;
pub(crate) use rest::{more, query};
