//! The pages and the files for registries are held to the code.

use std::fs;
use std::path::Path;

use serde_json::Value;

fn text(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

#[test]
fn metadata_and_image_have_the_version_of_the_crate() {
    let version = env!("CARGO_PKG_VERSION");
    assert!(text("metadata.yaml").contains(&format!("dockerImageTag: {version}\n")));
    assert!(text("Dockerfile").contains(&format!("io.airbyte.version={version}\n")));
    assert!(text("metadata.yaml").contains("connectorType: source\n"));
}

#[test]
fn every_test_that_a_page_names_is_there() {
    let folders = [
        "integration_tests",
        "src/query",
        "src/compare",
        "../crates/salesforce/src/query/job_pages",
        "../crates/salesforce/src/query/rest",
    ];
    let files = folders.iter().flat_map(|folder| {
        let files = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap();
        files.map(|file| file.unwrap().path()).filter(|path| path.extension().is_some_and(|it| it == "rs"))
    });
    let mut code: String = files.map(|path| fs::read_to_string(path).unwrap()).collect();
    code += &(text("src/state.rs") + &text("src/compare/sent/tests.rs"));
    let pages = ["docs/guarantees.md", "docs/incremental.md", "docs/compare.md", "../docs/org-to-org.md"];
    let pages: String = pages.into_iter().map(text).collect();
    let is_test =
        |name: &&str| name.matches('_').count() > 3 && !name.starts_with('_') && !name.contains(char::is_whitespace);
    let named: Vec<&str> = pages.split('`').filter(is_test).collect();
    assert!(named.len() > 15, "{named:?}");
    for name in named {
        assert!(code.contains(&format!("fn {name}(")), "{name}");
    }
}

#[test]
fn every_key_of_the_form_is_on_its_page() {
    let spec: Value = serde_json::from_str(&text("spec.json")).unwrap();
    let page = text("docs/settings.md");
    for (key, rules) in spec["connectionSpecification"]["properties"].as_object().unwrap() {
        let is_sign_in = key == "credentials" || rules["group"] == "connection";
        assert!(is_sign_in || page.contains(&format!("`{key}`")), "{key}");
    }
}

/// The page that the form links to is the one that the repository has for Airbyte's documentation.
#[test]
fn the_documentation_is_a_page_of_the_repository() {
    let spec: Value = serde_json::from_str(&text("spec.json")).unwrap();
    let url = spec["documentationUrl"].as_str().unwrap().to_owned();
    let path = url.strip_prefix("https://docs.airbyte.com/").unwrap();
    let page = text(&format!("../docs/{path}.md"));
    assert!(text("metadata.yaml").contains(&format!("documentationUrl: {url}\n")));
    for (key, rules) in spec["connectionSpecification"]["properties"].as_object().unwrap() {
        let title = rules["title"].as_str().unwrap();
        assert!(rules.get("airbyte_hidden").is_some() || page.contains(&format!("**{title}")), "{key}: {title}");
    }
    // It stands alone there: every link is whole.
    for link in page.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
        assert!(link.starts_with("https://") || link.starts_with('#'), "{link}");
    }
}
