//! The objects of an org and their fields.

mod field;
mod many;
mod writable;

use serde::Deserialize;

pub use field::{Field, FieldType};

use crate::Org;
use crate::fault::Fault;
use crate::http::Call;

/// An object and its fields, as the signed-in user may see them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Describe {
    /// The API name.
    pub name: String,
    /// Whether the user may create records.
    pub createable: bool,
    /// Whether the user may change records.
    pub updateable: bool,
    /// Whether the user may delete records.
    pub deletable: bool,
    /// Whether queries may read records.
    pub queryable: bool,
    /// Whether [`Org::updated`] and [`Org::deleted`] name records.
    pub replicateable: bool,
    /// The fields that the user may see.
    #[serde(deserialize_with = "field::fields")]
    pub fields: Vec<Field>,
}

/// One object of the list of all objects.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ObjectSummary {
    /// The API name.
    pub name: String,
    /// Whether the user may create records.
    pub createable: bool,
    /// Whether the user may change records.
    pub updateable: bool,
    /// Whether the user may delete records.
    pub deletable: bool,
    /// Whether queries may read records.
    pub queryable: bool,
}

impl Describe {
    /// The field with this API name; case does not matter.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name))
    }
}

impl Org {
    /// Describes one object (REST API guide, "sObject Describe").
    ///
    /// # Errors
    /// The user is not allowed to see the object ([`NotFound`](crate::FaultKind::NotFound)), or Salesforce cannot be
    /// reached.
    pub async fn describe(&self, object: &str) -> Result<Describe, Fault> {
        // The answer must be about this object: it may come from something else than Salesforce.
        let read = |body: &[u8]| {
            let describe: Describe = serde_json::from_slice(body).map_err(|error| error.to_string())?;
            let is_same = is_described_as(&describe.name, object);
            if is_same { Ok(describe) } else { Err("it is about another object".to_owned()) }
        };
        let call = Call::get(&["sobjects", object, "describe"]);
        self.http.read(&call.patience(self.http.preparing("describing an object")), read).await
    }

    /// Lists every object that the user may see (REST API guide, "Describe Global").
    ///
    /// # Errors
    /// The user is not allowed to use the API, or Salesforce cannot be reached.
    pub async fn describe_global(&self) -> Result<Vec<ObjectSummary>, Fault> {
        #[derive(Deserialize)]
        struct Global {
            sobjects: Vec<ObjectSummary>,
        }
        let global: Global = self.http.json(&Call::get(&["sobjects"])).await?;
        Ok(global.sobjects)
    }
}

/// Whether `described` is the name of the object that was asked for as `asked`. An org with a namespace of its own may
/// take `My__c` for its object `acme__My__c`; the name of the describe is the one to go on with.
fn is_described_as(described: &str, asked: &str) -> bool {
    let Some(at) = described.len().checked_sub(asked.len()) else { return false };
    let Some((before, name)) = described.split_at_checked(at) else { return false };
    // Only the names of custom objects have such an end, and no name has two namespaces.
    let may_lack_namespace = asked.matches("__").count() == 1;
    let is_namespace = |text: &str| text.starts_with(|first: char| first.is_ascii_alphabetic()) && !text.contains("__");
    name.eq_ignore_ascii_case(asked)
        && (before.is_empty() || (may_lack_namespace && before.strip_suffix("__").is_some_and(is_namespace)))
}

#[cfg(test)]
mod tests;
