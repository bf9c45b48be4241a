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
        ("\n X_Y:m:Name -- ", error("X_Y", "m", &["Name"])),
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
    for between in ["", " ", ";", ", ", "\n", "\r\n"] {
        let text = format!(
            "REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --{between}X_Y:second: with -- \
             dashes:--"
        );
        assert_eq!(RowError::parse(&text), [first.clone(), second.clone()], "{between:?}");
    }
    assert_eq!(RowError::parse("A_B:--C_D:two:--"), [error("A_B", "", &[]), error("C_D", "two", &[])]);
    let cut = RowError::parse("A_B:one:--C_D:tw");
    assert_eq!(cut, [error("A_B", "one", &[]), error("C_D", "tw", &[])]);
}

/// Messages that admins write, in which something looks like the end of an error or the begin of the next one.
#[test]
fn a_message_is_whole_whatever_admins_write_into_it() {
    for (message, fields) in [
        ("Status -- CLOSED: no change", &[][..]),
        ("Status -- CLOSED: no change", &["Status"]),
        ("Rabatt -- PLZ_NEU: fehlt", &[]),
        ("Rabatt -- PLZ_NEU: fehlt", &["Discount__c"]),
        ("Bitte prüfen: Umsatz -- PLZ: fehlt", &["A__c", "B__c"]),
        ("A -- B", &["Name"]),
        ("A -- B -- C", &[]),
        ("Call us --", &[]),
        ("Call us --", &["Phone"]),
        ("--", &["Phone"]),
        ("-- see below --", &[]),
        (" -- ", &[]),
        ("a:--b", &[]),
        ("Wait: a, b, c", &["Name"]),
        ("Wait: this, and that: those", &[]),
        ("\"Umsatz\", sagte sie, \"fehlt: 10,5\"", &["Umsatz__c"]),
        ("line one\nline two: -- three\r\nfour", &["Name"]),
        ("line one -- \nTWO: three", &[]),
        ("値が必要です: 名前 -- もう一度", &["Name"]),
        ("Ошибка: поле — пусто -- ИНН: нет", &["Inn__c"]),
        ("खाली: नाम -- फिर", &[]),
        ("50% -- of A_B", &["Pct__c"]),
        ("https://example.com/a--b:c", &[]),
        ("", &[]),
        ("", &["Name"]),
    ] {
        let tail = if fields.is_empty() { "--".to_owned() } else { format!("{} --", fields.join(",")) };
        let text = format!("FIELD_CUSTOM_VALIDATION_EXCEPTION:{message}:{tail}");
        assert_eq!(
            RowError::parse(&text),
            [error("FIELD_CUSTOM_VALIDATION_EXCEPTION", message.trim(), fields)],
            "{text}"
        );
        let lock = error("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record", &[]);
        let two = format!("UNABLE_TO_LOCK_ROW:{}:--{text}", lock.message);
        assert_eq!(RowError::parse(&two).len(), 2, "{two}");
        assert_eq!(RowError::parse(&two)[0], lock, "{two}");
    }
}

#[test]
fn a_long_text_is_read_in_linear_time() {
    // Work that grows with the square of the length would take minutes here.
    let length = 400_000;
    let parts =
        ["--", " --", ":--", "A_B", "--A_B", " --A_B", ":-- ", "a:--A_B", "-- ;,\n", ":a,b --A", ":--A_B:", "A_B, "];
    for part in parts {
        let text = part.repeat(length / part.len());
        let long_code = format!("{}:{text}", "A".repeat(length));
        for text in [text.clone(), long_code, format!("X_Y:{text}"), format!("CANNOT_EXECUTE_FLOW_TRIGGER:{text}:--")] {
            let errors = RowError::parse(&text);
            let length: usize = errors.iter().map(|error| error.code.len() + error.message.len()).sum();
            assert!(length <= text.len() && !errors.is_empty());
            assert!(errors.iter().filter(|error| error.may_retry(Operation::Upsert)).count() == 0);
        }
    }
}

