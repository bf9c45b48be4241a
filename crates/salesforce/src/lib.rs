//! A client for one Salesforce org: sign in, describe objects, load records with Bulk API 2.0 ingest jobs, and read
//! records by query.
//!
//! It is for programs that move many records and must know what happened to each of them:
//!
//! - A job has a type for each of its stages, from [`OpenJob`] to [`FinishedJob`]. Closing it
//!   ([`UploadedJob::close`]) is the commit point: before it a job has no effect, after it the job is only observed.
//! - A [`Fault`] says what happened ([`FaultKind`]) and whether it is known what the call did ([`Outcome`]).
//! - Calls are retried with growing waits as far as that is safe, an expired access token is renewed once for all
//!   calls, and an outage of half an hour is waited out at each step of a job.
//!
//! The crate knows Salesforce: its OAuth flows, its error codes, and what it documents about jobs, with the source of
//! each rule. It knows nothing about where records come from, how a CSV is made of them, or how an error is worded for
//! its user, apart from the sentences of a refused sign-in. It spawns tasks only for pages that are read ahead.
//!
//! # Example
//!
//! It runs against the simulated org of the crate `salesforce_sim`. The second row lacks the required `LastName`.
//!
//! ```
//! use std::sync::Arc;
//!
//! use salesforce::{JobEnd, JobSpec, LoginUrl, OAuthFlow, Operation, Org, RowError, SignIn};
//! use salesforce_sim::{Settings, SimulatedOrg};
//!
//! # type Result = std::result::Result<(), Box<dyn std::error::Error>>;
//! # #[tokio::main]
//! # async fn main() -> Result {
//! let sim = SimulatedOrg::start(Settings::default()).await?;
//! let sign_in = SignIn {
//!     login_url: LoginUrl::parse(&sim.url())?,
//!     flow: OAuthFlow::ClientCredentials {
//!         client_id: "consumer-key".into(),
//!         client_secret: "consumer-secret".into(),
//!     },
//! };
//! let org = Org::sign_in(sign_in, "loader/1.0", Arc::new(|_| {})).await?;
//!
//! let spec = JobSpec {
//!     object: "Contact".into(),
//!     operation: Operation::Insert,
//!     external_id_field: None,
//!     assignment_rule_id: None,
//! };
//! let csv = bytes::Bytes::from("FirstName,LastName\nAda,Lovelace\nGrace,\n");
//! let never = std::future::pending();
//! let uploaded = org.upload_job(&spec, Arc::new(csv), never).await?;
//! let never = std::future::pending();
//! let finished = uploaded.close(never).await?.wait(2, &|rows: u64| println!("{rows} rows")).await?;
//! assert_eq!(finished.end(), &JobEnd::Complete);
//! assert_eq!((finished.rows_processed(), finished.rows_failed()), (Some(2), Some(1)));
//!
//! let mut failed = finished.failed_rows().await?;
//! assert_eq!(failed.header(), ["sf__Id", "sf__Error", "FirstName", "LastName"]);
//! while let Some(row) = failed.next().await? {
//!     let errors = RowError::parse(row.get(1));
//!     assert_eq!((row.get(2), errors[0].code.as_str()), ("Grace", "REQUIRED_FIELD_MISSING"));
//! }
//! # Ok(())
//! # }
//! ```

//! # Reading
//!
//! A query job has a type for each of its stages as well, from [`RunningQueryJob`] to [`JobPages`]. A page is read as a
//! whole before it is given, and has as many rows as Salesforce says; after the last page, so has the job. A
//! [`ReadFault`] says what is wrong otherwise. The id of a job and the [`PagePoint`] after a page are enough to read on in
//! another run.
//!
//! ```
//! # use std::sync::Arc;
//! # use salesforce::{LoginUrl, OAuthFlow, Org, SignIn};
//! # use salesforce_sim::{Settings, SimulatedOrg};
//! use salesforce::{Condition, Literal, QueryScope, Soql};
//!
//! # type Result = std::result::Result<(), Box<dyn std::error::Error>>;
//! # #[tokio::main]
//! # async fn main() -> Result {
//! # let sim = SimulatedOrg::start(Settings::default()).await?;
//! # let (client_id, client_secret) = ("consumer-key".into(), "consumer-secret".into());
//! # let flow = OAuthFlow::ClientCredentials { client_id, client_secret };
//! # let sign_in = SignIn { login_url: LoginUrl::parse(&sim.url())?, flow };
//! # let org = Org::sign_in(sign_in, "loader/1.0", Arc::new(|_| {})).await?;
//! # sim.insert("Contact", &[("LastName", "Lovelace")]);
//! let soql = Soql::select("Contact", ["Id", "LastName", "Account.External_Id__c"])
//!     .filtered(Condition::written("LastName LIKE 'L%' OR Email != null"))
//!     .filtered(Condition::at_least("SystemModstamp", Literal::datetime("2026-01-01T00:00:00Z").unwrap()));
//! let running = org.create_query_job(&soql, QueryScope::WithDeleted).await?;
//! let (id, complete) = (running.id().to_owned(), running.wait(&|rows: u64| println!("{rows} rows")).await?);
//! let mut pages = complete.pages(None).rows_per_page(10_000);
//! let (mut point, mut rows) = (None, 0);
//! while let Some(mut page) = pages.next().await? {
//!     while let Some(row) = page.next_row() {
//!         assert_eq!((row.at(1), row.at(2)), (Some("Lovelace"), None));
//!         rows += 1;
//!     }
//!     point = page.point().cloned();
//! }
//! assert_eq!((rows, &point), (1, &None), "the end is proven");
//!
//! // In another run:
//! let complete = org.resume_query_job(&id, &soql)?.wait(&|_: u64| {}).await?;
//! assert!(complete.pages(point).next().await?.is_some());
//! # Ok(())
//! # }
//! ```

