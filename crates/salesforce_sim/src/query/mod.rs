//! Queries: which records they find, and the calls that return them.

mod column;
mod comparison;
mod filter;
mod job;
mod job_calls;
mod order;
mod plan;
mod refusals;
mod rest;
mod results;

pub(crate) use job_calls::{create, delete, info, list, patch};
pub(crate) use plan::Cursor;
pub(crate) use rest::{batch_size, more, query};
pub(crate) use results::{result_pages, results};
