//! What it costs to hold a batch compressed, and to read it for its upload.

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark has no documentation, and may fail")]

use std::hint::black_box;
use std::sync::Arc;

use benchmarks::{Shape, Source};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use destination_salesforce::config::NullHandling;
use destination_salesforce::convert::{Converted, Converter};
use destination_salesforce::pipeline::packed::{PIECE, Packed};
use destination_salesforce::protocol::input::{Message, parse};
use destination_salesforce::salesforce::upload::CsvBody;

/// How much CSV a batch of this benchmark has.
const BYTES: usize = 8 << 20;

fn csv(shape: Shape) -> Vec<u8> {
    let mut source = Source::new(shape, 11, 1);
    let mut converter = Converter::new(shape.columns(), NullHandling::Ignore);
    let (mut csv, mut line) = (Vec::new(), Vec::new());
    while csv.len() < BYTES {
        line.clear();
        source.record(&mut line);
        let Ok(Message::Record(record)) = parse(line.trim_ascii()) else { panic!("no record") };
        let Ok(Converted::Row(row)) = converter.convert(record.data) else { panic!("no row") };
        csv.extend_from_slice(row.csv);
    }
    csv
}

fn pack(csv: &[u8]) -> Packed {
    let mut packed = Packed::default();
    csv.chunks(PIECE).for_each(|piece| packed.push(piece));
    packed
}

fn compression(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("compression");
    group.sample_size(20);
    for shape in Shape::ALL {
        let csv = csv(shape);
        group.throughput(Throughput::Bytes(csv.len() as u64));
        let packed = Arc::new(pack(&csv));
        let share = 100.0 * packed.size() as f64 / csv.len() as f64;
        group.bench_function(BenchmarkId::new(format!("pack_to_{share:.0}_percent"), shape.name()), |bencher| {
            bencher.iter(|| black_box(pack(&csv)));
        });
        group.bench_function(BenchmarkId::new("unpack", shape.name()), |bencher| {
            bencher.iter(|| Arc::clone(&packed).pieces().map(|piece| piece.len()).sum::<usize>());
        });
    }
    group.finish();
}

criterion_group!(benches, compression);
criterion_main!(benches);
