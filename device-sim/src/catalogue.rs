//! What can be simulated: machines, their metrics with unit and healthy range, and the faults each can develop.
//! `device-sim list` and `describe` print it, the physics are tested against it, and the fault ids are the failure
//! mode ids of the gateway's profiles. Constants only: no state, no clock, no I/O.

use serde::{Deserialize, Serialize};

use crate::fault::GrowthLaw;

/// A kind of equipment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MachineKind {
    /// Centrifugal pump, 15 kW, 4 poles at 50 Hz.
    Pump,
    /// Traction lift, 1.6 m/s.
    Elevator,
    /// Packaged air conditioner with R410A.
    AirConditioner,
}

/// What a device publishes under one metric name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MetricSpec {
    /// Name in the payload, unit last.
    pub name: &'static str,
    /// Unit as people write it.
    pub unit: &'static str,
    /// Smallest value of a healthy machine over a year of load and weather.
    pub low: f64,
    /// Largest value of a healthy machine.
    pub high: f64,
    /// True where the controller reports the figure of the last ride, so that equal values in a row are normal.
    pub is_held: bool,
    /// What it is.
    pub meaning: &'static str,
}

const fn metric(name: &'static str, unit: &'static str, low: f64, high: f64, meaning: &'static str) -> MetricSpec {
    MetricSpec {
        name,
        unit,
        low,
        high,
        is_held: false,
        meaning,
    }
}

const fn held(name: &'static str, unit: &'static str, low: f64, high: f64, meaning: &'static str) -> MetricSpec {
    MetricSpec {
        name,
        unit,
        low,
        high,
        is_held: true,
        meaning,
    }
}

const PUMP_METRICS: [MetricSpec; 7] = [
    metric(
        "vibration_rms_mm_s",
        "mm/s",
        0.5,
        1.4,
        "bearing housing velocity, 10-1000 Hz",
    ),
    metric("bearing_temperature_c", "°C", 25.0, 65.0, "drive-end bearing"),
    metric("motor_current_a", "A", 18.0, 32.0, "one phase"),
    metric(
        "discharge_pressure_bar",
        "bar",
        3.6,
        4.4,
        "gauge pressure after the pump, duty point 4.0",
    ),
    metric(
        "flow_m3_h",
        "m³/h",
        28.0,
        72.0,
        "volume flow, follows the demand of the day",
    ),
    metric("rpm", "1/min", 1468.0, 1492.0, "shaft speed"),
    metric(
        "runtime_hours",
        "h",
        0.0,
        100_000.0,
        "running hours, counts only while it turns",
    ),
];

const ELEVATOR_METRICS: [MetricSpec; 7] = [
    held(
        "vibration_peak_mg",
        "mg",
        6.0,
        15.0,
        "largest horizontal peak-to-peak of the car in the last ride (ISO 18738)",
    ),
    held(
        "door_close_time_s",
        "s",
        2.4,
        3.3,
        "closing time of the car door before the last ride",
    ),
    held(
        "motor_current_a",
        "A",
        13.5,
        21.5,
        "mean motor current of the last ride at constant speed",
    ),
    metric("motor_temperature_c", "°C", 18.0, 62.0, "motor winding"),
    metric("car_speed_m_s", "m/s", 0.0, 1.65, "car speed now; 0 while standing"),
    held("trips_total", "1", 0.0, 10_000_000.0, "rides since installation"),
    held(
        "runtime_hours",
        "h",
        0.0,
        100_000.0,
        "running hours, counts only while the car moves",
    ),
];

const AIR_CONDITIONER_METRICS: [MetricSpec; 7] = [
    metric("supply_air_temperature_c", "°C", 10.5, 15.5, "air leaving the coil"),
    metric(
        "return_air_temperature_c",
        "°C",
        22.0,
        26.0,
        "air coming back from the room",
    ),
    metric(
        "suction_pressure_bar",
        "bar",
        7.6,
        9.6,
        "refrigerant before the compressor",
    ),
    metric(
        "discharge_pressure_bar",
        "bar",
        18.0,
        34.0,
        "refrigerant after the compressor, follows the weather",
    ),
    metric("compressor_current_a", "A", 6.5, 14.5, "one phase"),
    metric(
        "vibration_rms_mm_s",
        "mm/s",
        0.6,
        1.7,
        "compressor housing velocity, 10-1000 Hz",
    ),
    metric("runtime_hours", "h", 0.0, 100_000.0, "running hours of the compressor"),
];

impl MachineKind {
    /// All kinds, in the order they are listed to people.
    pub const ALL: [MachineKind; 3] = [MachineKind::Pump, MachineKind::Elevator, MachineKind::AirConditioner];

