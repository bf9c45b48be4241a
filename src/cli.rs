//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser, PartialEq, Eq)]
#[command(
    name = "destination-salesforce",
    version,
    about = "An Airbyte destination that loads records into Salesforce."
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// A command of the Airbyte protocol, with its files.
#[derive(Debug, Subcommand, PartialEq, Eq)]
pub(crate) enum Command {
    /// Print the specification of the configuration.
    Spec,
    /// Check that the configuration works.
    Check {
        /// The configuration, a JSON file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// List the objects and fields that records can be loaded into.
    Discover {
        /// The configuration, a JSON file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Load the records from standard input.
    Write {
        /// The configuration, a JSON file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// The configured catalog, a JSON file.
        #[arg(long, value_name = "FILE")]
        catalog: PathBuf,
        /// Check, convert and count the records, and send nothing.
        #[arg(long)]
        dry_run: bool,
        /// In a dry run: print the first N rows of each stream on standard error. On a terminal it is 3 by default.
        #[arg(long, value_name = "N", requires = "dry_run")]
        show: Option<usize>,
    },
}

/// Reads the arguments. The first is the name of the program.
///
/// # Errors
/// The arguments are wrong, or ask for help: clap reports both as an error.
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
    fn an_option_may_have_a_space_or_an_equals_sign() {
        let expected = Command::Write { config: "c".into(), catalog: "k".into(), dry_run: false, show: None };
        assert_eq!(command(&["write", "--config", "c", "--catalog", "k"]).unwrap(), expected);
        assert_eq!(command(&["write", "--catalog=k", "--config=c"]).unwrap(), expected);
        assert_eq!(command(&["discover", "--config=c"]).unwrap(), Command::Discover { config: "c".into() });
        assert_eq!(command(&["spec"]).unwrap(), Command::Spec);
    }

    #[test]
    fn a_dry_run_may_show_rows() {
        let write = ["write", "--config=c", "--catalog=k"];
        let parsed = |more: &[&str]| match command(&[&write[..], more].concat()) {
            Ok(Command::Write { dry_run, show, .. }) => Some((dry_run, show)),
            _ => None,
        };
        assert_eq!(parsed(&["--dry-run"]), Some((true, None)));
        assert_eq!(parsed(&["--dry-run", "--show", "5"]), Some((true, Some(5))));
        assert_eq!(parsed(&["--show=0", "--dry-run"]), Some((true, Some(0))));
    }

    #[test]
    fn a_missing_or_unknown_argument_is_named() {
        for (arguments, part) in [
            (&["write", "--config", "c"][..], "--catalog"),
            (&["check"], "--config"),
            (&["discover"], "--config"),
            (&["read"], "read"),
            (&["spec", "--verbose"], "--verbose"),
            (&["write", "--config", "c", "--catalog", "k", "--show", "3"], "--dry-run"),
            (&["write", "--config", "c", "--catalog", "k", "--dry-run", "--show", "many"], "--show"),
        ] {
            let error = command(arguments).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
