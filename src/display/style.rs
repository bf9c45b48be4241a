//! Colors, where the terminal has them and `NO_COLOR` is not set.

use airbyte::LogLevel;

/// How texts for a person are marked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style {
    has_colors: bool,
}

impl Style {
    /// The style of standard error. The variable counts only when it has a value (no-color.org).
    pub(super) fn of_stderr() -> Self {
        let is_forbidden = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { has_colors: console::colors_enabled_stderr() && !is_forbidden }
    }

    /// A style without colors.
    pub(super) const fn plain() -> Self {
        Self { has_colors: false }
    }

    #[cfg(test)]
    pub(super) const fn colored() -> Self {
        Self { has_colors: true }
    }

    pub(super) fn bold(&self, text: &str) -> String {
        self.paint("1", text)
    }

    pub(super) fn dim(&self, text: &str) -> String {
        self.paint("2", text)
    }

    pub(super) fn red(&self, text: &str) -> String {
        self.paint("31", text)
    }

    /// A line of the log.
    pub(super) fn log_line(&self, level: LogLevel, message: &str) -> String {
        match level {
            LogLevel::Debug => self.dim(&format!("debug: {message}")),
            LogLevel::Info => self.dim(message),
            LogLevel::Warn => format!("{} {message}", self.paint("33", "warning:")),
            LogLevel::Error => format!("{} {message}", self.paint("1;31", "error:")),
        }
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.has_colors { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}
