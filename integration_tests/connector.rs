//! Runs the connector as the platform does: the binary with files, pipes and nothing else.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;

use serde_json::Value;
use tempfile::TempDir;

use crate::protocol_model::{DestinationOperation, Message, State, TraceError, read};

/// What a run left behind.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) exit_code: i32,
    pub(crate) stdout: String,
    pub(crate) messages: Vec<Message>,
}

impl Run {
    /// The states in the order in which they came.
    pub(crate) fn states(&self) -> Vec<&State> {
        let states = self.messages.iter().filter_map(|message| match message {
            Message::State { state } => Some(state),
            _ => None,
        });
        states.collect()
    }

    /// The error; a run tells at most one.
    pub(crate) fn error(&self) -> Option<&TraceError> {
        let mut errors = self.messages.iter().filter_map(|message| match message {
            Message::Trace { trace } => {
                assert!(trace.kind == "ERROR" && trace.emitted_at > 0.0);
                assert!(!trace.error.internal_message.is_empty());
                Some(&trace.error)
            }
            _ => None,
        });
        let first = errors.next();
        assert!(errors.next().is_none(), "more than one error: {}", self.stdout);
        first
    }

    /// The failure type and the message of a run that failed.
    #[track_caller]
    pub(crate) fn failure(&self) -> (&str, &str) {
        assert_ne!(self.exit_code, 0, "{}", self.stdout);
        let error = self.error().unwrap_or_else(|| panic!("no error: {}", self.stdout));
        (&error.failure_type, &error.message)
    }

    /// Fails where the run did.
    #[track_caller]
    pub(crate) fn assert_success(&self) {
        assert_eq!(self.exit_code, 0, "{}", self.stdout);
        assert!(self.error().is_none(), "{}", self.stdout);
    }

    /// The one answer to `check`.
    pub(crate) fn connection_status(&self) -> (&str, &str) {
        assert_eq!(self.exit_code, 0, "{}", self.stdout);
        let mut answers = self.messages.iter().filter_map(|message| match message {
            Message::ConnectionStatus { connection_status } => Some(connection_status),
            _ => None,
        });
        let answer = answers.next().expect("an answer");
        assert!(answers.next().is_none(), "more than one answer: {}", self.stdout);
        (&answer.status, &answer.message)
    }

    /// The operations of the one answer to `discover`.
    #[track_caller]
    pub(crate) fn operations(&self) -> &[DestinationOperation] {
        self.assert_success();
        let mut answers = self.messages.iter().filter_map(|message| match message {
            Message::DestinationCatalog { destination_catalog } => Some(destination_catalog),
            _ => None,
        });
        let answer = answers.next().expect("an answer");
        assert!(answers.next().is_none(), "more than one answer");
        &answer.operations
    }

    /// The configurations that were handed to the platform.
    pub(crate) fn configs(&self) -> Vec<&Value> {
        let configs = self.messages.iter().filter_map(|message| match message {
            Message::Control { control } => {
                assert!(control.kind == "CONNECTOR_CONFIG" && control.emitted_at > 0.0);
                Some(&control.connector_config.config)
            }
            _ => None,
        });
        configs.collect()
    }
}

/// `spec`.
pub(crate) fn spec() -> Run {
    run(&["spec"], &[], Vec::new())
}

/// `check` with a configuration.
pub(crate) fn check(config: &Value) -> Run {
    run(&["check"], &[("--config", config.to_string())], Vec::new())
}

/// `discover` with a configuration.
pub(crate) fn discover(config: &Value) -> Run {
    run(&["discover"], &[("--config", config.to_string())], Vec::new())
}

/// `write` with a configuration, a catalog, and the lines of the input.
pub(crate) fn write(config: &Value, catalog: &Value, lines: Vec<String>) -> Run {
    let mut input = lines.join("\n").into_bytes();
    if !input.is_empty() {
        input.push(b'\n');
    }
    write_bytes(config, catalog, input)
}

/// `write` with an input that need not be text.
pub(crate) fn write_bytes(config: &Value, catalog: &Value, input: Vec<u8>) -> Run {
    run(&["write"], &[("--config", config.to_string()), ("--catalog", catalog.to_string())], input)
}

/// Runs the binary with arguments as they are.
pub(crate) fn run(arguments: &[&str], files: &[(&str, String)], input: Vec<u8>) -> Run {
    let mut connection = Connection::start(arguments, files);
    let mut stdin = connection.stdin.take().unwrap();
    let writer = std::thread::spawn(move || {
        // A connector that ends early closes the pipe.
        let _ = stdin.write_all(&input);
    });
    let run = connection.wait();
    writer.join().unwrap();
    run
}

