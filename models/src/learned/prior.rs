//! What other machines of the same kind are like, for one that is new: how wide the ranges of their metrics are, and at which
//! levels they work. A new machine is judged by itself all the same; this only keeps its first, narrow ranges from crying, and
//! lets one that works like the others be judged earlier. It cannot hide what leaves the width that is usual in the fleet.

use super::drift::Normal;
use serde::{Deserialize, Serialize};

/// Machines from which on the fleet knows anything: of three the median outvotes one that is odd.
pub const LEAST_DEVICES: usize = 3;
/// Median absolute deviation to standard deviation, normal distribution.
const MAD_TO_SD: f64 = 1.4826;
/// Standard deviations of the levels of the fleet within which a machine works like the others.
const LIKE_OTHERS_SD: f64 = 3.0;

/// One metric in the fleet, in its unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Prior {
    /// Median of the machines' levels.
    pub level: f64,
    /// Median absolute deviation of the levels from it.
    pub spread: f64,
    /// Median width of the machines' ranges.
    pub width: f64,
}

impl Prior {
    /// From what the machines that have learned hold for normal; none of fewer than [`LEAST_DEVICES`].
    pub fn of_fleet(normals: &[Normal]) -> Option<Prior> {
        if normals.len() < LEAST_DEVICES {
            return None;
        }
        let level = median(normals.iter().map(|n| n.centre).collect())?;
        let spread = median(normals.iter().map(|n| (n.centre - level).abs()).collect())?;
        let width = median(normals.iter().map(|n| n.high - n.low).collect())?;
        let prior = Prior { level, spread, width };
        prior.is_sound().then_some(prior)
    }

    /// Whether its numbers can be used: they may come from a file.
    pub fn is_sound(&self) -> bool {
        self.level.is_finite()
            && self.spread.is_finite()
            && self.width.is_finite()
            && self.spread >= 0.0
            && self.width >= 0.0
    }

    /// Whether a machine at this level works like the others.
    pub fn is_like_others(&self, level: f64) -> bool {
        (level - self.level).abs() <= self.width / 2.0 + LIKE_OTHERS_SD * MAD_TO_SD * self.spread
    }

    /// Whether a value is as near to the machine's own level as is usual in the fleet.
    pub fn is_usual_distance(&self, value: f64, own_level: f64) -> bool {
        (value - own_level).abs() <= self.width / 2.0
    }
}

/// The lower of the middle two where there is an even number; none of nothing.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len().checked_sub(1)? / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(centre: f64, width: f64) -> Normal {
        Normal {
            low: centre - width / 2.0,
            high: centre + width / 2.0,
            centre,
            spread: width / 8.0,
        }
    }

    #[test]
    fn one_odd_machine_changes_nothing_and_two_know_nothing() {
        assert_eq!(Prior::of_fleet(&[normal(1.0, 1.0), normal(1.0, 1.0)]), None);
        let fleet = [
            normal(10.0, 2.0),
            normal(11.0, 2.0),
            normal(12.0, 2.0),
            normal(1e9, 1e12),
        ];
        let prior = Prior::of_fleet(&fleet).unwrap();
        assert_eq!((prior.level, prior.spread, prior.width), (11.0, 1.0, 2.0));
        assert!(prior.is_like_others(14.0) && !prior.is_like_others(20.0));
        assert!(prior.is_usual_distance(20.9, 20.0) && !prior.is_usual_distance(21.1, 20.0));
    }

    #[test]
    fn what_is_not_finite_is_not_used() {
        let odd = normal(f64::INFINITY, 1.0);
        assert_eq!(Prior::of_fleet(&[odd, odd, odd]), None);
    }

    use super::super::Stage;
    use super::super::novelty::Novelty;
    use domain::Timestamp;

    const FLEET: Prior = Prior {
        level: 50.0,
        spread: 0.3,
        width: 4.0,
    };

    fn series(prior: Option<Prior>) -> Novelty {
        let mut novelty = Novelty::default();
        prior.into_iter().for_each(|prior| novelty.begin_with(prior));
        novelty
    }

    /// A reading a minute around a level; whether a person is ever told.
    fn live(novelty: &mut Novelty, minutes: std::ops::Range<i64>, level: f64) -> bool {
        let mut is_told = false;
        for minute in minutes {
            let noise = (minute * 7919 % 101) as f64 / 1010.0;
            novelty.step(level + noise, Timestamp(minute * 60_000), 1.0, is_told);
            is_told |= novelty.is_alerting();
        }
        is_told
    }

    const HOUR: i64 = 60;

    #[test]
    fn a_young_range_narrower_than_the_fleets_does_not_cry_and_what_leaves_the_fleets_does() {
        let told = |prior, level| {
            let mut novelty = series(prior);
            live(&mut novelty, 0..47 * HOUR, 50.0);
            live(&mut novelty, 47 * HOUR..50 * HOUR, level)
        };
        assert!(told(None, 51.0), "as new to this machine as can be");
        assert!(!told(Some(FLEET), 51.0), "and quite usual among its like");
        assert!(told(Some(FLEET), 58.0));
    }

    #[test]
    fn once_it_is_known_itself_a_machine_is_judged_by_itself_alone() {
        let mut novelty = series(Some(FLEET));
        live(&mut novelty, 0..96 * HOUR, 50.0);
        assert!(live(&mut novelty, 96 * HOUR..99 * HOUR, 51.0));
    }

    #[test]
    fn a_machine_that_works_like_the_others_is_judged_after_a_quarter_of_a_day_with_reserve() {
        let stage = |prior, level| {
            let mut novelty = series(prior);
            live(&mut novelty, 0..7 * HOUR, level);
            novelty.stage()
        };
        assert_eq!(stage(Some(FLEET), 51.0), Stage::Provisional);
        assert!(matches!(stage(Some(FLEET), 70.0), Stage::Learning(_)));
        assert!(matches!(stage(None, 51.0), Stage::Learning(_)));
    }
}
