//! The entries of `streams`: settings for one stream that the connection does not set.

use std::collections::HashSet;

use super::deletes::{self, DeleteSettings};
use super::matching::{self, MatchSettings};
use super::raw::{self, non_blank};
use super::renames::{self, Renames};
use super::violations::Violations;
use salesforce::Operation;

/// The settings of one stream. What is not set is up to the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StreamSettings {
    stream: String,
    namespace: Option<String>,
    object: Option<String>,
    operation: Option<Operation>,
    external_id_field: Option<String>,
    assignment_rule_id: Option<String>,
    renames: Renames,
    deletes: DeleteSettings,
    matching: Option<MatchSettings>,
}

impl StreamSettings {
    /// The name of the stream.
    pub(crate) fn stream(&self) -> &str {
        &self.stream
    }

    /// The namespace of the stream. Without it, the entry is for the stream in every namespace.
    pub(crate) fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    pub(crate) fn object(&self) -> Option<&str> {
        self.object.as_deref()
    }

    pub(crate) fn operation(&self) -> Option<Operation> {
        self.operation
    }

    /// The external id by which records are found.
    pub(crate) fn external_id_field(&self) -> Option<&str> {
        self.external_id_field.as_deref()
    }

    /// By which other fields records are found.
    pub(crate) fn matching(&self) -> Option<&MatchSettings> {
        self.matching.as_ref()
    }

    /// The assignment rule for cases or leads.
    pub(crate) fn assignment_rule_id(&self) -> Option<&str> {
        self.assignment_rule_id.as_deref()
    }

    pub(crate) fn renames(&self) -> &Renames {
        &self.renames
    }

    /// What becomes of the records that the source has deleted.
    pub(crate) fn deletes(&self) -> &DeleteSettings {
        &self.deletes
    }

    /// The settings of a stream that has no entry: a file of a person.
    pub(super) fn of_file(name: &str, object: &str, operation: Operation) -> Self {
        Self {
            stream: name.to_owned(),
            namespace: None,
            object: Some(object.to_owned()),
            operation: Some(operation),
            external_id_field: None,
            assignment_rule_id: None,
            renames: Renames::new(),
            deletes: DeleteSettings::default(),
            matching: None,
        }
    }

    /// The same with the fields by which its records are found.
    pub(super) fn found_by(self, external_id_field: Option<String>, matching: Option<MatchSettings>) -> Self {
        Self { external_id_field, matching, ..self }
    }

    /// The same with its renamed columns.
    pub(super) fn with_renames(self, renames: Renames) -> Self {
        Self { renames, ..self }
    }

    /// The entry for a stream: the one for its namespace, or else the one without a namespace.
    pub(super) fn find<'a>(all: &'a [Self], namespace: Option<&str>, name: &str) -> Option<&'a Self> {
        let with_name = || all.iter().filter(|entry| entry.stream == name);
        let with_namespace = with_name().find(|entry| entry.namespace.as_deref() == namespace);
        with_namespace.or_else(|| with_name().find(|entry| entry.namespace.is_none()))
    }
}

/// Checks the entries of `streams`. Leaves out an entry without a stream.
pub(super) fn validate(entries: Vec<Option<raw::Stream>>, violations: &mut Violations) -> Vec<StreamSettings> {
    let mut seen = HashSet::new();
    let mut streams = Vec::with_capacity(entries.len());
    for (index, entry) in entries.into_iter().enumerate() {
        let Some(entry) = entry else { continue };
        let key = format!("streams[{index}]");
        let Some(settings) = validate_entry(entry, &key, violations) else { continue };
        if !seen.insert((settings.stream.clone(), settings.namespace.clone())) {
            violations.add(key, "repeats the stream and namespace of an earlier entry");
        }
        streams.push(settings);
    }
    streams
}

fn validate_entry(mut entry: raw::Stream, key: &str, violations: &mut Violations) -> Option<StreamSettings> {
    let operation = entry.operation.map(Operation::from);
    let external_id_field = non_blank(entry.external_id_field.take());
    if external_id_field.is_some() && operation == Some(Operation::Insert) {
        violations
            .add(format!("{key}.external_id_field"), "is for an operation that finds records, and an insert does not");
    }
    let matching = entry.matching.take().and_then(|entry| matching::validate(entry, operation, key, violations));
    if matching.is_some() && external_id_field.is_some() {
        violations.add(format!("{key}.match"), "does the same as `external_id_field`: keep one of them");
    }
    let assignment_rule_id = non_blank(entry.assignment_rule_id.take());
    if assignment_rule_id.as_deref().is_some_and(|id| !is_record_id(id)) {
        violations.add(format!("{key}.assignment_rule_id"), "must be a Salesforce id of 15 or 18 letters and digits");
    }
    let renames = renames::validate(entry.fields.take().unwrap_or_default(), key, violations);
    let deletes = deletes::validate(&mut entry, operation, &renames, key, violations);
    let Some(stream) = entry.stream.filter(|name| !name.is_empty()) else {
        violations.add(format!("{key}.stream"), "is missing");
        return None;
    };
    Some(StreamSettings {
        stream,
        namespace: entry.namespace.filter(|name| !name.is_empty()),
        object: non_blank(entry.object),
        operation,
        external_id_field,
        assignment_rule_id,
        renames,
        deletes,
        matching,
    })
}

