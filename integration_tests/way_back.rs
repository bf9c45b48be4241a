//! `rejected` gives back what the bucket holds: every record, in every form, or an error.

mod choice;
mod damage;
mod forms;
mod order;
mod round_trip;

use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::connector::PROGRAM;
use crate::world::{BUCKET, World, blocking};

/// What a run of `rejected` printed.
struct Printed {
    exit_code: i32,
    stdout: String,
}

impl World {
    /// Runs `rejected` with these options.
    async fn rejected_records(&self, changes: Value, options: &[&str]) -> Printed {
        self.rejected_records_in(&[], changes, options).await
    }

    /// The same with these environment variables.
    async fn rejected_records_in(&self, environment: &[(&str, &str)], changes: Value, options: &[&str]) -> Printed {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        std::fs::write(&path, self.config(changes).to_string()).unwrap();
        let mut command = Command::new(PROGRAM);
        command.arg("rejected").arg("--config").arg(path).args(options);
        command.env_clear().env("AWS_EC2_METADATA_DISABLED", "true").stdin(Stdio::null());
        command.envs(environment.iter().copied());
        let output: Output = blocking(move || command.output().unwrap()).await;
        drop(folder);
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "nothing is written to stderr");
        let stdout = String::from_utf8(output.stdout).unwrap();
        assert!(!stdout.contains(&self.store.secret_key), "a secret");
        Printed { exit_code: output.status.code().unwrap(), stdout }
    }

    /// Puts an object into the folder of the rejected records, as another program or an earlier version would.
    fn put(&self, key: &str, bytes: impl AsRef<[u8]>) {
        self.store.put(BUCKET, &format!("rejected_records/{key}"), bytes.as_ref()).unwrap();
    }

    /// Whether nobody has signed in to the org.
    fn is_untouched(&self) -> bool {
        self.org.requests().is_empty()
    }
}

impl Printed {
    #[track_caller]
    fn messages(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect()
    }

    /// The bodies of the RECORD messages, in their order.
    #[track_caller]
    fn records(&self) -> Vec<Value> {
        let mut messages = self.messages();
        messages.retain(|message| message["type"] == "RECORD");
        messages.into_iter().map(|mut message| message["record"].take()).collect()
    }

    /// The records of a run that succeeded.
    #[track_caller]
    fn success(&self) -> Vec<Value> {
        assert_eq!(self.exit_code, 0, "{}", self.stdout);
        self.records()
    }

    /// The failure type and the message of a run that failed.
    #[track_caller]
    fn failure(&self) -> (String, String) {
        assert_ne!(self.exit_code, 0, "{}", self.stdout);
        let lines = self.stdout.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let errors: Vec<Value> = lines.filter(|message| message["type"] == "TRACE").collect();
        let [error] = &errors[..] else { panic!("{}", self.stdout) };
        let text = |key: &str| error["trace"]["error"][key].as_str().unwrap().to_owned();
        (text("failure_type"), text("message"))
    }

    /// The texts of the log.
    fn log(&self) -> String {
        let messages = self.messages();
        let logs = messages.iter().filter(|message| message["type"] == "LOG");
        logs.map(|message| message["log"]["message"].as_str().unwrap().to_owned() + "\n").collect()
    }
}

/// A line of JSON as Airbyte stores a rejected record, with a reason and further data.
fn stored_line(sync_id: u64, reason: &str, data: Value) -> String {
    let mut data = data;
    for (name, value) in [
        ("sf__Id", String::new()),
        ("sf__Error", format!("{reason}:a message:Email --")),
        ("rejected_reason", reason.to_owned()),
        ("rejected_field", "Email".to_owned()),
        ("rejected_message", "a message".to_owned()),
    ] {
        data[name] = json!(value);
    }
    let line = json!({
        "_airbyte_raw_id": "6f2b0a52-3c1f-4d3a-9b57-0d9f3f6b7a11",
        "_airbyte_extracted_at": 1_772_600_760_000_u64,
        "_airbyte_meta": {"sync_id": sync_id, "changes": []},
        "_airbyte_generation_id": 3,
        "_airbyte_data": data,
    });
    format!("{line}\n")
}
