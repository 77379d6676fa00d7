use super::*;
use crate::matrix::Matrix;
use crate::seeded::Seeded;
use crate::workers::InTurn;

fn small() -> ClassSettings {
    ClassSettings {
        folds: 4,
        bags: 1,
        rounds: 40,
        ..ClassSettings::default()
    }
}

/// Rows of two numbers, a class for each, and perhaps groups of near copies.
fn labelled(count: usize, classes: &[&str], of: impl Fn(f32, f32, &mut Seeded) -> usize) -> Labelled {
    let mut random = Seeded::new(11, 0);
    let mut rows = Matrix::new(2);
    let mut labels = Vec::new();
    for _ in 0..count {
        let (x, y) = (random.unit() as f32, random.unit() as f32);
        rows.push(&[x, y]);
        labels.push(of(x, y, &mut random));
    }
    let column = |name: &str| Column {
        name: name.to_owned(),
        words: Vec::new(),
    };
    Labelled {
        columns: vec![column("x"), column("y")],
        rows,
        classes: classes.iter().map(|c| (*c).to_owned()).collect(),
        labels,
        groups: None,
        voters: None,
    }
}

#[test]
fn classes_that_differ_are_told_with_confidence() {
    let table = labelled(600, &["cold", "good", "hot"], |x, _, _| (x * 3.0) as usize);
    let (model, report) = train(&table, &small(), &InTurn).unwrap();
    assert!(report.macro_f1 > 0.97 && report.accuracy > 0.97, "{report:?}");
    let mut space = Vec::new();
    for (x, class) in [(0.1, 0), (0.5, 1), (0.9, 2)] {
        let answer = model.predict(&[x, 0.5], &mut space);
        assert_eq!(answer.class, class);
        assert!(answer.confidence > 0.8, "{answer:?}");
    }
    assert!(model.is_sound());
}

#[test]
fn a_rare_class_under_noise_is_not_forgotten() {
    // a fault in a corner, where it is one of three rows
    let rare = |x: f32, y: f32, random: &mut Seeded| usize::from(x > 0.7 && y > 0.7 && random.unit() < 0.4);
    let table = labelled(3000, &["fault", "good"], |x, y, random| 1 - rare(x, y, random));
    let (model, report) = train(&table, &small(), &InTurn).unwrap();
    assert!(report.classes[0].recall > 0.6, "{report:?}");
    assert!(report.calibration_error < 0.05, "{report:?}");
    let mut space = Vec::new();
    let answer = model.predict(&[0.9, 0.9], &mut space);
    assert_eq!(answer.class, 0);
    assert!(
        (answer.confidence - 0.4).abs() < 0.2,
        "told, but not as sure: {answer:?}"
    );
}

#[test]
fn near_copies_are_held_back_together() {
    let table = labelled(200, &["a", "b"], |_, _, random| random.below(2));
    // each row four times: whoever has seen a copy knows the label
    let copied = |copies: &[usize]| Labelled {
        rows: table.rows.select(copies),
        labels: copies.iter().map(|row| table.labels[*row]).collect(),
        ..table.clone()
    };
    let (_, neighbours) = train(&copied(&(0..800).map(|i| i / 4).collect::<Vec<_>>()), &small(), &InTurn).unwrap();
    assert!(neighbours.accuracy < 0.65, "without being told: {neighbours:?}");
    let scattered: Vec<usize> = (0..800).map(|i| i % 200).collect();
    let mut table = copied(&scattered);
    let (_, fooled) = train(&table, &small(), &InTurn).unwrap();
    table.groups = Some(scattered);
    let (_, honest) = train(&table, &small(), &InTurn).unwrap();
    assert!(fooled.accuracy > 0.75, "{fooled:?}");
    assert!(honest.accuracy < 0.65, "{honest:?}");
    assert_eq!(honest.groups, 200);
}

#[test]
fn rows_of_one_voter_answer_together_and_the_report_counts_voters() {
    // a single row says little; thirty together say enough
    let mut table = labelled(1_800, &["a", "b"], |_, _, _| 0);
    let voters: Vec<usize> = (0..1_800).map(|row| row / 30).collect();
    table.labels = voters.iter().map(|voter| voter % 2).collect();
    let mut rows = Matrix::new(2);
    for (row, label) in table.labels.iter().enumerate() {
        let [x, y] = [table.rows.row(row)[0], table.rows.row(row)[1]];
        rows.push(&[x + 0.3 * *label as f32, y]);
    }
    table.rows = rows;
    table.groups = Some(voters.clone());
    let (_, alone) = train(&table, &small(), &InTurn).unwrap();
    table.voters = Some(voters);
    let (model, together) = train(&table, &small(), &InTurn).unwrap();
    assert_eq!((alone.rows, together.rows), (1_800, 60));
    assert!(
        alone.accuracy < 0.8 && together.accuracy > 0.95,
        "{alone:?} {together:?}"
    );
    // all right and a little less sure than that: the temperature has a floor
    assert!(together.calibration_error < 0.15, "{together:?}");
    let answer = model.vote((0..30).map(|row| table.rows.row(row))).unwrap();
    assert_eq!(answer.class, 0);
    assert!(answer.confidence > 0.85, "{answer:?}");
    assert_eq!(model.vote(std::iter::empty()), None);
}

#[test]
fn labels_that_cannot_be_learned_are_named() {
    let one = labelled(20, &["a"], |_, _, _| 0);
    assert_eq!(
        train(&one, &small(), &InTurn).unwrap_err(),
        TrainClassesError::Classes { found: 1 }
    );
    let mut lonely = labelled(20, &["a", "b"], |_, _, _| 0);
    lonely.labels[3] = 1;
    let expected = TrainClassesError::TooFew {
        class: "b".to_owned(),
        rows: 1,
    };
    assert_eq!(train(&lonely, &small(), &InTurn).unwrap_err(), expected);
    let mut together = labelled(20, &["a", "b"], |x, _, _| usize::from(x > 0.5));
    together.groups = Some(vec![7; 20]);
    assert_eq!(
        train(&together, &small(), &InTurn).unwrap_err(),
        TrainClassesError::OneGroup
    );
}

#[test]
fn a_product_of_two_columns_and_a_difference_of_many_are_both_learned() {
    let table = labelled(1500, &["cool", "hot"], |x, y, _| {
        usize::from((x + 0.3) * (y + 0.3) > 0.6)
    });
    let (model, report) = train(&table, &small(), &InTurn).unwrap();
    assert!(report.macro_f1 > 0.95, "{report:?}");
    assert_eq!(model.pairs.width(2), 4);
    let mut random = Seeded::new(5, 0);
    let mut table = labelled(0, &["early", "late"], |_, _, _| 0);
    table.rows = Matrix::new(40);
    table.columns = vec![table.columns[0].clone(); 40];
    for i in 0..400 {
        // each column tells next to nothing, their sum tells all
        let row: Vec<f32> = (0..40).map(|_| random.unit() as f32).collect();
        let sum: f32 = row.iter().sum::<f32>() - 20.0 + if i % 2 == 0 { 3.0 } else { -3.0 };
        table.rows.push(
            &row.iter()
                .map(|v| v - sum / 40.0 + if i % 2 == 0 { 0.1 } else { -0.1 })
                .collect::<Vec<_>>(),
        );
        table.labels.push(i % 2);
    }
    let (model, report) = train(&table, &small(), &InTurn).unwrap();
    assert!(report.macro_f1 > 0.95 && model.linear.is_some(), "{report:?}");
}
