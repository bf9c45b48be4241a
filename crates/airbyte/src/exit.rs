//! How a command ends: a TRACE message for a failure, and the exit code.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use crate::{Error, Output, Result};

/// Runs a command and reports its result with [`exit_code`]. A panic of the command is a failure like any other.
pub fn run_command(output: &Output, command: impl FnOnce() -> Result<()>) -> ExitCode {
    let result = catch_unwind(AssertUnwindSafe(command)).unwrap_or_else(|_| Err(Error::panic()));
    exit_code(output, result)
}

/// The exit code for the result of a command: 0 for success, 1 for a failure. A failure is reported as a TRACE message
/// too, as the platform expects both.
///
/// Waits until every message is written. If that is not possible, the command has failed: the reader lacks what it
/// returned.
pub fn exit_code(output: &Output, result: Result<()>) -> ExitCode {
    if let Err(error) = &result {
        // If standard output is closed, nobody can read the message.
        let _ = output.trace_error(error);
    }
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
        assert_eq!(run_command(&output, || Ok(())), ExitCode::SUCCESS);
        assert_eq!(run_command(&output, || Err(Error::config("No."))), ExitCode::FAILURE);
        assert_eq!(run_command(&output, || panic!("a record's value")), ExitCode::FAILURE);
        drop(output);
        let text = io::read_to_string(reader).unwrap();
        let failures: Vec<bool> = text.lines().map(|line| line.contains(r#""failure_type":"config_error""#)).collect();
        assert_eq!(failures, [true, false]);
        assert!(!text.contains("a record's value"), "{text}");
    }
}
