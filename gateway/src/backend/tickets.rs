//! Tickets for people: rows to views, lists, commands.

use super::alarms::{record_of as alarm_record_of, refused};
use super::follow_up;
use super::readers::unavailable;
use super::similar::{similar_now, similar_views};
use super::stock::parts_of_ticket;
use super::ticket_work::{machine_view, reported_view, visit_view, work_view};
use super::{LiveBackend, actor_of, revision_fits};
use crate::pipeline::commit::{Done, Made, NotDone, ToCommit};
use crate::store::rows::TicketRow;
use crate::store::{OpenTicketPlace, Reader, StoreError, TicketList};
use crate::web::backend::{Answer, BackendError, Order, TicketCommand, TicketQuery};
use alerting::clock::{self, ClockKind};
use alerting::effect::Command;
use alerting::ledger::{Breach, BreachEnd};
use alerting::policy::Policy;
use alerting::record::AlarmRecord;
use alerting::ticket::{self, HistoryEntry, ReopenReason, TicketChange, TicketEnd, TicketRecord, WorkStep};
use dashboards::view::{
    self, Act, Chain, Clock, ClockState, Closing, Hold, Page, StepKind, Ticket, TicketStep, TicketSummary, ToldBecause,
};
use domain::{Prognosis, TicketId, Timestamp};
use tokio::sync::oneshot;

/// The record of a row.
pub fn record_of(row: &TicketRow) -> Result<TicketRecord, StoreError> {
    serde_json::from_str(&row.record).map_err(|error| StoreError::Damaged {
        what: format!("ticket {}", TicketId(row.id)),
        problem: error.to_string(),
    })
}

fn of_step(step: WorkStep) -> view::TicketState {
    match step {
        WorkStep::Reported => view::TicketState::Reported,
        WorkStep::Diagnosed => view::TicketState::Diagnosed,
        WorkStep::Planned => view::TicketState::Planned,
        WorkStep::InProgress => view::TicketState::InProgress,
        WorkStep::Testing => view::TicketState::Testing,
        WorkStep::AwaitingConfirmation => view::TicketState::AwaitingConfirmation,
    }
}

fn of_end(end: &TicketEnd) -> view::TicketState {
    match end {
        TicketEnd::Closed { .. } => view::TicketState::Closed,
        TicketEnd::Cancelled { .. } => view::TicketState::Cancelled,
        TicketEnd::Merged { .. } => view::TicketState::Merged,
    }
}

fn state_view(state: &ticket::TicketState) -> view::TicketState {
    match state {
        ticket::TicketState::Open { step } | ticket::TicketState::OnHold { step, .. } => of_step(*step),
        ticket::TicketState::Finished { end, .. } | ticket::TicketState::Archived { end, .. } => of_end(end),
    }
}

/// The work step behind a state; none for the final ones.
fn step_of(state: view::TicketState) -> Option<WorkStep> {
    match state {
        view::TicketState::Reported => Some(WorkStep::Reported),
        view::TicketState::Diagnosed => Some(WorkStep::Diagnosed),
        view::TicketState::Planned => Some(WorkStep::Planned),
        view::TicketState::InProgress => Some(WorkStep::InProgress),
        view::TicketState::Testing => Some(WorkStep::Testing),
        view::TicketState::AwaitingConfirmation => Some(WorkStep::AwaitingConfirmation),
        view::TicketState::Closed | view::TicketState::Cancelled | view::TicketState::Merged => None,
    }
}

fn state_word(state: view::TicketState) -> &'static str {
    match (step_of(state), state) {
        (Some(step), _) => step.as_str(),
        (None, view::TicketState::Cancelled) => "cancelled",
        (None, view::TicketState::Merged) => "merged",
        (None, _) => "closed",
    }
}

/// Where the work may go: any other step, also back (the test failed), but not to the beginning. On hold: nowhere.
fn next_states(state: &ticket::TicketState) -> Vec<view::TicketState> {
    match state {
        ticket::TicketState::Open { step } => view::TicketState::ALL
            .into_iter()
            .filter(|to| step_of(*to).is_some_and(|to| to != *step && to != WorkStep::Reported))
            .collect(),
        ticket::TicketState::OnHold { .. }
        | ticket::TicketState::Finished { .. }
        | ticket::TicketState::Archived { .. } => Vec::new(),
    }
}

