//! What a person sees on a terminal. Progress, errors and the summary are printed on standard error, and only if that
//! is a terminal, because the platform treats everything on standard error as an error.

mod answers;
mod progress_table;
mod style;

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use console::Term;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

pub(crate) use answers::{check_answer, discover_answer};
pub(crate) use progress_table::{ProgressView, Reason, StreamLine};
use style::Style;

use airbyte::{Error, LogLevel};

/// How often lines change.
const INTERVAL: Duration = Duration::from_millis(200);

/// The size of a terminal that does not say its own.
const DEFAULT_SIZE: (u16, u16) = (24, 80);

/// How the connector speaks: to a person, or in messages of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines on standard error.
    Text,
    /// LOG messages on standard output.
    Json,
}

/// How much the connector says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Verbosity {
    /// Warnings and errors alone.
    Quiet,
    #[default]
    Normal,
    /// Details for a developer too.
    Verbose,
}

/// What a person sees, with lines on a terminal that change in place.
#[derive(Debug, Clone)]
pub struct Display {
    lines: MultiProgress,
    stderr_is_terminal: bool,
    /// Whether standard output is a terminal too, which is the same one as a rule.
    stdout_is_terminal: bool,
    format: Option<LogFormat>,
    verbosity: Verbosity,
    style: Style,
    /// Whether the command is for a person alone, and never for a platform.
    is_for_a_person: bool,
}

/// A part of the terminal that changes in place.
#[derive(Debug)]
pub(crate) struct ProgressLine(ProgressBar);

impl Display {
    /// A display on standard error, if that is a terminal. Otherwise it is hidden.
    pub fn on_stderr() -> Self {
        Self {
            lines: MultiProgress::with_draw_target(ProgressDrawTarget::stderr()),
            stderr_is_terminal: io::stderr().is_terminal(),
            stdout_is_terminal: io::stdout().is_terminal(),
            style: Style::of_stderr(),
            ..Self::hidden()
        }
    }

    /// A display that draws nothing.
    pub fn hidden() -> Self {
        Self {
            lines: MultiProgress::with_draw_target(ProgressDrawTarget::hidden()),
            stderr_is_terminal: false,
            stdout_is_terminal: false,
            format: None,
            verbosity: Verbosity::Normal,
            style: Style::plain(),
            is_for_a_person: false,
        }
    }

    /// The same display, as the command line asks for it.
    pub(crate) fn with(&self, format: Option<LogFormat>, verbosity: Verbosity) -> Self {
        let lines = match verbosity {
            Verbosity::Quiet => MultiProgress::with_draw_target(ProgressDrawTarget::hidden()),
            Verbosity::Normal | Verbosity::Verbose => self.lines.clone(),
        };
        Self { lines, format, verbosity, ..self.clone() }
    }

    /// The same for a command that is for a person alone: it logs text on standard error, unless the command line asks for
    /// messages.
    pub(crate) fn for_a_person(&self) -> Self {
        let format = self.format.or(Some(LogFormat::Text));
        Self { is_for_a_person: format == Some(LogFormat::Text), format, ..self.clone() }
    }

    /// Whether the command is for a person alone.
    pub(crate) fn is_for_a_person(&self) -> bool {
        self.is_for_a_person
    }

    /// Whether failures are printed for a person, and not as messages.
    pub(crate) fn fails_in_text(&self) -> bool {
        self.is_for_a_person || self.answers_a_person()
    }

    /// Tells a person how a command goes on, also where there is no terminal.
    pub(crate) fn say(&self, text: &str) {
        match (self.is_for_a_person, self.verbosity) {
            (_, Verbosity::Quiet) => {}
            (true, _) => self.print(&format!("{text}\n")),
            (false, _) => tracing::info!("{text}"),
        }
    }

    /// Whether a person reads standard output, so that answers are for reading.
    pub(crate) fn answers_a_person(&self) -> bool {
        self.stdout_is_terminal && self.stderr_is_terminal && self.format != Some(LogFormat::Json)
    }

    /// Whether the log is text on standard error.
    pub(crate) fn logs_text(&self) -> bool {
        self.format == Some(LogFormat::Text) || self.answers_a_person()
    }

    /// The lowest level that is logged: as the command line asks, else as `variable` asks. Progress and summary give a
    /// person what else the log says.
    pub(crate) fn log_level(&self, variable: Option<String>) -> Option<String> {
        match self.verbosity {
            Verbosity::Quiet => Some("WARN".to_owned()),
            Verbosity::Verbose => Some("DEBUG".to_owned()),
            Verbosity::Normal => {
                let sees_progress = self.answers_a_person() || self.is_for_a_person && self.stderr_is_terminal;
                variable.or_else(|| sees_progress.then(|| "WARN".to_owned()))
            }
        }
    }

    /// How often the lines should change; `None` if they are hidden.
    pub(crate) fn interval(&self) -> Option<Duration> {
        self.is_visible().then_some(INTERVAL)
    }

    /// Whether a person sees the lines.
    pub(crate) fn is_visible(&self) -> bool {
        !self.lines.is_hidden()
    }

    /// Writes a text for a person on standard error, whatever that is. It is lost if standard error is closed. On a
    /// terminal the text is above the lines.
    pub(crate) fn print(&self, text: &str) {
        let print = || drop(io::stderr().lock().write_all(text.as_bytes()));
        if self.is_visible() { self.lines.suspend(print) } else { print() }
    }

    /// Writes a line of the log for a person.
    pub(crate) fn log_line(&self, level: LogLevel, message: &str) {
        self.print(&format!("{}\n", self.style.log_line(level, message)));
    }

