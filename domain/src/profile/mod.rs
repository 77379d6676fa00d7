//! Device profiles: what a kind of machine measures, which rules watch it, how it fails, and what to do then.
//!
//! A [`Profile`] is checked: every rule that a failure mode names exists, every metric that a rule names is declared, and
//! indices are dense. The TOML form is in [`file`], the profiles that come with the product in [`shipped`].

mod file;
mod operation;
pub mod shipped;

pub use file::parse;
pub use operation::{MAX_OPERATING_MODES, ModeMask, OperatingMode, OperatingModes, Telling};

use crate::vibration::{VibrationFault, VibrationWatch};
use crate::{FailureModeId, Impact, MetricName, Millis, ModeIndex, RuleId, Severity, text::Text};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Most failure modes of one profile: they are kept as the bits of one word.
pub const MAX_MODES: usize = 64;
/// Most rules of one profile.
pub const MAX_RULES: usize = 256;

/// A kind of machine.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// Its name, such as `pump`.
    pub id: String,
    /// Its version, shown with every alarm it caused.
    pub version: u32,
    /// For people.
    pub title: Text,
    /// How often such a machine sends telemetry.
    pub expected_interval: Millis,
    /// What a failure costs where the failure mode says nothing of its own.
    pub impact: Impact,
    /// The metrics it knows.
    pub metrics: BTreeMap<MetricName, MetricSpec>,
    /// Whether metrics that are not declared are watched too (by rules for all metrics).
    pub learns_unknown_metrics: bool,
    /// The rules; a rule's index is its place here.
    pub rules: Vec<Rule>,
    /// Sensors whose waveform snapshots are followed.
    pub vibration: Vec<VibrationWatch>,
    /// The failure modes; [`ModeIndex`] is the place here. The last ones are built in: see [`BuiltIn`].
    pub modes: Vec<FailureMode>,
    /// Where the built-in failure modes stand.
    pub built_in: BuiltIn,
    /// The device's own fault codes that are known.
    pub fault_codes: BTreeMap<String, FaultCode>,
    /// Maintenance that is due by use or time.
    pub maintenance: Vec<MaintenancePlan>,
    /// What tells in which way the machine is working; none: it has one way.
    pub operation: Option<OperatingModes>,
    /// The text that it was read from.
    pub text: Arc<str>,
}

impl Profile {
    /// The same, with the text that it was read from.
    pub(crate) fn read_from(self, text: &str) -> Profile {
        Profile {
            text: text.into(),
            ..self
        }
    }

    /// The failure mode behind an index of this profile.
    pub fn mode(&self, index: ModeIndex) -> Option<&FailureMode> {
        self.modes.get(usize::from(index.0))
    }

    /// The index of a failure mode by name.
    pub fn mode_index(&self, id: &str) -> Option<ModeIndex> {
        self.modes
            .iter()
            .position(|m| m.id.as_str() == id)
            .map(|i| ModeIndex(i as u16))
    }
}

/// Failure modes that every profile has, so that no rule speaks to nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BuiltIn {
    /// `no_data`: the device fell silent.
    pub no_data: ModeIndex,
    /// `sensor_fault`: a sensor is stuck or outside its physical range.
    pub sensor_fault: ModeIndex,
    /// `device_fault`: the device reported a code that the profile does not map.
    pub device_fault: ModeIndex,
    /// `abnormal_behaviour`: a learned rule spoke that no other failure mode names.
    pub abnormal_behaviour: ModeIndex,
}

impl BuiltIn {
    /// Whether a failure mode is one of the data only: silence, or a sensor that cannot be believed. It tells nothing of the machine.
    pub fn is_of_data(&self, mode: ModeIndex) -> bool {
        mode == self.no_data || mode == self.sensor_fault
    }
}

/// What a metric is.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricSpec {
    /// Its unit as printed, `mm/s`.
    pub unit: String,
    /// For people; empty if the name says it.
    pub title: Text,
    /// What it is used for.
    pub role: Role,
}

/// What a metric is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A condition of the machine: watched and learned.
    #[default]
    Condition,
    /// A counter that only grows (running hours, trips): drives maintenance, is not learned.
    Counter,
    /// How the machine is being used (load, set-point): context, is not learned.
    Context,
}

/// One detection rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Its name, unique in the profile.
    pub id: RuleId,
    /// What it does.
    pub kind: RuleKind,
    /// The failure modes that name it anywhere.
    pub modes: Vec<ModeIndex>,
}