fn kind_view(kind: ticket::TicketKind) -> view::TicketKind {
    match kind {
        ticket::TicketKind::MaintenanceReminder => view::TicketKind::MaintenanceReminder,
        ticket::TicketKind::OnSiteInspection => view::TicketKind::OnSiteInspection,
        ticket::TicketKind::Emergency => view::TicketKind::Emergency,
    }
}

fn class_view(class: ticket::TicketClass) -> view::TicketClass {
    match class {
        ticket::TicketClass::Planned => view::TicketClass::Planned,
        ticket::TicketClass::Ordinary => view::TicketClass::Ordinary,
        ticket::TicketClass::Key => view::TicketClass::Key,
        ticket::TicketClass::Emergency => view::TicketClass::Emergency,
    }
}

/// The class of the book behind that of the pages.
fn class_of(class: view::TicketClass) -> ticket::TicketClass {
    match class {
        view::TicketClass::Planned => ticket::TicketClass::Planned,
        view::TicketClass::Ordinary => ticket::TicketClass::Ordinary,
        view::TicketClass::Key => ticket::TicketClass::Key,
        view::TicketClass::Emergency => ticket::TicketClass::Emergency,
    }
}

fn hold_cause_view(cause: ticket::HoldCause) -> view::HoldCause {
    match cause {
        ticket::HoldCause::Customer => view::HoldCause::Customer,
        ticket::HoldCause::Access => view::HoldCause::Access,
        ticket::HoldCause::Parts => view::HoldCause::Parts,
        ticket::HoldCause::Supplier => view::HoldCause::Supplier,
        ticket::HoldCause::Approval => view::HoldCause::Approval,
        ticket::HoldCause::Other => view::HoldCause::Other,
    }
}

fn hold_cause_of(cause: view::HoldCause) -> ticket::HoldCause {
    match cause {
        view::HoldCause::Customer => ticket::HoldCause::Customer,
        view::HoldCause::Access => ticket::HoldCause::Access,
        view::HoldCause::Parts => ticket::HoldCause::Parts,
        view::HoldCause::Supplier => ticket::HoldCause::Supplier,
        view::HoldCause::Approval => ticket::HoldCause::Approval,
        view::HoldCause::Other => ticket::HoldCause::Other,
    }
}

pub(super) fn breach_view(breach: &Breach) -> view::Breach {
    let ended_at = breach.end.map(|end| match end {
        BreachEnd::Met { at } | BreachEnd::Reclassed { at } | BreachEnd::Cancelled { at } => at.into(),
    });
    view::Breach {
        clock: clock_kind_view(breach.clock),
        class: class_view(breach.class),
        contract: breach.contract.clone(),
        due_at: breach.due_at.into(),
        assignee: breach.assignee.clone(),
        ended_at,
    }
}

fn clock_kind_view(kind: ClockKind) -> view::ClockKind {
    match kind {
        ClockKind::FirstResponse => view::ClockKind::FirstResponse,
        ClockKind::OnSite => view::ClockKind::OnSite,
        ClockKind::Diagnosis => view::ClockKind::Diagnosis,
        ClockKind::Plan => view::ClockKind::Plan,
        ClockKind::Resolution => view::ClockKind::Resolution,
    }
}

fn outcome_view(outcome: &ticket::Outcome) -> view::Outcome {
    match outcome {
        ticket::Outcome::FaultConfirmed(_) => view::Outcome::FaultConfirmed,
        ticket::Outcome::DifferentFault { .. } => view::Outcome::DifferentFault,
        ticket::Outcome::Prevented(_) => view::Outcome::Prevented,
        ticket::Outcome::NoFaultFound => view::Outcome::NoFaultFound,
        ticket::Outcome::Other { .. } => view::Outcome::Other,
    }
}

