//! The `metadata.yaml` of each connector is valid for Airbyte's registries, and every file that names the version names
//! the same one.
//!
//! The schema has the part of `ConnectorMetadataDefinitionV0` that the files use, as published in September 2026. The
//! published schema knows more keys; the part `metadata` of the tests with real clients reads the files with all of it.

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

/// A connector of the repository.
struct Connector {
    name: &'static str,
    /// The folder of its files, with a slash at the end.
    folder: &'static str,
    kind: &'static str,
}

const CONNECTORS: [Connector; 2] = [
    Connector { name: "destination-salesforce", folder: "", kind: "destination" },
    Connector { name: "source-salesforce", folder: "source-salesforce/", kind: "source" },
];

impl Connector {
    fn file(&self, name: &str) -> String {
        format!("{}{name}", self.folder)
    }

    fn data(&self) -> Value {
        repository::yaml(&self.file("metadata.yaml"))["data"].take()
    }

    fn spec(&self) -> Value {
        serde_json::from_str(&repository::text(&self.file("spec.json"))).unwrap()
    }

    /// A key of the section `[package]` in its `Cargo.toml`.
    fn package(&self, key: &str) -> String {
        let manifest = repository::text(&self.file("Cargo.toml"));
        let (_, package) = manifest.split_once("\n[package]\n").unwrap_or(("", &manifest));
        let found = package.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = \"")?.strip_suffix('"'));
        found.unwrap_or_else(|| panic!("{}: {key}", self.name)).to_owned()
    }

    fn hosts(&self) -> BTreeSet<String> {
        let data = self.data();
        let hosts = data["allowedHosts"]["hosts"].as_array().unwrap();
        hosts.iter().map(|it| it.as_str().unwrap().to_owned()).collect()
    }

    /// What the metadata requests for a type of job, in mebibytes.
    fn mebibytes(&self, job_type: &str, key: &str) -> u64 {
        let data = self.data();
        let jobs = data["resourceRequirements"]["jobSpecific"].as_array().unwrap();
        let job = jobs.iter().find(|job| job["jobType"] == job_type).unwrap();
        let text = job["resourceRequirements"][key].as_str().unwrap();
        text.strip_suffix("Mi").unwrap().parse().unwrap()
    }
}

#[test]
fn metadata_is_valid() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let mut ids = BTreeSet::new();
    for connector in CONNECTORS {
        let metadata = repository::yaml(&connector.file("metadata.yaml"));
        let problems: Vec<_> =
            validator.iter_errors(&metadata).map(|it| format!("{it} at {}", it.instance_path())).collect();
        assert!(problems.is_empty(), "{}: {problems:#?}", connector.name);
        assert_eq!(metadata["metadataSpecVersion"], "1.0");
        let id = metadata["data"]["definitionId"].as_str().unwrap().to_owned();
        assert_eq!(uuid::Uuid::try_parse(&id).unwrap().to_string(), id);
        assert!(ids.insert(id), "each connector has an id of its own");
    }

    // The schema rejects broken files.
    let metadata = repository::yaml("metadata.yaml");
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
    for connector in CONNECTORS {
        let (data, name) = (connector.data(), connector.name);
        assert_eq!(data["connectorType"], connector.kind, "{name}");
        assert_eq!(data["tags"], json!(["language:rust", "cdk:none"]), "{name}");
        assert_eq!(data["license"], env!("CARGO_PKG_LICENSE"), "{name}");
        let spec = connector.spec();
        assert_eq!(data["documentationUrl"], spec["documentationUrl"], "{name}");
        assert_eq!(data["protocolVersion"], spec["protocol_version"], "{name}");
        let (organisation, repository) =
            data["dockerRepository"].as_str().unwrap().split_once('/').expect("an organisation");
        assert!(!organisation.contains('.'), "{name}: a repository of Docker Hub");
        assert_eq!(repository, name);
        assert_eq!(data["githubIssueLabel"], name);
        assert_eq!(data["supportsFileTransfer"], false, "{name}");
        let documentation = data["externalDocumentationUrls"].as_array().unwrap();
        // The guide of the registry asks for the history of the API of every connector to one.
        assert!(documentation.iter().any(|it| it["type"] == "api_release_history"), "{name}");
        let icon = repository::text(&connector.file(data["icon"].as_str().unwrap()));
        assert!(icon.starts_with("<svg ") && icon.len() < 4096, "{name}: a small SVG icon");
    }
    // These are features of destinations.
    let [destination, source] = CONNECTORS.map(|connector| connector.data());
    for feature in ["supportsRefreshes", "supportsDataActivation"] {
        assert_eq!((&destination[feature], source.get(feature)), (&json!(true), None), "{feature}");
    }
}

