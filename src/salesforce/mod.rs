//! Salesforce: signing in, the Bulk API 2.0, and what the org says of itself.

mod operation;

pub use operation::Operation;
