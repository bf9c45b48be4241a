//! How the two connections are set up: the configuration of both connectors, and which columns are selected.
//!
//! Both orgs know a record by its external id. The ids of Salesforce are others in each org, so no column with an id of
//! the first org goes to the second, and a parent is named by its external id.

use std::path::Path;

use anyhow::{Context, Result};
use salesforce_sim::{Credentials, SimulatedOrg};
use serde_json::{Map, Value, json};

/// The field by which both orgs know a record.
pub(crate) const KEY: &str = "External_Id__c";

/// The parent columns that name a record of the second org. The others of a reference are deselected: one is enough.
const PARENTS: [&str; 3] = ["Parent.External_Id__c", "Account.External_Id__c", "ReportsTo.External_Id__c"];

/// The configuration of the source.
pub(crate) fn source(first: &SimulatedOrg) -> Value {
    sign_in(first)
}

/// The configuration of the destination.
pub(crate) fn destination(second: &SimulatedOrg, rejected: &Path) -> Value {
    let mut config = sign_in(second);
    config["streams"] = json!([
        {"stream": "Account", "operation": "upsert", "external_id_field": KEY},
        {"stream": "Contact", "operation": "upsert", "external_id_field": KEY},
    ]);
    // A field that is emptied in the first org is emptied in the second.
    config["null_handling"] = json!("clear");
    // Columns that only Salesforce fills, such as the time of a change and formulas, are left out.
    config["unknown_fields"] = json!("ignore");
    config["object_storage_config"] = json!({
        "storage_type": "Local",
        "path": rejected,
        "format": {"format_type": "JSONL"},
    });
    config
}

fn sign_in(org: &SimulatedOrg) -> Value {
    let credentials = Credentials::default();
    json!({
        "client_id": credentials.client_id,
        "client_secret": credentials.client_secret,
        "refresh_token": credentials.refresh_token,
        "domain_url": org.url(),
    })
}

/// A stream of the connection: what `discover` offers for it, without the columns that the second org cannot use.
pub(crate) fn stream(discovered: &[Value], name: &str) -> Result<Value> {
    let offered = discovered.iter().find(|stream| stream["name"] == name);
    let mut stream = offered.with_context(|| format!("The first org does not offer {name}."))?.clone();
    let columns = stream["json_schema"]["properties"].as_object().context("A stream has no columns.")?;
    // The whole name of a person is made of its parts, and cannot be written.
    let is_whole_name = |column: &str| column == "Name" && columns.contains_key("LastName");
    let selected: Map<String, Value> = columns
        .iter()
        .filter(|(column, _)| is_selected(column) && !is_whole_name(column))
        .map(|(column, schema)| (column.clone(), schema.clone()))
        .collect();
    stream["json_schema"]["properties"] = Value::Object(selected);
    let primary_key = stream["source_defined_primary_key"].clone();
    let cursor = stream["default_cursor_field"].clone();
    Ok(json!({
        "stream": stream,
        "sync_mode": "incremental",
        "cursor_field": cursor,
        "destination_sync_mode": "append_dedup",
        "primary_key": primary_key,
    }))
}

/// Airbyte selects the id of the record and the time of its change in any case.
fn is_selected(column: &str) -> bool {
    let is_id_of_first_org = column.ends_with("Id") && column != "Id";
    PARENTS.contains(&column) || !(column.contains('.') || is_id_of_first_org)
}
