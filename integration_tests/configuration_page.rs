//! `docs/configuration.md` documents exactly the keys of the specification.

use std::collections::{BTreeMap, BTreeSet};

use destination_salesforce::config::Config;
use serde_json::Value;

use crate::key_pair::key_pair;

const PAGE: &str = include_str!("../docs/configuration.md");

/// The schema of a key, in the specification or in a variant of a `oneOf`.
struct KeySchema {
    schema: Value,
    is_required: bool,
}

/// The schemas of each key. A key of a `oneOf` has one for each variant with the key.
type Keys = BTreeMap<String, Vec<KeySchema>>;

fn keys_of_specification() -> Keys {
    let mut keys = Keys::new();
    collect(&crate::spec::spec()["connectionSpecification"], "", &mut keys);
    keys
}

/// The keys that have a section of their own. The flat sign-in keys are those of `credentials`.
fn keys_with_sections() -> Keys {
    let mut keys = keys_of_specification();
    keys.retain(|_, variants| variants[0].schema.get("airbyte_hidden").is_none());
    keys
}

fn collect(schema: &Value, path: &str, keys: &mut Keys) {
    for variant in schema["oneOf"].as_array().into_iter().flatten() {
        collect(variant, path, keys);
    }
    if schema["items"].is_object() {
        collect(&schema["items"], &format!("{path}[]"), keys);
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let key = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let is_required = schema["required"].as_array().is_some_and(|all| all.contains(&Value::from(name.as_str())));
        keys.entry(key.clone()).or_default().push(KeySchema { schema: property.clone(), is_required });
        collect(property, &key, keys);
    }
}

/// The text of each section whose heading is a key.
fn sections() -> BTreeMap<String, String> {
    let mut sections = BTreeMap::new();
    for section in PAGE.split("\n#").skip(1) {
        let (heading, text) = section.split_once('\n').unwrap();
        if let Some(key) = heading.trim_start_matches('#').trim().strip_prefix('`').and_then(|it| it.strip_suffix('`'))
        {
            assert!(sections.insert(key.to_owned(), text.to_owned()).is_none(), "two sections for {key}");
        }
    }
    sections
}

/// The type and the default of a key: the line below its heading, such as "*integer, 1 to 25. Default: `5`.*".
fn type_and_default(section: &str) -> (String, Option<String>) {
    let line = section.trim_start().split("\n\n").next().unwrap();
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = line.strip_prefix('*').and_then(|it| it.strip_suffix(".*")).unwrap_or_else(|| panic!("{section}"));
    match line.split_once(". Default: ") {
        Some((kind, default)) => (kind.to_owned(), Some(default.to_owned())),
        None => (line.to_owned(), None),
    }
}

#[test]
fn the_page_and_the_specification_have_the_same_keys() {
    assert_eq!(sections().into_keys().collect::<Vec<_>>(), keys_with_sections().into_keys().collect::<Vec<_>>());
}

#[test]
fn the_page_names_the_flat_sign_in_keys() {
    let section = PAGE.split("\n### Without `credentials`\n").nth(1).unwrap().split("\n###").next().unwrap();
    for (key, variants) in keys_of_specification() {
        if variants[0].schema.get("airbyte_hidden").is_some() {
            assert!(section.contains(&format!("`{key}`")), "{key}");
        }
    }
}

#[test]
fn every_key_with_a_default_is_documented_with_it() {
    let sections = sections();
    for (key, variants) in keys_with_sections() {
        // A discriminator has a default in each variant. The first variant is the default one.
        let expected = variants[0].schema.get("default").map(|default| match default {
            Value::String(text) if text.is_empty() => "empty".to_owned(),
            Value::String(text) => format!("`{text}`"),
            other => format!("`{other}`"),
        });
        assert_eq!(type_and_default(&sections[&key]).1, expected, "{key}");
    }
}

#[test]
fn every_key_is_documented_with_its_type() {
    let sections = sections();
    for (key, variants) in keys_with_sections() {
        let KeySchema { schema: first, is_required } = &variants[0];
        let mut expected = first["type"].as_str().unwrap().to_owned();
        if first["airbyte_secret"] == true {
            expected += ", secret";
        }
        if *is_required {
            expected += ", required";
        }
        let values: Vec<&str> = if first.get("const").is_some() {
            variants.iter().map(|variant| variant.schema["const"].as_str().unwrap()).collect()
        } else {
            first["enum"].as_array().into_iter().flatten().map(|it| it.as_str().unwrap()).collect()
        };
        // Two variants may have the same key, with the same values.
        let mut known = BTreeSet::new();
        let values: Vec<&str> = values.into_iter().filter(|value| known.insert(*value)).collect();
        let named: Vec<_> = values.iter().filter(|it| !it.is_empty()).map(|it| format!("`{it}`")).collect();
        if !named.is_empty() {
            expected += &format!(", one of {}", named.join(", "));
        }
        if values.contains(&"") {
            expected += ", or empty";
        }
        for (bound, words) in [("minimum", "at least"), ("exclusiveMinimum", "more than"), ("maximum", "at most")] {
            let Some(limit) = first.get(bound) else { continue };
            match (bound, first.get("minimum")) {
                ("minimum", _) if first.get("maximum").is_some() => expected += &format!(", {limit}"),
                ("maximum", Some(_)) => expected += &format!(" to {limit}"),
                _ => expected += &format!(", {words} {limit}"),
            }
        }
        assert_eq!(type_and_default(&sections[&key]).0, expected, "{key}");
    }
}

#[test]
fn every_example_is_valid_and_has_only_known_keys() {
    let keys = keys_of_specification();
    let mut flows = Vec::new();
    for block in PAGE.split("```json\n").skip(1) {
        let text = block.split("```").next().unwrap();
        let mut example: Value = serde_json::from_str(text).unwrap();
        check_keys(&example, "", &keys);
        flows.extend(example["credentials"]["auth_type"].as_str().map(str::to_owned));
        if let Some(key) = example.pointer_mut("/credentials/private_key") {
            *key = key_pair().private.as_str().into();
        }
        Config::parse(&example.to_string()).unwrap_or_else(|error| panic!("{error}: {text}"));
    }
    flows.sort();
    flows.dedup();
    assert_eq!(flows, ["Client", "ClientCredentials", "JwtBearer", "Password"]);
}

fn check_keys(value: &Value, path: &str, keys: &Keys) {
    for (name, value) in value.as_object().into_iter().flatten() {
        let key = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        assert!(keys.contains_key(&key), "an example has the key {key}");
        check_keys(value, &key, keys);
        for item in value.as_array().into_iter().flatten() {
            check_keys(item, &format!("{key}[]"), keys);
        }
    }
}
