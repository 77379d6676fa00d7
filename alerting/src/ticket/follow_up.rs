//! What follows a bad rating: the agent sees to it, then the supervisor, then the management, until it is settled.
//!
//! Pure. Each step is told once and has a clock; what is answered but not settled, and what is late, goes one step up.

use super::{Actor, TicketChange, TicketRecord, TicketRefusal};
use crate::policy::Policy;
use domain::Timestamp;
use serde::{Deserialize, Serialize};

/// Bad ratings of one ticket that are followed up, one after the other.
pub const MAX_FOLLOW_UPS: usize = 10;
/// Answers of one follow-up that settle nothing.
pub const MAX_FOLLOW_UP_ANSWERS: usize = 20;

/// Who sees to a bad rating.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FollowUpStep {
    /// Who had the ticket, and the service desk.
    Agent,
    /// Whom they report to.
    Supervisor,
    /// The last.
    Management,
}

impl FollowUpStep {
    /// All of them, from the first.
    pub const ALL: [FollowUpStep; 3] = [FollowUpStep::Agent, FollowUpStep::Supervisor, FollowUpStep::Management];

    /// The word of the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            FollowUpStep::Agent => "agent",
            FollowUpStep::Supervisor => "supervisor",
            FollowUpStep::Management => "management",
        }
    }

    /// The one above; none above the management.
    pub fn above(self) -> Option<FollowUpStep> {
        match self {
            FollowUpStep::Agent => Some(FollowUpStep::Supervisor),
            FollowUpStep::Supervisor => Some(FollowUpStep::Management),
            FollowUpStep::Management => None,
        }
    }
}

/// Why a step was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "because")]
pub enum FollowUpCause {
    /// The customer's rating.
    BadRating {
        /// 1 to 5.
        rating: u8,
    },
    /// The step before has answered, and it is not settled.
    NotSettled,
    /// The clock of the step before ran out.
    Late,
}

/// What somebody answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowUpAnswer {
    /// At which step.
    pub step: FollowUpStep,
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// What was agreed with the customer.
    pub agreed: String,
    /// Whether that was the end of it.
    pub is_settled: bool,
}

/// A step that was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowUpTelling {
    /// Which.
    pub step: FollowUpStep,
    /// When.
    pub at: Timestamp,
    /// Whom: people, and groups as `group:NAME`.
    pub people: Vec<String>,
    /// By when it shall be settled.
    pub due_at: Timestamp,
}

/// Where a follow-up is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum FollowUpState {
    /// Somebody has to see to it.
    Open {
        /// When the next step is told, or the last is late; none: the last is late.
        next_at: Option<Timestamp>,
    },
    /// The customer is content with what was agreed.
    Settled {
        /// Since when.
        at: Timestamp,
    },
}

/// The follow-up of one bad rating.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowUp {
    /// 1 to 5.
    pub rating: u8,
    /// When it was given.
    pub opened_at: Timestamp,
    /// Where it is.
    pub state: FollowUpState,
    /// Each step that was told, in their order.
    pub told: Vec<FollowUpTelling>,
    /// What was answered.
    pub answers: Vec<FollowUpAnswer>,
    /// Whether a clock has run out.
    pub is_late: bool,
}

/// What comes next in a follow-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FollowUpMove {
    /// A step is told.
    Tell {
        /// Which.
        step: FollowUpStep,
        /// Why.
        because: FollowUpCause,
    },
    /// The last step is late; nobody stands above.
    LastIsLate,
}

impl FollowUp {
    /// Of a rating at `now`; nobody knows of it yet.
    pub fn open(rating: u8, now: Timestamp) -> FollowUp {
        FollowUp {
            rating,
            opened_at: now,
            state: FollowUpState::Open { next_at: Some(now) },
            told: Vec::new(),
            answers: Vec::new(),
            is_late: false,
        }
    }

