//! What a person sees on a terminal. The progress is drawn on standard error, and only if that is a terminal, because the
//! platform treats everything on standard error as an error.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often lines change.
const INTERVAL: Duration = Duration::from_millis(200);

/// The most lines that are drawn, so that they fit on a terminal.
const MOST_LINES: usize = 20;

/// Lines on a terminal that change in place.
#[derive(Debug, Clone)]
pub struct Display {
    lines: MultiProgress,
    /// Whether standard output is a terminal too, which is the same one as a rule.
    shares_terminal: bool,
}

#[derive(Debug)]
pub(crate) struct ProgressLine(ProgressBar);

impl Display {
    /// A display on standard error, if that is a terminal. Otherwise it is hidden.
    pub fn on_stderr() -> Self {
        Self {
            lines: MultiProgress::with_draw_target(ProgressDrawTarget::stderr()),
            shares_terminal: io::stdout().is_terminal(),
        }
    }

    /// A display that draws nothing.
    pub fn hidden() -> Self {
        Self { lines: MultiProgress::with_draw_target(ProgressDrawTarget::hidden()), shares_terminal: false }
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
    /// terminal the text stands above the lines.
    pub(crate) fn print(&self, text: &str) {
        let print = || drop(io::stderr().lock().write_all(text.as_bytes()));
        if self.is_visible() { self.lines.suspend(print) } else { print() }
    }

    /// Adds `count` lines, or fewer if they do not fit on a terminal.
    pub(crate) fn lines(&self, count: usize) -> Vec<ProgressLine> {
        let style =
            ProgressStyle::with_template("{spinner} {msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
        let line = || ProgressLine(self.lines.add(ProgressBar::new_spinner().with_style(style.clone())));
        std::iter::repeat_with(line).take(count.min(MOST_LINES)).collect()
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

    /// Shows `text` for the last time; it stays on the terminal.
    pub(crate) fn finish(&self, text: String) {
        self.0.finish_with_message(text);
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
        if !self.display.shares_terminal || self.display.lines.is_hidden() {
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
