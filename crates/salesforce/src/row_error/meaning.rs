//! What the status codes of rows mean, in words that hold no value of a record. Salesforce's own message may hold one.
//!
//! The meanings follow the list of `StatusCode` in the SOAP API Developer Guide ("Core Data Types Used in API Calls").

/// The meaning of a status code, as words after a colon. `None` for a code that is rare.
pub(super) fn meaning(code: &str) -> Option<&'static str> {
    Some(match code {
        "CANNOT_EXECUTE_FLOW_TRIGGER" => "a flow of the org failed",
        "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY" => "a trigger or a flow of the org failed",
        "CANNOT_UPDATE_CONVERTED_LEAD" => "the lead is converted",
        "CIRCULAR_DEPENDENCY" => "the record would be its own parent or ancestor",
        "DELETE_FAILED" => "the record cannot be deleted, for example because other records need it",
        "DEPENDENCY_EXISTS" => "other records need it",
        "DUPLICATES_DETECTED" => "a duplicate rule of the org found a similar record",
        "DUPLICATE_EXTERNAL_ID" => "several records of the org have this external id",
        "DUPLICATE_VALUE" => "another record of the org has the same value in a unique field",
        "ENTITY_IS_DELETED" => "the record is deleted",
        "ENTITY_IS_LOCKED" => "the record is locked, for example by an approval process",
        "FIELD_CUSTOM_VALIDATION_EXCEPTION" => "a validation rule of the org does not accept the record",
        "FIELD_FILTER_VALIDATION_EXCEPTION" => "a lookup filter of the org does not accept the related record",
        "FIELD_INTEGRITY_EXCEPTION" => "the value does not fit other values of the record",
        "INACTIVE_OWNER_OR_USER" => "the record names an inactive user",
        "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY" | "INSUFFICIENT_ACCESS_OR_READONLY" => {
            "the signed-in user is not allowed to write this record, or one that it refers to"
        }
        "INVALID_CROSS_REFERENCE_KEY" => "an id does not name a record that can be used",
        "INVALID_EMAIL_ADDRESS" => "the value is not an e-mail address",
        "INVALID_FIELD" => "a field, or a related record, does not exist",
        "INVALID_FIELD_FOR_INSERT_UPDATE" => "the field cannot be written in this record",
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST" => "the value is not in the picklist of the field",
        "INVALID_TYPE_ON_FIELD_IN_RECORD" => "the value is not of the type of the field",
        "LIMIT_EXCEEDED" => "a limit of the org is reached",
        "MALFORMED_ID" => "the value is not an id of the object",
        "MISSING_ARGUMENT" => "the key has no value",
        "NOT_FOUND" => "the org has no such record",
        "NUMBER_OUTSIDE_VALID_RANGE" => "the number has too many digits for the field",
        "REQUIRED_FIELD_MISSING" => "a required field has no value",
        "SELF_REFERENCE_FROM_TRIGGER" => "a trigger of the org writes the same record again",
        "STORAGE_LIMIT_EXCEEDED" => "the org has no room for more data",
        "STRING_TOO_LONG" => "the text is longer than the field",
        "TEXT_DATA_OUTSIDE_SUPPORTED_CHARSET" => "the text has characters that the org does not accept",
        "TRANSFER_REQUIRES_READ" => "the new owner is not allowed to read the record",
        "UNABLE_TO_LOCK_ROW" => "the record was locked, and sending it again did not help",
        "UNKNOWN_EXCEPTION" => "Salesforce had an internal error",
        _ => return None,
    })
}
