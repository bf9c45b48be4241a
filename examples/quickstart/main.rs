//! Runs the connector from end to end on this machine: `cargo quickstart`.
//!
//! An invented shop loads its companies and customers into a simulated Salesforce org. This process has everything
//! around the connector: the org, the S3 server for the rejected records, and the platform, which starts the connector
//! once for each command of the protocol. Read the modules in this order:
//!
//! - `warehouse`: what the source sends, and which records must be rejected;
//! - `platform`: how a platform drives a destination, the part to reuse;
//! - `audit`: compares what was sent with what came back and with what is in the org and in the bucket;
//! - `report`: prints what happens.

mod audit;
mod platform;
mod report;
mod warehouse;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use salesforce_sim::{Credentials, Settings, SimulatedOrg};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::time::Instant;

use audit::{Outcome, Rejected};
use object_store::ObjectStore;
use platform::Platform;
use report::Report;
use warehouse::Stream;

const BUCKET: &str = "rejected-records";

/// The key of the page about the sync ends with this.
const REPORT: &str = "/report.html";

fn main() -> ExitCode {
    // The platform starts this same program for each command. With arguments it is the connector, as in `src/main.rs`.
    if std::env::args_os().len() > 1 {
        destination_salesforce::log_panics();
        let display = destination_salesforce::Display::on_stderr();
        return destination_salesforce::run(std::env::args_os(), std::io::stdin(), std::io::stdout(), &display);
    }
    match quickstart() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "\nThe quickstart failed. {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn quickstart() -> Result<()> {
    let started = Instant::now();
    let folder = empty_folder()?;
    let mut report = Report::new();

    // The servers run on the threads of the runtime, the platform on this thread.
    let runtime = Runtime::new()?;
    let org = runtime.block_on(SimulatedOrg::start(Settings::default())).context("The org cannot listen.")?;
    let store = runtime.block_on(ObjectStore::start(&[BUCKET])).context("The S3 server cannot listen.")?;
    report.servers(&org, &store.endpoint)?;

    let streams = warehouse::streams();
    let sync = warehouse::sync(&streams);
    let platform = Platform::new(&folder, &config(&org, &store), &warehouse::catalog(&streams))?;

    report.spec(&platform.spec()?)?;
    report.check(&platform.check()?)?;
    report.begin_write(&sync)?;
    let mut states = Vec::new();
    platform.write(&sync.messages, |state| {
        report.state(&state)?;
        states.push(state);
        Ok(())
    })?;

    let outcome = Outcome {
        states,
        created: streams.iter().map(|stream| (stream.object, org.count(stream.object))).collect(),
        jobs: org.jobs(),
        requests: org.requests().len(),
        rejected: save_rejected(&streams, &store, &folder.join("rejected"))?,
    };
    report.outcome(&streams, &outcome, &folder, started.elapsed())?;

    let problems = audit::problems(&streams, &sync, &outcome);
    if !problems.is_empty() {
        bail!("The numbers do not add up:\n- {}", problems.join("\n- "));
    }
    report.next_steps(&folder)
}

/// The configuration that a user would enter for this org and this bucket.
fn config(org: &SimulatedOrg, store: &ObjectStore) -> Value {
    let credentials = Credentials::default();
    json!({
        "client_id": credentials.client_id,
        "client_secret": credentials.client_secret,
        "refresh_token": credentials.refresh_token,
        "domain_url": org.url(),
        "streams": [warehouse::customer_settings()],
        // By default batches are as large as Salesforce accepts. Small ones make several jobs of these few records.
        "batch_size_mb": 0.1,
        "object_storage_config": {
            "storage_type": "S3",
            "s3_endpoint": store.endpoint,
            "s3_bucket_name": BUCKET,
            "s3_bucket_region": "us-east-1",
            "access_key_id": store.access_key,
            "secret_access_key": store.secret_key,
            "format": {"format_type": "JSONL"},
        },
    })
}

/// The folder `quickstart` in the target folder of this program, emptied.
fn empty_folder() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    let target = program.ancestors().nth(3).context("The program is not in a target folder.")?;
    let folder = target.join("quickstart");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("{} cannot be emptied.", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("{} cannot be created.", folder.display()))?;
    Ok(folder)
}

/// Copies the objects of the bucket into a folder and returns the rejected records, one for each line.
fn save_rejected(streams: &[Stream], store: &ObjectStore, folder: &Path) -> Result<Vec<Rejected>> {
    let mut records = Vec::new();
    for (key, bytes) in store.objects(BUCKET)? {
        let path = folder.join(&key);
        fs::create_dir_all(path.parent().unwrap_or(folder))?;
        fs::write(&path, &bytes)?;
        if key.ends_with(REPORT) {
            continue;
        }
        let stream = streams.iter().find(|stream| key.split('/').any(|part| part == stream.name));
        let stream = stream.with_context(|| format!("The object {key} belongs to no stream."))?;
        for line in std::str::from_utf8(&bytes)?.lines() {
            let row = serde_json::from_str(line).with_context(|| format!("{key} has a line that is not JSON."))?;
            records.push(Rejected::parse(stream, row)?);
        }
    }
    Ok(records)
}
