//! Which errors of rows pass: the row may be sent again.

/// The operations for which a failed row may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RetryFor {
    /// All: Salesforce says that it did not write the row.
    All,
    /// All except insert. The error does not prove that nothing was written, so an insert could create the record
    /// twice.
    AllExceptInsert,
}

/// The codes of transient errors (SOAP API guide, "StatusCode"). A row with another code is rejected.
///
/// `ALREADY_IN_PROCESS` and `ENTITY_IS_LOCKED` (an approval), `DUPLICATE_VALUE` (jobs of one object do not run at the same
/// time), `STORAGE_LIMIT_EXCEEDED` and limits of Apex are not here, because they do not end within minutes.
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

/// The text of a query with `FOR UPDATE` in a trigger or a flow that did not get its lock (Apex guide, "Locking
/// Statements"; text as in issues of Declarative Lookup Rollup Summaries). It has no code.
const LOCKED_QUERY: &str = "Record Currently Unavailable: The record you are attempting to edit";

/// The codes of errors in code and processes of the org, whose message contains the error inside: a trigger, a flow or
/// a process. The row was rolled back with them.
///
/// | code | how the message names the error inside | seen in |
/// | --- | --- | --- |
/// | `CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY` | `first error: UNABLE_TO_LOCK_ROW, unable to obtain ...` | issues 847 and 1241 of Declarative Lookup Rollup Summaries |
/// | `CANNOT_EXECUTE_FLOW_TRIGGER` | `This error occurred: UNABLE_TO_LOCK_ROW: unable to obtain ...` | Salesforce Help, "Flow Error Messages"; in the language of the user |
/// | `FLOW_EXCEPTION`, `APEX_ERROR`, `CUSTOM_APEX_ERROR` | the same | a guess |
/// | none | the same | a guess: the text of a flow alone |
const WRAPPERS: &[&str] = &[
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
    "CANNOT_EXECUTE_FLOW_TRIGGER",
    "FLOW_EXCEPTION",
    "APEX_ERROR",
    "CUSTOM_APEX_ERROR",
    "",
];

/// The code of a validation rule, and of a trigger that refuses a row with `addError`. Its message is written by
/// people, so it shows an error inside only in the form of an Apex exception: a trigger may pass the message of one on.
const WRITTEN_BY_PEOPLE: &str = "FIELD_CUSTOM_VALIDATION_EXCEPTION";

/// What an Apex exception has before the code of the error inside.
const FIRST_ERROR: &str = "first error: ";

/// For which operations a row with this error may be sent again. `None` if it is rejected.
///
/// An error of a trigger or a flow is what its innermost error is. A row that is taken for a transient failure by
/// mistake costs its retries; it was not written, so nothing is doubled.
pub(super) fn classify(code: &str, message: &str) -> Option<RetryFor> {
    if let Some(retry_for) = of_code(code) {
        return Some(retry_for);
    }
    if !WRAPPERS.contains(&code) && code != WRITTEN_BY_PEOPLE {
        return None;
    }
    let (mut core, mut after_core) = (code, message);
    for (at, nested) in nested_codes(message) {
        if core != WRITTEN_BY_PEOPLE || message[..at].ends_with(FIRST_ERROR) {
            (core, after_core) = (nested, &message[at + nested.len()..]);
        }
    }
    of_code(core).or_else(|| after_core.contains(LOCKED_QUERY).then_some(RetryFor::All))
}

fn of_code(code: &str) -> Option<RetryFor> {
    TRANSIENT_CODES.iter().find(|(transient, _)| *transient == code).map(|(_, retry_for)| *retry_for)
}

/// The words in a message that have the form of a code with a message after it (`CODE, message` or `CODE: message`),
/// and where they begin. Names of triggers in capitals are among them.
fn nested_codes(message: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_in_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            at += message[at..].find(is_in_word)?;
            let (start, rest) = (at, &message[at..]);
            let word = &rest[..rest.find(|c| !is_in_word(c)).unwrap_or(rest.len())];
            at += word.len();
            let is_followed = message[at..].starts_with([':', ',']);
            if is_followed && word.contains('_') && super::is_code(word) {
                return Some((start, word));
            }
        }
    })
}