/// What a clock shows at `now`.
fn clock_view(kind: ClockKind, shown: clock::ClockState, now: Timestamp) -> Clock {
    let (due_at, remaining, state) = match shown {
        clock::ClockState::Running { due_at, remaining } => (Some(due_at), remaining, ClockState::Running),
        clock::ClockState::Paused { remaining } => (None, remaining, ClockState::Paused),
        clock::ClockState::Met { at, in_time: true } => (None, domain::Millis::ZERO, ClockState::Met { at: at.into() }),
        // done, but too late: that stays a breach
        clock::ClockState::Met { at, in_time: false } => {
            (None, domain::Millis::ZERO, ClockState::Breached { at: at.into() })
        }
        clock::ClockState::Breached { due_at } => {
            (Some(due_at), due_at - now, ClockState::Breached { at: due_at.into() })
        }
    };
    Clock {
        kind: clock_kind_view(kind),
        due_at: due_at.map(Into::into),
        remaining_ms: remaining.0,
        state,
    }
}

/// The clocks of a ticket at `now`.
pub fn clocks_of(record: &TicketRecord, policy: &Policy, now: Timestamp) -> Vec<Clock> {
    record
        .clocks
        .iter()
        .map(|(kind, clock)| clock_view(*kind, clock.state(&record.terms(policy).calendar, now), now))
        .collect()
}

pub(super) fn summary(record: &TicketRecord, policy: &Policy, now: Timestamp) -> TicketSummary {
    let on_hold = match &record.state {
        ticket::TicketState::OnHold {
            cause, reason, since, ..
        } => {
            let holder = record
                .history
                .iter()
                .rev()
                .find(|h| matches!(h.what, TicketChange::Held { .. }));
            let by = holder.map_or("system", |h| h.by.name()).to_owned();
            Some(Hold {
                act: Act {
                    by,
                    at: (*since).into(),
                },
                cause: hold_cause_view(*cause),
                reason: reason.clone(),
            })
        }
        ticket::TicketState::Open { .. }
        | ticket::TicketState::Finished { .. }
        | ticket::TicketState::Archived { .. } => None,
    };
    TicketSummary {
        id: record.id.to_string(),
        revision: u64::from(record.revision),
        kind: kind_view(record.grade.kind),
        class: class_view(record.grade.class),
        priority: format!("{:?}", record.grade.priority),
        state: state_view(&record.state),
        site: record.device.site.clone(),
        device: record.device.device.clone(),
        failure_mode: record.failure_mode.clone(),
        title: record.title.clone(),
        severity: record.grade.severity,
        // work by plan has no condition, so no risk
        risk: record.grade.severity.map(|_| record.grade.risk),
        opened_at: record.opened_at.into(),
        assignee: record.assignee.clone(),
        on_hold,
        clocks: clocks_of(record, policy, now),
        follow_up: follow_up::now_of(record),
    }
}

fn chain_view(chain: &ticket::Chain) -> Chain {
    Chain {
        name: chain.name.clone(),
        level: chain.level,
        people: chain.people.clone(),
        next_at: chain.next_at.map(Into::into),
        answered: chain.answered.clone().map(|(by, at)| Act { by, at: at.into() }),
    }
}

fn because_view(because: ticket::ToldBecause) -> ToldBecause {
    match because {
        ticket::ToldBecause::Unanswered => ToldBecause::Unanswered,
        ticket::ToldBecause::NobodyThere => ToldBecause::NobodyThere,
        ticket::ToldBecause::ClockBreached { clock } => ToldBecause::ClockBreached {
            clock: clock_kind_view(clock),
        },
    }
}

