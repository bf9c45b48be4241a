//! The `sf__Error` text of a failed row.

use crate::Operation;

/// One error of a failed row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowError {
    /// The status code; empty if the text does not begin with one.
    pub code: String,
    /// The message, without code and fields.
    pub message: String,
    /// The fields that the error names.
    pub fields: Vec<String>,
}

/// The operations for which a failed row may be sent again.
#[derive(Clone, Copy, PartialEq, Eq)]
enum RetryFor {
    /// All: Salesforce says that it did not write the row.
    All,
    /// All except insert. The error does not prove that nothing was written, so an insert could create the record
    /// twice.
    AllExceptInsert,
}

/// The codes of transient errors (SOAP API guide, "StatusCode"). A row with another code is rejected.
///
/// `ALREADY_IN_PROCESS` (an approval), `DUPLICATE_VALUE` (jobs of one object do not run at the same time) and
/// `STORAGE_LIMIT_EXCEEDED` are not here, because they do not end within minutes.
const TRANSIENT_CODES: &[(&str, RetryFor)] = &[
    // Another transaction holds the record or its parent; the row was rolled back.
    ("UNABLE_TO_LOCK_ROW", RetryFor::All),
    // A query of a trigger took too long, which rolled the row back.
    ("QUERY_TIMEOUT", RetryFor::All),
    // Salesforce turned the row away before it tried anything.
    ("TOO_MANY_APEX_REQUESTS", RetryFor::All),
    ("FUNCTIONALITY_TEMPORARILY_UNAVAILABLE", RetryFor::All),
    ("INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE", RetryFor::All),
    ("ORG_IN_MAINTENANCE", RetryFor::All),
    // Trouble of the platform itself, at any point of the transaction.
    ("SERVER_UNAVAILABLE", RetryFor::AllExceptInsert),
    ("REQUEST_RUNNING_TOO_LONG", RetryFor::AllExceptInsert),
    ("UNKNOWN_EXCEPTION", RetryFor::AllExceptInsert),
];

impl RowError {
    /// Reads the errors of a row. There is always at least one.
    ///
    /// One error reads `CODE:message:Field1,Field2 --`, or `CODE:message:--` if it names no field. The message may
    /// contain colons and commas, and several errors may follow one another (Bulk API 2.0 guide, "Get Failed Record
    /// Results").
    pub fn parse(text: &str) -> Vec<Self> {
        let mut errors = Vec::new();
        let mut rest = text.trim();
        while let Some((error, next)) = split_at_end(rest) {
            errors.push(Self::parse_complete(error));
            rest = next;
        }
        if !rest.is_empty() || errors.is_empty() {
            errors.push(Self::parse_cut_off(rest));
        }
        errors
    }

    /// Reads one error without the ` --` at its end.
    fn parse_complete(text: &str) -> Self {
        let (code, rest) = split_code(text);
        let (message, fields) = match rest.rsplit_once(':') {
            Some((message, fields)) if are_fields(fields.trim()) => (message, fields.trim()),
            _ => (rest, ""),
        };
        let fields = fields.split(',').map(str::trim).filter(|field| !field.is_empty()).map(str::to_owned);
        Self { code: code.to_owned(), message: message.trim().to_owned(), fields: fields.collect() }
    }

    /// Reads a text that has no ` --` at its end, so its last part need not be the fields.
    fn parse_cut_off(text: &str) -> Self {
        let (code, message) = split_code(text);
        Self { code: code.to_owned(), message: message.trim().to_owned(), fields: Vec::new() }
    }

    /// Whether the row may be sent again: it may then succeed, and it cannot take effect twice.
    pub fn may_retry(&self, operation: Operation) -> bool {
        // A trigger that fails because of a lock has a code of its own, and names the lock in its message.
        let lock_in_trigger =
            self.code == "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY" && self.message.contains("UNABLE_TO_LOCK_ROW");
        let retry_for = TRANSIENT_CODES.iter().find(|(code, _)| *code == self.code).map(|(_, retry_for)| *retry_for);
        match retry_for {
            Some(RetryFor::All) => true,
            Some(RetryFor::AllExceptInsert) => operation != Operation::Insert,
            None => lock_in_trigger,
        }
    }
}

/// Splits off the code, if the text begins with one.
fn split_code(text: &str) -> (&str, &str) {
    match text.split_once(':') {
        Some((code, rest)) if is_code(code) => (code, rest),
        _ => ("", text),
    }
}

/// Splits at the first ` --` or `:--` that ends an error: at the end of the text, or before the next code.
fn split_at_end(text: &str) -> Option<(&str, &str)> {
    text.match_indices("--").find_map(|(at, dashes)| {
        let (error, rest) = (&text[..at], &text[at + dashes.len()..]);
        let rest = rest.trim_start_matches([' ', ',', ';', '\n', '\r']);
        let is_next = rest.split_once(':').is_some_and(|(code, _)| is_code(code));
        (error.ends_with([' ', ':']) && (rest.is_empty() || is_next)).then_some((error, rest))
    })
}

