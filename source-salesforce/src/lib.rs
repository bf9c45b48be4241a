//! An Airbyte source connector that reads a Salesforce org, whole or what changed, and proves that nothing is missing.
//!
//! The program `source-salesforce` calls [`run()`], which is the whole connector: arguments in, messages and an exit code
//! out.
//!
//! # The way of the data
//!
//! | step | where |
//! | --- | --- |
//! | The arguments become a command, and a failure becomes a message and an exit code. | `run`, `cli` |
//! | Each command of the protocol has a file. | `command` |
//! | The text of the configuration becomes a `Config` that breaks no rule. | `config` |
//! | The fields of an object become columns with JSON types. | `columns` |
//! | A stream of the catalog becomes a query, and a way to run it. | `plan` |
//! | The changes since the last sync become a window that is closed before it is read. | `window` |
//! | A query becomes pages; each page becomes records and a state. | `query` |
//! | A row becomes the line of a record. | `record` |
//! | Two orgs, or what was sent and an org, become a list of differences. | `compare` |
//! | What a later attempt must know goes into the state of a stream. | `state` |

mod cli;
mod columns;
mod command;
mod compare;
mod config;
mod moment;
mod objects;
mod plan;
mod query;
mod record;
mod run;
mod state;
mod user_error;
mod window;

pub use connector::program::log_panics;
pub use run::run;
