//! From one org to another, through both connectors: the steps of `cargo org-to-org`, and what its page says of keys.

#[path = "../examples/org_to_org"]
mod example {
    pub(crate) mod connection;
    pub(crate) mod look;
    pub(crate) mod org_to_org;
    pub(crate) mod people;
    pub(crate) mod platform;
}

use std::ffi::OsString;
use std::io::{PipeReader, PipeWriter, Write};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use destination_salesforce::Display;
use salesforce_sim::{Field, Nature, Settings, SimulatedOrg};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::connector::HASTE;
use crate::round_trip::{columns, example_object, load, records};
use crate::world::{catalog, incremental};
use example::connection;
use example::look::look;
use example::org_to_org::OrgToOrg;
use example::platform::{Connector, Platform, Synced};

/// What the destination writes. The program keeps its standard output open, which a pipe would wait for.
#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Runs a connector: the source is the program, and the destination runs within this process.
fn start(
    connector: Connector,
    arguments: Vec<OsString>,
    input: Option<PipeReader>,
    mut output: PipeWriter,
) -> Result<i32> {
    if connector == Connector::Source {
        let mut source = Command::new(env!("CARGO_BIN_EXE_source-salesforce"));
        source.args(arguments).stdin(Stdio::null()).stdout(output).stderr(Stdio::null());
        source.env_clear().env("DESTINATION_SALESFORCE_TEST_HASTE", HASTE.to_string());
        return source.status()?.code().context("The source was killed.");
    }
    let arguments = std::iter::once(OsString::from(connector.program())).chain(arguments);
    let input = input.context("The destination has no input.")?;
    let buffer = Buffer::default();
    let exit_code = destination_salesforce::run(arguments, input, buffer.clone(), &Display::hidden());
    output.write_all(&buffer.0.lock().unwrap_or_else(PoisonError::into_inner))?;
    Ok(i32::from(exit_code != ExitCode::SUCCESS))
}

#[test]
fn two_orgs_are_equal_after_the_steps_of_the_example_and_every_damage_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let mut orgs = OrgToOrg::start(folder.path(), &start).unwrap();
    let [accounts, contacts] = [orgs.sync_accounts().unwrap(), orgs.sync_contacts().unwrap()];
    let numbers = |synced: &Synced| (synced.read, synced.deleted, synced.written, synced.rejected.len());
    assert_eq!(numbers(&accounts), (240, 0, 239, 1), "an account has no external id");
    assert_eq!(accounts.rejected[0].reason, "MISSING_ARGUMENT");
    assert_eq!(numbers(&contacts), (721, 1, 721, 0), "a deletion of what was never there is written");
    // The account, and its contacts, which are there without it.
    let (compared, look) = (orgs.compare().unwrap(), orgs.look());
    assert_eq!(compared.differences.len(), 1, "{compared:?}");
    assert_eq!(look.differences.len(), 4, "{:?}", look.differences);
    assert!(look.differences[0].contains("Account without an external id"), "{:?}", look.differences);

    orgs.change_first_org().unwrap();
    let [accounts, contacts] = [orgs.sync_accounts().unwrap(), orgs.sync_contacts().unwrap()];
    assert_eq!((numbers(&accounts), numbers(&contacts)), ((2, 0, 2, 0), (5, 1, 5, 0)), "only what changed");
    let (_, look) = orgs.prove().unwrap();
    assert!(look.equal > 20_000 && look.parents > 1_000, "{look:?}");

    let key = orgs.lose_a_contact().unwrap();
    let missing = [format!("Contact {key} is missing.")];
    assert_eq!((orgs.look().differences, orgs.compare().unwrap().differences), (missing.to_vec(), missing.to_vec()));
    let second = |object: &str, number: usize| orgs.second.records(object)[number]["Id"].clone().unwrap();
    orgs.second.update("Account", &second("Account", 10), &[("Sic", "9999")]);
    orgs.second.update("Contact", &second("Contact", 10), &[("AccountId", &second("Account", 0))]);
    orgs.second.insert("Account", &[("Name", "Extra"), ("External_Id__c", "A-9999")]);
    let error = orgs.prove().unwrap_err().to_string();
    for part in ["is missing", ": Sic is ", ": AccountId is ", "Account A-9999 is there without an original"] {
        assert!(error.contains(part), "{part}: {error}");
    }
    assert_eq!(orgs.look().differences.len(), 4, "{error}");
    assert_eq!(orgs.compare().unwrap().differences.len(), 2, "compare looks at keys and times: {error}");
}

/// Two orgs, and connections with a few columns.
struct Orgs {
    first: SimulatedOrg,
    second: SimulatedOrg,
    platform: Platform<'static>,
    _folder: TempDir,
    _runtime: Runtime,
}

