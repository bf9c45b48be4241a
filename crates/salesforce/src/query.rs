//! Reading the records of an org by a query: with REST calls, or with a Bulk API 2.0 query job.

mod ahead;
mod held;
mod in_lists;
mod job;
mod job_pages;
mod literal;
mod page;
mod page_reader;
mod read_fault;
mod rest;
mod rest_record;
mod room;
mod rows;
mod soql;

pub use job::{CompleteQueryJob, QueryScope, RunningQueryJob};
pub use job_pages::JobPages;
pub use literal::{Literal, url_length};
pub use page::{PagePoint, QueryPage, QueryRow};
pub use read_fault::{ReadFailure, ReadFault};
pub use rest::RestPages;
pub use rows::QueryRows;
pub use soql::{Condition, Soql};
