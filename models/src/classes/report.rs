//! How well classes were told on rows that were held back.

/// Figures of one class.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassFigures {
    /// Its name.
    pub class: String,
    /// Rows of it.
    pub rows: u64,
    /// Share of rows told as this class that are.
    pub precision: f64,
    /// Share of its rows that were told.
    pub recall: f64,
    /// Harmonic mean of both.
    pub f1: f64,
}

/// Figures of all classes.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassReport {
    /// Rows learned from.
    pub rows: u64,
    /// Groups that were held back as wholes; the number of rows where there are none.
    pub groups: u64,
    /// Share of rows told rightly.
    pub accuracy: f64,
    /// Mean of the F1 of all classes.
    pub macro_f1: f64,
    /// Mean distance between confidence and share of right answers, over ten steps of confidence.
    pub calibration_error: f64,
    /// Each class.
    pub classes: Vec<ClassFigures>,
}

/// Rows told rightly, told, and there, for each class.
pub(super) fn counts(classes: usize, pairs: impl Iterator<Item = (usize, usize)>) -> Vec<[u64; 3]> {
    let mut counts = vec![[0; 3]; classes];
    for (truth, told) in pairs {
        counts[told][1] += 1;
        counts[truth][2] += 1;
        if truth == told {
            counts[truth][0] += 1;
        }
    }
    counts
}

/// 2·right / (told + there); 0 of nothing.
pub(super) fn f1([right, told, there]: [u64; 3]) -> f64 {
    match told + there {
        0 => 0.0,
        sum => 2.0 * right as f64 / sum as f64,
    }
}

/// The mean F1 over classes that there are.
pub(super) fn macro_f1(counts: &[[u64; 3]]) -> f64 {
    let present: Vec<f64> = counts.iter().filter(|c| c[2] > 0).map(|c| f1(*c)).collect();
    present.iter().sum::<f64>() / present.len().max(1) as f64
}

impl ClassReport {
    /// From rows of (truth, told, confidence).
    pub(super) fn of(names: &[String], rows: &[(usize, usize, f32)], groups: u64) -> ClassReport {
        let counts = counts(names.len(), rows.iter().map(|(truth, told, _)| (*truth, *told)));
        let share = |part: u64, of: u64| if of == 0 { 0.0 } else { part as f64 / of as f64 };
        let right: u64 = counts.iter().map(|c| c[0]).sum();
        let mut steps = [(0.0f64, 0.0f64); 10];
        for (truth, told, confidence) in rows {
            let step = &mut steps[((confidence * 10.0) as usize).min(9)];
            step.0 += f64::from(*confidence);
            step.1 += f64::from(u8::from(truth == told));
        }
        let gaps: f64 = steps.iter().map(|(sure, right)| (sure - right).abs()).sum();
        ClassReport {
            rows: rows.len() as u64,
            groups,
            accuracy: share(right, rows.len() as u64),
            macro_f1: macro_f1(&counts),
            calibration_error: gaps / rows.len().max(1) as f64,
            classes: names
                .iter()
                .zip(&counts)
                .map(|(name, c)| ClassFigures {
                    class: name.clone(),
                    rows: c[2],
                    precision: share(c[0], c[1]),
                    recall: share(c[0], c[2]),
                    f1: f1(*c),
                })
                .collect(),
        }
    }
}
