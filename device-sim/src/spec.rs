//! The fleet specification: which machines, which faults, how the links behave. A TOML file or a value made in code;
//! checked as a whole by [`crate::fleet::Fleet::new`]. No I/O: the text of a file is an argument.

use domain::SiteName;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::catalogue::{Fault, MachineKind};

/// Most machines of one fleet.
pub const MAX_DEVICES: u32 = 100_000;

/// A fleet as it is written down, not yet checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FleetSpec {
    /// Everything random comes from here.
    pub seed: u64,
    /// Machine time at the start, ms since 1970; written as RFC 3339. The binary takes the current time if it is missing.
    #[serde(default, rename = "start", with = "rfc3339", skip_serializing_if = "Option::is_none")]
    pub start_ms: Option<i64>,
    /// Machine seconds per real second.
    #[serde(default = "one")]
    pub speed: f64,
    /// Sites with their machines.
    #[serde(rename = "site")]
    pub sites: Vec<SiteSpec>,
    /// Telemetry intervals.
    #[serde(default)]
    pub interval_s: Intervals,
    /// Faults of named devices.
    #[serde(default, rename = "fault", skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<FaultSpec>,
    /// Further faults, dealt out by the seed to machines that have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub random_faults: Option<RandomFaults>,
    /// How badly the sensors' links behave.
    #[serde(default)]
    pub link: LinkSpec,
    /// Waveform snapshots of the pumps.
    #[serde(default)]
    pub waveform: WaveformSpec,
    /// Pumps that turn at two speeds; all at full speed if missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub two_speed: Option<TwoSpeed>,
}

/// A site and how many machines of each kind it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteSpec {
    /// Site id in the topics.
    pub name: String,
    /// Number of pumps.
    #[serde(default)]
    pub pump: u32,
    /// Number of elevators.
    #[serde(default)]
    pub elevator: u32,
    /// Number of air conditioners.
    #[serde(default)]
    pub air_conditioner: u32,
}

impl SiteSpec {
    /// How many machines of this kind.
    #[must_use]
    pub fn count(&self, kind: MachineKind) -> u32 {
        match kind {
            MachineKind::Pump => self.pump,
            MachineKind::Elevator => self.elevator,
            MachineKind::AirConditioner => self.air_conditioner,
        }
    }

    /// Ids of its devices with their kinds: `pump-001`, …
    pub fn devices(&self) -> impl Iterator<Item = (String, MachineKind)> + '_ {
        MachineKind::ALL.into_iter().flat_map(move |kind| {
            (1..=self.count(kind)).map(move |number| (format!("{}-{number:03}", kind.device_prefix()), kind))
        })
    }
}

/// Machine seconds between two telemetry messages of a device.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Intervals {
    /// Of a pump.
    pub pump: f64,
    /// Of an elevator.
    pub elevator: f64,
    /// Of an air conditioner.
    pub air_conditioner: f64,
}

impl Intervals {
    /// Of this kind.
    #[must_use]
    pub fn of(&self, kind: MachineKind) -> f64 {
        match kind {
            MachineKind::Pump => self.pump,
            MachineKind::Elevator => self.elevator,
            MachineKind::AirConditioner => self.air_conditioner,
        }
    }
}

impl Default for Intervals {
    fn default() -> Intervals {
        Intervals {
            pump: MachineKind::Pump.default_interval_s(),
            elevator: MachineKind::Elevator.default_interval_s(),
            air_conditioner: MachineKind::AirConditioner.default_interval_s(),
        }
    }
}

/// A fault of one device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultSpec {
    /// Site id.
    pub site: String,
    /// Device id.
    pub device: String,
    /// What breaks.
    pub mode: Fault,
    /// Machine minutes from the start to the first sign.
    pub onset_min: f64,
    /// P-F interval: machine minutes from the first sign to failure.
    pub pf_min: f64,
    /// Machine minutes from failure to repair; never repaired if missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repair_after_min: Option<f64>,
}

