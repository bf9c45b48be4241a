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
use airbyte::{Error, Output, exit_code, exit_code_alone, log, run_command};
use connector::program::wrong_command_line;

/// The exit code of a load that is complete, with rejected rows.
const SOME_REJECTED: u8 = 2;

/// The crates whose log events the user reads.
const LOGGED: &[&str] = &[env!("CARGO_CRATE_NAME"), "connector", "salesforce"];

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
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    if arguments.len() <= 1 && display.answers_a_person() {
        return print_help(&mut output, &cli::help());
    }
    let (command, options) = match cli::parse(arguments) {
        Ok(parsed) => parsed,
        Err(help) if matches!(help.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            // Help is for a person, so it is not a message.
            return print_help(&mut output, &help.to_string());
        }
        Err(error) if display.answers_a_person() => {
            display.print(&error.to_string());
            return ExitCode::FAILURE;
        }
        Err(error) => {
            return match Output::new(output) {
                Ok(output) => exit_code(&output, &Err(wrong_command_line(&error))),
                Err(_) => ExitCode::FAILURE,
            };
        }
    };
    let display = &display.with(options.log_format, options.verbosity());
    let display = &if matches!(command, Command::Load(_)) { display.for_a_person() } else { display.clone() };
    // Without the thread that writes, nothing can be reported.
    let Ok(output) = Output::new(display.wrap(output)) else { return ExitCode::FAILURE };
    let level = display.log_level(std::env::var(log::LEVEL_VARIABLE).ok());
    log::start(log_sink(&output, display), LOGGED, level.as_deref());
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let error = Error::system("The runtime of the program cannot be started.").internal(error);
            return exit_code(&output, &Err(error));
        }
    };
    let result = run_command(|| runtime.block_on(execute(command, input, &output, display)));
    if let Err(error) = &result {
        display.error(error);
    }
    let report = if display.fails_in_text() { exit_code_alone } else { exit_code };
    let has_rejected = matches!(result, Ok(Done::WithRejected));
    let exit_code = report(&output, &result.map(drop));
    // The runtime handles signals until every message is written, because a reader can keep the process waiting. Only
    // the read of standard input can still run, and it cannot be interrupted.
    runtime.shutdown_background();
    if exit_code == ExitCode::SUCCESS && has_rejected { ExitCode::from(SOME_REJECTED) } else { exit_code }
}

/// How a command ends that has not failed.
enum Done {
    Whole,
    /// A load is complete, and some of its rows are rejected.
    WithRejected,
}

fn print_help(output: &mut impl Write, help: &str) -> ExitCode {
    if write!(output, "{help}").is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn log_sink(output: &Output, display: &Display) -> log::LogSink {
    if !display.logs_text() {
        return log::LogSink::Messages(output.clone());
    }
    let display = display.clone();
    log::LogSink::Lines(Box::new(move |level, message| display.log_line(level, message)))
}

async fn execute(
    command: Command,
    input: impl Read + Send + 'static,
    output: &Output,
    display: &Display,
) -> Result<Done, Error> {
    match command {
        Command::Spec => command::spec::run(output),
        Command::Check { config } => command::check::run(&config, output, display).await,
        Command::Discover { config } => command::discover::run(&config, output, display).await,
        Command::Write { config, catalog, dry_run, show } => {
            let dry_run = dry_run.then_some(DryRunArguments { show });
            command::write::run(&WriteFiles { config, catalog }, dry_run, input, output, display).await
        }
        Command::Load(arguments) => {
            let rejected = Box::pin(command::load::run(&arguments, input, display)).await?;
            return Ok(if rejected > 0 { Done::WithRejected } else { Done::Whole });
        }
        Command::Validate { config, catalog } => command::validate::run(&config, catalog.as_deref(), output, display),
        Command::Rejected { config, stream, namespace, reason, since, nameless_are, summary } => {
            let selection = Selection { streams: stream, namespace, reasons: reason, since, nameless_are };
            command::rejected::run(&config, selection, summary, output, display).await
        }
    }?;
    Ok(Done::Whole)
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

    /// Takes no byte.
    struct Full;

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn help_that_cannot_be_written_is_a_failure() {
        for arguments in [&["--help"][..], &["--version"], &["help"], &["write", "--help"], &["load", "--help"]] {
            let arguments =
                || std::iter::once("destination-salesforce").chain(arguments.iter().copied()).map(Into::into);
            let with = |output: Box<dyn Write + Send>| run(arguments(), io::empty(), output, &Display::hidden());
            assert_eq!(with(Box::new(Full)), ExitCode::FAILURE, "{:?}", arguments().collect::<Vec<_>>());
            assert_eq!(with(Box::new(io::sink())), ExitCode::SUCCESS, "{:?}", arguments().collect::<Vec<_>>());
        }
    }
}