impl Orgs {
    /// `prepare` adds to the second org what it needs, and `streams` are the entries of the destination.
    fn new(prepare: impl FnOnce(&SimulatedOrg), streams: Value) -> Self {
        let runtime = Runtime::new().unwrap();
        let settings = || Settings { nature: Nature::harsh(), objects: vec![example_object()], ..Settings::default() };
        let [first, second] = [settings(), settings()].map(|it| runtime.block_on(SimulatedOrg::start(it)).unwrap());
        prepare(&second);
        let folder = tempfile::tempdir().unwrap();
        let mut config = connection::destination(&second, &Platform::rejected(folder.path()));
        config["streams"] = streams;
        let platform = Platform::new(folder.path(), &start, &connection::source(&first), &config).unwrap();
        Self { first, second, platform, _folder: folder, _runtime: runtime }
    }

    /// A sync some time later.
    fn sync(&mut self, connection: &'static str, object: &str, columns: &[&str]) -> Synced {
        self.first.advance_clock(Duration::from_secs(5 * 60));
        let all = [columns, &["Id", "SystemModstamp", "IsDeleted", "_ab_cdc_deleted_at"]].concat();
        let mut streams = incremental(catalog(&[(object, &all)]))["streams"].take();
        streams[0]["destination_sync_mode"] = json!("append_dedup");
        streams[0]["primary_key"] = json!([["Id"]]);
        self.platform.sync(connection, streams.as_array().unwrap()).unwrap()
    }

    /// The values of two fields of each record of the second org, sorted.
    fn pairs(&self, object: &str, fields: [&str; 2]) -> Vec<[Option<String>; 2]> {
        let records = self.second.records(object);
        let mut pairs: Vec<_> = records.iter().map(|record| fields.map(|field| record[field].clone())).collect();
        pairs.sort();
        pairs
    }
}

const SOURCE_ID: &str = "Source_Id__c";

/// Each record of the second org keeps the id that it has in the first.
fn with_source_ids() -> Orgs {
    let prepare = |second: &SimulatedOrg| {
        for object in ["Account", "Contact"] {
            second.add_field(object, Field::text(SOURCE_ID, 18).external_id().unique());
        }
    };
    Orgs::new(prepare, settings_of_page()["streams"].take())
}

/// The settings of the destination that the page shows.
fn settings_of_page() -> Value {
    let page = include_str!("../../docs/org-to-org.md");
    let settings = page.split("```json").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    serde_json::from_str(settings).unwrap()
}

#[test]
fn a_second_org_that_keeps_the_ids_of_the_first_follows_every_deletion_and_every_parent() {
    let mut orgs = with_source_ids();
    let [of_accounts, of_contacts] = [&["Name", "ParentId"][..], &["LastName", "AccountId", "ReportsToId"]];
    let add = |object: &str, name: &str, values: &[(&str, &str)]| {
        let name = if object == "Account" { ("Name", name) } else { ("LastName", name) };
        orgs.first.insert(object, &[&[name], values].concat()).unwrap()
    };
    let head = add("Account", "head", &[]);
    let branch = add("Account", "branch", &[("ParentId", &head)]);
    let boss = add("Contact", "boss", &[]);
    let contact = |name: &str| add("Contact", name, &[("AccountId", &branch), ("ReportsToId", &boss)]);
    let [erased, recycled, stays] = ["erased", "recycled", "stays"].map(contact);
    let accounts = orgs.sync("accounts", "Account", of_accounts);
    let contacts = orgs.sync("contacts", "Contact", of_contacts);
    assert_eq!((accounts.written, contacts.written), (2, 4), "{accounts:?} {contacts:?}");
    let id_of = |object: &str, source: &str| {
        let pairs = orgs.pairs(object, [SOURCE_ID, "Id"]);
        pairs.into_iter().find(|[key, _]| key.as_deref() == Some(source)).and_then(|[_, id]| id)
    };
    let [head_there, branch_there] = [&head, &branch].map(|id| id_of("Account", id));
    let boss_there = id_of("Contact", &boss);
    let named = |name: &str, id: &Option<String>| [Some(name.to_owned()), id.clone()];
    assert_eq!(orgs.pairs("Account", ["Name", "ParentId"]), [named("branch", &head_there), named("head", &None)]);
    let all = |of_boss: &Option<String>, id: &Option<String>| {
        [named("boss", of_boss), named("erased", id), named("recycled", id), named("stays", id)]
    };
    assert_eq!(orgs.pairs("Contact", ["LastName", "AccountId"]), all(&None, &branch_there));
    assert_eq!(orgs.pairs("Contact", ["LastName", "ReportsToId"]), all(&None, &boss_there));

    assert!(orgs.first.erase("Contact", &erased) && orgs.first.recycle("Contact", &recycled));
    orgs.first.update("Contact", &stays, &[("AccountId", &head)]);
    let contacts = orgs.sync("contacts", "Contact", of_contacts);
    assert_eq!((contacts.read, contacts.deleted, contacts.rejected.len()), (3, 2, 0), "{contacts:?}");
    assert_eq!(orgs.pairs("Contact", ["LastName", "AccountId"]), [named("boss", &None), named("stays", &head_there)]);

    assert!(orgs.first.undelete("Contact", &recycled));
    assert_eq!(orgs.sync("contacts", "Contact", of_contacts).written, 1);
    assert_eq!(orgs.pairs("Contact", ["LastName", "Id"]).len(), 3, "it is created again");
}

