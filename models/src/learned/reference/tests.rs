use super::*;

/// Uniform -1..1 from a linear congruence (Knuth).
fn noise(seed: &mut u64) -> f64 {
    *seed = seed
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    2.0 * (*seed >> 11) as f64 / (1u64 << 53) as f64 - 1.0
}

/// A pump of three metrics that follow one load; `shift` is added to the second.
fn pump(i: usize, seed: &mut u64, shift: f64) -> [f64; 3] {
    let load = (i as f64 / 25.0).sin();
    [
        10.0 + load + 0.1 * noise(seed),
        50.0 + 5.0 * load + noise(seed) + shift,
        0.01 * load + 0.002 * noise(seed),
    ]
}

fn taught(rows: usize, seed: &mut u64, scale: f64, offset: f64) -> Reference {
    let mut detector = Reference::new(3);
    for i in 0..rows {
        detector.learn(
            &pump(i, seed, 0.0).map(|x| x * scale + offset),
            Timestamp(i as i64 * 1000),
        );
    }
    detector
}

const BUDGET: Budget = Budget {
    per_month: 1.0,
    series: 3,
    warm_up: 0,
};

/// Score, 0 while nothing can be judged, and whether it is told.
fn step(reference: &mut Reference, row: &[f64], at_ms: i64) -> (f64, bool) {
    let is_alerting = reference.step(row, Timestamp(at_ms), BUDGET);
    (reference.score().unwrap_or(0.0), is_alerting)
}

#[test]
fn a_standing_offset_alerts_until_it_ends_and_names_the_metric() {
    let mut seed = 1;
    let mut detector = taught(1000, &mut seed, 1.0, 0.0);
    let mut states = Vec::new();
    let mut worst = None;
    for i in 1000..2000 {
        let shift = if (1200..1700).contains(&i) { 8.0 } else { 0.0 };
        states.push(step(&mut detector, &pump(i, &mut seed, shift), i as i64 * 1000).1);
        if i == 1300 {
            worst = detector.findings().max_by(|a, b| a.1.ratio.total_cmp(&b.1.ratio));
        }
    }
    assert!(states[..200].iter().all(|on| !on), "quiet before");
    assert!(states[260..700].iter().all(|on| *on), "on throughout");
    assert!(states[850..].iter().all(|on| !on), "quiet after");
    let (metric, finding) = worst.unwrap();
    assert!(metric == 1 && finding.ratio > 0.5, "{metric} {finding:?}");
}

#[test]
fn a_cold_device_learns_by_itself() {
    let mut seed = 2;
    let mut detector = Reference::new(3);
    for i in 0..3000 {
        assert!(
            !step(&mut detector, &pump(i, &mut seed, 0.0), i as i64 * 1000).1,
            "row {i}"
        );
    }
    let raised = (3000..3100).any(|i| step(&mut detector, &pump(i, &mut seed, 10.0), i as i64 * 1000).1);
    assert!(raised);
}

#[test]
fn units_do_not_matter() {
    let (mut seed_a, mut seed_b) = (3, 3);
    let mut a = taught(600, &mut seed_a, 1.0, 0.0);
    let mut b = taught(600, &mut seed_b, 1024.0, 0.0);
    for i in 600..900 {
        let shift = if i > 700 { 6.0 } else { 0.0 };
        let (x, _) = step(&mut a, &pump(i, &mut seed_a, shift), i as i64);
        let (y, _) = step(&mut b, &pump(i, &mut seed_b, shift).map(|v| v * 1024.0), i as i64);
        assert!((x - y).abs() < 1e-6, "row {i}: {x} {y}");
    }
}

#[test]
fn the_same_rows_give_the_same_judgements_across_a_restart() {
    let mut seed = 4;
    let mut detector = taught(500, &mut seed, 1.0, 0.0);
    let saved = postcard::to_stdvec(&detector).unwrap();
    let mut restored: Reference = postcard::from_bytes(&saved).unwrap();
    for i in 500..800 {
        let row = pump(i, &mut seed, 0.0);
        assert_eq!(step(&mut detector, &row, i as i64), step(&mut restored, &row, i as i64));
    }
}

#[test]
fn an_alert_that_outlasts_the_reference_becomes_the_new_normal() {
    let mut seed = 5;
    let mut detector = taught(500, &mut seed, 1.0, 0.0);
    let mut last = false;
    for i in 500..6000 {
        last = step(&mut detector, &pump(i, &mut seed, 8.0), i as i64 * 1000).1;
        assert!(last || !(600..900).contains(&i));
    }
    assert!(!last);
}

#[test]
fn rubbish_is_survived() {
    let mut seed = 6;
    for width in [1, 2, 3, 140, 300] {
        let mut detector = Reference::new(width);
        for i in 0..700 {
            let row: Vec<f64> = (0..width)
                .map(|j| match (i + j) % 97 {
                    3 => f64::NAN,
                    5 => 1e300,
                    7 => f64::INFINITY,
                    8 => -1e-300,
                    0..=96 => {
                        if j % 4 == 0 {
                            5.0
                        } else {
                            noise(&mut seed)
                        }
                    }
                    97.. => 0.0,
                })
                .collect();
            let at_ms = if i % 50 == 0 { i64::MAX } else { i as i64 };
            let (score, _) = step(&mut detector, &row, at_ms);
            assert!((0.0..=1.0).contains(&score));
            assert!(detector.contributions().all(|c| c.ratio.is_finite()));
        }
        for _ in 0..200 {
            assert!((0.0..=1.0).contains(&step(&mut detector, &[], 0).0));
        }
    }
}

#[test]
fn ten_thousand_metrics_are_judged_each_by_itself() {
    let mut detector = Reference::new(10_000);
    let row = vec![1.0; 10_000];
    for i in 0..20 {
        assert_eq!(step(&mut detector, &row, i * 1000).0, 0.0);
    }
}
