//! A ticket: work for a technician, from the report to the archive, with its clocks and its whole history.
//!
//! A pure state machine: no clock, no I/O. Which tickets there are is the book's business; here is what happens to one.

use crate::alarm::PersonName;
use crate::clock::{Clock, ClockKind, ClockState, Told};
use crate::policy::Policy;
use crate::record::Asset;
use domain::text::Text;
use domain::{AlarmId, DeviceKey, FailureModeId, Impact, RiskLevel, Severity, TicketId, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Entries of a ticket's history; when it is full, the ticket can only be finished.
pub const MAX_HISTORY: usize = 500;
/// Alarms listed as merged; more are counted only.
pub const MAX_MERGED: usize = 100;
/// Bytes of a comment, reason, cause or remedy.
pub const MAX_TEXT_BYTES: usize = 4_096;
/// Bytes of a person's or part's name.
pub const MAX_NAME_BYTES: usize = 128;
/// Parts named on closing.
pub const MAX_PARTS: usize = 50;

/// Who acts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum Actor {
    /// The program.
    System,
    /// A person.
    Person {
        /// By name.
        name: PersonName,
    },
}

impl Actor {
    /// The name for lists; `system` for the program.
    pub fn name(&self) -> &str {
        match self {
            Actor::System => "system",
            Actor::Person { name } => name,
        }
    }
}

/// Which service it is, the mildest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TicketKind {
    /// Work at the next opportunity.
    MaintenanceReminder,
    /// Somebody has to go and look.
    OnSiteInspection,
    /// People may be harmed.
    Emergency,
}

impl TicketKind {
    /// The word of the wire and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            TicketKind::MaintenanceReminder => "maintenance_reminder",
            TicketKind::OnSiteInspection => "on_site_inspection",
            TicketKind::Emergency => "emergency",
        }
    }
}

/// Which clocks run, the slowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TicketClass {
    /// Maintenance by plan.
    Planned,
    /// An ordinary fault.
    Ordinary,
    /// The machine is down or soon will be.
    Key,
    /// People may be harmed.
    Emergency,
}

impl TicketClass {
    /// The class of a ticket that a condition opened.
    pub fn of(kind: TicketKind) -> Self {
        match kind {
            TicketKind::MaintenanceReminder => TicketClass::Ordinary,
            TicketKind::OnSiteInspection => TicketClass::Key,
            TicketKind::Emergency => TicketClass::Emergency,
        }
    }

    /// The word of the wire and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            TicketClass::Planned => "planned",
            TicketClass::Ordinary => "ordinary",
            TicketClass::Key => "key",
            TicketClass::Emergency => "emergency",
        }
    }
}

/// P1 first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[allow(missing_docs)] // the names say it
pub enum Priority {
    P1,
    P2,
    P3,
    P4,
    P5,
}

impl Priority {
    /// Impact × urgency: 1/1 P1; 1/2, 2/1 P2; 1/3, 2/2, 3/1 P3; 2/3, 3/2 P4; 3/3 P5. Impact classes 4 and 5 are high, 3 is
    /// middle; a critical condition is urgent, a warning less so, an advisory or a plan least. Danger to people is P1.
    pub fn of(impact: Impact, severity: Option<Severity>, is_safety: bool) -> Self {
        if is_safety {
            return Priority::P1;
        }
        let impact: u8 = match impact.get() {
            4.. => 0,
            3 => 1,
            0..=2 => 2,
        };
        let urgency: u8 = match severity {
            Some(Severity::Critical) => 0,
            Some(Severity::Warning) => 1,
            Some(Severity::Advisory) | None => 2,
        };
        match impact + urgency {
            0 => Priority::P1,
            1 => Priority::P2,
            2 => Priority::P3,
            3 => Priority::P4,
            4.. => Priority::P5,
        }
    }
}

/// How far the work is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkStep {
    /// Nobody has taken it up.
    Reported,
    /// The cause is known, or a good guess.
    Diagnosed,
    /// Time, parts and cost are agreed.
    Planned,
    /// Somebody works on it.
    InProgress,
    /// The repair is being tried.
    Testing,
    /// The customer has to say that all is well.
    AwaitingConfirmation,
}

impl WorkStep {
    /// The word of the wire and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            WorkStep::Reported => "reported",
            WorkStep::Diagnosed => "diagnosed",
            WorkStep::Planned => "planned",
            WorkStep::InProgress => "in_progress",
            WorkStep::Testing => "testing",
            WorkStep::AwaitingConfirmation => "awaiting_confirmation",
        }
    }
}

/// What the technician found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum Outcome {
    /// The fault was there.
    FaultConfirmed {
        /// Why it failed.
        cause: String,
        /// What was done.
        remedy: String,
        /// Parts used.
        #[serde(default)]
        parts: Vec<String>,
    },
    /// The technician looked and all was well: feedback, not failure.
    NoFaultFound,
    /// Anything else.
    Other {
        /// In words.
        text: String,
    },
}

