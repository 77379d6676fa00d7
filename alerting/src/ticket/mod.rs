//! A ticket: work for a technician, from the report to the archive, with its clocks and its whole history.
//!
//! A pure state machine: no clock, no I/O. Which tickets there are is the book's business; here is what happens to one.

mod chain;
mod clocks;
mod follow_up;
mod merged;
mod report;
mod visit;
mod words;
mod work;

#[cfg(test)]
mod chain_tests;
#[cfg(test)]
mod clock_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod work_tests;

pub use chain::{Chain, ToldBecause};
pub use follow_up::*;
pub use merged::*;
pub use report::*;
pub use visit::*;
pub use words::*;
pub use work::*;

use crate::alarm::PersonName;
use crate::clock::{Clock, ClockKind};
use crate::dispatch::Dispatched;
use crate::ledger::Breach;
use crate::policy::Policy;
use crate::record::Asset;
use domain::text::Text;
use domain::{AlarmId, DeviceKey, FailureModeId, Impact, ModelVersion, TicketId, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A ticket, whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TicketRecord {
    /// Its number.
    pub id: TicketId,
    /// `site/device/failure_mode/episode`: unique; also the idempotency key outward.
    pub key: String,
    /// Which machine.
    pub device: DeviceKey,
    /// How it fails; `plan.` and the plan's name for maintenance.
    pub failure_mode: FailureModeId,
    /// Which episode opened it (which occurrence, for maintenance).
    pub episode: u32,
    /// The latest episode or occurrence merged into it.
    pub last_episode: u32,
    /// The alarm that opened it; none for maintenance.
    pub alarm: Option<AlarmId>,
    /// Further alarms of the same failure mode while it was open; at most [`MAX_MERGED`] are listed.
    pub merged: Vec<AlarmId>,
    /// How many there were.
    pub merged_count: u32,
    /// Tickets for other failure modes of the same machine, open at the same time.
    pub linked: BTreeSet<TicketId>,
    /// How urgent.
    pub grade: Grade,
    /// What the failure costs.
    pub impact: Impact,
    /// Where it is in its life.
    pub state: TicketState,
    /// Who shall do it.
    pub assignee: Option<PersonName>,
    /// The visit agreed.
    pub scheduled_for: Option<Timestamp>,
    /// By when the work shall be done; none while the clock stands.
    pub due_at: Option<Timestamp>,
    /// Its clocks.
    pub clocks: BTreeMap<ClockKind, Clock>,
    /// Clocks that its present class does not have, with the time they had counted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub resting: BTreeMap<ClockKind, Clock>,
    /// The contract whose clocks and working hours count; none: the site's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract: Option<String>,
    /// Clocks that were too late, in the order found; at most [`MAX_BREACHES`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub breaches: Vec<Breach>,
    /// What a person judged when they set the class: only what is worse makes the ticket more urgent by itself again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judged: Option<Judged>,
    /// For people.
    pub title: Text,
    /// Why, with value and limit.
    pub reason: Text,
    /// What to do.
    pub action: Text,
    /// What to mind; empty if nothing special.
    pub safety_note: Text,
    /// The part that fails.
    pub part: String,
    /// Parts to bring.
    pub parts: Vec<String>,
    /// Skills needed.
    pub skills: Vec<String>,
    /// What the registry says about the machine.
    pub asset: Asset,
    /// The machine's profile; rows of the first version do not tell.
    #[serde(default)]
    pub profile: String,
    /// Who is told of it until somebody takes it up; none: no chain holds for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<Chain>,
    /// The model that gave cause for it.
    #[serde(default)]
    pub model: ModelVersion,
    /// Tickets that were merged into it, at most [`MAX_ABSORBED`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub absorbed: Vec<Absorbed>,
    /// Who reported it by hand, and how; none: an alarm or a plan opened it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<Reported>,
    /// What it likely comes from; empty if nobody knows.
    #[serde(default)]
    pub likely_cause: Text,
    /// When a visit counts for its plan, and when one is proposed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visit: Option<Visit>,
    /// What was written down of the work.
    #[serde(default)]
    pub work: Work,
    /// Bad ratings that were followed up, at most [`MAX_FOLLOW_UPS`]; only the last may be open.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub follow_ups: Vec<FollowUp>,
    /// Our time of opening.
    pub opened_at: Timestamp,
    /// Our time of the latest change.
    pub changed_at: Timestamp,
    /// How many changes there were; from 1.
    pub revision: u32,
    /// Who, when, what.
    pub history: Vec<HistoryEntry>,
}

impl TicketRecord {
    /// Whether the book must remember it: until it is archived.
    pub fn is_live(&self) -> bool {
        match self.state {
            TicketState::Open { .. } | TicketState::OnHold { .. } | TicketState::Finished { .. } => true,
            TicketState::Archived { .. } => false,
        }
    }

    /// What the technician found; none while there is work, and where none was done.
    pub fn outcome(&self) -> Option<&Outcome> {
        match &self.state {
            TicketState::Open { .. } | TicketState::OnHold { .. } => None,
            TicketState::Finished { end, .. } | TicketState::Archived { end, .. } => match end {
                TicketEnd::Closed { outcome } => Some(outcome),
                TicketEnd::Cancelled { .. } | TicketEnd::Merged { .. } => None,
            },
        }
    }

    /// The fault that was there, if it was another than the ticket asked for.
    pub fn different_fault(&self) -> Option<&FailureModeId> {
        match self.outcome()? {
            Outcome::DifferentFault { failure_mode, .. } => Some(failure_mode),
            Outcome::FaultConfirmed(_) | Outcome::Prevented(_) | Outcome::NoFaultFound | Outcome::Other { .. } => None,
        }
    }

    /// Into which ticket it was merged.
    pub fn merged_into(&self) -> Option<TicketId> {
        match &self.state {
            TicketState::Open { .. } | TicketState::OnHold { .. } => None,
            TicketState::Finished { end, .. } | TicketState::Archived { end, .. } => match end {
                TicketEnd::Merged { into, .. } => Some(*into),
                TicketEnd::Closed { .. } | TicketEnd::Cancelled { .. } => None,
            },
        }
    }

    /// The fault that was there and when the work on it was over; none if it is not over, or ended without a fault.
    pub fn mended(&self) -> Option<(&FailureModeId, Timestamp)> {
        let mode = self.outcome()?.mended(&self.failure_mode)?;
        let is_closing = |entry: &&HistoryEntry| matches!(entry.what, TicketChange::Closed { .. });
        let closed = self.history.iter().rev().find(is_closing)?;
        Some((mode, closed.at))
    }

    /// Follows a person's command.
    ///
    /// # Errors
    /// Why not; the ticket is as before.
    pub fn command(
        &mut self,
        command: TicketCommand,
        by: Actor,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<TicketChange, TicketRefusal> {
        check_texts(&command)?;
        let ends = match command {
            TicketCommand::Close { .. }
            | TicketCommand::Cancel { .. }
            | TicketCommand::FollowUp { is_settled: true, .. }
            | TicketCommand::Archive => true,
            TicketCommand::Step { .. }
            | TicketCommand::Hold { .. }
            | TicketCommand::Resume
            | TicketCommand::Assign { .. }
            | TicketCommand::Schedule { .. }
            | TicketCommand::Comment { .. }
            | TicketCommand::Reclass { .. }
            | TicketCommand::Work { .. }
            | TicketCommand::FollowUp { is_settled: false, .. }
            | TicketCommand::Reopen { .. } => false,
        };
        if self.history.len() >= MAX_HISTORY && !ends {
            return Err(TicketRefusal::HistoryFull);
        }
        if let TicketCommand::Work {
            work: WorkCommand::CallBack { rating, .. },
        } = &command
        {
            self.check_rating(*rating, policy)?;
        }
        let change = self.decide(command, &by, now)?;
        self.apply(change.clone(), by, policy, now);
        Ok(change)
    }

    /// What a command means in the present state.
    fn decide(&self, command: TicketCommand, by: &Actor, now: Timestamp) -> Result<TicketChange, TicketRefusal> {
        match &self.state {
            TicketState::Open { step } => match command {
                TicketCommand::Step { to, .. } if to == *step => Err(TicketRefusal::NoChange),
                TicketCommand::Step {
                    to: WorkStep::Reported, ..
                } => Err(TicketRefusal::BackToReported),
                TicketCommand::Step { to, note } => {
                    let from = *step;
                    Ok(TicketChange::Stepped { from, to, note })
                }
                TicketCommand::Hold { cause, reason } => Ok(TicketChange::Held { cause, reason }),
                TicketCommand::Resume => Err(TicketRefusal::NotOnHold),
                TicketCommand::Assign { to, dispatched } => self.assign(to, dispatched),
                TicketCommand::Schedule { at } => Ok(TicketChange::Scheduled { at }),
                TicketCommand::Comment { text } => Ok(commented(text)),
                TicketCommand::Reclass {
                    class,
                    priority,
                    reason,
                } => self.reclass(class, priority, reason),
                TicketCommand::Close { outcome, note } => self.close(outcome, note),
                TicketCommand::Cancel { reason } => Ok(TicketChange::Cancelled { reason }),
                TicketCommand::Work { work } => self.write_down(work, by, now),
                TicketCommand::FollowUp { agreed, is_settled } => self.decide_follow_up(agreed, is_settled),
                TicketCommand::Reopen { .. } | TicketCommand::Archive => Err(self.not_finished()),
            },
            TicketState::OnHold { .. } => match command {
                TicketCommand::Step { .. } => Err(TicketRefusal::OnHold),
                TicketCommand::Hold { .. } => Err(TicketRefusal::NoChange),
                TicketCommand::Resume => Ok(TicketChange::Resumed),
                TicketCommand::Assign { to, dispatched } => self.assign(to, dispatched),
                TicketCommand::Schedule { at } => Ok(TicketChange::Scheduled { at }),
                TicketCommand::Comment { text } => Ok(commented(text)),
                TicketCommand::Reclass {
                    class,
                    priority,
                    reason,
                } => self.reclass(class, priority, reason),
                TicketCommand::Close { outcome, note } => self.close(outcome, note),
                TicketCommand::Cancel { reason } => Ok(TicketChange::Cancelled { reason }),
                TicketCommand::Work { work } => self.write_down(work, by, now),
                TicketCommand::FollowUp { agreed, is_settled } => self.decide_follow_up(agreed, is_settled),
                TicketCommand::Reopen { .. } | TicketCommand::Archive => Err(self.not_finished()),
            },
            TicketState::Finished { .. } => match command {
                TicketCommand::Comment { text } => Ok(commented(text)),
                TicketCommand::Reopen { .. } | TicketCommand::Archive if self.merged_into().is_some() => {
                    let into = self.merged_into().unwrap_or(self.id);
                    Err(TicketRefusal::IsMerged { into })
                }
                TicketCommand::Reopen { reason: text } => Ok(TicketChange::Reopened {
                    reason: ReopenReason::ByPerson { text },
                }),
                TicketCommand::Archive if self.open_follow_up().is_some() => Err(TicketRefusal::FollowUpOpen),
                TicketCommand::Archive => Ok(TicketChange::Archived),
                TicketCommand::Work { work } => self.write_down(work, by, now),
                TicketCommand::FollowUp { agreed, is_settled } => self.decide_follow_up(agreed, is_settled),
                TicketCommand::Step { .. }
                | TicketCommand::Hold { .. }
                | TicketCommand::Resume
                | TicketCommand::Assign { .. }
                | TicketCommand::Schedule { .. }
                | TicketCommand::Reclass { .. }
                | TicketCommand::Close { .. }
                | TicketCommand::Cancel { .. } => Err(self.not_open()),
            },
            TicketState::Archived { .. } => match command {
                TicketCommand::Reopen { .. } | TicketCommand::Archive => Err(self.not_finished()),
                TicketCommand::Step { .. }
                | TicketCommand::Hold { .. }
                | TicketCommand::Resume
                | TicketCommand::Assign { .. }
                | TicketCommand::Schedule { .. }
                | TicketCommand::Comment { .. }
                | TicketCommand::Reclass { .. }
                | TicketCommand::Work { .. }
                | TicketCommand::FollowUp { .. }
                | TicketCommand::Close { .. }
                | TicketCommand::Cancel { .. } => Err(self.not_open()),
            },
        }
    }

    fn write_down(&self, work: WorkCommand, by: &Actor, now: Timestamp) -> Result<TicketChange, TicketRefusal> {
        let work = self.work.decide(self.id, work, by, now)?;
        Ok(TicketChange::Worked { work })
    }

    fn assign(&self, to: Option<PersonName>, dispatched: Option<Dispatched>) -> Result<TicketChange, TicketRefusal> {
        if to == self.assignee {
            return Err(TicketRefusal::NoChange);
        }
        if let Some(told) = &dispatched
            && to.as_ref().is_some_and(|to| *to != told.proposed)
            && told.override_reason.trim().is_empty()
        {
            let proposed = told.proposed.clone();
            return Err(TicketRefusal::OverrideWithoutReason { proposed });
        }
        let from = self.assignee.clone();
        Ok(TicketChange::Assigned { from, to, dispatched })
    }

    fn close(&self, outcome: Outcome, note: String) -> Result<TicketChange, TicketRefusal> {
        match &outcome {
            Outcome::DifferentFault { failure_mode, .. } if *failure_mode == self.failure_mode => {
                let failure_mode = failure_mode.clone();
                Err(TicketRefusal::SameFault { failure_mode })
            }
            Outcome::DifferentFault { .. }
            | Outcome::FaultConfirmed(_)
            | Outcome::Prevented(_)
            | Outcome::NoFaultFound
            | Outcome::Other { .. } => Ok(TicketChange::Closed { outcome, note }),
        }
    }

    fn reclass(
        &self,
        class: TicketClass,
        priority: Option<Priority>,
        reason: String,
    ) -> Result<TicketChange, TicketRefusal> {
        let from = self.grade;
        let to = Grade {
            class,
            priority: priority.unwrap_or(from.priority),
            ..from
        };
        if from == to {
            return Err(TicketRefusal::NoChange);
        }
        Ok(TicketChange::Reclassed { from, to, reason })
    }

    fn not_open(&self) -> TicketRefusal {
        let state = self.state.as_str().to_owned();
        TicketRefusal::NotOpen { state }
    }

    fn not_finished(&self) -> TicketRefusal {
        let state = self.state.as_str().to_owned();
        TicketRefusal::NotFinished { state }
    }

    /// Carries out a change that was decided, and writes it down.
    pub(crate) fn apply(&mut self, change: TicketChange, by: Actor, policy: &Policy, now: Timestamp) {
        // Who took it up earlier may not know that it is open again, or worse.
        let begins = match &change {
            TicketChange::Opened { .. }
            | TicketChange::Reopened { .. }
            | TicketChange::SplitFrom { .. }
            | TicketChange::Upgraded { .. } => true,
            TicketChange::Stepped { .. }
            | TicketChange::Held { .. }
            | TicketChange::Resumed
            | TicketChange::Assigned { .. }
            | TicketChange::Scheduled { .. }
            | TicketChange::Commented { .. }
            | TicketChange::Closed { .. }
            | TicketChange::Cancelled { .. }
            | TicketChange::Archived
            | TicketChange::Merged { .. }
            | TicketChange::DueAgain { .. }
            | TicketChange::Linked { .. }
            | TicketChange::Reclassed { .. }
            | TicketChange::Told { .. }
            | TicketChange::Answered { .. }
            | TicketChange::MergedInto { .. }
            | TicketChange::Absorbed { .. }
            | TicketChange::SplitOff { .. }
            | TicketChange::Proposed { .. }
            | TicketChange::Worked { .. }
            | TicketChange::FollowUpTold { .. }
            | TicketChange::FollowUpAnswered { .. }
            | TicketChange::FollowUpLate
            | TicketChange::ClockWarning { .. }
            | TicketChange::ClockBreached { .. } => false,
        };
        match &change {
            TicketChange::Stepped { to, .. } => {
                self.state = TicketState::Open { step: *to };
                self.settle_clocks(*to, policy, now);
            }
            TicketChange::Held { cause, reason } => {
                if let TicketState::Open { step } = self.state {
                    let (cause, reason, since) = (*cause, reason.clone(), now);
                    self.state = TicketState::OnHold {
                        step,
                        cause,
                        reason,
                        since,
                    };
                    // Who puts it on hold has answered.
                    self.meet(&[ClockKind::FirstResponse], policy, now);
                    if self.terms(policy).clocks.pauses_for(cause) {
                        self.pause_all(policy, now);
                    }
                }
            }
            TicketChange::Resumed => {
                if let TicketState::OnHold { step, .. } = self.state {
                    self.state = TicketState::Open { step };
                    self.resume_unmet(now);
                    self.settle_clocks(step, policy, now);
                }
            }
            TicketChange::Closed { outcome, .. } => {
                let end = TicketEnd::Closed {
                    outcome: outcome.clone(),
                };
                self.state = TicketState::Finished { end, at: now };
                self.meet(&ClockKind::ALL, policy, now);
            }
            TicketChange::Cancelled { reason } => {
                let end = TicketEnd::Cancelled { reason: reason.clone() };
                self.state = TicketState::Finished { end, at: now };
                self.pause_all(policy, now);
            }
            TicketChange::Reopened { .. } => {
                self.state = TicketState::Open {
                    step: WorkStep::Reported,
                };
                self.resume_unmet(now);
                if let Some(clock) = self.clocks.get_mut(&ClockKind::Resolution) {
                    clock.resume(now);
                }
            }
            TicketChange::Archived => {
                if let TicketState::Finished { end, .. } = &self.state {
                    self.state = TicketState::Archived {
                        end: end.clone(),
                        at: now,
                    };
                }
            }
            TicketChange::MergedInto { ticket } => {
                if let TicketState::Open { step } | TicketState::OnHold { step, .. } = self.state {
                    let (into, at) = (*ticket, now);
                    let end = TicketEnd::Merged { into, step };
                    self.state = TicketState::Finished { end, at };
                    self.pause_all(policy, now);
                }
            }
            TicketChange::SplitFrom { .. } => {
                if let TicketState::Finished {
                    end: TicketEnd::Merged { step, .. },
                    ..
                } = self.state
                {
                    self.state = TicketState::Open { step };
                    self.resume_unmet(now);
                    self.settle_clocks(step, policy, now);
                }
            }
            TicketChange::Absorbed { absorbed } => self.absorb(absorbed),
            TicketChange::SplitOff { ticket, alarm } => self.let_go(*ticket, alarm.as_ref()),
            TicketChange::Proposed { at, because } => self.propose(*at, because, policy, now),
            TicketChange::Assigned { to, .. } => self.assignee = to.clone(),
            TicketChange::Scheduled { at } => self.scheduled_for = Some(*at),
            TicketChange::Merged { alarm } => {
                self.merged_count = self.merged_count.saturating_add(1);
                if self.merged.len() < MAX_MERGED {
                    self.merged.push(alarm.clone());
                }
            }
            TicketChange::DueAgain { occurrence } => {
                self.merged_count = self.merged_count.saturating_add(1);
                self.last_episode = *occurrence;
            }
            TicketChange::Linked { ticket } => {
                self.linked.insert(*ticket);
            }
            TicketChange::Upgraded { to, .. } => {
                self.grade = *to;
                self.retarget(policy, now);
            }
            TicketChange::Reclassed { to, .. } => {
                self.grade = *to;
                let (severity, risk) = (to.severity, to.risk);
                self.judged = Some(Judged { severity, risk });
                self.retarget(policy, now);
            }
            TicketChange::Worked { work } => {
                self.work.apply(work, &by, now);
                if let WorkChange::CalledBack { call_back } = work {
                    self.begin_follow_up(call_back.rating, policy, now);
                }
            }
            TicketChange::FollowUpAnswered {
                step,
                agreed,
                is_settled,
            } => self.answer_follow_up(*step, agreed, *is_settled, &by, now),
            // told and late: done where it was decided
            TicketChange::FollowUpTold { .. }
            | TicketChange::FollowUpLate
            | TicketChange::Opened { .. }
            | TicketChange::Commented { .. }
            | TicketChange::Told { .. }
            | TicketChange::Answered { .. }
            | TicketChange::ClockWarning { .. }
            | TicketChange::ClockBreached { .. } => {}
        }
        self.answer_chain(&change, &by, now);
        if begins {
            self.begin_chain(policy, now);
        }
        self.note_breaches(policy, now);
        let resolution = self.clocks.get(&ClockKind::Resolution);
        self.due_at = resolution.and_then(|c| c.due_at(&self.terms(policy).calendar));
        self.changed_at = now;
        self.revision = self.revision.saturating_add(1);
        // The audit trail has what no longer fits here. Room is kept for the end of the story.
        if self.history.len() < MAX_HISTORY + 10 {
            self.history.push(HistoryEntry {
                at: now,
                by,
                what: change,
            });
        }
    }
}

fn commented(text: String) -> TicketChange {
    TicketChange::Commented { text, from: None }
}

fn check_texts(command: &TicketCommand) -> Result<(), TicketRefusal> {
    match command {
        TicketCommand::Hold { reason, .. }
        | TicketCommand::Reclass { reason, .. }
        | TicketCommand::Cancel { reason }
        | TicketCommand::Reopen { reason } => check_text("reason", reason, MAX_TEXT_BYTES),
        TicketCommand::Comment { text } => check_text("text", text, MAX_TEXT_BYTES),
        TicketCommand::FollowUp { agreed, .. } => check_text("agreed", agreed, MAX_TEXT_BYTES),
        TicketCommand::Assign {
            to: Some(to),
            dispatched,
        } => {
            check_text("to", to, MAX_NAME_BYTES)?;
            let reason = dispatched.as_ref().map_or("", |d| d.override_reason.as_str());
            check_length("override_reason", reason, MAX_TEXT_BYTES)
        }
        TicketCommand::Close { outcome, note } => {
            check_length("note", note, MAX_TEXT_BYTES)?;
            match outcome {
                Outcome::FaultConfirmed(finding)
                | Outcome::Prevented(finding)
                | Outcome::DifferentFault { finding, .. } => check_finding(finding),
                Outcome::NoFaultFound => Ok(()),
                Outcome::Other { text } => check_text("text", text, MAX_TEXT_BYTES),
            }
        }
        TicketCommand::Step { note, .. } => check_length("note", note, MAX_TEXT_BYTES),
        // checked where it is decided
        TicketCommand::Work { work: _ } => Ok(()),
        TicketCommand::Resume
        | TicketCommand::Assign { to: None, .. }
        | TicketCommand::Schedule { .. }
        | TicketCommand::Archive => Ok(()),
    }
}

fn check_finding(finding: &Finding) -> Result<(), TicketRefusal> {
    check_length("part", &finding.part, MAX_NAME_BYTES)?;
    check_length("damage", &finding.damage, MAX_TEXT_BYTES)?;
    check_length("cause", &finding.cause, MAX_TEXT_BYTES)?;
    check_length("remedy", &finding.remedy, MAX_TEXT_BYTES)?;
    if finding.parts.len() > MAX_PARTS {
        let (count, limit) = (finding.parts.len(), MAX_PARTS);
        return Err(TicketRefusal::TooManyParts { count, limit });
    }
    let mut parts = finding.parts.iter();
    parts.try_for_each(|part| check_text("parts", part, MAX_NAME_BYTES))
}

/// A text of a person: there, and not endless.
pub(crate) fn check_text(field: &str, text: &str, limit: usize) -> Result<(), TicketRefusal> {
    if text.trim().is_empty() {
        let field = field.to_owned();
        return Err(TicketRefusal::TextMissing { field });
    }
    check_length(field, text, limit)
}

/// A text of a person: not endless.
pub(crate) fn check_length(field: &str, text: &str, limit: usize) -> Result<(), TicketRefusal> {
    let (field, bytes) = (field.to_owned(), text.len());
    if bytes > limit {
        return Err(TicketRefusal::TextTooLong { field, bytes, limit });
    }
    Ok(())
}
