//! What a site may change about alarms: latching, re-alarm, shelving, suppression by design, what counts as a bad habit, and
//! the rationalisation of each alarm.

use super::{MOST_MINUTES, too_long};
use crate::alarm::AlarmRules;
use crate::habit::{HabitRules, MAX_RAISES};
use crate::record::{AlarmRecord, Asset};
use crate::scope::Scope;
use domain::checked::Problem;
use domain::registry::matches;
use domain::{DeviceKey, FailureModeId, Millis, Profile};
use serde::{Deserialize, Serialize};

/// What operators may do with alarms, and what logic does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AlarmsConfig {
    /// The longest shelving.
    pub shelving_limit_min: u32,
    /// An alarm that stands is shown once more after so long, also to who has seen it; 0: never.
    pub re_alarm_min: u32,
    /// An alarm that stands for so long is stale; 0: never.
    pub stale_after_min: u32,
    /// So many raises within `chattering_within_s` are chattering; 0: nothing is.
    pub chattering_raises: u32,
    /// Device time, seconds.
    pub chattering_within_s: u32,
    /// An alarm that is gone within so many seconds (device time) is fleeting; 0: none is.
    pub fleeting_within_s: u32,
    /// Whether every failure mode in force must have its rationalisation.
    pub needs_rationalisation: bool,
    /// Other settings for some alarms; for each setting the first rule that says something about it holds.
    pub rules: Vec<AlarmRuleConfig>,
    /// Machines that hang on others.
    pub parents: Vec<ParentConfig>,
    /// When a machine is down that others hang on by the registry.
    pub topology: TopologyConfig,
    /// Alarms that follow from one another.
    pub first_up: Vec<FirstUpConfig>,
    /// Why there are alarms, and what to do.
    pub rationalisation: Vec<Rationale>,
}

impl Default for AlarmsConfig {
    fn default() -> Self {
        AlarmsConfig {
            shelving_limit_min: 24 * 60,
            re_alarm_min: 0,
            // ISA-18.2's measures: stale after 24 h, three raises in a minute chatter, fleeting is what is gone within one.
            stale_after_min: 24 * 60,
            chattering_raises: 3,
            chattering_within_s: 60,
            fleeting_within_s: 60,
            needs_rationalisation: false,
            rules: Vec::new(),
            parents: Vec::new(),
            topology: TopologyConfig::default(),
            first_up: Vec::new(),
            rationalisation: Vec::new(),
        }
    }
}

/// Settings of some alarms.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AlarmRuleConfig {
    /// Of which machines.
    pub covers: Scope,
    /// Of which failure modes, with `*` for any characters; none: all.
    pub modes: Vec<String>,
    /// Stays until a person resets it; not given: as the profile says.
    pub is_latched: Option<bool>,
    /// The longest shelving.
    pub shelving_limit_min: Option<u32>,
    /// As for all alarms; 0: never.
    pub re_alarm_min: Option<u32>,
    /// As for all alarms; 0: never.
    pub stale_after_min: Option<u32>,
}

/// Machines that hang on another one: while that is down, nothing can be expected of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParentConfig {
    /// The machine they hang on.
    pub parent: DeviceKey,
    /// It is down while one of these failure modes shows.
    #[serde(default = "silence")]
    pub modes: Vec<FailureModeId>,
    /// The machines.
    pub children: Scope,
    /// Which of their failure modes are then hidden, with `*` for any characters.
    #[serde(default = "silence_pattern")]
    pub hides: Vec<String>,
    /// So long after the parent is back they may still be silent, seconds.
    #[serde(default = "release_after_s")]
    pub release_after_s: u32,
}

/// When a machine on which others hang by the registry is down, and what is then hidden of those.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TopologyConfig {
    /// It is down while one of these failure modes shows.
    pub down_modes: Vec<FailureModeId>,
    /// Which failure modes of the machines below are then hidden, with `*` for any characters.
    pub hides: Vec<String>,
    /// So long after it is back they may still be silent, seconds.
    pub release_after_s: u32,
}

impl Default for TopologyConfig {
    fn default() -> Self {
        TopologyConfig {
            down_modes: silence(),
            hides: silence_pattern(),
            release_after_s: release_after_s(),
        }
    }
}

fn silence() -> Vec<FailureModeId> {
    FailureModeId::new("no_data").into_iter().collect()
}

fn silence_pattern() -> Vec<String> {
    vec!["no_data".into()]
}

