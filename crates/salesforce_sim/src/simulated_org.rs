//! The handle on a running org.

use std::{collections::BTreeMap, io, net::Ipv4Addr};

use jiff::Timestamp;
use tokio::{net::TcpListener, sync::watch};

use crate::{
    fault::{Fault, Faults},
    http::{Request, listen},
    ingest::{JobState, Operation},
    org::{Hosts, Org, Shared},
    schema::Object,
    settings::{Settings, SignInRefusal},
    store::Tables,
};

/// A simulated org that listens until it is dropped.
#[derive(Debug)]
pub struct SimulatedOrg {
    org: Shared,
    stop: watch::Sender<()>,
}

/// A job as a test sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobSummary {
    /// The 18 characters of its id.
    pub id: String,
    /// The object.
    pub object: String,
    /// What it does.
    pub operation: Operation,
    /// The key of an upsert.
    pub external_id_field: Option<String>,
    /// Where it is.
    pub state: JobState,
    /// Why it failed.
    pub error_message: Option<String>,
    /// How many bytes were uploaded; none until then.
    pub uploaded_bytes: Option<usize>,
    /// How many rows the upload has, known once the job is in progress.
    pub rows: usize,
    /// How many rows were processed, those that failed included.
    pub processed: usize,
    /// How many rows failed.
    pub failed: usize,
}

impl SimulatedOrg {
    /// Starts an org on 127.0.0.1.
    pub async fn start(settings: Settings) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, settings.port)).await?;
        let port = listener.local_addr()?.port();
        let my_domain = format!("http://127.0.0.1:{port}");
        let login = format!("http://localhost:{port}");
        let org = Shared::new(Org::new(settings, Hosts { login, instance: my_domain.clone(), my_domain }));
        let (stop, stopped) = watch::channel(());
        listen(listener, org.clone(), stopped);
        Ok(Self { org, stop })
    }

    /// The org's My Domain, for signing in and for the API: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        self.org.lock().hosts.my_domain.clone()
    }

    /// The same org as `login.salesforce.com`: `http://localhost:PORT`.
    pub fn login_url(&self) -> String {
        self.org.lock().hosts.login.clone()
    }

    /// Stops listening. Requests that are being answered are finished; jobs go on.
    pub fn shutdown(self) {
        drop(self);
    }

    // What a test looks at.

    /// The live records of an object, oldest first: every field that can hold a value, null as `None`.
    pub fn records(&self, object: &str) -> Vec<BTreeMap<String, Option<String>>> {
        let org = self.org.lock();
        let Some(table) = org.tables.get(object) else {
            return Vec::new();
        };
        let record = |record| Tables::values(table, record).map(|(name, value)| (name.to_owned(), value)).collect();
        table.live().map(record).collect()
    }

    /// How many live records an object has.
    pub fn count(&self, object: &str) -> usize {
        self.org.lock().tables.get(object).map_or(0, |table| table.len())
    }

    /// The jobs that were not deleted, oldest first.
    pub fn jobs(&self) -> Vec<JobSummary> {
        let summary = |job: &crate::ingest::Job| JobSummary {
            id: job.id.clone(),
            object: job.request.object.clone(),
            operation: job.request.operation,
            external_id_field: job.request.external_id_field.clone(),
            state: job.state,
            error_message: job.error_message.clone(),
            uploaded_bytes: job.upload.as_ref().map(bytes::Bytes::len),
            rows: job.rows.len().max(job.outcomes.len()),
            processed: job.outcomes.len(),
            failed: job.failed,
        };
        self.org.lock().jobs.values().map(summary).collect()
    }

    /// Every request so far, in the order of arrival.
    pub fn requests(&self) -> Vec<Request> {
        self.org.lock().requests.clone()
    }

    /// How often a token was asked for.
    pub fn token_requests(&self) -> usize {
        self.org.lock().sign_in.attempts
    }

    /// How often a token was given.
    pub fn sign_ins(&self) -> usize {
        self.org.lock().sign_in.granted
    }

    /// The refresh token that works now; none once the connection was revoked.
    pub fn refresh_token(&self) -> Option<String> {
        self.org.lock().sign_in.refresh_token.clone()
    }

    // What a test prepares.

    /// Adds a record without any check and gives its id, or `None` when there is no such object.
    pub fn insert(&self, object: &str, values: &[(&str, &str)]) -> Option<String> {
        self.org.lock().insert(object, values)
    }

    /// Adds an object to the schema, or replaces it together with its records.
    pub fn add_object(&self, object: Object) {
        let mut org = self.org.lock();
        org.tables.add(object);
        org.schema_changed = Timestamp::now();
    }

    /// Makes something go wrong: requests, a job, rows, or requests at random.
    pub fn inject(&self, fault: impl Into<Fault>) {
        self.org.lock().faults.add(fault.into());
    }

    /// Forgets every fault that has not come yet, and all rules for rows.
    pub fn clear_faults(&self) {
        self.org.lock().faults = Faults::default();
    }

    // What a test does to the world.

    /// Starts a session and gives its access token.
    pub fn sign_in(&self) -> String {
        self.org.lock().sign_in.start_session()
    }

    /// Ends all sessions, so that the next API call of each client is answered with 401.
    pub fn end_sessions(&self) {
        self.org.lock().sign_in.end_sessions();
    }

    /// Ends all sessions and takes the refresh token back.
    pub fn revoke_connection(&self) {
        self.org.lock().sign_in.revoke_connection();
    }

    /// Switches Refresh Token Rotation on or off.
    pub fn rotate_refresh_tokens(&self, rotate: bool) {
        self.org.lock().sign_in.rotates = rotate;
    }

    /// Refuses sign-ins from now on, or takes them again.
    pub fn refuse_sign_in(&self, refusal: Option<SignInRefusal>) {
        self.org.lock().sign_in.refusal = refusal;
    }

    /// Names another `instance_url` in token answers from now on.
    pub fn set_instance_url(&self, url: &str) {
        url.clone_into(&mut self.org.lock().hosts.instance);
    }

    /// Opens another port for the same org and names it as `instance_url` from now on, as after a migration.
    /// Gives the new URL; the old one goes on to work.
    pub async fn move_instance(&self) -> io::Result<String> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://127.0.0.1:{}", listener.local_addr()?.port());
        listen(listener, self.org.clone(), self.stop.subscribe());
        self.set_instance_url(&url);
        Ok(url)
    }

    /// Leaves so many API requests for the day.
    pub fn set_remaining_requests(&self, remaining: u64) {
        let allowance = &mut self.org.lock().allowance;
        allowance.requests_used = allowance.requests_max.saturating_sub(remaining);
    }

    /// Leaves so many bulk batches for the day.
    pub fn set_remaining_batches(&self, remaining: u64) {
        let allowance = &mut self.org.lock().allowance;
        allowance.batches_used = allowance.batches_max.saturating_sub(remaining);
    }
}