/// A limit and how bad it is to pass it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Level {
    /// How bad.
    pub severity: Severity,
    /// In the metric's unit. A value equal to the limit has not passed it (ISO 20816: a zone includes its upper limit).
    pub limit: f64,
}

/// Which way is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Too high, or rising too fast.
    #[default]
    Above,
    /// Too low, or falling too fast.
    Below,
}

/// Which metrics a learned rule watches.
#[derive(Debug, Clone, PartialEq)]
pub enum MetricSet {
    /// Every metric with the role `condition`, and unknown ones if the profile learns them.
    AllConditions,
    /// These.
    Listed(Vec<MetricName>),
}

/// What a rule does.
#[derive(Debug, Clone, PartialEq)]
pub enum RuleKind {
    /// Fixed limits with hysteresis.
    Limit {
        /// What is compared.
        metric: MetricName,
        /// Which way is wrong.
        direction: Direction,
        /// From the mildest to the worst; at least one.
        levels: Vec<Level>,
        /// How far back inside the mildest limit the value must come before the rule is quiet again; in the metric's unit.
        deadband: f64,
        /// Where the limits come from, for people: `ISO 10816-3:2009 group 2 rigid`.
        source: String,
        /// The operating modes in which they hold; none: in all.
        in_modes: Option<ModeMask>,
    },
    /// Change too fast: least-squares slope over a window.
    Rate {
        /// What is watched.
        metric: MetricName,
        /// Which way is wrong.
        direction: Direction,
        /// The slope that is too steep, a positive number in units per hour.
        limit_per_hour: f64,
        /// Over how long.
        window: Millis,
        /// How bad.
        severity: Severity,
    },
    /// Learns each series by itself: robust location and scale with slow adaptation, frozen while an alarm stands.
    Baseline {
        /// What is watched.
        metrics: MetricSet,
        /// How bad.
        severity: Severity,
        /// False alarms allowed per device and month of 30 days; sets the threshold.
        false_alarms_per_month: f64,
        /// Readings before it may speak.
        warm_up: u32,
    },
    /// Exponentially weighted mean and variance with a fixed z limit; anomalous values are not learned.
    EwmaZ {
        /// What is watched.
        metrics: Vec<MetricName>,
        /// Weight of the newest value, 0 to 1.
        alpha: f64,
        /// Standard deviations.
        z_limit: f64,
        /// Readings before it may speak.
        warm_up: u32,
        /// How bad.
        severity: Severity,
    },
    /// Streaming half-space trees (Tan, Ting, Liu, IJCAI 2011) over several metrics of one device.
    HalfSpaceTrees {
        /// Metrics with the range that is mapped to 0..1.
        ranges: Vec<(MetricName, f64, f64)>,
        /// Number of trees.
        trees: u16,
        /// Height of each tree.
        height: u8,
        /// Readings per window of reference mass.
        window: u16,
        /// Seed of the random splits, the same for every device.
        seed: u64,
        /// Score (0 to 1) above which the rule speaks; none: the score is only recorded.
        threshold: Option<f64>,
        /// The metric under which the score is stored in history; none: it is not stored.
        record_as: Option<MetricName>,
        /// How bad.
        severity: Severity,
    },
    /// The snapshots of a sensor are worse than they were when it was new, and their diagnosis names this fault.
    Vibration {
        /// The place in [`Profile::vibration`].
        watch: usize,
        /// What was named.
        fault: VibrationFault,
    },
    /// The same value for too long.
    Stuck {
        /// What is watched.
        metric: MetricName,
        /// For how long, device time.
        after: Millis,
    },
    /// Outside what the sensor can measure: such values have quality Bad and reach no other rule.
    PhysicalRange {
        /// What is watched.
        metric: MetricName,
        /// Lowest possible.
        min: f64,
        /// Highest possible.
        max: f64,
    },
    /// The device fell silent, by our clock.
    Absence {
        /// For how long.
        after: Millis,
    },
}

