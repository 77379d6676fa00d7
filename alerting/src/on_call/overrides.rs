//! Overrides that people make while the gateway runs: somebody takes the call of a rotation for a time. They rank over the
//! rotation and over the overrides of its configuration.
//!
//! Pure: `now` is an argument, and an override tells when it is over.

use crate::alarm::PersonName;
use domain::{Millis, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Overrides at most that are not over, of all rotations together.
pub const MAX_STANDING: usize = 1_000;
/// The longest override, days.
pub const MOST_DAYS: u16 = 62;
/// So far ahead an override may begin, days.
pub const MOST_DAYS_AHEAD: u16 = 366;

/// The number of an override.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OverrideId(pub u64);

impl fmt::Display for OverrideId {
    /// `O-000042`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "O-{:06}", self.0)
    }
}

/// What a person does with overrides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "do", deny_unknown_fields)]
pub enum OverrideCommand {
    /// Somebody takes the call.
    Make {
        /// Of which rotation.
        rotation: String,
        /// Who takes it.
        person: PersonName,
        /// Since then; none: from now on.
        from: Option<Timestamp>,
        /// Before then.
        until: Timestamp,
        /// Why.
        reason: String,
    },
    /// The rotation has its turn again.
    End {
        /// Which.
        id: OverrideId,
    },
}

/// Why an override is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case", tag = "kind")]
#[allow(missing_docs)] // the texts say it
pub enum OverrideRefusal {
    #[error("there is no rotation {rotation:?}")]
    UnknownRotation { rotation: String },
    #[error("there is no override {id} that is not over")]
    Unknown { id: OverrideId },
    #[error("is in the past; leave it out for an override that begins now")]
    BeginsInThePast,
    #[error("an override begins within {limit_days} days")]
    BeginsTooLate { limit_days: u16 },
    #[error("an override must end after it begins")]
    EndsTooEarly,
    #[error("an override lasts {limit_days} days at most")]
    TooLong { limit_days: u16 },
    #[error("there are {limit} overrides that are not over; end one first")]
    TooMany { limit: usize },
}

/// An override, whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverrideRecord {
    /// Its number.
    pub id: OverrideId,
    /// The name of the rotation.
    pub rotation: String,
    /// Who takes the call.
    pub person: PersonName,
    /// Since then.
    pub from: Timestamp,
    /// Before then.
    pub until: Timestamp,
    /// Why.
    pub reason: String,
    /// Who made it.
    pub by: PersonName,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was over, by itself or by a person; none: it holds, or will.
    #[serde(default)]
    pub over_at: Option<Timestamp>,
    /// Who ended it before its time.
    #[serde(default)]
    pub ended_by: Option<PersonName>,
}

impl OverrideRecord {
    /// Whether it takes the call at `now`.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.over_at.is_none() && self.from <= now && now < self.until
    }
}

