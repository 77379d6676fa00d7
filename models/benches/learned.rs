//! What a prediction of the learned models costs: `cargo bench -p models --bench learned`. One thread.
#![allow(clippy::disallowed_methods, reason = "a benchmark needs a clock")]

use models::classes::{ClassSettings, Column, Labelled};
use models::learned_life::{LifeSettings, Space, Unit};
use models::matrix::Matrix;
use models::workers::InTurn;
use std::hint::black_box;
use std::time::Instant;

const METRICS: usize = 14;
const BATCHES: u32 = 200;
const CALLS: u32 = 20;

/// Noise between -0.5 and 0.5 that is the same in every run.
fn noise(i: usize) -> f32 {
    ((i as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as f32 / (1 << 24) as f32 - 0.5
}

fn unit(number: usize) -> Unit {
    let life = 150 + number * 7 % 60;
    let mut rows = Matrix::new(METRICS);
    for age in 0..life {
        let wear = (-((life - age) as f32) / 40.0).exp();
        let row = |metric: usize| wear * (metric % 5) as f32 + noise((number * 400 + age) * METRICS + metric);
        rows.push(&(0..METRICS).map(row).collect::<Vec<f32>>());
    }
    Unit {
        name: number.to_string(),
        times: (0..life).map(|age| age as f64).collect(),
        rows,
    }
}

/// Mean time of one call in nanoseconds, in the fastest batch: what else the machine does is not counted.
fn nanoseconds(mut call: impl FnMut()) -> f64 {
    let mut batch = || {
        let start = Instant::now();
        (0..CALLS).for_each(|_| call());
        start.elapsed().as_nanos() as f64 / f64::from(CALLS)
    };
    (0..BATCHES).map(|_| batch()).fold(f64::INFINITY, f64::min)
}

fn main() {
    // as many trees as in practice; the few units only save time
    let settings = LifeSettings {
        folds: 2,
        ..LifeSettings::default()
    };
    let units: Vec<Unit> = (0..12).map(unit).collect();
    let Ok((model, _)) = models::learned_life::train(&units, METRICS, &settings, &InTurn) else {
        eprintln!("the generated units do not wear");
        return;
    };
    let (mut state, mut space) = (model.fresh(), Space::default());
    let (times, rows) = (&units[0].times, &units[0].rows);
    (0..100).for_each(|row| model.take(&mut state, times[row], rows.row(row)));
    let predict = nanoseconds(|| {
        black_box(model.predict(black_box(&state), &mut space));
    });
    let mut time = times[99];
    let take = nanoseconds(|| {
        time += 1.0;
        model.take(black_box(&mut state), time, rows.row(100));
    });
    println!("life, {METRICS} metrics: a row taken in {take:.0} ns, predicted in {predict:.0} ns");

    let mut table = Labelled {
        columns: (0..METRICS)
            .map(|i| Column {
                name: i.to_string(),
                words: Vec::new(),
            })
            .collect(),
        rows: Matrix::new(METRICS),
        classes: ["a", "b", "c"].map(str::to_owned).to_vec(),
        labels: (0..900).map(|row| row / 7 % 3).collect(),
        groups: None,
        voters: None,
    };
    for row in 0..900 {
        let value = |column: usize| noise(row * METRICS + column) + (row / 7 % 3 * (column % 2)) as f32 * 0.3;
        table.rows.push(&(0..METRICS).map(value).collect::<Vec<f32>>());
    }
    let settings = ClassSettings {
        folds: 2,
        ..ClassSettings::default()
    };
    if let Ok((model, _)) = models::classes::train(&table, &settings, &InTurn) {
        let mut probabilities = Vec::new();
        let mut row = 0;
        let predict = nanoseconds(|| {
            row = (row + 1) % 900;
            black_box(model.predict(black_box(table.rows.row(row)), &mut probabilities));
        });
        println!("3 classes, {METRICS} columns: predicted in {predict:.0} ns");
    }
}
