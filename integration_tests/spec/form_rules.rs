//! The rules of the platform, its form and its acceptance tests, for every schema in the specification.

use std::cell::RefCell;
use std::collections::BTreeSet;

use destination_salesforce::config::Config;
use serde_json::{Map, Value, json};

use super::{spec, specs, strings};

/// A schema in the tree.
struct Schema<'a> {
    /// The names that lead to it, such as `/streams/items/object`.
    path: String,
    /// The connector and the path, for a failed test.
    place: String,
    keywords: &'a Map<String, Value>,
}

/// Checks the schemas of both connectors.
fn for_each_schema(check: impl Fn(&Schema<'_>)) {
    for (connector, spec) in specs() {
        let mut schemas = Vec::new();
        collect(&spec["connectionSpecification"], String::new(), &mut schemas);
        assert!(schemas.len() > 50, "{connector}: only {} schemas", schemas.len());
        for schema in &mut schemas {
            schema.place = format!("{connector}: {}", schema.path);
        }
        schemas.iter().for_each(&check);
    }
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
    schemas.push(Schema { path, place: String::new(), keywords });
}

/// Whether the schema is neither the root, nor a variant, nor the items of an array.
fn is_property(schema: &Schema<'_>) -> bool {
    !schema.path.is_empty()
        && !schema.path.ends_with("/items")
        && schema.path.rsplit('/').nth(1).is_none_or(|it| it != "oneOf")
}

#[test]
fn the_schema_is_valid_draft_7() {
    for (connector, spec) in specs() {
        let schema = &spec["connectionSpecification"];
        assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#", "{connector}");
        jsonschema::meta::validate(schema).unwrap();
    }
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
        "group",
        "groups",
        "items",
        "maximum",
        "minimum",
        "multiline",
        "oneOf",
        "order",
        "pattern",
        "pattern_descriptor",
        "properties",
        "required",
        "title",
        "type",
    ]);
    for_each_schema(|schema| {
        for keyword in schema.keywords.keys() {
            assert!(known.contains(keyword.as_str()), "{}: {keyword}", schema.place);
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
            assert!(!schema.keywords.contains_key(keyword), "{}: {keyword}", schema.place);
        }
    });
    assert!(specs().iter().all(|(_, spec)| !spec.to_string().contains("\"$ref\"")));
}

#[test]
fn enum_values_are_unique() {
    for_each_schema(|schema| {
        let Some(values) = schema.keywords.get("enum") else { return };
        let values = strings(values);
        assert_eq!(values.iter().collect::<BTreeSet<_>>().len(), values.len(), "{}", schema.place);
    });
}

