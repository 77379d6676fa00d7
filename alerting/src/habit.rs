//! Bad habits of an alarm, found so that somebody can mend its rule: chattering, fleeting, stale.
//!
//! Pure. Raises and clearings are judged on one clock, that of the machine (ours for silence, which only we can see), so that a
//! backlog sent at once looks as it was; how long an alarm stands is judged on our clock, on which people wait.

use crate::alarm::AlarmReason;
use domain::{Millis, Timestamp};
use serde::{Deserialize, Serialize};

/// Raises remembered at most; a site may not ask for more.
pub(crate) const MAX_RAISES: u32 = 20;

/// What counts as a bad habit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HabitRules {
    /// So many raises within the span are chattering.
    pub chattering_raises: u32,
    /// The span.
    pub chattering_within: Millis,
    /// Gone within this span is fleeting.
    pub fleeting_within: Millis,
}

/// What was found about one alarm.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Habit {
    /// The latest raises that may still count as chattering, oldest first.
    recent: Vec<Timestamp>,
    /// It comes and goes, as of its latest raise.
    pub is_chattering: bool,
    /// It has stood for too long in this episode.
    pub is_stale: bool,
    /// How often it was gone before anybody could have acted, over all episodes.
    pub fleeting: u32,
}

impl Habit {
    /// It was raised at `at`; says so where it has begun to chatter.
    pub(crate) fn raised(&mut self, at: Timestamp, rules: &HabitRules) -> Option<AlarmReason> {
        self.recent
            .retain(|raise| *raise <= at && at - *raise <= rules.chattering_within);
        self.recent.push(at);
        let most = rules.chattering_raises as usize;
        let surplus = self.recent.len().saturating_sub(most.max(1));
        self.recent.drain(..surplus);
        self.is_stale = false;
        let was_chattering = self.is_chattering;
        self.is_chattering = most > 0 && self.recent.len() >= most;
        (self.is_chattering && !was_chattering).then_some(AlarmReason::FoundChattering {
            raises: rules.chattering_raises,
            within: rules.chattering_within,
        })
    }

    /// Its condition was gone at `at`; says so if that was too soon.
    pub(crate) fn cleared(&mut self, at: Timestamp, rules: &HabitRules) -> Option<AlarmReason> {
        self.is_stale = false;
        let stood = at - *self.recent.last()?;
        if stood < Millis::ZERO || stood >= rules.fleeting_within {
            return None;
        }
        self.fleeting = self.fleeting.saturating_add(1);
        Some(AlarmReason::FoundFleeting { stood })
    }

    /// What the next episode remembers of this one.
    pub(crate) fn of_next_episode(&self) -> Habit {
        Habit {
            is_stale: false,
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: HabitRules = HabitRules {
        chattering_raises: 3,
        chattering_within: Millis::seconds(60),
        fleeting_within: Millis::seconds(60),
    };

    fn second(s: i64) -> Timestamp {
        Timestamp(0) + Millis::seconds(s)
    }

    #[test]
    fn the_third_raise_within_a_minute_is_chattering_and_told_once() {
        let mut habit = Habit::default();
        let told: Vec<bool> = [0, 20, 60, 70, 140, 150, 160]
            .map(|s| habit.raised(second(s), &RULES).is_some())
            .into();
        assert_eq!(told, [false, false, true, false, false, false, true]);
    }

    #[test]
    fn what_is_gone_within_a_minute_is_fleeting() {
        let mut habit = Habit::default();
        let mut stands = |from, to| {
            habit.raised(second(from), &RULES);
            habit.cleared(second(to), &RULES)
        };
        assert_eq!(stands(0, 60), None);
        let stood = Millis::seconds(59);
        assert_eq!(stands(1000, 1059), Some(AlarmReason::FoundFleeting { stood }));
        // A machine whose clock was set back in between says nothing about how long it stood.
        assert_eq!(stands(2000, 1900), None);
        assert_eq!(habit.fleeting, 1);
    }
}