fn step_view(entry: &HistoryEntry) -> TicketStep {
    let silent = String::new;
    let (what, note) = match &entry.what {
        TicketChange::Opened { .. } => (StepKind::Opened, silent()),
        TicketChange::Stepped { to, note, .. } => (StepKind::Stepped { to: of_step(*to) }, note.clone()),
        TicketChange::Held { cause, reason } => (
            StepKind::Held {
                cause: hold_cause_view(*cause),
            },
            reason.clone(),
        ),
        TicketChange::Resumed => (StepKind::Resumed, silent()),
        TicketChange::Assigned { to, dispatched, .. } => {
            let why = dispatched.as_ref().map(|d| d.override_reason.clone());
            (StepKind::Assigned { to: to.clone() }, why.unwrap_or_default())
        }
        TicketChange::Scheduled { at } => (StepKind::Scheduled { visit_at: (*at).into() }, silent()),
        TicketChange::Commented { text, from } => {
            let from = from.map(|id| id.to_string());
            (StepKind::Commented { from }, text.clone())
        }
        TicketChange::MergedInto { ticket } => {
            let ticket = ticket.to_string();
            (StepKind::MergedInto { ticket }, silent())
        }
        TicketChange::Absorbed { absorbed } => {
            let ticket = absorbed.ticket.to_string();
            (StepKind::Absorbed { ticket }, silent())
        }
        TicketChange::SplitOff { ticket, alarm } => {
            let ticket = ticket.to_string();
            let alarm = alarm.as_ref().map(ToString::to_string);
            (StepKind::SplitOff { ticket }, alarm.unwrap_or_default())
        }
        TicketChange::SplitFrom { ticket } => {
            let ticket = ticket.to_string();
            (StepKind::SplitFrom { ticket }, silent())
        }
        TicketChange::Proposed { at, because } => {
            let visit_at = (*at).into();
            (StepKind::Proposed { visit_at }, because.to_string())
        }
        TicketChange::Closed { outcome, note } => (
            StepKind::Closed {
                outcome: outcome_view(outcome),
            },
            note.clone(),
        ),
        TicketChange::Cancelled { reason } => (StepKind::Cancelled, reason.clone()),
        TicketChange::Reopened { reason } => match reason {
            ReopenReason::ByPerson { text } => (StepKind::Reopened, text.clone()),
            ReopenReason::Escalated | ReopenReason::RaisedAgain | ReopenReason::LeftIncident => {
                (StepKind::Reopened, silent())
            }
        },
        TicketChange::Archived => (StepKind::Archived, silent()),
        TicketChange::Merged { alarm } => (
            StepKind::Merged {
                alarm_id: alarm.to_string(),
            },
            silent(),
        ),
        TicketChange::DueAgain { .. } => (StepKind::DueAgain, silent()),
        TicketChange::Linked { ticket } => (
            StepKind::Linked {
                ticket: ticket.to_string(),
            },
            silent(),
        ),
        TicketChange::Upgraded { .. } => (StepKind::Upgraded, silent()),
        TicketChange::Reclassed { to, reason, .. } => (
            StepKind::Reclassed {
                class: class_view(to.class),
            },
            reason.clone(),
        ),
        TicketChange::Told { level, people, because } => (
            StepKind::Told {
                level: *level,
                people: people.clone(),
                because: because_view(*because),
            },
            silent(),
        ),
        TicketChange::Answered { alarm } => (
            StepKind::Answered {
                alarm_id: alarm.to_string(),
            },
            silent(),
        ),
        TicketChange::Worked { work } => (
            StepKind::Worked {
                wrote: work.as_str().to_owned(),
            },
            work.line(),
        ),
        TicketChange::FollowUpTold { .. } | TicketChange::FollowUpAnswered { .. } | TicketChange::FollowUpLate => {
            follow_up::history_step(&entry.what).unwrap_or((StepKind::FollowUpLate, silent()))
        }
        TicketChange::ClockWarning { clock, .. } => (
            StepKind::ClockWarning {
                clock: clock_kind_view(*clock),
            },
            silent(),
        ),
        TicketChange::ClockBreached { clock, .. } => (
            StepKind::ClockBreached {
                clock: clock_kind_view(*clock),
            },
            silent(),
        ),
    };
    TicketStep {
        act: Act {
            by: entry.by.name().to_owned(),
            at: entry.at.into(),
        },
        what,
        note,
    }
}

