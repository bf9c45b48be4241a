//! The rules that the platform, its form and its acceptance tests have for a specification, held against `spec.json`.
//!
//! Each rule walks the file by itself; nothing here knows how the connector reads it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

/// One schema of the tree, with the path that leads to it.
struct Node<'a> {
    path: String,
    rules: &'a Map<String, Value>,
}

pub(crate) fn spec() -> Value {
    serde_json::from_str(include_str!("../spec.json")).unwrap()
}

fn each_schema(check: impl Fn(&Node<'_>)) {
    let spec = spec();
    let mut found = Vec::new();
    walk(&spec["connectionSpecification"], String::new(), &mut found);
    assert!(found.len() > 50, "the walk has lost its way: {} schemas", found.len());
    found.iter().for_each(check);
}

fn walk<'a>(schema: &'a Value, path: String, found: &mut Vec<Node<'a>>) {
    let rules = schema.as_object().unwrap_or_else(|| panic!("{path} is no schema"));
    for (name, property) in rules.get("properties").and_then(Value::as_object).into_iter().flatten() {
        walk(property, format!("{path}/{name}"), found);
    }
    for (index, variant) in rules.get("oneOf").and_then(Value::as_array).into_iter().flatten().enumerate() {
        walk(variant, format!("{path}/oneOf/{index}"), found);
    }
    if let Some(items) = rules.get("items") {
        walk(items, format!("{path}/items"), found);
    }
    found.push(Node { path, rules });
}

fn is_property(node: &Node<'_>) -> bool {
    !node.path.is_empty()
        && !node.path.ends_with("/items")
        && node.path.rsplit('/').nth(1).is_none_or(|it| it != "oneOf")
}

