//! A connector process that a test talks to while it runs.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;

use serde_json::Value;
use tempfile::TempDir;

use super::PROGRAM;
use super::run::Run;
use super::secrets::{assert_no_secret, secrets_of};
use crate::protocol_model::{Message, State, parse};

/// A signal that ends the process.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Signal {
    Interrupt,
    Kill,
    Terminate,
}

/// Sends a process a signal.
pub(crate) fn send_signal(process_id: u32, signal: Signal) {
    let option = match signal {
        Signal::Interrupt => "-INT",
        Signal::Kill => "-KILL",
        Signal::Terminate => "-TERM",
    };
    let status = Command::new("kill").args([option, &process_id.to_string()]).status().unwrap();
    assert!(status.success());
}

/// The most memory that a process has had resident, in bytes; none after its end.
pub(super) fn peak_memory(process_id: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process_id}/status")).ok()?;
    let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.strip_suffix("kB"))?;
    Some(kilobytes.trim().parse::<u64>().unwrap() * 1024)
}

/// A running connector, with its input and output as pipes.
pub(crate) struct RunningConnector {
    process: Child,
    stdin: Option<ChildStdin>,
    /// None after [`RunningConnector::close_stdout`].
    stdout: Option<BufReader<ChildStdout>>,
    /// What was read from standard output so far.
    output: String,
    /// The secrets of the configuration, which must not be in the output.
    secrets: Vec<String>,
    _files: TempDir,
}

impl RunningConnector {
    /// Starts `write`.
    pub(crate) fn start_write(config: &Value, catalog: &Value) -> Self {
        let files = [("--config", config.to_string()), ("--catalog", catalog.to_string())];
        Self::start(Command::new(PROGRAM), &["write"], &files)
    }

    /// Starts `check`.
    pub(crate) fn start_check(config: &Value) -> Self {
        Self::start(Command::new(PROGRAM), &["check"], &[("--config", config.to_string())])
    }

    /// Starts `discover`.
    pub(crate) fn start_discover(config: &Value) -> Self {
        Self::start(Command::new(PROGRAM), &["discover"], &[("--config", config.to_string())])
    }

    /// Starts `rejected`.
    pub(crate) fn start_rejected(config: &Value) -> Self {
        Self::start(Command::new(PROGRAM), &["rejected"], &[("--config", config.to_string())])
    }

