//! Runs the connector, from the arguments to the exit code.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::process::ExitCode;

use clap::error::ErrorKind;

use crate::cli::{self, Command};
use crate::command;
use crate::command::write::{DryRunArguments, WriteFiles};
use crate::display::Display;
use crate::rejected::Selection;
use airbyte::{Error, Output, exit_code, log, run_command};

/// The crates whose log events the user reads.
const LOGGED: &[&str] = &[env!("CARGO_CRATE_NAME"), "salesforce"];

/// Runs the connector. The first of `arguments` is the name of the program. Messages are read from `input` and written
/// to `output`, and `display` shows the progress to a person.
///
/// A failure, a panic included, is reported as the platform expects: by a TRACE message and by an exit code other than
/// 0.
pub fn run(
    arguments: impl IntoIterator<Item = OsString>,
    input: impl Read + Send + 'static,
    mut output: impl Write + Send + 'static,
    display: &Display,
) -> ExitCode {
    let command = match cli::parse(arguments) {
        Ok(command) => command,
        Err(help) if matches!(help.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            // Help is for a person, so it is not a message.
            return if write!(output, "{help}").is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        }
        Err(error) => {
            let message = format!("The command line is wrong: {}.", first_paragraph(&error).trim_end_matches('.'));
            return match Output::new(output) {
                Ok(output) => exit_code(&output, Err(Error::config(message).internal(error))),
                Err(_) => ExitCode::FAILURE,
            };
        }
    };
    // Without the thread that writes, nothing can be reported.
    let Ok(output) = Output::new(display.wrap(output)) else { return ExitCode::FAILURE };
    log::start(output.clone(), LOGGED, std::env::var(log::LEVEL_VARIABLE).ok().as_deref());
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let error = Error::system("The runtime of the program cannot be started.").internal(error);
            return exit_code(&output, Err(error));
        }
    };
    let exit_code = run_command(&output, || runtime.block_on(execute(command, input, &output, display)));
    // The runtime handles signals until every message is written, because a reader can keep the process waiting. Only
    // the read of standard input can still run, and it cannot be interrupted.
    runtime.shutdown_background();
    exit_code
}

/// Logs where a panic happens, instead of Rust's own report. That report goes to standard error, which must stay empty,
/// and its text can quote a record.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "the connector has a bug and panicked");
    }));
}

async fn execute(
    command: Command,
    input: impl Read + Send + 'static,
    output: &Output,
    display: &Display,
) -> Result<(), Error> {
    match command {
        Command::Spec => command::spec::run(output),
        Command::Check { config } => command::check::run(&config, output).await,
        Command::Discover { config } => command::discover::run(&config, output).await,
        Command::Write { config, catalog, dry_run, show } => {
            let dry_run = dry_run.then_some(DryRunArguments { show });
            command::write::run(&WriteFiles { config, catalog }, dry_run, input, output, display).await
        }
        Command::Validate { config, catalog } => command::validate::run(&config, catalog.as_deref()),
        Command::Rejected { config, stream, namespace, reason, since, nameless_are, summary } => {
            let selection = Selection { streams: stream, namespace, reasons: reason, since, nameless_are };
            command::rejected::run(&config, selection, summary, output, display).await
        }
    }
}

/// What clap says before it explains the usage, on one line.
fn first_paragraph(error: &clap::Error) -> String {
    let text = error.to_string();
    let lines: Vec<&str> = text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
    lines.join(" ").trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    /// Panics at each write.
    struct Panics;

    impl Write for Panics {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            panic!("a record's value");
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_output_that_panics_is_a_failure() {
        let exit_code = run(["destination-salesforce".into(), "spec".into()], io::empty(), Panics, &Display::hidden());
        assert_eq!(exit_code, ExitCode::FAILURE);
    }
}
