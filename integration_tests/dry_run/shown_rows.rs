//! The rows that a dry run shows.

use serde_json::{Value, json};

use crate::terminal::{TerminalRun, write_on_terminal};
use crate::world::{World, catalog, complete, record, stream};

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
    assert!(screen.contains("people: dry run: 5 read, 5 accepted, 0 refused"), "{screen}");
    for line in [
        "Dry run: nothing was sent, and no state is acknowledged.",
        "  stream  object   operation  records  to create  jobs",
        "  people  Contact  insert           5          5     1",
        "  leads   Lead     insert           2          2     1",
        "  total                             7          7     2",
    ] {
        assert!(screen.lines().any(|it| it == line), "{line}\n{screen}");
    }
    assert!(!messages.contains("Example"), "no value is in a message: {messages}");
}
