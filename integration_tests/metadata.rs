//! `metadata.yaml` is valid for Airbyte's registries, and every file that names the version names the same one.
//!
//! The schema has the part of `ConnectorMetadataDefinitionV0` that the file uses, as published in September 2026. The
//! published schema knows more keys; the part `metadata` of the tests with real clients reads the file with all of it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::repository;

fn schema() -> Value {
    let requirements = json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "cpu_request": {"type": "string"},
            "cpu_limit": {"type": "string"},
            "memory_request": {"type": "string"},
            "memory_limit": {"type": "string"},
        },
    });
    let documentation = json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["title", "url"],
        "properties": {
            "title": {"type": "string"},
            "url": {"type": "string", "pattern": "^https://"},
            "type": {"enum": [
                "api_deprecations", "api_reference", "api_release_history", "authentication_guide",
                "data_model_reference", "developer_community", "migration_guide", "openapi_spec", "other",
                "permissions_scopes", "rate_limits", "sql_reference", "status_page",
            ]},
            "requiresLogin": {"type": "boolean"},
        },
    });
    let registry = json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["enabled"],
        "properties": {"enabled": {"type": "boolean"}},
    });
    let job_specific = json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["jobType", "resourceRequirements"],
        "properties": {
            "jobType": {"enum": [
                "get_spec", "check_connection", "discover_schema", "sync", "reset_connection", "connection_updater",
                "replicate",
            ]},
            "resourceRequirements": requirements,
        },
    });
    let suite = json!({
        "type": "object",
        "required": ["suite"],
        "additionalProperties": false,
        "properties": {
            "suite": {"enum": ["unitTests", "integrationTests", "acceptanceTests", "liveTests", "smokeTests"]},
        },
    });
    let texts = [
        "name",
        "icon",
        "definitionId",
        "dockerRepository",
        "dockerImageTag",
        "documentationUrl",
        "githubIssueLabel",
        "license",
        "protocolVersion",
    ];
    let flags =
        ["supportsRefreshes", "supportsDataActivation", "supportsFileTransfer", "supportsDbt", "supportsNormalization"];
    let mut properties = json!({
        "connectorType": {"enum": ["destination", "source"]},
        "connectorSubtype": {
            "enum": ["api", "database", "datalake", "file", "custom", "message_queue", "unknown", "vectorstore"],
        },
        "releaseStage": {"enum": ["alpha", "beta", "generally_available", "custom"]},
        "supportLevel": {"enum": ["community", "certified", "archived"]},
        "tags": {"type": "array", "items": {"type": "string", "pattern": "^[^:]+:"}},
        "externalDocumentationUrls": {"type": "array", "items": documentation},
        "allowedHosts": {"type": "object", "properties": {"hosts": {"type": "array", "items": {"type": "string"}}}},
        "resourceRequirements": {
            "type": "object",
            "additionalProperties": false,
            "properties": {"default": requirements, "jobSpecific": {"type": "array", "items": job_specific}},
        },
        "registryOverrides": {
            "type": "object",
            "additionalProperties": false,
            "properties": {"oss": registry, "cloud": registry},
        },
        "connectorTestSuitesOptions": {"type": "array", "items": suite},
    });
    for (names, kind) in [(&texts[..], "string"), (&flags[..], "boolean")] {
        for name in names {
            properties[*name] = json!({"type": kind});
        }
    }
    json!({
        "type": "object",
        "required": ["metadataSpecVersion", "data"],
        "additionalProperties": false,
        "properties": {
            "metadataSpecVersion": {"type": "string"},
            "data": {
                "type": "object",
                "required": [
                    "name", "definitionId", "connectorType", "dockerRepository", "dockerImageTag", "license",
                    "documentationUrl", "githubIssueLabel", "connectorSubtype", "releaseStage",
                ],
                "additionalProperties": false,
                "properties": properties,
            },
        },
    })
}

fn data() -> Value {
    repository::yaml("metadata.yaml")["data"].take()
}

#[test]
fn metadata_is_valid() {
    let metadata = repository::yaml("metadata.yaml");
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let problems: Vec<_> =
        validator.iter_errors(&metadata).map(|it| format!("{it} at {}", it.instance_path())).collect();
    assert!(problems.is_empty(), "{problems:#?}");
    assert_eq!(metadata["metadataSpecVersion"], "1.0");
    let id = metadata["data"]["definitionId"].as_str().unwrap();
    assert_eq!(uuid::Uuid::try_parse(id).unwrap().to_string(), id);

    // The schema rejects broken files.
    for (key, wrong) in [
        ("license", json!(null)),
        ("connectorSubtype", json!("crm")),
        ("tags", json!("language:rust")),
        ("tags", json!(["rust"])),
        ("externalDocumentationUrls", json!([{"title": "Status", "url": "https://example.com", "type": "status"}])),
        ("unknown", json!(1)),
        ("registryOverrides", json!({"oss": {}})),
    ] {
        let mut broken = metadata.clone();
        broken["data"][key] = wrong;
        assert!(!validator.is_valid(&broken), "{key}");
    }
}

