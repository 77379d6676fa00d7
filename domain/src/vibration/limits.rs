//! Limits of vibration velocity by standard. They are data, each with its source, because readers disagree about the newest
//! edition.

use serde::Serialize;

/// Zones of ISO 10816 and 20816.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Zone {
    /// As newly commissioned machines are.
    A,
    /// Fit for long-term operation.
    B,
    /// For a limited time; plan the repair.
    C,
    /// Damage is likely.
    D,
}

/// Limits of the zones, with their source.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LimitSet {
    /// How the command line names it.
    pub id: &'static str,
    /// The standard.
    pub standard: &'static str,
    /// Its edition.
    pub edition: &'static str,
    /// Which machines.
    pub group: &'static str,
    /// How they stand.
    pub support: &'static str,
    /// Upper limits of zones A, B and C, mm/s rms.
    pub limits_mm_s: [f64; 3],
}

const fn set(
    id: &'static str,
    standard: &'static str,
    edition: &'static str,
    group: &'static str,
    support: &'static str,
    limits_mm_s: [f64; 3],
) -> LimitSet {
    LimitSet {
        id,
        standard,
        edition,
        group,
        support,
        limits_mm_s,
    }
}

/// All limit sets. ISO 10816-3:2009 tables A.1 and A.2, ISO 10816-1:1995 table B.1.
pub const LIMIT_SETS: [LimitSet; 8] = [
    set(
        "10816-3-group-1-rigid",
        "ISO 10816-3",
        "2009",
        "above 300 kW, or shaft height from 315 mm",
        "rigid",
        [2.3, 4.5, 7.1],
    ),
    set(
        "10816-3-group-1-flexible",
        "ISO 10816-3",
        "2009",
        "above 300 kW, or shaft height from 315 mm",
        "flexible",
        [3.5, 7.1, 11.0],
    ),
    set(
        "10816-3-group-2-rigid",
        "ISO 10816-3",
        "2009",
        "15 to 300 kW, shaft height 160 to 315 mm",
        "rigid",
        [1.4, 2.8, 4.5],
    ),
    set(
        "10816-3-group-2-flexible",
        "ISO 10816-3",
        "2009",
        "15 to 300 kW, shaft height 160 to 315 mm",
        "flexible",
        [2.3, 4.5, 7.1],
    ),
    set(
        "10816-1-class-1",
        "ISO 10816-1",
        "1995",
        "up to 15 kW",
        "any",
        [0.71, 1.8, 4.5],
    ),
    set(
        "10816-1-class-2",
        "ISO 10816-1",
        "1995",
        "15 to 75 kW",
        "any",
        [1.12, 2.8, 7.1],
    ),
    set(
        "10816-1-class-3",
        "ISO 10816-1",
        "1995",
        "large machines",
        "rigid",
        [1.8, 4.5, 11.2],
    ),
    set(
        "10816-1-class-4",
        "ISO 10816-1",
        "1995",
        "large machines",
        "soft",
        [2.8, 7.1, 18.0],
    ),
];

/// The limit set used where nobody said which machine it is: medium machines on a rigid base.
pub const DEFAULT_LIMITS: &LimitSet = &LIMIT_SETS[2];

impl LimitSet {
    /// The set with this id.
    pub fn named(id: &str) -> Option<&'static LimitSet> {
        LIMIT_SETS.iter().find(|set| set.id == id)
    }

    /// The zone of a velocity; the limit itself belongs to the zone below it.
    pub fn zone(&self, velocity_mm_s: f64) -> Zone {
        let [a, b, c] = self.limits_mm_s;
        if velocity_mm_s <= a {
            Zone::A
        } else if velocity_mm_s <= b {
            Zone::B
        } else if velocity_mm_s <= c {
            Zone::C
        } else {
            Zone::D
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_itself_belongs_to_the_zone_below() {
        let set = LimitSet::named("10816-3-group-2-rigid").expect("listed");
        for (velocity, zone) in [
            (0.0, Zone::A),
            (1.4, Zone::A),
            (1.41, Zone::B),
            (2.8, Zone::B),
            (4.5, Zone::C),
            (4.6, Zone::D),
        ] {
            assert_eq!(set.zone(velocity), zone, "{velocity}");
        }
        assert_eq!(LimitSet::named("no such"), None);
        assert!(
            LIMIT_SETS
                .iter()
                .all(|s| s.limits_mm_s.is_sorted() && LimitSet::named(s.id) == Some(s))
        );
    }
}