fn is_code(text: &str) -> bool {
    text.len() > 1
        && text.starts_with(|c: char| c.is_ascii_uppercase())
        && text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

/// Whether this can be the list of fields. It may be empty.
fn are_fields(text: &str) -> bool {
    let in_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
    text.split(',').all(|field| field.trim().chars().all(in_name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: &str, message: &str, fields: &[&str]) -> RowError {
        RowError {
            code: code.into(),
            message: message.into(),
            fields: fields.iter().map(|field| (*field).to_owned()).collect(),
        }
    }

    #[test]
    fn an_error_has_code_message_and_fields() {
        for (text, expected) in [
            (
                "REQUIRED_FIELD_MISSING:Required fields are missing: [LastName]:LastName --",
                error("REQUIRED_FIELD_MISSING", "Required fields are missing: [LastName]", &["LastName"]),
            ),
            (
                "REQUIRED_FIELD_MISSING:Required fields are missing: [A__c, B__c]:A__c,B__c --",
                error("REQUIRED_FIELD_MISSING", "Required fields are missing: [A__c, B__c]", &["A__c", "B__c"]),
            ),
            ("X_Y:m:A__c, B__c --", error("X_Y", "m", &["A__c", "B__c"])),
            (
                "UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record or 200 records: 001A,001B:--",
                error(
                    "UNABLE_TO_LOCK_ROW",
                    "unable to obtain exclusive access to this record or 200 records: 001A,001B",
                    &[],
                ),
            ),
            (
                "INVALID_CROSS_REFERENCE_KEY:invalid cross reference id:--",
                error("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", &[]),
            ),
            (
                "DUPLICATES_DETECTED:Use one of these records?:--",
                error("DUPLICATES_DETECTED", "Use one of these records?", &[]),
            ),
            (
                "DUPLICATE_VALUE:Duplicate external id specified: A-1:Ext__c --",
                error("DUPLICATE_VALUE", "Duplicate external id specified: A-1", &["Ext__c"]),
            ),
            (
                "DUPLICATE_EXTERNAL_ID:Ext__c: more than one record found for external id field: [a, b]:--",
                error("DUPLICATE_EXTERNAL_ID", "Ext__c: more than one record found for external id field: [a, b]", &[]),
            ),
            (
                "STRING_TOO_LONG:First Name: data value too large: a -- b: c (max length=40):FirstName --",
                error("STRING_TOO_LONG", "First Name: data value too large: a -- b: c (max length=40)", &["FirstName"]),
            ),
            (
                "FIELD_CUSTOM_VALIDATION_EXCEPTION:Bitte prüfen: Umsatz, Ort -- danke:--",
                error("FIELD_CUSTOM_VALIDATION_EXCEPTION", "Bitte prüfen: Umsatz, Ort -- danke", &[]),
            ),
            (
                "INVALID_FIELD:Foreign key external ID: 31 not found for field P__c in entity Contact:--",
                error("INVALID_FIELD", "Foreign key external ID: 31 not found for field P__c in entity Contact", &[]),
            ),
            (
                "MALFORMED_ID:Contact ID: id value of incorrect type: 001:Id --",
                error("MALFORMED_ID", "Contact ID: id value of incorrect type: 001", &["Id"]),
            ),
            // Texts that do not follow the grammar.
            ("UNKNOWN_EXCEPTION:cut off: in the mid", error("UNKNOWN_EXCEPTION", "cut off: in the mid", &[])),
            (
                "X_Y:the last part is a sentence: not a field --",
                error("X_Y", "the last part is a sentence: not a field", &[]),
            ),
            ("X_Y:no second colon --", error("X_Y", "no second colon", &[])),
            ("X_Y:--", error("X_Y", "", &[])),
            ("X_Y", error("", "X_Y", &[])),
            ("Some text: without a code", error("", "Some text: without a code", &[])),
            ("--", error("", "--", &[])),
            (" --", error("", "--", &[])),
            ("", error("", "", &[])),
        ] {
            assert_eq!(RowError::parse(text), [expected], "{text}");
        }
    }

    #[test]
    fn several_errors_are_separated() {
        let first = error("REQUIRED_FIELD_MISSING", "Required fields are missing: [Name]", &["Name"]);
        let second = error("X_Y", "second: with -- dashes", &[]);
        for between in ["", " ", ";", "\n"] {
            let text = format!(
                "REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --{between}X_Y:second: with -- \
                 dashes:--"
            );
            assert_eq!(RowError::parse(&text), [first.clone(), second.clone()], "{between:?}");
        }
        let cut = RowError::parse("A_B:one:--C_D:tw");
        assert_eq!(cut, [error("A_B", "one", &[]), error("C_D", "tw", &[])]);
    }

    #[test]
    fn an_insert_is_retried_only_if_nothing_was_written() {
        for (code, insert, upsert) in [
            ("UNABLE_TO_LOCK_ROW", true, true),
            ("QUERY_TIMEOUT", true, true),
            ("ORG_IN_MAINTENANCE", true, true),
            ("SERVER_UNAVAILABLE", false, true),
            ("UNKNOWN_EXCEPTION", false, true),
            ("DUPLICATE_VALUE", false, false),
            ("ALREADY_IN_PROCESS", false, false),
            ("STORAGE_LIMIT_EXCEEDED", false, false),
            ("REQUIRED_FIELD_MISSING", false, false),
            ("", false, false),
        ] {
            let error = error(code, "UNABLE_TO_LOCK_ROW in a message counts for triggers only", &[]);
            assert_eq!(error.may_retry(Operation::Insert), insert, "{code}");
            for operation in [Operation::Upsert, Operation::Update, Operation::Delete, Operation::HardDelete] {
                assert_eq!(error.may_retry(operation), upsert, "{code} {operation}");
            }
        }
        let locked = "Trigger: caused by: System.DmlException: first error: UNABLE_TO_LOCK_ROW, unable to obtain";
        assert!(error("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", locked, &[]).may_retry(Operation::Insert));
        assert!(!error("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "no", &[]).may_retry(Operation::Upsert));
    }
}
