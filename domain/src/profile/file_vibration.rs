//! The part of a profile's TOML form that says which sensors are followed, and its check.

use super::{Checker, warning};
use crate::profile::RuleKind;
use crate::vibration::limits::{DEFAULT_LIMITS, LIMIT_SETS, LimitSet};
use crate::vibration::{MOST_WATCHES, VibrationFault, VibrationWatch, WatchedBearing};
use crate::{RuleId, SensorName, Severity};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VibrationFile {
    id: RuleId,
    sensor: SensorName,
    bearing: String,
    teeth: Option<u32>,
    limits: Option<String>,
    rpm: Option<f64>,
    #[serde(default = "warning")]
    severity: Severity,
}

impl Checker {
    /// Each sensor that is followed, with a rule for everything that its diagnosis may name.
    pub(super) fn vibration(&mut self, files: &[VibrationFile]) -> Vec<VibrationWatch> {
        if files.len() > MOST_WATCHES {
            let count = files.len();
            self.wrong(
                "vibration",
                format!("{count} sensors, at most {MOST_WATCHES} can be followed"),
            );
        }
        let mut watches: Vec<VibrationWatch> = Vec::new();
        for (i, v) in files.iter().enumerate() {
            let path = format!("vibration[{i}]");
            let bearing = WatchedBearing::parse(&v.bearing)
                .map_err(|message| self.wrong(format!("{path}.bearing"), message))
                .ok();
            let limits = match v.limits.as_deref().map(LimitSet::named) {
                None => DEFAULT_LIMITS,
                Some(Some(limits)) => limits,
                Some(None) => {
                    let known: Vec<&str> = LIMIT_SETS.iter().map(|set| set.id).collect();
                    self.wrong(format!("{path}.limits"), format!("known are {}", known.join(", ")));
                    DEFAULT_LIMITS
                }
            };
            if let Some(rpm) = v.rpm {
                self.positive(format!("{path}.rpm"), rpm);
            }
            if v.teeth.is_some_and(|teeth| !(4..=1_000).contains(&teeth)) {
                self.wrong(format!("{path}.teeth"), "a gear has 4 to 1000 teeth");
            }
            if watches.iter().any(|w| w.sensor == v.sensor) {
                self.wrong(
                    format!("{path}.sensor"),
                    format!("sensor {} is followed twice", v.sensor),
                );
            }
            let watch = i;
            for fault in VibrationFault::ALL {
                self.rule(
                    format!("{}.{}", v.id, fault.as_str()),
                    RuleKind::Vibration { watch, fault },
                );
            }
            watches.extend(bearing.map(|bearing| VibrationWatch {
                id: v.id.clone(),
                sensor: v.sensor.clone(),
                bearing,
                gear_teeth: v.teeth,
                limits,
                rpm: v.rpm,
                severity: v.severity,
            }));
        }
        watches
    }
}
