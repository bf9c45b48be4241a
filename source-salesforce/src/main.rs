//! The program; everything else is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    source_salesforce::log_panics();
    source_salesforce::run(std::env::args_os(), std::io::stdout())
}