/// `write` in a process that may have so many bytes of memory of its own. Gives the most that it had resident, too.
pub(crate) fn write_within(
    bytes: u64,
    config: &Value,
    catalog: &Value,
    lines: impl Iterator<Item = String> + Send + 'static,
) -> (Run, u64) {
    // What the shell limits is all private memory that can be written to, used or not.
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "ulimit -d \"$1\" && shift && exec \"$@\"", "sh", &(bytes / 1024).to_string(), PROGRAM]);
    let files = [("--config", config.to_string()), ("--catalog", catalog.to_string())];
    let mut connection = Connection::start_by(command, &["write"], &files);
    let mut stdin = std::io::BufWriter::new(connection.stdin.take().unwrap());
    let status = format!("/proc/{}/status", connection.process_id());
    let resident = move || {
        let status = std::fs::read_to_string(&status).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.strip_suffix("kB"));
        line.map_or(0, |kilobytes| kilobytes.trim().parse::<u64>().unwrap() * 1024)
    };
    let writer = std::thread::spawn(move || {
        let mut most = 0;
        for line in lines {
            // A connector that ends early closes the pipe.
            if writeln!(stdin, "{line}").is_err() {
                break;
            }
            most = most.max(resident());
        }
        most
    });
    let run = connection.wait();
    (run, writer.join().unwrap())
}

/// The program under test.
const PROGRAM: &str = env!("CARGO_BIN_EXE_destination-salesforce");

/// A running connector, which is given its input bit by bit.
pub(crate) struct Connection {
    child: Child,
    stdin: Option<ChildStdin>,
    /// None once nobody listens.
    stdout: Option<BufReader<ChildStdout>>,
    /// What has been read of standard output.
    read: String,
    /// What nobody may read but Salesforce, the bucket and, where a token changed, the platform.
    secrets: Vec<String>,
    _files: TempDir,
}

impl Connection {
    /// Starts `write`.
    pub(crate) fn open(config: &Value, catalog: &Value) -> Self {
        Self::start(&["write"], &[("--config", config.to_string()), ("--catalog", catalog.to_string())])
    }

    /// Starts `discover`.
    pub(crate) fn discover(config: &Value) -> Self {
        Self::start(&["discover"], &[("--config", config.to_string())])
    }

    fn start(arguments: &[&str], files: &[(&str, String)]) -> Self {
        Self::start_by(Command::new(PROGRAM), arguments, files)
    }

