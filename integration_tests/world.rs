//! The servers of a test, a simulated org and an S3 server, and the messages that a source sends.

use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::Duration;

use salesforce_sim::{Credentials, JobState, JobSummary, Nature, Settings, SimulatedOrg};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::connector::{self, Run, RunningConnector, Signal};
use crate::key_pair::key_pair;
use object_store::ObjectStore;

/// The bucket of every test.
pub(crate) const BUCKET: &str = "rejected-records";

/// A part of the keys of the journal's entries.
const JOURNAL: &str = "_salesforce_journal/";

/// A part of the keys of the ids of written records.
const SUCCESSES: &str = "_salesforce_successes/";

/// How the keys of reports end.
const REPORT: &str = ".html";

/// A simulated org, and an S3 server with a bucket for rejected records.
pub(crate) struct World {
    pub(crate) org: SimulatedOrg,
    pub(crate) store: ObjectStore,
    /// The folder that configurations name in place of the bucket.
    folder: Option<TempDir>,
}

impl World {
    /// A harsh org: it does all the time what documents allow and loaders do not expect.
    pub(crate) async fn new() -> Self {
        Self::with(Settings::default()).await
    }

    /// A harsh org with these settings.
    pub(crate) async fn with(settings: Settings) -> Self {
        Self::of_nature(Nature::harsh(), settings).await
    }

    /// An org that does nothing unexpected, for tests that count requests or rows of jobs.
    pub(crate) async fn kind() -> Self {
        Self::of_nature(Nature::kind(), Settings::default()).await
    }

    /// A harsh org that saves nothing after a job has failed or is aborted, for tests of what is left then.
    pub(crate) async fn saving_nothing_late() -> Self {
        Self::of_nature(Nature { saves_late: 0, ..Nature::harsh() }, Settings::default()).await
    }

    /// An org of this nature.
    pub(crate) async fn of_nature(nature: Nature, settings: Settings) -> Self {
        let credentials = Credentials { public_key: Some(key_pair().public.clone()), ..settings.credentials.clone() };
        let org = SimulatedOrg::start(Settings { credentials, nature, ..settings }).await.unwrap();
        Self { org, store: ObjectStore::start(&[BUCKET]).await.unwrap(), folder: None }
    }

    /// The same world with a folder of this machine in place of the bucket.
    pub(crate) fn in_a_folder(self) -> Self {
        Self { folder: Some(tempfile::tempdir().unwrap()), ..self }
    }

    /// The folder that takes the place of the bucket. It does not exist before something is stored.
    pub(crate) fn folder(&self) -> PathBuf {
        self.folder.as_ref().unwrap().path().join("rejected_records")
    }

    fn storage(&self) -> Value {
        if self.folder.is_some() {
            return json!({"storage_type": "Local", "path": self.folder(), "format": {"format_type": "JSONL"}});
        }
        json!({
            "storage_type": "S3",
            "access_key_id": self.store.access_key,
            "secret_access_key": self.store.secret_key,
            "s3_bucket_name": BUCKET,
            "s3_bucket_region": "us-east-1",
            "s3_endpoint": self.store.endpoint,
            "bucket_path": "rejected_records/",
            "format": {"format_type": "JSONL"},
        })
    }

    /// A configuration that works, changed by the keys of `changes`; null removes a key.
    pub(crate) fn config(&self, changes: Value) -> Value {
        let credentials = Credentials::default();
        let base = json!({
            "client_id": credentials.client_id,
            "client_secret": credentials.client_secret,
            "refresh_token": credentials.refresh_token,
            "is_sandbox": false,
            "domain_url": self.org.url(),
            "object_storage_config": self.storage(),
        });
        merge(base, changes)
    }

    /// Starts `write`.
    pub(crate) fn start_write(&self, changes: Value, catalog: &Value) -> RunningConnector {
        RunningConnector::start_write(&self.config(changes), catalog)
    }

    /// Runs `write`, and waits until the org has finished every closed job.
    pub(crate) async fn write(&self, changes: Value, catalog: Value, lines: Vec<String>) -> Run {
        let config = self.config(changes);
        let run = blocking(move || connector::write(&config, &catalog, lines)).await;
        self.wait_for_jobs().await;
        run
    }

    /// Runs `write --dry-run`, and checks that it left no trace.
    pub(crate) async fn dry_run(&self, changes: Value, catalog: Value, lines: Vec<String>) -> Run {
        let (run, stderr) = self.dry_run_with(&[], changes, catalog, lines).await;
        assert_eq!(stderr, "", "nothing is written to stderr");
        run
    }

