//! The `sf__Error` text of a failed row.

use super::Operation;

/// One error of a failed row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowError {
    /// The status code; empty where the text does not begin with one.
    pub code: String,
    /// The message, without code and fields.
    pub message: String,
    /// The fields that the error names.
    pub fields: Vec<String>,
}

/// For which operations a failed row may be sent again.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Again {
    /// For all: Salesforce says that the row was not written.
    Any,
    /// For those that name the record they change. The failure does not prove that nothing was written, so an insert
    /// might be made twice.
    ByKey,
}

/// The codes that may pass (SOAP API guide, "StatusCode"). Where a code is missing here, the row is rejected.
///
/// `ALREADY_IN_PROCESS` (an approval), `DUPLICATE_VALUE` (jobs of one object do not race each other) and
/// `STORAGE_LIMIT_EXCEEDED` are left out on purpose: they do not pass within minutes.
const PASSING: &[(&str, Again)] = &[
    // Another transaction holds the record or its parent; the row was rolled back.
    ("UNABLE_TO_LOCK_ROW", Again::Any),
    // A query of a trigger took too long, which rolled the row back.
    ("QUERY_TIMEOUT", Again::Any),
    // Turned away before anything was tried.
    ("TOO_MANY_APEX_REQUESTS", Again::Any),
    ("FUNCTIONALITY_TEMPORARILY_UNAVAILABLE", Again::Any),
    ("INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE", Again::Any),
    ("ORG_IN_MAINTENANCE", Again::Any),
    // Trouble of the platform itself, at any moment of the transaction.
    ("SERVER_UNAVAILABLE", Again::ByKey),
    ("REQUEST_RUNNING_TOO_LONG", Again::ByKey),
    ("UNKNOWN_EXCEPTION", Again::ByKey),
];

impl RowError {
    /// The errors of a row; at least one, whatever the text is.
    ///
    /// One error reads `CODE:message:Field1,Field2 --`, or `CODE:message:--` when it names no field; the message may
    /// hold colons and commas, and several errors may follow one another (Bulk API 2.0 guide, "Get Failed Record
    /// Results").
    pub fn parse(text: &str) -> Vec<Self> {
        let mut errors = Vec::new();
        let mut rest = text.trim();
        while let Some((error, behind)) = split_at_end(rest) {
            errors.push(Self::parse_one(error, true));
            rest = behind;
        }
        if !rest.is_empty() || errors.is_empty() {
            errors.push(Self::parse_one(rest, false));
        }
        errors
    }

    /// `ended` tells whether the text had its ` --`; only then are fields at its end.
    fn parse_one(text: &str, ended: bool) -> Self {
        let (code, rest) = match text.split_once(':') {
            Some((code, rest)) if is_code(code) => (code, rest),
            _ => ("", text),
        };
        let (message, fields) = match rest.rsplit_once(':') {
            Some((message, fields)) if ended && are_fields(fields.trim()) => (message, fields.trim()),
            _ => (rest, ""),
        };
        let fields = fields.split(',').map(str::trim).filter(|field| !field.is_empty()).map(str::to_owned);
        Self { code: code.to_owned(), message: message.trim().to_owned(), fields: fields.collect() }
    }

    /// Whether the row may succeed when it is sent again, and sending it again cannot do anything twice.
    pub fn is_passing(&self, operation: Operation) -> bool {
        // A trigger that meets a lock fails with a code of its own and tells the lock in its message.
        let lock_in_trigger =
            self.code == "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY" && self.message.contains("UNABLE_TO_LOCK_ROW");
        let again = PASSING.iter().find(|(code, _)| *code == self.code).map(|(_, again)| *again);
        match again {
            Some(Again::Any) => true,
            Some(Again::ByKey) => operation != Operation::Insert,
            None => lock_in_trigger,
        }
    }
}

/// Splits behind the first ` --` or `:--` that ends an error: at the end of the text, or before the next code.
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

/// Whether this can be the list of fields; an empty one is.
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
    fn an_error_is_taken_apart() {
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
            // Not by the grammar.
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
    fn several_errors_are_told_apart() {
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
    fn only_what_cannot_double_an_insert_is_sent_again() {
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
            assert_eq!(error.is_passing(Operation::Insert), insert, "{code}");
            for operation in [Operation::Upsert, Operation::Update, Operation::Delete, Operation::HardDelete] {
                assert_eq!(error.is_passing(operation), upsert, "{code} {operation}");
            }
        }
        let locked = "Trigger: caused by: System.DmlException: first error: UNABLE_TO_LOCK_ROW, unable to obtain";
        assert!(error("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", locked, &[]).is_passing(Operation::Insert));
        assert!(!error("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "no", &[]).is_passing(Operation::Upsert));
    }
}
