//! An Airbyte destination connector that loads records into Salesforce through the Bulk API 2.0.
//!
//! The program `destination-salesforce` calls [`run()`], which is the whole connector: arguments and messages in,
//! messages and an exit code out. The other public items are for the benchmarks, the fuzz targets and the tests of this
//! repository.
//!
//! # The way of the data
//!
//! | step | where |
//! | --- | --- |
//! | The arguments become a command, and a failure becomes a message and an exit code. | `run`, `cli` |
//! | Each command has a file: `spec`, `check`, `discover` and `write` of the protocol, `load`, `validate` and `rejected`. | `command` |
//! | The text of the configuration becomes a [`Config`](config::Config) that breaks no rule. | [`config`] |
//! | The describes of an org become the operations of a catalog. | `discover` |
//! | Each stream gets a plan; records become batches, batches become jobs, and states leave in order. | [`pipeline`] |
//! | The JSON of a record becomes one CSV row. | [`convert`] |
//! | Records that cannot be loaded are stored in a bucket. | `rejected` |
//! | What a later attempt must know of a job is entered in the bucket before the job is closed. | `journal` |
//! | A page in the bucket shows a person how the sync went. | `report` |
//! | A file of a person becomes the lines of a source, and files beside it say what became of its rows. | `load` |
//! | A person at a terminal sees the progress of a sync. | [`Display`] |
//!
//! The crate `airbyte` reads and writes the protocol and owns standard output. The crate `salesforce` speaks to an org.
//! Neither knows the other.
//!
//! `docs/architecture.md` explains the three rules that all of this follows.

pub mod config;
pub mod convert;
pub mod pipeline;

mod budget;
mod cli;
mod command;
mod discover;
mod display;
mod journal;
mod load;
mod matching;
mod rejected;
mod report;
mod run;
mod user_error;

pub use connector::program::log_panics;
use connector::{nearest_name, stop};
pub use display::Display;
pub use run::run;
