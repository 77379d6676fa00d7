//! The chain of people who are told of a ticket until somebody takes it up, and one level more for each clock that runs out.

use super::{Actor, TicketChange, TicketClass, TicketRecord};
use crate::calendar::Hours;
use crate::clock::{Clock, ClockKind};
use crate::policy::{Escalation, Policy};
use domain::Timestamp;
use serde::{Deserialize, Serialize};

/// Where a ticket is in its chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chain {
    /// The name of the chain.
    pub name: String,
    /// The level told last, from 1; 0 before the first.
    pub level: u32,
    /// The highest level told in any round.
    pub highest: u32,
    /// How many times it was gone through before.
    pub round: u32,
    /// Who was told last: people, and groups as `group:NAME`.
    pub people: Vec<String>,
    /// When the next level is told unless somebody answers; none: nobody is left, or somebody has.
    pub next_at: Option<Timestamp>,
    /// Who answered, and when.
    pub answered: Option<(String, Timestamp)>,
}

/// Why a further level is told. The first is told with the opening itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "because")]
pub enum ToldBecause {
    /// The level before did not answer.
    Unanswered,
    /// Nobody stands behind the level before at this time.
    NobodyThere,
    /// A clock has run out.
    ClockBreached {
        /// Which.
        clock: ClockKind,
    },
}

impl TicketRecord {
    /// Begins the chain that holds for it, if one does: its first level learns of the ticket by the change at hand. A chain
    /// that goes on already goes on.
    pub(crate) fn begin_chain(&mut self, policy: &Policy, now: Timestamp) {
        let fits = |chain: &Escalation| {
            self.grade.priority <= chain.from_priority && chain.covers.covers(&self.device, &self.profile, &self.asset)
        };
        let chain = policy.escalations.first(fits).map(|chain| chain.name.clone());
        let goes_on = |known: &Chain| Some(&known.name) == chain.as_ref() && known.next_at.is_some();
        if self.chain.as_ref().is_some_and(goes_on) {
            return;
        }
        self.chain = chain.map(|name| Chain {
            name,
            level: 0,
            highest: 0,
            round: 0,
            people: Vec::new(),
            next_at: Some(now),
            answered: None,
        });
        self.advance(policy, now);
        // Nobody needs to answer for what is planned: only its clocks tell.
        if let Some(chain) = self.chain.as_mut().filter(|_| self.grade.class == TicketClass::Planned) {
            chain.next_at = None;
        }
    }

    /// When the next level is told.
    pub fn next_telling(&self) -> Option<Timestamp> {
        self.chain.as_ref()?.next_at.filter(|_| self.state.is_open())
    }

    /// Whom to tell at `now` because nobody has answered; to be applied one after the other.
    pub(crate) fn tell_chain(&mut self, policy: &Policy, now: Timestamp) -> Option<TicketChange> {
        self.next_telling().filter(|at| *at <= now)?;
        let is_skipped = self.advance(policy, now)?;
        let chain = self.chain.as_ref()?;
        Some(TicketChange::Told {
            level: chain.level,
            people: chain.people.clone(),
            because: match is_skipped {
                true => ToldBecause::NobodyThere,
                false => ToldBecause::Unanswered,
            },
        })
    }

    /// Which time counts for an answer: that of the first response.
    pub(super) fn answering_hours(&self) -> Hours {
        let clock = self.clocks.get(&ClockKind::FirstResponse);
        clock.map_or(Hours::Always, Clock::hours)
    }

    /// The next level behind which somebody stands, or the last; says whether levels without anybody were passed over.
    fn advance(&mut self, policy: &Policy, now: Timestamp) -> Option<bool> {
        let hours = self.answering_hours();
        let calendar = &policy.terms(self.contract.as_deref()).calendar;
        let chain = self.chain.as_mut()?;
        let Some(rules) = policy.escalations.named(&chain.name) else {
            // It was taken out of the configuration.
            self.chain = None;
            return None;
        };
        let mut is_skipped = false;
        loop {
            let Some((level, round)) = after(chain, rules) else {
                chain.next_at = None;
                return None;
            };
            let rule = rules.levels.get(level as usize - 1)?;
            (chain.level, chain.round) = (level, round);
            chain.highest = chain.highest.max(level);
            chain.people = policy.escalations.people(rule, self.assignee.as_ref(), now);
            let is_last = after(chain, rules).is_none();
            chain.next_at = (!is_last).then(|| calendar.due(hours, now, rule.answer_within));
            if !chain.people.is_empty() || is_last {
                return Some(is_skipped);
            }
            is_skipped = true;
        }
    }

    /// A clock has run out: the level above the highest that knows of the ticket is told, whether somebody answered or not.
    pub(crate) fn tell_breach(&mut self, clock: ClockKind, policy: &Policy, now: Timestamp) -> Option<TicketChange> {
        let mut chain = self.chain.clone()?;
        let rules = policy.escalations.named(&chain.name)?;
        let level = (chain.highest + 1).min(rules.levels.len() as u32);
        let rule = rules.levels.get(level as usize - 1)?;
        let people = policy.escalations.people(rule, self.assignee.as_ref(), now);
        let calendar = &policy.terms(self.contract.as_deref()).calendar;
        (chain.highest, chain.people) = (level, people.clone());
        if chain.next_at.is_some() {
            chain.level = level;
            let is_last = after(&chain, rules).is_none();
            let due = calendar.due(self.answering_hours(), now, rule.answer_within);
            chain.next_at = (!is_last).then_some(due);
        }
        self.chain = Some(chain);
        let because = ToldBecause::ClockBreached { clock };
        Some(TicketChange::Told { level, people, because })
    }

    /// Somebody takes the ticket up: the chain ends.
    pub(super) fn answer_chain(&mut self, change: &TicketChange, by: &Actor, now: Timestamp) {
        let answers = match change {
            TicketChange::Stepped { .. }
            | TicketChange::Held { .. }
            | TicketChange::Scheduled { .. }
            | TicketChange::Closed { .. }
            | TicketChange::Cancelled { .. }
            | TicketChange::MergedInto { .. }
            | TicketChange::Answered { .. } => true,
            TicketChange::Assigned { to, .. } => to.is_some(),
            TicketChange::Opened { .. }
            | TicketChange::Resumed
            | TicketChange::Commented { .. }
            | TicketChange::Reopened { .. }
            | TicketChange::Archived
            | TicketChange::Merged { .. }
            | TicketChange::DueAgain { .. }
            | TicketChange::Linked { .. }
            | TicketChange::Upgraded { .. }
            | TicketChange::Reclassed { .. }
            | TicketChange::Told { .. }
            | TicketChange::Absorbed { .. }
            | TicketChange::SplitOff { .. }
            | TicketChange::SplitFrom { .. }
            | TicketChange::Proposed { .. }
            | TicketChange::Worked { .. }
            | TicketChange::FollowUpTold { .. }
            | TicketChange::FollowUpAnswered { .. }
            | TicketChange::FollowUpLate
            | TicketChange::ClockWarning { .. }
            | TicketChange::ClockBreached { .. } => false,
        };
        if let Some(chain) = self.chain.as_mut().filter(|chain| answers && chain.next_at.is_some()) {
            chain.next_at = None;
            chain.answered = Some((by.name().to_owned(), now));
        }
    }
}

/// The level and round after those told; none after the last.
fn after(chain: &Chain, rules: &Escalation) -> Option<(u32, u32)> {
    let levels = rules.levels.len() as u32;
    if chain.level < levels {
        return Some((chain.level + 1, chain.round));
    }
    (chain.round + 1 < rules.rounds).then_some((1, chain.round + 1))
}