/// How a machine fails, how that shows, and what to do then.
#[derive(Debug, Clone, PartialEq)]
pub struct FailureMode {
    /// Its name, such as `bearing_wear`.
    pub id: FailureModeId,
    /// For people.
    pub title: Text,
    /// Rules (places in [`Profile::rules`]) of which any one shows it.
    pub any_of: Vec<usize>,
    /// Rules that must all speak as well.
    pub all_of: Vec<usize>,
    /// Rules of which none may speak, because then it is something else.
    pub none_of: Vec<usize>,
    /// The part that fails.
    pub part: String,
    /// From first detectable to functional failure.
    pub pf_interval: Option<Millis>,
    /// Whether people may be harmed; makes the ticket an emergency.
    pub is_safety: bool,
    /// What the failure costs.
    pub impact: Impact,
    /// What to do.
    pub action: Text,
    /// Parts to bring.
    pub parts: Vec<String>,
    /// Skills needed.
    pub skills: Vec<String>,
    /// When the condition becomes an alarm, and when it is gone.
    pub policy: AlarmPolicy,
    /// The severity from which a ticket is opened; none: never by itself.
    pub ticket_from: Option<Severity>,
    /// The trend by which time left is told.
    pub wear: Option<Wear>,
    /// At which age machines of this kind fail in this way.
    pub life: Option<KindLife>,
}

/// How long parts of a kind live: a Weibull distribution over running hours.
#[derive(Debug, Clone, PartialEq)]
pub struct KindLife {
    /// The counter of running hours.
    pub metric: MetricName,
    /// Shape, β: below 1 early failures, about 1 chance, above 1 wear.
    pub beta: f64,
    /// Scale, η: by this age 63.2 % have failed.
    pub eta_hours: f64,
    /// Where the figures come from, for people.
    pub source: String,
}

/// The trend that leads to the failure.
#[derive(Debug, Clone, PartialEq)]
pub struct Wear {
    /// What grows (or falls).
    pub metric: MetricName,
    /// Which way is worse.
    pub direction: Direction,
    /// The value at which the machine counts as failed, in the metric's unit.
    pub failure_limit: f64,
    /// The operating modes in which the metric tells the wear; none: in all.
    pub in_modes: Option<ModeMask>,
}

/// The knobs between a condition and an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AlarmPolicy {
    /// The condition must hold this long (device time).
    pub on_delay_ms: i64,
    /// It must be gone this long (device time).
    pub off_delay_ms: i64,
    /// It must hold for this many readings in a row; at least 1.
    pub raise_after: u32,
    /// It must be gone for this many readings in a row; at least 1.
    pub clear_after: u32,
    /// Stays until a person resets it.
    pub is_latched: bool,
}

impl Default for AlarmPolicy {
    fn default() -> Self {
        AlarmPolicy {
            on_delay_ms: 0,
            off_delay_ms: 0,
            raise_after: 3,
            clear_after: 5,
            is_latched: false,
        }
    }
}

/// A fault code of the device that the profile knows.
#[derive(Debug, Clone, PartialEq)]
pub struct FaultCode {
    /// What it means.
    pub mode: ModeIndex,
    /// How bad.
    pub severity: Severity,
    /// For people.
    pub text: Text,
    /// The service that it calls for at least, whatever the severity; none: as for any alarm.
    pub service: Option<Service>,
    /// What it likely comes from; empty if nobody knows.
    pub cause: Text,
}

/// Which service something calls for, the mildest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Service {
    /// Work at the next opportunity.
    MaintenanceReminder,
    /// Somebody has to go and look.
    OnSiteInspection,
    /// People may be harmed.
    Emergency,
}

/// Maintenance due by use or by time.
#[derive(Debug, Clone, PartialEq)]
pub struct MaintenancePlan {
    /// Its name, unique in the profile; a ticket's failure mode is `plan.` and this.
    pub id: FailureModeId,
    /// For people.
    pub title: Text,
    /// What to do.
    pub action: Text,
    /// Parts to bring.
    pub parts: Vec<String>,
    /// When.
    pub due: MaintenanceDue,
    /// What is to be done and looked at, point by point.
    pub checklist: Vec<Text>,
    /// How long before its date it may be done and still counts: to go along with another visit, or ahead of a failure that is
    /// foretold.
    pub grace_before: Millis,
    /// How long after its date it may be done and is in time.
    pub grace_after: Millis,
}

/// When maintenance is due.
#[derive(Debug, Clone, PartialEq)]
pub enum MaintenanceDue {
    /// At every multiple of a counter (running hours).
    Counter {
        /// The counter.
        metric: MetricName,
        /// Every so many units.
        every: f64,
        /// Reminded so many units before.
        lead: f64,
    },
    /// Every so long after the device was first seen.
    Calendar {
        /// Every so long.
        every: Millis,
        /// Reminded so long before.
        lead: Millis,
    },
}
