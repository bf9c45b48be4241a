//! `compare`: what an org, or what was sent, has and an org lacks.
//!
//! It is for a person or a script, and not for the platform. Standard output gets the differences alone; the log and
//! errors go to standard error.

use std::fmt;
use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::path::Path;
use std::process::ExitCode;

use airbyte::{Error, LogLevel, Output, Result};
use connector::access::{LostToken, NewRefreshToken, read_file};
use connector::stop::Stop;
use salesforce::Org;

use super::{read_config, sign_in_with, stop_on_signal};
use crate::cli::CompareArguments;
use crate::compare::{Comparison, First};
use crate::config::Config;
use crate::plan::parse_catalog;

/// The name of the command.
pub(crate) const NAME: &str = "compare";

/// The exit codes. That of a failure is not that of a difference.
const DIFFERENT: u8 = 1;
const FAILED: u8 = 2;

/// Compares, and says whether both sides are the same.
///
/// # Errors
/// A file is not valid, a side is not read whole or not proven to be, or the run is asked to stop.
pub(crate) async fn run(arguments: &CompareArguments, output: &Output) -> Result<bool> {
    let catalog = parse_catalog(&read_file(&arguments.catalog, "--catalog")?)?;
    let config = read_config(&arguments.config)?;
    let other = arguments.with.as_deref().map(read_config).transpose()?;
    let input = arguments.sent.as_deref().map(open_sent).transpose()?;
    let (stop, _running) = stop_on_signal(output)?;
    let org = sign_in(&config, &stop).await?;
    // `--with` names the place where the records should be, and without it `--config` does.
    let (sentences, is_same) = match (other, input) {
        (Some(other), _) => {
            let there = sign_in(&other, &stop).await?;
            let work = Box::pin(async {
                comparison(arguments, catalog, &there, &other).run(First::Org(&org, &config), output).await
            });
            let compared = stop.unless_requested(&org, work).await;
            stop.finish_renewal(&there).await;
            compared??
        }
        (None, Some(input)) => {
            let work = Box::pin(comparison(arguments, catalog, &org, &config).run(First::Sent(input), output));
            stop.unless_requested(&org, work).await??
        }
        (None, None) => return Err(Error::config("Give --with or --sent: there is nothing to compare with.")),
    };
    if io::stderr().is_terminal() {
        sentences.iter().for_each(|sentence| print(sentence));
    }
    Ok(is_same)
}

fn comparison<'a>(
    arguments: &'a CompareArguments,
    catalog: Vec<crate::plan::CatalogStream>,
    org: &'a Org,
    config: &'a Config,
) -> Comparison<'a> {
    Comparison {
        catalog,
        keys: &arguments.key,
        objects: &arguments.object,
        differences: arguments.differences,
        org,
        config,
    }
}

/// Nobody stores a new refresh token of this command.
async fn sign_in(config: &Config, stop: &Stop) -> Result<Org> {
    let lost_token = LostToken::default();
    let signed_in = sign_in_with(config, NewRefreshToken::Lose(lost_token.clone()), stop, true).await;
    signed_in.map_err(|error| lost_token.explain(error))
}

fn open_sent(path: &Path) -> Result<Box<dyn Read + Send>> {
    if path == Path::new("-") {
        return Ok(Box::new(io::stdin()));
    }
    let file = File::open(path).map_err(|error| {
        Error::config(format!("The file given with --sent, {}, cannot be read: {error}.", path.display()))
    })?;
    Ok(Box::new(file))
}

/// The exit code of a comparison, after the last line is written. A failure is told on standard error.
pub(crate) fn exit_code(output: &Output, result: Result<bool>) -> ExitCode {
    let flushed = output.flush();
    match result {
        Err(error) => {
            print(error.message());
            ExitCode::from(FAILED)
        }
        Ok(is_same) => match flushed {
            Err(error) => {
                print(&format!("Standard output cannot be written: {error}. What was compared is not told whole."));
                ExitCode::from(FAILED)
            }
            Ok(()) if is_same => ExitCode::SUCCESS,
            Ok(()) => ExitCode::from(DIFFERENT),
        },
    }
}

/// The exit code of a command line that is wrong. The parser says why.
pub(crate) fn refuse(error: &impl fmt::Display) -> ExitCode {
    print(&error.to_string());
    ExitCode::from(FAILED)
}

/// Writes a line of the log.
pub(crate) fn log_line(level: LogLevel, message: &str) {
    let level = match level {
        LogLevel::Debug => "debug: ",
        LogLevel::Info => "",
        LogLevel::Warn => "warning: ",
        LogLevel::Error => "error: ",
    };
    print(&format!("{level}{message}"));
}

/// Writes a line on standard error. If it is closed, nobody reads it.
fn print(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", line.trim_end());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_the_same_and_told_whole_exits_with_0() {
        let failed = || Err(Error::transient("The org does not answer."));
        for (is_read, result, expected) in [
            (true, Ok(true), ExitCode::SUCCESS),
            (true, Ok(false), ExitCode::from(1)),
            (true, failed(), ExitCode::from(2)),
            (false, Ok(true), ExitCode::from(2)),
            (false, Ok(false), ExitCode::from(2)),
            (false, failed(), ExitCode::from(2)),
        ] {
            let (reader, writer) = io::pipe().unwrap();
            let output = Output::new(writer).unwrap();
            let _reader = is_read.then_some(reader);
            // It may be known already that nobody reads.
            let _ = output.text("{}");
            let what = format!("{is_read} {result:?}");
            assert_eq!(exit_code(&output, result), expected, "{what}");
        }
        assert_eq!(refuse(&"wrong"), ExitCode::from(2));
    }
}
