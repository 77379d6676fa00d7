//! What a site may change about storms: when many alarms are one incident, and how much a person is told.

use super::{MOST_MINUTES, alarms::fits, too_long};
use domain::checked::Problem;
use domain::{FailureModeId, Millis};
use serde::{Deserialize, Serialize};

/// The most members of a window for a common cause, and notices a site may be given within its span.
const MOST_AT_ONCE: u32 = 1_000;

/// Many alarms at once: what is one cause, and how often people are told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StormsConfig {
    /// The same failure mode on so many machines of a site is one incident; 0: never.
    pub common_cause_machines: u32,
    /// When it shows on all of them within so many seconds, by the machines' clocks; for silence by ours.
    pub common_cause_within_s: u32,
    /// Failure modes, with `*` for any characters, for which one ticket serves a whole incident.
    pub one_ticket_modes: Vec<String>,
    /// How long an incident gathers members before people are told of it, seconds.
    pub wait_s: u32,
    /// Told again when it has grown, not sooner than after so many minutes; and as long it takes to ease.
    pub interval_min: u32,
    /// Told again while it lasts, after so many minutes.
    pub repeat_min: u32,
    /// So many notices at most for each site within `notices_within_min`; what is beyond comes as one summary. 0: no limit.
    pub notices: u32,
    /// How many of them are kept for incidents, summaries and danger to people.
    pub notices_kept: u32,
    /// Minutes.
    pub notices_within_min: u32,
    /// More announced alarms than this within `flood_within_min` are a flood.
    pub flood_above: u32,
    /// It is over when there are fewer than this.
    pub flood_below: u32,
    /// Minutes.
    pub flood_within_min: u32,
}

impl Default for StormsConfig {
    fn default() -> Self {
        StormsConfig {
            common_cause_machines: 5,
            common_cause_within_s: 120,
            one_ticket_modes: vec!["no_data".into()],
            // Alertmanager's usual wait, interval and repeat.
            wait_s: 30,
            interval_min: 5,
            repeat_min: 240,
            // EEMUA 191: what one operator can answer.
            notices: 10,
            notices_kept: 3,
            notices_within_min: 10,
            flood_above: 10,
            flood_below: 5,
            flood_within_min: 10,
        }
    }
}

/// The same, checked and in spans of time.
#[derive(Debug, Clone, PartialEq)]
pub struct StormSettings {
    /// Machines that make one incident; none: never.
    pub common_cause_machines: Option<usize>,
    /// Within what span.
    pub common_cause_within: Millis,
    /// How long an incident gathers before it is told.
    pub wait: Millis,
    /// How long until what has grown is told again, and until what eases is over.
    pub interval: Millis,
    /// How long until what lasts is told again.
    pub repeat: Millis,
    /// Notices at most within [`StormSettings::notices_within`]; none: no limit.
    pub notices: Option<usize>,
    /// How many of them are kept for incidents, summaries and danger to people.
    pub notices_kept: usize,
    /// The span of the limit.
    pub notices_within: Millis,
    /// More are a flood.
    pub flood_above: usize,
    /// Fewer end it.
    pub flood_below: usize,
    /// The span in which they are counted.
    pub flood_within: Millis,
    one_ticket_modes: Vec<String>,
}

impl StormSettings {
    /// Whether one ticket serves all members of an incident.
    pub fn is_one_ticket(&self, mode: &FailureModeId) -> bool {
        fits(&self.one_ticket_modes, mode)
    }
}

impl StormsConfig {
    /// Makes the settings; what is wrong goes to `problems`.
    pub(super) fn check(&self, problems: &mut Vec<Problem>) -> StormSettings {
        let count = |path: &str, count: u32| {
            let message = format!("{count}; at most {MOST_AT_ONCE} are expected");
            (count > MOST_AT_ONCE).then(|| Problem::at(format!("storms.{path}"), message))
        };
        problems.extend(count("common_cause_machines", self.common_cause_machines));
        problems.extend(count("notices", self.notices));
        problems.extend(count("flood_above", self.flood_above));
        if self.common_cause_machines == 1 {
            let message = "1 machine; 2 or more are expected, or 0 for never";
            problems.push(Problem::at("storms.common_cause_machines", message));
        }
        if self.notices > 0 && self.notices_kept >= self.notices {
            let message = format!(
                "{} of {} notices; fewer are expected, or nobody is told of a single alarm",
                self.notices_kept, self.notices
            );
            problems.push(Problem::at("storms.notices_kept", message));
        }
        if self.flood_below > self.flood_above {
            let message = format!(
                "{}; at most flood_above, {}, is expected",
                self.flood_below, self.flood_above
            );
            problems.push(Problem::at("storms.flood_below", message));
        }
        for (path, minutes) in [
            ("interval_min", self.interval_min),
            ("repeat_min", self.repeat_min),
            ("notices_within_min", self.notices_within_min),
            ("flood_within_min", self.flood_within_min),
        ] {
            if minutes == 0 {
                problems.push(Problem::at(
                    format!("storms.{path}"),
                    "0 minutes; at least 1 is expected",
                ));
            }
            if minutes > MOST_MINUTES {
                problems.push(too_long(format!("storms.{path}"), minutes));
            }
        }
        let minutes = |n: u32| Millis::minutes(i64::from(n));
        let seconds = |n: u32| Millis::seconds(i64::from(n));
        StormSettings {
            common_cause_machines: (self.common_cause_machines > 0).then_some(self.common_cause_machines as usize),
            common_cause_within: seconds(self.common_cause_within_s),
            wait: seconds(self.wait_s),
            interval: minutes(self.interval_min),
            repeat: minutes(self.repeat_min),
            notices: (self.notices > 0).then_some(self.notices as usize),
            notices_kept: self.notices_kept as usize,
            notices_within: minutes(self.notices_within_min),
            flood_above: self.flood_above as usize,
            flood_below: self.flood_below as usize,
            flood_within: minutes(self.flood_within_min),
            one_ticket_modes: self.one_ticket_modes.clone(),
        }
    }
}