/// Five minutes: a machine that reconnects with a back-off has done so by then.
fn release_after_s() -> u32 {
    300
}

/// Failure modes of one machine that follow from one another: the first that shows is told, the others are hidden while it
/// stands, unless they are worse.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FirstUpConfig {
    /// On which machines.
    #[serde(default)]
    pub covers: Scope,
    /// Which failure modes, with `*` for any characters.
    pub modes: Vec<String>,
    /// A failure mode that shows later than this after the first is something of its own, minutes.
    pub within_min: u32,
}

/// Why there is an alarm and what a person shall do: without it nobody should be woken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rationale {
    /// Of machines of this profile.
    pub profile: String,
    /// The failure mode.
    pub mode: String,
    /// What makes it show.
    pub cause: String,
    /// What happens if nobody acts.
    pub consequence: String,
    /// What to do.
    pub response: String,
    /// Within what time, minutes.
    pub time_to_respond_min: u32,
    /// Who answers for the alarm.
    #[serde(default)]
    pub owner: String,
    /// When it was looked at last, `2026-10-01`.
    #[serde(default)]
    pub reviewed: String,
}

impl Rationale {
    /// What is missing before the alarm may be released, by the name of its key.
    pub fn gaps(&self) -> Vec<&'static str> {
        let texts = [
            ("cause", &self.cause),
            ("consequence", &self.consequence),
            ("response", &self.response),
        ];
        let mut gaps: Vec<_> = texts
            .into_iter()
            .filter(|(_, text)| text.trim().is_empty())
            .map(|(key, _)| key)
            .collect();
        if self.time_to_respond_min == 0 {
            gaps.push("time_to_respond_min");
        }
        gaps
    }
}

/// Everything about alarms, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct AlarmSettings {
    config: AlarmsConfig,
    /// What counts as a bad habit.
    pub habits: HabitRules,
}

impl AlarmSettings {
    /// The settings of one alarm. What the profile says about latching holds unless a rule says otherwise.
    pub fn rules(&self, alarm: &AlarmRecord) -> AlarmRules {
        let asked = AlarmRef {
            device: &alarm.device,
            mode: &alarm.failure_mode,
            profile: &alarm.profile,
            asset: &alarm.asset,
        };
        let fits: Vec<_> = self.config.rules.iter().filter(|rule| rule.is_about(&asked)).collect();
        let first = |get: fn(&AlarmRuleConfig) -> Option<u32>| fits.iter().find_map(|rule| get(rule));
        let minutes = |n: u32| Millis::minutes(i64::from(n));
        let some = |n: u32| (n > 0).then_some(minutes(n));
        AlarmRules {
            is_latched: fits
                .iter()
                .find_map(|rule| rule.is_latched)
                .unwrap_or(alarm.facts.is_latched),
            shelving_limit: minutes(first(|r| r.shelving_limit_min).unwrap_or(self.config.shelving_limit_min)),
            re_alarm_after: some(first(|r| r.re_alarm_min).unwrap_or(self.config.re_alarm_min)),
            stale_after: some(first(|r| r.stale_after_min).unwrap_or(self.config.stale_after_min)),
        }
    }

    /// Machines that hang on others.
    pub(crate) fn parents(&self) -> &[ParentConfig] {
        &self.config.parents
    }

    /// What the tree of the registry means for alarms.
    pub(crate) fn topology(&self) -> &TopologyConfig {
        &self.config.topology
    }

    /// Alarms that follow from one another.
    pub(crate) fn first_up(&self) -> &[FirstUpConfig] {
        &self.config.first_up
    }

    /// Why there is an alarm and what to do about it.
    pub fn rationale(&self, profile: &str, mode: &FailureModeId) -> Option<&Rationale> {
        let all = self.config.rationalisation.iter();
        all.into_iter()
            .find(|r| r.profile == profile && r.mode == mode.as_str())
    }

    /// Failure modes of a profile that may not be released: those without a rationalisation, where the site wants one. Paths
    /// are below `alerting`.
    pub fn unreleased(&self, profile: &Profile) -> Vec<Problem> {
        if !self.config.needs_rationalisation {
            return Vec::new();
        }
        let missing = profile
            .modes
            .iter()
            .filter(|m| self.rationale(&profile.id, &m.id).is_none());
        missing
            .map(|mode| {
                let message = format!(
                    "{} of profile {} has no record; cause, consequence, response and time to respond are expected before it is \
                     released",
                    mode.id, profile.id
                );
                Problem::at("alarms.rationalisation", message)
            })
            .collect()
    }
}