pub(super) fn closing_of(record: &TicketRecord) -> Option<Closing> {
    let end = match &record.state {
        ticket::TicketState::Finished { end, .. } | ticket::TicketState::Archived { end, .. } => end,
        ticket::TicketState::Open { .. } | ticket::TicketState::OnHold { .. } => return None,
    };
    let TicketEnd::Closed { outcome } = end else {
        return None;
    };
    let said = record.history.iter().rev().find_map(|h| match &h.what {
        TicketChange::Closed { note, .. } => Some(note.clone()),
        _ => None,
    });
    let note = said.unwrap_or_default();
    let plain = Closing {
        outcome: outcome_view(outcome),
        failure_mode: None,
        part: String::new(),
        damage: String::new(),
        cause: String::new(),
        remedy: String::new(),
        parts: Vec::new(),
        note,
    };
    let found = |finding: &ticket::Finding, plain| Closing {
        part: finding.part.clone(),
        damage: finding.damage.clone(),
        cause: finding.cause.clone(),
        remedy: finding.remedy.clone(),
        parts: finding.parts.clone(),
        ..plain
    };
    Some(match outcome {
        ticket::Outcome::FaultConfirmed(finding) | ticket::Outcome::Prevented(finding) => found(finding, plain),
        ticket::Outcome::DifferentFault { failure_mode, finding } => Closing {
            failure_mode: Some(failure_mode.clone()),
            ..found(finding, plain)
        },
        ticket::Outcome::NoFaultFound => plain,
        ticket::Outcome::Other { text } if plain.note.is_empty() => Closing {
            note: text.clone(),
            ..plain
        },
        ticket::Outcome::Other { text } => Closing {
            cause: text.clone(),
            ..plain
        },
    })
}

/// What a person asked for, in the words of the book.
fn command_of(id: TicketId, command: TicketCommand) -> Result<Command, BackendError> {
    let command = match command {
        TicketCommand::Merge { into } => return Ok(Command::Merge { ticket: id, into }),
        TicketCommand::Split(off) => return Ok(Command::Split { ticket: id, off }),
        other => own_command(other)?,
    };
    Ok(Command::Ticket { ticket: id, command })
}

/// The same, of what is about one ticket alone.
fn own_command(command: TicketCommand) -> Result<ticket::TicketCommand, BackendError> {
    Ok(match command {
        TicketCommand::FollowUp { agreed, is_settled } => ticket::TicketCommand::FollowUp { agreed, is_settled },
        TicketCommand::Archive => ticket::TicketCommand::Archive,
        TicketCommand::Schedule { at } => ticket::TicketCommand::Schedule { at },
        TicketCommand::Work(work) => ticket::TicketCommand::Work { work },
        TicketCommand::Merge { .. } | TicketCommand::Split(_) => {
            let detail = "two tickets are concerned".to_owned();
            return Err(BackendError::Conflict { detail });
        }
        TicketCommand::Step { to, note } => match step_of(to) {
            Some(to) => ticket::TicketCommand::Step { to, note },
            None => {
                let detail = "use close or cancel for that".to_owned();
                return Err(BackendError::Invalid {
                    pointer: "/to".to_owned(),
                    detail,
                });
            }
        },
        TicketCommand::Assign { assignee, .. } => ticket::TicketCommand::Assign {
            to: Some(assignee),
            dispatched: None,
        },
        TicketCommand::Hold { cause, reason } => ticket::TicketCommand::Hold {
            cause: hold_cause_of(cause),
            reason,
        },
        TicketCommand::Reclass { class, reason } => ticket::TicketCommand::Reclass {
            class: class_of(class),
            priority: None,
            reason,
        },
        TicketCommand::Resume => ticket::TicketCommand::Resume,
        TicketCommand::Comment { text } => ticket::TicketCommand::Comment { text },
        TicketCommand::Close {
            outcome,
            failure_mode,
            part,
            damage,
            cause,
            remedy,
            parts,
            note,
        } => {
            let finding = ticket::Finding {
                part,
                damage,
                cause,
                remedy,
                parts,
            };
            let outcome = match outcome {
                view::Outcome::FaultConfirmed => ticket::Outcome::FaultConfirmed(finding),
                view::Outcome::Prevented => ticket::Outcome::Prevented(finding),
                view::Outcome::DifferentFault => {
                    let Some(failure_mode) = failure_mode else {
                        let (pointer, detail) = ("/failure_mode".to_owned(), "say which fault it was".to_owned());
                        return Err(BackendError::Invalid { pointer, detail });
                    };
                    ticket::Outcome::DifferentFault { failure_mode, finding }
                }
                view::Outcome::NoFaultFound => {
                    let note = in_one([vec![note], texts_of(finding)].concat());
                    return Ok(ticket::TicketCommand::Close {
                        outcome: ticket::Outcome::NoFaultFound,
                        note,
                    });
                }
                view::Outcome::Other => {
                    let text = in_one(texts_of(finding));
                    let (text, note) = if text.is_empty() {
                        (note, String::new())
                    } else {
                        (text, note)
                    };
                    if text.is_empty() {
                        let detail = "say what it was".to_owned();
                        return Err(BackendError::Invalid {
                            pointer: "/note".to_owned(),
                            detail,
                        });
                    }
                    return Ok(ticket::TicketCommand::Close {
                        outcome: ticket::Outcome::Other { text },
                        note,
                    });
                }
            };
            ticket::TicketCommand::Close { outcome, note }
        }
        TicketCommand::Cancel { reason } => ticket::TicketCommand::Cancel { reason },
        TicketCommand::Reopen { reason } => ticket::TicketCommand::Reopen { reason },
    })
}

