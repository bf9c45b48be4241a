//! What a simulated org is like when it starts.

use std::time::Duration;

use crate::schema::Object;

/// How the org is set up. Change what a test is about and leave the rest.
///
/// ```
/// use std::time::Duration;
/// use salesforce_sim::Settings;
///
/// let settings = Settings { time_per_batch: Duration::from_secs(2), ..Settings::default() };
/// ```
#[derive(Debug, Clone)]
pub struct Settings {
    /// The port on 127.0.0.1; 0 lets the system choose.
    pub port: u16,
    /// The app and the user that may sign in.
    pub credentials: Credentials,
    /// Every refresh hands out a new refresh token, and using an old one revokes all (Refresh Token Rotation).
    pub rotate_refresh_tokens: bool,
    /// The login host refuses every sign-in, as orgs may choose; only My Domain is left.
    pub my_domain_only: bool,
    /// A state of the org or the app in which sign-ins are refused.
    pub refuse_sign_in: Option<SignInRefusal>,
    /// The user has the "Bulk API Hard Delete" permission.
    pub hard_delete: bool,
    /// Objects beside the standard ones; one of the same name replaces it.
    pub objects: Vec<Object>,
    /// How many more custom objects to make up, `Extra_0001__c` and on.
    pub extra_objects: usize,
    /// How long a job waits before each batch of 10,000 rows.
    pub time_per_batch: Duration,
    /// How long a job waits before each chunk of 200 rows.
    pub time_per_chunk: Duration,
    /// The API requests a day (Limits Quick Reference, "API Request Limits and Allocations").
    pub daily_requests: u64,
    /// The bulk batches a day (Limits Quick Reference, "Bulk API and Bulk API 2.0 Limits").
    pub daily_batches: u64,
    /// The largest CSV in bytes: 150 MB is the limit after base64, which makes four bytes of three.
    pub max_upload_bytes: usize,
    /// Jobs on one page of the list of jobs (Bulk API 2.0, "Get Information About All Ingest Jobs").
    pub jobs_per_page: usize,
    /// Once a job has completed without a failed row, its upload and the records that it created are forgotten, so that
    /// a loader can be watched for as long as it takes without the org growing: the counts of the job stay, its result
    /// sets are empty, and its records are gone.
    pub forgetful: bool,
    /// Changes the order of result rows, which Salesforce leaves open.
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
            objects: Vec::new(),
            extra_objects: 0,
            time_per_batch: Duration::ZERO,
            time_per_chunk: Duration::ZERO,
            daily_requests: 100_000,
            daily_batches: 15_000,
            max_upload_bytes: 150_000_000 / 4 * 3,
            jobs_per_page: 1_000,
            forgetful: false,
            seed: 0,
        }
    }
}

/// The app and the user that may sign in. Each flow needs its own part of it.
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
    /// The security token, which is appended to the password.
    pub security_token: String,
    /// The app's RSA public key in PEM, against which assertions are checked. Without it all of them are refused.
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

/// Why the org refuses a sign-in whose credentials are right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignInRefusal {
    /// The user was deactivated.
    InactiveUser,
    /// The org is locked or closed.
    InactiveOrg,
    /// The user signed in too often within the hour.
    TooManySignIns,
    /// JWT bearer flow: the user is not authorized for the app.
    NotApproved,
    /// Client credentials flow: the app has no user to run as.
    NoRunAsUser,
    /// The flow is not enabled. Orgs since Summer '23 block the username-password flow unless an admin allows it.
    FlowDisabled,
}