#[test]
fn metadata_describes_the_connector() {
    let data = data();
    assert_eq!(data["connectorType"], "destination");
    assert_eq!(data["tags"], json!(["language:rust", "cdk:none"]));
    assert_eq!(data["supportsRefreshes"], true);
    assert_eq!(data["supportsDataActivation"], true);
    assert_eq!(data["license"], env!("CARGO_PKG_LICENSE"));
    let spec = crate::spec::spec();
    assert_eq!(data["documentationUrl"], spec["documentationUrl"]);
    assert_eq!(data["protocolVersion"], spec["protocol_version"]);
    let (organisation, name) = data["dockerRepository"].as_str().unwrap().split_once('/').expect("an organisation");
    assert!(!organisation.contains('.') && !name.contains('/'), "a repository of Docker Hub");
    assert_eq!(name, data["githubIssueLabel"]);
    let documentation = data["externalDocumentationUrls"].as_array().unwrap();
    // The guide of the registry asks for the history of the API of every connector to one.
    assert!(documentation.iter().any(|it| it["type"] == "api_release_history"));
    let icon = repository::text(data["icon"].as_str().unwrap());
    assert!(icon.starts_with("<svg ") && icon.len() < 4096, "a small SVG icon");
}

#[test]
fn sign_in_hosts_are_allowed() {
    let data = data();
    let hosts: BTreeSet<_> =
        data["allowedHosts"]["hosts"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    // The page on the configuration names the same domains.
    let page = repository::text("docs/configuration.md");
    for domain in ["salesforce.com", "salesforce.mil", "sfcrmproducts.cn", "cloudforce.com"] {
        assert!(page.contains(&format!("`{domain}`")), "{domain}");
        assert!(hosts.contains(format!("*.{domain}").as_str()), "{domain}");
    }
    let variables = hosts.iter().filter_map(|host| host.strip_prefix("${")?.strip_suffix('}'));
    for variable in variables {
        let s3 = "/connectionSpecification/properties/object_storage_config/oneOf/1/properties";
        let key = variable.strip_prefix("object_storage_config.").unwrap();
        assert!(crate::spec::spec().pointer(s3).unwrap().get(key).is_some(), "{variable}");
    }
}

/// The memory of all batches is in `docs/limits.md`.
#[test]
fn a_sync_gets_more_memory_than_its_batches_take() {
    let page = repository::text("docs/limits.md");
    let row = page
        .lines()
        .find(|line| line.starts_with("| memory of all batches and of rejected records on their way to the bucket |"))
        .unwrap();
    assert!(row.contains("96 MiB at most"), "{row}");
    let data = data();
    let jobs = data["resourceRequirements"]["jobSpecific"].as_array().unwrap();
    let sync = jobs.iter().find(|job| job["jobType"] == "sync").unwrap();
    let mebibytes = |key: &str| -> u64 {
        let text = sync["resourceRequirements"][key].as_str().unwrap();
        text.strip_suffix("Mi").unwrap().parse().unwrap()
    };
    assert!(mebibytes("memory_request") >= 2 * 96);
    assert!(mebibytes("memory_limit") >= mebibytes("memory_request"));
}

#[test]
fn the_version_is_the_same_everywhere() {
    let version = env!("CARGO_PKG_VERSION");
    let data = data();
    assert_eq!(data["dockerImageTag"], version);

    let dockerfile = repository::text("Dockerfile");
    let label = |name: &str| {
        let mut found = dockerfile.split_whitespace().filter_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        let value = found.next().unwrap_or_else(|| panic!("no label {name}")).to_owned();
        assert_eq!(found.next(), None, "two labels {name}");
        value
    };
    assert_eq!(label("io.airbyte.version"), version);
    assert_eq!(label("io.airbyte.name"), data["dockerRepository"].as_str().unwrap());

    let changelog = repository::text("CHANGELOG.md");
    let newest = changelog.lines().find_map(|line| line.strip_prefix("## ")).unwrap();
    assert_eq!(newest.split(' ').next(), Some(version), "the top of the CHANGELOG");
}

/// So that copied commands run the image of this version.
#[test]
fn the_pages_name_the_current_version() {
    let mut count = 0;
    for name in repository::pages().into_iter().chain(["Dockerfile", ".github/workflows/ci.yml"].map(str::to_owned)) {
        let text = repository::text(&name);
        for (index, _) in text.match_indices("destination-salesforce:") {
            let tag = &text[index + "destination-salesforce:".len()..];
            let tag: String = tag.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '.').collect();
            assert_eq!(tag, env!("CARGO_PKG_VERSION"), "{name}");
            count += 1;
        }
    }
    assert!(count > 5, "{count}");
}