/// Checks the times of a new override and says when it begins.
///
/// # Errors
/// What is wrong with them.
pub fn check_times(from: Option<Timestamp>, until: Timestamp, now: Timestamp) -> Result<Timestamp, OverrideRefusal> {
    let begins = from.unwrap_or(now);
    if begins < now {
        return Err(OverrideRefusal::BeginsInThePast);
    }
    if begins > now + Millis::days(i64::from(MOST_DAYS_AHEAD)) {
        return Err(OverrideRefusal::BeginsTooLate {
            limit_days: MOST_DAYS_AHEAD,
        });
    }
    if until <= begins {
        return Err(OverrideRefusal::EndsTooEarly);
    }
    if until - begins > Millis::days(i64::from(MOST_DAYS)) {
        return Err(OverrideRefusal::TooLong { limit_days: MOST_DAYS });
    }
    Ok(begins)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::on_call::{OnCall, OnCallConfig, Override};
    use jiff::ToSpan;
    use jiff::civil::Time;
    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    const MINUTE: i64 = 60_000;
    const PEOPLE: [&str; 3] = ["li", "wang", "zhao"];

    /// What a rotation is made of.
    #[derive(Debug, Clone)]
    struct Plan {
        zone: &'static str,
        handover_min: u16,
        shift_days: u32,
        hours: Option<(u16, u16)>,
    }

    fn time_of(minute: u16) -> String {
        format!("{:02}:{:02}", minute / 60, minute % 60)
    }

    fn rotation(plan: &Plan, configured: &[(i64, i64)], standing: &[OverrideRecord], begins: Timestamp) -> OnCall {
        let config = OnCallConfig {
            name: "service".into(),
            time_zone: plan.zone.into(),
            people: PEOPLE.map(String::from).into(),
            begins: "2026-01-05".into(),
            handover: time_of(plan.handover_min),
            shift_days: plan.shift_days,
            from: plan.hours.map(|(from, _)| time_of(from)),
            until: plan.hours.map(|(_, until)| time_of(until)),
            overrides: configured
                .iter()
                .map(|(from, long)| Override {
                    person: "configured".into(),
                    from: begins + Millis(from * MINUTE),
                    until: begins + Millis((from + long) * MINUTE),
                })
                .collect(),
        };
        let mut problems = Vec::new();
        let mut rotation = config.check("on_call[0]", &mut problems).expect("sound");
        standing.iter().for_each(|record| rotation.put_override(record));
        rotation
    }

    /// Who is on call in each minute, by walking the wall clock from the first hand-over on and painting overrides over it.
    fn walk(
        plan: &Plan,
        configured: &[(i64, i64)],
        standing: &[OverrideRecord],
        from: Timestamp,
        minutes: i64,
    ) -> Vec<Option<String>> {
        let zone = TimeZone::get(plan.zone).expect("known");
        let at = |ms: i64| jiff::Timestamp::from_millisecond(ms).expect("in range");
        let mut turn = 0usize;
        let mut days = 0;
        let clock = Time::new((plan.handover_min / 60) as i8, (plan.handover_min % 60) as i8, 0, 0).expect("a time");
        let mut next = jiff::civil::date(2026, 1, 5).to_datetime(clock);
        // the first hand-over is that of the last in the row to the first
        let mut told = Vec::new();
        for minute in 0..minutes {
            let now = from.0 + minute * MINUTE;
            let local = zone.to_datetime(at(now));
            while local.date() > next.date() || (local.date() == next.date() && local.time() >= next.time()) {
                if days % plan.shift_days == 0 {
                    turn += 1;
                }
                days += 1;
                next = next.checked_add(1.day()).expect("in range");
            }
            // in an hour that is there twice the hand-over may be behind us and ahead again: then the shift before lasts
            let is_back = local < next.checked_sub(1.day()).expect("in range");
            let shown = match is_back && (days - 1) % plan.shift_days == 0 {
                true => turn - 1,
                false => turn,
            };
            let on_wall = u16::from(local.hour() as u8) * 60 + u16::from(local.minute() as u8);
            let is_in = plan.hours.is_none_or(|(open, close)| match open <= close {
                true => open <= on_wall && on_wall < close,
                false => on_wall >= open || on_wall < close,
            });
            told.push(is_in.then(|| PEOPLE[(shown + PEOPLE.len() - 1) % PEOPLE.len()].to_owned()));
        }
        let mut paint = |begins: i64, ends: i64, person: &str| {
            for (minute, slot) in told.iter_mut().enumerate() {
                let now = from.0 + minute as i64 * MINUTE;
                if begins <= now && now < ends {
                    *slot = Some(person.to_owned());
                }
            }
        };
        for (begins, long) in configured {
            let begins = from.0 + begins * MINUTE;
            paint(begins, begins + long * MINUTE, "configured");
        }
        for record in standing.iter().filter(|r| r.over_at.is_none()) {
            paint(record.from.0, record.until.0, &record.person);
        }
        told
    }

    fn plans() -> impl Strategy<Value = Plan> {
        let zones = prop::sample::select(vec![
            "Europe/Berlin",
            "America/New_York",
            "Australia/Lord_Howe",
            "Asia/Shanghai",
        ]);
        let hours = prop::option::of((0..1_440u16, 0..1_440u16));
        (zones, 0..1_440u16, 1..9u32, hours).prop_map(|(zone, handover_min, shift_days, hours)| Plan {
            zone,
            handover_min,
            shift_days,
            hours,
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// Over both changes of the clocks in each zone, minute by minute.
        #[test]
        fn who_is_on_call_is_what_a_slow_walk_over_the_wall_clock_says(
            plan in plans(),
            configured in prop::collection::vec((-600i64..4_000, 1i64..3_000), 0..3),
            made in prop::collection::vec((-600i64..4_000, 1i64..3_000, any::<bool>()), 0..6),
            // just before the clocks change in 2026: New York, Berlin, Lord Howe, and again
            start in prop::sample::select(vec![
                "2026-03-07T00:00:00Z", "2026-03-28T00:00:00Z", "2026-04-04T00:00:00Z", "2026-10-03T00:00:00Z",
                "2026-10-24T00:00:00Z", "2026-10-31T00:00:00Z",
            ]),
        ) {
            let from = Timestamp(start.parse::<jiff::Timestamp>().expect("a time").as_millisecond());
            let standing: Vec<OverrideRecord> = made.iter().enumerate().map(|(i, (begins, long, is_over))| OverrideRecord {
                id: OverrideId(i as u64 + 1),
                rotation: "service".into(),
                person: format!("override {i}"),
                from: from + Millis(begins * MINUTE),
                until: from + Millis((begins + long) * MINUTE),
                reason: String::new(),
                by: "boss".into(),
                created_at: from,
                over_at: is_over.then_some(from),
                ended_by: None,
            }).collect();
            let rotation = rotation(&plan, &configured, &standing, from);
            let minutes = 3 * 1_440;
            let slow = walk(&plan, &configured, &standing, from, minutes);
            for (minute, expected) in slow.iter().enumerate() {
                let now = from + Millis(minute as i64 * MINUTE);
                prop_assert_eq!(rotation.who(now), expected.as_ref(), "minute {} of {}", minute, now);
            }
            // and the shifts say the same
            let shifts = rotation.shifts(from, from + Millis(minutes * MINUTE));
            for (minute, expected) in slow.iter().enumerate() {
                let now = from + Millis(minute as i64 * MINUTE);
                let shift = shifts.iter().find(|s| s.from <= now && now < s.until).expect("without a gap");
                prop_assert_eq!(shift.person, expected.as_ref(), "shift at {}", now);
            }
        }
    }
}
