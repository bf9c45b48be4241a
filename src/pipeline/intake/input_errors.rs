//! The errors of the input.

use airbyte::{Error, InputError, StreamName};

/// Why a line of the input cannot be processed.
#[derive(Debug)]
pub(super) enum LineError {
    /// The line is wrong, for this reason.
    Invalid(String),
    /// The user must change something.
    Config(Error),
}

impl LineError {
    /// The error that ends the sync; `line` is the number of the line.
    pub(super) fn into_error(self, line: u64) -> Error {
        match self {
            Self::Invalid(reason) => Error::system(format!(
                "Line {line} of the input is not a valid message: {reason}. Everything before it is loaded."
            )),
            Self::Config(error) => error,
        }
    }
}

/// How many streams of the catalog are offered for one that it does not have.
const MOST_OFFERED: usize = 3;

/// Says that the catalog does not have a stream, and which ones are nearly named like it: in another namespace, or in
/// other letter case.
pub(super) fn unknown_stream<'s>(name: &StreamName, known: impl Iterator<Item = &'s StreamName>) -> String {
    let mut near: Vec<&StreamName> = known.filter(|known| known.name.eq_ignore_ascii_case(&name.name)).collect();
    near.sort_by_key(|known| (known.name != name.name, known.to_string()));
    let without = |stream: &StreamName| if stream.namespace.is_none() { " without a namespace" } else { "" };
    let Some(StreamName { namespace, .. }) = near.first() else {
        return format!("the catalog has no stream {name}");
    };
    let offered: Vec<String> = near.iter().take(MOST_OFFERED).map(|near| format!("{near}{}", without(near))).collect();
    let more = if near.len() > MOST_OFFERED { " and others" } else { "" };
    let hint = if *namespace == name.namespace { "name" } else { "namespace" };
    format!(
        "the catalog has no stream {name}{}, but {}{more}; the {hint} must be the same in both",
        without(name),
        offered.join(", ")
    )
}

/// The error of an input that cannot be read further.
pub(super) fn input_failed(error: &InputError) -> Error {
    match error {
        InputError::LineTooLong { line, limit } => Error::system(format!(
            "Line {line} of the input is longer than {limit} bytes, which no record of Salesforce can be. Everything \
             before it is loaded."
        )),
        InputError::Read { line, source } => Error::transient(format!(
            "Standard input could not be read after line {line}. Everything before it is loaded."
        ))
        .internal(source),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(namespace: Option<&str>, name: &str) -> StreamName {
        StreamName { namespace: namespace.map(str::to_owned), name: name.to_owned() }
    }

    #[test]
    fn a_stream_that_the_catalog_lacks_is_reported_with_those_of_nearly_its_name() {
        let catalog = [
            stream(Some("crm"), "contacts"),
            stream(Some("erp"), "contacts"),
            stream(None, "orders"),
            stream(Some("crm"), "leads"),
        ];
        for (namespace, name, expected) in [
            (
                None,
                "contacts",
                "the catalog has no stream contacts without a namespace, but crm.contacts, erp.contacts; the namespace \
                 must be the same in both",
            ),
            (
                Some("crm"),
                "orders",
                "the catalog has no stream crm.orders, but orders without a namespace; the namespace must be the same in \
                 both",
            ),
            (
                Some("crm"),
                "Leads",
                "the catalog has no stream crm.Leads, but crm.leads; the name must be the same in both",
            ),
            (None, "other", "the catalog has no stream other"),
        ] {
            assert_eq!(unknown_stream(&stream(namespace, name), catalog.iter()), expected);
        }
        let many: Vec<StreamName> = (0..5).map(|number| stream(Some(&format!("n{number}")), "a")).collect();
        let text = unknown_stream(&stream(None, "a"), many.iter());
        assert!(text.contains("but n0.a, n1.a, n2.a and others;"), "{text}");
    }
}
