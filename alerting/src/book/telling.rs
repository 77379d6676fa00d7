//! What is said about a change: messages for receivers and lines of the audit trail. No decision is taken here.

use crate::alarm::{AlarmReason, SuppressionCause};
use crate::effect::{AuditEntry, Background, Effect, HeldBack, Message, Outgoing, TicketDecision, TicketEvent};
use crate::record::AlarmRecord;
use crate::storm::NoticeWeight;
use crate::ticket::{
    Actor, FollowUpCause, HoldCause, MAX_RATING, Outcome, ReopenReason, TicketChange, TicketClass, TicketRecord,
    ToldBecause,
};
use domain::Timestamp;
use domain::wire::{AlarmMessage, ServiceMessage};
use std::collections::BTreeSet;

/// The alarm as the wire has it.
pub(super) fn message(alarm: &AlarmRecord) -> AlarmMessage {
    AlarmMessage {
        alarm_id: alarm.id.clone(),
        site: alarm.device.site.clone(),
        device: alarm.device.device.clone(),
        failure_mode: alarm.failure_mode.clone(),
        severity: alarm.life.severity,
        state: alarm.life.state.as_str().to_owned(),
        is_shelved: alarm.is_shelved(),
        is_suppressed: alarm.life.suppression.is_some(),
        is_out_of_service: alarm.life.out_of_service.is_some(),
        risk: alarm.risk.level,
        measured_at: alarm.measured_at,
        raised_at: alarm.raised_at,
        reason: alarm.reason.en.clone(),
        model: alarm.model.clone(),
    }
}

/// The line of the audit trail.
pub(super) fn audit(
    alarm: &AlarmRecord,
    reason: &AlarmReason,
    ticket: TicketDecision,
    actor: Actor,
    at: Timestamp,
) -> AuditEntry {
    let (severity, risk) = (alarm.life.severity.as_str(), alarm.risk.level.as_str());
    let mut detail = match reason {
        AlarmReason::Raised { .. } | AlarmReason::RaisedAgain { .. } => {
            format!("{severity}, risk {risk}: {}", alarm.reason.en)
        }
        AlarmReason::Escalated { from, to } | AlarmReason::Eased { from, to } => {
            format!(
                "from {} to {}, risk {risk}: {}",
                from.as_str(),
                to.as_str(),
                alarm.reason.en
            )
        }
        AlarmReason::Reassessed { from, to, .. } => {
            let why = alarm.risk.text(&alarm.facts.impact_reason).en;
            format!("risk from {} to {}: {why}", from.as_str(), to.as_str())
        }
        AlarmReason::Acknowledged { note, .. } => format!("now {}{}", alarm.life.state.as_str(), remark(note)),
        AlarmReason::Shelved { reason, until, .. } => format!("until {until}: {reason}"),
        AlarmReason::Suppressed { cause } => match cause {
            SuppressionCause::ParentDown { parent } => format!("{parent} is down, and this hangs on it"),
            SuppressionCause::FirstUp { first } => format!("{first} came first"),
            SuppressionCause::Commissioning { window } => format!("commissioning, window {window}"),
        },
        AlarmReason::SuppressionEnding { at } => format!("hidden until {at} at most"),
        AlarmReason::TakenOutOfService { by, reason, window } => match window {
            Some(window) => format!("by {by}, window {window}: {reason}"),
            None => format!("by {by}: {reason}"),
        },
        AlarmReason::ReAlarmed => format!("stands since {}", alarm.standing_since()),
        AlarmReason::FoundStale { since } => format!("stands since {since}"),
        AlarmReason::FoundChattering { raises, within } => {
            format!("raised {raises} times within {} s", within.0 / 1_000)
        }
        AlarmReason::FoundFleeting { stood } => format!("stood for {} s", stood.0 / 1_000),
        AlarmReason::ReturnedToNormal
        | AlarmReason::ReturnedUnseen
        | AlarmReason::StaysLatched
        | AlarmReason::Unshelved { .. }
        | AlarmReason::ShelvingExpired
        | AlarmReason::SuppressionEnded
        | AlarmReason::ReturnedToService { .. }
        | AlarmReason::Reset { .. } => format!("now {}", alarm.life.state.as_str()),
        AlarmReason::JoinedIncident { incident } => format!("has one cause with others: {incident}"),
        AlarmReason::DeviceSaid { code } => format!("fault code {code}"),
        AlarmReason::TicketMoved { to } => format!("served by {to}"),
        AlarmReason::LeftIncident { incident } => format!("{incident} is over, and this stands"),
    };
    match ticket {
        TicketDecision::NotAssessed => {}
        TicketDecision::Opened { ticket: id }
        | TicketDecision::Merged { ticket: id }
        | TicketDecision::Upgraded { ticket: id }
        | TicketDecision::Reopened { ticket: id }
        | TicketDecision::Covered { ticket: id } => detail.push_str(&format!("; ticket {id} {}", ticket.as_str())),
        TicketDecision::HeldBack { why } => detail.push_str(match why {
            HeldBack::NeverByItself => "; no ticket: this failure mode never opens one by itself",
            HeldBack::BelowThreshold => "; no ticket: neither severity nor risk is high enough",
            HeldBack::Shelved => "; no ticket while shelved",
            HeldBack::SuppressedByDesign => "; no ticket while suppressed by design",
            HeldBack::OutOfService => "; no ticket while out of service",
            HeldBack::StageAlone => {
                "; no ticket: it shows as before, only what is normal is known better now; it counts as the advisory that it was"
            }
            HeldBack::PartOfIncident => "; no ticket of its own: one serves the incident",
        }),
    }
    AuditEntry {
        at,
        actor,
        action: format!("alarm.{}", reason.as_str()),
        subject: alarm.id.to_string(),
        detail,
    }
}

