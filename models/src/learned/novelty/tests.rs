use super::*;

const FIVE_MIN_MS: i64 = 300_000;
/// Rows of a day at one reading each five minutes.
const DAY: usize = 288;

/// Seeded noise between -1 and 1 (Knuth's multiplier, MMIX).
fn noise(seed: &mut u64) -> f64 {
    *seed = seed
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 40) as f64 / f64::from(1 << 23) - 1.0
}

/// `days` of readings: `shape(row)` plus noise of this amplitude.
fn series(days: usize, amplitude: f64, shape: impl Fn(usize) -> f64) -> Vec<f64> {
    let mut seed = 7;
    (0..days * DAY)
        .map(|row| shape(row) + amplitude * noise(&mut seed))
        .collect()
}

fn daily(row: usize) -> f64 {
    10.0 + 3.0 * (row as f64 / DAY as f64 * std::f64::consts::TAU).sin()
}

/// What one step came to.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Told {
    score: f64,
    is_alerting: bool,
    expected: Option<(f64, f64)>,
    reason: Option<Reason>,
}

fn step(novelty: &mut Novelty, value: f64, at_ms: i64, per_month: f64) -> Told {
    novelty.step(value, Timestamp(at_ms), per_month, false);
    Told {
        score: novelty.score().unwrap_or(0.0),
        is_alerting: novelty.is_alerting(),
        expected: novelty.expected(),
        reason: novelty.judged.reason,
    }
}

fn judge_all_within(novelty: &mut Novelty, values: &[f64], per_month: f64) -> Vec<Told> {
    let rows = values.iter().enumerate();
    rows.map(|(row, value)| step(novelty, *value, row as i64 * FIVE_MIN_MS, per_month))
        .collect()
}

fn judge_all(novelty: &mut Novelty, values: &[f64]) -> Vec<Told> {
    judge_all_within(novelty, values, 1.0)
}

/// First rows of the alert runs after the first two days, in which the series is still being learned.
fn alarms(values: &[f64]) -> Vec<usize> {
    let judged = judge_all(&mut Novelty::default(), values);
    (2 * DAY..judged.len())
        .filter(|row| judged[*row].is_alerting && !judged[*row - 1].is_alerting)
        .collect()
}

/// Checks that there is an alarm within `rows` of `onset` and none before, and none after the new normal is learned.
fn check_finds(values: &[f64], onset: usize, rows: usize) {
    let found = alarms(values);
    assert!(found.iter().all(|row| *row >= onset), "before {onset}: {found:?}");
    assert!(
        found.first().is_some_and(|row| *row < onset + rows),
        "not within {rows} of {onset}: {found:?}"
    );
    assert!(
        found.iter().all(|row| *row < onset + 3 * DAY),
        "still alarming: {found:?}"
    );
}

#[test]
fn a_quiet_month_raises_nothing() {
    assert_eq!(alarms(&series(30, 0.3, daily)), [0usize; 0]);
    assert_eq!(alarms(&series(30, 0.0, |_| 5.0)), [0usize; 0]);
    // noise alone may use the budget of one
    assert!(alarms(&series(30, 1.0, |_| 5.0)).len() <= 1);
}

#[test]
fn a_spike_is_told_at_once() {
    let mut values = series(20, 1.0, |_| 5.0);
    values[3000] = 15.0;
    check_finds(&values, 3000, 1);
}

#[test]
fn a_new_level_is_told_at_once_and_becomes_normal() {
    check_finds(
        &series(20, 0.3, |row| daily(row) + if row >= 3000 { 4.0 } else { 0.0 }),
        3000,
        DAY,
    );
}

#[test]
fn a_slow_drift_is_told_before_it_is_large() {
    let drift = |row: usize| 5.0 + (row.saturating_sub(3000) as f64 / DAY as f64).min(3.0);
    check_finds(&series(20, 1.0, drift), 3000, DAY);
}

#[test]
fn a_night_that_does_not_come_is_told() {
    check_finds(
        &series(20, 0.3, |row| if row < 10 * DAY { daily(row) } else { 10.0 }),
        10 * DAY,
        DAY,
    );
}

#[test]
fn growing_noise_is_told() {
    let mut seed = 9;
    let values: Vec<f64> = (0..20 * DAY)
        .map(|row| noise(&mut seed) * if row >= 3000 { 2.0 } else { 1.0 })
        .collect();
    check_finds(&values, 3000, DAY / 2);
}

#[test]
fn a_trend_that_was_always_there_soon_raises_nothing() {
    let found = alarms(&series(30, 0.3, |row| row as f64 * 0.002));
    assert!(found.iter().all(|row| *row < 5 * DAY), "{found:?}");
}

#[test]
fn unit_and_sign_change_nothing() {
    let mut values = series(20, 0.3, daily);
    values[3000] += 5.0;
    let expected = judge_all(&mut Novelty::default(), &values);
    for (scale, offset) in [(1e-6, 0.0), (-3.0, 1e3), (1e200, -1e199)] {
        let other: Vec<f64> = values.iter().map(|value| value * scale + offset).collect();
        let judged = judge_all(&mut Novelty::default(), &other);
        for (row, (a, b)) in expected.iter().zip(&judged).enumerate() {
            assert!(
                (a.score - b.score).abs() < 1e-3 && a.is_alerting == b.is_alerting,
                "{scale} {row}: {a:?} {b:?}"
            );
        }
    }
}

