//! What an org says of its objects and their fields.

mod field;
mod many;
mod writable;

use serde::Deserialize;

pub use field::{Field, FieldType};

use super::Org;
use super::fault::Fault;
use super::http::Call;

/// An object and its fields, as the signed-in user may see them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Describe {
    /// The API name.
    pub name: String,
    /// The label.
    pub label: String,
    /// Whether the user may create records.
    pub createable: bool,
    /// Whether the user may change records.
    pub updateable: bool,
    /// Whether the user may delete records.
    pub deletable: bool,
    /// The fields that the user may see; a field that is hidden from the user is not there.
    #[serde(deserialize_with = "field::fields")]
    pub fields: Vec<Field>,
}

/// An object in the list of all objects.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ObjectSummary {
    /// The API name.
    pub name: String,
    /// The label.
    pub label: String,
    /// Whether the user may create records.
    pub createable: bool,
    /// Whether the user may change records.
    pub updateable: bool,
    /// Whether the user may delete records.
    pub deletable: bool,
    /// Whether the user may read records.
    pub queryable: bool,
}

impl Describe {
    /// A field by its API name, whatever its case.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name))
    }
}

impl Org {
    /// Describes one object (REST API guide, "sObject Describe").
    pub async fn describe(&self, object: &str) -> Result<Describe, Fault> {
        self.http.json(&Call::get(&["sobjects", object, "describe"])).await
    }

    /// Every object that the user may see (REST API guide, "Describe Global").
    pub async fn describe_global(&self) -> Result<Vec<ObjectSummary>, Fault> {
        #[derive(Deserialize)]
        struct Global {
            sobjects: Vec<ObjectSummary>,
        }
        let global: Global = self.http.json(&Call::get(&["sobjects"])).await?;
        Ok(global.sobjects)
    }
}

#[cfg(test)]
mod tests;
