//! `docs/delivery.md` names only tests that exist, and every fault test.

use std::collections::BTreeSet;
use std::fs;

use crate::repository;

const PAGE: &str = include_str!("../docs/delivery.md");

/// The tests of a module, with their names in `cargo test`.
fn tests_of(module: &str) -> BTreeSet<String> {
    let source = repository::text(&format!("integration_tests/{}.rs", module.replace("::", "/")));
    let mut tests = BTreeSet::new();
    let mut lines = source.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            let function = lines.next().unwrap().trim_start_matches("async ").trim_start_matches("fn ");
            tests.insert(format!("{module}::{}", function.split_once('(').unwrap().0));
        }
    }
    tests
}

/// The paths in backquotes.
fn named_tests() -> BTreeSet<String> {
    PAGE.split('`').skip(1).step_by(2).filter(|name| name.contains("::")).map(str::to_owned).collect()
}

#[test]
fn every_test_the_page_names_exists() {
    let named = named_tests();
    assert!(named.len() > 30, "{named:?}");
    for name in named {
        let (module, _) = name.rsplit_once("::").unwrap();
        assert!(tests_of(module).contains(&name), "there is no test {name}");
    }
}

#[test]
fn every_fault_test_is_on_the_page() {
    let modules = fs::read_dir(repository::path("integration_tests/faults")).unwrap();
    let modules = modules.map(|file| file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned());
    let tests: BTreeSet<String> = modules.flat_map(|module| tests_of(&format!("faults::{module}"))).collect();
    let named = named_tests();
    let missing: Vec<&String> = tests.difference(&named).collect();
    assert!(tests.len() > 30 && missing.is_empty(), "{missing:?}");
}
