//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// What the user wants done.
#[derive(Debug, Parser, PartialEq, Eq)]
#[command(
    name = "destination-salesforce",
    version,
    about = "Loads records into Salesforce, as an Airbyte destination."
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// A verb of the Airbyte protocol with its files.
#[derive(Debug, Subcommand, PartialEq, Eq)]
pub(crate) enum Command {
    /// Print the specification of the configuration.
    Spec,
    /// Try the configuration out.
    Check {
        /// The configuration, a JSON file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Tell what records can be loaded into.
    Discover {
        /// The configuration, a JSON file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Write the records on standard input.
    Write {
        /// The configuration, a JSON file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// The configured catalog, a JSON file.
        #[arg(long, value_name = "FILE")]
        catalog: PathBuf,
    },
}

/// Reads the arguments, the program's name first.
///
/// # Errors
/// What clap has to say: a fault of the arguments, or the help that was asked for.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, clap::Error> {
    Arguments::try_parse_from(arguments).map(|arguments| arguments.command)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(arguments: &[&str]) -> Result<Command, clap::Error> {
        parse(["destination-salesforce"].iter().chain(arguments).map(OsString::from))
    }

    #[test]
    fn both_forms_of_an_option_are_taken() {
        let expected = Command::Write { config: "c".into(), catalog: "k".into() };
        assert_eq!(command(&["write", "--config", "c", "--catalog", "k"]).unwrap(), expected);
        assert_eq!(command(&["write", "--catalog=k", "--config=c"]).unwrap(), expected);
        assert_eq!(command(&["discover", "--config=c"]).unwrap(), Command::Discover { config: "c".into() });
        assert_eq!(command(&["spec"]).unwrap(), Command::Spec);
    }

    #[test]
    fn what_is_missing_or_unknown_is_named() {
        for (arguments, part) in [
            (&["write", "--config", "c"][..], "--catalog"),
            (&["check"], "--config"),
            (&["discover"], "--config"),
            (&["read"], "read"),
            (&["spec", "--verbose"], "--verbose"),
        ] {
            let error = command(arguments).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
