//! Reads the rows that Salesforce returns, as they arrive.

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark has no documentation, and may fail")]

use std::hint::black_box;

use benchmarks::{Pass, Shape, Source};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use salesforce::{ResultRow, RowReader};

/// The size of a result, and of the pieces in which it arrives.
const BYTES: usize = 4 << 20;
const PIECE: usize = 16 << 10;

/// A result set of failed rows as Salesforce writes it.
fn failed(shape: Shape) -> Vec<u8> {
    let mut source = Source::new(shape, 13, 1);
    let mut pass = Pass::new(shape);
    let (mut csv, mut line) = (Vec::new(), Vec::new());
    while csv.len() < BYTES {
        line.clear();
        source.record(&mut line);
        csv.extend_from_slice(b"\"\",\"REQUIRED_FIELD_MISSING:Required fields are missing: [LastName]:LastName --\",");
        csv.extend_from_slice(pass.row(line.trim_ascii()).unwrap().unwrap());
    }
    csv
}

fn results(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("results");
    group.sample_size(20);
    for shape in Shape::ALL {
        let csv = failed(shape);
        group.throughput(Throughput::Bytes(csv.len() as u64));
        group.bench_function(BenchmarkId::new("read", shape.name()), |bencher| {
            bencher.iter(|| {
                let (mut reader, mut row, mut rows) = (RowReader::new(), ResultRow::default(), 0);
                for mut piece in csv.chunks(PIECE) {
                    while reader.read(&mut piece, &mut row).unwrap() {
                        rows += 1;
                    }
                }
                black_box(rows)
            });
        });
    }
    group.finish();
}

criterion_group!(benches, results);
criterion_main!(benches);
