//! The connector's way from lines to CSV as a program: the same reader, parser and converter.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::PathBuf;

use airbyte::{BlockReader, LONGEST_LINE};
use benchmarks::{Pass, Shape};
use clap::Parser;
use destination_salesforce::convert::{Column, write_row};
use destination_salesforce::pipeline::{CompressedCsv, PIECE_SIZE};

/// Converts the RECORD lines of a file to the CSV of a batch.
#[derive(Debug, Parser)]
#[command(name = "convert")]
struct Arguments {
    /// The shape of the records.
    #[arg(long, value_enum, default_value = "contact")]
    shape: Shape,
    /// The file of messages.
    input: PathBuf,
    /// The file for the CSV. Without it, each piece is dropped when it is complete.
    output: Option<PathBuf>,
    /// Hold the CSV compressed, as a batch does.
    #[arg(long, conflicts_with = "output")]
    batch: bool,
}

/// Where the rows go.
enum Sink {
    File(File),
    Batch(CompressedCsv),
    Nowhere,
}

impl Sink {
    fn write(&mut self, csv: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Self::File(file) => file.write_all(csv)?,
            Self::Batch(packed) => packed.push(csv),
            Self::Nowhere => drop(std::hint::black_box(csv.as_slice())),
        }
        csv.clear();
        Ok(())
    }
}

fn main() -> io::Result<()> {
    let arguments = Arguments::parse();
    let sink = match &arguments.output {
        Some(path) => Sink::File(File::create(path)?),
        None if arguments.batch => Sink::Batch(CompressedCsv::default()),
        None => Sink::Nowhere,
    };
    convert(arguments.shape, File::open(&arguments.input)?, sink)
}

fn convert(shape: Shape, input: impl Read, mut sink: Sink) -> io::Result<()> {
    let mut csv = Vec::with_capacity(2 * PIECE_SIZE);
    write_row(&mut csv, shape.columns().iter().map(Column::header));
    let mut pass = Pass::new(shape);
    let mut blocks = BlockReader::new(input, LONGEST_LINE);
    while let Some(block) = blocks.next_block().map_err(io::Error::other)? {
        for (_, line) in block.lines() {
            csv.extend_from_slice(pass.row(line)?.unwrap_or_default());
            if csv.len() >= PIECE_SIZE {
                sink.write(&mut csv)?;
            }
        }
    }
    sink.write(&mut csv)
}
