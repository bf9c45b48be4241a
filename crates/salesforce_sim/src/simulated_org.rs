//! The handle to a running org.

use std::{collections::BTreeMap, io, net::Ipv4Addr, time::Duration};

use jiff::Timestamp;
use tokio::{net::TcpListener, sync::watch};

use crate::{
    fault::{Fault, Faults},
    http::listen,
    org::{ChangeKind, Hosts, Job, JobState, Operation, Org, QueryJob, Request, SharedOrg, update},
    random_work::RandomWork,
    schema::{Field, Object},
    settings::{Settings, SignInRefusal},
    store::{RecordState, Tables},
    transaction::Transaction,
};

/// A running org. It listens until this handle is dropped.
///
/// Names of objects and fields may have any case.
#[derive(Debug)]
pub struct SimulatedOrg {
    pub(crate) org: SharedOrg,
    stop: watch::Sender<()>,
}

/// A job of the org.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobSummary {
    /// The 18-character id.
    pub id: String,
    /// The object.
    pub object: String,
    /// What the job does with the rows.
    pub operation: Operation,
    /// The external id field of an upsert.
    pub external_id_field: Option<String>,
    /// The state.
    pub state: JobState,
    /// Whether the org may still save rows. A failed or aborted job can go on after its end.
    pub is_processing: bool,
    /// Why the job failed: its `errorMessage`.
    pub error_message: Option<String>,
    /// The size of the upload in bytes; `None` before the upload.
    pub uploaded_bytes: Option<usize>,
    /// The number of rows in the upload; 0 before the job is in progress.
    pub rows: usize,
    /// The number of processed rows, with failed rows.
    pub processed: usize,
    /// The number of failed rows.
    pub failed: usize,
    /// The number of rows that created a record.
    pub created: usize,
}

/// A query job of the org.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryJobSummary {
    /// The 18-character id.
    pub id: String,
    /// The object.
    pub object: String,
    /// The query.
    pub query: String,
    /// The state.
    pub state: JobState,
    /// The number of rows found.
    pub rows: usize,
}

