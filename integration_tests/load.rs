//! `load`: a file of a person.

mod checks;
mod files;
#[cfg(target_os = "linux")]
mod outputs;
mod results;
mod resume;
mod rows;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::connector::PROGRAM;
use crate::world::{World, blocking};

/// A folder with a configuration and the files of a person.
pub(super) struct Folder {
    folder: TempDir,
}

/// What a finished load printed.
#[derive(Debug)]
pub(super) struct Load {
    pub(super) code: i32,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Load {
    #[track_caller]
    pub(super) fn assert_code(&self, code: i32) {
        assert_eq!((self.code, &*self.stdout), (code, ""), "{}", self.stderr);
    }

    /// Checks that the load failed with an error that has these words.
    #[track_caller]
    pub(super) fn assert_error(&self, words: &str) {
        self.assert_code(1);
        let error = self.stderr.split_once("error: ");
        assert!(error.is_some_and(|(_, error)| error.contains(words)), "{words}: {}", self.stderr);
    }
}

impl Folder {
    /// A folder with a configuration for the org of `world`. A load needs no bucket.
    pub(super) fn new(world: &World, changes: Value) -> Self {
        let mut config = world.config(changes);
        config.as_object_mut().unwrap().remove("object_storage_config");
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
        Self { folder }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), content).unwrap();
    }

    pub(super) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The names of all files but the configuration, sorted.
    pub(super) fn names(&self) -> Vec<String> {
        let names = self.folder.path().read_dir().unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.filter(|name| name != "config.json").collect();
        names.sort();
        names
    }

    /// Starts a load in the folder.
    pub(super) fn start(&self, arguments: &str) -> Child {
        let mut command = Command::new(PROGRAM);
        command.args(["load", "--config", "config.json"]).args(arguments.split_whitespace());
        command.env_clear().env("DESTINATION_SALESFORCE_TEST_HASTE", "300").current_dir(self.folder.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Loads a file of the folder.
    pub(super) async fn load(&self, arguments: &str) -> Load {
        self.load_input(arguments, Vec::new()).await
    }

    /// The same with a standard input.
    pub(super) async fn load_input(&self, arguments: &str, input: Vec<u8>) -> Load {
        let mut process = self.start(arguments);
        blocking(move || {
            let mut stdin = process.stdin.take().unwrap();
            // A load that ends early closes the pipe.
            let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
            let output = process.wait_with_output().unwrap();
            writer.join().unwrap();
            let text = |bytes| String::from_utf8(bytes).unwrap();
            Load { code: output.status.code().unwrap_or(-1), stdout: text(output.stdout), stderr: text(output.stderr) }
        })
        .await
    }
}

/// The records of an object, of each the fields that are not null among these, sorted.
pub(super) fn records(world: &World, object: &str, fields: &[&str]) -> Vec<Value> {
    let of_record = |record: BTreeMap<String, Option<String>>| {
        let values = fields.iter().filter_map(|field| Some((field, record.get(*field)?.as_ref()?)));
        json!(values.collect::<BTreeMap<_, _>>())
    };
    let mut records: Vec<Value> = world.org.records(object).into_iter().map(of_record).collect();
    records.sort_by_key(Value::to_string);
    records
}