#[test]
fn an_insert_is_retried_only_if_nothing_was_written() {
    for (code, insert, upsert) in [
        ("UNABLE_TO_LOCK_ROW", true, true),
        ("QUERY_TIMEOUT", true, true),
        ("ORG_IN_MAINTENANCE", true, true),
        ("TOO_MANY_APEX_REQUESTS", true, true),
        ("FUNCTIONALITY_TEMPORARILY_UNAVAILABLE", true, true),
        ("INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE", true, true),
        ("REQUEST_RUNNING_TOO_LONG", false, true),
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
}

const LOCKED: &str = "unable to obtain exclusive access to this record or 1 records: 001000000000001AAA";
const LOCKED_QUERY: &str = "Record Currently Unavailable: The record you are attempting to edit, or one of its related records, \
                            is currently being modified by another user. Please try again.";

/// The texts have the forms that people report, with other names and ids.
#[test]
fn an_error_inside_a_trigger_or_a_flow_is_what_it_is_at_its_core() {
    for (text, may_retry) in [
        // Triggers.
        (
            format!(
                "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY:pkg_ContactTrigger: execution of AfterUpdate\n\ncaused by: \
                 System.DmlException: Update failed. First exception on row 0 with id 001000000000001AAA; first error: \
                 UNABLE_TO_LOCK_ROW, {LOCKED}: []\n\n(pkg)\nTrigger.pkg_ContactTrigger: line 7, column 1:--"
            ),
            true,
        ),
        (
            format!(
                "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY:SMS_TRIGGER: execution of AfterInsert\n\ncaused by: \
                 System.DmlException: Update failed. First exception on row 0 with id 003000000000001AAA; first error: \
                 CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY, ROLLUP_TRIGGER: execution of AfterUpdate\n\ncaused by: \
                 System.DmlException: Upsert failed. First exception on row 2; first error: UNABLE_TO_LOCK_ROW, \
                 {LOCKED}: []\n\nClass.pkg.ROLLUP_SERVICE.update: line 1023, column 1\nTrigger.SMS_TRIGGER: line 5, \
                 column 1: []:--"
            ),
            true,
        ),
        (
            format!(
                "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY:AccountTrigger: execution of AfterUpdate\n\ncaused by: \
                 System.QueryException: {LOCKED_QUERY}\n\nTrigger.AccountTrigger: line 3, column 1:--"
            ),
            true,
        ),
        (
            format!(
                "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY:T: execution of AfterInsert\n\ncaused by: System.DmlException: \
                 Update failed. First exception on row 0; first error: CANNOT_EXECUTE_FLOW_TRIGGER, We can't save this \
                 record because the \"Roll Up\" process failed. This error occurred: UNABLE_TO_LOCK_ROW: {LOCKED}: []:--"
            ),
            true,
        ),
        (
            "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY:T: execution of AfterInsert\n\ncaused by: System.DmlException: Insert \
             failed. First exception on row 0; first error: SERVER_UNAVAILABLE, too many requests: []:--"
                .to_owned(),
            true,
        ),
        // Flows and processes, also in other languages.
        (
            format!(
                "CANNOT_EXECUTE_FLOW_TRIGGER:We can't save this record because the \"Update Account\" process failed. Give \
                 your Salesforce admin these details. This error occurred when the flow tried to update records: \
                 UNABLE_TO_LOCK_ROW: {LOCKED}. You can look up ExceptionCode values in the SOAP API Developer Guide. \
                 Error ID: 1411077257-16501 (-871995846):--"
            ),
            true,
        ),
        (
            format!(
                "CANNOT_EXECUTE_FLOW_TRIGGER:No podemos guardar este registro porque se produjo un error en el proceso \
                 \"ASIGNAR_LEAD\". UNABLE_TO_LOCK_ROW: {LOCKED}:--"
            ),
            true,
        ),
        (
            format!(
                "CANNOT_EXECUTE_FLOW_TRIGGER:The flow tried to update these records: 001000000000001AAA. This error \
                 occurred: CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY: TRIGGER_A: execution of AfterUpdate caused by: \
                 System.DmlException: Update failed. First exception on row 0; first error: UNABLE_TO_LOCK_ROW, \
                 {LOCKED}: [] (pkg):--"
            ),
            true,
        ),
        (format!("CANNOT_EXECUTE_FLOW_TRIGGER:An Apex error occurred: System.QueryException: {LOCKED_QUERY}:--"), true),
        (format!("This error occurred: UNABLE_TO_LOCK_ROW: {LOCKED}"), true),
        // A trigger that passes the message of an exception on.
        (
            format!(
                "FIELD_CUSTOM_VALIDATION_EXCEPTION:Update failed. First exception on row 0 with id 001000000000001AAA; \
                 first error: UNABLE_TO_LOCK_ROW, {LOCKED}: []:--"
            ),
            true,
        ),
        (format!("FIELD_CUSTOM_VALIDATION_EXCEPTION:{LOCKED_QUERY}:--"), true),
        // Another error at the core.
        (
            "CANNOT_EXECUTE_FLOW_TRIGGER:We can't save this record because the \"Close\" process failed. This error \
             occurred: FIELD_CUSTOM_VALIDATION_EXCEPTION: Closed Won needs an invoice. After UNABLE_TO_LOCK_ROW: try \
             again:--"
                .to_owned(),
            false,
        ),
        (
            "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY:T: execution of AfterInsert caused by: System.DmlException: Insert \
             failed. First exception on row 0; first error: REQUIRED_FIELD_MISSING, Required fields are missing: \
             [LastName]: [LastName]:--"
                .to_owned(),
            false,
        ),
        ("CANNOT_EXECUTE_FLOW_TRIGGER:Apex CPU time limit exceeded:--".to_owned(), false),
        ("CANNOT_EXECUTE_FLOW_TRIGGER:LIMIT_EXCEEDED: System.LimitException: Too many SOQL queries: 101:--".to_owned(), false),
        (
            "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY:T: execution of AfterUpdate caused by: System.AsyncException: Rate \
             Limiting Exception : AsyncApexExecutions Limit exceeded.:--"
                .to_owned(),
            false,
        ),
        ("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY:no:--".to_owned(), false),
        ("ENTITY_IS_LOCKED:This record is locked. UNABLE_TO_LOCK_ROW:--".to_owned(), false),
        // The words of a lock in a text of an admin, in a name, or in a value of the record.
        ("FIELD_CUSTOM_VALIDATION_EXCEPTION:UNABLE_TO_LOCK_ROW: call the help desk:--".to_owned(), false),
        ("FIELD_CUSTOM_VALIDATION_EXCEPTION:After UNABLE_TO_LOCK_ROW call the help desk:Name --".to_owned(), false),
        ("CANNOT_EXECUTE_FLOW_TRIGGER:The \"UNABLE_TO_LOCK_ROW\" process failed. Attempt to de-reference null:--".to_owned(), false),
        ("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY:Class.UNABLE_TO_LOCK_ROW: line 7, column 1:--".to_owned(), false),
        ("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY:NOT_UNABLE_TO_LOCK_ROW: no:--".to_owned(), false),
        ("STRING_TOO_LONG:Name: data value too large: UNABLE_TO_LOCK_ROW: a (max length=2):Name --".to_owned(), false),
    ] {
        let errors = RowError::parse(&text);
        assert_eq!(errors.len(), 1, "{text}: {errors:?}");
        assert_eq!(errors[0].may_retry(Operation::Upsert), may_retry, "{text}");
        let proves_nothing_written = may_retry && !text.contains("SERVER_UNAVAILABLE");
        assert_eq!(errors[0].may_retry(Operation::Insert), proves_nothing_written, "{text}");
    }
}

#[test]
fn each_code_that_tells_the_error_inside_is_known() {
    for (code, expected) in [
        ("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", true),
        ("CANNOT_EXECUTE_FLOW_TRIGGER", true),
        ("FLOW_EXCEPTION", true),
        ("APEX_ERROR", true),
        ("CUSTOM_APEX_ERROR", true),
        ("", true),
        ("SELF_REFERENCE_FROM_TRIGGER", false),
    ] {
        let message = format!("An error occurred: UNABLE_TO_LOCK_ROW: {LOCKED}");
        assert_eq!(error(code, &message, &[]).may_retry(Operation::Insert), expected, "{code}");
    }
}

#[test]
fn only_a_field_that_is_not_valid_may_be_a_missing_parent() {
    for (code, expected) in [("INVALID_FIELD", true), ("INVALID_FIELD_FOR_INSERT_UPDATE", false), ("", false)] {
        assert_eq!(error(code, "", &[]).may_lack_related_record(), expected, "{code}");
    }
}

#[test]
fn each_frequent_code_has_a_meaning_of_its_own() {
    let codes = [
        "CANNOT_EXECUTE_FLOW_TRIGGER",
        "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
        "CANNOT_UPDATE_CONVERTED_LEAD",
        "CIRCULAR_DEPENDENCY",
        "DELETE_FAILED",
        "DEPENDENCY_EXISTS",
        "DUPLICATES_DETECTED",
        "DUPLICATE_EXTERNAL_ID",
        "DUPLICATE_VALUE",
        "ENTITY_IS_DELETED",
        "ENTITY_IS_LOCKED",
        "FIELD_CUSTOM_VALIDATION_EXCEPTION",
        "FIELD_FILTER_VALIDATION_EXCEPTION",
        "FIELD_INTEGRITY_EXCEPTION",
        "INACTIVE_OWNER_OR_USER",
        "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY",
        "INVALID_CROSS_REFERENCE_KEY",
        "INVALID_EMAIL_ADDRESS",
        "INVALID_FIELD",
        "INVALID_FIELD_FOR_INSERT_UPDATE",
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
        "INVALID_TYPE_ON_FIELD_IN_RECORD",
        "LIMIT_EXCEEDED",
        "MALFORMED_ID",
        "MISSING_ARGUMENT",
        "NOT_FOUND",
        "NUMBER_OUTSIDE_VALID_RANGE",
        "REQUIRED_FIELD_MISSING",
        "SELF_REFERENCE_FROM_TRIGGER",
        "STORAGE_LIMIT_EXCEEDED",
        "STRING_TOO_LONG",
        "TEXT_DATA_OUTSIDE_SUPPORTED_CHARSET",
        "TRANSFER_REQUIRES_READ",
        "UNABLE_TO_LOCK_ROW",
        "UNKNOWN_EXCEPTION",
    ];
    let meanings: std::collections::HashSet<_> =
        codes.iter().map(|code| RowError::meaning(code).expect(code)).collect();
    assert_eq!(meanings.len(), codes.len());
    assert_eq!(
        RowError::meaning("INSUFFICIENT_ACCESS_OR_READONLY"),
        RowError::meaning("INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY")
    );
    assert_eq!(RowError::meaning("SOMETHING_NEW"), None);
}
