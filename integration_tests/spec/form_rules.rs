//! The rules of the platform, its form and its acceptance tests, for every schema in the specification.

use std::cell::RefCell;
use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{spec, strings};

/// A schema in the tree.
struct Schema<'a> {
    /// The names that lead to it, such as `/streams/items/object`.
    path: String,
    keywords: &'a Map<String, Value>,
}

fn for_each_schema(check: impl Fn(&Schema<'_>)) {
    let spec = spec();
    let mut schemas = Vec::new();
    collect(&spec["connectionSpecification"], String::new(), &mut schemas);
    assert!(schemas.len() > 50, "only {} schemas", schemas.len());
    schemas.iter().for_each(check);
}

fn collect<'a>(schema: &'a Value, path: String, schemas: &mut Vec<Schema<'a>>) {
    let keywords = schema.as_object().unwrap_or_else(|| panic!("{path} is not a schema"));
    for (name, property) in keywords.get("properties").and_then(Value::as_object).into_iter().flatten() {
        collect(property, format!("{path}/{name}"), schemas);
    }
    for (index, variant) in keywords.get("oneOf").and_then(Value::as_array).into_iter().flatten().enumerate() {
        collect(variant, format!("{path}/oneOf/{index}"), schemas);
    }
    if let Some(items) = keywords.get("items") {
        collect(items, format!("{path}/items"), schemas);
    }
    schemas.push(Schema { path, keywords });
}

/// Whether the schema is neither the root, nor a variant, nor the items of an array.
fn is_property(schema: &Schema<'_>) -> bool {
    !schema.path.is_empty()
        && !schema.path.ends_with("/items")
        && schema.path.rsplit('/').nth(1).is_none_or(|it| it != "oneOf")
}

#[test]
fn the_schema_is_valid_draft_7() {
    let schema = &spec()["connectionSpecification"];
    assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
    jsonschema::meta::validate(schema).unwrap();
}

#[test]
fn only_keywords_the_form_knows_are_used() {
    let known = BTreeSet::from([
        "$schema",
        "additionalProperties",
        "airbyte_hidden",
        "airbyte_secret",
        "always_show",
        "const",
        "default",
        "description",
        "enum",
        "examples",
        "exclusiveMinimum",
        "items",
        "maximum",
        "minimum",
        "multiline",
        "oneOf",
        "order",
        "properties",
        "required",
        "title",
        "type",
    ]);
    for_each_schema(|schema| {
        for keyword in schema.keywords.keys() {
            assert!(known.contains(keyword.as_str()), "{}: {keyword}", schema.path);
        }
    });
}

#[test]
fn forbidden_keywords_and_references_are_not_used() {
    let forbidden = [
        "not",
        "anyOf",
        "patternProperties",
        "prefixItems",
        "allOf",
        "if",
        "then",
        "else",
        "dependentSchemas",
        "dependentRequired",
        "$ref",
    ];
    for_each_schema(|schema| {
        for keyword in forbidden {
            assert!(!schema.keywords.contains_key(keyword), "{}: {keyword}", schema.path);
        }
    });
    assert!(!include_str!("../../spec.json").contains("\"$ref\""));
}

#[test]
fn enum_values_are_unique() {
    for_each_schema(|schema| {
        let Some(values) = schema.keywords.get("enum") else { return };
        let values = strings(values);
        assert_eq!(values.iter().collect::<BTreeSet<_>>().len(), values.len(), "{}", schema.path);
    });
}

#[test]
fn one_of_has_exactly_one_discriminator() {
    for_each_schema(|schema| {
        let Some(variants) = schema.keywords.get("oneOf") else { return };
        assert_eq!(schema.keywords["type"], "object", "{}", schema.path);
        let variants: Vec<_> =
            variants.as_array().unwrap().iter().map(|it| it["properties"].as_object().unwrap()).collect();
        let constant_in_all: Vec<_> = variants[0]
            .keys()
            .filter(|name| variants.iter().all(|it| it.get(*name).is_some_and(|rules| rules.get("const").is_some())))
            .collect();
        let [discriminator] = constant_in_all[..] else { panic!("{}: {constant_in_all:?}", schema.path) };
        let mut values = BTreeSet::new();
        for variant in &variants {
            let rules = &variant[discriminator];
            assert_eq!(rules["enum"], json!([rules["const"]]), "{}", schema.path);
            assert_eq!(rules["default"], rules["const"], "{}", schema.path);
            assert!(values.insert(rules["const"].as_str().unwrap()), "{}", schema.path);
        }
        for variant in schema.keywords["oneOf"].as_array().unwrap() {
            assert!(strings(&variant["required"]).contains(&discriminator.as_str()), "{}", schema.path);
        }
    });
}

