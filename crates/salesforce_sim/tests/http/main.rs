//! Tests the simulated org over HTTP.

#![allow(clippy::unwrap_used, reason = "functions that tests share fail their test")]

mod client;
mod echo;
mod faults;
mod ingest;
mod nature;
mod processing;
mod query;
mod query_jobs;
mod query_of_objects;
mod query_results;
mod replication;
mod rest;
mod sign_in;
mod stamps;
mod transactions;
