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

/// A level as a site tells it that counts fewer of them: the handbooks' level 1 is the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RiskGrade {
    /// 1 is the worst.
    pub number: u8,
    /// How many there are: 3 or 4.
    pub of: u8,
}

impl std::fmt::Display for RiskGrade {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

impl RiskLevel {
    /// The level where five are folded into `grades`; none unless that is 4 or 3. Three: very high and high, medium, low and
    /// very low. Four: the last two are one.
    pub fn folded(self, grades: u8) -> Option<RiskGrade> {
        let number = match (grades, self) {
            (4, RiskLevel::VeryHigh) | (3, RiskLevel::VeryHigh | RiskLevel::High) => 1,
            (4, RiskLevel::High) | (3, RiskLevel::Medium) => 2,
            (4, RiskLevel::Medium) | (3, RiskLevel::Low | RiskLevel::VeryLow) => 3,
            (4, RiskLevel::Low | RiskLevel::VeryLow) => 4,
            _ => return None,
        };
        Some(RiskGrade { number, of: grades })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_may_fold_five_levels_into_four_or_three() {
        use RiskLevel::{High, Low, Medium, VeryHigh, VeryLow};
        let grades = |of| {
            let levels = [VeryHigh, High, Medium, Low, VeryLow];
            levels.map(|level| level.folded(of).map_or_else(String::new, |grade| grade.to_string()))
        };
        assert_eq!(grades(5), [""; 5]);
        assert_eq!(grades(4), ["1/4", "2/4", "3/4", "4/4", "4/4"]);
        assert_eq!(grades(3), ["1/3", "1/3", "2/3", "3/3", "3/3"]);
    }
}
