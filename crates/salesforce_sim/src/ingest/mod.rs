//! Bulk API 2.0 ingest: the calls, and the way of a job from its upload to its results.

mod calls;
mod columns;
mod field_value;
mod job_json;
mod multipart;
mod new_job;
mod processing;
mod record_lookup;
mod results;
mod row_error;
mod row_reader;
mod row_saver;

pub(crate) use calls::{create, delete, info, list, patch, results, too_early, upload};
pub(crate) use results::ResultSet;
