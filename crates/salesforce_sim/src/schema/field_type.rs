//! The types of fields.

/// The type of a field (REST API Developer Guide, "sObject Describe").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FieldType {
    Id,
    String,
    TextArea,
    Picklist,
    MultiPicklist,
    Email,
    Phone,
    Url,
    EncryptedString,
    Boolean,
    Int,
    Double,
    Currency,
    Percent,
    Date,
    DateTime,
    Time,
    Reference,
    Address,
    Base64,
}

impl FieldType {
    /// The `type` and the `soapType` in a describe.
    pub(crate) fn api_names(self) -> (&'static str, &'static str) {
        match self {
            Self::Id => ("id", "tns:ID"),
            Self::String => ("string", "xsd:string"),
            Self::TextArea => ("textarea", "xsd:string"),
            Self::Picklist => ("picklist", "xsd:string"),
            Self::MultiPicklist => ("multipicklist", "xsd:string"),
            Self::Email => ("email", "xsd:string"),
            Self::Phone => ("phone", "xsd:string"),
            Self::Url => ("url", "xsd:string"),
            Self::EncryptedString => ("encryptedstring", "xsd:string"),
            Self::Boolean => ("boolean", "xsd:boolean"),
            Self::Int => ("int", "xsd:int"),
            Self::Double => ("double", "xsd:double"),
            Self::Currency => ("currency", "xsd:double"),
            Self::Percent => ("percent", "xsd:double"),
            Self::Date => ("date", "xsd:date"),
            Self::DateTime => ("datetime", "xsd:dateTime"),
            Self::Time => ("time", "xsd:time"),
            Self::Reference => ("reference", "tns:ID"),
            Self::Address => ("address", "urn:address"),
            Self::Base64 => ("base64", "xsd:base64Binary"),
        }
    }
}
