//! The kernels that a comparison spends its time in, each on its own.
//!
//! The rows are those that a server sends, so the servers of the test fixtures
//! are started. Throughput is in rows.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use switchback_benches::sample::Sample;
use switchback_engines::{Value, canon, pack};
use switchback_fixtures::{Family, Side};

const ROWS: u64 = 20_000;
const HASH_KEY: [u8; 32] = [7; 32];

fn kernels(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let samples = [Family::Postgres, Family::MariaDb].map(|family| {
        let sample = runtime.block_on(Sample::read(family, Side::Source, ROWS)).expect("a sample");
        (family, Arc::new(sample))
    });
    for (family, sample) in &samples {
        decode(criterion, *family, sample);
        encode(criterion, *family, sample);
        pack_and_unpack(criterion, *family, sample);
    }
    hash(criterion, &samples[0].1);
}

/// A server's bytes to values.
fn decode(criterion: &mut Criterion, family: Family, sample: &Sample) {
    let mut group = criterion.benchmark_group("decode a batch");
    group.throughput(Throughput::Elements(ROWS));
    group.bench_function(BenchmarkId::from_parameter(format!("{family:?}")), |bencher| {
        bencher.iter(|| {
            sample.decode(&mut |row| {
                black_box(row);
            });
        });
    });
    group.finish();
}

/// A server's bytes to values, to canonical cells, to a keyed hash of the row.
fn encode(criterion: &mut Criterion, family: Family, sample: &Sample) {
    let mut group = criterion.benchmark_group("decode, canonical cells, keyed BLAKE3");
    group.throughput(Throughput::Elements(ROWS));
    group.bench_function(BenchmarkId::from_parameter(format!("{family:?}")), |bencher| {
        let mut cells = Vec::new();
        bencher.iter(|| {
            sample.decode(&mut |row| {
                cells.clear();
                row.iter().zip(&sample.rules).for_each(|(value, rule)| canon::encode(rule, value, &mut cells));
                black_box(blake3::keyed_hash(&HASH_KEY, &cells));
            });
        });
    });
    group.finish();
}

/// The hash alone, of rows that are canonical cells already.
fn hash(criterion: &mut Criterion, sample: &Sample) {
    let mut rows = Vec::new();
    sample.decode(&mut |row| {
        let mut cells = Vec::new();
        row.iter().zip(&sample.rules).for_each(|(value, rule)| canon::encode(rule, value, &mut cells));
        rows.push(cells);
    });
    let mut group = criterion.benchmark_group("keyed BLAKE3");
    group.throughput(Throughput::Elements(ROWS));
    group.bench_function("of a row", |bencher| {
        bencher.iter(|| {
            for cells in &rows {
                black_box(blake3::keyed_hash(&HASH_KEY, cells));
            }
        });
    });
    group.finish();
}

/// What rows that differ are kept as until they are decided.
fn pack_and_unpack(criterion: &mut Criterion, family: Family, sample: &Sample) {
    let mut group = criterion.benchmark_group("pack and unpack");
    group.throughput(Throughput::Elements(ROWS));
    group.bench_function(BenchmarkId::from_parameter(format!("{family:?}")), |bencher| {
        let mut packed = Vec::new();
        bencher.iter(|| {
            sample.decode(&mut |row: &[Value<'_>]| {
                packed.clear();
                row.iter().for_each(|value| pack::pack(value, &mut packed));
                black_box(pack::unpack_all(&packed));
            });
        });
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = kernels
}
criterion_main!(benches);
