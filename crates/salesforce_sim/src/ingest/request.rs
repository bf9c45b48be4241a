//! What a client asks for when it creates a job (Bulk API 2.0, "Create a Job").

use serde::Deserialize;

use super::{
    csv::{DELIMITERS, LineEnding},
    job::{JobRequest, Operation},
};
use crate::{http::ApiError, org::Org};

/// The body of the call. Other properties do not exist.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Body {
    object: Option<String>,
    operation: Option<String>,
    external_id_field_name: Option<String>,
    line_ending: Option<String>,
    column_delimiter: Option<String>,
    content_type: Option<String>,
    assignment_rule_id: Option<String>,
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "INVALIDJOB", message)
}

/// Checks the body of the call against the org.
pub(super) fn read(body: &[u8], org: &Org, api_version: f64) -> Result<JobRequest, ApiError> {
    let body: Body =
        serde_json::from_slice(body).map_err(|error| ApiError::new(400, "JSON_PARSER_ERROR", error.to_string()))?;
    let object =
        body.object.filter(|object| !object.is_empty()).ok_or_else(|| invalid("InvalidJob : Object is missing"))?;
    let operation = body.operation.unwrap_or_default();
    let operation = Operation::parse(&operation)
        .ok_or_else(|| invalid(format!("InvalidJob : '{operation}' is not a valid operation")))?;
    let line_ending = body.line_ending.as_deref().unwrap_or("LF");
    let line_ending = LineEnding::parse(line_ending)
        .ok_or_else(|| invalid(format!("InvalidJob : '{line_ending}' is not a valid lineEnding")))?;
    let delimiter = body.column_delimiter.as_deref().unwrap_or("COMMA");
    let delimiter = DELIMITERS
        .into_iter()
        .find(|(name, _)| *name == delimiter)
        .ok_or_else(|| invalid(format!("InvalidJob : '{delimiter}' is not a valid columnDelimiter")))?;
    if body.content_type.is_some_and(|content_type| content_type != "CSV") {
        return Err(invalid("InvalidJob : contentType must be CSV"));
    }
    let described = org.tables.get(&object).map(|table| &table.object).filter(|object| object.bulk);
    let Some(described) = described else {
        let message = format!("InvalidEntity : Entity '{object}' is not supported by the Bulk API.");
        return Err(ApiError::new(400, "INVALIDENTITY", message));
    };
    let is_allowed = match operation {
        Operation::Insert => described.createable,
        Operation::Update => described.updateable,
        Operation::Upsert => described.createable && described.updateable,
        Operation::Delete | Operation::HardDelete => described.deletable,
    };
    let name = &described.name;
    if !is_allowed {
        let message = format!("InvalidOperation : {} is not allowed on {name}", operation.as_str());
        return Err(ApiError::new(400, "INVALIDOPERATION", message));
    }
    if operation == Operation::HardDelete && !org.settings.hard_delete {
        let message = "FeatureNotEnabled : hardDelete is not enabled for the user";
        return Err(ApiError::new(400, "FEATURENOTENABLED", message));
    }
    if body.assignment_rule_id.is_some() && !matches!(name.as_str(), "Case" | "Lead") {
        return Err(invalid(format!("InvalidJob : {name} has no assignment rules")));
    }
    let external_id = body.external_id_field_name.filter(|field| !field.is_empty());
    let external_id_field = match (operation, external_id) {
        (Operation::Upsert, None) => {
            let text = "An External ID must be specified for upsert.";
            return Err(invalid(format!("InvalidJob : External ID was blank for {name}. {text}")));
        }
        (Operation::Upsert, Some(field)) => {
            let position = described.position(&field).map(|position| &described.fields[position]);
            if !position.is_some_and(|field| field.external_id || field.id_lookup) {
                let text = "does not match an External ID, Salesforce Id, or indexed field for";
                return Err(invalid(format!("InvalidJob : Field name provided, {field} {text} {name}")));
            }
            Some(field)
        }
        // Some clients send the key to every operation.
        _ => None,
    };
    Ok(JobRequest {
        object: name.clone(),
        operation,
        external_id_field,
        assignment_rule_id: body.assignment_rule_id,
        line_ending,
        delimiter,
        api_version,
    })
}