    /// Runs `write --dry-run` with more options, and checks that it left no trace. Returns standard error too.
    pub(crate) async fn dry_run_with(
        &self,
        options: &'static [&'static str],
        changes: Value,
        catalog: Value,
        lines: Vec<String>,
    ) -> (Run, String) {
        let config = self.config(changes);
        let before = self.objects();
        let (run, stderr) = blocking(move || connector::dry_run(&config, &catalog, options, lines)).await;
        self.assert_nothing_sent();
        assert_eq!(self.objects(), before, "nothing is stored");
        assert!(run.states().is_empty(), "no state is acknowledged");
        (run, stderr)
    }

    /// Checks that no ingest job was made, and that nothing but sign-ins and queries was sent.
    pub(crate) fn assert_nothing_sent(&self) {
        assert!(self.org.jobs().is_empty(), "{:?}", self.org.jobs());
        for request in self.org.requests() {
            let asks = request.method == "GET"
                || ["/token", "/jobs/query", "/composite"].iter().any(|it| request.path.contains(it));
            assert!(asks, "{} {}", request.method, request.path);
        }
    }

    /// Waits until the org has finished every closed job, and what it saves after the end of one.
    pub(crate) async fn wait_for_jobs(&self) {
        let is_done = |job: &JobSummary| job.state == JobState::Open || job.state.is_final() && !job.is_processing;
        wait_until(|| self.org.jobs().iter().all(is_done)).await;
    }

    /// Runs `check`.
    pub(crate) async fn check(&self, changes: Value) -> Run {
        let config = self.config(changes);
        blocking(move || connector::check(&config)).await
    }

    /// The keys and the bytes of the journal's entries in the bucket.
    pub(crate) fn journal(&self) -> Vec<(String, Vec<u8>)> {
        self.objects().into_iter().filter(|(key, _)| key.contains(JOURNAL)).collect()
    }

    fn objects(&self) -> Vec<(String, Vec<u8>)> {
        if self.folder.is_none() {
            return self.store.objects(BUCKET).unwrap();
        }
        let mut files = Vec::new();
        files_below(&self.folder(), "", &mut files);
        files.sort();
        files
    }

    /// The keys and the texts of the reports in the bucket.
    pub(crate) fn reports(&self) -> Vec<(String, String)> {
        let reports = self.objects().into_iter().filter(|(key, _)| key.ends_with(REPORT));
        reports.map(|(key, bytes)| (key, String::from_utf8(bytes).unwrap())).collect()
    }

    /// The keys and the bytes of the objects with rejected records, in the order of the keys.
    pub(crate) fn rejected_objects(&self) -> Vec<(String, Vec<u8>)> {
        let is_other = |key: &str| key.contains(JOURNAL) || key.contains(SUCCESSES) || key.ends_with(REPORT);
        self.objects().into_iter().filter(|(key, _)| !is_other(key)).collect()
    }

    /// The keys and the bytes of the objects with the ids of written records, in the order of the keys.
    pub(crate) fn success_objects(&self) -> Vec<(String, Vec<u8>)> {
        self.objects().into_iter().filter(|(key, _)| key.contains(SUCCESSES)).collect()
    }

    /// The rejected records in the bucket, in the order of the object keys.
    pub(crate) fn rejected(&self) -> Vec<Map<String, Value>> {
        let objects = self.rejected_objects();
        let lines = objects.iter().flat_map(|(_, bytes)| std::str::from_utf8(bytes).unwrap().lines());
        lines.map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The values of a field in all records of an object, sorted.
    pub(crate) fn values(&self, object: &str, field: &str) -> Vec<Option<String>> {
        let mut values: Vec<_> =
            self.org.records(object).into_iter().map(|record| record.get(field).cloned().flatten()).collect();
        values.sort();
        values
    }
}

/// The files below a folder by their keys. What the connector keeps for itself are no objects.
fn files_below(folder: &Path, prefix: &str, files: &mut Vec<(String, Vec<u8>)>) {
    for entry in folder.read_dir().into_iter().flatten() {
        let path = entry.unwrap().path();
        let key = format!("{prefix}{}", path.file_name().unwrap().to_str().unwrap());
        match path.is_dir() {
            true if key == ".salesforce" => {}
            true => files_below(&path, &format!("{key}/"), files),
            false => files.push((key, std::fs::read(&path).unwrap())),
        }
    }
}

