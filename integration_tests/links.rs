//! Every link of the pages leads to a file of the repository or to a heading of a page.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::repository;

/// The text of each page, by its path.
fn pages() -> BTreeMap<PathBuf, String> {
    repository::pages().iter().map(|name| (repository::path(name), repository::text(name))).collect()
}

/// The lines outside of code blocks, which are fenced or indented by four spaces. No list with links is that deep.
fn prose(page: &str) -> Vec<&str> {
    let mut in_code = false;
    let mut lines = Vec::new();
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        } else if !in_code && !line.starts_with("    ") {
            lines.push(line);
        }
    }
    lines
}

/// A line without the code in backquotes.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect()
}

/// The targets of `[text](target)` and `![text](target)`.
fn links(page: &str) -> Vec<String> {
    let mut links = Vec::new();
    for line in prose(page) {
        let line = without_code(line);
        for part in line.split("](").skip(1) {
            if let Some((target, _)) = part.split_once(')') {
                links.push(target.to_owned());
            }
        }
    }
    links
}

/// The anchor of a heading: lower case, without punctuation, with hyphens for spaces.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

/// The anchors of a page. Repeated ones are numbered.
fn anchors(page: &str) -> BTreeSet<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut anchors = BTreeSet::new();
    for line in prose(page) {
        let heading = line.trim_start_matches('#');
        if heading.len() == line.len() || !heading.starts_with(' ') {
            continue;
        }
        let name = anchor(heading.trim());
        let before = seen.entry(name.clone()).or_default();
        anchors.insert(if *before == 0 { name } else { format!("{name}-{before}") });
        *before += 1;
    }
    anchors
}

/// Why a link of the page is broken.
fn broken(page: &Path, link: &str) -> Option<String> {
    if ["https://", "http://", "mailto:"].iter().any(|scheme| link.starts_with(scheme)) {
        return None;
    }
    let (file, anchor) = link.split_once('#').map_or((link, None), |(file, anchor)| (file, Some(anchor)));
    let target = if file.is_empty() { page.to_owned() } else { page.parent().unwrap().join(file) };
    if !target.exists() {
        return Some(format!("there is no file {file}"));
    }
    let anchor = anchor?;
    let text = fs::read_to_string(&target).unwrap_or_else(|error| panic!("{}: {error}", target.display()));
    (!anchors(&text).contains(anchor)).then(|| format!("{file} has no heading #{anchor}"))
}

#[test]
fn every_link_has_a_target() {
    let mut count = 0;
    let mut problems = Vec::new();
    for (page, text) in pages() {
        for link in links(&text) {
            count += 1;
            problems.extend(broken(&page, &link).map(|why| format!("{}: {why}", page.display())));
        }
    }
    assert!(count > 80, "{count} links");
    assert!(problems.is_empty(), "{problems:#?}");
}

#[test]
fn the_readme_lists_every_page() {
    let table = links(&repository::text("README.md"));
    for name in repository::pages().iter().filter(|name| name.starts_with("docs/")) {
        assert!(table.contains(name), "{name}");
    }
}

#[test]
fn links_and_anchors_are_recognized() {
    let page = "# A `b_c`: d, e?\n[x](#one) and `[not](#a-link)` ![y](z.svg)\n\
                ```sh\n# no heading [no](#link)\n```\n## One\n## One\n";
    assert_eq!(links(page), ["#one", "z.svg"]);
    let expected = ["a-b_c-d-e", "one", "one-1"].map(str::to_owned);
    assert_eq!(anchors(page), BTreeSet::from(expected));
    let page = repository::path("README.md");
    assert_eq!(broken(&page, "https://example.com/#x"), None);
    assert_eq!(broken(&page, "#sync-modes"), None);
    assert!(broken(&page, "docs/no-such-page.md").is_some());
    assert!(broken(&page, "docs/errors.md#no-such-heading").is_some());
}
