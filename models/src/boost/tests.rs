use super::*;

/// Rows `(x, y)` on a jittered grid, with a target.
fn surface(count: usize, target: impl Fn(f32, f32) -> f32) -> (Matrix, Vec<f32>) {
    let mut random = Seeded::new(3, 0);
    let mut matrix = Matrix::new(2);
    let mut targets = Vec::new();
    for _ in 0..count {
        let (x, y) = (random.unit() as f32 * 4.0, random.unit() as f32 * 4.0);
        matrix.push(&[x, y]);
        targets.push(target(x, y));
    }
    (matrix, targets)
}

fn train(matrix: &Matrix, targets: &[f32], loss: Loss, settings: &BoostSettings) -> Ensemble {
    let rows: Vec<usize> = (0..matrix.rows()).collect();
    Ensemble::train(&bin(matrix), &rows, targets, None, loss, settings)
}

fn all_columns() -> BoostSettings {
    BoostSettings {
        rounds: 200,
        learning_rate: 0.1,
        column_share: 1.0,
        ..BoostSettings::default()
    }
}

#[test]
fn a_curved_surface_is_learned() {
    let truth = |x: f32, y: f32| x * y + (x * 2.0).sin() * 3.0;
    let (matrix, targets) = surface(3000, truth);
    let ensemble = train(&matrix, &targets, Loss::Squared, &all_columns());
    let error = |x: f32, y: f32| (ensemble.predict_one(&[x, y]) - truth(x, y)).abs();
    for (x, y) in [(0.5, 0.5), (1.0, 3.0), (2.5, 2.0), (3.5, 3.5)] {
        assert!(error(x, y) < 0.6, "{x} {y}: {}", error(x, y));
    }
}

#[test]
fn quantiles_have_their_share_of_rows_below() {
    let mut random = Seeded::new(5, 0);
    let (matrix, _) = surface(4000, |x, _| x);
    let targets: Vec<f32> = (0..4000)
        .map(|i| matrix.row(i)[0] * (1.0 + random.unit() as f32))
        .collect();
    for quantile in [0.1, 0.9] {
        let ensemble = train(&matrix, &targets, Loss::Quantile(quantile), &all_columns());
        let below = (0..4000)
            .filter(|i| targets[*i] < ensemble.predict_one(matrix.row(*i)))
            .count();
        let share = below as f64 / 4000.0;
        assert!((share - quantile).abs() < 0.03, "{quantile}: {share}");
    }
}

#[test]
fn classes_are_told_apart_with_probabilities() {
    let (matrix, targets) = surface(2000, |x, y| if x > 2.0 { 2.0 } else { f32::from(u8::from(y > 2.0)) });
    let ensemble = train(&matrix, &targets, Loss::Softmax(3), &all_columns());
    let mut sums = Vec::new();
    for (row, class) in [([1.0, 1.0], 0), ([1.0, 3.0], 1), ([3.0, 1.0], 2)] {
        ensemble.predict(&row, &mut sums);
        softmax(&mut sums);
        assert!((sums.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        assert!(sums[class] > 0.95, "{row:?}: {sums:?}");
    }
}

#[test]
fn a_missing_value_has_a_meaning_of_its_own() {
    let mut matrix = Matrix::new(1);
    let mut targets = Vec::new();
    for i in 0..600 {
        let value = (i % 3) as f32;
        matrix.push(&[if i % 3 == 2 { f32::NAN } else { value }]);
        targets.push(value * 10.0);
    }
    let ensemble = train(&matrix, &targets, Loss::Squared, &all_columns());
    for (value, expected) in [(0.0, 0.0), (1.0, 10.0), (f32::NAN, 20.0)] {
        let told = ensemble.predict_one(&[value]);
        assert!((told - expected).abs() < 0.5, "{value}: {told}");
    }
}

#[test]
fn walking_over_values_and_over_bins_is_the_same() {
    let (matrix, targets) = surface(500, |x, y| (x * 5.0).floor() + y);
    let binned = bin(&matrix);
    for index in 0..binned.columns() {
        for row in 0..binned.rows() {
            let value = matrix.row(row)[index];
            let by_ends = binned.ends(index).partition_point(|end| *end < value);
            assert_eq!(usize::from(binned.bin(index, row)), by_ends);
        }
    }
    let once = train(&matrix, &targets, Loss::Squared, &all_columns());
    let again = train(&matrix, &targets, Loss::Squared, &all_columns());
    assert_eq!(once, again, "the same seed grows the same trees");
    let other = BoostSettings {
        seed: 1,
        ..all_columns()
    };
    assert_ne!(once, train(&matrix, &targets, Loss::Squared, &other));
}

#[test]
fn weights_pull_the_answer() {
    let mut matrix = Matrix::new(1);
    (0..100).for_each(|_| matrix.push(&[1.0]));
    let targets: Vec<f32> = (0..100).map(|i| f32::from(u8::from(i < 50))).collect();
    let weights: Vec<f32> = (0..100).map(|i| if i < 50 { 3.0 } else { 1.0 }).collect();
    let rows: Vec<usize> = (0..100).collect();
    let ensemble = Ensemble::train(
        &bin(&matrix),
        &rows,
        &targets,
        Some(&weights),
        Loss::Squared,
        &all_columns(),
    );
    assert!((ensemble.predict_one(&[1.0]) - 0.75).abs() < 0.01);
}

#[test]
fn without_rows_or_columns_nothing_breaks() {
    let nothing = Matrix::new(2);
    let ensemble = train(&nothing, &[], Loss::Squared, &all_columns());
    assert_eq!(ensemble.predict_one(&[1.0, 2.0]), 0.0);
    let mut constant = Matrix::new(1);
    (0..50).for_each(|_| constant.push(&[4.0]));
    let ensemble = train(&constant, &[2.0; 50], Loss::Squared, &all_columns());
    assert!((ensemble.predict_one(&[4.0]) - 2.0).abs() < 1e-5);
}

#[test]
fn an_ensemble_survives_writing_and_a_broken_one_is_noticed() {
    let (matrix, targets) = surface(400, |x, y| x + y);
    let ensemble = train(&matrix, &targets, Loss::Squared, &all_columns());
    let bytes = postcard::to_allocvec(&ensemble).expect("plain data");
    let read: Ensemble = postcard::from_bytes(&bytes).expect("just written");
    assert_eq!(read, ensemble);
    assert!(read.is_sound(2, 1));
    assert!(!read.is_sound(3, 1) && !read.is_sound(1, 1) && !read.is_sound(2, 2));
}
