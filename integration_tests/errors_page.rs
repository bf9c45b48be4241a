//! `docs/errors.md` quotes errors as the code has them.

use std::fs;
use std::path::{Path, PathBuf};

const PAGE: &str = include_str!("../docs/errors.md");

/// Where the errors of the connector are made.
const SOURCES: [&str; 3] = ["src", "crates/airbyte/src", "crates/salesforce/src"];

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The texts of the code, without the line ends and the marks of string literals.
fn code(folder: &Path) -> String {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    let text = |path: &Path| match path.is_dir() {
        true => code(path),
        false => joined(&fs::read_to_string(path).unwrap()),
    };
    entries.iter().map(|path| text(path).replace("\\\"", "\"")).collect()
}

/// A backslash at the end of a line joins it with the next.
fn joined(source: &str) -> String {
    let mut parts = source.split("\\\n");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.trim_start())
}

fn headings() -> Vec<&'static str> {
    PAGE.lines().filter_map(|line| line.strip_prefix("#### ")).collect()
}

#[test]
fn every_heading_is_an_error_of_the_code() {
    let code: String = SOURCES.iter().map(|folder| code(&repository().join(folder))).collect();
    for heading in headings() {
        // What was being done is put in by the place that does it.
        let heading = heading.replace("while signing in", "while …");
        for part in heading.split('…').map(|part| part.trim_start_matches(": ").trim()) {
            let part = part.trim_end_matches([':', ',', '.']);
            assert!(code.contains(part), "{part:?} of {heading:?} is not in the code");
        }
    }
}

/// The letters of a sentence up to its first full stop, without what is put in and without marks.
fn bare(sentence: &str) -> String {
    let mut text = String::new();
    let mut is_put_in = false;
    for character in sentence.split_inclusive(". ").next().unwrap_or_default().chars() {
        match character {
            '{' => is_put_in = true,
            '}' => is_put_in = false,
            other if !is_put_in && other.is_alphanumeric() => text.push(other),
            _ => {}
        }
    }
    text
}

/// The beginnings of the errors that a source file makes.
fn errors(source: &str) -> Vec<String> {
    let source = joined(source.split("#[cfg(test)]").next().unwrap()).replace("\\\"", "'");
    let makers = ["Error::config(", "Error::transient(", "Error::system("];
    let texts = makers.iter().flat_map(|maker| source.split(maker).skip(1)).map(str::trim_start);
    let texts = texts.map(|text| text.strip_prefix("format!(").unwrap_or(text).trim_start());
    texts.filter_map(|text| Some(text.strip_prefix('"')?.split('"').next()?.to_owned())).collect()
}

fn sources(folder: &Path) -> Vec<String> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let source = |path: PathBuf| match path.is_dir() {
        true => sources(&path),
        false => vec![fs::read_to_string(path).unwrap()],
    };
    paths.filter(|path| !path.to_string_lossy().contains("tests")).flat_map(source).collect()
}

#[test]
fn every_error_of_the_code_has_a_heading() {
    let headings: Vec<String> = headings().into_iter().map(bare).filter(|text| !text.is_empty()).collect();
    let sources = SOURCES.iter().flat_map(|folder| sources(&repository().join(folder)));
    let errors: Vec<String> = sources.flat_map(|source| errors(&source)).collect();
    for error in &errors {
        let text = bare(error);
        let is_told = headings.iter().any(|heading| text.starts_with(heading) || heading.starts_with(&text));
        assert!(is_told, "{error}");
    }
    assert!(errors.len() >= 50, "{} errors", errors.len());
}

#[test]
fn every_sign_in_refusal_has_a_heading() {
    let code = joined(include_str!("../crates/salesforce/src/token/refusal.rs"));
    let code = code.split("#[cfg(test)]").next().unwrap().replace("\\\"", "'");
    let sentences = code.split('"').filter(|text| text.starts_with(char::is_uppercase) && text.ends_with('.'));
    let mut count = 0;
    for sentence in sentences {
        let is_told = headings().iter().any(|heading| sentence.starts_with(heading.trim_end_matches(['…', ' ', ','])));
        assert!(is_told, "{sentence}");
        count += 1;
    }
    assert!(count >= 15, "{count} sentences");
}
