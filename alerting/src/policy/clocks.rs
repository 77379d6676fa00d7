//! Clocks by class of ticket: as written in the configuration, and checked.

use super::{MOST_MINUTES, too_long};
use crate::calendar::Hours;
use crate::clock::{ClockKind, Target};
use crate::ticket::{HoldCause, TicketClass};
use domain::checked::Problem;
use domain::{Millis, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Clocks by class of ticket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClocksConfig {
    /// Default: first response 30 min, on site 2 h, resolution 24 h.
    pub emergency: ClassClocks,
    /// Default: first response 1 h, on site (first handling) 24 h, resolution 72 h.
    pub key: ClassClocks,
    /// Default: first response 1 h, resolution 24 h.
    pub ordinary: ClassClocks,
    /// Default: none but the due date.
    pub planned: ClassClocks,
    /// Warned when this share (0 to 1) of the time is used.
    pub warn_at_share: f64,
    /// For which causes of a hold the clocks stand still. Default: for all.
    pub pausing: Vec<HoldCause>,
}

impl Default for ClocksConfig {
    fn default() -> Self {
        ClocksConfig {
            emergency: ClassClocks::default(),
            key: ClassClocks::default(),
            ordinary: ClassClocks::default(),
            planned: ClassClocks::default(),
            warn_at_share: 0.75,
            pausing: HoldCause::ALL.to_vec(),
        }
    }
}

/// The clocks of one class. What is not given is the default of the class; 0 minutes: there is no such clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClassClocks {
    /// Until somebody takes it up.
    pub first_response_min: Option<u32>,
    /// Until work on site begins.
    pub on_site_min: Option<u32>,
    /// Until the cause is known. Default: 72 h for every fault.
    pub diagnosis_min: Option<u32>,
    /// From the diagnosis until time, parts and cost are agreed. Default: 48 h for every fault.
    pub plan_min: Option<u32>,
    /// Until the work is done.
    pub resolution_min: Option<u32>,
    /// Which time counts; default: day and night.
    pub hours: Option<Hours>,
}

impl ClassClocks {
    /// What is given here, and for the rest what is given there.
    fn or(self, other: ClassClocks) -> ClassClocks {
        ClassClocks {
            first_response_min: self.first_response_min.or(other.first_response_min),
            on_site_min: self.on_site_min.or(other.on_site_min),
            diagnosis_min: self.diagnosis_min.or(other.diagnosis_min),
            plan_min: self.plan_min.or(other.plan_min),
            resolution_min: self.resolution_min.or(other.resolution_min),
            hours: self.hours.or(other.hours),
        }
    }
}

/// Times of one class, checked.
#[derive(Debug, Clone, Copy, PartialEq)]
struct ClassTimes {
    first_response: Option<Millis>,
    on_site: Option<Millis>,
    diagnosis: Option<Millis>,
    plan: Option<Millis>,
    resolution: Option<Millis>,
    hours: Hours,
}

/// Which clocks run for which class, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Clocks {
    emergency: ClassTimes,
    key: ClassTimes,
    ordinary: ClassTimes,
    planned: ClassTimes,
    warn_at_share: f64,
    pausing: BTreeSet<HoldCause>,
}

impl Clocks {
    /// The clocks of a class whose time begins at `now`, and with a due date that as the clock of resolution.
    pub fn targets(&self, class: TicketClass, due_at: Option<Timestamp>, now: Timestamp) -> Vec<(ClockKind, Target)> {
        let times = match class {
            TicketClass::Emergency => &self.emergency,
            TicketClass::Key => &self.key,
            TicketClass::Ordinary => &self.ordinary,
            TicketClass::Planned => &self.planned,
        };
        let share = self.warn_at_share;
        let within = |budget: Millis| Target::Within {
            budget,
            warn_after: Millis((budget.0 as f64 * share) as i64),
            hours: times.hours,
        };
        let by = |due_at: Timestamp| Target::By {
            due_at,
            warn_at: now + Millis(((due_at - now).0.max(0) as f64 * share) as i64),
        };
        let resolution = due_at.map(by).or(times.resolution.map(within));
        [
            (ClockKind::FirstResponse, times.first_response.map(within)),
            (ClockKind::OnSite, times.on_site.map(within)),
            (ClockKind::Diagnosis, times.diagnosis.map(within)),
            (ClockKind::Plan, times.plan.map(within)),
            (ClockKind::Resolution, resolution),
        ]
        .into_iter()
        .filter_map(|(kind, target)| Some((kind, target?)))
        .collect()
    }

    /// Whether clocks stand still while a ticket waits for this.
    pub fn pauses_for(&self, cause: HoldCause) -> bool {
        self.pausing.contains(&cause)
    }
}

impl ClocksConfig {
    /// What is given here, and for the rest what the site has; share and pausing causes are given with `Some`.
    pub(super) fn with(&self, classes: [ClassClocks; 4], share: Option<f64>, pausing: Option<&[HoldCause]>) -> Self {
        let [emergency, key, ordinary, planned] = classes;
        ClocksConfig {
            emergency: emergency.or(self.emergency),
            key: key.or(self.key),
            ordinary: ordinary.or(self.ordinary),
            planned: planned.or(self.planned),
            warn_at_share: share.unwrap_or(self.warn_at_share),
            pausing: pausing.map_or_else(|| self.pausing.clone(), <[HoldCause]>::to_vec),
        }
    }

    /// Makes the clocks; what is wrong goes to `problems`, below `path`.
    pub(super) fn check(&self, path: &str, problems: &mut Vec<Problem>) -> Clocks {
        let share = self.warn_at_share;
        if !(share > 0.0 && share <= 1.0) {
            let message = format!("{share}; more than 0 and at most 1 is expected");
            problems.push(Problem::at(format!("{path}.warn_at_share"), message));
        }
        let mut class = |name: &str, given: &ClassClocks, defaults: [u32; 5]| {
            let mut time = |key: &str, given: Option<u32>, default: u32| {
                let minutes = given.unwrap_or(default);
                if minutes > MOST_MINUTES {
                    problems.push(too_long(format!("{path}.{name}.{key}"), minutes));
                }
                (minutes > 0).then_some(Millis::minutes(i64::from(minutes)))
            };
            ClassTimes {
                first_response: time("first_response_min", given.first_response_min, defaults[0]),
                on_site: time("on_site_min", given.on_site_min, defaults[1]),
                diagnosis: time("diagnosis_min", given.diagnosis_min, defaults[2]),
                plan: time("plan_min", given.plan_min, defaults[3]),
                resolution: time("resolution_min", given.resolution_min, defaults[4]),
                hours: given.hours.unwrap_or_default(),
            }
        };
        // First response, on site, diagnosis, plan, resolution in minutes. The handbooks name the first two of an emergency, the
        // first two of a key problem and first and last of an ordinary fault, and for each a diagnosis within 72 h at most and a
        // plan within 48 h of it. An emergency's 24 h are those for handling a major event, a key problem's 72 h those of the
        // diagnosis.
        let (diagnosis, plan) = (72 * 60, 48 * 60);
        Clocks {
            emergency: class("emergency", &self.emergency, [30, 120, diagnosis, plan, 24 * 60]),
            key: class("key", &self.key, [60, 24 * 60, diagnosis, plan, 72 * 60]),
            ordinary: class("ordinary", &self.ordinary, [60, 0, diagnosis, plan, 24 * 60]),
            planned: class("planned", &self.planned, [0, 0, 0, 0, 0]),
            warn_at_share: share,
            pausing: self.pausing.iter().copied().collect(),
        }
    }
}
