//! `docs/delivery.md` names tests that exist, and every test of faults.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const PAGE: &str = include_str!("../docs/delivery.md");

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("integration_tests")
}

/// The tests of a module, by the names that `cargo test` knows.
fn tests_of(module: &str) -> BTreeSet<String> {
    let path = folder().join(module.replace("::", "/")).with_extension("rs");
    let source = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
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

/// What stands in backquotes with a path's colons.
fn named() -> BTreeSet<String> {
    PAGE.split('`').skip(1).step_by(2).filter(|name| name.contains("::")).map(str::to_owned).collect()
}

#[test]
fn every_test_the_page_names_exists() {
    let named = named();
    assert!(named.len() > 30, "{named:?}");
    for name in named {
        let (module, _) = name.rsplit_once("::").unwrap();
        assert!(tests_of(module).contains(&name), "there is no test {name}");
    }
}

#[test]
fn every_fault_test_is_on_the_page() {
    let modules = fs::read_dir(folder().join("faults")).unwrap();
    let modules = modules.map(|file| file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned());
    let tests: BTreeSet<String> = modules.flat_map(|module| tests_of(&format!("faults::{module}"))).collect();
    let named = named();
    let missing: Vec<&String> = tests.difference(&named).collect();
    assert!(tests.len() > 30 && missing.is_empty(), "{missing:?}");
}
