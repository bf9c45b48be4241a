//! Log events as LOG messages of the protocol.

use std::fmt::{self, Write};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use crate::output::{LogLevel, Output};

/// Sends the events of `crates` to `output` from now on. Events of all other libraries are left out: they are not
/// written for the user, and may quote what they were given.
pub fn start(output: Output, crates: &'static [&'static str]) {
    // Another run in this process has set it already; its output is as good.
    let _ = tracing_subscriber::registry().with(LogLayer { output, crates }).try_init();
}

struct LogLayer {
    output: Output,
    /// The names of the crates whose events are for the user.
    crates: &'static [&'static str],
}

impl<S: Subscriber> Layer<S> for LogLayer {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        let origin = metadata.target().split("::").next().unwrap_or_default();
        if !self.crates.contains(&origin) {
            return;
        }
        let level = match *metadata.level() {
            Level::ERROR => LogLevel::Error,
            Level::WARN => LogLevel::Warn,
            Level::INFO => LogLevel::Info,
            Level::DEBUG | Level::TRACE => return,
        };
        let mut text = LogText::default();
        event.record(&mut text);
        self.output.log(level, &text.finish());
    }
}

/// The message of an event, followed by its fields.
#[derive(Default)]
struct LogText {
    message: String,
    fields: String,
}

impl LogText {
    fn finish(mut self) -> String {
        self.message.push_str(&self.fields);
        self.message
    }
}

impl Visit for LogText {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string cannot fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}
