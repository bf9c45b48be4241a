//! Drives the simulated org over HTTP, as a loader does.

mod client;
mod ingest;
