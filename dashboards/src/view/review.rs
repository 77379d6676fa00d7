//! The periodic review: figures of a span, each with its meaning.

use super::{At, schema};
use crate::figures::{FigureGroup, FigureKind, FigureUnit, Numbers};
use domain::text::Text;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// One figure.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Figure {
    /// Its name for programs; never changes.
    pub key: String,
    /// What it is about.
    pub group: FigureGroup,
    /// Its name.
    #[schema(value_type = schema::Text)]
    pub name: Text,
    /// What it came to; none: not known, because there was nothing to count.
    pub value: Option<f64>,
    /// What it is measured in.
    pub unit: FigureUnit,
    /// Of a share: how many were so; else how many it was counted of, if that is not itself.
    pub part: Option<u64>,
    /// Of a share: how many there were.
    pub of: Option<u64>,
    /// How it is counted.
    #[schema(value_type = schema::Text)]
    pub definition: Text,
    /// What is aimed at; none where nobody says.
    #[schema(value_type = Option<schema::Text>)]
    pub target: Option<Text>,
}

impl Figure {
    /// A figure of a kind.
    pub fn of(kind: &FigureKind, value: Option<f64>, part: Option<u64>, of: Option<u64>) -> Figure {
        Figure {
            key: kind.key.to_owned(),
            group: kind.group,
            name: kind.name(),
            value,
            unit: kind.unit,
            part,
            of,
            definition: kind.definition(),
            target: kind.target(),
        }
    }

    /// The same with the numbers of the site in its texts.
    #[must_use]
    pub fn filled(self, numbers: &Numbers) -> Figure {
        Figure {
            name: numbers.fill(&self.name),
            definition: numbers.fill(&self.definition),
            target: self.target.map(|target| numbers.fill(&target)),
            ..self
        }
    }
}

/// How often something was right, or was the case.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ShareOf {
    /// Of what: a failure mode, a rule, a version of a model.
    pub of_what: String,
    /// How many were so.
    pub part: u64,
    /// How many there were.
    pub of: u64,
}

/// Confirmed faults of one model of machine.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Fault {
    /// The profile.
    pub profile: String,
    /// How it failed.
    pub failure_mode: String,
    /// How many times in the span.
    pub count: u64,
    /// In the span of the same length before.
    pub before: u64,
    /// Whether they become more: the second half of the year that ends with the span against the first.
    pub trend: Trend,
    /// The month of that year that had the most; none: there was none.
    pub busiest_month: Option<String>,
    /// By month, such as `2026-11`; months without any are left out.
    #[schema(value_type = std::collections::HashMap<String, u64>)]
    pub by_month: BTreeMap<String, u64>,
    /// Causes that technicians gave, the most frequent first.
    pub causes: Vec<String>,
}

/// Whether faults become more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Trend {
    /// More in the second half of the year, beyond chance.
    Rising,
    /// Fewer in the second half of the year, beyond chance.
    Falling,
    /// No more or fewer than chance explains.
    Steady,
}

/// What a figure of a table means.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Definition {
    /// Its name for programs; never changes.
    pub key: String,
    /// Its name.
    #[schema(value_type = schema::Text)]
    pub name: Text,
    /// How it is counted.
    #[schema(value_type = schema::Text)]
    pub definition: Text,
}

impl Definition {
    /// Those of the table of rules and models.
    pub fn of_rules() -> Vec<Definition> {
        let of = |kind: &FigureKind| Definition {
            key: kind.key.to_owned(),
            name: kind.name(),
            definition: kind.definition(),
        };
        crate::figures::rules::ALL.iter().map(of).collect()
    }
}

/// What became of the warnings of a rule or detector, judged by one version of a model.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RuleFigure {
    /// The profile.
    pub profile: String,
    /// The rule or detector that spoke first.
    pub rule: String,
    /// The version of the model that judged; empty for rows older than versions.
    pub model: String,
    /// Warnings of the span.
    pub warnings: u64,
    /// Warnings that were judged in the span.
    pub judged: u64,
    /// Of these, those with a fault.
    pub right: u64,
    /// Of these, those with the fault that was warned of.
    pub right_mode: u64,
    /// Share of the judged ones with a fault; none: none was judged.
    pub precision: Option<f64>,
    /// Lower end of its 95 % interval.
    pub precision_low: Option<f64>,
    /// Upper end of its 95 % interval.
    pub precision_high: Option<f64>,
    /// Whether fewer than 5 were judged.
    pub is_too_few: bool,
    /// Share of the judged ones with the fault that was warned of.
    pub precision_of_mode: Option<f64>,
    /// Confirmed faults of its failure modes.
    pub failures: u64,
    /// Of these, those that it warned of.
    pub failures_warned: u64,
    /// The share of these; none: no such fault was confirmed.
    pub recall: Option<f64>,
    /// From warning to repair, median, in hours; none: none was right.
    pub lead_time_hours: Option<f64>,
    /// Warnings judged as no fault.
    pub false_alarms: u64,
    /// The same in 30 days of one machine; none: no machine was known.
    pub false_alarms_a_device_month: Option<f64>,
}

/// Rules and models in one table.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RuleReview {
    /// Its beginning.
    pub from: At,
    /// Its end, which does not belong to it.
    pub until: At,
    /// What each figure means.
    pub definitions: Vec<Definition>,
    /// By profile, rule and version of the model.
    pub rules: Vec<RuleFigure>,
    /// Whether there were more rows than are counted; then the figures are of the newest.
    pub is_cut: bool,
}

/// What verdicts of technicians suggest about a rule.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Suggestion {
    /// The profile.
    pub profile: String,
    /// The rule that spoke first.
    pub rule: String,
    /// Warnings with a fault.
    pub right: u64,
    /// Warnings without one.
    pub false_alarms: u64,
    /// The limit that spoke; none where no other limit is suggested.
    pub limit: Option<f64>,
    /// The limit suggested; none where none is.
    pub suggested_limit: Option<f64>,
    /// False alarms that would not have been with the limit suggested.
    pub spared: Option<u64>,
    /// What is suggested, or why nothing is.
    #[schema(value_type = schema::Text)]
    pub text: Text,
}

/// That the review of a past month was made.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct MonthlyReport {
    /// Such as `2026-11`.
    pub month: String,
    /// When it was made.
    pub made_at: At,
}

/// What a span came to.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Review {
    /// Its beginning.
    pub from: At,
    /// Its end, which does not belong to it.
    pub until: At,
    /// Figures, in the order of a report.
    pub figures: Vec<Figure>,
    /// How often warnings were right, by failure mode.
    pub by_mode: Vec<ShareOf>,
    /// The same, by the rule that spoke first.
    pub by_rule: Vec<ShareOf>,
    /// The same, by the version of the model.
    pub by_model: Vec<ShareOf>,
    /// What became of the warnings of each rule and version of a model.
    pub rules: Vec<RuleFigure>,
    /// Clocks in time, by class of ticket and clock.
    pub clocks: Vec<ShareOf>,
    /// Faults by model of machine, the most frequent first.
    pub faults: Vec<Fault>,
    /// The most frequent alarms, with how many times each.
    pub frequent: Vec<ShareOf>,
    /// Faults that a machine reported and no warning preceded: their alarms.
    pub without_warning: Vec<String>,
    /// What verdicts suggest about rules that gave false alarms.
    pub suggestions: Vec<Suggestion>,
    /// Whether there were more rows than are counted; then the figures are of the newest.
    pub is_cut: bool,
}
