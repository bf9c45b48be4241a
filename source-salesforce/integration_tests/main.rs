//! Runs the connector as the platform does: the program, with files and a pipe, against a simulated org.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "clippy allows them in test functions, not beside them")]

mod acceptance;
mod changes;
mod commands;
mod compare;
mod compare_keys;
mod compared;
mod connector;
mod deletions;
mod deletions_in_order;
mod discover;
mod documents;
mod faults;
mod formulas;
mod incremental;
#[path = "../../integration_tests/key_pair.rs"]
mod key_pair;
mod late;
mod limits;
mod lost_columns;
mod memory;
mod messages;
mod moves;
mod objects;
mod org_to_org;
mod outages;
mod pages;
mod parallel_pages;
mod platform;
mod random;
mod read;
#[path = "../../integration_tests/repository.rs"]
mod repository;
mod resume;
mod round_trip;
mod sample;
mod shorter_windows;
mod sign_in;
mod states;
mod world;
