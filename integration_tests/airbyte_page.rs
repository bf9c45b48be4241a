//! The page that Airbyte's documentation site can publish as it is, at the address that the specification names.

use crate::repository;
use crate::spec::spec;

fn page() -> String {
    let spec = spec();
    let path = spec["documentationUrl"].as_str().unwrap().strip_prefix("https://docs.airbyte.com/").unwrap();
    repository::text(&format!("docs/{path}.md"))
}

/// The headings with their number signs, without the lines of examples.
fn headings(page: &str) -> Vec<&str> {
    let outside = page.split("```").step_by(2);
    outside.flat_map(str::lines).filter(|line| line.starts_with('#')).collect()
}

/// Airbyte's checks of a connector want these headings in this order.
#[test]
fn the_page_has_the_headings_of_a_destination() {
    let page = page();
    let name = repository::yaml("metadata.yaml")["data"]["name"].as_str().unwrap().to_owned();
    let wanted = [
        format!("# {name}"),
        "## Prerequisites".to_owned(),
        "## Setup guide".to_owned(),
        "## Supported sync modes".to_owned(),
        "## Limitations".to_owned(),
        "## Troubleshooting".to_owned(),
        "## Changelog".to_owned(),
    ];
    let headings = headings(&page);
    let found: Vec<_> = headings.iter().filter(|heading| wanted.contains(&(**heading).to_owned())).collect();
    assert_eq!(found, wanted.iter().collect::<Vec<_>>(), "{headings:?}");
    assert_eq!(headings.iter().filter(|heading| heading.starts_with("# ")).count(), 1);
}

/// Another site has none of this repository's files.
#[test]
fn the_page_links_to_no_file() {
    let page = page();
    for link in page.split("](").skip(1) {
        assert!(link.starts_with("https://") || link.starts_with('#'), "{}", link.split(')').next().unwrap());
    }
}

#[test]
fn each_help_link_to_the_page_leads_to_a_heading() {
    let page = page();
    let anchors: Vec<String> = headings(&page)
        .iter()
        .map(|heading| heading.trim_start_matches('#').trim().to_lowercase())
        .map(|heading| heading.replace(' ', "-").chars().filter(|it| it.is_alphanumeric() || *it == '-').collect())
        .collect();
    let spec = repository::text("spec.json");
    let address = crate::spec::spec()["documentationUrl"].as_str().unwrap().to_owned() + "#";
    let links: Vec<&str> = spec.split(&address).skip(1).map(|rest| rest.split(['"', '\\']).next().unwrap()).collect();
    assert!(!links.is_empty());
    for anchor in links {
        assert!(anchors.iter().any(|it| it == anchor), "{anchor}: {anchors:?}");
    }
}

#[test]
fn the_page_names_every_sign_in_flow_and_every_group_of_the_form() {
    let page = page();
    let spec = spec();
    let schema = &spec["connectionSpecification"];
    for variant in schema["properties"]["credentials"]["oneOf"].as_array().unwrap() {
        let words = variant["title"].as_str().unwrap().split(" (").next().unwrap();
        assert!(page.contains(&format!("| {words} |")), "{words}");
    }
    for group in schema["groups"].as_array().unwrap() {
        let title = group["title"].as_str().unwrap();
        assert!(page.contains(&format!("**{title}.**")), "{title}");
    }
    for sync_mode in spec["supported_destination_sync_modes"].as_array().unwrap() {
        let row = match sync_mode.as_str().unwrap() {
            "append" => "| Incremental - Append | Yes |",
            "append_dedup" => "| Incremental - Append + Deduped | Yes |",
            "update" => "| Update (data activation) | Yes |",
            "soft_delete" => "| Soft delete (data activation) | Yes |",
            other => panic!("{other}"),
        };
        assert!(page.contains(row), "{row}");
    }
}

#[test]
fn the_changelog_of_the_page_begins_with_this_version() {
    let page = page();
    let changelog = page.split("## Changelog").nth(1).unwrap();
    let first = changelog.lines().filter(|line| line.starts_with("| ")).nth(2).unwrap();
    assert!(first.starts_with(&format!("| {} |", env!("CARGO_PKG_VERSION"))), "{first}");
}