/// Faults dealt out by the seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomFaults {
    /// How many machines get one.
    pub count: u32,
    /// Earliest and latest onset, machine minutes from the start.
    pub onset_min: [f64; 2],
    /// Shortest and longest P-F interval, machine minutes.
    pub pf_min: [f64; 2],
}

/// What a sensor's link does to its telemetry before it is published. Chances are per message, 0..1.
/// Publishing itself loses nothing: that is the outbox's promise.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LinkSpec {
    /// Chance that a message is never sent: a gap in `seq`.
    pub lose: f64,
    /// Chance that a message is sent twice with the same `seq`.
    pub repeat: f64,
    /// Chance that a message leaves after its successor.
    pub reorder: f64,
    /// Chance that a message is sent late.
    pub delay: f64,
    /// Longest delay in machine seconds.
    pub delay_s_max: f64,
}

impl Default for LinkSpec {
    fn default() -> LinkSpec {
        LinkSpec {
            lose: 0.0,
            repeat: 0.0,
            reorder: 0.0,
            delay: 0.0,
            delay_s_max: 60.0,
        }
    }
}

/// Pumps that turn slower for a part of the time, as it is needed and not by the clock.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TwoSpeed {
    /// The lower speed, as a share of the full one.
    pub low: f64,
    /// Machine minutes after which the speed may change.
    pub every_min: f64,
}

/// When and how pumps take waveform snapshots.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WaveformSpec {
    /// Machine minutes between two snapshots of a pump; 0 for none.
    pub every_min: f64,
    /// Samples per snapshot.
    pub samples: u32,
    /// Sample rate.
    pub sample_rate_hz: f64,
}

impl Default for WaveformSpec {
    fn default() -> WaveformSpec {
        WaveformSpec {
            every_min: 10.0,
            samples: 2048,
            sample_rate_hz: 12_800.0,
        }
    }
}

const fn one() -> f64 {
    1.0
}

mod rfc3339 {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(ms: &Option<i64>, serializer: S) -> Result<S::Ok, S::Error> {
        match ms.map(jiff::Timestamp::from_millisecond) {
            Some(Ok(at)) => serializer.serialize_str(&at.to_string()),
            Some(Err(_)) | None => serializer.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
        let text = String::deserialize(deserializer)?;
        let at: jiff::Timestamp = text.parse().map_err(|cause| {
            D::Error::custom(format!(
                "`{text}` is not an RFC 3339 time such as 2026-01-05T08:00:00Z: {cause}"
            ))
        })?;
        Ok(Some(at.as_millisecond()))
    }
}

/// One thing wrong in a spec.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecProblem {
    /// Where: `fault[1].device`.
    pub path: String,
    /// What, and what would be right.
    pub problem: String,
}

/// Why a spec is refused.
#[derive(Debug, Error)]
pub enum SpecError {
    /// Not TOML, an unknown key, a wrong type. The cause shows line and column.
    #[error("cannot read fleet spec")]
    Syntax(#[from] toml::de::Error),
    /// Readable, but it makes no sense; all problems at once.
    #[error("fleet spec does not hold together:{}", list(.0))]
    Invalid(Vec<SpecProblem>),
}

fn list(problems: &[SpecProblem]) -> String {
    problems
        .iter()
        .map(|problem| format!("\n  {}: {}", problem.path, problem.problem))
        .collect()
}

impl FleetSpec {
    /// A fleet of one site without faults, as a base to build on.
    #[must_use]
    pub fn of_site(seed: u64, start_ms: i64, site: SiteSpec) -> FleetSpec {
        FleetSpec {
            seed,
            start_ms: Some(start_ms),
            speed: 1.0,
            sites: vec![site],
            interval_s: Intervals::default(),
            faults: Vec::new(),
            random_faults: None,
            link: LinkSpec::default(),
            waveform: WaveformSpec::default(),
            two_speed: None,
        }
    }

