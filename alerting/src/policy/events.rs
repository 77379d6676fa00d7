//! How serious an incident is, and what is done about it: response plans by level of event.

use super::escalation::LevelConfig;
use super::{Level, MOST_MINUTES, too_long};
use crate::storm::IncidentRecord;
use domain::checked::Problem;
use domain::text::Text;
use domain::{Millis, Severity};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Levels of events at most.
const MAX_LEVELS: usize = 10;
/// Steps of a plan, and contacts of a level, at most.
const MAX_LINES: usize = 50;

/// A level of event as written; the first whose conditions all hold is an incident's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventConfig {
    /// Its name; incidents keep it.
    pub name: String,
    /// From so many alarms on.
    #[serde(default = "one")]
    pub from_alarms: u32,
    /// From this severity on; not given: whatever it is.
    #[serde(default)]
    pub from_severity: Option<Severity>,
    /// Somebody answers within so many minutes.
    #[serde(default = "two_hours")]
    pub respond_within_min: u32,
    /// It is dealt with for the first time within so many minutes.
    #[serde(default = "a_day")]
    pub handle_within_min: u32,
    /// Who is told with the incident: `on_call:NAME`, `person:NAME` or `group:NAME`.
    #[serde(default)]
    pub tell: Vec<String>,
    /// Who is told when nobody has answered, or dealt with it, in time.
    #[serde(default)]
    pub late_tell: Vec<String>,
    /// What is done, step by step.
    #[serde(default)]
    pub plan: Vec<Text>,
    /// Whom to call, with numbers.
    #[serde(default)]
    pub contacts: Vec<String>,
}

fn one() -> u32 {
    1
}

/// The response begins within two hours, as the service handbooks have it.
fn two_hours() -> u32 {
    120
}

/// A major event is dealt with within a day, as the service handbooks have it.
fn a_day() -> u32 {
    24 * 60
}

impl EventConfig {
    /// Major and minor, for a site that says nothing.
    pub(super) fn usual() -> Vec<EventConfig> {
        let step = |en: &str, zh: &str| Text {
            en: en.into(),
            zh: zh.into(),
        };
        let level = |name: &str, from_alarms, tell: &str, late_tell: &str, plan: Vec<Text>| EventConfig {
            name: name.into(),
            from_alarms,
            from_severity: None,
            respond_within_min: two_hours(),
            handle_within_min: a_day(),
            tell: vec![format!("group:{tell}")],
            late_tell: vec![format!("group:{late_tell}")],
            plan,
            contacts: Vec::new(),
        };
        let look = step(
            "Look at the machine above all members, then at power and network",
            "先检查所有成员的上级设备，再检查供电与网络",
        );
        vec![
            level(
                "major",
                20,
                "supervisors",
                "managers",
                vec![
                    step(
                        "Name one person in charge; make sure that nobody is in danger",
                        "指定一名负责人，确认无人员危险",
                    ),
                    look.clone(),
                    step("Tell the customers who are concerned", "通知受影响的客户"),
                    step(
                        "When it is over: machines that stay silent, then what to prevent",
                        "恢复后：检查仍无数据的设备，并制定预防措施",
                    ),
                ],
            ),
            level("minor", 1, "service", "supervisors", vec![look]),
        ]
    }
}

/// A level of event, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct EventLevel {
    /// Its name.
    pub name: String,
    from_alarms: u32,
    from_severity: Option<Severity>,
    /// Somebody answers within this time, and who is told with the incident.
    pub respond: Level,
    /// It is dealt with within this time, and who is told if it is late.
    pub handle: Level,
    /// What is done, step by step.
    pub plan: Vec<Text>,
    /// Whom to call.
    pub contacts: Vec<String>,
}

/// All levels, the most serious first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EventLevels(Vec<EventLevel>);

impl EventLevels {
    /// The level of an incident; none: no level is meant for it.
    pub fn of(&self, incident: &IncidentRecord) -> Option<&EventLevel> {
        self.0.iter().find(|level| {
            incident.members >= level.from_alarms && level.from_severity.is_none_or(|from| incident.severity >= from)
        })
    }

    /// The level of this name.
    pub fn named(&self, name: &str) -> Option<&EventLevel> {
        self.0.iter().find(|level| level.name == name)
    }

    /// Whether the first name is of a more serious level than the second; a name that is no more is of none.
    pub fn is_graver(&self, name: &str, than: &str) -> bool {
        let place = |name: &str| self.0.iter().position(|level| level.name == name).unwrap_or(usize::MAX);
        place(name) < place(than)
    }
}

/// Makes the levels; what is wrong goes to `problems`.
pub(super) fn check(levels: &[EventConfig], rotations: &BTreeSet<&str>, problems: &mut Vec<Problem>) -> EventLevels {
    if levels.len() > MAX_LEVELS {
        let message = format!("{} levels; at most {MAX_LEVELS} are expected", levels.len());
        problems.push(Problem::at("events", message));
    }
    let mut names = BTreeSet::new();
    let mut checked = Vec::new();
    for (i, level) in levels.iter().enumerate() {
        let path = format!("events[{i}]");
        let mut wrong = |key: &str, message: String| problems.push(Problem::at(format!("{path}.{key}"), message));
        if level.name.trim().is_empty() || !names.insert(level.name.as_str()) {
            wrong("name", format!("{:?}; a name of its own is expected", level.name));
        }
        if level.respond_within_min == 0 || level.handle_within_min < level.respond_within_min {
            let message = "respond_within_min must be at least 1, and handle_within_min no less than that";
            wrong("handle_within_min", message.into());
        }
        for (key, lines) in [("plan", level.plan.len()), ("contacts", level.contacts.len())] {
            if lines > MAX_LINES {
                wrong(key, format!("{lines} lines; at most {MAX_LINES} are expected"));
            }
        }
        if level.handle_within_min > MOST_MINUTES {
            problems.push(too_long(format!("{path}.handle_within_min"), level.handle_within_min));
        }
        let mut tell = |key: &str, tell: &[String], within: u32| {
            if tell.iter().any(|target| target == "owner") {
                problems.push(Problem::at(
                    format!("{path}.{key}"),
                    "an incident has no owner; name a group or person",
                ));
            }
            let targets = LevelConfig::targets(tell, &format!("{path}.{key}"), rotations, problems);
            Level::new(targets, Millis::minutes(i64::from(within)))
        };
        let respond = tell("tell", &level.tell, level.respond_within_min);
        let handle = tell("late_tell", &level.late_tell, level.handle_within_min);
        checked.push(EventLevel {
            name: level.name.clone(),
            from_alarms: level.from_alarms,
            from_severity: level.from_severity,
            respond,
            handle,
            plan: level.plan.clone(),
            contacts: level.contacts.clone(),
        });
    }
    EventLevels(checked)
}
