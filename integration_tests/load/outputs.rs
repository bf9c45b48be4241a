//! The exit code of a load whose messages cannot be written.

use std::fs::File;
use std::process::{Command, Stdio};

use salesforce_sim::RowFault;
use serde_json::json;

use super::Folder;
use crate::connector::PROGRAM;
use crate::world::{World, blocking};

/// A device that is always full stands for a disk.
#[tokio::test(flavor = "multi_thread")]
async fn a_load_whose_messages_cannot_be_written_has_failed_even_if_rows_are_rejected() {
    for (options, rows, output, code) in [
        (&["--log-format", "json"][..], "Example\nBad\n", "/dev/full", 1),
        (&["--log-format", "json"], "Example\nBad\n", "/dev/null", 2),
        (&["--log-format", "json"], "Example\n", "/dev/full", 1),
        (&["--log-format", "json"], "Example\n", "/dev/null", 0),
        // It has no messages.
        (&[], "Example\nBad\n", "/dev/full", 2),
        (&[], "Example\n", "/dev/full", 0),
    ] {
        let world = World::kind().await;
        let fault = RowFault::new("Account", "FIELD_CUSTOM_VALIDATION_EXCEPTION:No:--");
        world.org.inject(fault.when(|row| row.get("Name") == Some("Bad")));
        let folder = Folder::new(&world, json!({}));
        folder.write("a.csv", format!("Name\n{rows}"));
        let mut command = Command::new(PROGRAM);
        command.args(["load", "--config", "config.json"]).args(options);
        command.args(["--object", "Account", "--operation", "insert", "a.csv"]);
        command.env_clear().env("DESTINATION_SALESFORCE_TEST_HASTE", "300").current_dir(folder.path(""));
        command.stdin(Stdio::null()).stderr(Stdio::null());
        command.stdout(File::options().write(true).open(output).unwrap());
        let status = blocking(move || command.status().unwrap()).await;
        assert_eq!(status.code(), Some(code), "{options:?} {rows:?} {output}");
        assert_eq!(world.org.count("Account"), 1, "{options:?} {rows:?} {output}");
    }
}
