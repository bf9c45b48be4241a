//! The connector as a program.

use std::process::ExitCode;

fn main() -> ExitCode {
    destination_salesforce::tell_of_panics();
    destination_salesforce::run(std::env::args_os(), std::io::stdin(), std::io::stdout())
}
