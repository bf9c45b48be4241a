//! `docs/errors.md` has a heading for each error, in the words of the code.

use std::fs;

use crate::repository;

const PAGE: &str = include_str!("../docs/errors.md");

/// The folders with the errors of the connector.
const SOURCES: [&str; 4] = ["src", "crates/airbyte/src", "crates/connector/src", "crates/salesforce/src"];

/// The Rust files below a folder of the repository, without the tests and the comments.
pub(crate) fn source_files(folder: &str) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(repository::path(folder))
        .unwrap()
        .map(|entry| format!("{folder}/{}", entry.unwrap().file_name().into_string().unwrap()))
        .filter(|name| !name.contains("tests"))
        .collect();
    names.sort();
    let files = names.iter().flat_map(|name| match repository::path(name).is_dir() {
        true => source_files(name),
        false => vec![without_comments(&repository::text(name))],
    });
    files.collect()
}

fn without_comments(source: &str) -> String {
    source.lines().filter(|line| !line.trim_start().starts_with("//")).map(|line| format!("{line}\n")).collect()
}

fn all_source_files() -> Vec<String> {
    SOURCES.iter().flat_map(|folder| source_files(folder)).collect()
}

/// Joins the lines of string literals, which end in a backslash.
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
    let code: String = all_source_files().iter().map(|file| joined(file).replace("\\\"", "\"")).collect();
    for heading in headings() {
        // The caller names what it was doing.
        let heading = heading.replace("while signing in", "while …");
        for part in heading.split('…').map(|part| part.trim_start_matches(": ").trim()) {
            let part = part.trim_end_matches([':', ',', '.']);
            assert!(code.contains(part), "{part:?} of {heading:?} is not in the code");
        }
    }
}

/// The letters and digits of the first sentence, without placeholders.
fn letters(sentence: &str) -> String {
    let mut text = String::new();
    let mut in_placeholder = false;
    for character in sentence.split_inclusive(". ").next().unwrap_or_default().chars() {
        match character {
            '{' => in_placeholder = true,
            '}' => in_placeholder = false,
            other if !in_placeholder && other.is_alphanumeric() => text.push(other),
            _ => {}
        }
    }
    text
}

/// The texts of the errors in a source file.
fn errors(source: &str) -> Vec<String> {
    let source = joined(source.split("#[cfg(test)]").next().unwrap()).replace("\\\"", "'");
    let constructors = ["Error::config(", "Error::transient(", "Error::system("];
    let texts = constructors.iter().flat_map(|constructor| source.split(constructor).skip(1)).map(str::trim_start);
    let texts = texts.map(|text| text.strip_prefix("format!(").unwrap_or(text).trim_start());
    texts.filter_map(|text| Some(text.strip_prefix('"')?.split('"').next()?.to_owned())).collect()
}

#[test]
fn every_error_of_the_code_has_a_heading() {
    let headings: Vec<String> = headings().into_iter().map(letters).filter(|text| !text.is_empty()).collect();
    let errors: Vec<String> = all_source_files().iter().flat_map(|file| errors(file)).collect();
    for error in &errors {
        let text = letters(error);
        let has_heading = headings.iter().any(|heading| text.starts_with(heading) || heading.starts_with(&text));
        assert!(has_heading, "{error}");
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
        let has_heading =
            headings().iter().any(|heading| sentence.starts_with(heading.trim_end_matches(['…', ' ', ','])));
        assert!(has_heading, "{sentence}");
        count += 1;
    }
    assert!(count >= 15, "{count} sentences");
}

/// The page has what the log says of each status code, in its words.
#[test]
fn every_meaning_of_a_status_code_is_on_the_page() {
    let code = include_str!("../crates/salesforce/src/row_error/meaning.rs");
    let (_, arms) = code.split_once("match code {").unwrap();
    let mut count = 0;
    for arm in arms.split_inclusive("\",\n").chain(arms.split("}\n")).filter(|arm| arm.matches("=>").count() == 1) {
        let (codes, meaning) = arm.split_once("=>").unwrap();
        let Some(meaning) = meaning.split('"').nth(1) else { continue };
        for code in codes.split('"').filter(|text| text.starts_with(|it: char| it.is_ascii_uppercase())) {
            assert!(PAGE.contains(&format!("| `{code}` | {meaning} | ")), "{code}: {meaning}");
            count += 1;
        }
    }
    assert!(count >= 30, "{count} codes");
}

/// The files that make errors of texts from elsewhere: from other messages, or from the files of `PARTS`.
const PASSES_ON: [&str; 5] = [
    "src/command/check.rs",
    "src/command/validate.rs",
    "src/rejected/bucket/error.rs",
    "src/rejected/store.rs",
    "src/run.rs",
];

