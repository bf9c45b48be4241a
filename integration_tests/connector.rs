//! Runs the connector as the platform does: the program, with files and pipes.

mod memory_cgroup;
mod process;
mod run;
mod secrets;

use std::io::Write;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

pub(crate) use memory_cgroup::MemoryCgroup;
pub(crate) use process::{RunningConnector, Signal, send_signal};
pub(crate) use run::Run;

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_destination-salesforce");

/// Runs `spec`.
pub(crate) fn spec() -> Run {
    run(&["spec"], &[], Vec::new())
}

/// Runs `check`.
pub(crate) fn check(config: &Value) -> Run {
    run(&["check"], &[("--config", config.to_string())], Vec::new())
}

/// Runs `check` with variables of the environment.
pub(crate) fn check_in_environment(variables: &[(&str, String)], config: &Value) -> Run {
    let mut command = Command::new("/usr/bin/env");
    command.args(variables.iter().map(|(name, value)| format!("{name}={value}"))).arg(PROGRAM);
    RunningConnector::start(command, &["check"], &[("--config", config.to_string())]).wait()
}

/// Runs `validate`, with a catalog or without.
pub(crate) fn validate(config: &Value, catalog: Option<&Value>) -> Run {
    let catalog = catalog.map(|catalog| ("--catalog", catalog.to_string()));
    let files: Vec<_> = [("--config", config.to_string())].into_iter().chain(catalog).collect();
    run(&["validate"], &files, Vec::new())
}

/// Runs `discover`.
pub(crate) fn discover(config: &Value) -> Run {
    run(&["discover"], &[("--config", config.to_string())], Vec::new())
}

/// Runs `write` with the lines of the input.
pub(crate) fn write(config: &Value, catalog: &Value, lines: Vec<String>) -> Run {
    let mut input = lines.join("\n").into_bytes();
    if !input.is_empty() {
        input.push(b'\n');
    }
    write_bytes(config, catalog, input)
}

/// Runs `write --dry-run` with more options, and returns what it printed on standard error too.
pub(crate) fn dry_run(config: &Value, catalog: &Value, options: &[&str], lines: Vec<String>) -> (Run, String) {
    let files = [("--config", config.to_string()), ("--catalog", catalog.to_string())];
    let arguments = [&["write", "--dry-run"], options].concat();
    let mut connector = RunningConnector::start(Command::new(PROGRAM), &arguments, &files);
    let writer = connector.send_in_background(lines);
    let ended = connector.wait_with_stderr();
    writer.join().unwrap();
    ended
}

/// Runs `write` with an input that need not be text.
pub(crate) fn write_bytes(config: &Value, catalog: &Value, input: Vec<u8>) -> Run {
    run(&["write"], &[("--config", config.to_string()), ("--catalog", catalog.to_string())], input)
}

/// Runs `write` with an input that the system refuses to read.
pub(crate) fn write_with_a_folder_as_input(config: &Value, catalog: &Value) -> Run {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "exec \"$@\" < /", "sh", PROGRAM]);
    let files = [("--config", config.to_string()), ("--catalog", catalog.to_string())];
    RunningConnector::start(command, &["write"], &files).wait()
}

/// Runs `write` with the level of the log that a platform sets.
pub(crate) fn write_at_level(level: &str, config: &Value, catalog: &Value, lines: &[String]) -> Run {
    let mut command = Command::new("/usr/bin/env");
    command.arg(format!("LOG_LEVEL={level}")).arg(PROGRAM);
    let files = [("--config", config.to_string()), ("--catalog", catalog.to_string())];
    let mut connector = RunningConnector::start(command, &["write"], &files);
    let writer = connector.send_in_background(lines.to_vec());
    let run = connector.wait();
    writer.join().unwrap();
    run
}

/// Runs the program. Each of `files` is an option and the content of the file that it names.
pub(crate) fn run(arguments: &[&str], files: &[(&str, String)], input: Vec<u8>) -> Run {
    let mut connector = RunningConnector::start(Command::new(PROGRAM), arguments, files);
    let mut stdin = connector.take_stdin();
    let writer = std::thread::spawn(move || {
        // A connector that ends early closes the pipe.
        let _ = stdin.write_all(&input);
    });
    let run = connector.wait();
    writer.join().unwrap();
    run
}

/// A run and the most memory that its process had resident, in bytes.
pub(crate) struct MeasuredRun {
    pub(crate) run: Run,
    pub(crate) peak_memory: u64,
}

/// Runs `write` in a process that may allocate at most `limit` bytes, also in a control group with this limit where the
/// system permits one. Where it permits none, standard error says so.
pub(crate) fn write_with_memory_limit(
    limit: u64,
    config: &Value,
    catalog: &Value,
    lines: impl Iterator<Item = String> + Send + 'static,
) -> MeasuredRun {
    let group = MemoryCgroup::new(limit);
    if group.is_none() {
        // Written past the output that a test keeps to itself.
        let _ = writeln!(std::io::stderr(), "no control group can be made: only the limit of allocations holds");
    }
    let processes = group.as_ref().map_or_else(|| "/dev/null".into(), MemoryCgroup::processes);
    // `ulimit -d` limits all private writable memory, used or not.
    let script = "ulimit -d \"$1\" && echo $$ > \"$2\" && shift 2 && exec \"$@\"";
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script, "sh", &(limit / 1024).to_string()]).arg(processes).arg(PROGRAM);
    let files = [("--config", config.to_string()), ("--catalog", catalog.to_string())];
    let mut connector = RunningConnector::start(command, &["write"], &files);
    let mut stdin = std::io::BufWriter::new(connector.take_stdin());
    let process = connector.process_id();
    let writer = std::thread::spawn(move || {
        let mut peak_memory = 0;
        for line in lines {
            // A connector that ends early closes the pipe.
            if writeln!(stdin, "{line}").is_err() {
                break;
            }
            peak_memory = peak_memory.max(process::peak_memory(process).unwrap_or_default());
        }
        // The jobs end after the input.
        drop(stdin);
        while let Some(peak) = process::peak_memory(process) {
            peak_memory = peak_memory.max(peak);
            std::thread::sleep(Duration::from_millis(10));
        }
        peak_memory
    });
    let run = connector.wait();
    assert!(group.is_none_or(|group| group.kills() == 0), "the system killed the process for its memory");
    MeasuredRun { run, peak_memory: writer.join().unwrap() }
}