/// Runs blocking work without blocking the servers of the test.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

/// Kills a connector, and waits for its input to end.
pub(crate) async fn kill(connector: RunningConnector, writer: JoinHandle<()>) -> Run {
    blocking(move || {
        let run = connector.kill();
        writer.join().unwrap();
        run
    })
    .await
}

/// Stops a connector by SIGTERM, and waits for its end and that of its input.
pub(crate) async fn terminate(connector: RunningConnector, writer: JoinHandle<()>) -> Run {
    connector.signal(Signal::Terminate);
    blocking(move || {
        let run = connector.wait();
        writer.join().unwrap();
        run
    })
    .await
}

/// Waits until a condition is true; fails after a minute.
pub(crate) async fn wait_until(condition: impl Fn() -> bool) {
    let done = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), done).await.expect("in time");
}

/// The same configuration as the form writes it: the sign-in keys are in `credentials`.
pub(crate) fn in_form(flat: &Value) -> Value {
    let mut form = flat.clone();
    let keys = form.as_object_mut().unwrap();
    let mut credentials = json!({"auth_type": "Client"});
    for key in [
        "auth_type",
        "client_id",
        "client_secret",
        "refresh_token",
        "private_key",
        "username",
        "password",
        "security_token",
        "is_sandbox",
        "domain_url",
    ] {
        if let Some(value) = keys.remove(key) {
            credentials[key] = value;
        }
    }
    keys.insert("credentials".to_owned(), credentials);
    form
}

/// Sets the keys of `changes` in `base`; null removes a key.
pub(crate) fn merge(mut base: Value, changes: Value) -> Value {
    let (Value::Object(keys), Value::Object(changes)) = (&mut base, changes) else { panic!("objects are merged") };
    for (key, change) in changes {
        match change {
            Value::Null => drop(keys.remove(&key)),
            Value::Object(_) if keys.get(&key).is_some_and(Value::is_object) => {
                let inner = keys[&key].take();
                keys[&key] = merge(inner, change);
            }
            other => drop(keys.insert(key, other)),
        }
    }
    base
}

/// A stream of the configured catalog that inserts, with fields of the given JSON types.
pub(crate) fn stream(name: &str, object: &str, fields: &[(&str, &str)]) -> Value {
    let properties: Map<String, Value> =
        fields.iter().map(|(name, kind)| ((*name).to_owned(), json!({"type": ["null", kind]}))).collect();
    json!({
        "stream": {
            "name": name,
            "json_schema": {"type": "object", "properties": properties},
            "supported_sync_modes": ["full_refresh", "incremental"],
        },
        "sync_mode": "incremental",
        "destination_sync_mode": "append",
        "destination_object_name": object,
        "generation_id": 1,
        "minimum_generation_id": 0,
        "sync_id": 42,
    })
}

/// A stream with a sync mode and a primary key of one field.
pub(crate) fn keyed(mut stream: Value, sync_mode: &str, key: &str) -> Value {
    stream["destination_sync_mode"] = json!(sync_mode);
    stream["primary_key"] = json!([[key]]);
    stream
}

/// A catalog with one stream `c`, which inserts contacts by their last name.
pub(crate) fn contact_catalog() -> Value {
    catalog(&[stream("c", "Contact", &[("LastName", "string")])])
}

/// A catalog of streams.
pub(crate) fn catalog(streams: &[Value]) -> Value {
    json!({"streams": streams})
}

/// A RECORD line.
pub(crate) fn record(stream: &str, data: Value) -> String {
    json!({"type": "RECORD", "record": {"stream": stream, "data": data, "emitted_at": 1_790_000_000_000_u64}})
        .to_string()
}

/// A STATE line of one stream.
pub(crate) fn state(stream: &str, id: u64) -> String {
    json!({"type": "STATE", "state": {
        "type": "STREAM",
        "stream": {"stream_descriptor": {"name": stream}, "stream_state": {"cursor": id}},
        "id": id,
        "sourceStats": {"recordCount": 1.0},
    }})
    .to_string()
}

/// A TRACE line that marks a stream as complete.
pub(crate) fn complete(stream: &str) -> String {
    json!({"type": "TRACE", "trace": {"type": "STREAM_STATUS", "emitted_at": 1.0, "stream_status": {
        "stream_descriptor": {"name": stream}, "status": "COMPLETE",
    }}})
    .to_string()
}