#[test]
fn exactly_the_secrets_are_marked() {
    // The names that the acceptance tests take for secrets.
    let secret_names = [
        "client_token",
        "access_token",
        "api_token",
        "token",
        "secret",
        "client_secret",
        "password",
        "key",
        "service_account_info",
        "service_account",
        "tenant_id",
        "certificate",
        "jwt",
        "credentials",
        "app_id",
        "appid",
        "refresh_token",
    ];
    let other_secrets = ["private_key", "security_token", "access_key_id", "secret_access_key"];
    let marked = RefCell::new(BTreeSet::new());
    for_each_schema(|schema| {
        let name = schema.path.rsplit('/').next().unwrap();
        let is_secret = secret_names.contains(&name) || other_secrets.contains(&name);
        assert_eq!(schema.keywords.get("airbyte_secret"), is_secret.then_some(&json!(true)), "{}", schema.path);
        if is_secret {
            assert_eq!(schema.keywords["type"], "string", "{}", schema.path);
            for keyword in ["const", "default", "examples", "enum"] {
                assert!(!schema.keywords.contains_key(keyword), "{}: {keyword}", schema.path);
            }
            marked.borrow_mut().insert(name.to_owned());
        }
    });
    let expected =
        ["client_secret", "password", "refresh_token"].into_iter().chain(other_secrets).map(str::to_owned).collect();
    assert_eq!(marked.into_inner(), expected);
}

#[test]
fn every_schema_has_one_type() {
    for_each_schema(|schema| {
        let kind = schema.keywords["type"].as_str().unwrap_or_else(|| panic!("{}", schema.path));
        assert!(["string", "boolean", "integer", "number", "object", "array"].contains(&kind), "{}", schema.path);
    });
}

#[test]
fn no_object_is_empty() {
    for_each_schema(|schema| {
        if schema.keywords["type"] == "object" && !schema.keywords.contains_key("oneOf") {
            assert!(!schema.keywords["properties"].as_object().unwrap().is_empty(), "{}", schema.path);
        }
    });
}

#[test]
fn array_items_have_one_type() {
    for_each_schema(|schema| {
        if schema.keywords["type"] == "array" {
            let kind = schema.keywords["items"]["type"].as_str();
            assert!(matches!(kind, Some("object" | "string" | "number" | "integer")), "{}", schema.path);
        }
    });
}

#[test]
fn format_and_pattern_are_not_used() {
    for_each_schema(|schema| {
        assert_eq!(schema.keywords.get("format"), None, "{}", schema.path);
        assert_eq!(schema.keywords.get("pattern"), None, "{}", schema.path);
    });
}

#[test]
fn order_is_complete_and_unique() {
    for_each_schema(|schema| {
        let Some(properties) = schema.keywords.get("properties") else { return };
        let orders: Vec<_> = properties.as_object().unwrap().values().map(|it| it["order"].as_u64()).collect();
        let expected: Vec<_> = (0..orders.len() as u64).map(Some).collect();
        assert_eq!(orders, expected, "{}", schema.path);
    });
}

#[test]
fn groups_and_display_types_are_only_where_allowed() {
    for_each_schema(|schema| {
        let depth = schema.path.matches('/').count();
        assert!(depth == 1 || !schema.keywords.contains_key("group"), "{}", schema.path);
        if let Some(display) = schema.keywords.get("display_type") {
            assert!(schema.keywords.contains_key("oneOf"), "{}", schema.path);
            assert!(display == "dropdown" || display == "radio", "{}", schema.path);
        }
    });
}

#[test]
fn every_property_is_described() {
    for_each_schema(|schema| {
        let name = schema.path.rsplit('/').next().unwrap();
        if !is_property(schema) {
            return;
        }
        let is_discriminator = schema.keywords.contains_key("const");
        assert!(schema.keywords["title"].as_str().is_some_and(|it| !it.is_empty()), "{}", schema.path);
        let description = schema.keywords.get("description").and_then(Value::as_str).unwrap_or_default();
        assert!(is_discriminator || description.ends_with('.'), "{}: {name}", schema.path);
    });
}

#[test]
fn objects_allow_additional_properties() {
    for_each_schema(|schema| {
        // In a `oneOf` the variants say it.
        let expected =
            (schema.keywords["type"] == "object" && !schema.keywords.contains_key("oneOf")).then_some(&json!(true));
        assert_eq!(schema.keywords.get("additionalProperties").is_some(), expected.is_some(), "{}", schema.path);
        assert!(schema.keywords.get("additionalProperties").is_none_or(|it| it == true), "{}", schema.path);
    });
}

#[test]
fn defaults_and_examples_are_valid() {
    for_each_schema(|schema| {
        let validator = jsonschema::validator_for(&Value::Object(schema.keywords.clone())).unwrap();
        let examples = schema.keywords.get("examples").and_then(Value::as_array).into_iter().flatten();
        for value in schema.keywords.get("default").into_iter().chain(examples) {
            assert!(validator.is_valid(value), "{}: {value}", schema.path);
        }
    });
}

#[test]
fn required_properties_exist() {
    for_each_schema(|schema| {
        for name in schema.keywords.get("required").map(strings).into_iter().flatten() {
            assert!(schema.keywords["properties"].get(name).is_some(), "{}: {name}", schema.path);
        }
    });
}
