//! What a person sees who runs the connector in a terminal.

use std::fs;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::connector::PROGRAM;
use crate::world::{World, blocking, catalog, complete, record, stream};

/// What a run in a terminal leaves.
pub(super) struct TerminalRun {
    /// What appeared on the terminal.
    pub(super) screen: String,
    /// Standard output.
    pub(super) messages: String,
}

/// Writes with a terminal as standard error, which `script` gives and records. The run must succeed.
pub(super) async fn write_on_terminal(world: &World, flags: &str, catalog: &Value, lines: &[String]) -> TerminalRun {
    let folder = tempfile::tempdir().unwrap();
    let config = world.config(json!({})).to_string();
    for (name, content) in [("config", config), ("catalog", catalog.to_string()), ("input", lines.join("\n"))] {
        fs::write(folder.path().join(name), content).unwrap();
    }
    let write = format!("'{PROGRAM}' write {flags} --config config --catalog catalog < input > messages");
    let mut terminal = Command::new("script");
    terminal
        .args(["--quiet", "--return", "--command", &write, "screen"])
        .current_dir(folder.path())
        .env("TERM", "xterm")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    let status = blocking(move || terminal.status().unwrap()).await;
    assert!(status.success(), "{status}");
    let read = |name| fs::read_to_string(folder.path().join(name)).unwrap();
    TerminalRun { screen: read("screen"), messages: read("messages") }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_shows_the_progress_of_each_stream_and_messages_stay_valid() {
    let world = World::new().await;
    let catalog = catalog(&[stream("people", "Contact", &[("LastName", "string")])]);
    let records = (1..=3).map(|number| record("people", json!({"LastName": number.to_string()})));
    let lines: Vec<String> = records.chain([complete("people")]).collect();
    let TerminalRun { screen, messages } = write_on_terminal(&world, "", &catalog, &lines).await;
    assert!(screen.contains("people: 3 read, 3 sent, 3 committed, 0 rejected, no job"), "{screen}");
    for line in messages.lines() {
        assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "{line}");
    }
    assert_eq!(world.org.count("Contact"), 3);
}