/// What follows from every change of a ticket: its row, a line in the audit trail, a word to receivers.
pub(super) fn tell(ticket: &TicketRecord, change: TicketChange, actor: Actor, at: Timestamp, out: &mut Vec<Effect>) {
    out.push(Effect::TicketChanged {
        record: Box::new(ticket.clone()),
        change: change.clone(),
    });
    out.push(Effect::Audit(AuditEntry {
        at,
        actor: actor.clone(),
        action: format!("ticket.{}", change.as_str()),
        subject: ticket.id.to_string(),
        detail: detail(ticket, &change),
    }));
    let is_told = match &change {
        TicketChange::Opened { .. }
        | TicketChange::Reopened { .. }
        | TicketChange::Upgraded { .. }
        | TicketChange::Reclassed { .. }
        | TicketChange::ClockWarning { .. }
        | TicketChange::ClockBreached { .. }
        | TicketChange::Told { .. }
        | TicketChange::FollowUpTold { .. }
        | TicketChange::Assigned { .. } => true,
        TicketChange::Stepped { .. }
        | TicketChange::Held { .. }
        | TicketChange::Resumed
        | TicketChange::Scheduled { .. }
        | TicketChange::Commented { .. }
        | TicketChange::Closed { .. }
        | TicketChange::Cancelled { .. }
        | TicketChange::Archived
        | TicketChange::Merged { .. }
        | TicketChange::DueAgain { .. }
        | TicketChange::Answered { .. }
        | TicketChange::MergedInto { .. }
        | TicketChange::Absorbed { .. }
        | TicketChange::SplitOff { .. }
        | TicketChange::SplitFrom { .. }
        | TicketChange::Proposed { .. }
        | TicketChange::Worked { .. }
        | TicketChange::FollowUpAnswered { .. }
        | TicketChange::FollowUpLate
        | TicketChange::Linked { .. } => false,
    };
    out.push(Effect::Publish(Box::new(Message {
        key: format!("ticket/{}/{}", ticket.id, ticket.revision),
        site: ticket.device.site.clone(),
        device: Some(ticket.device.clone()),
        notice: is_told.then(|| weight(ticket)),
        about: about_ticket(ticket),
        content: Outgoing::Ticket(Box::new(TicketEvent {
            ticket: ticket.id,
            ticket_key: ticket.key.clone(),
            device: ticket.device.clone(),
            failure_mode: ticket.failure_mode.clone(),
            event: change.as_str().to_owned(),
            people: people_told(ticket, &change),
            change,
            state: ticket.state.as_str().to_owned(),
            kind: ticket.grade.kind,
            priority: ticket.grade.priority,
            risk: ticket.grade.risk,
            due_at: ticket.due_at,
            title: ticket.title.en.clone(),
            reason: ticket.reason.en.clone(),
            model: ticket.model.clone(),
            by: actor,
            at,
            revision: ticket.revision,
        })),
    })));
}

