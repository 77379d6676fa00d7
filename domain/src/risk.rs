//! The scales of the risk matrix. The matrix itself is a decision and lives in `alerting`.

use serde::{Deserialize, Serialize};

/// The matrix's answer, five levels after ISO 31000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RiskLevel {
    /// Watch.
    VeryLow,
    /// Watch.
    Low,
    /// Plan.
    Medium,
    /// Act soon.
    High,
    /// Act now.
    VeryHigh,
}

impl RiskLevel {
    /// The word of the wire and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            RiskLevel::VeryLow => "very_low",
            RiskLevel::Low => "low",
            RiskLevel::Medium => "medium",
            RiskLevel::High => "high",
            RiskLevel::VeryHigh => "very_high",
        }
    }
}

/// A class from 1 to 5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Class5(u8);

impl Class5 {
    /// From 1 to 5; anything else is none.
    pub fn new(class: u8) -> Option<Self> {
        (1..=5).contains(&class).then_some(Class5(class))
    }

    /// 1 to 5.
    pub fn get(self) -> u8 {
        self.0
    }
}

impl TryFrom<u8> for Class5 {
    type Error = &'static str;
    fn try_from(class: u8) -> Result<Self, Self::Error> {
        Class5::new(class).ok_or("a class is a number from 1 to 5")
    }
}

impl From<Class5> for u8 {
    fn from(class: Class5) -> u8 {
        class.0
    }
}

/// How likely the failure is within the planning horizon: 1 rare, 5 almost certain.
pub type Probability = Class5;

/// What the failure would cost in safety, service and money: 1 negligible, 5 catastrophic.
pub type Impact = Class5;
