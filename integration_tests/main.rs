//! tests
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "clippy allows them in test functions, not beside them")]

mod configuration_page;
mod spec;