/// Whom a change is for: the step that sees to a bad rating, all that saw to it when that goes on, else those of the chain.
fn people_told(ticket: &TicketRecord, change: &TicketChange) -> Vec<String> {
    match change {
        TicketChange::FollowUpTold { people, .. } => return people.clone(),
        TicketChange::FollowUpAnswered { .. } | TicketChange::FollowUpLate => {
            let told = ticket.follow_up().into_iter().flat_map(|follow_up| &follow_up.told);
            let all: BTreeSet<&String> = told.flat_map(|told| &told.people).collect();
            return all.into_iter().cloned().collect();
        }
        _ => {}
    }
    let chain = ticket.chain.as_ref();
    chain.map_or_else(Vec::new, |chain| chain.people.clone())
}

/// A proactive service begins, or becomes more urgent.
pub(super) fn tell_service(ticket: &TicketRecord, out: &mut Vec<Effect>) {
    let separator = if ticket.action.en.is_empty() { "" } else { ". " };
    out.push(Effect::Publish(Box::new(Message {
        key: format!("ticket/{}/{}/service", ticket.id, ticket.revision),
        site: ticket.device.site.clone(),
        device: Some(ticket.device.clone()),
        notice: Some(weight(ticket)),
        about: about_ticket(ticket),
        content: Outgoing::Service(ServiceMessage {
            ticket: ticket.id,
            site: ticket.device.site.clone(),
            device: ticket.device.device.clone(),
            service: ticket.grade.kind.as_str().to_owned(),
            failure_mode: ticket.failure_mode.clone(),
            text: format!(
                "{}: {}{separator}{}",
                ticket.title.en, ticket.reason.en, ticket.action.en
            ),
            opened_at: ticket.opened_at,
            due_at: ticket.due_at,
        }),
    })));
}

/// What is said with every message about a ticket.
fn about_ticket(ticket: &TicketRecord) -> Background {
    Background {
        profile: ticket.profile.clone(),
        asset: ticket.asset.clone(),
        title: ticket.title.clone(),
        reason: ticket.reason.clone(),
        action: ticket.action.clone(),
        severity: ticket.grade.severity,
        ticket: Some(ticket.id),
        is_emergency: ticket.grade.class == TicketClass::Emergency,
    }
}

/// What is said with every message about an alarm.
pub(super) fn about_alarm(alarm: &AlarmRecord) -> Background {
    Background {
        profile: alarm.profile.clone(),
        asset: alarm.asset.clone(),
        title: alarm.facts.title.clone(),
        reason: alarm.reason.clone(),
        action: alarm.facts.action.clone(),
        severity: Some(alarm.life.severity),
        ticket: alarm.ticket,
        is_emergency: alarm.facts.is_safety,
    }
}

fn weight(ticket: &TicketRecord) -> NoticeWeight {
    match ticket.grade.class {
        TicketClass::Emergency => NoticeWeight::Emergency,
        TicketClass::Key | TicketClass::Ordinary | TicketClass::Planned => NoticeWeight::Ordinary,
    }
}

