//! Bulk API 2.0 ingest: jobs, their data, and what becomes of it.

mod column;
mod csv;
mod endpoint;
mod job;
mod multipart;
mod processing;
mod request;
mod results;
mod row;
mod row_error;
mod value;

pub(crate) use endpoint::{create, delete, info, list, patch, results, upload};
pub(crate) use job::Job;
pub use job::{JobState, Operation};
pub(crate) use results::ResultSet;
