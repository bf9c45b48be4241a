//! Airbyte destination that loads records into Salesforce through the Bulk API 2.0.
//!
//! The way of the data is the layout of the crate; `docs/architecture.md` walks along it.

pub mod command;
pub mod config;
pub mod convert;
pub mod discover;
pub mod pipeline;
pub mod rejected;

mod cli;
mod display;
mod run;
mod user_error;

pub use display::Display;
pub use run::{log_panics, run};
