//! The cost of compressing a batch, and of reading it for its upload.

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark has no documentation, and may fail")]

use std::hint::black_box;
use std::sync::Arc;

use benchmarks::{Pass, Shape, Source};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use destination_salesforce::pipeline::{CompressedCsv, PIECE_SIZE};
use salesforce::CsvBody;

/// The size of the CSV of a batch.
const BYTES: usize = 8 << 20;

fn csv(shape: Shape) -> Vec<u8> {
    let mut source = Source::new(shape, 11, 1);
    let mut pass = Pass::new(shape);
    let (mut csv, mut line) = (Vec::new(), Vec::new());
    while csv.len() < BYTES {
        line.clear();
        source.record(&mut line);
        csv.extend_from_slice(pass.row(line.trim_ascii()).unwrap().unwrap());
    }
    csv
}

fn pack(csv: &[u8]) -> CompressedCsv {
    let mut packed = CompressedCsv::default();
    csv.chunks(PIECE_SIZE).for_each(|piece| packed.push(piece));
    packed
}

fn compression(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("compression");
    group.sample_size(20);
    for shape in Shape::ALL {
        let csv = csv(shape);
        group.throughput(Throughput::Bytes(csv.len() as u64));
        let name = |what: &str, bytes: usize| {
            let percent = 100.0 * bytes as f64 / csv.len() as f64;
            BenchmarkId::new(format!("{what}_to_{percent:.0}_percent"), shape.name())
        };
        let packed = Arc::new(pack(&csv));
        group.bench_function(name("pack", packed.size()), |bencher| bencher.iter(|| black_box(pack(&csv))));
        group.bench_function(BenchmarkId::new("unpack", shape.name()), |bencher| {
            bencher.iter(|| Arc::clone(&packed).pieces().map(|piece| piece.len()).sum::<usize>());
        });
        // The alternatives, on the same pieces.
        let lz4 = || csv.chunks(PIECE_SIZE).map(|piece| lz4_flex::compress(piece).len()).sum::<usize>();
        group.bench_function(name("lz4", lz4()), |bencher| bencher.iter(|| black_box(lz4())));
        for level in [-3, 1, 3] {
            let mut compressor = zstd::bulk::Compressor::new(level).unwrap();
            let mut zstd =
                || csv.chunks(PIECE_SIZE).map(|piece| compressor.compress(piece).unwrap().len()).sum::<usize>();
            group.bench_function(name(&format!("zstd_{level}"), zstd()), |bencher| bencher.iter(|| black_box(zstd())));
        }
    }
    group.finish();
}

criterion_group!(benches, compression);
criterion_main!(benches);