#[test]
fn the_page_has_the_settings_of_the_example() {
    let runtime = Runtime::new().unwrap();
    let org = runtime.block_on(SimulatedOrg::start(Settings::default())).unwrap();
    let (example, page) = (connection::destination(&org, Path::new("rejected")), settings_of_page());
    for key in ["null_handling", "unknown_fields"] {
        assert_eq!(example[key], page[key], "{key}");
    }
    let operations = |config: &Value| -> Vec<Value> {
        config["streams"].as_array().unwrap().iter().map(|it| json!([it["stream"], it["operation"]])).collect()
    };
    assert_eq!(operations(&example), operations(&page));
}

fn with_external_ids() -> Orgs {
    let entry = |stream: &str| json!({"stream": stream, "operation": "upsert", "external_id_field": connection::KEY});
    Orgs::new(|_| {}, ["Account", "Contact", "Example__c"].map(entry).into())
}

#[test]
fn what_an_external_id_cannot_follow_is_rejected_or_found() {
    let mut orgs = with_external_ids();
    let selected = ["LastName", "External_Id__c", "HasOptedOutOfEmail"];
    let add = |orgs: &Orgs, key: Option<&str>| {
        let mut values = vec![("LastName", "Example"), ("HasOptedOutOfEmail", "false")];
        values.extend(key.map(|key| (connection::KEY, key)));
        orgs.first.insert("Contact", &values).unwrap()
    };
    let [erased, renamed, first] = ["K-1", "K-2", "K-3"].map(|key| add(&orgs, Some(key)));
    let (older, newer) = (add(&orgs, None), add(&orgs, Some("K-4")));
    assert_eq!(orgs.sync("contacts", "Contact", &selected).rejected.len(), 1, "one has no external id");

    orgs.first.erase("Contact", &erased);
    let synced = orgs.sync("contacts", "Contact", &selected);
    assert_eq!((synced.deleted, synced.rejected.len()), (1, 1), "only the id of a record that is gone is known");
    assert_eq!(synced.rejected[0].reason, "MISSING_ARGUMENT");
    assert_eq!(synced.rejected[0].name, erased);

    // Another external id is another record.
    orgs.first.update("Contact", &renamed, &[(connection::KEY, "K-2b")]);
    // Keys of deleted records go to a newer record and to an older one. Nobody promises the order in which these are read,
    // and the last row of a key counts: of the two, one is there, and one is missing.
    orgs.first.recycle("Contact", &first);
    add(&orgs, Some("K-3"));
    orgs.first.recycle("Contact", &newer);
    orgs.first.update("Contact", &older, &[(connection::KEY, "K-4")]);
    orgs.sync("contacts", "Contact", &selected);
    let differences = look(&orgs.first, &orgs.second, &["Contact"]).differences;
    let are = |end: &str| differences.iter().filter(|difference| difference.ends_with(end)).count();
    assert_eq!((are(" is missing."), differences.len()), (1, 3), "{differences:?}");
    for key in ["K-1", "K-2"] {
        assert_eq!(are(&format!("Contact {key} is there without an original.")), 1, "{differences:?}");
    }
}

/// What the destination wrote into the first org, both connectors bring to the second.
#[test]
fn a_value_of_every_type_of_field_is_the_same_in_the_second_org() {
    let mut orgs = with_external_ids();
    for (object, sent) in records() {
        load(&connection::source(&orgs.first), object, &sent);
        let synced = orgs.sync(object, object, &columns(&sent));
        assert_eq!((synced.written, synced.rejected.len()), (sent.len(), 0), "{object}: {synced:?}");
    }
    let look = look(&orgs.first, &orgs.second, &["Account", "Contact", "Example__c"]);
    assert!(look.differences.is_empty(), "{:?}", look.differences);
    assert!(look.equal > 500 && look.parents == 1, "{look:?}");
}
