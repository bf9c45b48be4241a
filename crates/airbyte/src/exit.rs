//! How a command ends: a TRACE message for a failure, and the exit code.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use crate::{Error, Output, Result};

/// Runs a command. A panic of it is a failure like any other.
///
/// # Errors
/// The command fails, or panics.
pub fn run_command<T>(command: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(command)).unwrap_or_else(|_| Err(Error::panic()))
}

/// The exit code for the result of a command: 0 for success, 1 for a failure. A failure is reported as a TRACE message
/// too, as the platform expects both, unless one has told of it already.
///
/// Waits until every message is written. If that is not possible, the command has failed: the reader lacks what it
/// returned.
pub fn exit_code(output: &Output, result: &Result<()>) -> ExitCode {
    if let Some(error) = result.as_ref().err().filter(|error| !error.is_told()) {
        // If standard output is closed, nobody can read the message.
        let _ = output.trace_error(error);
    }
    exit_code_alone(output, result)
}

/// The same without a TRACE message, where a person has read of the failure.
pub fn exit_code_alone(output: &Output, result: &Result<()>) -> ExitCode {
    let flushed = output.flush();
    if result.is_ok() && flushed.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_failure_and_a_panic_leave_a_trace_message_and_exit_code_1() {
        let (reader, writer) = io::pipe().unwrap();
        let output = Output::new(writer).unwrap();
        assert_eq!(exit_code(&output, &run_command(|| Ok(()))), ExitCode::SUCCESS);
        assert_eq!(exit_code(&output, &run_command(|| Err(Error::config("No.")))), ExitCode::FAILURE);
        assert_eq!(
            exit_code(&output, &run_command(|| -> Result<()> { panic!("a record's value") })),
            ExitCode::FAILURE
        );
        assert_eq!(exit_code_alone(&output, &Err(Error::config("No."))), ExitCode::FAILURE);
        assert_eq!(exit_code(&output, &Err(Error::config("No.").told())), ExitCode::FAILURE);
        drop(output);
        let text = io::read_to_string(reader).unwrap();
        let failures: Vec<bool> = text.lines().map(|line| line.contains(r#""failure_type":"config_error""#)).collect();
        assert_eq!(failures, [true, false]);
        assert!(!text.contains("a record's value"), "{text}");
    }
}