/// So that each error has its words where `errors` finds them.
#[test]
fn an_error_has_its_words_in_place_or_is_made_of_others() {
    let known: Vec<String> = PASSES_ON.iter().chain(&PARTS).flat_map(|path| parts(path)).collect();
    for file in all_source_files() {
        let code = file.split("#[cfg(test)]").next().unwrap();
        let starts =
            ["Error::config", "Error::transient", "Error::system"].iter().flat_map(|it| code.split(it).skip(1));
        let has_words = |call: &str| {
            let argument = call.trim_start_matches('(').trim_start();
            argument.strip_prefix("format!(").unwrap_or(argument).trim_start().starts_with('"')
        };
        let without_words = starts.into_iter().find(|call| !has_words(call)).map(|call| call.lines().next());
        let is_known = known.contains(&part(&file));
        assert!(without_words.is_none() || is_known, "an error without words of its own: {without_words:?}");
    }
}

/// Folders and files that have rules, problems and reasons: parts that become messages elsewhere.
const PARTS: [&str; 14] = [
    "src/config",
    "src/pipeline/prepare",
    "src/pipeline/intake",
    "src/pipeline/job/judge.rs",
    "src/pipeline/rejections.rs",
    "src/convert/rejection.rs",
    "src/rejected/bucket/error.rs",
    "src/rejected/folder",
    "src/rejected/read/findings.rs",
    "src/rejected/read/object.rs",
    "src/rejected/read/row.rs",
    "src/command/validate.rs",
    "src/user_error.rs",
    "crates/connector/src/fault_error.rs",
];

/// Texts that need no line on the page: remedies at the end of a message, causes for the developers, names and types.
const UNLISTED: [&str; 22] = [
    "The 24 hours are a moving window",
    "Run the sync again",
    "Delete records or buy data storage",
    "the rights on the object and its fields",
    "Check the spelling, and that the user can see it",
    "Change the object, operation or fields of the stream",
    "Someone else may have changed the job",
    "Amazon S3 in",
    "in this namespace",
    "and perhaps others",
    "choose one of",
    "mark it as an external id",
    "What it sent is",
    "mostly with",
    "are set aside",
    "to `ignore` or `refuse`",
    "the text is not an object of JSON values",
    "cannot be written",
    "Root level flattening",
    "a whole number",
    "of another type",
    "in spite of",
];

/// The source files of a folder, or a source file, without tests and without logged facts.
fn parts(path: &str) -> Vec<String> {
    let files = match repository::path(path).is_dir() {
        true => source_files(path),
        false => vec![without_comments(&repository::text(path))],
    };
    files.iter().map(|file| part(file)).collect()
}

/// A source file without tests and without logged facts.
fn part(file: &str) -> String {
    let without_tests = file.split("#[cfg(test)]").next().unwrap().to_owned();
    ["tracing::info!(", "tracing::debug!("].iter().fold(without_tests, without_calls)
}

fn without_calls(source: String, call: &&str) -> String {
    let mut pieces = source.split(*call);
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |text, piece| text + piece.split_once(");").map_or("", |(_, after)| after))
}

/// The texts between quotation marks.
fn texts(source: &str) -> Vec<String> {
    let source = joined(source).replace("\\\"", "'").replace("'\"'", "");
    source.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The words by which a text is looked up on the page: the first three or more without a placeholder, up to a comma or
/// the like. `None` if there are none, or if they name what the connector was doing.
fn key_words(text: &str) -> Option<String> {
    let fixed = text.split('{').enumerate();
    let fixed =
        fixed.map(|(index, part)| if index == 0 { part } else { part.split_once('}').map_or("", |(_, it)| it) });
    let phrases = fixed.flat_map(|part| part.split([',', ';', ':', '.'])).map(str::trim);
    let words = phrases.into_iter().find(|phrase| phrase.split(' ').count() > 2)?;
    let is_step = words.split(' ').next()?.ends_with("ing");
    (!is_step).then(|| words.chars().filter(|it| it.is_alphanumeric()).collect())
}

fn page_has(text: &str) -> bool {
    let page: String = PAGE.chars().filter(|it| it.is_alphanumeric()).collect();
    key_words(text).is_none_or(|words| page.contains(&words))
}

#[test]
fn every_rule_problem_and_reason_is_on_the_page() {
    let texts: Vec<String> = PARTS.iter().flat_map(|path| parts(path)).flat_map(|file| texts(&file)).collect();
    let is_unlisted = |text: &str| UNLISTED.iter().any(|it| text.contains(it));
    let missing: Vec<&String> = texts.iter().filter(|text| !is_unlisted(text) && !page_has(text)).collect();
    assert!(missing.is_empty(), "{missing:#?}");
    assert!(texts.iter().filter(|text| key_words(text).is_some()).count() >= 100);
}

/// What the connector logs as a warning or an error, other than the errors and rejections that have a line of their own.
#[test]
fn every_warning_is_on_the_page() {
    let files = all_source_files();
    let files = files.iter().map(|file| file.split("#[cfg(test)]").next().unwrap());
    let calls = files.flat_map(|file| file.split("tracing::").skip(1)).filter_map(|rest| {
        let call = rest.strip_prefix("warn!(").or_else(|| rest.strip_prefix("error!("))?;
        call.split(");").next()
    });
    let warnings: Vec<String> = calls.flat_map(texts).collect();
    let missing: Vec<&String> = warnings.iter().filter(|text| !page_has(text)).collect();
    assert!(missing.is_empty(), "{missing:#?}");
    assert!(warnings.len() >= 40, "{} warnings", warnings.len());
}