    /// Id in spec files and on the command line; also the id of the gateway's profile.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            MachineKind::Pump => "pump",
            MachineKind::Elevator => "elevator",
            MachineKind::AirConditioner => "air_conditioner",
        }
    }

    /// Start of the ids of its devices: `pump-001`, `elevator-003`, `ac-002`.
    #[must_use]
    pub const fn device_prefix(self) -> &'static str {
        match self {
            MachineKind::Pump => "pump",
            MachineKind::Elevator => "elevator",
            MachineKind::AirConditioner => "ac",
        }
    }

    /// One line for people.
    #[must_use]
    pub const fn summary(self) -> &'static str {
        match self {
            MachineKind::Pump => "centrifugal pump, 15 kW, 1480 1/min, bearing 6205 with waveform snapshots",
            MachineKind::Elevator => "traction lift, 1.6 m/s, rides follow the hours of an office day",
            MachineKind::AirConditioner => "packaged air conditioner, R410A, load follows the outdoor temperature",
        }
    }

    /// Seconds of machine time between two telemetry messages, unless the spec says otherwise.
    #[must_use]
    pub const fn default_interval_s(self) -> f64 {
        match self {
            MachineKind::Pump | MachineKind::Elevator => 2.0,
            MachineKind::AirConditioner => 5.0,
        }
    }

    /// Metrics in the order of the payload.
    #[must_use]
    pub const fn metrics(self) -> &'static [MetricSpec] {
        match self {
            MachineKind::Pump => &PUMP_METRICS,
            MachineKind::Elevator => &ELEVATOR_METRICS,
            MachineKind::AirConditioner => &AIR_CONDITIONER_METRICS,
        }
    }

    /// Faults this kind can develop.
    #[must_use]
    pub const fn faults(self) -> &'static [Fault] {
        match self {
            MachineKind::Pump => &[Fault::BearingWear, Fault::Cavitation, Fault::SealLeak],
            MachineKind::Elevator => &[Fault::DoorWear, Fault::GuideRailWear, Fault::BrakeDrag],
            MachineKind::AirConditioner => &[Fault::RefrigerantLeak, Fault::FilterClogged, Fault::CompressorWear],
        }
    }

    /// The kind with this id, or with this device prefix.
    #[must_use]
    pub fn parse(text: &str) -> Option<MachineKind> {
        MachineKind::ALL
            .into_iter()
            .find(|kind| kind.id() == text || kind.device_prefix() == text)
    }
}

/// A fault that grows. Its id is the failure mode id of the gateway's profiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Pump: spalling of the bearing's outer race.
    BearingWear,
    /// Pump: vapour bubbles at the impeller.
    Cavitation,
    /// Pump: shaft seal lets the medium out.
    SealLeak,
    /// Elevator: door operator wears, doors close ever more slowly.
    DoorWear,
    /// Elevator: guide shoes and rails wear, the car shakes.
    GuideRailWear,
    /// Elevator: the brake does not lift fully. Safety relevant.
    BrakeDrag,
    /// Air conditioner: refrigerant is lost.
    RefrigerantLeak,
    /// Air conditioner: the air filter clogs.
    FilterClogged,
    /// Air conditioner: bearings and valves of the compressor wear.
    CompressorWear,
}

/// How a fault shows, and the code that the device itself raises when it has failed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FaultSpec {
    /// Law of growth from onset to failure.
    pub growth: GrowthLaw,
    /// Symptoms in words, with the size reached at failure.
    pub symptoms: &'static str,
    /// Metric that shows it most clearly.
    pub leading_metric: &'static str,
    /// Fault code of the device's controller.
    pub code: &'static str,
    /// Text of that code.
    pub text: &'static str,
    /// True if people may be hurt.
    pub is_safety: bool,
}

impl Fault {
    /// All faults.
    pub const ALL: [Fault; 9] = [
        Fault::BearingWear,
        Fault::Cavitation,
        Fault::SealLeak,
        Fault::DoorWear,
        Fault::GuideRailWear,
        Fault::BrakeDrag,
        Fault::RefrigerantLeak,
        Fault::FilterClogged,
        Fault::CompressorWear,
    ];

