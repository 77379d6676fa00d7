//! Risk = probability × impact on a matrix of 25 cells, with the reason of the answer.
//!
//! No clock, no I/O. The matrix is checked data: a site may change each cell, but never so that more probability or more
//! impact gives less risk.

use crate::impact::{ImpactConfig, ImpactReason};
use crate::reason::number;
use domain::checked::Problem;
use domain::text::Text;
use domain::{Impact, LifeBasis, Millis, Probability, Prognosis, RiskLevel, Severity, Timestamp};
use serde::{Deserialize, Serialize};

/// 25 cells: a row for each probability (1 first), a column for each impact (1 first).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RiskMatrix([[RiskLevel; 5]; 5]);

impl Default for RiskMatrix {
    /// By the product: 1–2 very low, 3–4 low, 5–9 medium, 10–16 high, 17–25 very high; impact 5 is never below medium.
    fn default() -> Self {
        let cell = |probability: usize, impact: usize| match probability * impact {
            0..=2 => RiskLevel::VeryLow,
            3..=4 => RiskLevel::Low,
            5..=9 => RiskLevel::Medium,
            10..=16 => RiskLevel::High,
            17.. => RiskLevel::VeryHigh,
        };
        RiskMatrix(std::array::from_fn(|p| std::array::from_fn(|i| cell(p + 1, i + 1))))
    }
}

impl RiskMatrix {
    /// The cell.
    pub fn level(&self, probability: Probability, impact: Impact) -> RiskLevel {
        self.0[usize::from(probability.get()) - 1][usize::from(impact.get()) - 1]
    }

    /// Cells that are milder than one with less probability or less impact, and cells of impact 5 below medium.
    pub fn problems(&self, path: &str) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (p, row) in self.0.iter().enumerate() {
            for (i, level) in row.iter().enumerate() {
                let above = p.checked_sub(1).map(|p| self.0[p][i]);
                let left = i.checked_sub(1).map(|i| row[i]);
                let floor = (i == 4).then_some(RiskLevel::Medium);
                if let Some(least) = [above, left, floor].into_iter().flatten().max()
                    && *level < least
                {
                    let message = format!(
                        "probability {} and impact {} give {}; at least {} is expected, because less probability or impact gives \
                         that, and impact 5 is never below medium",
                        p + 1,
                        i + 1,
                        level.as_str(),
                        least.as_str()
                    );
                    problems.push(Problem::at(format!("{path}[{p}][{i}]"), message));
                }
            }
        }
        problems
    }
}

/// How risk is told; in the site's configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RiskConfig {
    /// The matrix.
    pub matrix: RiskMatrix,
    /// Into how many grades the five levels are folded for people: 5 (not at all), 4 or 3. Grade 1 is the worst.
    pub levels: u8,
    /// What lifts the impact.
    pub impact: ImpactConfig,
    /// The planning horizon: the probability counted is that of a failure within so many days.
    pub horizon_days: f64,
    /// Failure probabilities (0 to 1, ascending) from which the class is 2, 3, 4 and 5.
    pub probability_steps: [f64; 4],
    /// The class where there is no prognosis and the condition is advisory.
    pub probability_of_advisory: Probability,
    /// The class where there is no prognosis and the condition is a warning.
    pub probability_of_warning: Probability,
    /// The class where there is no prognosis and the condition is critical.
    pub probability_of_critical: Probability,
}

impl Default for RiskConfig {
    fn default() -> Self {
        let class = |n| Probability::new(n).expect("1 to 5 are classes");
        RiskConfig {
            matrix: RiskMatrix::default(),
            levels: 5,
            impact: ImpactConfig::default(),
            horizon_days: 7.0,
            probability_steps: [0.05, 0.2, 0.5, 0.8],
            probability_of_advisory: class(2),
            probability_of_warning: class(3),
            probability_of_critical: class(4),
        }
    }
}

/// Where a probability came from.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "from")]
pub enum ProbabilityReason {
    /// Read off the time left.
    Prognosis {
        /// Probability of a failure within the horizon, 0 to 1.
        failure_probability: f64,
        /// The horizon.
        horizon: Millis,
    },
    /// There is no prognosis: by how bad the condition is.
    Severity {
        /// How bad.
        severity: Severity,
    },
}

/// The matrix's answer and why.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RiskAssessment {
    /// The answer.
    pub level: RiskLevel,
    /// 1 to 5.
    pub probability: Probability,
    /// 1 to 5.
    pub impact: Impact,
    /// Where the probability came from.
    pub reason: ProbabilityReason,
}

