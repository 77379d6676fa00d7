//! The verdict on an alarm, as it is journalled, explained to people and turned into a rule that speaks. Pure.

use super::{Diagnosis, Evidence, FaultClass, Unjudged};
use domain::vibration::VibrationFault;
use serde::{Deserialize, Serialize};

/// Most sentences that are kept.
const MOST_SAYINGS: usize = 6;

/// What a diagnosis named. It is written to the journal and read back, so it holds no number that text could change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What is wrong; none if the waveform could not be judged.
    pub class: Option<FaultClass>,
    /// Share of all support, percent.
    pub confidence_percent: u8,
    /// What it rests on, the most important first.
    pub says: Vec<String>,
}

impl Finding {
    /// Of a diagnosis that was made, or of the reason why none could be.
    pub fn of(diagnosis: Result<Diagnosis, Unjudged>) -> Finding {
        match diagnosis {
            Ok(diagnosis) => Finding {
                class: Some(diagnosis.fault_class),
                confidence_percent: (diagnosis.confidence * 100.0).round().clamp(0.0, 100.0) as u8,
                says: sentences(&diagnosis),
            },
            Err(reason) => Finding {
                class: None,
                confidence_percent: 0,
                says: vec![format!("the waveform cannot be diagnosed: {reason}")],
            },
        }
    }

    /// The rule that it makes speak.
    pub fn fault(&self) -> VibrationFault {
        match self.class {
            Some(FaultClass::OuterRace | FaultClass::InnerRace | FaultClass::Ball) => VibrationFault::Bearing,
            Some(FaultClass::Unbalance) => VibrationFault::Unbalance,
            Some(FaultClass::Misalignment) => VibrationFault::Misalignment,
            Some(FaultClass::Looseness) => VibrationFault::Looseness,
            Some(FaultClass::Gear) => VibrationFault::Gear,
            Some(FaultClass::Healthy | FaultClass::Unknown) | None => VibrationFault::Unnamed,
        }
    }

    /// The fault in words; empty if none could be named.
    pub fn named(&self) -> String {
        match self.fault() {
            VibrationFault::Bearing
            | VibrationFault::Unbalance
            | VibrationFault::Misalignment
            | VibrationFault::Looseness
            | VibrationFault::Gear => self.class.map_or(String::new(), |class| class.to_string()),
            VibrationFault::Unnamed => String::new(),
        }
    }
}

/// What speaks for the verdict. Lines of bearing faults that were not named are left out; `diagnose` shows them.
fn sentences(diagnosis: &Diagnosis) -> Vec<String> {
    let concerns = |evidence: &&Evidence| match evidence {
        Evidence::BearingLines { class, .. } => *class == diagnosis.fault_class,
        Evidence::ForeignLines { .. }
        | Evidence::Impacts { .. }
        | Evidence::Level { .. }
        | Evidence::Velocity { .. }
        | Evidence::ShaftOrders { .. }
        | Evidence::GearMesh { .. }
        | Evidence::Remark { .. } => true,
    };
    let sentences = diagnosis.evidence.iter().filter(concerns).map(ToString::to_string);
    sentences.take(MOST_SAYINGS).collect()
}
