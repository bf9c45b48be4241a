//! Runs the connector, from the arguments to the exit code.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::process::ExitCode;

use clap::error::ErrorKind;

use crate::cli::{self, Command};
use crate::command;
use crate::display::Display;
use airbyte::{Error, Output, exit_code, log, run_command};

/// The crates whose log events the user reads.
const LOGGED: &[&str] = &[env!("CARGO_CRATE_NAME"), "salesforce"];

/// Runs the connector. The first of `arguments` is the name of the program. Messages are read from `input` and written
/// to `output`, and `display` shows the progress to a person.
///
/// A failure, a panic included, is reported as the platform expects: by a TRACE message and by an exit code other than 0.
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
            return exit_code(&Output::new(output), Err(Error::config(message).internal(error)));
        }
    };
    let output = Output::new(display.wrap(output));
    log::start(output.clone(), LOGGED);
    run_command(&output, || execute(command, input, &output, display))
}

/// Logs where a panic happens, instead of Rust's own report. That report goes to standard error, which must stay empty,
/// and its text can quote a record.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "the connector has a bug and panicked");
    }));
}

fn execute(
    command: Command,
    input: impl Read + Send + 'static,
    output: &Output,
    display: &Display,
) -> Result<(), Error> {
    if command == Command::Spec {
        return command::spec::run(output);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::system("The runtime of the program cannot be started.").internal(error))?;
    let outcome = runtime.block_on(async {
        match command {
            Command::Spec => Ok(()),
            Command::Check { config } => command::check::run(&config, output).await,
            Command::Discover { config } => command::discover::run(&config, output).await,
            Command::Write { config, catalog } => command::write::run(&config, &catalog, input, output, display).await,
        }
    });
    // Only the read of standard input can still run, and it cannot be interrupted.
    runtime.shutdown_background();
    outcome
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
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Panics at the first write, and accepts the others.
    #[derive(Clone, Default)]
    struct PanicsOnce {
        panicked: bool,
        written: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for PanicsOnce {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            assert!(std::mem::replace(&mut self.panicked, true), "a record's value");
            self.written.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_panic_is_reported_as_a_failure() {
        let output = PanicsOnce::default();
        let written = Arc::clone(&output.written);
        run(["destination-salesforce".into(), "spec".into()], io::empty(), output, &Display::hidden());
        let text = String::from_utf8(written.lock().unwrap().clone()).unwrap();
        assert!(text.contains(r#""failure_type":"system_error""#), "{text}");
        assert!(!text.contains("a record's value"), "{text}");
    }
}