    /// Whether somebody has to see to it.
    pub fn is_open(&self) -> bool {
        match self.state {
            FollowUpState::Open { .. } => true,
            FollowUpState::Settled { .. } => false,
        }
    }

    /// The step that has it now; none before the first is told.
    pub fn step(&self) -> Option<FollowUpStep> {
        self.told.last().map(|told| told.step)
    }

    /// By when the step that has it shall have settled it; none when it is settled, or nobody was told yet.
    pub fn due_at(&self) -> Option<Timestamp> {
        self.told.last().map(|told| told.due_at).filter(|_| self.is_open())
    }

    /// When it was settled.
    pub fn settled_at(&self) -> Option<Timestamp> {
        match self.state {
            FollowUpState::Open { .. } => None,
            FollowUpState::Settled { at } => Some(at),
        }
    }

    /// When something happens unless somebody settles it.
    pub fn next_at(&self) -> Option<Timestamp> {
        match self.state {
            FollowUpState::Open { next_at } => next_at,
            FollowUpState::Settled { .. } => None,
        }
    }

    /// What is due at `now`.
    pub fn due(&self, now: Timestamp) -> Option<FollowUpMove> {
        self.next_at().filter(|at| *at <= now)?;
        let Some(last) = self.told.last() else {
            let (step, rating) = (FollowUpStep::Agent, self.rating);
            let because = FollowUpCause::BadRating { rating };
            return Some(FollowUpMove::Tell { step, because });
        };
        // an answer that settles nothing brings the next step forward
        let is_late = last.due_at <= now;
        Some(match (last.step.above(), is_late) {
            (Some(step), true) => FollowUpMove::Tell {
                step,
                because: FollowUpCause::Late,
            },
            (Some(step), false) => FollowUpMove::Tell {
                step,
                because: FollowUpCause::NotSettled,
            },
            (None, _) => FollowUpMove::LastIsLate,
        })
    }

    /// Carries out what was due; `due_at` is when the time of the step told is over.
    pub fn carry_out(&mut self, next: FollowUpMove, people: Vec<String>, due_at: Timestamp, now: Timestamp) {
        match next {
            FollowUpMove::Tell { step, because } => {
                self.is_late |= because == FollowUpCause::Late;
                self.told.push(FollowUpTelling {
                    step,
                    at: now,
                    people,
                    due_at,
                });
                self.state = FollowUpState::Open { next_at: Some(due_at) };
            }
            FollowUpMove::LastIsLate => {
                self.is_late = true;
                self.state = FollowUpState::Open { next_at: None };
            }
        }
    }

    /// Whether an answer can be taken.
    ///
    /// # Errors
    /// It is settled, or there are too many answers that settle nothing.
    pub fn check_answer(&self, is_settled: bool) -> Result<FollowUpStep, TicketRefusal> {
        let step = self
            .step()
            .filter(|_| self.is_open())
            .ok_or(TicketRefusal::NoFollowUp)?;
        let limit = MAX_FOLLOW_UP_ANSWERS;
        if !is_settled && self.answers.len() >= limit {
            let what = "answers".to_owned();
            return Err(TicketRefusal::ListFull { what, limit });
        }
        Ok(step)
    }

    /// Somebody has answered. What is settled ends; what is not goes one step up at once, above the management nowhere.
    pub fn answer(&mut self, answer: FollowUpAnswer) {
        let at = answer.at;
        // what comes too late is late, whether the next step was told already or not
        self.is_late |= self.due_at().is_some_and(|due| due <= at);
        self.state = match (answer.is_settled, self.state) {
            (true, _) => FollowUpState::Settled { at },
            (false, FollowUpState::Open { next_at }) => match answer.step.above() {
                Some(_) => FollowUpState::Open { next_at: Some(at) },
                None => FollowUpState::Open { next_at },
            },
            (false, FollowUpState::Settled { at }) => FollowUpState::Settled { at },
        };
        self.answers.push(answer);
    }
}

