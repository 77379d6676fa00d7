//! A ticket: work for a technician, from the report to the archive, with its clocks and its whole history.
//!
//! A pure state machine: no clock, no I/O. Which tickets there are is the book's business; here is what happens to one.

mod words;

#[cfg(test)]
mod tests;

pub use words::*;

use crate::alarm::PersonName;
use crate::clock::{Clock, ClockKind, ClockState, Told};
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
    /// The model that gave cause for it.
    #[serde(default)]
    pub model: ModelVersion,
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

    /// When it was closed with a confirmed fault; none if it is not over or ended otherwise.
    pub fn confirmed_at(&self) -> Option<Timestamp> {
        let is_over = match self.state {
            TicketState::Finished { .. } | TicketState::Archived { .. } => true,
            TicketState::Open { .. } | TicketState::OnHold { .. } => false,
        };
        let is_confirmed = |entry: &&HistoryEntry| {
            matches!(
                entry.what,
                TicketChange::Closed {
                    outcome: Outcome::FaultConfirmed { .. },
                    ..
                }
            )
        };
        let closed = self.history.iter().rev().find(is_confirmed)?;
        is_over.then_some(closed.at)
    }

    /// What a clock shows at `now`.
    pub fn clock_state(&self, kind: ClockKind, policy: &Policy, now: Timestamp) -> Option<ClockState> {
        self.clocks.get(&kind).map(|clock| clock.state(&policy.calendar, now))
    }

    /// When a clock must be told about next; none unless the ticket is open.
    pub fn next_clock_deadline(&self, policy: &Policy) -> Option<Timestamp> {
        let deadlines = self.clocks.values().filter_map(|c| c.next_deadline(&policy.calendar));
        deadlines.min().filter(|_| self.state.is_open())
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
            TicketCommand::Close { .. } | TicketCommand::Cancel { .. } | TicketCommand::Archive => true,
            TicketCommand::Step { .. }
            | TicketCommand::Hold { .. }
            | TicketCommand::Resume
            | TicketCommand::Assign { .. }
            | TicketCommand::Schedule { .. }
            | TicketCommand::Comment { .. }
            | TicketCommand::Reopen { .. } => false,
        };
        if self.history.len() >= MAX_HISTORY && !ends {
            return Err(TicketRefusal::HistoryFull);
        }
        let change = self.decide(command)?;
        self.apply(change.clone(), by, policy, now);
        Ok(change)
    }

    /// What a command means in the present state.
    fn decide(&self, command: TicketCommand) -> Result<TicketChange, TicketRefusal> {
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
                TicketCommand::Hold { reason } => Ok(TicketChange::Held { reason }),
                TicketCommand::Resume => Err(TicketRefusal::NotOnHold),
                TicketCommand::Assign { to } => self.assign(to),
                TicketCommand::Schedule { at } => Ok(TicketChange::Scheduled { at }),
                TicketCommand::Comment { text } => Ok(TicketChange::Commented { text }),
                TicketCommand::Close { outcome, note } => Ok(TicketChange::Closed { outcome, note }),
                TicketCommand::Cancel { reason } => Ok(TicketChange::Cancelled { reason }),
                TicketCommand::Reopen { .. } | TicketCommand::Archive => Err(self.not_finished()),
            },
            TicketState::OnHold { .. } => match command {
                TicketCommand::Step { .. } => Err(TicketRefusal::OnHold),
                TicketCommand::Hold { .. } => Err(TicketRefusal::NoChange),
                TicketCommand::Resume => Ok(TicketChange::Resumed),
                TicketCommand::Assign { to } => self.assign(to),
                TicketCommand::Schedule { at } => Ok(TicketChange::Scheduled { at }),
                TicketCommand::Comment { text } => Ok(TicketChange::Commented { text }),
                TicketCommand::Close { outcome, note } => Ok(TicketChange::Closed { outcome, note }),
                TicketCommand::Cancel { reason } => Ok(TicketChange::Cancelled { reason }),
                TicketCommand::Reopen { .. } | TicketCommand::Archive => Err(self.not_finished()),
            },
            TicketState::Finished { .. } => match command {
                TicketCommand::Comment { text } => Ok(TicketChange::Commented { text }),
                TicketCommand::Reopen { reason: text } => Ok(TicketChange::Reopened {
                    reason: ReopenReason::ByPerson { text },
                }),
                TicketCommand::Archive => Ok(TicketChange::Archived),
                TicketCommand::Step { .. }
                | TicketCommand::Hold { .. }
                | TicketCommand::Resume
                | TicketCommand::Assign { .. }
                | TicketCommand::Schedule { .. }
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
                | TicketCommand::Close { .. }
                | TicketCommand::Cancel { .. } => Err(self.not_open()),
            },
        }
    }

    fn assign(&self, to: Option<PersonName>) -> Result<TicketChange, TicketRefusal> {
        if to == self.assignee {
            return Err(TicketRefusal::NoChange);
        }
        let from = self.assignee.clone();
        Ok(TicketChange::Assigned { from, to })
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
        match &change {
            TicketChange::Stepped { to, .. } => {
                self.state = TicketState::Open { step: *to };
                self.settle_clocks(*to, policy, now);
            }
            TicketChange::Held { reason } => {
                if let TicketState::Open { step } = self.state {
                    let (reason, since) = (reason.clone(), now);
                    self.state = TicketState::OnHold { step, reason, since };
                    // Who puts it on hold has answered.
                    self.meet(&[ClockKind::FirstResponse], policy, now);
                    self.pause_all(policy, now);
                }
            }
            TicketChange::Resumed => {
                if let TicketState::OnHold { step, .. } = self.state {
                    self.state = TicketState::Open { step };
                    self.resume_unmet(policy, now);
                    self.settle_clocks(step, policy, now);
                }
            }
            TicketChange::Closed { outcome, .. } => {
                let end = TicketEnd::Closed {
                    outcome: outcome.clone(),
                };
                self.state = TicketState::Finished { end, at: now };
                self.meet(
                    &[ClockKind::FirstResponse, ClockKind::OnSite, ClockKind::Resolution],
                    policy,
                    now,
                );
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
                self.resume_unmet(policy, now);
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
            TicketChange::Opened { .. }
            | TicketChange::Commented { .. }
            | TicketChange::ClockWarning { .. }
            | TicketChange::ClockBreached { .. } => {}
        }
        let resolution = self.clocks.get(&ClockKind::Resolution);
        self.due_at = resolution.and_then(|c| c.due_at(&policy.calendar));
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

    /// What the clocks have to tell at `now`; applied and returned, the first response first.
    pub(crate) fn tell_clocks(&mut self, policy: &Policy, now: Timestamp) -> Vec<TicketChange> {
        let mut changes = Vec::new();
        for (kind, clock) in &mut self.clocks {
            let (clock_kind, due_at) = (*kind, clock.due_at(&policy.calendar));
            match clock.tell(&policy.calendar, now) {
                Some(Told::Warning) => changes.push(TicketChange::ClockWarning {
                    clock: clock_kind,
                    due_at,
                }),
                Some(Told::Breach) => changes.push(TicketChange::ClockBreached {
                    clock: clock_kind,
                    due_at,
                }),
                Some(Told::Nothing) | None => {}
            }
        }
        changes
    }

    /// A step stops the clocks that it answers. Going back from the customer to the work lets the resolution run again.
    fn settle_clocks(&mut self, step: WorkStep, policy: &Policy, now: Timestamp) {
        if step > WorkStep::Reported {
            self.meet(&[ClockKind::FirstResponse], policy, now);
        }
        if step >= WorkStep::InProgress {
            self.meet(&[ClockKind::OnSite], policy, now);
        }
        if step >= WorkStep::AwaitingConfirmation {
            self.meet(&[ClockKind::Resolution], policy, now);
        } else if let Some(clock) = self.clocks.get_mut(&ClockKind::Resolution) {
            clock.resume(now);
        }
    }

    fn meet(&mut self, kinds: &[ClockKind], policy: &Policy, now: Timestamp) {
        for kind in kinds {
            if let Some(clock) = self.clocks.get_mut(kind) {
                clock.meet(&policy.calendar, now);
            }
        }
    }

    fn pause_all(&mut self, policy: &Policy, now: Timestamp) {
        self.clocks.values_mut().for_each(|c| c.pause(&policy.calendar, now));
    }

    fn resume_unmet(&mut self, policy: &Policy, now: Timestamp) {
        for clock in self.clocks.values_mut() {
            match clock.state(&policy.calendar, now) {
                ClockState::Met { .. } => {}
                ClockState::Running { .. } | ClockState::Paused { .. } | ClockState::Breached { .. } => {
                    clock.resume(now)
                }
            }
        }
    }

    /// The clocks of the present class. Elapsed time is kept; a clock that the class adds starts now, in the ticket's state.
    fn retarget(&mut self, policy: &Policy, now: Timestamp) {
        for (kind, target) in policy.targets(self.grade.class, None, now) {
            match self.clocks.get_mut(&kind) {
                Some(clock) => clock.retarget(target, &policy.calendar, now),
                None => {
                    self.clocks.insert(kind, Clock::start(target, now));
                }
            }
        }
        match self.state {
            TicketState::Open { step } => {
                if step >= WorkStep::InProgress {
                    self.meet(&[ClockKind::OnSite], policy, now);
                }
            }
            TicketState::OnHold { .. } | TicketState::Finished { .. } | TicketState::Archived { .. } => {
                self.pause_all(policy, now);
            }
        }
    }
}

fn check_texts(command: &TicketCommand) -> Result<(), TicketRefusal> {
    match command {
        TicketCommand::Hold { reason } | TicketCommand::Cancel { reason } | TicketCommand::Reopen { reason } => {
            check_text("reason", reason, MAX_TEXT_BYTES)
        }
        TicketCommand::Comment { text } => check_text("text", text, MAX_TEXT_BYTES),
        TicketCommand::Assign { to: Some(to) } => check_text("to", to, MAX_NAME_BYTES),
        TicketCommand::Close { outcome, note } => {
            check_length("note", note, MAX_TEXT_BYTES)?;
            match outcome {
                Outcome::FaultConfirmed { cause, remedy, parts } => {
                    check_length("cause", cause, MAX_TEXT_BYTES)?;
                    check_length("remedy", remedy, MAX_TEXT_BYTES)?;
                    if parts.len() > MAX_PARTS {
                        let (count, limit) = (parts.len(), MAX_PARTS);
                        return Err(TicketRefusal::TooManyParts { count, limit });
                    }
                    parts
                        .iter()
                        .try_for_each(|part| check_text("parts", part, MAX_NAME_BYTES))
                }
                Outcome::NoFaultFound => Ok(()),
                Outcome::Other { text } => check_text("text", text, MAX_TEXT_BYTES),
            }
        }
        TicketCommand::Step { note, .. } => check_length("note", note, MAX_TEXT_BYTES),
        TicketCommand::Resume
        | TicketCommand::Assign { to: None }
        | TicketCommand::Schedule { .. }
        | TicketCommand::Archive => Ok(()),
    }
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
