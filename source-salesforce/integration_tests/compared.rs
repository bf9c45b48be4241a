//! Runs `compare`, which writes other lines than the protocol has.

use std::io::{Read, Write};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::connector::HASTE;
use crate::world::{World, blocking};

/// What a comparison wrote, and its exit code.
#[derive(Debug)]
pub(crate) struct Compared {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// The most resident memory in bytes, as far as the system says.
    pub(crate) peak: u64,
}

impl Compared {
    fn lines(&self) -> impl Iterator<Item = Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).unwrap())
    }

    pub(crate) fn differences(&self) -> Vec<Value> {
        self.lines().filter(|line| line.get("difference").is_some()).collect()
    }

    pub(crate) fn summaries(&self) -> Vec<Value> {
        self.lines().filter(|line| line.get("summary").is_some()).collect()
    }
}

pub(crate) fn config_of(world: &World) -> String {
    world.config(json!({})).to_string()
}

/// Compares. Each of `files` is an option and the content of the file that it names; one in capitals is a variable.
pub(crate) async fn compare(files: Vec<(&str, String)>, arguments: Vec<&str>, input: &str) -> Compared {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_source-salesforce"));
    command.arg("compare").env_clear().env("DESTINATION_SALESFORCE_TEST_HASTE", HASTE.to_string());
    for (option, content) in files {
        if !option.starts_with('-') {
            command.env(option, content);
            continue;
        }
        let path = folder.path().join(option.trim_start_matches('-'));
        std::fs::write(&path, content).unwrap();
        command.arg(option).arg(path);
    }
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let input = input.to_owned();
    blocking(move || {
        let _folder = folder;
        let mut process = command.spawn().unwrap();
        let (mut stdin, id) = (process.stdin.take().unwrap(), process.id());
        let read = |mut from: Box<dyn Read + Send>| {
            std::thread::spawn(move || {
                let mut text = String::new();
                from.read_to_string(&mut text).unwrap();
                text
            })
        };
        let (stdout, stderr) =
            (read(Box::new(process.stdout.take().unwrap())), read(Box::new(process.stderr.take().unwrap())));
        // A command line that is wrong reads nothing.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        let mut peak = 0;
        let status = loop {
            peak = peak.max(peak_memory(id));
            if let Some(status) = process.try_wait().unwrap() {
                break status;
            }
            std::thread::sleep(std::time::Duration::from_millis(2));
        };
        let (stdout, stderr) = (stdout.join().unwrap(), stderr.join().unwrap());
        Compared { code: status.code().unwrap_or(-1), stdout, stderr, peak }
    })
    .await
}

/// The most resident memory of a process so far (proc(5), `VmHWM`).
fn peak_memory(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap_or_default() * 1024
}