struct AlarmRef<'a> {
    device: &'a DeviceKey,
    mode: &'a FailureModeId,
    profile: &'a str,
    asset: &'a Asset,
}

impl AlarmRuleConfig {
    fn is_about(&self, alarm: &AlarmRef<'_>) -> bool {
        let fits_mode = self.modes.is_empty() || fits(&self.modes, alarm.mode);
        fits_mode && self.covers.covers(alarm.device, alarm.profile, alarm.asset)
    }
}

/// Whether a failure mode fits one of the patterns.
pub(crate) fn fits(patterns: &[String], mode: &FailureModeId) -> bool {
    patterns.iter().any(|pattern| matches(pattern, mode.as_str()))
}

impl AlarmsConfig {
    /// Makes the settings; what is wrong goes to `problems`.
    pub(super) fn check(&self, problems: &mut Vec<Problem>) -> AlarmSettings {
        let mut shelving = |path: String, minutes: u32| {
            if minutes == 0 {
                let message = "0 minutes; at least 1 is expected, or nobody could shelve anything";
                problems.push(Problem::at(path.clone(), message));
            }
            if minutes > MOST_MINUTES {
                problems.push(too_long(path, minutes));
            }
        };
        shelving("alarms.shelving_limit_min".into(), self.shelving_limit_min);
        for (i, rule) in self.rules.iter().enumerate() {
            if let Some(minutes) = rule.shelving_limit_min {
                shelving(format!("alarms.rules[{i}].shelving_limit_min"), minutes);
            }
        }
        let mut long = |path: String, minutes: Option<u32>| {
            if let Some(minutes) = minutes.filter(|m| *m > MOST_MINUTES) {
                problems.push(too_long(path, minutes));
            }
        };
        long("alarms.re_alarm_min".into(), Some(self.re_alarm_min));
        long("alarms.stale_after_min".into(), Some(self.stale_after_min));
        for (i, rule) in self.rules.iter().enumerate() {
            long(format!("alarms.rules[{i}].re_alarm_min"), rule.re_alarm_min);
            long(format!("alarms.rules[{i}].stale_after_min"), rule.stale_after_min);
        }
        for (i, first_up) in self.first_up.iter().enumerate() {
            long(format!("alarms.first_up[{i}].within_min"), Some(first_up.within_min));
        }
        if self.chattering_raises == 1 || self.chattering_raises > MAX_RAISES {
            let message = format!(
                "{} raises; 2 to {MAX_RAISES} are expected, or 0 for none",
                self.chattering_raises
            );
            problems.push(Problem::at("alarms.chattering_raises", message));
        }
        for (i, rule) in self.rules.iter().enumerate() {
            problems.extend(rule.covers.problems(&format!("alarms.rules[{i}].covers")));
        }
        for (i, parent) in self.parents.iter().enumerate() {
            let path = format!("alarms.parents[{i}]");
            problems.extend(parent.children.problems(&format!("{path}.children")));
            if parent.children.is_everything() {
                let message = "say which machines hang on it; it cannot be all";
                problems.push(Problem::at(format!("{path}.children"), message));
            }
            if parent.modes.is_empty() || parent.hides.is_empty() {
                problems.push(Problem::at(
                    path,
                    "at least one failure mode is expected in modes and in hides",
                ));
            }
        }
        for (i, first_up) in self.first_up.iter().enumerate() {
            let path = format!("alarms.first_up[{i}]");
            problems.extend(first_up.covers.problems(&format!("{path}.covers")));
            if first_up.modes.is_empty() {
                problems.push(Problem::at(
                    format!("{path}.modes"),
                    "at least one failure mode is expected",
                ));
            }
        }
        for (i, rationale) in self.rationalisation.iter().enumerate() {
            for gap in rationale.gaps() {
                let path = format!("alarms.rationalisation[{i}].{gap}");
                problems.push(Problem::at(path, "is missing; an alarm cannot be released without it"));
            }
        }
        let seconds = |n: u32| Millis::seconds(i64::from(n));
        AlarmSettings {
            config: self.clone(),
            habits: HabitRules {
                chattering_raises: self.chattering_raises,
                chattering_within: seconds(self.chattering_within_s),
                fleeting_within: seconds(self.fleeting_within_s),
            },
        }
    }
}