fn texts_of(finding: ticket::Finding) -> Vec<String> {
    let parts = finding.parts.join(", ");
    vec![finding.cause, finding.remedy, finding.part, finding.damage, parts]
}

/// What was said, wherever it was written: these outcomes have one text only.
fn in_one(texts: Vec<String>) -> String {
    let said: Vec<String> = texts.into_iter().filter(|t| !t.is_empty()).collect();
    said.join("\n")
}

/// Where a page of tickets ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Open(OpenTicketPlace),
    Final(Timestamp, u64),
}

impl Place {
    fn of(row: &TicketRow) -> Place {
        match row.is_open {
            true => Place::Open(OpenTicketPlace::of(row)),
            false => Place::Final(row.changed_at, row.id),
        }
    }

    fn text(self) -> String {
        match self {
            Place::Open(place) => format!("o~{}~{}~{}", u8::from(place.is_ordinary), place.due_at, place.id),
            Place::Final(at, id) => format!("f~{}~{id}", at.0),
        }
    }

    fn parse(cursor: &str) -> Option<Place> {
        let parts: Vec<&str> = cursor.split('~').collect();
        match parts.as_slice() {
            ["o", is_ordinary, due_at, id] => Some(Place::Open(OpenTicketPlace {
                is_ordinary: *is_ordinary == "1",
                due_at: due_at.parse().ok()?,
                id: id.parse().ok()?,
            })),
            ["f", at, id] => Some(Place::Final(Timestamp(at.parse().ok()?), id.parse().ok()?)),
            _ => None,
        }
    }
}

/// Open tickets, then final ones, from a place on.
fn rows_from(
    reader: &Reader,
    list: &TicketList,
    is_open: Option<bool>,
    from: Option<Place>,
    limit: usize,
) -> Result<Vec<TicketRow>, StoreError> {
    let mut rows = match (is_open, from) {
        (Some(false), _) | (None | Some(true), Some(Place::Final(..))) => Vec::new(),
        (None | Some(true), None) => reader.open_tickets(list, None, limit)?,
        (None | Some(true), Some(Place::Open(place))) => reader.open_tickets(list, Some(place), limit)?,
    };
    if is_open != Some(true) && rows.len() < limit {
        let after = match from {
            Some(Place::Final(at, id)) => Some((at, id)),
            Some(Place::Open(_)) | None => None,
        };
        rows.extend(reader.final_tickets(list, after, limit - rows.len())?);
    }
    Ok(rows)
}

fn not_found(id: TicketId) -> BackendError {
    BackendError::NotFound {
        what: format!("ticket {id}"),
    }
}

impl LiveBackend {
    /// A ticket on the board.
    pub(super) fn ticket_summary(&self, row: &TicketRow) -> Result<TicketSummary, StoreError> {
        Ok(summary(&record_of(row)?, &self.running.policy, self.clock().now()))
    }

