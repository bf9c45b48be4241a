//! The command line.

mod load;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, Subcommand};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::display::{LogFormat, Verbosity};
pub(crate) use load::LoadArguments;

#[derive(Debug, Parser, PartialEq, Eq)]
#[command(
    name = "destination-salesforce",
    version,
    about = "An Airbyte destination that loads records into Salesforce.",
    after_help = AFTER_HELP
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    options: Options,
}

const AFTER_HELP: &str = "\
Input and output:
  write reads messages of the Airbyte protocol from standard input, one JSON object a line.
  Standard output gets messages of the protocol, or on a terminal an answer for reading.
  On a terminal, standard error gets the progress, errors and the summary. Otherwise write leaves it empty.
  load reads a file, and writes files beside it: the ids of the rows that are loaded, and the rows that are rejected
  with their reasons. It logs on standard error, and writes nothing on standard output.

Exit codes:
  0  Success. check answers with 0 also when the connection does not work, and says so.
  1  A failure; the last message says what to do.
  2  Of load alone: all rows are done, and some of them are rejected.

Environment:
  HTTPS_PROXY, NO_PROXY   the proxy for all traffic, and the hosts without it
  SSL_CERT_FILE           certificates to trust instead of those of the system
  AWS_...                 credentials for the bucket, where the configuration has none
  LOG_LEVEL               the lowest level that is logged: DEBUG, INFO, WARN or ERROR
  NO_COLOR                no colors on the terminal

Example:
  destination-salesforce check --config config.json
  destination-salesforce write --config config.json --catalog catalog.json < messages.jsonl
  destination-salesforce load --config config.json --object Account --operation upsert --key External_Id__c accounts.csv";

/// What every command takes.
#[derive(Debug, Clone, Copy, Default, Args, PartialEq, Eq)]
pub(crate) struct Options {
    /// Log as messages of the protocol (json), or as lines on standard error (text), the default on a terminal.
    #[arg(long, global = true, value_enum, value_name = "FORMAT")]
    pub(crate) log_format: Option<LogFormat>,
    /// Only warnings and errors, and no progress.
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// Details for a developer too.
    #[arg(short, long, global = true)]
    verbose: bool,
}

impl Options {
    pub(crate) fn verbosity(self) -> Verbosity {
        match self {
            Self { quiet: true, .. } => Verbosity::Quiet,
            Self { verbose: true, .. } => Verbosity::Verbose,
            _ => Verbosity::Normal,
        }
    }
}

/// A command of the Airbyte protocol or for a person beside it, with its files.
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
    /// Load a file of your own, CSV or JSONL, with success and error files beside it.
    Load(Box<LoadArguments>),
    /// Check a configuration without the org, and whether it fits the catalog of a connection. A warning is an error
    /// here.
    Validate {
        /// The configuration, a JSON file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// The configured catalog, a JSON file.
        #[arg(long, value_name = "FILE")]
        catalog: Option<PathBuf>,
    },
    /// Print the rejected records of the bucket as messages for `write`, or a table of them.
    Rejected {
        /// The configuration, a JSON file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Only records of this stream. May be given several times.
        #[arg(long, value_name = "NAME")]
        stream: Vec<String>,
        /// Only records of streams in this namespace; an empty one is none.
        #[arg(long, value_name = "NAME")]
        namespace: Option<String>,
        /// Only records with this reason, such as INVALID_EMAIL_ADDRESS. May be given several times.
        #[arg(long, value_name = "CODE")]
        reason: Vec<String>,
        /// Only records that were rejected on this day (UTC) or at this time, such as 2026-03-04T05:06:07Z, or later.
        #[arg(long, value_name = "DATE", value_parser = moment)]
        since: Option<Timestamp>,
        /// The stream of the records whose objects do not say theirs. Without it they are an error.
        #[arg(long, value_name = "NAME")]
        nameless_are: Option<String>,
        /// Print a table by stream, reason and field instead.
        #[arg(long)]
        summary: bool,
    },
}

