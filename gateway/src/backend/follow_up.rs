//! What follows a bad rating, as people see it.

use alerting::ticket::{self, TicketChange, TicketRecord};
use dashboards::view::{
    Act, FollowUp, FollowUpAnswer, FollowUpCause, FollowUpNow, FollowUpStep, FollowUpTelling, StepKind,
};

fn step_view(step: ticket::FollowUpStep) -> FollowUpStep {
    match step {
        ticket::FollowUpStep::Agent => FollowUpStep::Agent,
        ticket::FollowUpStep::Supervisor => FollowUpStep::Supervisor,
        ticket::FollowUpStep::Management => FollowUpStep::Management,
    }
}

fn cause_view(cause: ticket::FollowUpCause) -> FollowUpCause {
    match cause {
        ticket::FollowUpCause::BadRating { rating } => FollowUpCause::BadRating { rating },
        ticket::FollowUpCause::NotSettled => FollowUpCause::NotSettled,
        ticket::FollowUpCause::Late => FollowUpCause::Late,
    }
}

/// The follow-up that somebody has to see to.
pub(super) fn now_of(record: &TicketRecord) -> Option<FollowUpNow> {
    let open = record.open_follow_up()?;
    Some(FollowUpNow {
        rating: open.rating,
        step: open.step().map(step_view),
        due_at: open.due_at().map(Into::into),
        is_late: open.is_late,
    })
}

fn one(follow_up: &ticket::FollowUp) -> FollowUp {
    let told = follow_up.told.iter().map(|told| FollowUpTelling {
        step: step_view(told.step),
        at: told.at.into(),
        people: told.people.clone(),
        due_at: told.due_at.into(),
    });
    let answers = follow_up.answers.iter().map(|answer| FollowUpAnswer {
        act: Act {
            by: answer.by.clone(),
            at: answer.at.into(),
        },
        step: step_view(answer.step),
        agreed: answer.agreed.clone(),
        is_settled: answer.is_settled,
    });
    FollowUp {
        rating: follow_up.rating,
        opened_at: follow_up.opened_at.into(),
        settled_at: follow_up.settled_at().map(Into::into),
        is_late: follow_up.is_late,
        told: told.collect(),
        answers: answers.collect(),
    }
}

/// All of a ticket, the oldest first.
pub(super) fn all_of(record: &TicketRecord) -> Vec<FollowUp> {
    record.follow_ups.iter().map(one).collect()
}

/// A line of the history; none: it is about something else.
pub(super) fn history_step(change: &TicketChange) -> Option<(StepKind, String)> {
    match change {
        TicketChange::FollowUpTold {
            step, people, because, ..
        } => {
            let kind = StepKind::FollowUpTold {
                step: step_view(*step),
                people: people.clone(),
                because: cause_view(*because),
            };
            Some((kind, String::new()))
        }
        TicketChange::FollowUpAnswered {
            step,
            agreed,
            is_settled,
        } => {
            let kind = StepKind::FollowUpAnswered {
                step: step_view(*step),
                is_settled: *is_settled,
            };
            Some((kind, agreed.clone()))
        }
        TicketChange::FollowUpLate => Some((StepKind::FollowUpLate, String::new())),
        _ => None,
    }
}
