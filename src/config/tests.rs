//! Tests of the configuration as a whole.

mod credentials;
mod schema;
mod sign_in;
mod unknown_keys;