    /// A ticket with everything; its alarm, if there is one, tells why it was opened.
    fn ticket_view(&self, record: &TicketRecord, alarm: Option<&AlarmRecord>) -> Ticket {
        let alarms = record
            .alarm
            .iter()
            .chain(&record.merged)
            .map(ToString::to_string)
            .collect();
        let prognosis = alarm.map_or(Prognosis::NotYetKnown, |a| a.prognosis);
        Ticket {
            summary: summary(record, &self.running.policy, self.clock().now()),
            action: record.action.clone(),
            part: record.part.clone(),
            parts: record.parts.clone(),
            stock: Vec::new(),
            skills: record.skills.clone(),
            is_safety: alarm.is_some_and(|a| a.facts.is_safety) || record.grade.class == ticket::TicketClass::Emergency,
            evidence: alarm
                .map(|a| self.evidence_views(&a.device, &a.evidence))
                .unwrap_or_default(),
            similar: alarm
                .map(|a| similar_views(&a.similar, &self.sight))
                .unwrap_or_default(),
            alarms,
            model: record.model.to_string(),
            time_left: match prognosis {
                Prognosis::NotYetKnown => None,
                Prognosis::Known(life) => Some(life.into()),
            },
            machine: machine_view(record),
            report: record.report.as_ref().map(reported_view),
            likely_cause: record.likely_cause.clone(),
            scheduled_for: record.scheduled_for.map(Into::into),
            visit: record.visit.as_ref().map(visit_view),
            linked: record.linked.iter().map(ToString::to_string).collect(),
            absorbed: record.absorbed.iter().map(|a| a.ticket.to_string()).collect(),
            merged_into: record.merged_into().map(|id| id.to_string()),
            work: work_view(&record.work),
            follow_ups: follow_up::all_of(record),
            contract: record.contract.clone(),
            breaches: record.breaches.iter().map(breach_view).collect(),
            chain: record.chain.as_ref().map(chain_view),
            next_states: next_states(&record.state),
            closing: closing_of(record),
            history: record.history.iter().map(step_view).collect(),
        }
    }

    pub(super) async fn list_tickets(&self, query: TicketQuery) -> Answer<Page<TicketSummary>> {
        let list = TicketList {
            site: query.site.as_ref().map(ToString::to_string),
            device: query.device.as_ref().map(ToString::to_string),
            state: query.state.map(state_word),
            follow_up: query.follow_up,
        };
        // a state says by itself whether work is left
        let is_open = match (query.state.map(|s| !s.is_final()), query.is_open) {
            (Some(by_state), Some(asked)) if by_state != asked => return Ok(Page::last(Vec::new())),
            (by_state, asked) => by_state.or(asked),
        };
        let from = match query.slice.cursor.as_deref().map(Place::parse) {
            Some(None) => return Ok(Page::last(Vec::new())),
            Some(Some(place)) => Some(place),
            None => None,
        };
        let (limit, backend) = (query.slice.limit, self.clone());
        let ask = move |reader: &Reader| {
            let mut rows = rows_from(reader, &list, is_open, from, limit + 1)?;
            let is_more = rows.len() > limit;
            rows.truncate(limit);
            let next = rows.last().filter(|_| is_more).map(|row| Place::of(row).text());
            let items = rows
                .iter()
                .map(|row| backend.ticket_summary(row))
                .collect::<Result<_, _>>()?;
            Ok(Page { items, next })
        };
        self.readers.ask(ask).await
    }

    pub(super) async fn read_ticket(&self, id: TicketId) -> Answer<Ticket> {
        let backend = self.clone();
        let ask = move |reader: &Reader| {
            let Some(row) = backend.standing.follow_ticket(reader, id.0)? else {
                return Ok(None);
            };
            let record = record_of(&row)?;
            let alarm = record
                .alarm
                .as_ref()
                .map(|alarm| reader.alarm(&alarm.to_string()))
                .transpose()?
                .flatten();
            let alarm = alarm.as_ref().map(alarm_record_of).transpose()?;
            let ticket = backend.ticket_view(&record, alarm.as_ref());
            let stock = parts_of_ticket(reader, &backend.running.policy.parts, &record)?;
            let similar = alarm
                .map(|a| similar_now(reader, &a.similar, &backend.sight))
                .transpose()?;
            Ok(Some(Ticket {
                similar: similar.unwrap_or_default(),
                stock,
                ..ticket
            }))
        };
        self.readers.ask(ask).await?.ok_or_else(|| not_found(id))
    }

