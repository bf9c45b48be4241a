//! Copies one Salesforce org into another one, on this machine: `cargo org-to-org`.
//!
//! Two simulated orgs, and both connectors: the source reads accounts and contacts from the first org, and the
//! destination writes them into the second. This process has everything around them. Read the modules in this order:
//!
//! - `people`: the accounts and contacts of the first org, all invented;
//! - `connection`: how the two connections are set up, the part to copy;
//! - `platform`: a sync, in which the messages of one connector are the input of the other;
//! - `org_to_org`: the steps, from two orgs to the proof that they are equal;
//! - `look`: compares the orgs without the help of the connectors;
//! - `report`: prints what happens.

mod connection;
mod look;
mod org_to_org;
mod people;
mod platform;
mod report;

use std::ffi::OsString;
use std::fs::File;
use std::io::{PipeReader, PipeWriter, Write};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result};

use org_to_org::OrgToOrg;
use platform::Connector;
use report::Report;

/// The option with which the second org loses a contact before it is compared.
const LOSE_ONE: &str = "--lose-one";

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    // The platform starts this same program for each connector, as `src/main.rs` of the two do.
    match arguments.first().and_then(|first| first.to_str()) {
        Some("source-salesforce") => {
            source_salesforce::log_panics();
            source_salesforce::run(arguments, std::io::stdout())
        }
        Some("destination-salesforce") => {
            destination_salesforce::log_panics();
            let display = destination_salesforce::Display::hidden();
            destination_salesforce::run(arguments, std::io::stdin(), std::io::stdout(), &display)
        }
        None => answer(run(false)),
        Some(LOSE_ONE) if arguments.len() == 1 => answer(run(true)),
        Some(_) => {
            let _ = writeln!(std::io::stderr(), "cargo org-to-org takes one option: `{LOSE_ONE}`.");
            ExitCode::FAILURE
        }
    }
}

fn answer(result: Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "\n{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// All steps. With `loses_one`, the second org loses a contact, and nobody tells the connectors.
fn run(loses_one: bool) -> Result<()> {
    let mut report = Report::new(std::io::stdout());
    let folder = folder()?;
    let mut orgs = OrgToOrg::start(&folder, &start)?;
    report.orgs(&orgs)?;
    report.synced("Parents first: the accounts", &orgs.sync_accounts()?)?;
    report.synced("Then the contacts, each with the external id of its account", &orgs.sync_contacts()?)?;
    report.still_different(&orgs.compare()?, &orgs.look())?;

    report.changes(&orgs.change_first_org()?)?;
    report.synced("The accounts again: only what changed", &orgs.sync_accounts()?)?;
    report.synced("The contacts again: only what changed, and what is deleted", &orgs.sync_contacts()?)?;
    if loses_one {
        report.loss(&orgs.lose_a_contact()?)?;
    }
    let (compared, look) = orgs.prove()?;
    report.proof(&compared, &look)?;
    report.end(&folder)
}

/// The folder `org-to-org` in the target folder of this program.
fn folder() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    let target = program.ancestors().nth(3).context("The program is not in a target folder.")?;
    Ok(target.join("org-to-org"))
}

/// Runs a connector in a process of its own, and returns its exit code.
fn start(connector: Connector, arguments: Vec<OsString>, input: Option<PipeReader>, output: PipeWriter) -> Result<i32> {
    let mut process = Command::new(std::env::current_exe()?);
    process.arg(connector.program()).args(arguments).stdout(output);
    // `compare` has its log there.
    process.stderr(File::options().create(true).append(true).open(folder()?.join("log.txt"))?);
    process.stdin(input.map_or_else(Stdio::null, Stdio::from));
    // Nothing on this machine changes the run: no proxy, no AWS profile.
    process.env_clear().envs(std::env::vars_os().filter(|(name, _)| name == "SSL_CERT_FILE" || name == "SSL_CERT_DIR"));
    let status = process.status().with_context(|| format!("{} cannot be started.", connector.program()))?;
    Ok(status.code().unwrap_or(-1))
}
