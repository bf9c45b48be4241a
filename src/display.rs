//! The progress that a person sees on a terminal. It is drawn on standard error, and only where that is a terminal: the
//! platform takes whatever else comes there for an error.

use std::io::{self, Write};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often lines change: often enough to look alive.
const INTERVAL: Duration = Duration::from_millis(200);

/// How many lines are drawn, so that they fit on a terminal.
const MOST_LINES: usize = 20;

/// Lines that change in place.
#[derive(Debug, Clone)]
pub struct Display {
    lines: MultiProgress,
}

/// One line.
#[derive(Debug)]
pub(crate) struct ProgressLine(ProgressBar);

impl Display {
    /// A display on standard error where that is a terminal, and else none.
    pub fn on_stderr() -> Self {
        // It is hidden where nobody could see it.
        Self { lines: MultiProgress::with_draw_target(ProgressDrawTarget::stderr()) }
    }

    /// A display that nobody sees.
    pub fn hidden() -> Self {
        Self { lines: MultiProgress::with_draw_target(ProgressDrawTarget::hidden()) }
    }

    /// How often the lines want to be changed; `None` where nobody sees them.
    pub(crate) fn interval(&self) -> Option<Duration> {
        (!self.lines.is_hidden()).then_some(INTERVAL)
    }

    /// A line for each of so many things; none for those that do not fit.
    pub(crate) fn lines(&self, count: usize) -> Vec<ProgressLine> {
        let style =
            ProgressStyle::with_template("{spinner} {msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
        let line = || ProgressLine(self.lines.add(ProgressBar::new_spinner().with_style(style.clone())));
        std::iter::repeat_with(line).take(count.min(MOST_LINES)).collect()
    }

    /// A writer that may write to the same terminal: the lines step aside for what it writes.
    pub fn beside<W: Write>(&self, writer: W) -> impl Write + use<W> {
        Beside { display: self.clone(), writer }
    }
}

impl ProgressLine {
    /// Shows `text`.
    pub(crate) fn show(&self, text: String) {
        self.0.set_message(text);
        self.0.tick();
    }

    /// Leaves `text` standing.
    pub(crate) fn finish(&self, text: String) {
        self.0.finish_with_message(text);
    }
}

struct Beside<W> {
    display: Display,
    writer: W,
}

impl<W: Write> Beside<W> {
    /// Lines that nobody sees need not step aside: then what is written here passes no lock, and a writer that fails
    /// leaves none behind.
    fn write_with<T>(&mut self, how: impl FnOnce(&mut W) -> T) -> T {
        if self.display.lines.is_hidden() {
            return how(&mut self.writer);
        }
        self.display.lines.suspend(|| how(&mut self.writer))
    }
}

impl<W: Write> Write for Beside<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_with(|writer| writer.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.write_with(Write::flush)
    }
}
