//! `check`: whether a sync could begin, in one message that tells everything that was found.

use crate::user_error::IntoUserError;
use std::path::Path;

use super::{Rotation, read_config, sign_in};
use crate::config::Config;
use crate::discover::no_writable_object;
use crate::rejected::{RejectedStore, SyncIdentity};
use airbyte::{Error, Output, Result};
use salesforce::{API_VERSION, Allowance, Org};

/// Answers with one CONNECTION_STATUS.
///
/// # Errors
/// Standard output is closed. Whatever else fails is the answer.
pub async fn run(config: &Path, output: &Output) -> Result<()> {
    let found = match read_config(config) {
        Ok(config) => look(&config, output).await,
        Err(error) => Findings { failures: vec![error], ..Findings::default() },
    };
    let message = found.message();
    let status = if found.failures.is_empty() { Ok(&*message) } else { Err(&*message) };
    output.connection_status(status).map_err(|error| Error::system("Standard output was closed.").internal(error))
}

/// What was found, good and bad.
#[derive(Debug, Default)]
struct Findings {
    failures: Vec<Error>,
    facts: Vec<String>,
}

impl Findings {
    /// The failures first; they are what the user has to act on.
    fn message(&self) -> String {
        let failures = self.failures.iter().map(|error| error.message());
        failures.chain(self.facts.iter().map(String::as_str)).collect::<Vec<_>>().join(" ")
    }

    fn take<T>(&mut self, outcome: Result<T>) -> Option<T> {
        outcome.map_err(|error| self.failures.push(error)).ok()
    }
}

async fn look(config: &Config, output: &Output) -> Findings {
    // At the same time, because each may be an address that swallows packets.
    let org = async {
        let mut found = Findings::default();
        if let Some(org) = found.take(sign_in(config, output, Rotation::HandOver).await) {
            found.facts.push(format!("Signed in to {}.", org.instance_url().origin().ascii_serialization()));
            look_at_org(&org, &mut found).await;
        }
        found
    };
    let (mut found, bucket) = tokio::join!(Box::pin(org), Box::pin(look_at_bucket(config)));
    found.failures.extend(bucket.failures);
    found.facts.extend(bucket.facts);
    found
}

async fn look_at_org(org: &Org, found: &mut Findings) {
    let versions = org.versions().await.map_err(|fault| fault.into_error("asking for the versions of the API"));
    let Some(versions) = found.take(versions) else { return };
    if !versions.iter().any(|version| version == API_VERSION) {
        return found.failures.push(Error::config(format!(
            "The org does not serve version {API_VERSION} of the API, which this connector speaks. Check that \
             domain_url names an org of Salesforce, and ask for a newer version of the connector."
        )));
    }
    found.facts.push(format!("It serves version {API_VERSION} of the API."));
    let objects = org.describe_global().await.map_err(|fault| fault.into_error("asking which objects the org has"));
    let Some(objects) = found.take(objects) else { return };
    let writable = objects.iter().filter(|object| object.createable || object.updateable || object.deletable).count();
    if writable == 0 {
        return found.failures.push(no_writable_object());
    }
    found.facts.push(format!("{writable} objects can be written."));
    match org.limits().await {
        Ok(limits) => {
            found.facts.extend(left("API requests", limits.daily_api_requests));
            found.facts.extend(left("bulk batches", limits.daily_bulk_batches));
        }
        // A user without "View Setup and Configuration" can load all the same.
        Err(fault) => found.facts.push(format!("The org's limits could not be read ({}).", fault.message())),
    }
}

fn left(what: &str, allowance: Option<Allowance>) -> Option<String> {
    allowance.map(|it| format!("{} of {} {what} of the last 24 hours are left.", it.remaining, it.max))
}

async fn look_at_bucket(config: &Config) -> Findings {
    let mut found = Findings::default();
    let Some(settings) = config.rejected_storage() else {
        found.facts.push("No bucket is configured: rejected records are counted, and not kept.".to_owned());
        return found;
    };
    let sync = SyncIdentity { sync_id: None, started: jiff::Timestamp::now() };
    let probe = async { Box::pin(RejectedStore::open(settings, sync)).await?.probe().await };
    if found.take(probe.await).is_some() {
        found.facts.push(format!("Rejected records can be kept in the bucket {}.", settings.bucket));
    }
    found
}