mod describe;
mod fault;
mod headers;
mod host;
mod http;
mod job;
mod key;
mod limits;
mod operation;
mod patience;
mod query;
mod record_id;
mod replication;
mod results;
mod row_error;
mod timing;
mod token;
mod transport;
mod upload;

#[cfg(test)]
mod stub_org;

use std::sync::Arc;

use tokio::sync::watch;
use url::Url;

pub use describe::{Describe, Field, FieldType, ObjectSummary};
pub use fault::{Fault, FaultKind, Limit, Outcome};
pub use headers::ApiUsage;
pub use host::{LoginUrl, UrlRule};
pub use job::{
    CloseError, EarlierJob, FinishedJob, JobEnd, JobSpec, JobWatcher, OpenJob, RunningJob, UnfinishedJob,
    UnfinishedJobs, UploadError, UploadedJob,
};
pub use key::KeyComparison;
pub use limits::{Allowance, Limits, ROWS_OF_BULK_BATCH};
pub use operation::Operation;
pub use query::{
    CompleteQueryJob, Condition, JobPages, Literal, PagePoint, QueryPage, QueryRow, QueryRows, QueryScope, ReadFailure,
    ReadFault, RestPages, RunningQueryJob, Soql, url_length,
};
pub use record_id::check_characters;
pub use replication::{Deleted, DeletedRecord, RecordId, Updated};
pub use results::{ResultRow, ResultRows, RowReader};
pub use row_error::RowError;
pub use token::{OAuthFlow, OnNewRefreshToken, OrgAccess, PrivateKey, PrivateKeyError, SignIn};
pub use upload::CsvBody;

use http::Http;
use job::Paces;
use timing::Timing;

/// The version of the API that every call uses.
pub const API_VERSION: &str = "62.0";

/// A signed-in org. Every call goes through it; a clone is cheap and shares the access token.
#[derive(Clone)]
pub struct Org {
    http: Arc<Http>,
    /// How long jobs take, which all clones learn together.
    paces: Arc<Paces>,
}

impl Org {
    /// Signs in. `user_agent` is the `User-Agent` of every request, by which the org's event logs name the program,
    /// such as `loader/1.0`. `on_new_refresh_token` is called with every refresh token that takes the place of the one
    /// before, and the call that renewed the token continues only after that.
    ///
    /// # Errors
    /// Salesforce refuses the credentials ([`FaultKind::SignIn`]) or cannot be reached.
    pub async fn sign_in(
        sign_in: SignIn,
        user_agent: &str,
        on_new_refresh_token: OnNewRefreshToken,
    ) -> Result<Self, Fault> {
        let user_agent = user_agent.to_owned();
        let access = OrgAccess { sign_in, user_agent, on_new_refresh_token, is_patient: false, haste: 1 };
        Self::sign_in_unless_stopped(access, std::future::pending()).await
    }

    /// Like [`sign_in`](Self::sign_in), and fails once `stop` completes. Only an answer that may hold a new refresh
    /// token is awaited even then, because Salesforce may already have replaced the token before it.
    ///
    /// # Errors
    /// Salesforce refuses the credentials ([`FaultKind::SignIn`]) or cannot be reached, or the sign-in was stopped.
    pub async fn sign_in_unless_stopped(access: OrgAccess, stop: impl Future<Output = ()>) -> Result<Self, Fault> {
        let timing = Timing::default().hastened(access.haste);
        Self::sign_in_timed(access, timing, stop).await
    }

    /// Waits for an answer that may hold a new refresh token, if a call has asked for one and was dropped since. To be
    /// called before a program ends, because Salesforce may already have replaced the token before it. Takes no longer
    /// than one token request.
    pub async fn finish_renewal(&self) {
        self.http.tokens().finish_renewal().await;
    }

    async fn sign_in_timed(access: OrgAccess, timing: Timing, stop: impl Future<Output = ()>) -> Result<Self, Fault> {
        Ok(Self { http: Arc::new(Http::sign_in(access, timing, stop).await?), paces: Arc::default() })
    }

    /// The URL of the instance, which the newest sign-in names.
    pub fn instance_url(&self) -> Url {
        self.http.instance_url()
    }

    /// The id of the org in its 15 characters, as the newest sign-in names it; none if it does not. It stays when My Domain
    /// gets another name, and a sandbox that is refreshed has a new one.
    pub fn organization_id(&self) -> Option<String> {
        self.http.organization_id()
    }

    /// The API requests of the org, as the last answer counts them; none before the first answer.
    pub fn api_usage(&self) -> Option<ApiUsage> {
        *self.http.usage().borrow()
    }

    /// How many API requests this client has made, also those that failed. The token requests of the sign-in are not
    /// among them.
    pub fn requests(&self) -> u64 {
        self.http.requests()
    }

    /// Follows [`api_usage`](Self::api_usage).
    pub fn watch_api_usage(&self) -> watch::Receiver<Option<ApiUsage>> {
        self.http.usage().subscribe()
    }
}
