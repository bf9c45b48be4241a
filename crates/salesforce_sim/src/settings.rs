//! The settings of an org.

use std::time::Duration;

use crate::{nature::Nature, schema::Object};

/// How an org starts. Set what the test is about and keep the defaults for the rest.
///
/// ```
/// use std::time::Duration;
/// use salesforce_sim::Settings;
///
/// let settings = Settings { time_per_batch: Duration::from_secs(2), ..Settings::default() };
/// ```
#[derive(Debug, Clone)]
pub struct Settings {
    /// The port on 127.0.0.1. With 0, the system chooses one.
    pub port: u16,
    /// The app and the user that can sign in.
    pub credentials: Credentials,
    /// Each refresh returns a new refresh token, and the use of an old one revokes the connection (Salesforce Help,
    /// "Refresh Token Rotation").
    pub rotate_refresh_tokens: bool,
    /// The login host refuses every sign-in. Only My Domain accepts them.
    pub my_domain_only: bool,
    /// Refuses sign-ins for this reason.
    pub refuse_sign_in: Option<SignInRefusal>,
    /// The user has the "Bulk API Hard Delete" permission.
    pub hard_delete: bool,
    /// Person accounts are enabled: an account with a last name is a person (Object Reference, "Account").
    pub person_accounts: bool,
    /// Objects in addition to the standard ones. They replace standard objects with the same name.
    pub objects: Vec<Object>,
    /// The number of additional custom objects, named from `Extra_0001__c` on.
    pub extra_objects: usize,
    /// The time that a job waits before each batch of 10,000 rows.
    pub time_per_batch: Duration,
    /// The time that a job waits before each chunk of 200 rows.
    pub time_per_chunk: Duration,
    /// The time that a query job is in progress.
    pub time_per_query: Duration,
    /// The time that the org takes to describe an object.
    pub time_per_describe: Duration,
    /// How far the clock of the org goes forward at the end of each ingest job, so that what it wrote is of the past.
    pub clock_step: Duration,
    /// The daily API requests (Limits Quick Reference, "API Request Limits and Allocations").
    pub daily_requests: u64,
    /// The daily bulk batches (Limits Quick Reference, "Bulk API and Bulk API 2.0 Limits").
    pub daily_batches: u64,
    /// The daily query jobs (Limits Quick Reference, "Bulk API and Bulk API 2.0 Limits").
    pub daily_query_jobs: u64,
    /// The kilobytes of results of query jobs in a day (the same page).
    pub daily_query_kilobytes: u64,
    /// The most ids in an answer of `/updated` or `/deleted` (REST API Developer Guide, "sObject Get Updated").
    pub max_replicated_ids: usize,
    /// The largest upload in bytes. The default is 150 MB after base64, which makes four bytes of three.
    pub max_upload_bytes: usize,
    /// The jobs on one page of the list of jobs (Bulk API 2.0, "Get Information About All Ingest Jobs").
    pub jobs_per_page: usize,
    /// The records on one page of a query (REST API Developer Guide, "Query"). Wide records make real pages smaller.
    pub query_page: usize,
    /// The rows on a page of the results of a query job if the client names no number, as simple-salesforce has seen it.
    pub query_job_page: usize,
    /// The most records that a query job finds. One that finds more fails, as very large ones do.
    pub max_query_job_rows: usize,
    /// How often queries return and count each record. A long test reads a small org as if it were a large one.
    pub query_repeats: usize,
    /// Forgets the upload and the created records of a job that completed without a failed row, so the org does not
    /// grow in a long test. The counts of the job stay, and its result sets are empty.
    pub forgetful: bool,
    /// What the org does all the time that a loader may not expect.
    pub nature: Nature,
    /// A row can refer to a record that an earlier row of its chunk creates. Salesforce does not allow it: "the related
    /// records created in a single call must have different sObject types" (Apex guide, "Creating Parent and Child
    /// Records in a Single Statement Using Foreign Keys").
    pub references_within_chunk: bool,
    /// Decides the order of result rows, which Salesforce does not promise.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            port: 0,
            credentials: Credentials::default(),
            rotate_refresh_tokens: false,
            my_domain_only: false,
            refuse_sign_in: None,
            hard_delete: true,
            person_accounts: false,
            objects: Vec::new(),
            extra_objects: 0,
            time_per_batch: Duration::ZERO,
            time_per_chunk: Duration::ZERO,
            time_per_query: Duration::ZERO,
            time_per_describe: Duration::ZERO,
            clock_step: Duration::ZERO,
            daily_requests: 100_000,
            daily_batches: 15_000,
            daily_query_jobs: 10_000,
            daily_query_kilobytes: 1_000_000_000,
            max_replicated_ids: 600_000,
            max_upload_bytes: 150_000_000 / 4 * 3,
            jobs_per_page: 1_000,
            query_page: 2_000,
            query_job_page: 50_000,
            max_query_job_rows: usize::MAX,
            query_repeats: 1,
            forgetful: false,
            nature: Nature::kind(),
            references_within_chunk: false,
            seed: 0,
        }
    }
}

/// The app and the user that can sign in. Each OAuth flow uses a part of it.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The consumer key.
    pub client_id: String,
    /// The consumer secret.
    pub client_secret: String,
    /// The first refresh token.
    pub refresh_token: String,
    /// The user's name, for the JWT bearer and the username-password flow.
    pub username: String,
    /// The user's password.
    pub password: String,
    /// The security token, which follows the password.
    pub security_token: String,
    /// The app's RSA public key in PEM, which verifies the assertions of the JWT bearer flow. Without it, the org
    /// refuses all assertions.
    pub public_key: Option<String>,
}

impl Default for Credentials {
    fn default() -> Self {
        let [client_id, client_secret, refresh_token] =
            ["consumer-key", "consumer-secret", "refresh-token"].map(str::to_owned);
        let [username, password, security_token] =
            ["integration@example.com", "pass word&1", "SecurityToken"].map(str::to_owned);
        Self { client_id, client_secret, refresh_token, username, password, security_token, public_key: None }
    }
}

/// Why the org refuses a sign-in with correct credentials (Salesforce Help, "OAuth 2.0 Error Codes").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignInRefusal {
    /// The user is inactive.
    InactiveUser,
    /// The org is locked or closed.
    InactiveOrg,
    /// The user signed in too often within an hour.
    TooManySignIns,
    /// JWT bearer flow: the user has not approved the app.
    NotApproved,
    /// Client credentials flow: the app has no user to run as.
    NoRunAsUser,
    /// The flow is not enabled. Orgs since Summer '23 block the username-password flow unless an administrator allows
    /// it.
    FlowDisabled,
}
