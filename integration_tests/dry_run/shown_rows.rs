//! The rows that a dry run shows.

use serde_json::{Value, json};

use crate::terminal::{TerminalRun, write_on_terminal};
use crate::world::{World, catalog, complete, keyed, record, state, stream};

fn two_streams() -> Value {
    let fields = [("LastName", "string"), ("Description", "string")];
    catalog(&[
        stream("people", "Contact", &fields),
        stream("leads", "Lead", &[("LastName", "string"), ("Company", "string")]),
    ])
}

fn lines() -> Vec<String> {
    let person =
        |number| record("people", json!({"LastName": format!("P{number}"), "Description": "say \"x\",\ntwice"}));
    let lead = |number| record("leads", json!({"LastName": format!("L{number}"), "Company": "Example\u{1b}[2J Ltd"}));
    (0..5).map(person).chain((0..2).map(lead)).chain([complete("people"), complete("leads")]).collect()
}

const PEOPLE: &str = "people: first rows for Contact (insert)\nLastName,Description\n";

#[tokio::test(flavor = "multi_thread")]
async fn the_first_rows_go_to_standard_error_as_they_would_be_sent() {
    let world = World::new().await;
    let (run, stderr) = world.dry_run_with(&["--show", "2"], json!({}), two_streams(), lines()).await;
    run.assert_success();
    let row = |number| format!("P{number},\"say \"\"x\"\",\ntwice\"\n");
    assert!(stderr.contains(&format!("{PEOPLE}{}{}\n", row(0), row(1))), "{stderr}");
    assert!(stderr.contains("LastName,Company\nL0,Example\u{1b}[2J Ltd\nL1,Example\u{1b}[2J Ltd\n\n"), "{stderr}");
    assert!(!stderr.contains("P2"), "{stderr}");
    assert!(!run.stdout.contains("P0") && !run.stdout.contains("twice"), "no value is in a message: {}", run.stdout);
}

/// Each batch has less than one of the rows that are shown.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_rows_of_several_batches_are_shown_in_their_order() {
    let world = World::new().await;
    let person = |number| record("people", json!({"LastName": format!("P{number}"), "Description": "x".repeat(9_000)}));
    let lines = (0..6).map(person).chain([complete("people"), complete("leads")]).collect();
    let (run, stderr) = world.dry_run_with(&["--show=4"], json!({"batch_size_mb": 0.01}), two_streams(), lines).await;
    run.assert_success();
    let shown: Vec<&str> = stderr.lines().filter(|line| line.starts_with('P')).map(|line| &line[..2]).collect();
    assert_eq!(shown, ["P0", "P1", "P2", "P3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_terminal_no_row_is_shown_unless_it_is_asked_for() {
    let world = World::new().await;
    world.dry_run(json!({}), two_streams(), lines()).await.assert_success();
    let (run, stderr) = world.dry_run_with(&["--show", "0"], json!({}), two_streams(), lines()).await;
    run.assert_success();
    assert_eq!(stderr, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_shows_three_rows_of_each_stream_and_a_table() {
    let world = World::new().await;
    let TerminalRun { screen, messages } = write_on_terminal(&world, "--dry-run", &two_streams(), &lines()).await;
    world.assert_nothing_sent();

    let screen = screen.replace('\r', "");
    assert!(screen.contains("P2,\"say"), "{screen}");
    assert!(!screen.contains("P3"), "{screen}");
    assert!(screen.contains("L0,Example\\u{1b}[2J Ltd\n"), "a value cannot clear the screen: {screen}");
    assert!(screen.lines().any(|line| line.split_whitespace().eq(["people", "5", "5", "0"])), "{screen}");
    for line in [
        "Dry run: nothing was sent, and nothing counts as done.",
        "  stream  object   operation  records  to create  jobs",
        "  people  Contact  insert           5          5     1",
        "  leads   Lead     insert           2          2     1",
        "  total                             7          7     2",
    ] {
        assert!(screen.lines().any(|it| it == line), "{line}\n{screen}");
    }
    assert!(!messages.contains("Example"), "no value is in a message: {messages}");
}

/// The example of `docs/dry-run.md`, with its lines wrapped.
#[tokio::test(flavor = "multi_thread")]
async fn the_example_of_the_page_is_what_a_terminal_shows() {
    const PAGE: &str = include_str!("../../docs/dry-run.md");
    let example = PAGE.split("```").nth(1).unwrap().strip_prefix("text\n").unwrap();

    let world = World::kind().await;
    for (key, name) in [("C-1", "Example"), ("C-2", "Sample"), ("C-3", "Pattern")] {
        world.org.insert("Contact", &[("External_Id__c", key), ("LastName", name)]).unwrap();
    }
    let fields =
        ["External_Id__c", "LastName", "Email", "Birthdate", "_ab_cdc_deleted_at"].map(|name| (name, "string"));
    let people = keyed(stream("people", "Contact", &fields), "append_dedup", "External_Id__c");
    let leads = stream("leads", "Lead", &[("LastName", "string"), ("Company", "string")]);
    let person = |data| record("people", data);
    let lines = [
        person(
            json!({"External_Id__c": "C-1", "LastName": "Example", "Email": "ann@example.com", "Birthdate": "1990-02-01"}),
        ),
        person(json!({"External_Id__c": "C-4", "LastName": "Sample, Jr.", "Email": "bo@example.com"})),
        person(json!({"External_Id__c": "C-2", "_ab_cdc_deleted_at": "2026-01-31T09:30:00Z"})),
        person(json!({"External_Id__c": "C-9", "_ab_cdc_deleted_at": "2026-01-31T09:31:00Z"})),
        person(json!({"External_Id__c": "C-5", "LastName": "Model", "Email": "di@example.com"})),
        person(json!({"External_Id__c": "C-3", "LastName": "Pattern", "Birthdate": "31.2.1990"})),
        person(json!({"External_Id__c": "C-1", "Email": "ann.example@example.com"})),
        person(json!({"LastName": "Nobody"})),
        record("leads", json!({"LastName": "Example", "Company": "Example Ltd"})),
        state("people", 1),
        complete("people"),
        complete("leads"),
    ];
    let TerminalRun { screen, .. } = write_on_terminal(&world, "--dry-run", &catalog(&[people, leads]), &lines).await;
    // Commands of the terminal stand between the words, and the progress between the paragraphs.
    let words = |text: &str| -> Vec<String> {
        let visible = text.split('\u{1b}').enumerate().map(|(part, text)| match part {
            0 => text,
            _ => text.trim_start_matches(|it: char| !it.is_ascii_alphabetic()).get(1..).unwrap_or_default(),
        });
        visible.flat_map(str::split_whitespace).map(str::to_owned).collect()
    };
    let shown = words(&screen);
    for paragraph in example.split("\n\n") {
        let expected = words(paragraph);
        let is_shown = shown.windows(expected.len()).any(|part| part == expected);
        assert!(is_shown, "{paragraph}\n{screen}");
    }
}
