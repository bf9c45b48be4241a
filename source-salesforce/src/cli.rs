//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser, PartialEq, Eq)]
#[command(
    name = "source-salesforce",
    version,
    about = "An Airbyte source that reads a Salesforce org whole, with proof.",
    after_help = AFTER_HELP
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
Output:
  Standard output gets messages of the Airbyte protocol, one JSON object a line.

Exit codes:
  0  Success. check answers with 0 also when the connection does not work, and says so.
  1  A failure; the last message says what to do.

Environment:
  HTTPS_PROXY, NO_PROXY   the proxy for all traffic, and the hosts without it
  SSL_CERT_FILE           certificates to trust instead of those of the system
  LOG_LEVEL               the lowest level that is logged: DEBUG, INFO, WARN or ERROR

Example:
  source-salesforce discover --config config.json
  source-salesforce read --config config.json --catalog catalog.json --state state.json";

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
    /// List the objects and fields that can be read.
    Discover {
        /// The configuration, a JSON file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Read the records of the streams.
    Read {
        /// The configuration, a JSON file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// The configured catalog, a JSON file.
        #[arg(long, value_name = "FILE")]
        catalog: PathBuf,
        /// The states of an earlier attempt, a JSON list of STATE objects.
        #[arg(long, value_name = "FILE")]
        state: Option<PathBuf>,
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

    #[test]
    fn each_command_takes_its_files() {
        let command = |arguments: &[&str]| {
            parse(["source-salesforce"].iter().chain(arguments).map(OsString::from)).map_err(|error| error.kind())
        };
        assert_eq!(command(&["spec"]), Ok(Command::Spec));
        assert_eq!(command(&["check", "--config", "c"]), Ok(Command::Check { config: "c".into() }));
        assert_eq!(command(&["discover", "--config", "c"]), Ok(Command::Discover { config: "c".into() }));
        let read = Command::Read { config: "c".into(), catalog: "k".into(), state: Some("s".into()) };
        assert_eq!(command(&["read", "--config=c", "--catalog=k", "--state=s"]), Ok(read));
        let read = Command::Read { config: "c".into(), catalog: "k".into(), state: None };
        assert_eq!(command(&["read", "--config=c", "--catalog=k"]), Ok(read));
        for wrong in [&["read", "--config=c"][..], &["write"], &[], &["spec", "x"], &["check"]] {
            assert!(command(wrong).is_err(), "{wrong:?}");
        }
    }
}
