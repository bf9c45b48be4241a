//! From the arguments to the exit code.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::process::ExitCode;

use clap::error::ErrorKind;

use crate::cli::{self, Command};
use crate::command;
use crate::error::Error;
use crate::protocol::output::Output;
use crate::telemetry;

/// Runs the connector: `arguments` with the program's name first, messages from `input`, messages to `output`.
///
/// A failure is told twice, as the platform wants it: as a TRACE message and as an exit code other than 0.
pub fn run(
    arguments: impl IntoIterator<Item = OsString>,
    input: impl Read + Send + 'static,
    mut output: impl Write + Send + 'static,
) -> ExitCode {
    let command = match cli::parse(arguments) {
        Ok(command) => command,
        Err(help) if matches!(help.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            // A person asks; there is no message for that.
            return exit_code(write!(output, "{help}").is_ok());
        }
        Err(error) => {
            let message = format!("The command line is wrong: {}.", complaint(&error).trim_end_matches('.'));
            // Without a reader there is nobody to tell.
            let _ = Output::new(output).trace_error(&Error::config(message).internal(error));
            return ExitCode::FAILURE;
        }
    };
    let output = Output::new(output);
    telemetry::start(output.clone());
    match execute(command, input, &output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Without a reader there is nobody to tell.
            let _ = output.trace_error(&error);
            ExitCode::FAILURE
        }
    }
}

fn execute(command: Command, input: impl Read + Send + 'static, output: &Output) -> Result<(), Error> {
    if command == Command::Spec {
        return command::spec::run(output);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::system("The program's runtime cannot be started.").internal(error))?;
    let outcome = runtime.block_on(async {
        match command {
            Command::Spec => Ok(()),
            Command::Check { config } => command::check::run(&config, output).await,
            Command::Write { config, catalog } => command::write::run(&config, &catalog, input, output).await,
        }
    });
    // Nothing is under way any more but the read of standard input, which cannot be interrupted.
    runtime.shutdown_background();
    outcome
}

/// What clap says before it goes on to explain the usage, on one line.
fn complaint(error: &clap::Error) -> String {
    let text = error.to_string();
    let lines: Vec<&str> = text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
    lines.join(" ").trim_start_matches("error: ").to_owned()
}

fn exit_code(is_success: bool) -> ExitCode {
    if is_success { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