#[test]
fn sign_in_hosts_are_allowed() {
    // The page on the configuration names the same domains.
    let page = repository::text("docs/configuration.md");
    for domain in ["salesforce.com", "salesforce.mil", "sfcrmproducts.cn", "cloudforce.com"] {
        assert!(page.contains(&format!("`{domain}`")), "{domain}");
        for connector in CONNECTORS {
            assert!(connector.hosts().contains(&format!("*.{domain}")), "{} {domain}", connector.name);
        }
    }
    let [destination, source] = CONNECTORS;
    let hosts = destination.hosts();
    let variables = hosts.iter().filter_map(|host| host.strip_prefix("${")?.strip_suffix('}'));
    for variable in variables {
        let s3 = "/connectionSpecification/properties/object_storage_config/oneOf/1/properties";
        let key = variable.strip_prefix("object_storage_config.").unwrap();
        assert!(crate::spec::spec().pointer(s3).unwrap().get(key).is_some(), "{variable}");
    }
    assert_eq!(source.hosts().len(), 4, "the source talks with Salesforce alone");
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
    assert!(CONNECTORS[0].mebibytes("sync", "memory_request") >= 2 * 96);
    for connector in CONNECTORS {
        for job_type in ["sync", "check_connection", "discover_schema"] {
            let [request, limit] = ["memory_request", "memory_limit"].map(|key| connector.mebibytes(job_type, key));
            assert!(limit >= request, "{} {job_type}", connector.name);
        }
    }
}

#[test]
fn the_version_is_the_same_everywhere() {
    let version = env!("CARGO_PKG_VERSION");
    for connector in CONNECTORS {
        let (data, name) = (connector.data(), connector.name);
        // One tag releases both.
        assert_eq!(connector.package("version"), version, "{name}");
        assert_eq!(connector.package("name"), name);
        assert_eq!(data["dockerImageTag"], version, "{name}");

        let dockerfile = repository::text(&connector.file("Dockerfile"));
        let label = |label: &str| {
            let mut found =
                dockerfile.split_whitespace().filter_map(|word| word.strip_prefix(label)?.strip_prefix('='));
            let value = found.next().unwrap_or_else(|| panic!("{name}: no label {label}")).to_owned();
            assert_eq!(found.next(), None, "{name}: two labels {label}");
            value
        };
        assert_eq!(label("io.airbyte.version"), version, "{name}");
        assert_eq!(label("io.airbyte.name"), data["dockerRepository"].as_str().unwrap(), "{name}");
    }

    let changelog = repository::text("CHANGELOG.md");
    let newest = changelog.lines().find_map(|line| line.strip_prefix("## ")).unwrap();
    assert_eq!(newest.split(' ').next(), Some(version), "the top of the CHANGELOG");
}

/// So that copied commands run the image of this version.
#[test]
fn the_pages_name_the_current_version() {
    let others =
        ["Dockerfile", ".github/workflows/ci.yml", "source-salesforce/Dockerfile", "source-salesforce/README.md"];
    let pages = repository::pages().into_iter().chain(others.map(str::to_owned));
    let texts: Vec<_> = pages.map(|name| (repository::text(&name), name)).collect();
    for (connector, least) in CONNECTORS.into_iter().zip([5, 2]) {
        let mut count = 0;
        let before = format!("{}:", connector.name);
        for (text, name) in &texts {
            for (index, _) in text.match_indices(&before) {
                let tag = &text[index + before.len()..];
                let tag: String = tag.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '.').collect();
                assert_eq!(tag, env!("CARGO_PKG_VERSION"), "{name}");
                count += 1;
            }
        }
        assert!(count > least, "{}: {count}", connector.name);
    }
}
