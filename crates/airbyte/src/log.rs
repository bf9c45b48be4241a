//! [`tracing`] events as LOG messages.

use std::fmt::{self, Write};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use crate::{LogLevel, Output};

/// Writes the events of `crates` to `output` from now on, those of level INFO and above. Events of other crates are
/// left out: they are not written for the user, and may quote data.
///
/// The subscriber is that of the whole process: a second call has no effect.
pub fn start(output: Output, crates: &'static [&'static str]) {
    // An error means that an earlier call has set the subscriber, whose output serves as well.
    let _ = tracing_subscriber::registry().with(LogLayer { output, crates }).try_init();
}

struct LogLayer {
    output: Output,
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
        let mut text = EventText::default();
        event.record(&mut text);
        self.output.log(level, &text.finish());
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