/// How a ticket ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "how")]
pub enum TicketEnd {
    /// Work was done, or found not to be needed.
    Closed {
        /// What was found.
        outcome: Outcome,
    },
    /// No work will be done.
    Cancelled {
        /// Why.
        reason: String,
    },
}

/// Where a ticket is in its life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum TicketState {
    /// There is work to do.
    Open {
        /// How far it is.
        step: WorkStep,
    },
    /// Waiting for somebody else; its clocks stand still.
    OnHold {
        /// How far the work was.
        step: WorkStep,
        /// Why.
        reason: String,
        /// Since when.
        since: Timestamp,
    },
    /// Over; can be reopened.
    Finished {
        /// How it ended.
        end: TicketEnd,
        /// When.
        at: Timestamp,
    },
    /// Over for good.
    Archived {
        /// How it ended.
        end: TicketEnd,
        /// When it was archived.
        at: Timestamp,
    },
}

impl TicketState {
    /// The word of the wire and the database.
    pub fn as_str(&self) -> &'static str {
        match self {
            TicketState::Open { step } => step.as_str(),
            TicketState::OnHold { .. } => "on_hold",
            TicketState::Finished { end, .. } => match end {
                TicketEnd::Closed { .. } => "closed",
                TicketEnd::Cancelled { .. } => "cancelled",
            },
            TicketState::Archived { .. } => "archived",
        }
    }

    /// Whether there is work to do: open or on hold.
    pub fn is_open(&self) -> bool {
        match self {
            TicketState::Open { .. } | TicketState::OnHold { .. } => true,
            TicketState::Finished { .. } | TicketState::Archived { .. } => false,
        }
    }
}

/// What a person does with a ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "do", deny_unknown_fields)]
pub enum TicketCommand {
    /// The work is at another step. Any step forward; back too (the test failed), but not to `reported`.
    Step {
        /// Where it is.
        to: WorkStep,
    },
    /// Waits for somebody else.
    Hold {
        /// Why.
        reason: String,
    },
    /// Goes on.
    Resume,
    /// Somebody shall do it, or nobody yet.
    Assign {
        /// Who.
        to: Option<PersonName>,
    },
    /// A visit is agreed.
    Schedule {
        /// When.
        at: Timestamp,
    },
    /// A remark.
    Comment {
        /// In words.
        text: String,
    },
    /// Work is done. Allowed from every step and from hold.
    Close {
        /// What was found.
        outcome: Outcome,
    },
    /// No work will be done. Allowed from every step and from hold.
    Cancel {
        /// Why.
        reason: String,
    },
    /// It was not over.
    Reopen {
        /// Why.
        reason: String,
    },
    /// It is over for good.
    Archive,
}

/// Why a ticket was opened again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum ReopenReason {
    /// A person said so.
    ByPerson {
        /// In words.
        text: String,
    },
    /// The same episode got worse after the ticket was finished.
    Escalated,
    /// The same episode came back after the ticket was closed.
    RaisedAgain,
}

/// How urgent a ticket is. Every part only rises while the ticket lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grade {
    /// Which service.
    pub kind: TicketKind,
    /// Which clocks.
    pub class: TicketClass,
    /// P1 first.
    pub priority: Priority,
    /// The worst severity; none for maintenance by plan.
    pub severity: Option<Severity>,
    /// The highest risk.
    pub risk: RiskLevel,
}

impl Grade {
    /// The more urgent of both in every part.
    pub fn worst(self, other: Grade) -> Grade {
        Grade {
            kind: self.kind.max(other.kind),
            class: self.class.max(other.class),
            priority: self.priority.min(other.priority),
            severity: self.severity.max(other.severity),
            risk: self.risk.max(other.risk),
        }
    }
}

/// What changed, for the history and the audit trail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
#[allow(missing_docs)] // the fields are named as in the commands
pub enum TicketChange {
    /// The ticket was opened.
    Opened { reason: Text },
    /// The work is at another step.
    Stepped { from: WorkStep, to: WorkStep },
    /// Waits.
    Held { reason: String },
    /// Goes on.
    Resumed,
    /// Given to somebody.
    Assigned {
        from: Option<PersonName>,
        to: Option<PersonName>,
    },
    /// A visit is agreed.
    Scheduled { at: Timestamp },
    /// A remark.
    Commented { text: String },
    /// Work is done.
    Closed { outcome: Outcome },
    /// No work will be done.
    Cancelled { reason: String },
    /// Opened again.
    Reopened { reason: ReopenReason },
    /// Over for good.
    Archived,
    /// The same failure mode showed again.
    Merged { alarm: AlarmId },
    /// The same plan is due again.
    DueAgain { occurrence: u32 },
    /// Another failure mode of the same machine has a ticket too.
    Linked { ticket: TicketId },
    /// More urgent than before.
    Upgraded { from: Grade, to: Grade },
    /// Time runs short.
    ClockWarning {
        clock: ClockKind,
        due_at: Option<Timestamp>,
    },
    /// Time is over.
    ClockBreached {
        clock: ClockKind,
        due_at: Option<Timestamp>,
    },
}