/// A day, which begins at midnight UTC, or a time with its offset.
fn moment(text: &str) -> Result<Timestamp, String> {
    let day = || text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok();
    let is_day = text.len() == "yyyy-MM-dd".len();
    let moment = if is_day { day().map(|day| day.timestamp()) } else { text.parse().ok() };
    moment.ok_or_else(|| "it must be a day such as 2026-03-04, or a time such as 2026-03-04T05:06:07Z".to_owned())
}

/// Reads the arguments. The first is the name of the program.
///
/// # Errors
/// The arguments are wrong, or ask for help: clap reports both as an error.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<(Command, Options), clap::Error> {
    Arguments::try_parse_from(arguments).map(|arguments| (arguments.command, arguments.options))
}

/// The help, for whoever types the name of the program alone.
pub(crate) fn help() -> String {
    Arguments::command().render_help().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn command(arguments: &[&str]) -> Result<Command, clap::Error> {
        parse_all(arguments).map(|(command, _)| command)
    }

    fn parse_all(arguments: &[&str]) -> Result<(Command, Options), clap::Error> {
        parse(["destination-salesforce"].iter().chain(arguments).map(OsString::from))
    }

    #[test]
    fn an_option_of_every_command_may_stand_before_and_after_it() {
        for arguments in [&["-q", "check", "--config=c"][..], &["check", "--config=c", "--quiet"]] {
            assert_eq!(parse_all(arguments).unwrap().1.verbosity(), Verbosity::Quiet, "{arguments:?}");
        }
        let (_, options) = parse_all(&["--log-format", "text", "-v", "spec"]).unwrap();
        assert_eq!((options.log_format, options.verbosity()), (Some(LogFormat::Text), Verbosity::Verbose));
        assert_eq!(parse_all(&["spec"]).unwrap().1, Options::default());
        assert!(parse_all(&["-q", "-v", "spec"]).is_err());
        assert!(parse_all(&["spec", "--log-format", "xml"]).is_err());
    }

    #[test]
    fn the_help_names_each_command_and_fits_on_a_terminal() {
        let help = help();
        for words in
            ["spec", "check", "discover", "write", "load", "rejected", "Exit codes:", "Environment:", "NO_COLOR"]
        {
            assert!(help.contains(words), "{words}: {help}");
        }
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
    fn rejected_records_are_chosen_by_options_of_which_some_may_be_repeated() {
        let since = |date: &str| {
            let Command::Rejected { since, .. } = command(&["rejected", "--config=c", "--since", date]).unwrap() else {
                panic!("another command")
            };
            since.unwrap().to_string()
        };
        assert_eq!(since("2026-03-04"), "2026-03-04T00:00:00Z");
        assert_eq!(since("2026-03-04T05:06:07.5+02:00"), "2026-03-04T03:06:07.5Z");
        let mut chosen = vec!["rejected", "--config=c", "--stream=a", "--stream", "b", "--reason=X", "--reason=Y"];
        chosen.extend(["--nameless-are", "c", "--summary"]);
        let expected = Command::Rejected {
            config: "c".into(),
            stream: vec!["a".to_owned(), "b".to_owned()],
            namespace: None,
            reason: vec!["X".to_owned(), "Y".to_owned()],
            since: None,
            nameless_are: Some("c".to_owned()),
            summary: true,
        };
        assert_eq!(command(&chosen).unwrap(), expected);
    }

    #[test]
    fn a_missing_or_unknown_argument_is_named() {
        for (arguments, part) in [
            (&["write", "--config", "c"][..], "--catalog"),
            (&["check"], "--config"),
            (&["discover"], "--config"),
            (&["read"], "read"),
            (&["spec", "--loud"], "--loud"),
            (&["write", "--config", "c", "--catalog", "k", "--show", "3"], "--dry-run"),
            (&["write", "--config", "c", "--catalog", "k", "--dry-run", "--show", "many"], "--show"),
            (&["validate"], "--config"),
            (&["rejected"], "--config"),
            (&["rejected", "--config", "c", "--since", "yesterday"], "a day such as 2026-03-04"),
            (&["rejected", "--config", "c", "--since", "2026-02-30"], "a day such as 2026-03-04"),
            (&["rejected", "--config", "c", "--since", "2026-03-04T05:06:07"], "a day such as 2026-03-04"),
        ] {
            let error = command(arguments).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
