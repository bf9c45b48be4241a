//! Runs the tool on a small workspace.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const MANIFEST: &str = "[package]\nname = \"small\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[workspace]\n";

const LIBRARY: &str = r#"//! A small library.

mod inner;

/// Has a test that notices everything.
pub fn is_small(number: u32) -> bool {
    number < inner::LIMIT
}

/// Has a test that does not look at the result.
pub fn doubled(number: u32) -> u32 {
    number * 2
}

/// Does not end without its statement.
pub fn count(mut number: u32) -> T {
    while number > 5 {
        number -= 1;
    }
    T
}

/// A value that has no default.
#[derive(Debug, PartialEq)]
pub struct T;

/// No test calls it.
pub fn untested(text: &str) -> T {
    drop(text.to_owned());
    T
}

/// Without the statement it does not compile.
pub fn late(yes: bool) -> T {
    let result;
    if yes {
        result = T;
    } else {
        result = T;
    }
    result
}
"#;

const INNER: &str = "pub(crate) const LIMIT: u32 = 10;\n";

const TESTS: &str = r#"//! Tests.
#[test]
fn nine_is_small() {
    assert!(small::is_small(9) && !small::is_small(10));
    assert!(small::late(true) == small::late(false));
}
#[test]
fn twice_runs() {
    small::doubled(2);
}
#[test]
fn it_ends() {
    assert_eq!(small::count(6), small::T);
}
#[test]
fn it_fails() {
    panic!();
}
"#;

fn workspace(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&root);
    for (file, text) in [
        ("Cargo.toml", MANIFEST),
        ("src/lib.rs", LIBRARY),
        ("src/inner.rs", INNER),
        ("tests/all.rs", TESTS),
        ("not_in_git.txt", ""),
    ] {
        let path = root.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    for arguments in [&["init", "-q"][..], &["add", "Cargo.toml", "src", "tests"]] {
        assert!(Command::new("git").args(arguments).current_dir(&root).status().unwrap().success());
    }
    root
}

fn run(root: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mutants"));
    let Output { status, stdout, stderr } = command.args(arguments).current_dir(root).output().unwrap();
    (status.code(), String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr))
}

#[test]
fn mutants_of_a_small_workspace_are_killed_survive_and_are_not_reached() {
    let root = workspace("small");
    let (code, text) = run(&root, &["src"]);
    assert_eq!(code, Some(1), "{text}");
    for expected in [
        "it_fails of all (test) fails without a mutant",
        "src/lib.rs:12 doubled: `number * 2` -> `number / 2` (tests that reach it: 1)",
        "src/lib.rs:29 untested: without `drop(text.to_owned());` (no test reaches it)",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    for killed in ["is_small", "LIMIT", "without `number -= 1;`", "it_ends"] {
        assert!(!text.contains(killed), "{killed}\n{text}");
    }
    // Without its statement the loop has no end.
    let counts = text.lines().last().unwrap_or_default().split_whitespace().collect::<Vec<_>>();
    assert!(counts[1].parse::<usize>().unwrap() >= 1, "{text}");
    assert!(!root.join("target/mutants/copy/not_in_git.txt").exists());
    let dropped = fs::read_to_string(root.join("target/mutants/dropped.txt")).unwrap();
    assert!(dropped.contains("late | without `result = T;`"), "{dropped}");

    // The trace is kept, and a folder in which all are killed is a success.
    let (code, text) = run(&root, &["src/inner.rs"]);
    assert!(text.contains("0 tests are traced, 4 were before."), "{text}");
    assert_eq!(code, Some(0), "{text}");
    fs::create_dir(root.join("mutants")).unwrap();
    fs::write(root.join("mutants/known.txt"), "src/lib.rs | doubled | `2` -> `3` | a reason\n").unwrap();
    let (_, text) = run(&root, &["src/inner.rs"]);
    assert!(text.contains("matches no mutant; remove it: src/lib.rs | doubled | `2` -> `3`"), "{text}");
    fs::remove_dir_all(root).unwrap();
}

#[test]
fn breaks_of_a_list_are_tried() {
    let root = workspace("by_hand");
    let list = [
        r#"{"file":"src/lib.rs","old":"number < inner::LIMIT","new":"true","rule":"Ten is not small."}"#,
        r#"{"file":"src/lib.rs","old":"number -= 1;","new":"number = 1;","rule":"One at a time."}"#,
        r#"{"file":"src/lib.rs","old":"drop(text.to_owned());","new":"","rule":"The text is dropped."}"#,
        r#"{"file":"src/lib.rs","old":"number * 2","new":"T","rule":"It is doubled."}"#,
    ];
    fs::write(root.join("breaks.jsonl"), list.join("\n")).unwrap();
    let (code, text) = run(&root, &["--breaks", "breaks.jsonl"]);
    assert_eq!(code, Some(1), "{text}");
    for expected in [
        "src/lib.rs:12: It is doubled. `number * 2` -> `T` (does not compile)",
        "src/lib.rs:18: One at a time. `number -= 1;` -> `number = 1;` (tests that reach it: 1)",
        "src/lib.rs:29: The text is dropped. `drop(text.to_owned());` -> `` (no test reaches it)",
        "     1              0         1            1      0  src",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    fs::remove_dir_all(root).unwrap();
}

#[test]
fn what_cannot_be_run_is_said() {
    let root = workspace("refused");
    for (arguments, expected) in [
        (&["--sample", "2"][..], "--sample needs a number above 0 and up to 1"),
        (&["--workers"], "--workers needs a value."),
        (&["--unknown"], "There is no option --unknown."),
        (&["sorce"], "No mutant is in the files that you named."),
    ] {
        let (code, text) = run(&root, arguments);
        assert_eq!(code, Some(2), "{text}");
        assert!(text.contains(expected), "{text}");
    }
}