#[test]
fn one_of_has_exactly_one_discriminator() {
    for_each_schema(|schema| {
        let Some(variants) = schema.keywords.get("oneOf") else { return };
        assert_eq!(schema.keywords["type"], "object", "{}", schema.place);
        let variants: Vec<_> =
            variants.as_array().unwrap().iter().map(|it| it["properties"].as_object().unwrap()).collect();
        let constant_in_all: Vec<_> = variants[0]
            .keys()
            .filter(|name| variants.iter().all(|it| it.get(*name).is_some_and(|rules| rules.get("const").is_some())))
            .collect();
        let [discriminator] = constant_in_all[..] else { panic!("{}: {constant_in_all:?}", schema.place) };
        let mut values = BTreeSet::new();
        for variant in &variants {
            let rules = &variant[discriminator];
            assert_eq!(rules["enum"], json!([rules["const"]]), "{}", schema.place);
            assert_eq!(rules["default"], rules["const"], "{}", schema.place);
            assert!(values.insert(rules["const"].as_str().unwrap()), "{}", schema.place);
        }
        for variant in schema.keywords["oneOf"].as_array().unwrap() {
            assert!(strings(&variant["required"]).contains(&discriminator.as_str()), "{}", schema.place);
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
        // An object may be called `credentials`; its keys are looked at one by one.
        let is_named = secret_names.contains(&name) || other_secrets.contains(&name);
        let is_secret = is_named && schema.keywords["type"] != "object";
        assert_eq!(schema.keywords.get("airbyte_secret"), is_secret.then_some(&json!(true)), "{}", schema.place);
        if is_secret {
            assert_eq!(schema.keywords["type"], "string", "{}", schema.place);
            for keyword in ["const", "default", "examples", "enum"] {
                assert!(!schema.keywords.contains_key(keyword), "{}: {keyword}", schema.place);
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
        let kind = schema.keywords["type"].as_str().unwrap_or_else(|| panic!("{}", schema.place));
        assert!(["string", "boolean", "integer", "number", "object", "array"].contains(&kind), "{}", schema.place);
    });
}

#[test]
fn no_object_is_empty() {
    for_each_schema(|schema| {
        if schema.keywords["type"] == "object" && !schema.keywords.contains_key("oneOf") {
            assert!(!schema.keywords["properties"].as_object().unwrap().is_empty(), "{}", schema.place);
        }
    });
}

#[test]
fn array_items_have_one_type() {
    for_each_schema(|schema| {
        if schema.keywords["type"] == "array" {
            let kind = schema.keywords["items"]["type"].as_str();
            assert!(matches!(kind, Some("object" | "string" | "number" | "integer")), "{}", schema.place);
        }
    });
}

/// A stored secret is shown as asterisks, which fit no pattern.
#[test]
fn a_pattern_has_a_description_and_is_not_for_a_secret() {
    for_each_schema(|schema| {
        assert_eq!(schema.keywords.get("format"), None, "{}", schema.place);
        let [pattern, descriptor] = ["pattern", "pattern_descriptor"].map(|it| schema.keywords.contains_key(it));
        assert_eq!(pattern, descriptor, "{}", schema.place);
        assert!(!pattern || !schema.keywords.contains_key("airbyte_secret"), "{}", schema.place);
    });
}

/// A configuration with one value, and whether the connector takes it.
fn is_accepted(path: &str, value: &str) -> bool {
    let mut config = json!({
        "credentials": {
            "auth_type": "Client", "client_id": "a", "client_secret": "b", "refresh_token": "c", "domain_url": "",
        },
        "object_storage_config": {
            "storage_type": "S3", "s3_bucket_name": "abc", "s3_bucket_region": "us-east-1", "role_arn": "",
            "s3_endpoint": "",
        },
        "streams": [{"stream": "cases", "assignment_rule_id": ""}],
    });
    *config.pointer_mut(path).unwrap() = json!(value);
    Config::parse(&config.to_string()).is_ok()
}

/// The platform refuses what a pattern refuses, so a pattern must take all that the connector takes.
#[test]
fn a_pattern_refuses_only_what_the_connector_refuses() {
    let base = "/connectionSpecification/properties";
    let schema = spec();
    for (key, pattern, good, bad) in [
        (
            "/credentials/domain_url",
            "/credentials/oneOf/0/properties/domain_url",
            &[
                "",
                " ",
                "https://example.my.salesforce.com",
                " HTTPS://Example.My.Salesforce.com/\n",
                "http://127.0.0.1:8080",
                "https:example.my.salesforce.com",
            ][..],
            &["example.my.salesforce.com", "ftp://example.my.salesforce.com", "EXAMPLE"][..],
        ),
        (
            "/object_storage_config/s3_bucket_name",
            "/object_storage_config/oneOf/1/properties/s3_bucket_name",
            &["abc", " Example_rejected.records-1 "],
            &["", "s3://abc", "abc/folder", "ab", "-abc"],
        ),
        (
            "/object_storage_config/role_arn",
            "/object_storage_config/oneOf/1/properties/role_arn",
            &["", " ", "arn:aws:iam::123456789012:role/writer", " arn:aws-cn:iam::1:role/a/b", "arn:role/x"],
            &["writer", "arn:aws:iam::123456789012:user/writer"],
        ),
        (
            "/object_storage_config/s3_endpoint",
            "/object_storage_config/oneOf/1/properties/s3_endpoint",
            &["", "http://localhost:9000", " HTTPS://s3.example.com/path "],
            &["s3.example.com", "s3://bucket"],
        ),
        (
            "/streams/0/assignment_rule_id",
            "/streams/items/properties/assignment_rule_id",
            &["", "01Q000000000001AAA", " 01Q000000000001 "],
            &["01Q", "01Q00000000000-"],
        ),
    ] {
        let rules = schema.pointer(&format!("{base}{pattern}")).unwrap();
        assert!(rules.get("pattern").is_some(), "{pattern}");
        let validator = jsonschema::validator_for(rules).unwrap();
        for value in good {
            assert!(validator.is_valid(&json!(value)) && is_accepted(key, value), "{key}: {value:?}");
        }
        for value in bad {
            assert!(!validator.is_valid(&json!(value)) && !is_accepted(key, value), "{key}: {value:?}");
        }
    }
}

#[test]
fn order_is_complete_and_unique() {
    for_each_schema(|schema| {
        let Some(properties) = schema.keywords.get("properties") else { return };
        let orders: Vec<_> = properties.as_object().unwrap().values().map(|it| it["order"].as_u64()).collect();
        let expected: Vec<_> = (0..orders.len() as u64).map(Some).collect();
        assert_eq!(orders, expected, "{}", schema.place);
    });
}

#[test]
fn groups_and_display_types_are_only_where_allowed() {
    for_each_schema(|schema| {
        let depth = schema.path.matches('/').count();
        assert!(depth == 1 || !schema.keywords.contains_key("group"), "{}", schema.place);
        assert!(depth == 0 || !schema.keywords.contains_key("groups"), "{}", schema.place);
        if let Some(display) = schema.keywords.get("display_type") {
            assert!(schema.keywords.contains_key("oneOf"), "{}", schema.place);
            assert!(display == "dropdown" || display == "radio", "{}", schema.place);
        }
    });
}

/// The form shows the groups one after another, so the order of the keys is the order of their groups.
#[test]
fn each_key_is_in_a_group_and_groups_follow_one_another() {
    let expected =
        [&["connection", "rejected_records", "streams", "advanced"][..], &["connection", "streams", "advanced"]];
    for ((connector, spec), expected) in specs().into_iter().zip(expected) {
        let schema = &spec["connectionSpecification"];
        let groups: Vec<_> = schema["groups"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap()).collect();
        assert_eq!(groups, expected, "{connector}");
        let keys = schema["properties"].as_object().unwrap();
        let mut shown: Vec<_> = Vec::new();
        for (key, rules) in keys {
            let group = rules["group"].as_str().unwrap_or_else(|| panic!("{connector}: {key}"));
            assert!(groups.contains(&group), "{connector}: {key}");
            if rules.get("airbyte_hidden").is_none() && shown.last() != Some(&group) {
                shown.push(group);
            }
        }
        assert_eq!(shown, groups, "{connector}");
    }
}

/// One person fills in both forms, and one code reads both.
#[test]
fn both_connectors_sign_in_with_the_same_keys_and_words() {
    let [(_, destination), (_, source)] = specs();
    assert_eq!(destination["advanced_auth"], source["advanced_auth"]);
    let keys = |spec: &Value| spec["connectionSpecification"]["properties"].clone();
    let (destination, source) = (keys(&destination), keys(&source));
    assert_eq!(destination["credentials"]["oneOf"], source["credentials"]["oneOf"]);
    let without_order = |rules: &Value| {
        let mut rules = rules.clone();
        rules.as_object_mut().unwrap().remove("order");
        rules
    };
    for variant in destination["credentials"]["oneOf"].as_array().unwrap() {
        for key in variant["properties"].as_object().unwrap().keys() {
            assert_eq!(without_order(&destination[key]), without_order(&source[key]), "{key}");
        }
    }
}

/// What a form keeps behind "Optional fields" or leaves out, nobody finds who follows a page.
#[test]
fn what_a_page_says_to_set_is_shown() {
    let hidden = RefCell::new(Vec::new());
    for_each_schema(|schema| {
        let depth = schema.path.matches('/').count();
        if depth == 1 && schema.path != "/report" {
            let is_hidden = schema.keywords.contains_key("airbyte_hidden");
            assert!(is_hidden != schema.keywords.contains_key("always_show"), "{}", schema.place);
        }
        if schema.keywords.contains_key("airbyte_hidden") {
            assert_eq!(depth, 1, "{}", schema.place);
            hidden.borrow_mut().push(schema.path.clone());
        }
        // All keys of a sign-in flow are seen at once.
        if schema.path.starts_with("/credentials/oneOf/") && depth == 4 {
            let (variant, key) = schema.path.rsplit_once('/').unwrap();
            let spec = spec();
            let required = spec.pointer(&format!("/connectionSpecification/properties{variant}/required")).unwrap();
            let is_shown = strings(required).contains(&key) || schema.keywords.contains_key("always_show");
            assert!(is_shown, "{}", schema.place);
        }
    });
    // The flat sign-in keys of both, and keys of Airbyte's own source that do nothing here.
    assert_eq!(hidden.borrow().len(), 10 + 10 + 3, "{:?}", hidden.borrow());
}

/// A maximum counts what its title names.
#[test]
fn a_number_names_its_unit_in_its_title() {
    let counted = RefCell::new(0);
    for_each_schema(|schema| {
        if ["number", "integer"].contains(&schema.keywords["type"].as_str().unwrap()) {
            let title = schema.keywords["title"].as_str().unwrap();
            let unit = title.split_once('(').and_then(|(_, unit)| unit.strip_suffix(')'));
            let is_unit = unit.is_some_and(|unit| ["MB", "Minutes", "Percent"].contains(&unit));
            assert!(is_unit || title.starts_with("Maximum "), "{}: {title}", schema.place);
            *counted.borrow_mut() += 1;
        }
    });
    assert!(*counted.borrow() >= 5);
}

/// The form opens links in a new page, and shows everything else as it stands.
#[test]
fn descriptions_have_only_whole_links() {
    let links = RefCell::new(0);
    for_each_schema(|schema| {
        let Some(text) = schema.keywords.get("description").and_then(Value::as_str) else { return };
        let opened = text.matches("<a href=\"https://").count();
        assert_eq!(opened, text.matches("</a>").count(), "{}", schema.place);
        assert_eq!(text.matches('<').count(), 2 * opened, "{}", schema.place);
        *links.borrow_mut() += opened;
    });
    assert!(*links.borrow() > 5, "the form has help links");
}

#[test]
fn every_property_is_described() {
    for_each_schema(|schema| {
        let name = schema.path.rsplit('/').next().unwrap();
        if !is_property(schema) {
            return;
        }
        let is_discriminator = schema.keywords.contains_key("const");
        assert!(schema.keywords["title"].as_str().is_some_and(|it| !it.is_empty()), "{}", schema.place);
        let description = schema.keywords.get("description").and_then(Value::as_str).unwrap_or_default();
        assert!(is_discriminator || description.ends_with('.'), "{}: {name}", schema.place);
    });
}

#[test]
fn objects_allow_additional_properties() {
    for_each_schema(|schema| {
        // In a `oneOf` the variants say it.
        let expected =
            (schema.keywords["type"] == "object" && !schema.keywords.contains_key("oneOf")).then_some(&json!(true));
        assert_eq!(schema.keywords.get("additionalProperties").is_some(), expected.is_some(), "{}", schema.place);
        assert!(schema.keywords.get("additionalProperties").is_none_or(|it| it == true), "{}", schema.place);
    });
}

#[test]
fn defaults_and_examples_are_valid() {
    for_each_schema(|schema| {
        let validator = jsonschema::validator_for(&Value::Object(schema.keywords.clone())).unwrap();
        let examples = schema.keywords.get("examples").and_then(Value::as_array).into_iter().flatten();
        for value in schema.keywords.get("default").into_iter().chain(examples) {
            assert!(validator.is_valid(value), "{}: {value}", schema.place);
        }
    });
}

#[test]
fn required_properties_exist() {
    for_each_schema(|schema| {
        for name in schema.keywords.get("required").map(strings).into_iter().flatten() {
            assert!(schema.keywords["properties"].get(name).is_some(), "{}: {name}", schema.place);
        }
    });
}
