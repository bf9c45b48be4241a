//! Reading the records of an org by a query: with REST calls, or with a Bulk API 2.0 query job.

mod held;
mod in_lists;
mod job;
mod literal;
mod rest;
mod rows;
mod soql;

pub use literal::{Literal, url_length};
pub use rows::{QueryRow, QueryRows};
pub use soql::{Condition, Soql};