    /// Reads the text of a TOML file.
    ///
    /// # Errors
    /// [`SpecError::Syntax`] with line and column.
    pub fn from_toml(text: &str) -> Result<FleetSpec, SpecError> {
        Ok(toml::from_str(text)?)
    }

    /// The fleet of the demo: 24 machines in two sites, 6 of which break one after the other.
    ///
    /// Made for `speed` 60 (one machine minute per second): telemetry each 5 machine seconds is 288 messages a second;
    /// every machine is healthy for the first 8 minutes, so that baselines can settle. Onset and failure in machine
    /// minutes, which are real seconds at that speed:
    ///
    /// | device | fault | onset | failure |
    /// | --- | --- | --- | --- |
    /// | north-plant pump-002 | bearing_wear | 8 | 58 |
    /// | harbour-tower elevator-003 | door_wear | 10 | 70 |
    /// | harbour-tower ac-002 | refrigerant_leak | 15 | 95 |
    /// | north-plant pump-005 | cavitation | 30 | 130 |
    /// | harbour-tower elevator-005 | brake_drag (safety) | 45 | 165 |
    /// | north-plant ac-001 | compressor_wear | 90 | 330 |
    ///
    /// Signs leave the healthy range about here: door over 3.3 s at minute 29, pump over 2.8 mm/s (ISO zone C) at 32, suction
    /// under 7.6 bar at 34, cavitation over 2.8 mm/s and under 3.2 bar together at 90, ride current over 21.5 A at 104.
    /// One message in a hundred is repeated, and a few come late or out of order; nothing is lost.
    #[must_use]
    pub fn demo(seed: u64, start_ms: i64) -> FleetSpec {
        let site = |name: &str, pump, elevator, air_conditioner| SiteSpec {
            name: name.to_owned(),
            pump,
            elevator,
            air_conditioner,
        };
        let fault = |site: &str, device: &str, mode, onset_min, pf_min| FaultSpec {
            site: site.to_owned(),
            device: device.to_owned(),
            mode,
            onset_min,
            pf_min,
            repair_after_min: None,
        };
        FleetSpec {
            seed,
            start_ms: Some(start_ms),
            speed: 60.0,
            sites: vec![site("harbour-tower", 0, 6, 6), site("north-plant", 10, 0, 2)],
            interval_s: Intervals {
                pump: 5.0,
                elevator: 5.0,
                air_conditioner: 5.0,
            },
            faults: vec![
                fault("north-plant", "pump-002", Fault::BearingWear, 8.0, 50.0),
                fault("harbour-tower", "elevator-003", Fault::DoorWear, 10.0, 60.0),
                fault("harbour-tower", "ac-002", Fault::RefrigerantLeak, 15.0, 80.0),
                fault("north-plant", "pump-005", Fault::Cavitation, 30.0, 100.0),
                fault("harbour-tower", "elevator-005", Fault::BrakeDrag, 45.0, 120.0),
                fault("north-plant", "ac-001", Fault::CompressorWear, 90.0, 240.0),
            ],
            random_faults: None,
            link: LinkSpec {
                lose: 0.0,
                repeat: 0.01,
                reorder: 0.002,
                delay: 0.001,
                delay_s_max: 20.0,
            },
            waveform: WaveformSpec {
                every_min: 5.0,
                ..WaveformSpec::default()
            },
            two_speed: None,
        }
    }