impl RiskAssessment {
    /// Why the level is as it is: `probability 4 of 5 (54 % within 7 days) × impact 3 of 5 (the machine's criticality)`.
    pub fn text(&self, impact: &ImpactReason) -> Text {
        let (p, i) = (self.probability.get(), self.impact.get());
        let because = match self.reason {
            ProbabilityReason::Prognosis {
                failure_probability,
                horizon,
            } => {
                let (percent, days) = ((100.0 * failure_probability).round(), number(horizon.as_hours() / 24.0));
                Text {
                    en: format!("{percent} % within {days} days"),
                    zh: format!("{days} 天内 {percent}%"),
                }
            }
            ProbabilityReason::Severity { severity } => Text {
                en: format!("no prognosis, severity {}", severity.as_str()),
                zh: format!("无寿命预测，按严重程度 {}", severity.as_str()),
            },
        };
        let impact = impact.text();
        Text {
            en: format!(
                "probability {p} of 5 ({}) × impact {i} of 5 ({})",
                because.en, impact.en
            ),
            zh: format!("概率 {p}/5（{}）× 影响 {i}/5（{}）", because.zh, impact.zh),
        }
    }
}

/// A level falls only if it would fall too were the failure so much more probable: at the edge of a class it stays.
const DEADBAND: f64 = 1.25;

impl RiskConfig {
    /// The risk of a condition that stands, where the prognosis has moved: as [`Self::assess`], but none where the level is
    /// as before, or would hardly be lower.
    pub fn reassess(
        &self,
        before: RiskLevel,
        severity: Severity,
        prognosis: &Prognosis,
        impact: Impact,
        at: Timestamp,
    ) -> Option<RiskAssessment> {
        let new = self.assess(severity, prognosis, impact, at);
        let ProbabilityReason::Prognosis {
            failure_probability, ..
        } = new.reason
        else {
            return (new.level > before).then_some(new);
        };
        let cautious = self.probability_class((failure_probability * DEADBAND).min(1.0));
        let moves = new.level > before || self.matrix.level(cautious, impact) < before;
        moves.then_some(new)
    }

    fn probability_class(&self, failure_probability: f64) -> Probability {
        let steps = self.probability_steps.iter().filter(|s| failure_probability >= **s);
        Probability::new(1 + steps.count() as u8).expect("four steps make classes 1 to 5")
    }

    /// Probability from the prognosis if there is one, else from the severity; then the matrix. A prognosis by age alone knows
    /// nothing of what shows: it can raise the probability over that of the severity, never lower it. `at` is the instant from which
    /// the horizon counts, on the clock of the prognosis (device time).
    pub fn assess(&self, severity: Severity, prognosis: &Prognosis, impact: Impact, at: Timestamp) -> RiskAssessment {
        let horizon = Millis::from_hours(self.horizon_days * 24.0);
        let (probability, reason) = match prognosis.failure_probability(at, horizon) {
            Some(failure_probability) => {
                let class = self.probability_class(failure_probability);
                let reason = ProbabilityReason::Prognosis {
                    failure_probability,
                    horizon,
                };
                let knows_of_it = match prognosis {
                    Prognosis::Known(life) => match life.basis {
                        LifeBasis::Trend | LifeBasis::TrendAndAge | LifeBasis::Learned => true,
                        LifeBasis::Age => false,
                    },
                    Prognosis::NotYetKnown => true,
                };
                let least = self.by_severity(severity);
                if knows_of_it || class >= least {
                    (class, reason)
                } else {
                    (least, ProbabilityReason::Severity { severity })
                }
            }
            None => (self.by_severity(severity), ProbabilityReason::Severity { severity }),
        };
        RiskAssessment {
            level: self.matrix.level(probability, impact),
            probability,
            impact,
            reason,
        }
    }

    fn by_severity(&self, severity: Severity) -> Probability {
        match severity {
            Severity::Advisory => self.probability_of_advisory,
            Severity::Warning => self.probability_of_warning,
            Severity::Critical => self.probability_of_critical,
        }
    }

