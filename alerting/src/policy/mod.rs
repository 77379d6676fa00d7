//! What a site may change about alarms and tickets: the configuration, and the checked policy that the book works by.
//!
//! Every figure of the service handbooks is a default here. No I/O: the gateway reads the file.

mod clocks;
mod hours;

#[cfg(test)]
mod tests;

pub use clocks::{ClassClocks, ClocksConfig};
pub use hours::{CalendarConfig, Day};

use crate::calendar::{Calendar, Hours};
use crate::clock::{ClockKind, Target};
use crate::risk::RiskConfig;
use crate::ticket::TicketClass;
use domain::checked::Problem;
use domain::{Millis, RiskLevel, Timestamp};
use serde::{Deserialize, Serialize};

/// The longest time a clock or a shelving may be set to, in minutes: ten years.
const MOST_MINUTES: u32 = 10 * 366 * 24 * 60;

/// The section `alerting` of the configuration, as written.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AlertingConfig {
    /// How risk is told.
    pub risk: RiskConfig,
    /// Which clocks run for which class of ticket.
    pub clocks: ClocksConfig,
    /// The site's working hours.
    pub calendar: CalendarConfig,
    /// What operators may do.
    pub alarms: AlarmsConfig,
    /// When tickets open and of which kind they are.
    pub tickets: TicketsConfig,
}

/// What operators may do with alarms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AlarmsConfig {
    /// The longest shelving.
    pub shelving_limit_min: u32,
}

impl Default for AlarmsConfig {
    fn default() -> Self {
        AlarmsConfig {
            shelving_limit_min: 24 * 60,
        }
    }
}

/// When tickets open by themselves and of which kind they are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TicketsConfig {
    /// The risk from which a ticket opens although the severity alone would not.
    pub opens_from_risk: RiskLevel,
    /// The risk from which it is an on-site inspection, not a reminder.
    pub on_site_from_risk: RiskLevel,
    /// How long a planned maintenance may take where the plan tells no date.
    pub planned_within_days: u32,
    /// How long a finished ticket can be reopened before it is archived by itself.
    pub archive_after_hours: u32,
}

impl Default for TicketsConfig {
    fn default() -> Self {
        TicketsConfig {
            opens_from_risk: RiskLevel::High,
            on_site_from_risk: RiskLevel::High,
            planned_within_days: 7,
            // The customer is called back within 24 h of closing; a day more to act on what was said.
            archive_after_hours: 48,
        }
    }
}

/// Times of one class, checked.
#[derive(Debug, Clone, Copy, PartialEq)]
struct ClassTimes {
    first_response: Option<Millis>,
    on_site: Option<Millis>,
    resolution: Option<Millis>,
    hours: Hours,
}

/// The checked policy that the book works by.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// How risk is told.
    pub risk: RiskConfig,
    /// The site's working hours.
    pub calendar: Calendar,
    /// The longest shelving.
    pub shelving_limit: Millis,
    /// The risk from which a ticket opens.
    pub opens_from_risk: RiskLevel,
    /// The risk from which it is an on-site inspection.
    pub on_site_from_risk: RiskLevel,
    /// How long a planned maintenance may take.
    pub planned_within: Millis,
    /// How long a finished ticket can be reopened.
    pub archive_after: Millis,
    emergency: ClassTimes,
    key: ClassTimes,
    ordinary: ClassTimes,
    planned: ClassTimes,
    warn_at_share: f64,
}

impl Default for Policy {
    fn default() -> Self {
        AlertingConfig::default()
            .check()
            .expect("the defaults are sound, see the tests")
    }
}

impl Policy {
    /// The clocks that run for a class of ticket from `now`, and with a due date that as the clock of resolution.
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
            (ClockKind::Resolution, resolution),
        ]
        .into_iter()
        .filter_map(|(kind, target)| Some((kind, target?)))
        .collect()
    }
}

impl AlertingConfig {
    /// What is wrong, each with its path below `alerting`.
    pub fn problems(&self) -> Vec<Problem> {
        self.check().err().unwrap_or_default()
    }

    /// Makes the policy.
    ///
    /// # Errors
    /// Every mistake, each with its path and what would be right.
    pub fn check(&self) -> Result<Policy, Vec<Problem>> {
        let mut problems = self.risk.problems("risk");
        let share = self.clocks.warn_at_share;
        if !(share > 0.0 && share <= 1.0) {
            let message = format!("{share}; more than 0 and at most 1 is expected");
            problems.push(Problem::at("clocks.warn_at_share", message));
        }
        let mut class = |name: &str, given: &ClassClocks, defaults: [u32; 3]| {
            let mut time = |key: &str, given: Option<u32>, default: u32| {
                let minutes = given.unwrap_or(default);
                if minutes > MOST_MINUTES {
                    problems.push(too_long(format!("clocks.{name}.{key}"), minutes));
                }
                (minutes > 0).then_some(Millis::minutes(i64::from(minutes)))
            };
            ClassTimes {
                first_response: time("first_response_min", given.first_response_min, defaults[0]),
                on_site: time("on_site_min", given.on_site_min, defaults[1]),
                resolution: time("resolution_min", given.resolution_min, defaults[2]),
                hours: given.hours.unwrap_or_default(),
            }
        };
        // First response, on site, resolution in minutes. The handbooks name the first two of an emergency, the first two of a
        // key problem and first and last of an ordinary fault; an emergency's 24 h are those for handling a major event, a key
        // problem's 72 h those within which a diagnosis is due at most.
        let emergency = class("emergency", &self.clocks.emergency, [30, 120, 24 * 60]);
        let key = class("key", &self.clocks.key, [60, 24 * 60, 72 * 60]);
        let ordinary = class("ordinary", &self.clocks.ordinary, [60, 0, 24 * 60]);
        let planned = class("planned", &self.clocks.planned, [0, 0, 0]);
        let shelving = self.alarms.shelving_limit_min;
        if shelving == 0 {
            let message = "0 minutes; at least 1 is expected, or nobody could shelve anything";
            problems.push(Problem::at("alarms.shelving_limit_min", message));
        }
        for (path, minutes) in [
            ("alarms.shelving_limit_min", shelving),
            (
                "tickets.planned_within_days",
                self.tickets.planned_within_days.saturating_mul(24 * 60),
            ),
            (
                "tickets.archive_after_hours",
                self.tickets.archive_after_hours.saturating_mul(60),
            ),
        ] {
            if minutes > MOST_MINUTES {
                problems.push(too_long(path.into(), minutes));
            }
        }
        let calendar = match self.calendar.check() {
            Ok(calendar) => calendar,
            Err(found) => {
                problems.extend(found);
                return Err(problems);
            }
        };
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Policy {
            risk: self.risk.clone(),
            calendar,
            shelving_limit: Millis::minutes(i64::from(shelving)),
            opens_from_risk: self.tickets.opens_from_risk,
            on_site_from_risk: self.tickets.on_site_from_risk,
            planned_within: Millis::days(i64::from(self.tickets.planned_within_days)),
            archive_after: Millis::hours(i64::from(self.tickets.archive_after_hours)),
            emergency,
            key,
            ordinary,
            planned,
            warn_at_share: share,
        })
    }
}

fn too_long(path: String, minutes: u32) -> Problem {
    Problem::at(
        path,
        format!("{minutes} minutes; at most {MOST_MINUTES} (ten years) are expected"),
    )
}