fn strings(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect()
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
    each_schema(|node| {
        for keyword in node.rules.keys() {
            assert!(known.contains(keyword.as_str()), "{}: {keyword}", node.path);
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
    each_schema(|node| {
        for keyword in forbidden {
            assert!(!node.rules.contains_key(keyword), "{}: {keyword}", node.path);
        }
    });
    assert!(!include_str!("../spec.json").contains("\"$ref\""));
}

#[test]
fn enum_values_are_unique() {
    each_schema(|node| {
        let Some(values) = node.rules.get("enum") else { return };
        let values = strings(values);
        assert_eq!(values.iter().collect::<BTreeSet<_>>().len(), values.len(), "{}", node.path);
    });
}

#[test]
fn one_of_has_exactly_one_discriminator() {
    each_schema(|node| {
        let Some(variants) = node.rules.get("oneOf") else { return };
        assert_eq!(node.rules["type"], "object", "{}", node.path);
        let variants: Vec<_> =
            variants.as_array().unwrap().iter().map(|it| it["properties"].as_object().unwrap()).collect();
        let constant_in_all: Vec<_> = variants[0]
            .keys()
            .filter(|name| variants.iter().all(|it| it.get(*name).is_some_and(|rules| rules.get("const").is_some())))
            .collect();
        let [discriminator] = constant_in_all[..] else { panic!("{}: {constant_in_all:?}", node.path) };
        let mut values = BTreeSet::new();
        for variant in &variants {
            let rules = &variant[discriminator];
            assert_eq!(rules["enum"], json!([rules["const"]]), "{}", node.path);
            assert_eq!(rules["default"], rules["const"], "{}", node.path);
            assert!(values.insert(rules["const"].as_str().unwrap()), "{}", node.path);
        }
        for variant in node.rules["oneOf"].as_array().unwrap() {
            assert!(strings(&variant["required"]).contains(&discriminator.as_str()), "{}", node.path);
        }
    });
}

#[test]
fn exactly_the_secrets_are_marked() {
    let by_name = [
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
    let ours = ["private_key", "security_token", "access_key_id", "secret_access_key"];
    let marked = std::cell::RefCell::new(BTreeSet::new());
    each_schema(|node| {
        let name = node.path.rsplit('/').next().unwrap();
        let is_secret = by_name.contains(&name) || ours.contains(&name);
        assert_eq!(node.rules.get("airbyte_secret"), is_secret.then_some(&json!(true)), "{}", node.path);
        if is_secret {
            assert_eq!(node.rules["type"], "string", "{}", node.path);
            for telling in ["const", "default", "examples", "enum"] {
                assert!(!node.rules.contains_key(telling), "{}: {telling}", node.path);
            }
            marked.borrow_mut().insert(name.to_owned());
        }
    });
    let expected = ["client_secret", "password", "refresh_token"].into_iter().chain(ours).map(str::to_owned).collect();
    assert_eq!(marked.into_inner(), expected);
}

#[test]
fn every_schema_has_one_type() {
    each_schema(|node| {
        let kind = node.rules["type"].as_str().unwrap_or_else(|| panic!("{}", node.path));
        assert!(["string", "boolean", "integer", "number", "object", "array"].contains(&kind), "{}", node.path);
    });
}

#[test]
fn no_object_is_empty() {
    each_schema(|node| {
        if node.rules["type"] == "object" && !node.rules.contains_key("oneOf") {
            assert!(!node.rules["properties"].as_object().unwrap().is_empty(), "{}", node.path);
        }
    });
}

#[test]
fn array_items_have_one_type() {
    each_schema(|node| {
        if node.rules["type"] == "array" {
            let kind = node.rules["items"]["type"].as_str();
            assert!(matches!(kind, Some("object" | "string" | "number" | "integer")), "{}", node.path);
        }
    });
}

#[test]
fn format_and_pattern_are_not_used() {
    each_schema(|node| {
        assert_eq!(node.rules.get("format"), None, "{}", node.path);
        assert_eq!(node.rules.get("pattern"), None, "{}", node.path);
    });
}

#[test]
fn order_is_complete_and_unique() {
    each_schema(|node| {
        let Some(properties) = node.rules.get("properties") else { return };
        let orders: Vec<_> = properties.as_object().unwrap().values().map(|it| it["order"].as_u64()).collect();
        let expected: Vec<_> = (0..orders.len() as u64).map(Some).collect();
        assert_eq!(orders, expected, "{}", node.path);
    });
}

#[test]
fn groups_and_display_types_are_only_where_allowed() {
    each_schema(|node| {
        let depth = node.path.matches('/').count();
        assert!(depth == 1 || !node.rules.contains_key("group"), "{}", node.path);
        if let Some(display) = node.rules.get("display_type") {
            assert!(node.rules.contains_key("oneOf"), "{}", node.path);
            assert!(display == "dropdown" || display == "radio", "{}", node.path);
        }
    });
}

#[test]
fn every_property_is_described() {
    each_schema(|node| {
        let name = node.path.rsplit('/').next().unwrap();
        let is_discriminator = node.rules.contains_key("const");
        if !is_property(node) {
            return;
        }
        assert!(node.rules["title"].as_str().is_some_and(|it| !it.is_empty()), "{}", node.path);
        let description = node.rules.get("description").and_then(Value::as_str).unwrap_or_default();
        assert!(is_discriminator || description.ends_with('.'), "{}: {name}", node.path);
    });
}

#[test]
fn objects_allow_additional_properties() {
    each_schema(|node| {
        // A `oneOf` leaves the word to its variants.
        let expected = (node.rules["type"] == "object" && !node.rules.contains_key("oneOf")).then_some(&json!(true));
        assert_eq!(node.rules.get("additionalProperties").is_some(), expected.is_some(), "{}", node.path);
        assert!(node.rules.get("additionalProperties").is_none_or(|it| it == true), "{}", node.path);
    });
}

#[test]
fn defaults_and_examples_are_valid() {
    each_schema(|node| {
        let validator = jsonschema::validator_for(&Value::Object(node.rules.clone())).unwrap();
        let examples = node.rules.get("examples").and_then(Value::as_array).into_iter().flatten();
        for value in node.rules.get("default").into_iter().chain(examples) {
            assert!(validator.is_valid(value), "{}: {value}", node.path);
        }
    });
}

#[test]
fn required_properties_exist() {
    each_schema(|node| {
        for name in node.rules.get("required").map(strings).into_iter().flatten() {
            assert!(node.rules["properties"].get(name).is_some(), "{}: {name}", node.path);
        }
    });
}

#[test]
fn advanced_auth_paths_exist() {
    let spec = spec();
    let keys = &spec["connectionSpecification"]["properties"];
    let auth = &spec["advanced_auth"];
    assert_eq!(auth["auth_flow_type"], "oauth2.0");
    let mut paths = vec![strings(&auth["predicate_key"])];
    for part in [
        "oauth_user_input_from_connector_config_specification",
        "complete_oauth_output_specification",
        "complete_oauth_server_output_specification",
    ] {
        let properties = auth["oauth_config_specification"][part]["properties"].as_object().unwrap();
        for (name, rules) in properties {
            let path = strings(&rules["path_in_connector_config"]);
            assert_eq!(path.last(), Some(&name.as_str()));
            paths.push(path);
        }
    }
    assert_eq!(paths.len(), 5);
    for path in paths {
        let [key] = path[..] else { panic!("{path:?}: the layout is flat") };
        assert!(keys.get(key).is_some(), "{key}");
    }
    let input = &auth["oauth_config_specification"]["complete_oauth_server_input_specification"]["properties"];
    assert_eq!(input.as_object().unwrap().keys().collect::<Vec<_>>(), ["client_id", "client_secret"]);
}

#[test]
fn oauth_is_the_default_flow() {
    let spec = spec();
    let auth_type = &spec["connectionSpecification"]["properties"]["auth_type"];
    assert_eq!(spec["advanced_auth"]["predicate_value"], auth_type["default"]);
    assert_eq!(spec["advanced_auth"]["predicate_value"], auth_type["enum"][0]);
}

#[test]
fn the_specification_declares_the_supported_features() {
    let spec = spec();
    let rest: BTreeMap<_, _> = spec
        .as_object()
        .unwrap()
        .iter()
        .filter(|(key, _)| !matches!(key.as_str(), "connectionSpecification" | "advanced_auth" | "documentationUrl"))
        .collect();
    assert_eq!(
        json!(rest),
        json!({
            "protocol_version": "0.2.0",
            "supportsDBT": false,
            "supportsIncremental": true,
            "supportsNormalization": false,
            "supported_destination_sync_modes": ["append", "append_dedup", "update", "soft_delete"],
        })
    );
    assert!(spec["documentationUrl"].as_str().unwrap().starts_with("https://"));
}

#[test]
fn the_published_keys_are_kept() {
    let spec = spec();
    let keys = &spec["connectionSpecification"]["properties"];
    assert_eq!(spec["connectionSpecification"]["required"], json!(["client_id"]));
    for (key, kind) in [
        ("client_id", "string"),
        ("client_secret", "string"),
        ("refresh_token", "string"),
        ("is_sandbox", "boolean"),
        ("auth_type", "string"),
        ("object_storage_config", "object"),
    ] {
        assert_eq!(keys[key]["type"], kind, "{key}");
    }
    let [none, s3] = &keys["object_storage_config"]["oneOf"].as_array().unwrap()[..] else { panic!() };
    assert_eq!(none["properties"].as_object().unwrap().len(), 1);
    assert_eq!(s3["required"], json!(["storage_type", "s3_bucket_name", "s3_bucket_region"]));
    let names: Vec<_> = s3["properties"].as_object().unwrap().keys().collect();
    assert_eq!(
        names,
        [
            "storage_type",
            "access_key_id",
            "secret_access_key",
            "role_arn",
            "s3_bucket_name",
            "s3_bucket_region",
            "s3_endpoint",
            "bucket_path",
            "format",
            "compression",
            "path_format",
            "file_name_format",
        ]
    );
    assert_eq!(s3["properties"]["s3_bucket_region"]["enum"].as_array().unwrap().len(), 34);
    assert_eq!(s3["properties"]["s3_bucket_region"]["default"], "");
}

#[test]
fn the_published_example_is_accepted() {
    let schema = &spec()["connectionSpecification"];
    let published = json!({
        "client_id": "your_consumer_key",
        "client_secret": "your_consumer_secret",
        "refresh_token": "your_refresh_token",
        "is_sandbox": false,
        "object_storage_config": {
            "storage_type": "S3",
            "access_key_id": "your_access_key_id",
            "secret_access_key": "your_secret_access_key",
            "s3_bucket_name": "your_bucket_name",
            "s3_bucket_region": "us-east-1",
            "bucket_path": "rejected_records/",
        },
    });
    jsonschema::validate(schema, &published).unwrap();
    destination_salesforce::config::Config::parse(&published.to_string()).unwrap();
}

#[test]
fn the_built_in_specification_is_spec_json() {
    assert_eq!(destination_salesforce::config::spec().unwrap(), spec());
}

#[test]
fn the_spec_command_prints_spec_json_and_nothing_else() {
    let run = crate::connector::spec();
    run.assert_success();
    let [crate::protocol_model::Message::Spec { spec: printed }] = &*run.messages else { panic!("{}", run.stdout) };
    assert_eq!(*printed, spec());
}