    /// What is wrong, below `path`.
    pub(crate) fn problems(&self, path: &str) -> Vec<Problem> {
        let mut problems = self.matrix.problems(&format!("{path}.matrix"));
        problems.extend(self.impact.problems(&format!("{path}.impact")));
        if !(3..=5).contains(&self.levels) {
            let message = format!("{} grades; 5, 4 or 3 are expected", self.levels);
            problems.push(Problem::at(format!("{path}.levels"), message));
        }
        if !(self.horizon_days > 0.0 && self.horizon_days <= 3_650.0) {
            let message = format!("{} days; more than 0 and at most 3650 are expected", self.horizon_days);
            problems.push(Problem::at(format!("{path}.horizon_days"), message));
        }
        let steps = &self.probability_steps;
        if !(steps.iter().all(|s| (0.0..=1.0).contains(s)) && steps.windows(2).all(|w| w[0] <= w[1])) {
            let message = format!("{steps:?}; four ascending numbers from 0 to 1 are expected");
            problems.push(Problem::at(format!("{path}.probability_steps"), message));
        }
        let by_severity = [
            self.probability_of_advisory,
            self.probability_of_warning,
            self.probability_of_critical,
        ];
        if by_severity.windows(2).any(|w| w[0] > w[1]) {
            let message = "a worse condition must not be less probable: advisory ≤ warning ≤ critical is expected";
            problems.push(Problem::at(format!("{path}.probability_of_critical"), message));
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::RemainingLife;

    fn class(n: u8) -> Probability {
        Probability::new(n).unwrap()
    }

    #[test]
    fn the_default_matrix_is_that_of_the_handbook() {
        use RiskLevel::{High as H, Low as L, Medium as M, VeryHigh as VH, VeryLow as VL};
        let expected = [
            [VL, VL, L, L, M],
            [VL, L, M, M, H],
            [L, M, M, H, H],
            [L, M, H, H, VH],
            [M, H, H, VH, VH],
        ];
        assert_eq!(RiskMatrix::default().0, expected);
        assert_eq!(RiskMatrix::default().problems("m"), []);
    }

    #[test]
    fn a_matrix_that_falls_names_the_cell() {
        let mut matrix = RiskMatrix::default();
        matrix.0[3][2] = RiskLevel::VeryLow;
        matrix.0[0][4] = RiskLevel::Low;
        let paths: Vec<_> = matrix.problems("risk.matrix").into_iter().map(|p| p.path).collect();
        assert_eq!(paths, ["risk.matrix[0][4]", "risk.matrix[3][2]"]);
    }

    #[test]
    fn other_numbers_of_grades_than_three_to_five_are_refused() {
        let config = RiskConfig {
            levels: 2,
            ..RiskConfig::default()
        };
        assert_eq!(config.problems("risk").pop().unwrap().path, "risk.levels");
    }

    #[test]
    fn at_the_edge_of_a_class_the_level_stays() {
        let config = RiskConfig::default();
        let life = |p10_days: i64| {
            Prognosis::Known(RemainingLife {
                made_at: Timestamp(0),
                basis: LifeBasis::Trend,
                p10: Millis::days(p10_days),
                p50: Millis::days(2 * p10_days),
                p90: Millis::days(4 * p10_days),
            })
        };
        let level = |before, days| {
            let found = config.reassess(before, Severity::Warning, &life(days), class(4), Timestamp(0));
            found.map(|f| f.level)
        };
        // 18 % within a week: class 2, a quarter more would be class 3
        assert_eq!(level(RiskLevel::High, 6), None);
        assert_eq!(level(RiskLevel::High, 20), Some(RiskLevel::Low));
        assert_eq!(level(RiskLevel::Low, 3), Some(RiskLevel::High));
        let unknown = config.reassess(
            RiskLevel::High,
            Severity::Warning,
            &Prognosis::NotYetKnown,
            class(3),
            Timestamp(0),
        );
        assert_eq!(unknown, None, "that nothing is known any more is no good news");
    }

    #[test]
    fn a_prognosis_speaks_before_the_severity() {
        let config = RiskConfig::default();
        let life = |days: i64| {
            Prognosis::Known(RemainingLife {
                made_at: Timestamp(0),
                p10: Millis::days(days),
                p50: Millis::days(2 * days),
                p90: Millis::days(4 * days),
                basis: LifeBasis::Trend,
            })
        };
        let check = |prognosis, severity, probability: u8| {
            let found = config.assess(severity, &prognosis, class(3), Timestamp(0));
            assert_eq!(found.probability, class(probability), "{found:?}");
        };
        let by_age = |days| match life(days) {
            Prognosis::Known(life) => Prognosis::Known(RemainingLife {
                basis: LifeBasis::Age,
                ..life
            }),
            Prognosis::NotYetKnown => Prognosis::NotYetKnown,
        };
        check(by_age(100), Severity::Critical, 4);
        check(by_age(1), Severity::Advisory, 5);
        check(life(100), Severity::Critical, 1);
        check(life(7), Severity::Advisory, 2);
        check(life(5), Severity::Advisory, 3);
        check(life(3), Severity::Advisory, 4);
        check(life(1), Severity::Advisory, 5);
        check(Prognosis::NotYetKnown, Severity::Advisory, 2);
        check(Prognosis::NotYetKnown, Severity::Warning, 3);
        check(Prognosis::NotYetKnown, Severity::Critical, 4);
    }
}
