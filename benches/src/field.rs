//! A field of the records.

use airbyte::JsonTypes;
use destination_salesforce::convert::Kind;

/// A field of the records.
#[derive(Debug, Clone)]
pub struct Field {
    /// Its name, both in the record and in Salesforce.
    pub name: String,
    /// The values that it takes.
    pub kind: Kind,
}

impl Field {
    /// Its type in the schema of the stream.
    pub fn json_type(&self) -> &'static str {
        match self.kind {
            Kind::Number => "number",
            Kind::Boolean => "boolean",
            _ => "string",
        }
    }

    pub(crate) fn types(&self) -> JsonTypes {
        let name = self.json_type();
        JsonTypes {
            text: name == "string",
            number: name == "number",
            boolean: name == "boolean",
            ..JsonTypes::default()
        }
    }
}