/// Whether text has the form of a record id (Salesforce object reference, "ID Field Type").
fn is_record_id(text: &str) -> bool {
    matches!(text.len(), 15 | 18) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

impl From<raw::Operation> for Operation {
    fn from(operation: raw::Operation) -> Self {
        match operation {
            raw::Operation::Insert => Self::Insert,
            raw::Operation::Update => Self::Update,
            raw::Operation::Upsert => Self::Upsert,
            raw::Operation::Delete => Self::Delete,
            raw::Operation::HardDelete => Self::HardDelete,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::test_configs::{assert_invalid, client, valid};

    #[test]
    fn every_key_of_an_entry_is_read() {
        let config = valid(&client(json!({"streams": [{
            "stream": "customers", "namespace": "public", "object": " Account ", "operation": "upsert",
            "external_id_field": "External_Id__c", "assignment_rule_id": "01Q000000000001",
            "fields": [{"source": "name", "target": "Name"}, {"source": "Name", "target": "Owner.Email"}],
        }]})));
        let stream = config.stream(Some("public"), "customers").unwrap();
        assert_eq!((&*stream.stream, stream.namespace.as_deref()), ("customers", Some("public")));
        assert_eq!(stream.object(), Some("Account"));
        assert_eq!(stream.operation(), Some(Operation::Upsert));
        assert_eq!(stream.external_id_field(), Some("External_Id__c"));
        assert_eq!(stream.assignment_rule_id(), Some("01Q000000000001"));
        assert_eq!(config.streams.len(), 1);
        assert_eq!(["name", "Name", "id"].map(|it| stream.renames().column(it)), ["Name", "Owner.Email", "id"]);
    }

    #[test]
    fn every_operation_can_be_set() {
        for (name, operation) in [
            ("insert", Operation::Insert),
            ("update", Operation::Update),
            ("upsert", Operation::Upsert),
            ("delete", Operation::Delete),
            ("hard_delete", Operation::HardDelete),
        ] {
            let config = valid(&client(json!({"streams": [{"stream": "a", "operation": name}]})));
            assert_eq!(config.stream(None, "a").unwrap().operation(), Some(operation));
            assert_eq!(operation.to_string(), name);
        }
    }

    #[test]
    fn the_entry_for_the_namespace_comes_first() {
        let config = valid(&client(json!({"streams": [
            {"stream": "a", "object": "Any"},
            {"stream": "a", "namespace": "x", "object": "OfX"},
            {"stream": "b", "namespace": "y", "object": "OfY"},
            {"stream": "c", "namespace": "", "object": "Blank"},
        ]})));
        for (namespace, name, expected) in [
            (None, "a", Some("Any")),
            (Some("x"), "a", Some("OfX")),
            (Some("y"), "a", Some("Any")),
            (Some("y"), "b", Some("OfY")),
            (Some("x"), "b", None),
            (None, "b", None),
            (Some("x"), "c", Some("Blank")),
            (None, "d", None),
            (None, "A", None),
        ] {
            let found = config.stream(namespace, name).and_then(StreamSettings::object);
            assert_eq!(found, expected, "{namespace:?} {name}");
        }
    }

    #[test]
    fn each_broken_rule_is_named() {
        let id_rule = "must be a Salesforce id of 15 or 18 letters and digits";
        let finds_rule = "is for an operation that finds records, and an insert does not";
        for (streams, violation) in [
            (json!([{"stream": ""}]), "`streams[0].stream` is missing".to_owned()),
            (json!([{"object": "Account"}]), "`streams[0].stream` is missing".to_owned()),
            (
                json!([{"stream": "a"}, {"stream": "b"}, {"stream": "a"}]),
                "`streams[2]` repeats the stream and namespace of an earlier entry".to_owned(),
            ),
            (
                json!([{"stream": "a", "namespace": "x"}, {"stream": "a", "namespace": "x"}]),
                "`streams[1]` repeats the stream and namespace of an earlier entry".to_owned(),
            ),
            (
                json!([{"stream": "a", "operation": "insert", "external_id_field": "X__c"}]),
                format!("`streams[0].external_id_field` {finds_rule}"),
            ),
            (
                json!([{"stream": "a", "external_id_field": "X__c", "match": {"fields": ["Email"]}}]),
                "`streams[0].match` does the same as `external_id_field`: keep one of them".to_owned(),
            ),
            (
                json!([{"stream": "a", "assignment_rule_id": "01Q0000000000011"}]),
                format!("`streams[0].assignment_rule_id` {id_rule}"),
            ),
            (
                json!([{"stream": "a", "assignment_rule_id": "01Q00000000000-"}]),
                format!("`streams[0].assignment_rule_id` {id_rule}"),
            ),
        ] {
            assert_invalid(&client(json!({ "streams": streams })), &[&violation]);
        }
    }

    #[test]
    fn a_text_of_blanks_is_no_choice() {
        let blank = json!({"stream": "a", "object": " ", "external_id_field": " \n", "assignment_rule_id": " "});
        let config = valid(&client(json!({"streams": [blank]})));
        let stream = config.stream(None, "a").unwrap();
        assert_eq!((stream.object(), stream.external_id_field(), stream.assignment_rule_id()), (None, None, None));
    }

    #[test]
    fn an_external_id_field_needs_no_operation() {
        let config = valid(&client(json!({"streams": [{"stream": "a", "external_id_field": "X__c"}]})));
        assert_eq!(config.stream(None, "a").unwrap().external_id_field(), Some("X__c"));
    }

    #[test]
    fn an_assignment_rule_is_named_by_an_id_of_15_or_18_characters() {
        for length in 1..=20 {
            let config = client(json!({"streams": [{"stream": "a", "assignment_rule_id": "0".repeat(length)}]}));
            let is_valid = crate::config::Config::parse(&config.to_string()).is_ok();
            assert_eq!(is_valid, matches!(length, 15 | 18), "{length}");
        }
    }
}
