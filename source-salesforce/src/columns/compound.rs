//! Compound fields: addresses and places.

use salesforce::{Field, FieldType};

use super::{Column, ColumnValue, Part, ValueType};

/// The column of a compound field, made of the fields that name it. None if the user may see none of its parts.
pub(super) fn column(compound: &Field, fields: &[Field]) -> Option<Column> {
    let is_part = |field: &&Field| {
        let whole = field.compound_field_name.as_deref();
        whole.is_some_and(|whole| whole.eq_ignore_ascii_case(&compound.name)) && field.name != compound.name
    };
    let part = |field: &Field| Part {
        member: member(&compound.name, &field.name),
        path: field.name.clone(),
        value_type: ValueType::of(&field.field_type),
    };
    let is_simple = |field: &&Field| !matches!(field.field_type, FieldType::Address | FieldType::Location);
    let parts: Vec<Part> = fields.iter().filter(is_part).filter(is_simple).map(part).collect();
    (!parts.is_empty()).then(|| Column {
        name: compound.name.clone(),
        value: ColumnValue::Compound(parts),
        width: 100,
        is_calculated: false,
    })
}

/// The name of a part in the object, as the REST API calls it: `postalCode` for `MailingPostalCode` and for
/// `Home__PostalCode__s` (Object Reference, "Compound Fields").
fn member(compound: &str, part: &str) -> String {
    let name = match part.strip_suffix("__s") {
        // `Home__c` has `Home__City__s`.
        Some(custom) => custom.strip_prefix(&format!("{}__", compound.trim_end_matches("__c"))).unwrap_or(custom),
        // `MailingAddress` has `MailingCity`, and `Address` has `City`.
        None => part.strip_prefix(compound.trim_end_matches("Address")).filter(|rest| !rest.is_empty()).unwrap_or(part),
    };
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_have_the_names_of_the_rest_api() {
        for (compound, part, name) in [
            ("MailingAddress", "MailingCity", "city"),
            ("MailingAddress", "MailingPostalCode", "postalCode"),
            ("Address", "Street", "street"),
            ("Address", "GeocodeAccuracy", "geocodeAccuracy"),
            ("Home__c", "Home__CountryCode__s", "countryCode"),
            ("Depot__c", "Depot__Latitude__s", "latitude"),
        ] {
            assert_eq!(member(compound, part), name, "{part}");
        }
    }
}