impl TicketChange {
    /// The short name under which it is counted; bounded, fit for a metric label.
    pub fn as_str(&self) -> &'static str {
        match self {
            TicketChange::Opened { .. } => "opened",
            TicketChange::Stepped { .. } => "stepped",
            TicketChange::Held { .. } => "held",
            TicketChange::Resumed => "resumed",
            TicketChange::Assigned { .. } => "assigned",
            TicketChange::Scheduled { .. } => "scheduled",
            TicketChange::Commented { .. } => "commented",
            TicketChange::Closed { .. } => "closed",
            TicketChange::Cancelled { .. } => "cancelled",
            TicketChange::Reopened { .. } => "reopened",
            TicketChange::Archived => "archived",
            TicketChange::Merged { .. } => "merged",
            TicketChange::DueAgain { .. } => "due_again",
            TicketChange::Linked { .. } => "linked",
            TicketChange::Upgraded { .. } => "upgraded",
            TicketChange::ClockWarning { .. } => "clock_warning",
            TicketChange::ClockBreached { .. } => "clock_breached",
        }
    }
}

/// One line of a ticket's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: Actor,
    /// What.
    pub what: TicketChange,
}

/// Why a command was not followed; the ticket is as before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case", tag = "kind")]
#[allow(missing_docs)] // the texts say it
pub enum TicketRefusal {
    #[error("the ticket is {state}; it must be open for that")]
    NotOpen { state: String },
    #[error("the ticket is on hold; resume it first")]
    OnHold,
    #[error("the ticket is not on hold")]
    NotOnHold,
    #[error("the ticket is {state}; only a closed or cancelled one can be reopened or archived")]
    NotFinished { state: String },
    #[error("the ticket is there already")]
    NoChange,
    #[error("a ticket does not go back to reported; cancel it, or put it on hold")]
    BackToReported,
    #[error("{field} is missing")]
    TextMissing { field: String },
    #[error("{field} has {bytes} bytes, at most {limit} are taken")]
    TextTooLong { field: String, bytes: usize, limit: usize },
    #[error("{count} parts, at most {limit} are taken")]
    TooManyParts { count: usize, limit: usize },
    #[error("the history is full ({MAX_HISTORY} entries); the ticket can only be closed, cancelled or archived")]
    HistoryFull,
    #[error("its alarm {alarm} still stands; a ticket is archived when the alarm is normal again")]
    AlarmStands { alarm: AlarmId },
    #[error("{ticket} is open for the same fault; go on there")]
    OtherOpen { ticket: TicketId },
}

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
                TicketCommand::Step { to } if to == *step => Err(TicketRefusal::NoChange),
                TicketCommand::Step { to: WorkStep::Reported } => Err(TicketRefusal::BackToReported),
                TicketCommand::Step { to } => Ok(TicketChange::Stepped { from: *step, to }),
                TicketCommand::Hold { reason } => Ok(TicketChange::Held { reason }),
                TicketCommand::Resume => Err(TicketRefusal::NotOnHold),
                TicketCommand::Assign { to } => self.assign(to),
                TicketCommand::Schedule { at } => Ok(TicketChange::Scheduled { at }),
                TicketCommand::Comment { text } => Ok(TicketChange::Commented { text }),
                TicketCommand::Close { outcome } => Ok(TicketChange::Closed { outcome }),
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
                TicketCommand::Close { outcome } => Ok(TicketChange::Closed { outcome }),
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
            TicketChange::Closed { outcome } => {
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
        TicketCommand::Close { outcome } => match outcome {
            Outcome::FaultConfirmed { cause, remedy, parts } => {
                check_text("cause", cause, MAX_TEXT_BYTES)?;
                check_text("remedy", remedy, MAX_TEXT_BYTES)?;
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
        },
        TicketCommand::Step { .. }
        | TicketCommand::Resume
        | TicketCommand::Assign { to: None }
        | TicketCommand::Schedule { .. }
        | TicketCommand::Archive => Ok(()),
    }
}

/// A text of a person: there, and not endless.
pub(crate) fn check_text(field: &str, text: &str, limit: usize) -> Result<(), TicketRefusal> {
    let field = field.to_owned();
    match text.trim().len() {
        0 => Err(TicketRefusal::TextMissing { field }),
        _ if text.len() > limit => Err(TicketRefusal::TextTooLong {
            field,
            bytes: text.len(),
            limit,
        }),
        _ => Ok(()),
    }
}
