//! A simulated Salesforce org, for testing programs that load into Salesforce or read from it.
//!
//! [`SimulatedOrg::start`] opens an HTTP server on the loopback. It answers like one org: the OAuth 2.0 token endpoint,
//! describe, limits, single records, queries, and all of Bulk API 2.0 ingest and query. It keeps the records, so a test can
//! check what arrived and not only what was sent. The same org is also a program, `salesforce_sim`, for tests in other
//! languages.
//!
//! # Example
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use salesforce_sim::{Credentials, Settings, SimulatedOrg};
//!
//! let org = SimulatedOrg::start(Settings::default()).await?;
//! let Credentials { client_id, client_secret, .. } = Credentials::default();
//!
//! // Sign in over HTTP, as the program under test does.
//! let answer = reqwest::Client::new()
//!     .post(format!("{}/services/oauth2/token", org.url()))
//!     .body(format!("grant_type=client_credentials&client_id={client_id}&client_secret={client_secret}"))
//!     .send()
//!     .await?;
//! let answer: serde_json::Value = serde_json::from_str(&answer.text().await?)?;
//! assert_eq!(answer["instance_url"], org.url());
//! assert_eq!(org.sign_ins(), 1);
//!
//! // Prepare records, and look at them.
//! org.insert("Account", &[("Name", "Example Ltd")]);
//! assert_eq!(org.records("Account")[0]["Name"].as_deref(), Some("Example Ltd"));
//! # Ok(())
//! # }
//! ```
//!
//! # What it knows
//!
//! - **Objects:** standard objects and a few custom ones with every common field type. [`Settings::objects`] adds your
//!   own, built with [`Object`] and [`Field`].
//! - **Faults:** [`SimulatedOrg::inject`] makes requests ([`RequestFault`]), jobs ([`JobFault`]) or rows ([`RowFault`])
//!   go wrong, once, several times, or at random ([`RandomFaults`]).
//! - **A nature:** [`Nature::harsh`] does all the time what documents allow and loaders do not expect.
//! - **Time:** jobs wait on tokio's clock, so a test that pauses the clock does not wait. A [`Transaction`] commits when
//!   the test says so, and [`RandomWork`] changes records at random.
//!
//! # What it does not know
//!
//! Bulk API 1.0, SOAP, permissions by user or field, record types, sharing, triggers and formulas. It knows
//! nothing of the programs that it tests: it depends on no client of Salesforce, so an error in a client cannot hide in
//! the org as well.
//!
//! # How strict it is
//!
//! What a real org refuses, this org refuses, where possible with the same text. The README lists every rule with its
//! source, and marks the rules that are guesses.

// A described field has more keys than the `json!` macro can take with the default limit.
#![recursion_limit = "256"]

mod csv;
mod fault;
mod headers;
mod http;
mod ingest;
mod nature;
mod org;
mod query;
mod random_work;
mod reply;
mod rest;
mod route;
mod schema;
mod settings;
mod sign_in;
mod simulated_org;
mod soql;
mod store;
mod transaction;

pub use fault::{
    Answer, Effect, Fault, Hold, JobFault, ParseFaultError, QueryJobFault, RandomFaults, RequestFault, RowFault,
    Truncation, UploadedRow,
};
pub use nature::Nature;
pub use org::{JobState, Operation, Request};
pub use random_work::RandomWork;
pub use route::Endpoint;
pub use schema::{Field, Object};
pub use settings::{Credentials, Settings, SignInRefusal};
pub use simulated_org::{JobSummary, QueryJobSummary, SimulatedOrg};
pub use transaction::Transaction;
