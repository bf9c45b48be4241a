//! [`tracing`] events as LOG messages, or as lines for a person.

use std::fmt::{self, Write};

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use crate::{LogLevel, Output};

/// The environment variable by which Airbyte's platform sets the lowest level that is logged.
pub const LEVEL_VARIABLE: &str = "LOG_LEVEL";

/// Where the log goes.
pub enum LogSink {
    /// To the platform, as LOG messages.
    Messages(Output),
    /// To a person, line by line.
    Lines(Box<WriteLine>),
}

/// Writes a line of the log.
pub type WriteLine = dyn Fn(LogLevel, &str) + Send + Sync;

impl LogSink {
    fn write(&self, level: LogLevel, message: &str) {
        match self {
            Self::Messages(output) => output.log(level, message),
            Self::Lines(write) => write(level, message),
        }
    }
}

/// Writes the events of `crates` to `sink` from now on, those of `level` and above: a level of [`LEVEL_VARIABLE`], or
/// INFO without one. Events of other crates are left out: they are not written for the user, and may quote data.
///
/// The subscriber is that of the whole process: a second call has no effect.
pub fn start(sink: LogSink, crates: &'static [&'static str], level: Option<&str>) {
    let lowest = level.map_or(Some(LevelFilter::INFO), lowest_level);
    if lowest.is_none() {
        let text = format!(
            "{LEVEL_VARIABLE} is not a level, so INFO and above is logged. The levels: DEBUG, INFO, WARN, \
                     ERROR."
        );
        sink.write(LogLevel::Warn, &text);
    }
    let layer = LogLayer { sink, crates, lowest: lowest.unwrap_or(LevelFilter::INFO) };
    // An error means that an earlier call has set the subscriber, whose sink serves as well.
    let _ = tracing_subscriber::registry().with(layer).try_init();
}

/// The lowest level that a text names, in the words of several loggers. An empty text is none, and asks for INFO.
fn lowest_level(name: &str) -> Option<LevelFilter> {
    Some(match name.trim().to_ascii_uppercase().as_str() {
        "ALL" | "TRACE" => LevelFilter::TRACE,
        "DEBUG" => LevelFilter::DEBUG,
        "" | "INFO" => LevelFilter::INFO,
        "WARN" | "WARNING" => LevelFilter::WARN,
        "ERROR" | "FATAL" | "CRITICAL" => LevelFilter::ERROR,
        "OFF" | "NONE" => LevelFilter::OFF,
        _ => return None,
    })
}

struct LogLayer {
    sink: LogSink,
    crates: &'static [&'static str],
    lowest: LevelFilter,
}

impl<S: Subscriber> Layer<S> for LogLayer {
    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.lowest)
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        let origin = metadata.target().split("::").next().unwrap_or_default();
        if !self.crates.contains(&origin) || *metadata.level() > self.lowest {
            return;
        }
        let level = match *metadata.level() {
            Level::ERROR => LogLevel::Error,
            Level::WARN => LogLevel::Warn,
            Level::INFO => LogLevel::Info,
            Level::DEBUG | Level::TRACE => LogLevel::Debug,
        };
        let mut text = EventText::default();
        event.record(&mut text);
        self.sink.write(level, &text.finish());
    }
}

/// The message of an event, followed by its fields.
#[derive(Default)]
struct EventText {
    message: String,
    fields: String,
}

impl EventText {
    fn finish(mut self) -> String {
        self.message.push_str(&self.fields);
        self.message
    }
}

impl Visit for EventText {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string cannot fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn a_level_is_known_by_the_names_that_loggers_give_it() {
        for (name, level) in [
            ("", Some(LevelFilter::INFO)),
            ("info", Some(LevelFilter::INFO)),
            (" Debug ", Some(LevelFilter::DEBUG)),
            ("TRACE", Some(LevelFilter::TRACE)),
            ("WARN", Some(LevelFilter::WARN)),
            ("warning", Some(LevelFilter::WARN)),
            ("ERROR", Some(LevelFilter::ERROR)),
            ("OFF", Some(LevelFilter::OFF)),
            ("none", Some(LevelFilter::OFF)),
            ("all", Some(LevelFilter::TRACE)),
            ("fatal", Some(LevelFilter::ERROR)),
            ("Critical", Some(LevelFilter::ERROR)),
            ("LOUD", None),
            ("3", None),
        ] {
            assert_eq!(lowest_level(name), level, "{name}");
        }
    }

    /// Events of libraries may hold what this connector never logs.
    #[test]
    fn only_events_of_the_named_crates_are_logged_from_the_lowest_level_on() {
        let logged = Arc::new(Mutex::new(Vec::new()));
        let written = Arc::clone(&logged);
        let sink =
            LogSink::Lines(Box::new(move |level, line: &str| written.lock().unwrap().push((level, line.to_owned()))));
        let layer = LogLayer { sink, crates: &["own"], lowest: LevelFilter::INFO };
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            tracing::error!(target: "own", "failed");
            tracing::warn!(target: "own::load", number = 7, "look");
            tracing::info!(target: "own", "done");
            tracing::debug!(target: "own", "detail");
            tracing::error!(target: "hyper", "foreign");
            tracing::error!(target: "owner::load", "foreign");
            tracing::error!(target: "hyper::own", "foreign");
        });
        let expected = [(LogLevel::Error, "failed"), (LogLevel::Warn, "look number=7"), (LogLevel::Info, "done")];
        assert_eq!(*logged.lock().unwrap(), expected.map(|(level, line)| (level, line.to_owned())));
    }
}
