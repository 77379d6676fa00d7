//! A sensor whose waveform snapshots are followed from new to worn, as a profile describes it.

use super::bearing::BearingGeometry;
use super::catalogue;
use super::limits::LimitSet;
use crate::{RuleId, SensorName, Severity};

/// Most sensors that one profile may follow: each keeps a few hundred bytes per device.
pub const MOST_WATCHES: usize = 16;

/// One sensor and the bearing it sits on.
#[derive(Debug, Clone, PartialEq)]
pub struct VibrationWatch {
    /// Its name; its rules are called `{id}.bearing`, `{id}.unbalance` and so on, see [`VibrationFault`].
    pub id: RuleId,
    /// The sensor, as in the topic `forewarn/{site}/{device}/waveform/{sensor}`.
    pub sensor: SensorName,
    /// The bearing.
    pub bearing: WatchedBearing,
    /// Teeth of a gear on this shaft; without it gears are not judged.
    pub gear_teeth: Option<u32>,
    /// Limits of velocity for this machine.
    pub limits: &'static LimitSet,
    /// Shaft speed where a snapshot does not tell it, revolutions per minute.
    pub rpm: Option<f64>,
    /// How bad an alarm is.
    pub severity: Severity,
}

/// The bearing of a watch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WatchedBearing {
    /// What its fault frequencies depend on.
    pub geometry: BearingGeometry,
    /// Its name in the catalogue; none if the profile gave the geometry.
    pub name: Option<&'static str>,
}

impl WatchedBearing {
    /// Reads a name of the catalogue, or `n,d,D,phi`.
    ///
    /// # Errors
    /// A sentence that says what is wrong, with names that are near.
    pub fn parse(text: &str) -> Result<WatchedBearing, String> {
        if let Some(entry) = catalogue::find(text) {
            return Ok(WatchedBearing {
                geometry: entry.geometry,
                name: Some(entry.name),
            });
        }
        if text.contains(',') {
            let geometry = BearingGeometry::parse(text).map_err(|error| error.to_string())?;
            return Ok(WatchedBearing { geometry, name: None });
        }
        Err(format!(
            "no bearing of this name is known; near ones are {}; or give number of elements, element diameter, pitch diameter and contact angle, such as 9,7.94,39.04,0",
            catalogue::near(text).join(", ")
        ))
    }
}

/// What the diagnosis of an alarm named. Each is a rule of its own, so that a failure mode can name it; what no failure mode
/// names shows as `abnormal_behaviour`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum VibrationFault {
    /// A race or a rolling element: `{id}.bearing`.
    Bearing,
    /// `{id}.unbalance`.
    Unbalance,
    /// `{id}.misalignment`.
    Misalignment,
    /// `{id}.looseness`.
    Looseness,
    /// `{id}.gear`.
    Gear,
    /// Something else, or nothing that could be named: `{id}.unnamed`.
    Unnamed,
}

impl VibrationFault {
    /// All of them, in the order of their rules.
    pub const ALL: [VibrationFault; 6] = [
        VibrationFault::Bearing,
        VibrationFault::Unbalance,
        VibrationFault::Misalignment,
        VibrationFault::Looseness,
        VibrationFault::Gear,
        VibrationFault::Unnamed,
    ];

    /// The end of its rule's name.
    pub fn as_str(self) -> &'static str {
        match self {
            VibrationFault::Bearing => "bearing",
            VibrationFault::Unbalance => "unbalance",
            VibrationFault::Misalignment => "misalignment",
            VibrationFault::Looseness => "looseness",
            VibrationFault::Gear => "gear",
            VibrationFault::Unnamed => "unnamed",
        }
    }
}