    pub(super) async fn change_ticket(&self, order: Order, id: TicketId, command: TicketCommand) -> Answer<Ticket> {
        let command = match command {
            TicketCommand::Assign {
                assignee,
                proposal_rank,
                override_reason,
            } => {
                let dispatched = self.dispatched(id, &assignee, proposal_rank, override_reason).await?;
                let to = Some(assignee);
                let command = ticket::TicketCommand::Assign { to, dispatched };
                Command::Ticket { ticket: id, command }
            }
            other => command_of(id, other)?,
        };
        let known = self.readers.ask(move |reader| reader.ticket(id.0));
        let row = known.await?.ok_or_else(|| not_found(id))?;
        revision_fits(&order, row.revision)?;
        self.command(&order, command).await?;
        self.read_ticket(id).await
    }

    /// Lets the book decide; answered when it is on disk.
    pub(super) async fn command(&self, order: &Order, command: Command) -> Answer<Made> {
        let order = self.permit(order, &command).await?;
        let (reply, answer) = oneshot::channel();
        let message = ToCommit::Command {
            actor: actor_of(&order.actor),
            command,
            if_revision: order.if_revision,
            reply,
        };
        self.send_order(message, answer).await
    }

    /// Hands the order to the commit thread; answered when it is on disk.
    pub(super) async fn send_order(&self, message: ToCommit, answer: oneshot::Receiver<Done>) -> Answer<Made> {
        let gone = || unavailable("the gateway stops");
        self.running.commit.send(message).await.map_err(|_| gone())?;
        match answer.await {
            Ok(Ok(made)) => Ok(made),
            Ok(Err(NotDone::UnknownDevice)) => Err(BackendError::Invalid {
                pointer: "/device".to_owned(),
                detail: "there is no such machine".to_owned(),
            }),
            Ok(Err(NotDone::Refused(refusal))) => Err(refused(&refusal)),
            Ok(Err(NotDone::Changed { revision })) => Err(BackendError::Changed { revision }),
            Err(_) => Err(gone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_leads_back_to_its_place() {
        let open = OpenTicketPlace {
            is_ordinary: true,
            due_at: i64::MAX,
            id: 42,
        };
        for place in [Place::Open(open), Place::Final(Timestamp(-1), 7)] {
            assert_eq!(Place::parse(&place.text()), Some(place));
        }
        assert_eq!(Place::parse("T-000042"), None);
    }

    #[test]
    fn every_state_of_the_pages_has_its_word_in_the_database() {
        let words = view::TicketState::ALL.map(state_word);
        let expected = [
            "reported",
            "diagnosed",
            "planned",
            "in_progress",
            "testing",
            "awaiting_confirmation",
            "closed",
            "cancelled",
            "merged",
        ];
        assert_eq!(words, expected);
    }

    #[test]
    fn what_was_said_on_closing_is_kept_whatever_the_outcome() {
        let close = |outcome, cause: &str, note: &str| {
            own_command(TicketCommand::Close {
                outcome,
                failure_mode: None,
                part: String::new(),
                damage: String::new(),
                cause: cause.into(),
                remedy: String::new(),
                parts: vec![],
                note: note.into(),
            })
        };
        let other = |text: &str, note: &str| {
            Ok(ticket::TicketCommand::Close {
                outcome: ticket::Outcome::Other { text: text.into() },
                note: note.into(),
            })
        };
        assert_eq!(close(view::Outcome::Other, "", "sold"), other("sold", ""));
        assert_eq!(
            close(view::Outcome::Other, "sold", "by auction"),
            other("sold", "by auction")
        );
        assert!(matches!(
            close(view::Outcome::Other, "", ""),
            Err(BackendError::Invalid { .. })
        ));
        let quiet = ticket::TicketCommand::Close {
            outcome: ticket::Outcome::NoFaultFound,
            note: "all well\nloose cable".into(),
        };
        assert_eq!(close(view::Outcome::NoFaultFound, "loose cable", "all well"), Ok(quiet));
    }
}