fn detail(ticket: &TicketRecord, change: &TicketChange) -> String {
    let optional = |name: &Option<String>| name.clone().unwrap_or_else(|| "nobody".into());
    let date = |at: &Option<Timestamp>| at.map_or_else(|| "unknown".into(), |at| at.to_string());
    match change {
        TicketChange::Opened { reason } => format!(
            "{} {:?} for {}: {}",
            ticket.grade.kind.as_str(),
            ticket.grade.priority,
            ticket.key,
            reason.en
        ),
        TicketChange::Stepped { from, to, note } => {
            format!("from {} to {}{}", from.as_str(), to.as_str(), remark(note))
        }
        TicketChange::Held { cause, reason } => match cause {
            HoldCause::Other => reason.clone(),
            HoldCause::Customer | HoldCause::Access | HoldCause::Parts | HoldCause::Supplier | HoldCause::Approval => {
                format!("for {}: {reason}", cause.as_str())
            }
        },
        TicketChange::Cancelled { reason } => reason.clone(),
        TicketChange::Resumed => format!("at {}", ticket.state.as_str()),
        TicketChange::Assigned { from, to, dispatched } => {
            let why = dispatched.as_ref().map_or("", |d| d.override_reason.as_str());
            format!("from {} to {}{}", optional(from), optional(to), remark(why))
        }
        TicketChange::Scheduled { at } => format!("for {at}"),
        TicketChange::Commented { text, .. } => text.clone(),
        TicketChange::MergedInto { ticket } | TicketChange::SplitFrom { ticket } => ticket.to_string(),
        TicketChange::Absorbed { absorbed } => {
            format!("{} with {} alarms", absorbed.ticket, absorbed.alarms.len())
        }
        TicketChange::SplitOff { ticket, alarm } => match alarm {
            Some(alarm) => format!("{ticket} for {alarm}"),
            None => ticket.to_string(),
        },
        TicketChange::Proposed { at, because } => format!("a visit at {at}: {because}"),
        TicketChange::Closed { outcome, note } => {
            let found = match outcome {
                Outcome::FaultConfirmed(finding) => format!("fault confirmed; {}", finding.line()),
                Outcome::DifferentFault { failure_mode, finding } => {
                    format!("another fault, {failure_mode}; {}", finding.line())
                }
                Outcome::Prevented(finding) => format!("failure prevented; {}", finding.line()),
                Outcome::NoFaultFound => "no fault found".into(),
                Outcome::Other { text } => text.clone(),
            };
            format!("{found}{}", remark(note))
        }
        TicketChange::Reopened { reason } => match reason {
            ReopenReason::ByPerson { text } => text.clone(),
            ReopenReason::Escalated => format!("its alarm got worse: {}", ticket.reason.en),
            ReopenReason::LeftIncident => "the incident is over, and its alarm stands".into(),
            ReopenReason::RaisedAgain => format!("its alarm came back: {}", ticket.reason.en),
        },
        TicketChange::Archived => format!("after {} changes", ticket.revision),
        TicketChange::Merged { alarm } => alarm.to_string(),
        TicketChange::DueAgain { occurrence } => format!("occurrence {occurrence}"),
        TicketChange::Linked { ticket } => ticket.to_string(),
        TicketChange::Upgraded { from, to } => format!(
            "from {} {:?} to {} {:?}: {}",
            from.kind.as_str(),
            from.priority,
            to.kind.as_str(),
            to.priority,
            ticket.reason.en
        ),
        TicketChange::Reclassed { from, to, reason } => format!(
            "from {} {:?} to {} {:?}: {reason}",
            from.class.as_str(),
            from.priority,
            to.class.as_str(),
            to.priority
        ),
        TicketChange::Told { level, people, because } => {
            let who = if people.is_empty() {
                "nobody".to_owned()
            } else {
                people.join(", ")
            };
            let why = match because {
                ToldBecause::Unanswered => "the level before did not answer".to_owned(),
                ToldBecause::NobodyThere => "nobody stands behind the level before".to_owned(),
                ToldBecause::ClockBreached { clock } => format!("{clock:?} is too late"),
            };
            format!("level {level}: {who}; {why}")
        }
        TicketChange::Worked { work } => work.line(),
        TicketChange::FollowUpTold {
            step,
            people,
            because,
            due_at,
        } => {
            let why = match because {
                FollowUpCause::BadRating { rating } => format!("rated {rating} of {MAX_RATING}"),
                FollowUpCause::NotSettled => "the step before could not settle it".to_owned(),
                FollowUpCause::Late => "the step before was too late".to_owned(),
            };
            let who = match people.as_slice() {
                [] => "nobody".to_owned(),
                people => people.join(", "),
            };
            format!("{}: {who}; {why}; due at {due_at}", step.as_str())
        }
        TicketChange::FollowUpAnswered {
            step,
            agreed,
            is_settled,
        } => {
            let what = if *is_settled { "settled" } else { "not settled" };
            format!("{}: {what}; {agreed}", step.as_str())
        }
        TicketChange::FollowUpLate => "the management has not settled it in time".to_owned(),
        TicketChange::Answered { alarm } => format!("{alarm} was acknowledged"),
        TicketChange::ClockWarning { clock, due_at } => format!("{clock:?} is due at {}", date(due_at)),
        TicketChange::ClockBreached { clock, due_at } => format!("{clock:?} was due at {}", date(due_at)),
    }
}

fn remark(note: &str) -> String {
    if note.is_empty() {
        String::new()
    } else {
        format!("; {note}")
    }
}
