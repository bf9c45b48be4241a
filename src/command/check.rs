//! `check`: tries the configuration, and reports everything that it finds in one message.

use crate::user_error::IntoUserError;
use std::path::Path;

use super::{read_config_for_check, send_to_platform, sign_in, stdout_closed, stop_on_signal};
use crate::budget::{Budget, capacity_for};
use crate::config::Config;
use crate::discover::no_writable_object;
use crate::display::{Display, check_answer};
use crate::journal::Journal;
use crate::pipeline::{SettingsFindings, check_settings};
use crate::rejected::{RejectedStore, SyncIdentity};
use crate::stop::{Stop, stopped};
use airbyte::{Error, Output, Result};
use salesforce::{API_VERSION, Allowance, FaultKind, Org};

/// Answers with one CONNECTION_STATUS, or a person with a sentence a line.
///
/// # Errors
/// Standard output is closed, or the check is asked to stop. Every other failure is part of the answer.
pub(crate) async fn run(config: &Path, output: &Output, display: &Display) -> Result<()> {
    let (stop, _running) = stop_on_signal(output, display)?;
    let findings = match read_config_for_check(config) {
        Ok(config) => {
            let mut findings = check_config(&config, output, &stop).await;
            findings.facts.extend(config.unknown_keys().iter().map(|unknown| format!("{unknown} It is ignored.")));
            findings
        }
        Err(error) => Findings { failures: vec![error], ..Findings::default() },
    };
    if stop.is_requested() {
        return Err(stopped());
    }
    if display.answers_a_person() {
        let (failures, facts) = findings.sentences();
        output.text(check_answer(&failures, &facts).trim_end()).map_err(stdout_closed)?;
        return Ok(());
    }
    let message = findings.message();
    let status = if findings.failures.is_empty() { Ok(&*message) } else { Err(&*message) };
    output.connection_status(status).map_err(stdout_closed)
}

/// What a check finds.
#[derive(Debug, Default)]
struct Findings {
    failures: Vec<Error>,
    facts: Vec<String>,
}

impl Findings {
    /// All sentences, failures first: the user must act on them.
    fn message(&self) -> String {
        let (failures, facts) = self.sentences();
        [failures, facts].concat().join(" ")
    }

    /// What keeps a sync from running, and what was found besides.
    fn sentences(&self) -> (Vec<&str>, Vec<&str>) {
        (self.failures.iter().map(Error::message).collect(), self.facts.iter().map(String::as_str).collect())
    }

    /// Adds what the org says of the entries under `streams`.
    fn add_settings(&mut self, found: SettingsFindings) {
        if found.problems.is_empty() && found.checked > 0 {
            self.facts.push(format!("Entries under `streams` that fit the org: {}.", found.checked));
        }
        self.failures.extend(found.problems.into_iter().map(Error::config));
        if !found.unchecked.is_empty() {
            let streams: Vec<String> = found.unchecked.iter().map(ToString::to_string).collect();
            self.facts.push(format!(
                "Not checked, because the connection chooses their objects: the entries under `streams` for {}.",
                streams.join(", ")
            ));
        }
    }

    /// Adds a failure, or returns the value of a success.
    fn check<T>(&mut self, outcome: Result<T>) -> Option<T> {
        outcome.map_err(|error| self.failures.push(error)).ok()
    }
}

/// A check that is asked to stop ends early, and its findings are incomplete.
async fn check_config(config: &Config, output: &Output, stop: &Stop) -> Findings {
    let org = async {
        let mut findings = Findings::default();
        if let Some(org) = findings.check(sign_in(config, send_to_platform(config, output), stop).await) {
            findings.facts.push(format!("Signed in to {}.", org.instance_url().origin().ascii_serialization()));
            let checked = stop.unless_requested(&org, check_org(&org, config, &mut findings)).await;
            findings.check(checked);
        }
        findings
    };
    let bucket = async {
        tokio::select! {
            findings = check_bucket(config) => findings,
            () = stop.requested() => Findings::default(),
        }
    };
    // Both at once, because each may wait long for an address that does not answer.
    let (mut findings, bucket) = tokio::join!(Box::pin(org), Box::pin(bucket));
    findings.failures.extend(bucket.failures);
    findings.facts.extend(bucket.facts);
    findings
}

async fn check_org(org: &Org, config: &Config, findings: &mut Findings) {
    let versions = org.versions().await.map_err(|fault| fault.into_error("asking for the versions of the API"));
    let Some(versions) = findings.check(versions) else { return };
    if !versions.iter().any(|version| version == API_VERSION) {
        return findings.failures.push(Error::config(format!(
            "The org does not support version {API_VERSION} of the API, which this connector uses. Check that \
             domain_url is the address of a Salesforce org, and look for a newer version of the connector."
        )));
    }
    findings.facts.push(format!("The org supports version {API_VERSION} of the API."));
    let objects = org.describe_global().await.map_err(|fault| fault.into_error("asking which objects the org has"));
    let Some(objects) = findings.check(objects) else { return };
    let writable = objects.iter().filter(|object| object.createable || object.updateable || object.deletable).count();
    if writable == 0 {
        return findings.failures.push(no_writable_object());
    }
    findings.facts.push(format!("The user can write {writable} objects."));
    if !config.streams().is_empty()
        && let Some(found) = findings.check(check_settings(org, config).await)
    {
        findings.add_settings(found);
    }
    match org.limits().await {
        Ok(limits) => {
            findings.facts.extend(remaining("API requests", limits.daily_api_requests));
            findings.facts.extend(remaining("bulk batches", limits.daily_bulk_batches));
        }
        // No failure: a sync works without the permission "View Setup and Configuration".
        Err(fault) if fault.kind() == FaultKind::Permission => {
            findings.facts.push(format!("The limits of the org cannot be read ({}).", fault.message()));
        }
        Err(fault) => findings.failures.push(fault.into_error("asking for the org's limits")),
    }
}

fn remaining(what: &str, allowance: Option<Allowance>) -> Option<String> {
    allowance.map(|it| format!("{} of {} daily {what} are left.", it.remaining, it.max))
}

async fn check_bucket(config: &Config) -> Findings {
    let mut findings = Findings::default();
    let Some(settings) = config.rejected_storage() else {
        findings.facts.push("No bucket is configured: rejected records are counted, but not stored.".to_owned());
        return findings;
    };
    let sync = SyncIdentity { sync_id: None, started: jiff::Timestamp::now() };
    let probe = async {
        let store = Box::pin(RejectedStore::open(settings, sync, Budget::new(capacity_for(1)))).await?;
        store.probe().await.map(|()| store.warning())
    };
    let warning = findings.check(probe.await);
    if warning.is_some() && findings.check(check_journal(config).await).is_some() {
        findings.facts.push(format!("Rejected records can be stored in {}.", settings.place));
        findings.facts.extend(warning.flatten().map(|warning| format!("Warning: {warning}")));
    }
    findings
}

/// Checks what the journal needs besides: reading.
async fn check_journal(config: &Config) -> Result<()> {
    match config.journal_storage() {
        Some(settings) => Box::pin(Journal::open(settings, 0)).await?.probe().await,
        None => Ok(()),
    }
}
