//! Describe results (REST API Developer Guide, "sObject Describe").

use serde_json::{Map, Value, json};

use super::{Field, FieldType, Object};

/// The entry of an object in the list of all objects.
pub(crate) fn object_summary(object: &Object, base: &str) -> Map<String, Value> {
    let url = format!("{base}/sobjects/{}", object.name);
    let summary = json!({
        "activateable": false,
        "createable": object.createable,
        "custom": object.is_custom(),
        "customSetting": false,
        "deepCloneable": false,
        "deletable": object.deletable,
        "deprecatedAndHidden": false,
        "feedEnabled": false,
        "hasSubtypes": false,
        "isInterface": false,
        "isSubtype": false,
        "keyPrefix": object.key_prefix,
        "label": object.label,
        "labelPlural": format!("{}s", object.label),
        "layoutable": true,
        "mergeable": false,
        "mruEnabled": true,
        "name": object.name,
        "queryable": !object.query.is_refused,
        "replicateable": object.replicateable,
        "retrieveable": true,
        "searchable": true,
        "triggerable": true,
        "undeletable": object.deletable,
        "updateable": object.updateable,
        "urls": {
            "sobject": url,
            "describe": format!("{url}/describe"),
            "rowTemplate": format!("{url}/{{ID}}"),
        },
    });
    match summary {
        Value::Object(summary) => summary,
        _ => Map::new(),
    }
}

/// The full describe of an object.
pub(crate) fn describe_object(object: &Object, base: &str) -> Value {
    let mut described = object_summary(object, base);
    let visible = object.fields.iter().filter(|field| !field.hidden);
    described.insert("fields".to_owned(), visible.map(|field| describe_field(object, field)).collect());
    for list in ["actionOverrides", "childRelationships", "namedLayoutInfos", "recordTypeInfos", "supportedScopes"] {
        described.insert(list.to_owned(), json!([]));
    }
    described.insert("networkScopeFieldName".to_owned(), Value::Null);
    for flag in ["compactLayoutable", "searchLayoutable"] {
        described.insert(flag.to_owned(), json!(true));
    }
    Value::Object(described)
}

fn describe_field(object: &Object, field: &Field) -> Value {
    let (type_name, soap_type) = field.kind.api_names();
    let is_compound = field.kind == FieldType::Address;
    // `length` counts characters. For `byteLength` Salesforce counts three bytes for each.
    let byte_length = if field.kind == FieldType::Reference { field.length } else { field.length * 3 };
    let (precision, digits) = if field.kind == FieldType::Int { (0, field.precision) } else { (field.precision, 0) };
    json!({
        "aggregatable": !is_compound,
        "aiPredictionField": false,
        "autoNumber": field.auto_number.is_some(),
        "byteLength": byte_length,
        "calculated": field.calculated,
        "calculatedFormula": null,
        "cascadeDelete": false,
        "caseSensitive": field.case_sensitive,
        "compoundFieldName": field.compound,
        "controllerName": null,
        "createable": field.createable && object.createable,
        "custom": field.is_custom(),
        "defaultValue": default_value(field),
        "defaultValueFormula": null,
        "defaultedOnCreate": field.defaulted_on_create,
        "dependentPicklist": false,
        "deprecatedAndHidden": false,
        "digits": digits,
        "displayLocationInDecimal": false,
        "encrypted": field.kind == FieldType::EncryptedString,
        "externalId": field.external_id,
        "extraTypeInfo": extra_type_info(field),
        "filterable": field.is_filterable(),
        "filteredLookupInfo": null,
        "formulaTreatNullNumberAsZero": false,
        "groupable": !is_compound,
        "highScaleNumber": false,
        "htmlFormatted": field.rich_text,
        "idLookup": field.id_lookup,
        "inlineHelpText": null,
        "label": field.label,
        "length": field.length,
        "mask": null,
        "maskType": null,
        "name": field.name,
        "nameField": field.name_field,
        "namePointing": field.is_polymorphic(),
        "nillable": field.nillable,
        "permissionable": field.nillable && !is_compound,
        "picklistValues": picklist_values(field),
        "polymorphicForeignKey": field.is_polymorphic(),
        "precision": precision,
        "queryByDistance": false,
        "referenceTargetField": null,
        "referenceTo": field.reference_to,
        "relationshipName": field.relationship_name,
        "relationshipOrder": null,
        "restrictedDelete": false,
        "restrictedPicklist": field.restricted,
        "scale": field.scale,
        "searchPrefilterable": field.kind == FieldType::Reference,
        "soapType": soap_type,
        "sortable": !is_compound,
        "type": type_name,
        "unique": field.unique,
        "updateable": field.updateable && object.updateable,
        "writeRequiresMasterRead": false,
    })
}

/// SOAP API Developer Guide, "DescribeSObjectResult", `extraTypeInfo`.
fn extra_type_info(field: &Field) -> Option<&'static str> {
    match field.kind {
        FieldType::TextArea if field.rich_text => Some("richtextarea"),
        FieldType::TextArea => Some("plaintextarea"),
        _ => None,
    }
}

fn default_value(field: &Field) -> Value {
    match (&field.default_value, field.kind) {
        (Some(value), FieldType::Boolean) => json!(value == "true"),
        (Some(value), _) => json!(value),
        (None, _) => Value::Null,
    }
}

fn picklist_values(field: &Field) -> Value {
    field
        .values
        .iter()
        .map(|value| {
            json!({
                "active": true,
                "defaultValue": field.default_value.as_deref() == Some(value),
                "label": value,
                "validFor": null,
                "value": value,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn describe_has_what_a_loader_needs() {
        let object = Object::custom("Shipment__c")
            .field(Field::text("Tracking__c", 40).external_id().unique())
            .field(Field::reference("Owner_Contact__c", &["Contact", "Lead"]))
            .field(Field::int("Parcels__c", 6).required())
            .field(Field::picklist("State__c", &["Open", "Sent"]).restricted().default_value("Open"));
        let described = describe_object(&object, "/services/data/v62.0");
        let field = |name: &str| {
            let fields = described["fields"].as_array().unwrap();
            fields.iter().find(|field| field["name"] == name).unwrap().clone()
        };

        assert_eq!(described["custom"], true);
        assert_eq!(described["urls"]["describe"], "/services/data/v62.0/sobjects/Shipment__c/describe");
        let key = field("Tracking__c");
        assert_eq!((&key["externalId"], &key["unique"], &key["length"]), (&json!(true), &json!(true), &json!(40)));
        let reference = field("Owner_Contact__c");
        assert_eq!(reference["referenceTo"], json!(["Contact", "Lead"]));
        assert_eq!(reference["relationshipName"], "Owner_Contact__r");
        assert_eq!(reference["polymorphicForeignKey"], true);
        let number = field("Parcels__c");
        assert_eq!((&number["digits"], &number["nillable"]), (&json!(6), &json!(false)));
        let state = field("State__c");
        assert_eq!(state["restrictedPicklist"], true);
        assert_eq!(state["picklistValues"][0]["defaultValue"], true);
        assert_eq!(field("Id")["createable"], false);
    }
}
