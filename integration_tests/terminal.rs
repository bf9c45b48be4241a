//! What a person sees who runs the connector in a terminal.

use std::fs;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::connector::PROGRAM;
use crate::world::{World, blocking, catalog, complete, record, stream};

/// `script` gives the connector a terminal as its standard error, and records what appears on it.
#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_shows_the_progress_of_each_stream_and_messages_stay_valid() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let catalog = catalog(&[stream("people", "Contact", &[("LastName", "string")])]);
    let records = (1..=3).map(|number| record("people", json!({"LastName": number.to_string()})));
    let lines: Vec<String> = records.chain([complete("people")]).collect();
    let config = world.config(json!({})).to_string();
    for (name, content) in [("config", config), ("catalog", catalog.to_string()), ("input", lines.join("\n"))] {
        fs::write(folder.path().join(name), content).unwrap();
    }
    let write = format!("'{PROGRAM}' write --config config --catalog catalog < input > messages");
    let screen = folder.path().join("screen");
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

    let screen = fs::read_to_string(screen).unwrap();
    assert!(screen.contains("people: 3 read, 3 sent, 3 committed, 0 rejected, no job"), "{screen}");
    let messages = fs::read_to_string(folder.path().join("messages")).unwrap();
    for line in messages.lines() {
        assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "{line}");
    }
    assert_eq!(world.org.count("Contact"), 3);
}
