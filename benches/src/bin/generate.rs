//! Writes the messages of a generated source to standard output.

use std::io::{self, Write};

use benchmarks::{Shape, Source};
use clap::Parser;

/// Writes the messages of a generated source to standard output.
#[derive(Debug, Parser)]
#[command(name = "generate")]
struct Arguments {
    /// The shape of the records.
    #[arg(long, value_enum, default_value = "contact")]
    shape: Shape,
    /// Another seed gives other records.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many records.
    #[arg(long, default_value_t = 1_000_000)]
    records: u64,
    /// How many streams there are; each has a record in turn.
    #[arg(long, default_value_t = 1)]
    streams: usize,
    /// After how many records each stream has a state; 0 means only at the end.
    #[arg(long, default_value_t = 10_000)]
    state_every: u64,
    /// Only the data of each record, without a message around it and without states.
    #[arg(long)]
    bare: bool,
    /// Write the configured catalog instead, with this object and mode of the destination.
    #[arg(long, num_args = 2, value_names = ["OBJECT", "MODE"])]
    catalog: Option<Vec<String>>,
    /// Write the names and JSON types of the columns instead.
    #[arg(long)]
    fields: bool,
}

/// How much is written at once.
const PIECE: usize = 256 * 1024;

fn main() -> io::Result<()> {
    let arguments = Arguments::parse();
    let mut source = Source::new(arguments.shape, arguments.seed, arguments.streams.max(1));
    let mut out = io::stdout().lock();
    if let Some([object, mode]) = arguments.catalog.as_deref() {
        return writeln!(out, "{}", source.catalog(object, mode));
    }
    if arguments.fields {
        return arguments
            .shape
            .fields()
            .iter()
            .try_for_each(|field| writeln!(out, "{} {}", field.name, field.json_type()));
    }
    let mut lines = Vec::with_capacity(2 * PIECE);
    for number in 1..=arguments.records {
        if arguments.bare {
            source.data(&mut lines);
            lines.push(b'\n');
        } else {
            source.record(&mut lines);
            if arguments.state_every > 0 && number % arguments.state_every == 0 {
                source.states(&mut lines);
            }
        }
        if lines.len() >= PIECE {
            out.write_all(&lines)?;
            lines.clear();
        }
    }
    if !arguments.bare {
        source.states(&mut lines);
    }
    out.write_all(&lines)
}