    /// Says on a terminal what the log says elsewhere.
    pub(crate) fn notice(&self, text: &str) {
        if self.stderr_is_terminal && !self.logs_text() {
            self.print(&format!("{}\n", self.style.log_line(LogLevel::Warn, text)));
        }
    }

    /// Says on a terminal why the command failed, and everywhere if it is for a person alone.
    pub(crate) fn error(&self, error: &Error) {
        if self.stderr_is_terminal || self.is_for_a_person {
            self.print(&format!("{}\n", self.style.log_line(LogLevel::Error, error.message())));
        }
    }

    /// The table of a running sync.
    pub(crate) fn progress_text(&self, view: &ProgressView) -> String {
        let (rows, columns) = Term::stderr().size_checked().unwrap_or(DEFAULT_SIZE);
        progress_table::lines(view, columns.into(), rows.into(), &self.style).join("\n")
    }

    /// What a person reads at the end of a sync.
    pub(crate) fn summary_text(&self, view: &ProgressView) -> String {
        let (_, columns) = Term::stderr().size_checked().unwrap_or(DEFAULT_SIZE);
        // A load says itself where its rejected rows are.
        let gives_advice = !self.is_for_a_person;
        progress_table::summary(view, columns.into(), gives_advice, &self.style)
    }

    /// Adds a part that changes in place; `None` if it is hidden.
    pub(crate) fn line(&self) -> Option<ProgressLine> {
        let style = ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
        let line = || ProgressLine(self.lines.add(ProgressBar::new_spinner().with_style(style)));
        self.is_visible().then(line)
    }

    /// Wraps a writer that may write to the same terminal, so that the lines are hidden while it writes.
    pub(crate) fn wrap<W: Write>(&self, writer: W) -> impl Write + use<W> {
        SharedTerminal { display: self.clone(), writer }
    }
}

impl ProgressLine {
    pub(crate) fn show(&self, text: String) {
        self.0.set_message(text);
        self.0.tick();
    }

    /// Takes it off the terminal.
    pub(crate) fn clear(&self) {
        self.0.finish_and_clear();
    }
}

struct SharedTerminal<W> {
    display: Display,
    writer: W,
}

impl<W: Write> SharedTerminal<W> {
    /// Hides visible lines while `write` runs. This holds a lock that drawing the lines needs. So it is not done for a
    /// pipe, where a write can block for as long as nobody reads, nor for hidden lines.
    fn without_lines<T>(&mut self, write: impl FnOnce(&mut W) -> T) -> T {
        if !self.display.stdout_is_terminal || self.display.lines.is_hidden() {
            return write(&mut self.writer);
        }
        self.display.lines.suspend(|| write(&mut self.writer))
    }
}

impl<W: Write> Write for SharedTerminal<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.without_lines(|writer| writer.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.without_lines(Write::flush)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn display(terminals: [bool; 2], format: Option<LogFormat>, verbosity: Verbosity) -> Display {
        let [stderr_is_terminal, stdout_is_terminal] = terminals;
        Display { stderr_is_terminal, stdout_is_terminal, ..Display::hidden().with(format, verbosity) }
    }

    #[test]
    fn the_level_of_the_log_is_that_of_the_command_line_or_else_of_the_variable() {
        let (text, json) = (Some(LogFormat::Text), Some(LogFormat::Json));
        for (terminals, format, verbosity, variable, expected) in [
            ([false, false], None, Verbosity::Normal, None, None),
            ([false, false], text, Verbosity::Normal, None, None),
            ([true, false], None, Verbosity::Normal, None, None),
            ([true, true], None, Verbosity::Normal, None, Some("WARN")),
            ([true, true], json, Verbosity::Normal, None, None),
            ([true, true], None, Verbosity::Normal, Some("TRACE"), Some("TRACE")),
            ([false, false], None, Verbosity::Quiet, Some("TRACE"), Some("WARN")),
            ([true, true], None, Verbosity::Verbose, Some("ERROR"), Some("DEBUG")),
        ] {
            let level = display(terminals, format, verbosity).log_level(variable.map(str::to_owned));
            assert_eq!(level.as_deref(), expected, "{terminals:?} {format:?} {verbosity:?} {variable:?}");
        }
        let load = |terminals| display(terminals, None, Verbosity::Normal).for_a_person().log_level(None);
        assert_eq!((load([true, false]).as_deref(), load([false, false])), (Some("WARN"), None));
    }

    #[test]
    fn answers_failures_and_the_log_are_text_only_where_a_person_reads_them() {
        let (text, json) = (Some(LogFormat::Text), Some(LogFormat::Json));
        for (terminals, format, [answers, logs, fails, of_load]) in [
            ([false, false], None, [false, false, false, true]),
            ([true, false], None, [false, false, false, true]),
            ([false, true], None, [false, false, false, true]),
            ([true, true], None, [true, true, true, true]),
            ([true, true], json, [false, false, false, false]),
            ([false, false], text, [false, true, false, true]),
            ([false, false], json, [false, false, false, false]),
        ] {
            let display = display(terminals, format, Verbosity::Normal);
            let found = [display.answers_a_person(), display.logs_text(), display.fails_in_text()];
            assert_eq!(found, [answers, logs, fails], "{terminals:?} {format:?}");
            let load = display.for_a_person();
            assert_eq!(
                [load.is_for_a_person(), load.logs_text(), load.fails_in_text()],
                [of_load; 3],
                "{terminals:?} {format:?}"
            );
        }
    }
}
