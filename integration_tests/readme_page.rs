//! The README leads to every page of the documentation, and the pages have whole tables.

use crate::repository;

#[test]
fn the_readme_lists_every_page() {
    let readme = repository::text("README.md");
    for name in repository::pages().iter().filter(|name| name.starts_with("docs/")) {
        assert!(readme.contains(&format!("]({name})")), "{name}");
    }
}

/// An empty line between two rows would end a table.
#[test]
fn every_table_has_a_header() {
    let mut tables = 0;
    for name in repository::pages() {
        let page = repository::text(&name);
        for part in page.split("```").step_by(2) {
            let lines: Vec<&str> = part.lines().map(str::trim).collect();
            for rows in lines.split(|line| !line.starts_with('|')).filter(|rows| !rows.is_empty()) {
                let is_below = |row: &&&str| row.chars().all(|it| "|:- ".contains(it));
                assert!(rows.get(1).filter(is_below).is_some(), "{name}: {}", rows[0]);
                tables += 1;
            }
        }
    }
    assert!(tables > 50, "{tables}");
}
