//! What the program of a connector does before and beside its command.

use airbyte::Error;

/// The error of a command line that cannot be read. `explanation` is what the parser of the arguments says.
pub fn wrong_command_line(explanation: &impl ToString) -> Error {
    let text = explanation.to_string();
    let lines: Vec<&str> = text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
    let first_paragraph = lines.join(" ");
    let what = first_paragraph.trim_start_matches("error: ").trim_end_matches('.');
    Error::config(format!("The command line is wrong: {what}.")).internal(text)
}

/// Logs where a panic happens, instead of Rust's own report. That report goes to standard error, which must stay empty,
/// and its text can quote a record.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "the connector has a bug and panicked");
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_command_line_is_told_by_its_first_paragraph() {
        for (explanation, message) in [
            ("error: unexpected argument '--x' found\n\nUsage: connector", "unexpected argument '--x' found"),
            ("error: the following are missing:\n  --config\n\nUsage", "the following are missing: --config"),
            ("A sentence.\n", "A sentence"),
        ] {
            let error = wrong_command_line(&explanation);
            assert_eq!(error.message(), format!("The command line is wrong: {message}."));
        }
    }
}
