//! Runs the connector, from the arguments to the exit code.

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use airbyte::{Error, Output, exit_code, log, run_command};
use clap::error::ErrorKind;
use connector::program::wrong_command_line;

use crate::cli::{self, Command};
use crate::command;

/// The crates whose log events the user reads.
const LOGGED: &[&str] = &[env!("CARGO_CRATE_NAME"), "connector", "salesforce"];

/// The most threads that work at the same time. Each keeps memory of its own for packing pages.
const MOST_THREADS: usize = 4;

/// Runs the connector. The first of `arguments` is the name of the program. Messages are written to `output`.
///
/// A failure, a panic included, is reported as the platform expects: by a TRACE message and by an exit code other than
/// 0.
pub fn run(arguments: impl IntoIterator<Item = OsString>, mut output: impl Write + Send + 'static) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let command = match cli::parse(arguments.clone()) {
        Ok(command) => command,
        Err(help) if matches!(help.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            // Help is for a person, so it is not a message.
            return if write!(output, "{help}").is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        }
        Err(error) => {
            if arguments.get(1).is_some_and(|command| command == command::compare::NAME) {
                return command::compare::refuse(&error);
            }
            return match Output::new(output) {
                Ok(output) => exit_code(&output, &Err(wrong_command_line(&error))),
                Err(_) => ExitCode::FAILURE,
            };
        }
    };
    // Without the thread that writes, nothing can be reported.
    let Ok(output) = Output::new(output) else { return ExitCode::FAILURE };
    let level = std::env::var(log::LEVEL_VARIABLE).ok();
    let sink = match &command {
        Command::Compare(_) => log::LogSink::Lines(Box::new(command::compare::log_line)),
        _ => log::LogSink::Messages(output.clone()),
    };
    log::start(sink, LOGGED, level.as_deref());
    let threads = std::thread::available_parallelism().map_or(1, |threads| threads.get().min(MOST_THREADS));
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = match runtime.worker_threads(threads).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let error = Error::system("The runtime of the program cannot be started.").internal(error);
            return exit_code(&output, &Err(error));
        }
    };
    if let Command::Compare(arguments) = &command {
        let result = run_command(|| runtime.block_on(Box::pin(command::compare::run(arguments, &output))));
        let exit_code = command::compare::exit_code(&output, result);
        runtime.shutdown_background();
        return exit_code;
    }
    let result = run_command(|| runtime.block_on(execute(command, &output)));
    let exit_code = exit_code(&output, &result);
    // The runtime handles signals until every message is written, because a reader can keep the process waiting.
    runtime.shutdown_background();
    exit_code
}

async fn execute(command: Command, output: &Output) -> Result<(), Error> {
    match command {
        Command::Spec => command::spec::run(output),
        Command::Check { config } => command::check::run(&config, output).await,
        Command::Discover { config } => command::discover::run(&config, output).await,
        Command::Read { config, catalog, state } => {
            Box::pin(command::read::run(&config, &catalog, state.as_deref(), output)).await
        }
        // It has exit codes of its own.
        Command::Compare(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_and_the_version_are_for_a_person_and_succeed_and_a_wrong_command_line_fails() {
        let usage = ["check", "discover", "read", "compare"];
        for (arguments, code, parts) in [
            (&["--help"][..], 0, &usage[..]),
            (&["--version"], 0, &[env!("CARGO_PKG_VERSION")]),
            (&["reed"], 1, &["config_error"]),
            (&["read", "--wrong"], 1, &["config_error"]),
            (&["compare", "--wrong"], 2, &[]),
        ] {
            let (reader, writer) = std::io::pipe().unwrap();
            let program = std::iter::once("source-salesforce").chain(arguments.iter().copied());
            assert_eq!(run(program.map(OsString::from), writer), ExitCode::from(code), "{arguments:?}");
            let written = std::io::read_to_string(reader).unwrap();
            assert!(parts.iter().all(|part| written.contains(part)), "{arguments:?}: {written}");
            assert_eq!(written.is_empty(), parts.is_empty(), "{arguments:?}: {written}");
        }
    }
}
