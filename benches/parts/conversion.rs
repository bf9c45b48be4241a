//! From lines to CSV rows, compared with serde_json reading the same lines into a tree.

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark has no documentation, and may fail")]

use std::hint::black_box;

use airbyte::{Message, decode_line};
use benchmarks::{Pass, Shape, Source};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use serde_json::Value;

/// How many bytes of lines there are: more than the caches hold.
const BYTES: usize = 4 << 20;

fn lines(shape: Shape) -> Vec<Vec<u8>> {
    let mut source = Source::new(shape, 7 + shape as u64, 1);
    let (mut lines, mut bytes) = (Vec::new(), 0);
    while bytes < BYTES {
        let mut line = Vec::new();
        source.record(&mut line);
        line.pop();
        bytes += line.len();
        lines.push(line);
    }
    lines
}

fn conversion(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("conversion");
    group.sample_size(20);
    for shape in Shape::ALL {
        let lines = lines(shape);
        group.throughput(Throughput::Bytes(lines.iter().map(|line| line.len() as u64).sum()));
        group.bench_function(BenchmarkId::new("row", shape.name()), |bencher| {
            let mut pass = Pass::new(shape);
            bencher.iter(|| {
                for line in &lines {
                    black_box(pass.row(line).unwrap().unwrap());
                }
            });
        });
        group.bench_function(BenchmarkId::new("any_message", shape.name()), |bencher| {
            bencher.iter(|| lines.iter().for_each(|line| drop(black_box(Message::parse(decode_line(line).unwrap())))));
        });
        group.bench_function(BenchmarkId::new("serde_json_value", shape.name()), |bencher| {
            bencher.iter(|| {
                for line in &lines {
                    black_box(serde_json::from_slice::<Value>(line).unwrap());
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, conversion);
criterion_main!(benches);