#[test]
fn the_expected_range_holds_what_was_seen() {
    let judged = judge_all(&mut Novelty::default(), &series(10, 1.0, |_| 5.0));
    let last = judged[judged.len() - 1];
    assert!(
        last.expected
            .is_some_and(|(low, high)| (low - 4.0).abs() < 0.01 && (high - 6.0).abs() < 0.01),
        "{last:?}"
    );
}

#[test]
fn a_reason_names_the_view_and_the_side() {
    let mut values = series(20, 1.0, |_| 5.0);
    values[3000] = -5.0;
    let judged = judge_all(&mut Novelty::default(), &values);
    let reason = judged[3000].reason.unwrap();
    assert_eq!((VIEWS[usize::from(reason.view)].rows, reason.side), (1, Side::Below));
    assert!(reason.excess > 3.0 && judged[3000].score > 0.5);
}

#[test]
fn a_series_declared_learned_is_trusted_from_then_on() {
    let mut values = series(1, 1.0, |_| 5.0);
    values[250] = 9.0;
    let count = |trained_at: usize| {
        let mut novelty = Novelty::default();
        (0..DAY)
            .filter(|row| {
                if *row == trained_at {
                    novelty.finish_learning();
                }
                step(&mut novelty, values[*row], *row as i64 * 1000, 1.0).is_alerting
            })
            .count()
    };
    assert_eq!(count(usize::MAX), 0);
    assert!(count(200) > 0);
}

#[test]
fn nothing_is_judged_before_the_warm_up() {
    let judged = judge_all(&mut Novelty::default(), &series(1, 1.0, |row| row as f64 * row as f64));
    assert!(
        judged[..WARM_UP_ROWS as usize]
            .iter()
            .all(|j| j.score == 0.0 && !j.is_alerting)
    );
}

#[test]
fn wild_input_is_survived() {
    let mut novelty = Novelty::default();
    let wild = [
        f64::NAN,
        1e300,
        -1e300,
        f64::INFINITY,
        0.0,
        f64::MIN_POSITIVE,
        f64::MAX,
        f64::MIN,
        -0.0,
    ];
    for row in 0..5000usize {
        let at_ms = if row % 7 == 0 { i64::MAX } else { row as i64 - 2500 };
        let judgement = step(&mut novelty, wild[(row * row + row / 13) % wild.len()], at_ms, 1.0);
        assert!((0.0..=1.0).contains(&judgement.score), "{row}: {judgement:?}");
    }
}

#[test]
fn a_missing_value_teaches_nothing() {
    let mut with = Novelty::default();
    let mut without = Novelty::default();
    for (row, value) in series(10, 1.0, |_| 5.0).into_iter().enumerate() {
        let at_ms = row as i64 * FIVE_MIN_MS;
        step(&mut with, f64::NAN, at_ms, 1.0);
        let (a, b) = (
            step(&mut with, value, at_ms, 1.0),
            step(&mut without, value, at_ms, 1.0),
        );
        assert_eq!((a.score, a.reason), (b.score, b.reason));
    }
}

#[test]
fn what_shows_while_something_else_is_at_fault_is_not_taken_as_usual() {
    let level = |row: usize| if (3000..3050).contains(&row) { 9.0 } else { 5.0 };
    let values = series(12, 1.0, level);
    let judged_again = |is_frozen: bool| {
        let mut novelty = Novelty::default();
        for (row, value) in values.iter().enumerate() {
            let is_frozen = is_frozen && (3000..3150).contains(&row);
            novelty.step(*value, Timestamp(row as i64 * FIVE_MIN_MS), 1.0, is_frozen);
        }
        step(&mut novelty, 9.0, values.len() as i64 * FIVE_MIN_MS, 1.0).score
    };
    assert!(judged_again(true) > 0.25, "it was outside then, and is now");
    assert!(judged_again(false) <= 0.25, "it was told once, and is known");
}

#[test]
fn a_larger_budget_tells_more() {
    let values = series(60, 1.0, |row| {
        if row % 1000 == 999 {
            10.0 + row as f64 / 1000.0
        } else {
            5.0
        }
    });
    let count = |per_month| {
        judge_all_within(&mut Novelty::default(), &values, per_month)
            .iter()
            .filter(|j| j.is_alerting)
            .count()
    };
    assert!(count(0.2) < count(5.0), "{} {}", count(0.2), count(5.0));
}

#[test]
fn a_stored_state_goes_on_as_if_nothing_had_happened() {
    let values = series(10, 0.5, daily);
    let mut novelty = Novelty::default();
    judge_all(&mut novelty, &values);
    let bytes = postcard::to_stdvec(&novelty).unwrap();
    assert!(bytes.len() <= 16 * 1024, "{} bytes", bytes.len());
    let mut restored: Novelty = postcard::from_bytes(&bytes).unwrap();
    assert!(restored.fits() && restored == novelty);
    for row in values.len()..values.len() + 500 {
        let at_ms = row as i64 * FIVE_MIN_MS;
        assert_eq!(
            step(&mut novelty, daily(row) + 9.0, at_ms, 1.0),
            step(&mut restored, daily(row) + 9.0, at_ms, 1.0)
        );
    }
}