impl TicketRecord {
    /// The latest bad rating and what came of it.
    pub fn follow_up(&self) -> Option<&FollowUp> {
        self.follow_ups.last()
    }

    /// The follow-up that somebody has to see to.
    pub fn open_follow_up(&self) -> Option<&FollowUp> {
        self.follow_up().filter(|follow_up| follow_up.is_open())
    }

    /// When the next step of the follow-up is told.
    pub fn next_follow_up(&self) -> Option<Timestamp> {
        self.open_follow_up()?.next_at()
    }

    /// Whether a rating can be followed up, if it must be.
    pub(super) fn check_rating(&self, rating: Option<u8>, policy: &Policy) -> Result<(), TicketRefusal> {
        let is_bad = rating.is_some_and(|rating| policy.follow_up.follows(rating));
        if is_bad && self.open_follow_up().is_none() && self.follow_ups.len() >= MAX_FOLLOW_UPS {
            let (what, limit) = ("follow_ups".to_owned(), MAX_FOLLOW_UPS);
            return Err(TicketRefusal::ListFull { what, limit });
        }
        Ok(())
    }

    /// A bad rating begins a follow-up, unless one goes on.
    pub(super) fn begin_follow_up(&mut self, rating: Option<u8>, policy: &Policy, now: Timestamp) {
        let bad = rating.filter(|rating| policy.follow_up.follows(*rating));
        if let Some(rating) = bad
            && self.open_follow_up().is_none()
        {
            self.follow_ups.push(FollowUp::open(rating, now));
        }
    }

    pub(super) fn decide_follow_up(&self, agreed: String, is_settled: bool) -> Result<TicketChange, TicketRefusal> {
        let follow_up = self.open_follow_up().ok_or(TicketRefusal::NoFollowUp)?;
        let step = follow_up.check_answer(is_settled)?;
        Ok(TicketChange::FollowUpAnswered {
            step,
            agreed,
            is_settled,
        })
    }

    pub(super) fn answer_follow_up(
        &mut self,
        step: FollowUpStep,
        agreed: &str,
        is_settled: bool,
        by: &Actor,
        at: Timestamp,
    ) {
        if let Some(follow_up) = self.follow_ups.last_mut() {
            follow_up.answer(FollowUpAnswer {
                step,
                by: by.name().to_owned(),
                at,
                agreed: agreed.to_owned(),
                is_settled,
            });
        }
    }

    /// Whom to tell of a bad rating at `now`; to be applied, and asked again until there is nothing more.
    pub(crate) fn tell_follow_up(&mut self, policy: &Policy, now: Timestamp) -> Option<TicketChange> {
        let next = self.open_follow_up()?.due(now)?;
        let (people, due_at) = match next {
            FollowUpMove::Tell { step, .. } => {
                let rule = policy.follow_up.rule(step);
                // where nobody stands behind a step, whoever stands behind a later one is told
                let at_hand = FollowUpStep::ALL.into_iter().filter(|later| *later >= step);
                let told = at_hand.map(|step| {
                    let rule = policy.follow_up.rule(step);
                    policy.escalations.people(rule, self.assignee.as_ref(), now)
                });
                let people = told.into_iter().find(|people| !people.is_empty()).unwrap_or_default();
                let calendar = &policy.terms(self.contract.as_deref()).calendar;
                (people, calendar.due(self.answering_hours(), now, rule.answer_within))
            }
            FollowUpMove::LastIsLate => (Vec::new(), now),
        };
        let follow_up = self.follow_ups.last_mut()?;
        follow_up.carry_out(next, people.clone(), due_at, now);
        Some(match next {
            FollowUpMove::Tell { step, because } => TicketChange::FollowUpTold {
                step,
                people,
                because,
                due_at,
            },
            FollowUpMove::LastIsLate => TicketChange::FollowUpLate,
        })
    }
}

#[cfg(test)]
#[path = "follow_up_tests.rs"]
mod tests;