    /// Starts a command. Each of `files` is an option and the content of the file that it names.
    pub(super) fn start(mut command: Command, arguments: &[&str], files: &[(&str, String)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        command.args(arguments);
        for (option, content) in files {
            let path = folder.path().join(option.trim_start_matches('-'));
            std::fs::write(&path, content).unwrap();
            command.arg(option).arg(path);
        }
        // AWS credentials of this machine must not be found.
        command.env_clear().env("AWS_EC2_METADATA_DISABLED", "true");
        // Half an hour is six seconds, and the counts of a job that ended early must stand still for one.
        command.env("DESTINATION_SALESFORCE_TEST_HASTE", "300");
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        Self {
            stdin: process.stdin.take(),
            stdout: process.stdout.take().map(BufReader::new),
            output: String::new(),
            secrets: files.iter().flat_map(|(_, content)| secrets_of(content)).collect(),
            process,
            _files: folder,
        }
    }

    pub(crate) fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// The most memory that the process has had resident, in bytes; none after its end.
    pub(crate) fn peak_memory(&self) -> Option<u64> {
        peak_memory(self.process_id())
    }

    /// Sends a line.
    pub(crate) fn send(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().unwrap();
        writeln!(stdin, "{line}").unwrap();
        stdin.flush().unwrap();
    }

    /// Sends lines and closes the input, on a thread of its own. Ignores a process that ends before it has read them.
    pub(crate) fn send_in_background(&mut self, lines: Vec<String>) -> JoinHandle<()> {
        let mut stdin = self.take_stdin();
        std::thread::spawn(move || drop(stdin.write_all((lines.join("\n") + "\n").as_bytes())))
    }

    pub(super) fn take_stdin(&mut self) -> ChildStdin {
        self.stdin.take().unwrap()
    }

    pub(crate) fn close_stdin(&mut self) {
        self.stdin = None;
    }

    pub(crate) fn close_stdout(&mut self) {
        self.stdout = None;
    }

    /// Waits for the next state.
    pub(crate) fn next_state(&mut self) -> State {
        self.next(|message| if let Message::State { state } = message { Some(state) } else { None })
    }

    /// Waits for the next line, which is not kept; none at the end of the output.
    pub(crate) fn next_line(&mut self) -> Option<String> {
        let mut line = String::new();
        let length = self.stdout.as_mut().unwrap().read_line(&mut line).unwrap();
        (length > 0).then_some(line)
    }

    /// Waits for the next state; none when the process ends first. Drops a last line that is cut off.
    pub(crate) fn next_state_or_end(&mut self) -> Option<State> {
        loop {
            let start = self.output.len();
            self.stdout.as_mut().unwrap().read_line(&mut self.output).unwrap();
            if !self.output.ends_with('\n') || self.output.len() == start {
                self.output.truncate(start);
                return None;
            }
            if let Some(Message::State { state }) = parse(&self.output[start..]).pop() {
                return Some(state);
            }
        }
    }

    /// Waits for the next configuration that the connector sends to the platform.
    pub(crate) fn next_config(&mut self) -> Value {
        self.next(|message| match message {
            Message::Control { control } => Some(control.connector_config.config),
            _ => None,
        })
    }

    /// Waits for a line of the log that contains `text`.
    pub(crate) fn wait_for_log(&mut self, text: &str) {
        self.next(|message| message.log().is_some_and(|line| line.contains(text)).then_some(()));
    }

    fn next<T>(&mut self, wanted: impl Fn(Message) -> Option<T>) -> T {
        loop {
            let start = self.output.len();
            let length = self.stdout.as_mut().unwrap().read_line(&mut self.output).unwrap();
            assert_ne!(length, 0, "the connector ended too early: {}", self.output);
            if let Some(found) = parse(&self.output[start..]).into_iter().find_map(&wanted) {
                return found;
            }
        }
    }

    /// Reads the output that is there, and waits for some when there is none. False at the end of the output.
    pub(crate) fn read_available(&mut self) -> bool {
        let stdout = self.stdout.as_mut().unwrap();
        let available = stdout.fill_buf().unwrap();
        let length = available.len();
        self.output.push_str(std::str::from_utf8(available).expect("messages in ASCII"));
        stdout.consume(length);
        length > 0
    }

    pub(crate) fn signal(&self, signal: Signal) {
        send_signal(self.process_id(), signal);
    }

    /// Asks the process to stop, and asks again once it has noticed.
    pub(crate) fn terminate_twice(&mut self) {
        self.signal(Signal::Terminate);
        self.wait_for_log("stopping: ");
        self.signal(Signal::Terminate);
    }

    /// Kills the process and returns what it had written by then.
    pub(crate) fn kill(mut self) -> Run {
        self.process.kill().unwrap();
        self.close_stdin();
        self.wait()
    }

    /// Sends the last lines and waits for the end.
    pub(crate) fn finish(mut self, lines: &[String]) -> Run {
        for line in lines {
            self.send(line);
        }
        self.close_stdin();
        self.wait()
    }

    /// Starts `write --dry-run`.
    pub(crate) fn start_dry_run(config: &Value, catalog: &Value) -> Self {
        let files = [("--config", config.to_string()), ("--catalog", catalog.to_string())];
        Self::start(Command::new(PROGRAM), &["write", "--dry-run"], &files)
    }

    /// Waits for the end of the process.
    pub(crate) fn wait(self) -> Run {
        let (run, stderr) = self.wait_with_stderr();
        assert_eq!(stderr, "", "nothing is written to stderr");
        run
    }

    /// Waits for the end of a process that may write to standard error.
    pub(crate) fn wait_with_stderr(mut self) -> (Run, String) {
        if let Some(stdout) = &mut self.stdout {
            stdout.read_to_string(&mut self.output).unwrap();
        }
        let mut stderr = String::new();
        self.process.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        let status = self.process.wait().unwrap();
        save_messages(&self.output);
        assert!(!self.secrets.iter().any(|secret| stderr.contains(secret)), "a secret is in {stderr}");
        assert_no_secret(&self.output, self.secrets);
        let run = Run { exit_code: status.code().unwrap_or(-1), messages: parse(&self.output), stdout: self.output };
        (run, stderr)
    }

    /// Waits for the end of a process whose output is closed. Its input stays open.
    pub(crate) fn wait_for_exit_code(mut self) -> i32 {
        self.process.wait().unwrap().code().unwrap_or(-1)
    }
}

/// Saves the output of a run in the folder `MESSAGES_DIR`, where other readers of the protocol can check it.
fn save_messages(stdout: &str) {
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    let Some(folder) = std::env::var_os("MESSAGES_DIR") else { return };
    let run = RUNS.fetch_add(1, Ordering::Relaxed);
    std::fs::write(Path::new(&folder).join(format!("{}-{run}.jsonl", std::process::id())), stdout).unwrap();
}