    /// Everything that is wrong with it.
    #[must_use]
    pub fn problems(&self) -> Vec<SpecProblem> {
        let mut found = Problems(Vec::new());
        found.check(self.start_ms.is_some(), "start", "is missing: an RFC 3339 time");
        found.check(self.speed.is_finite() && self.speed > 0.0, "speed", "must be above 0");
        let total: u64 = self.sites.iter().map(|site| site.devices().count() as u64).sum();
        found.check(
            total > 0,
            "site",
            "has no machine: set pump, elevator or air_conditioner",
        );
        found.check(total <= u64::from(MAX_DEVICES), "site", "has more than 100000 machines");
        for (index, site) in self.sites.iter().enumerate() {
            let path = format!("site[{index}].name");
            found.check(
                SiteName::new(&site.name).is_ok(),
                &path,
                "must be 1 to 64 of A-Z a-z 0-9 . _ -",
            );
            let is_first = self.sites[..index].iter().all(|earlier| earlier.name != site.name);
            found.check(is_first, &path, "is there twice");
        }
        for kind in MachineKind::ALL {
            let is_right = (0.01..=86_400.0).contains(&self.interval_s.of(kind));
            found.check(is_right, &format!("interval_s.{}", kind.id()), "must be 0.01 to 86400");
        }
        for (index, fault) in self.faults.iter().enumerate() {
            self.check_fault(index, fault, &mut found);
        }
        if let Some(random) = &self.random_faults {
            for (name, [low, high], least) in [("onset_min", random.onset_min, 0.0), ("pf_min", random.pf_min, 0.1)] {
                let is_right = low >= least && low <= high && high <= MINUTES_MAX;
                let problem = format!("must be [low, high] with {least} <= low <= high <= {MINUTES_MAX}");
                found.check(is_right, &format!("random_faults.{name}"), &problem);
            }
        }
        let link = &self.link;
        for (name, chance) in [
            ("lose", link.lose),
            ("repeat", link.repeat),
            ("reorder", link.reorder),
            ("delay", link.delay),
        ] {
            found.check(
                (0.0..=1.0).contains(&chance),
                &format!("link.{name}"),
                "is a chance: 0 to 1",
            );
        }
        found.check(
            (0.0..=3600.0).contains(&link.delay_s_max),
            "link.delay_s_max",
            "must be 0 to 3600",
        );
        if let Some(two_speed) = &self.two_speed {
            let is_right = (0.2..1.0).contains(&two_speed.low);
            found.check(is_right, "two_speed.low", "is a share of the full speed: 0.2 to 1");
            let is_right = (0.1..=MINUTES_MAX).contains(&two_speed.every_min);
            found.check(is_right, "two_speed.every_min", "must be 0.1 minutes or more");
        }
        let waveform = &self.waveform;
        found.check(
            (0.0..=MINUTES_MAX).contains(&waveform.every_min),
            "waveform.every_min",
            "must be 0 (none) or more",
        );
        found.check(
            (16..=65_536).contains(&waveform.samples),
            "waveform.samples",
            "must be 16 to 65536",
        );
        let is_right = (100.0..=200_000.0).contains(&waveform.sample_rate_hz);
        found.check(is_right, "waveform.sample_rate_hz", "must be 100 to 200000");
        found.0
    }

