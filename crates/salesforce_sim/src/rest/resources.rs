//! Versions, resources, objects and single records.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use jiff::{Timestamp, fmt::rfc2822};
use serde_json::{Map, Value, json};

use crate::{
    headers,
    org::Org,
    reply::ApiError,
    schema::{describe_object, object_summary},
    store::{RecordState, Tables, id},
};

/// The versions that the org serves. Salesforce retired 21.0 to 30.0 in Summer '25.
const OLDEST: u32 = 31;
const NEWEST: u32 = 67;

/// Returns the version of a call, or the error of a version that the org does not serve.
pub(crate) fn check_version(version: Option<f64>) -> Result<f64, ApiError> {
    match version {
        Some(version) if version.fract() == 0.0 && (f64::from(OLDEST)..=f64::from(NEWEST)).contains(&version) => {
            Ok(version)
        }
        Some(version) if (21.0..f64::from(OLDEST)).contains(&version) => {
            Err(ApiError::new(410, "UNSUPPORTED_API_VERSION", "The requested API version has been retired"))
        }
        _ => Err(ApiError::not_found()),
    }
}

/// `GET /services/data`. There are three releases a year; 62.0 is Winter '25.
pub(crate) fn versions() -> Value {
    let release = |version: u32| {
        let season = ["Spring", "Summer", "Winter"][version as usize % 3];
        // A Winter release has the name of the next year, so 62.0 and 63.0 have the same year.
        let year = (version - 2) / 3 + 5;
        json!({"label": format!("{season} '{year}"), "url": format!("/services/data/v{version}.0"),
               "version": format!("{version}.0")})
    };
    (OLDEST..=NEWEST).map(release).collect()
}

/// `GET /services/data/vXX.X`.
pub(super) fn resources(base: &str) -> Value {
    let names = ["sobjects", "query", "limits", "composite", "jobs"];
    Value::Object(names.iter().map(|name| ((*name).to_owned(), json!(format!("{base}/{name}")))).collect())
}

/// `GET .../sobjects`.
pub(super) fn objects(org: &Org, base: &str) -> Value {
    let listed = org.tables.iter().filter(|table| table.object.listed);
    let objects: Vec<Map<String, Value>> = listed.map(|table| object_summary(&table.object, base)).collect();
    json!({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": objects})
}

/// `GET .../sobjects/{object}/describe`.
pub(super) fn describe(org: &Org, object: &str, base: &str) -> Result<Value, ApiError> {
    let table = org.tables.get(object).ok_or_else(ApiError::not_found)?;
    if !table.object.described {
        return Err(ApiError::new(403, "INSUFFICIENT_ACCESS", "insufficient access rights on cross-reference id"));
    }
    Ok(describe_object(&table.object, base))
}

/// `GET .../sobjects/{object}/{id}`. All values are texts, whatever their type.
pub(super) fn record(org: &Org, object: &str, id: &str, base: &str) -> Result<Value, ApiError> {
    let table = org.tables.get(object).ok_or_else(ApiError::not_found)?;
    let found = id::normalize(id).and_then(|normalized| table.locate(&normalized));
    let Some((record, RecordState::Live)) = found else {
        return Err(ApiError::not_found());
    };
    let name = &table.object.name;
    let url = format!("{base}/sobjects/{name}/{}", table.id(record));
    let mut shown = Map::new();
    shown.insert("attributes".to_owned(), json!({"type": name, "url": url}));
    let audit = |name: &str| org.tables.audit(table, record, &table.object.fields[table.object.position(name)?]);
    let values =
        Tables::values(table, record).map(|(name, value)| (name.to_owned(), json!(value.or_else(|| audit(name)))));
    shown.extend(values);
    Ok(Value::Object(shown))
}

/// Whether the client's copy of the schema is up to date (REST API Developer Guide, "sObject Describe").
pub(crate) fn is_unchanged(org: &Org, headers: &HeaderMap) -> bool {
    let since = headers::value(headers, header::IF_MODIFIED_SINCE).and_then(|since| rfc2822::parse(since).ok());
    since.is_some_and(|since| since.timestamp().as_second() >= org.schema_changed.as_second())
}

/// Adds the header that says when the schema last changed.
pub(crate) fn add_last_modified(org: &Org, headers: &mut HeaderMap) {
    add_moment(org.schema_changed, header::LAST_MODIFIED, headers);
}

/// Adds the header with the time of the org.
pub(crate) fn add_date(org: &Org, headers: &mut HeaderMap) {
    add_moment(org.clock.now(), header::DATE, headers);
}

fn add_moment(moment: Timestamp, header: HeaderName, headers: &mut HeaderMap) {
    let date = Timestamp::from_second(moment.as_second())
        .ok()
        .and_then(|moment| rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&moment).ok());
    if let Some(value) = date.and_then(|date| HeaderValue::from_str(&date).ok()) {
        headers.insert(header, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_versions_are_refused() {
        for (version, status) in [
            (Some(31.0), None),
            (Some(62.0), None),
            (Some(67.0), None),
            (Some(68.0), Some(404)),
            (Some(62.5), Some(404)),
            (Some(30.0), Some(410)),
            (None, Some(404)),
        ] {
            assert_eq!(check_version(version).err().map(|error| error.status), status, "{version:?}");
        }
    }

    #[test]
    fn releases_have_their_names() {
        let versions = versions();
        let label = |version: &str| {
            let versions = versions.as_array().unwrap();
            versions.iter().find(|entry| entry["version"] == version).unwrap()["label"].clone()
        };
        for (version, name) in
            [("61.0", "Summer '24"), ("62.0", "Winter '25"), ("63.0", "Spring '25"), ("67.0", "Summer '26")]
        {
            assert_eq!(label(version), name);
        }
    }
}
