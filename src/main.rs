//! The program; everything else is in the library.

use std::process::ExitCode;

use destination_salesforce::Display;

fn main() -> ExitCode {
    destination_salesforce::log_panics();
    let display = Display::on_stderr();
    destination_salesforce::run(std::env::args_os(), std::io::stdin(), std::io::stdout(), &display)
}
