//! Compares the records that a source has read with those that the destination was sent.

use std::fmt::Display;
use std::io::{self, BufRead, Write};
use std::process::ExitCode;

use benchmarks::loaded;
use clap::Parser;
use serde_json::{Map, Value};

/// Reads messages of a source, with records of the shape `every-type`, and compares each field with what
/// `docs/values.md` says.
#[derive(Debug, Parser)]
#[command(name = "compare")]
struct Arguments {
    /// The seed of the records.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many records were sent.
    #[arg(long, default_value_t = 1_000_000)]
    records: u64,
}

/// How many differences are shown.
const SHOWN: u64 = 20;

/// What is known of the records.
struct Comparison {
    arguments: Arguments,
    /// How often each record was read.
    times: Vec<u8>,
    fields: u64,
    differences: u64,
    expected: Vec<u8>,
}

fn main() -> io::Result<ExitCode> {
    let arguments = Arguments::parse();
    let records = usize::try_from(arguments.records).map_err(io::Error::other)?;
    let mut comparison =
        Comparison { arguments, times: vec![0; records], fields: 0, differences: 0, expected: Vec::new() };
    for line in io::stdin().lock().lines() {
        let message: Value = serde_json::from_str(&line?)?;
        if message["type"] == "RECORD" {
            comparison.record(&message["record"])?;
        }
    }
    comparison.finish()
}

impl Comparison {
    fn record(&mut self, record: &Value) -> io::Result<()> {
        let data = record["data"].as_object().ok_or_else(|| io::Error::other("a record has no data"))?;
        let key = data.get("External_Id__c").and_then(Value::as_str).unwrap_or_default();
        let number = key.rsplit_once('-').and_then(|(_, number)| number.parse::<usize>().ok());
        let Some((number, times)) = number.and_then(|number| Some((number, self.times.get_mut(number)?))) else {
            return self.differ(key, "the record was never sent");
        };
        *times = times.saturating_add(1);
        self.expected.clear();
        loaded(&mut self.expected, self.arguments.seed, number as u64);
        let expected: Map<String, Value> = serde_json::from_slice(&self.expected)?;
        for (field, expected) in &expected {
            self.fields += 1;
            let read = data.get(field).unwrap_or(&Value::Null);
            if !is_equal(read, expected) {
                self.differ(key, format_args!("{field} is {read} and should be {expected}"))?;
            }
        }
        if record.get("meta").is_some() {
            self.differ(key, "a value was not readable")?;
        }
        Ok(())
    }

    fn differ(&mut self, key: &str, what: impl Display) -> io::Result<()> {
        self.differences += 1;
        if self.differences <= SHOWN { writeln!(io::stdout(), "{key}: {what}") } else { Ok(()) }
    }

    fn finish(self) -> io::Result<ExitCode> {
        let count = |wanted: fn(u8) -> bool| self.times.iter().filter(|times| wanted(**times)).count();
        let (missing, repeated) = (count(|times| times == 0), count(|times| times > 1));
        let Self { fields, differences, .. } = self;
        writeln!(
            io::stdout(),
            "{} records and {fields} fields were compared: {missing} records are missing, {repeated} are there more \
             than once, {differences} fields differ",
            self.times.len()
        )?;
        Ok(if missing == 0 && repeated == 0 && differences == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// Whether two values are the same. A number may have another text, such as `8.21E17`.
fn is_equal(read: &Value, expected: &Value) -> bool {
    match (read.as_f64(), expected.as_f64()) {
        (Some(read), Some(expected)) => read.to_bits() == expected.to_bits() || (read == 0.0 && expected == 0.0),
        _ => read == expected,
    }
}
