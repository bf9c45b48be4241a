//! Drives the simulated org over HTTP, as a loader does.

#![allow(clippy::unwrap_used, reason = "functions that tests share fail their test")]

mod client;
mod faults;
mod ingest;
mod processing;
mod rest;
mod sign_in;
