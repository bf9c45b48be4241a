//! `check`: tries the configuration, and reports everything that it finds in one message.

use std::path::Path;

use airbyte::{Error, Output, Result};
use connector::stop::{Stop, stopped};
use salesforce::{API_VERSION, FaultKind, Org, Soql};

use super::discover::no_object;
use super::{read_config, sign_in, stdout_closed, stop_on_signal};
use crate::config::Config;
use crate::objects::is_counted;
use crate::user_error::error_of;

/// Answers with one CONNECTION_STATUS.
///
/// # Errors
/// Standard output is closed, or the check is asked to stop. Every other failure is part of the answer.
pub(crate) async fn run(config: &Path, output: &Output) -> Result<()> {
    let (stop, _running) = stop_on_signal(output)?;
    let findings = match read_config(config) {
        Ok(config) => {
            let mut findings = Box::pin(check_config(&config, output, &stop)).await;
            findings.facts.extend(config.unknown_keys().iter().map(|unknown| format!("{unknown} It is ignored.")));
            findings.facts.extend(config.unused());
            findings
        }
        Err(error) => Findings { failures: vec![error], facts: Vec::new() },
    };
    if stop.is_requested() {
        return Err(stopped());
    }
    let failures = findings.failures.iter().map(Error::message);
    let message = failures.chain(findings.facts.iter().map(String::as_str)).collect::<Vec<_>>().join(" ");
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
    /// Adds a failure, or returns the value of a success.
    fn check<T>(&mut self, outcome: Result<T>) -> Option<T> {
        outcome.map_err(|error| self.failures.push(error)).ok()
    }
}

/// A check that is asked to stop ends early, and its findings are incomplete.
async fn check_config(config: &Config, output: &Output, stop: &Stop) -> Findings {
    let mut findings = Findings::default();
    if let Some(org) = findings.check(sign_in(config, output, stop, false).await) {
        findings.facts.push(format!("Signed in to {}.", org.instance_url().origin().ascii_serialization()));
        let checked = stop.unless_requested(&org, check_org(&org, config, &mut findings)).await;
        findings.check(checked);
    }
    findings
}

async fn check_org(org: &Org, config: &Config, findings: &mut Findings) {
    let versions = org.versions().await.map_err(|fault| error_of(&fault, "asking for the versions of the API"));
    let Some(versions) = findings.check(versions) else { return };
    if !versions.iter().any(|version| version == API_VERSION) {
        return findings.failures.push(Error::config(format!(
            "The org does not support version {API_VERSION} of the API, which this connector uses. Check that \
             domain_url is the address of a Salesforce org, and look for a newer version of the connector."
        )));
    }
    let objects = org.describe_global().await.map_err(|fault| error_of(&fault, "asking which objects the org has"));
    let Some(objects) = findings.check(objects) else { return };
    let offered = objects.iter().filter(|object| object.queryable && config.criteria().offer(&object.name)).count();
    if offered == 0 {
        return findings.failures.push(no_object());
    }
    findings.facts.push(format!("{offered} objects can be read."));
    for settings in config.streams() {
        let Some(filter) = &settings.filter else { continue };
        if !is_counted(&settings.stream) {
            let fact =
                format!("A sync tries the filter of {}, whose records Salesforce does not count.", settings.stream);
            findings.facts.push(fact);
            continue;
        }
        let soql = Soql::select(settings.stream.clone(), ["Id"]).filtered(filter.clone());
        match org.count(&soql).await {
            Ok(count) => findings.facts.push(format!("The filter of {} finds {count} records.", settings.stream)),
            Err(fault) if is_of_filter(fault.kind()) => {
                let doing = format!("trying the filter of {}", settings.stream);
                findings.failures.push(error_of(&fault, &doing));
            }
            // Says nothing of the filter: the org may be busy, or the object too large to count.
            Err(fault) => {
                findings.facts.push(format!("The filter of {} could not be tried ({fault}).", settings.stream));
            }
        }
    }
    match org.limits().await {
        Ok(limits) => {
            let requests = limits.daily_api_requests;
            findings
                .facts
                .extend(requests.map(|it| format!("{} of {} daily API requests are left.", it.remaining, it.max)));
        }
        // No failure: a sync works without the permission "View Setup and Configuration", and an outage passes.
        Err(fault) if fault.kind() == FaultKind::Permission || fault.is_transient() => {
            findings.facts.push(format!("The limits of the org cannot be read ({}).", fault.message()));
        }
        Err(fault) => findings.failures.push(error_of(&fault, "asking for the org's limits")),
    }
}

/// Whether a fault of a query with a filter is about the filter, its object, or what the user may do.
fn is_of_filter(kind: FaultKind) -> bool {
    matches!(kind, FaultKind::Configuration | FaultKind::NotFound | FaultKind::Permission | FaultKind::SignIn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_of_a_filter_is_about_it_or_about_the_user() {
        for (kind, expected) in [
            (FaultKind::Configuration, true),
            (FaultKind::NotFound, true),
            (FaultKind::Permission, true),
            (FaultKind::SignIn, true),
            (FaultKind::Transient, false),
            (FaultKind::Unexpected, false),
        ] {
            assert_eq!(is_of_filter(kind), expected, "{kind:?}");
        }
    }
}
