//! A simulated Salesforce org.
//!
//! It listens on the loopback and speaks the part of Salesforce that a loader needs: the OAuth 2.0 token endpoint,
//! describe, limits, and the Bulk API 2.0 for ingest. It is strict: what a real org refuses it refuses, as far as
//! possible in the same words. The README says which facts are documented and which are guesses.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! use salesforce_sim::{Settings, SimulatedOrg};
//!
//! let org = SimulatedOrg::start(Settings::default()).await?;
//! // Point the loader at `org.url()` and let it load; then look at what it did.
//! assert_eq!(org.count("Account"), 0);
//! # Ok(())
//! # }
//! ```

// A described field has more keys than the `json!` macro can take with the default limit.
#![recursion_limit = "256"]

mod fault;
mod http;
mod ingest;
mod org;
mod rest;
mod schema;
mod settings;
mod sign_in;
mod simulated_org;
mod store;

pub use fault::{
    Answer, Effect, Fault, Hold, JobFault, ParseFaultError, Random, RandomFaults, RequestFault, RowFault, Truncation,
    UploadedRow,
};
pub use http::{Endpoint, Request};
pub use ingest::{JobState, Operation};
pub use schema::{Field, FieldType, Object};
pub use settings::{Credentials, Settings, SignInRefusal};
pub use simulated_org::{JobSummary, SimulatedOrg};
