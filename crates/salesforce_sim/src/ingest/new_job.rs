//! Reads the request for a new job (Bulk API 2.0, "Create a Job").

use serde::Deserialize;

use crate::{
    csv::{DELIMITERS, LineEnding},
    org::{JobRequest, Operation, Org},
    reply::ApiError,
    schema::Object,
};

/// The body of the call. Any other property is an error.
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

/// Reads the body of the call and checks it against the org.
pub(super) fn read(body: &[u8], org: &Org, api_version: f64) -> Result<JobRequest, ApiError> {
    let body: Body = serde_json::from_slice(body).map_err(|error| ApiError::json_parser(&error))?;
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
    check_operation(operation, described, org)?;
    let name = &described.name;
    if body.assignment_rule_id.is_some() && !matches!(name.as_str(), "Case" | "Lead") {
        return Err(invalid(format!("InvalidJob : {name} has no assignment rules")));
    }
    let external_id_field = external_id_field(operation, body.external_id_field_name, described)?;
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

/// Checks that the user may run the operation on the object.
fn check_operation(operation: Operation, object: &Object, org: &Org) -> Result<(), ApiError> {
    let is_allowed = match operation {
        Operation::Insert => object.createable,
        Operation::Update => object.updateable,
        Operation::Upsert => object.createable && object.updateable,
        Operation::Delete | Operation::HardDelete => object.deletable,
    };
    if !is_allowed {
        let message = format!("InvalidOperation : {} is not allowed on {}", operation.as_str(), object.name);
        return Err(ApiError::new(400, "INVALIDOPERATION", message));
    }
    if operation == Operation::HardDelete && !org.settings.hard_delete {
        let message = "FeatureNotEnabled : hardDelete is not enabled for the user";
        return Err(ApiError::new(400, "FEATURENOTENABLED", message));
    }
    Ok(())
}

/// Returns the external id field of an upsert, or `None` for another operation.
fn external_id_field(operation: Operation, field: Option<String>, object: &Object) -> Result<Option<String>, ApiError> {
    if operation != Operation::Upsert {
        // Some clients send the field with every operation.
        return Ok(None);
    }
    let name = &object.name;
    let Some(field) = field.filter(|field| !field.is_empty()) else {
        let text = "An External ID must be specified for upsert.";
        return Err(invalid(format!("InvalidJob : External ID was blank for {name}. {text}")));
    };
    let known = object.position(&field).map(|position| &object.fields[position]);
    if !known.is_some_and(|field| field.external_id || field.id_lookup) {
        let text = "does not match an External ID, Salesforce Id, or indexed field for";
        return Err(invalid(format!("InvalidJob : Field name provided, {field} {text} {name}")));
    }
    Ok(Some(field))
}