impl SimulatedOrg {
    /// Starts an org on 127.0.0.1, inside the tokio runtime of the caller.
    ///
    /// # Errors
    ///
    /// The port of [`Settings::port`] is in use, or the system permits no listener.
    pub async fn start(settings: Settings) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, settings.port)).await?;
        let port = listener.local_addr()?.port();
        let my_domain = format!("http://127.0.0.1:{port}");
        let login = format!("http://localhost:{port}");
        let org = SharedOrg::new(Org::new(settings, Hosts { login, instance: my_domain.clone(), my_domain }));
        let (stop, stopped) = watch::channel(());
        listen(listener, org.clone(), stopped);
        Ok(Self { org, stop })
    }

    /// The My Domain URL of the org, for sign-ins and for the API: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        self.org.lock().hosts.my_domain.clone()
    }

    /// The URL that stands for `login.salesforce.com`: `http://localhost:PORT`.
    pub fn login_url(&self) -> String {
        self.org.lock().hosts.login.clone()
    }

    /// Stops listening. Answers in progress are finished, and jobs continue.
    pub fn shutdown(self) {
        drop(self);
    }

    /// The live records of an object, oldest first: every field that clients set except compound ones, with `None` for
    /// null, and for what the org sets itself, such as `CreatedDate`. Empty if the object does not exist.
    pub fn records(&self, object: &str) -> Vec<BTreeMap<String, Option<String>>> {
        let org = self.org.lock();
        let Some(table) = org.tables.get(object) else {
            return Vec::new();
        };
        let record = |record| Tables::values(table, record).map(|(name, value)| (name.to_owned(), value)).collect();
        table.live().map(record).collect()
    }

    /// The fields that clients can set: object, field, and the type that a describe names.
    pub fn writable_fields(&self) -> Vec<(String, String, &'static str)> {
        let org = self.org.lock();
        let objects = org.tables.iter().map(|table| &table.object);
        let fields = objects.flat_map(|object| object.fields.iter().map(move |field| (object, field)));
        fields
            .filter(|(object, field)| object.createable && field.createable && !field.hidden)
            .map(|(object, field)| (object.name.clone(), field.name.clone(), field.kind.api_names().0))
            .collect()
    }

    /// The number of live records of an object; 0 if the object does not exist.
    pub fn count(&self, object: &str) -> usize {
        self.org.lock().tables.get(object).map_or(0, |table| table.len())
    }

    /// The jobs, oldest first, without deleted ones.
    pub fn jobs(&self) -> Vec<JobSummary> {
        let summary = |job: &Job| JobSummary {
            id: job.id.clone(),
            object: job.request.object.clone(),
            operation: job.request.operation,
            external_id_field: job.request.external_id_field.clone(),
            state: job.state,
            is_processing: job.is_processing,
            error_message: job.error_message.clone(),
            uploaded_bytes: job.upload.as_ref().map(bytes::Bytes::len),
            rows: job.rows.len().max(job.outcomes.len()),
            processed: job.outcomes.len(),
            failed: job.failed,
            created: job.created_records().count(),
        };
        self.org.lock().jobs.values().map(summary).collect()
    }

    /// The query jobs, oldest first, without deleted ones.
    pub fn query_jobs(&self) -> Vec<QueryJobSummary> {
        let summary = |job: &QueryJob| QueryJobSummary {
            id: job.id.clone(),
            object: job.request.object.clone(),
            query: job.request.soql.clone(),
            state: job.state,
            rows: job.found.len(),
        };
        self.org.lock().query_jobs.values().map(summary).collect()
    }

    /// All requests so far, in the order of their arrival.
    pub fn requests(&self) -> Vec<Request> {
        self.org.lock().requests.clone()
    }

    /// The number of requests for a token, with refused ones.
    pub fn token_requests(&self) -> usize {
        self.org.lock().sign_in.attempts
    }

    /// The number of successful sign-ins.
    pub fn sign_ins(&self) -> usize {
        self.org.lock().sign_in.granted
    }

    /// The refresh token that works now; `None` once the connection is revoked.
    pub fn refresh_token(&self) -> Option<String> {
        self.org.lock().sign_in.refresh_token.clone()
    }

    /// Adds a record without any check and returns its 18-character id; `None` if the object does not exist. Ignores
    /// unknown fields. A value of `CreatedDate`, `LastModifiedDate` or `SystemModstamp` such as `2026-01-02T03:04:05Z`
    /// takes the place of the time of the org's clock.
    pub fn insert(&self, object: &str, values: &[(&str, &str)]) -> Option<String> {
        self.org.lock().insert(object, values)
    }

    /// Changes a record, without any check. An empty value clears its field. False if there is none with this id, or an
    /// open transaction has changed it.
    pub fn update(&self, object: &str, id: &str, values: &[(&str, &str)]) -> bool {
        let mut org = self.org.lock();
        let Some(change) = org.tables.get(object).map(|table| update(table, values)) else { return false };
        org.change(object, id, &change)
    }

    /// Moves a record to the recycle bin, without any check. False as for [`SimulatedOrg::update`].
    pub fn recycle(&self, object: &str, id: &str) -> bool {
        self.org.lock().change(object, id, &ChangeKind::Delete(RecordState::Recycled))
    }

    /// Deletes a record for good, also from the recycle bin. False as for [`SimulatedOrg::update`].
    pub fn erase(&self, object: &str, id: &str) -> bool {
        self.org.lock().change(object, id, &ChangeKind::Delete(RecordState::Erased))
    }

    /// Takes a record out of the recycle bin. False as for [`SimulatedOrg::update`].
    pub fn undelete(&self, object: &str, id: &str) -> bool {
        self.org.lock().change(object, id, &ChangeKind::Undelete)
    }

    /// Merges records into a master record: they go to the recycle bin, with the id of the master in `MasterRecordId` if
    /// the object has this field. False as for [`SimulatedOrg::update`], for any of them.
    pub fn merge(&self, object: &str, master: &str, others: &[&str]) -> bool {
        self.org.lock().merge(object, master, others)
    }

    /// Empties the recycle bin of an object: its records are gone for good, and `/deleted` still names them.
    pub fn empty_recycle_bin(&self, object: &str) {
        let mut org = self.org.lock();
        let Some(at) = org.tables.position(object) else { return };
        let table = org.tables.at_mut(at);
        table.recycled().into_iter().for_each(|record| table.purge(record));
    }

    /// Purges the log of deletions of an object: `/deleted` refuses spans that begin before the last of them.
    pub fn purge_deletions(&self, object: &str) {
        let mut org = self.org.lock();
        let Some(at) = org.tables.position(object) else { return };
        org.tables.at_mut(at).deletions.purge();
    }

    /// Begins a transaction, which commits when the test says so.
    pub fn begin_transaction(&self) -> Transaction {
        Transaction::begin(self.org.clone())
    }

    /// Lets people work in the org: some things are done before each request is answered, none before some. So the seed
    /// of the work and the requests decide what a client sees, and not how fast it is.
    pub fn begin_work(&self, work: RandomWork) {
        *self.org.lock_work() = Some(work);
    }

    /// Ends the work that [`SimulatedOrg::begin_work`] has begun, and returns it.
    pub fn end_work(&self) -> Option<RandomWork> {
        self.org.lock_work().take()
    }

    /// The time of the org's clock, in seconds since 1970.
    pub fn now(&self) -> i64 {
        self.org.lock().clock.now().as_second()
    }

    /// Adds an object to the schema, or replaces the object with the same name and its records.
    pub fn add_object(&self, object: Object) {
        let mut org = self.org.lock();
        org.tables.add(object);
        org.schema_changed = Timestamp::now();
    }

    /// Takes a field away from an object, as when the user may no longer see it: describe and queries do not know it, and
    /// its values stay stored.
    pub fn remove_field(&self, object: &str, field: &str) {
        let mut org = self.org.lock();
        let Some(at) = org.tables.position(object) else { return };
        org.tables.at_mut(at).show_field(field, false);
        org.schema_changed = Timestamp::now();
    }

    /// Adds a field to an object that has records, which have no value in it.
    pub fn add_field(&self, object: &str, field: Field) {
        let mut org = self.org.lock();
        let Some(at) = org.tables.position(object) else { return };
        org.tables.at_mut(at).add_field(field);
        org.schema_changed = Timestamp::now();
    }

    /// Gives a field back that was taken away.
    pub fn restore_field(&self, object: &str, field: &str) {
        let mut org = self.org.lock();
        let Some(at) = org.tables.position(object) else { return };
        org.tables.at_mut(at).show_field(field, true);
        org.schema_changed = Timestamp::now();
    }

    /// Sets the clock of the org forward. Its time is in the stamps of records.
    pub fn advance_clock(&self, time: Duration) {
        self.org.lock().clock.advance(time);
    }

    /// Stops the clock of the org at the beginning of the next minute. Only [`SimulatedOrg::advance_clock`] moves it then.
    pub fn stop_clock(&self) {
        self.org.lock().clock.stop();
    }

    /// Makes requests, a job or rows go wrong.
    pub fn inject(&self, fault: impl Into<Fault>) {
        self.org.lock().faults.add(fault.into());
    }

    /// Removes all faults that have not acted yet, and all faults of rows.
    pub fn clear_faults(&self) {
        self.org.lock().faults = Faults::default();
    }

    /// Gives the org another organization id, at the same address, and ends all sessions. That is what the refresh of a
    /// sandbox does (Help, "Refresh a Sandbox"); the records stay as they are.
    pub fn refresh_sandbox(&self) {
        self.org.lock().sign_in.refresh_sandbox();
    }

    /// Starts a session without a request and returns its access token.
    pub fn sign_in(&self) -> String {
        self.org.lock().sign_in.start_session()
    }

    /// Ends all sessions. The next API call of each client receives a 401.
    pub fn end_sessions(&self) {
        self.org.lock().sign_in.end_sessions();
    }

    /// Ends all sessions and revokes the refresh token.
    pub fn revoke_connection(&self) {
        self.org.lock().sign_in.revoke_connection();
    }

    /// Turns Refresh Token Rotation on or off.
    pub fn rotate_refresh_tokens(&self, rotate: bool) {
        self.org.lock().sign_in.rotates_refresh_tokens = rotate;
    }

    /// Refuses all sign-ins from now on, or accepts them again with `None`.
    pub fn refuse_sign_in(&self, refusal: Option<SignInRefusal>) {
        self.org.lock().sign_in.refusal = refusal;
    }

    /// Sets the `instance_url` of later token answers.
    pub fn set_instance_url(&self, url: &str) {
        url.clone_into(&mut self.org.lock().hosts.instance);
    }

    /// Opens a second port for the org, makes it the `instance_url` of later token answers, and returns its URL. The
    /// first port keeps working, as after a migration of an org.
    ///
    /// # Errors
    ///
    /// The system permits no second listener.
    pub async fn move_instance(&self) -> io::Result<String> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://127.0.0.1:{}", listener.local_addr()?.port());
        listen(listener, self.org.clone(), self.stop.subscribe());
        self.set_instance_url(&url);
        Ok(url)
    }

    /// Sets how many API requests are left for the day, at most [`Settings::daily_requests`].
    pub fn set_remaining_requests(&self, remaining: u64) {
        let allowance = &mut self.org.lock().allowance;
        allowance.requests_used = allowance.requests_max.saturating_sub(remaining);
    }

    /// Sets how many bulk batches are left for the day, at most [`Settings::daily_batches`].
    pub fn set_remaining_batches(&self, remaining: u64) {
        let allowance = &mut self.org.lock().allowance;
        allowance.batches_used = allowance.batches_max.saturating_sub(remaining);
    }

    /// Sets how many query jobs are left for the day, at most [`Settings::daily_query_jobs`].
    pub fn set_remaining_query_jobs(&self, remaining: u64) {
        let allowance = &mut self.org.lock().allowance;
        allowance.query_jobs_used = allowance.query_jobs_max.saturating_sub(remaining);
    }

    /// Sets how many kilobytes of results of query jobs are left for the day, at most
    /// [`Settings::daily_query_kilobytes`].
    pub fn set_remaining_query_kilobytes(&self, remaining: u64) {
        self.org.lock().allowance.leave_query_kilobytes(remaining);
    }

    /// Makes the locators of all pages expire: those of queries and of query jobs.
    pub fn expire_locators(&self) {
        self.org.lock().expire_locators();
    }
}
