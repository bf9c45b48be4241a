//! Counting records, and the queries that the Salesforce CLI sends on its own.

use serde_json::{Map, Value, json};

use crate::{
    org::{ORGANIZATION_ID, Org},
    reply::ApiError,
    schema::is_same_name,
};

/// The fields of `Organization`.
const ORGANIZATION: [(&str, Option<&str>); 6] = [
    ("Name", Some("Simulated Org")),
    ("InstanceName", Some("SIM0")),
    ("IsSandbox", None),
    ("TrialExpirationDate", None),
    ("NamespacePrefix", None),
    ("OrganizationType", Some("Developer Edition")),
];

/// `GET .../query?q=...`: `SELECT ... FROM Organization` and `SELECT count() FROM X`.
pub(super) fn query(org: &Org, query: &str, base: &str) -> Result<Value, ApiError> {
    let soql = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "q").map(|(_, soql)| soql);
    let soql = soql.unwrap_or_default().replace(',', " ");
    let mut words = soql.split_whitespace();
    if !words.next().is_some_and(|word| word.eq_ignore_ascii_case("select")) {
        return Err(malformed("unexpected token"));
    }
    let fields: Vec<&str> = words.by_ref().take_while(|word| !word.eq_ignore_ascii_case("from")).collect();
    let object = words.next().ok_or_else(|| malformed("unexpected token: <EOF>"))?;
    if is_same_name(object, "Organization") {
        return organization(&fields, base);
    }
    let Some(table) = org.tables.get(object) else {
        return Err(ApiError::new(400, "INVALID_TYPE", format!("sObject type '{object}' is not supported.")));
    };
    match (fields.as_slice(), words.next()) {
        ([count], None) if count.eq_ignore_ascii_case("count()") => {
            Ok(json!({"totalSize": table.len(), "done": true, "records": []}))
        }
        _ => Err(malformed("this simulated org only answers SELECT count() FROM an object")),
    }
}

fn malformed(message: &str) -> ApiError {
    ApiError::new(400, "MALFORMED_QUERY", message)
}

fn organization(fields: &[&str], base: &str) -> Result<Value, ApiError> {
    let mut record = Map::new();
    let url = format!("{base}/sobjects/Organization/{}", ORGANIZATION_ID);
    record.insert("attributes".to_owned(), json!({"type": "Organization", "url": url}));
    for field in fields {
        let known = ORGANIZATION.iter().find(|(name, _)| is_same_name(name, field));
        let value = match known {
            Some(("IsSandbox", _)) => json!(false),
            Some((_, value)) => json!(value),
            None if is_same_name(field, "Id") => json!(ORGANIZATION_ID),
            None => {
                let message = format!("No such column '{field}' on entity 'Organization'.");
                return Err(ApiError::new(400, "INVALID_FIELD", message));
            }
        };
        record.insert((*field).to_owned(), value);
    }
    Ok(json!({"totalSize": 1, "done": true, "records": [record]}))
}
