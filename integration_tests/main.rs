//! Runs the connector as the platform does: the program, with files and pipes, against a simulated org and an S3
//! server.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "clippy allows them in test functions, not beside them")]

mod acceptance;
mod calls;
mod check;
mod configuration_page;
mod connector;
mod delivery_page;
mod discover;
mod errors_page;
mod faithful;
mod faults;
mod input;
mod keys;
mod memory;
mod metadata;
mod operations;
mod other_loaders;
mod parents;
mod platform_columns;
mod preflight;
mod protocol_model;
mod quotas;
mod readme_page;
mod related;
mod repository;
mod session_renewal;
mod sign_in;
mod spec;
mod states;
mod stopped_sign_in;
mod terminal;
mod url_rules;
mod values;
mod world;
mod write;