    fn start_by(mut command: Command, arguments: &[&str], files: &[(&str, String)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        command.args(arguments);
        for (option, content) in files {
            let path = folder.path().join(option.trim_start_matches('-'));
            std::fs::write(&path, content).unwrap();
            command.arg(option).arg(path);
        }
        // The default credential chain must find nothing of the machine's.
        command.env_clear().env("AWS_EC2_METADATA_DISABLED", "true");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        Self {
            stdin: child.stdin.take(),
            stdout: child.stdout.take().map(BufReader::new),
            read: String::new(),
            secrets: files.iter().flat_map(|(_, content)| secrets(content)).collect(),
            child,
            _files: folder,
        }
    }

    /// Sends a line.
    pub(crate) fn send(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().unwrap();
        writeln!(stdin, "{line}").unwrap();
        stdin.flush().unwrap();
    }

    /// Waits for the next state.
    pub(crate) fn next_state(&mut self) -> State {
        self.next(|message| if let Message::State { state } = message { Some(state) } else { None })
    }

    /// Sends lines and ends the input, beside whoever reads. A process that ends early takes no more of them.
    pub(crate) fn feed(&mut self, lines: Vec<String>) -> JoinHandle<()> {
        let mut stdin = self.stdin.take().unwrap();
        std::thread::spawn(move || drop(stdin.write_all((lines.join("\n") + "\n").as_bytes())))
    }

    /// Waits for the next state; none when the process has ended. What it could not write to the end of its line is left
    /// out.
    pub(crate) fn next_state_if_any(&mut self) -> Option<State> {
        loop {
            let start = self.read.len();
            self.stdout.as_mut().unwrap().read_line(&mut self.read).unwrap();
            if !self.read.ends_with('\n') || self.read.len() == start {
                self.read.truncate(start);
                return None;
            }
            if let Some(Message::State { state }) = read(&self.read[start..]).pop() {
                return Some(state);
            }
        }
    }

    /// Waits for the next configuration that is handed to the platform.
    pub(crate) fn next_config(&mut self) -> Value {
        let config = |message| match message {
            Message::Control { control } => Some(control.connector_config.config),
            _ => None,
        };
        self.next(config)
    }

    /// Waits for a line of the log that contains `text`.
    pub(crate) fn next_log(&mut self, text: &str) {
        self.next(|message| message.log().is_some_and(|line| line.contains(text)).then_some(()));
    }

    fn next<T>(&mut self, wanted: impl Fn(Message) -> Option<T>) -> T {
        loop {
            let start = self.read.len();
            assert_ne!(
                self.stdout.as_mut().unwrap().read_line(&mut self.read).unwrap(),
                0,
                "ended too early: {}",
                self.read
            );
            if let Some(found) = read(&self.read[start..]).into_iter().find_map(&wanted) {
                return found;
            }
        }
    }

    /// Asks the process to end, as the platform does.
    pub(crate) fn terminate(&self) {
        self.signal("-TERM");
    }

    /// Sends the process a signal.
    pub(crate) fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Asks the process to end, and once more when it has heard.
    pub(crate) fn terminate_at_once(&mut self) {
        self.terminate();
        self.next_log("asked to stop");
        self.terminate();
    }

    /// Reads what has been written since, after waiting for it where nothing has. Gives false at the end.
    pub(crate) fn read_some(&mut self) -> bool {
        let stdout = self.stdout.as_mut().unwrap();
        let some = stdout.fill_buf().unwrap();
        let length = some.len();
        self.read.push_str(std::str::from_utf8(some).expect("messages in ASCII"));
        stdout.consume(length);
        length > 0
    }

    /// The id of the process.
    pub(crate) fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// Ends the process as a machine does that fails, and gives what it had written by then.
    pub(crate) fn kill(mut self) -> Run {
        self.child.kill().unwrap();
        drop(self.stdin.take());
        self.wait()
    }

    /// Reads no more of standard output.
    pub(crate) fn hang_up(&mut self) {
        self.stdout = None;
    }

    /// Waits for the end of a process that nobody listens to, while its input stays open.
    pub(crate) fn exit_code(mut self) -> i32 {
        self.child.wait().unwrap().code().unwrap_or(-1)
    }

    /// Ends the input.
    pub(crate) fn close(&mut self) {
        self.stdin = None;
    }

    /// Sends the last lines and waits for the end.
    pub(crate) fn end(mut self, lines: &[String]) -> Run {
        for line in lines {
            self.send(line);
        }
        drop(self.stdin.take());
        self.wait()
    }

    /// Waits for the end of the process.
    pub(crate) fn wait(mut self) -> Run {
        if let Some(stdout) = &mut self.stdout {
            stdout.read_to_string(&mut self.read).unwrap();
        }
        let mut stderr = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        let status = self.child.wait().unwrap();
        keep(&self.read);
        assert_eq!(stderr, "", "nothing is written to stderr");
        assert_no_secret(&self.read, self.secrets);
        Run { exit_code: status.code().unwrap_or(-1), messages: read(&self.read), stdout: self.read }
    }
}

/// Keeps what a run printed in the folder that `MESSAGES_DIR` names, for readers with a model that is not ours.
fn keep(stdout: &str) {
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    let Some(folder) = std::env::var_os("MESSAGES_DIR") else { return };
    let run = RUNS.fetch_add(1, Ordering::Relaxed);
    std::fs::write(Path::new(&folder).join(format!("{}-{run}.jsonl", std::process::id())), stdout).unwrap();
}

/// The keys of the configuration whose values are secrets.
const SECRET_KEYS: [&str; 7] = [
    "client_secret",
    "refresh_token",
    "private_key",
    "password",
    "security_token",
    "access_key_id",
    "secret_access_key",
];

/// With this every access token of a simulated org begins.
const ACCESS_TOKEN: &str = "00DSim000000001!";

/// The secrets of a configuration, in the forms in which they could come to light.
fn secrets(json: &str) -> Vec<String> {
    let mut found = Vec::new();
    if let Ok(config) = serde_json::from_str(json) {
        collect_secrets(&config, &mut found);
    }
    found
}

fn collect_secrets(config: &Value, found: &mut Vec<String>) {
    let Some(keys) = config.as_object() else { return };
    for (key, value) in keys {
        match value {
            Value::String(secret) if SECRET_KEYS.contains(&key.as_str()) => {
                // A key in PEM form would come to light line by line; the first and the last are no secret.
                let lines = secret.split("\\n").flat_map(str::lines);
                for line in lines.filter(|line| !line.trim().is_empty() && !line.starts_with("-----")) {
                    let in_json = Value::from(line).to_string();
                    let in_form: String = url::form_urlencoded::byte_serialize(line.as_bytes()).collect();
                    found.extend([in_json.trim_matches('"').to_owned(), in_form]);
                }
            }
            other => collect_secrets(other, found),
        }
    }
}

/// A secret may stand in the configuration that is handed to the platform, and nowhere else.
#[track_caller]
fn assert_no_secret(stdout: &str, mut secrets: Vec<String>) {
    let mut lines: Vec<&str> = stdout.lines().collect();
    lines.retain(|line| match &*read(line) {
        [Message::Control { control }] => {
            collect_secrets(&control.connector_config.config, &mut secrets);
            assert!(!line.contains(ACCESS_TOKEN), "an access token: {line}");
            false
        }
        _ => true,
    });
    for line in lines {
        assert!(!line.contains(ACCESS_TOKEN), "an access token: {line}");
        // The message must not repeat the secret, not even to a developer.
        let leaked = secrets.iter().position(|secret| line.contains(secret.as_str()));
        assert!(leaked.is_none(), "a secret: {line}");
    }
}
