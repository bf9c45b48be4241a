//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgGroup, Args, Parser, Subcommand};

use crate::compare::OfStream;

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
  Standard output gets messages of the Airbyte protocol, one JSON object a line. That of compare gets a JSON object for
  each difference and one for each stream; it logs on standard error.

Exit codes:
  0  Success. check answers with 0 also when the connection does not work, and says so.
  1  A failure; the last message says what to do. Of compare: something is different.
  2  Of compare alone: a failure, so that nobody knows.

Environment:
  TMPDIR                  the folder for temporary files of compare, instead of /tmp
  HTTPS_PROXY, NO_PROXY   the proxy for all traffic, and the hosts without it
  SSL_CERT_FILE           certificates to trust instead of those of the system
  LOG_LEVEL               the lowest level that is logged: DEBUG, INFO, WARN or ERROR

Example:
  source-salesforce discover --config config.json
  source-salesforce read --config config.json --catalog catalog.json --state state.json
  source-salesforce compare --config from.json --with to.json --catalog catalog.json --key Account=External_Id__c";

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
    /// Compare the records of an org, or what was sent, with an org where they should be.
    Compare(Box<CompareArguments>),
}

/// What is compared.
#[derive(Debug, Args, PartialEq, Eq)]
#[command(group(ArgGroup::new("other").required(true).args(["with", "sent"])))]
pub(crate) struct CompareArguments {
    /// The configuration of the org that has the records, or with --sent of the org that should have them.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// The configured catalog, a JSON file. Its streams are compared.
    #[arg(long, value_name = "FILE")]
    pub(crate) catalog: PathBuf,
    /// The configuration of the org that should have the records too.
    #[arg(long, value_name = "FILE")]
    pub(crate) with: Option<PathBuf>,
    /// The records that the org should have: RECORD messages, one a line; - is standard input.
    #[arg(long, value_name = "FILE")]
    pub(crate) sent: Option<PathBuf>,
    /// The field that names a record of a stream on both sides; Account=Id:Old_Id__c if it has two names. Without it: the
    /// primary key of the catalog, else Id. May be given for several streams.
    #[arg(long, value_name = "STREAM=FIELD", value_parser = OfStream::parse)]
    pub(crate) key: Vec<OfStream>,
    /// The object of a stream in the org that should have the records, if it has another name.
    #[arg(long, value_name = "STREAM=OBJECT", value_parser = OfStream::parse)]
    pub(crate) object: Vec<OfStream>,
    /// Tell at most so many of each difference of a stream. All are counted.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub(crate) differences: u64,
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
        let compare = |more: &[&str]| match command(&[&["compare", "--config=c", "--catalog=k"], more].concat()) {
            Ok(Command::Compare(arguments)) => Some(arguments),
            _ => None,
        };
        let arguments = compare(&["--with=w", "--key=A=B", "--key", "C=D:E", "--differences=5"]).unwrap();
        assert_eq!((arguments.with, arguments.sent, arguments.differences), (Some("w".into()), None, 5));
        assert_eq!(arguments.key, ["A=B", "C=D:E"].map(|key| OfStream::parse(key).unwrap()));
        assert_eq!(compare(&["--sent", "-"]).unwrap().sent, Some("-".into()));
        for wrong in [&[][..], &["--with=w", "--sent=s"], &["--with=w", "--key=A"], &["--sent=s", "--differences=x"]] {
            assert_eq!(compare(wrong), None, "{wrong:?}");
        }
        for wrong in [&["read", "--config=c"][..], &["write"], &[], &["spec", "x"], &["check"]] {
            assert!(command(wrong).is_err(), "{wrong:?}");
        }
    }
}
