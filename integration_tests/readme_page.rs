//! The README leads to every page of the documentation.

use crate::repository;

#[test]
fn the_readme_lists_every_page() {
    let readme = repository::text("README.md");
    for name in repository::pages().iter().filter(|name| name.starts_with("docs/")) {
        assert!(readme.contains(&format!("]({name})")), "{name}");
    }
}
