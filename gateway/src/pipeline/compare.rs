//! How two models differ over the same readings: which alarms both raised, and which only one of them. Pure.
//!
//! Compared is what holds through the delays of each. An alarm of one and an alarm of the other on the same failure mode of
//! the same device are the same one if they stand at the same time.

use super::batch::Side;
use crate::store::rows::ComparedAlarm;
use domain::{DeviceKey, FailureModeId, Millis};
use std::collections::BTreeMap;

/// How many, and of how many both knew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// By the model that judges.
    pub live: u32,
    /// By the one in shadow.
    pub shadow: u32,
    /// By both at the same time.
    pub both: u32,
    /// By the one that judges alone.
    pub only_live: u32,
    /// By the one in shadow alone.
    pub only_shadow: u32,
}

/// The difference over one failure mode.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Difference {
    /// Alarms.
    pub alarms: Tally,
    /// Those that would open a ticket were there none.
    pub tickets: Tally,
    /// By how much the one in shadow raises earlier where both do: the median; negative: later.
    pub earlier: Option<Millis>,
}

/// The difference over all of them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Comparison {
    /// Over all failure modes.
    pub all: Difference,
    /// By failure mode.
    pub by_mode: BTreeMap<FailureModeId, Difference>,
    /// Places in the alarms compared of those that only one side has.
    pub only_one: Vec<usize>,
}

impl Tally {
    fn add(&mut self, live: u32, shadow: u32) {
        self.live += live;
        self.shadow += shadow;
        match (live, shadow) {
            (0, shadow) => self.only_shadow += shadow,
            (live, 0) => self.only_live += live,
            (_, _) => self.both += 1,
        }
    }
}

impl Comparison {
    /// In a sentence, for the audit trail.
    pub fn sentence(&self) -> String {
        let said = |what: &str, t: &Tally| {
            let Tally {
                both,
                only_live,
                only_shadow,
                ..
            } = t;
            format!("{what}: {both} by both, {only_live} only by the one before, {only_shadow} only by this one")
        };
        format!(
            "{}; {}",
            said("alarms in shadow", &self.all.alarms),
            said("tickets", &self.all.tickets)
        )
    }
}

/// Compares.
pub fn compare(alarms: &[ComparedAlarm]) -> Comparison {
    let mut by_place: BTreeMap<(&FailureModeId, &DeviceKey), Vec<usize>> = BTreeMap::new();
    for (place, alarm) in alarms.iter().enumerate() {
        by_place
            .entry((&alarm.failure_mode, &alarm.device))
            .or_default()
            .push(place);
    }
    let mut comparison = Comparison::default();
    let mut leads: BTreeMap<&FailureModeId, Vec<i64>> = BTreeMap::new();
    for ((mode, _), mut places) in by_place {
        places.sort_by_key(|place| (alarms[*place].raised_at, *place));
        let of_mode = comparison.by_mode.entry(mode.clone()).or_default();
        for group in at_the_same_time(alarms, &places, |_| true) {
            let [live, shadow] = [Side::Live, Side::Shadow].map(|side| of_side(alarms, &group, side));
            of_mode.alarms.add(live.len() as u32, shadow.len() as u32);
            comparison.all.alarms.add(live.len() as u32, shadow.len() as u32);
            match (live.first(), shadow.first()) {
                (Some(live), Some(shadow)) => {
                    let lead = (alarms[*live].raised_at - alarms[*shadow].raised_at).0;
                    leads.entry(mode).or_default().push(lead);
                }
                (Some(_), None) | (None, Some(_)) | (None, None) => comparison.only_one.extend(group),
            }
        }
        for group in at_the_same_time(alarms, &places, |alarm| alarm.would_open_ticket) {
            let [live, shadow] = [Side::Live, Side::Shadow].map(|side| of_side(alarms, &group, side).len() as u32);
            of_mode.tickets.add(live, shadow);
            comparison.all.tickets.add(live, shadow);
        }
    }
    for (mode, leads) in &leads {
        if let Some(difference) = comparison.by_mode.get_mut(*mode) {
            difference.earlier = median(leads.clone());
        }
    }
    comparison.all.earlier = median(leads.into_values().flatten().collect());
    comparison.only_one.sort_unstable();
    comparison
}

fn of_side(alarms: &[ComparedAlarm], places: &[usize], side: Side) -> Vec<usize> {
    let of = places.iter().filter(|place| alarms[**place].side == side);
    of.copied().collect()
}

/// Groups in which each stands at the same time as another; `places` in the order of raising.
fn at_the_same_time(
    alarms: &[ComparedAlarm],
    places: &[usize],
    counts: impl Fn(&ComparedAlarm) -> bool,
) -> Vec<Vec<usize>> {
    let mut groups: Vec<(Vec<usize>, i64)> = Vec::new();
    for place in places.iter().filter(|place| counts(&alarms[**place])) {
        let alarm = &alarms[*place];
        let until = alarm.cleared_at.map_or(i64::MAX, |at| at.0);
        match groups.last_mut() {
            Some((group, end)) if alarm.raised_at.0 <= *end => {
                group.push(*place);
                *end = until.max(*end);
            }
            Some(_) | None => groups.push((vec![*place], until)),
        }
    }
    groups.into_iter().map(|(group, _)| group).collect()
}

fn median(mut values: Vec<i64>) -> Option<Millis> {
    values.sort_unstable();
    values.get(values.len() / 2).copied().map(Millis)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{Severity, Timestamp};

    fn alarm(side: Side, device: &str, from: i64, to: Option<i64>, would_open_ticket: bool) -> ComparedAlarm {
        ComparedAlarm {
            side,
            device: DeviceKey::new("north", device).expect("names"),
            failure_mode: FailureModeId::new("bearing_wear").expect("a name"),
            raised_at: Timestamp(from),
            cleared_at: to.map(Timestamp),
            severity: Severity::Warning,
            would_open_ticket,
            reason: String::new(),
        }
    }

    #[test]
    fn alarms_that_stand_at_the_same_time_are_the_same_and_the_rest_is_the_difference() {
        use Side::{Live, Shadow};
        let alarms = [
            alarm(Live, "a", 100, Some(200), true),
            // earlier, over twice within the other's one, and once where the other is silent
            alarm(Shadow, "a", 80, Some(120), false),
            alarm(Shadow, "a", 150, Some(250), true),
            alarm(Shadow, "a", 900, None, false),
            // the same time, another device
            alarm(Live, "b", 900, None, true),
        ];
        let found = compare(&alarms);
        let expected = Tally {
            live: 2,
            shadow: 3,
            both: 1,
            only_live: 1,
            only_shadow: 1,
        };
        assert_eq!(found.all.alarms, expected);
        let expected = Tally {
            live: 2,
            shadow: 1,
            both: 1,
            only_live: 1,
            only_shadow: 0,
        };
        assert_eq!(found.all.tickets, expected);
        assert_eq!(found.all.earlier, Some(Millis(20)));
        assert_eq!(found.only_one, [3, 4]);
        assert_eq!(found.by_mode.len(), 1);
        assert!(found.sentence().contains("1 only by this one"), "{}", found.sentence());
    }

    #[test]
    fn nothing_compared_is_no_difference() {
        assert_eq!(compare(&[]), Comparison::default());
    }
}