    fn check_fault(&self, index: usize, fault: &FaultSpec, found: &mut Problems) {
        let at = |field: &str| format!("fault[{index}].{field}");
        match self.sites.iter().find(|site| site.name == fault.site) {
            None => found.check(false, &at("site"), &format!("`{}` is none of the sites", fault.site)),
            Some(site) => match site.devices().find(|(id, _)| *id == fault.device) {
                None => {
                    found.check(
                        false,
                        &at("device"),
                        &format!("`{}` is no device of {}", fault.device, site.name),
                    );
                }
                Some((_, kind)) => {
                    let ids: Vec<&str> = kind.faults().iter().map(|fault| fault.id()).collect();
                    let problem = format!(
                        "`{}` is no fault of a {}: {}",
                        fault.mode.id(),
                        kind.id(),
                        ids.join(", ")
                    );
                    found.check(fault.mode.machine() == kind, &at("mode"), &problem);
                }
            },
        }
        let is_first = !self.faults[..index]
            .iter()
            .any(|other| (&other.site, &other.device, other.mode) == (&fault.site, &fault.device, fault.mode));
        found.check(is_first, &at("mode"), "is there twice for this device");
        found.check(
            (0.0..=MINUTES_MAX).contains(&fault.onset_min),
            &at("onset_min"),
            "must be 0 or more",
        );
        found.check(
            (0.1..=MINUTES_MAX).contains(&fault.pf_min),
            &at("pf_min"),
            "must be at least 0.1",
        );
        let repair_min = fault.repair_after_min.unwrap_or(0.0);
        found.check(
            (0.0..=MINUTES_MAX).contains(&repair_min),
            &at("repair_after_min"),
            "must be 0 or more",
        );
    }
}

/// Ten years.
const MINUTES_MAX: f64 = 5_256_000.0;

struct Problems(Vec<SpecProblem>);

impl Problems {
    fn check(&mut self, is_right: bool, path: &str, problem: &str) {
        if !is_right {
            self.0.push(SpecProblem {
                path: path.to_owned(),
                problem: problem.to_owned(),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = r#"
        seed = 7
        start = "2026-01-05T08:00:00Z"
        speed = 30
        interval_s = { pump = 1.0 }
        [[site]]
        name = "plant"
        pump = 2
        [[fault]]
        site = "plant"
        device = "pump-002"
        mode = "cavitation"
        onset_min = 10
        pf_min = 90
        [link]
        repeat = 0.1
    "#;

    fn syntax_error(text: &str) -> String {
        std::error::Error::source(&FleetSpec::from_toml(text).unwrap_err())
            .unwrap()
            .to_string()
    }

    fn check(change: impl Fn(&mut FleetSpec), expected_paths: &[&str]) {
        let mut spec = FleetSpec::from_toml(EXAMPLE).unwrap();
        change(&mut spec);
        let paths: Vec<String> = spec.problems().into_iter().map(|problem| problem.path).collect();
        assert_eq!(paths, expected_paths);
    }

    #[test]
    fn an_example_is_read_with_defaults_for_the_rest() {
        let spec = FleetSpec::from_toml(EXAMPLE).unwrap();
        assert_eq!(spec.start_ms, Some(1_767_600_000_000));
        assert_eq!((spec.interval_s.pump, spec.interval_s.elevator), (1.0, 2.0));
        check(|_| {}, &[]);
    }

    #[test]
    fn unknown_keys_are_refused_with_their_line() {
        let error = syntax_error("seed = 1\nsped = 2\nsite = []");
        assert!(error.contains("line 2") && error.contains("sped"), "{error}");
    }

    #[test]
    fn a_time_that_is_none_says_what_one_looks_like() {
        let error = syntax_error("seed = 1\nstart = \"noon\"\nsite = []");
        assert!(error.contains("RFC 3339"), "{error}");
    }

    #[test]
    fn all_problems_come_at_once_each_with_its_path() {
        check(
            |spec| {
                spec.speed = 0.0;
                spec.sites[0].name = "a/b".to_owned();
                spec.interval_s.pump = 0.0;
                spec.faults[0].pf_min = -1.0;
                spec.link.lose = 2.0;
            },
            &[
                "speed",
                "site[0].name",
                "interval_s.pump",
                "fault[0].site",
                "fault[0].pf_min",
                "link.lose",
            ],
        );
        check(
            |spec| spec.faults[0].device = "pump-003".to_owned(),
            &["fault[0].device"],
        );
        check(|spec| spec.faults[0].mode = Fault::DoorWear, &["fault[0].mode"]);
        check(|spec| spec.faults.push(spec.faults[0].clone()), &["fault[1].mode"]);
        check(|spec| spec.start_ms = None, &["start"]);
    }

    #[test]
    fn the_demo_holds_together_and_can_be_written_and_read_back() {
        let demo = FleetSpec::demo(1, 1_767_600_000_000);
        assert_eq!(demo.problems(), []);
        let text = toml::to_string(&demo).unwrap();
        assert_eq!(FleetSpec::from_toml(&text).unwrap(), demo);
    }
}