    /// Failure mode id.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Fault::BearingWear => "bearing_wear",
            Fault::Cavitation => "cavitation",
            Fault::SealLeak => "seal_leak",
            Fault::DoorWear => "door_wear",
            Fault::GuideRailWear => "guide_rail_wear",
            Fault::BrakeDrag => "brake_drag",
            Fault::RefrigerantLeak => "refrigerant_leak",
            Fault::FilterClogged => "filter_clogged",
            Fault::CompressorWear => "compressor_wear",
        }
    }

    /// The machine that can have it.
    #[must_use]
    pub const fn machine(self) -> MachineKind {
        match self {
            Fault::BearingWear | Fault::Cavitation | Fault::SealLeak => MachineKind::Pump,
            Fault::DoorWear | Fault::GuideRailWear | Fault::BrakeDrag => MachineKind::Elevator,
            Fault::RefrigerantLeak | Fault::FilterClogged | Fault::CompressorWear => MachineKind::AirConditioner,
        }
    }

    /// The fault with this id.
    #[must_use]
    pub fn parse(text: &str) -> Option<Fault> {
        Fault::ALL.into_iter().find(|fault| fault.id() == text)
    }

    /// How it grows and shows.
    #[must_use]
    pub const fn spec(self) -> FaultSpec {
        match self {
            Fault::BearingWear => FaultSpec {
                growth: GrowthLaw::Exponential { rate: 2.2 },
                symptoms: "vibration x9 through the ISO zones (B/C about 0.4, C/D about 0.6 of the way), bearing +25 °C, \
                           impacts at BPFO in the waveform from the start",
                leading_metric: "vibration_rms_mm_s",
                code: "E31",
                text: "bearing seized, motor protection tripped",
                is_safety: false,
            },
            Fault::Cavitation => FaultSpec {
                growth: GrowthLaw::Power { exponent: 1.3 },
                symptoms: "pressure -45 %, flow -20 %, both unsteady by 6 %, vibration +4 mm/s; 2.8 mm/s and 3.2 bar are \
                           passed together at damage 0.47",
                leading_metric: "vibration_rms_mm_s",
                code: "E34",
                text: "no stable discharge pressure",
                is_safety: false,
            },
            Fault::SealLeak => FaultSpec {
                growth: GrowthLaw::Power { exponent: 2.0 },
                symptoms: "discharge pressure -35 %, flow -30 %, motor current +6 %",
                leading_metric: "discharge_pressure_bar",
                code: "E21",
                text: "leakage chamber full",
                is_safety: false,
            },
            Fault::DoorWear => FaultSpec {
                growth: GrowthLaw::Exponential { rate: 1.5 },
                symptoms: "door close time x2, doors start to re-open",
                leading_metric: "door_close_time_s",
                code: "E11",
                text: "car door does not close",
                is_safety: false,
            },
            Fault::GuideRailWear => FaultSpec {
                growth: GrowthLaw::Power { exponent: 1.5 },
                symptoms: "horizontal car vibration x4.5, motor current +6 %",
                leading_metric: "vibration_peak_mg",
                code: "E27",
                text: "ride stopped by the safety gear contact",
                is_safety: false,
            },
            Fault::BrakeDrag => FaultSpec {
                growth: GrowthLaw::Power { exponent: 1.2 },
                symptoms: "motor current of the ride +55 %, motor +45 °C, car speed -5 %",
                leading_metric: "motor_current_a",
                code: "E47",
                text: "brake monitoring: brake does not release",
                is_safety: true,
            },
            Fault::RefrigerantLeak => FaultSpec {
                growth: GrowthLaw::Linear,
                symptoms: "suction pressure -45 %, supply air +8 °C, return air +4 °C, compressor current -20 %",
                leading_metric: "suction_pressure_bar",
                code: "E05",
                text: "low pressure switch open",
                is_safety: false,
            },
            Fault::FilterClogged => FaultSpec {
                growth: GrowthLaw::Power { exponent: 1.5 },
                symptoms: "supply air -6 °C, return air +3 °C, suction pressure -20 %, coil freezes at the end",
                leading_metric: "supply_air_temperature_c",
                code: "E12",
                text: "coil frozen",
                is_safety: false,
            },
            Fault::CompressorWear => FaultSpec {
                growth: GrowthLaw::Exponential { rate: 2.0 },
                symptoms: "vibration x7.4, compressor current +30 %, discharge pressure -12 %",
                leading_metric: "vibration_rms_mm_s",
                code: "E08",
                text: "compressor overcurrent",
                is_safety: false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_belongs_to_its_machine_and_names_one_of_its_metrics() {
        for kind in MachineKind::ALL {
            for fault in kind.faults() {
                assert_eq!(fault.machine(), kind);
                let leading = fault.spec().leading_metric;
                assert!(
                    kind.metrics().iter().any(|metric| metric.name == leading),
                    "{}: {leading}",
                    fault.id()
                );
            }
        }
        let listed: usize = MachineKind::ALL.iter().map(|kind| kind.faults().len()).sum();
        assert_eq!(listed, Fault::ALL.len());
    }

    #[test]
    fn ids_are_what_serde_writes() {
        for fault in Fault::ALL {
            assert_eq!(serde_json::to_string(&fault).unwrap(), format!("\"{}\"", fault.id()));
            assert_eq!(Fault::parse(fault.id()), Some(fault));
        }
        for kind in MachineKind::ALL {
            assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{}\"", kind.id()));
            assert_eq!(MachineKind::parse(kind.id()), Some(kind));
            assert_eq!(MachineKind::parse(kind.device_prefix()), Some(kind));
        }
    }
}
