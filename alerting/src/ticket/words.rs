//! The words of a ticket: who, which kind, how urgent, how far, how it ended, what changed and why not.

use super::chain::ToldBecause;
use super::follow_up::{FollowUpCause, FollowUpStep};
use super::merged::Absorbed;
use super::visit::ProposedBecause;
use super::work::{WorkChange, WorkCommand};
use crate::alarm::PersonName;
use crate::clock::ClockKind;
use crate::dispatch::Dispatched;
use domain::text::Text;
use domain::{AlarmId, FailureModeId, Impact, RiskLevel, Severity, TicketId, Timestamp};
use serde::{Deserialize, Serialize};

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
/// Breaches listed in a ticket; a clock can be breached again only after the ticket got another class or was reopened.
pub const MAX_BREACHES: usize = 50;

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
    FaultConfirmed(Finding),
    /// The machine was at fault, in another way than the ticket said: a right warning for the machine, a wrong one for the
    /// failure mode.
    DifferentFault {
        /// In which way.
        failure_mode: FailureModeId,
        /// What was found and done.
        #[serde(flatten)]
        finding: Finding,
    },
    /// The fault was found and mended before it stopped the machine: what a warning is for.
    Prevented(Finding),
    /// The technician looked and all was well: feedback, not failure.
    NoFaultFound,
    /// Anything else.
    Other {
        /// In words.
        text: String,
    },
}

/// What a technician found of a fault and did about it: part, damage, cause, remedy. Each is empty where nobody has said.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Finding {
    /// Which part failed, such as `drive-end bearing`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub part: String,
    /// What was wrong with it, such as `outer race spalled`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub damage: String,
    /// Why it failed.
    #[serde(default)]
    pub cause: String,
    /// What was done.
    #[serde(default)]
    pub remedy: String,
    /// Parts used.
    #[serde(default)]
    pub parts: Vec<String>,
}

impl Finding {
    /// In one line, for the audit trail.
    pub fn line(&self) -> String {
        let parts = self.parts.join(", ");
        let said = [
            ("part", &self.part),
            ("damage", &self.damage),
            ("cause", &self.cause),
            ("remedy", &self.remedy),
            ("parts used", &parts),
        ];
        let told = said.iter().filter(|(_, text)| !text.is_empty());
        told.map(|(name, text)| format!("{name}: {text}"))
            .collect::<Vec<_>>()
            .join("; ")
    }
}

impl Outcome {
    /// The word of the wire.
    pub fn as_str(&self) -> &'static str {
        match self {
            Outcome::FaultConfirmed(_) => "fault_confirmed",
            Outcome::DifferentFault { .. } => "different_fault",
            Outcome::Prevented(_) => "prevented",
            Outcome::NoFaultFound => "no_fault_found",
            Outcome::Other { .. } => "other",
        }
    }

    /// What was found; none where there was no fault, or nobody can tell.
    pub fn finding(&self) -> Option<&Finding> {
        match self {
            Outcome::FaultConfirmed(finding)
            | Outcome::Prevented(finding)
            | Outcome::DifferentFault { finding, .. } => Some(finding),
            Outcome::NoFaultFound | Outcome::Other { .. } => None,
        }
    }

    /// The failure mode that was mended, of a ticket that asked for `asked`.
    pub fn mended<'a>(&'a self, asked: &'a FailureModeId) -> Option<&'a FailureModeId> {
        match self {
            Outcome::FaultConfirmed(_) | Outcome::Prevented(_) => Some(asked),
            Outcome::DifferentFault { failure_mode, .. } => Some(failure_mode),
            Outcome::NoFaultFound | Outcome::Other { .. } => None,
        }
    }
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
    /// The work is done under another ticket.
    Merged {
        /// Which.
        into: TicketId,
        /// How far the work was.
        step: WorkStep,
    },
}

/// What a ticket on hold waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldCause {
    /// The customer's word.
    Customer,
    /// A way to the machine: a locked plant room, a machine that cannot be stopped.
    Access,
    /// Parts.
    Parts,
    /// Another company.
    Supplier,
    /// Leave to spend money, or to work in a dangerous place.
    Approval,
    /// Anything else; also where nobody said.
    #[default]
    Other,
}

impl HoldCause {
    /// All of them.
    pub const ALL: [HoldCause; 6] = [
        HoldCause::Customer,
        HoldCause::Access,
        HoldCause::Parts,
        HoldCause::Supplier,
        HoldCause::Approval,
        HoldCause::Other,
    ];

    /// The word of the wire and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            HoldCause::Customer => "customer",
            HoldCause::Access => "access",
            HoldCause::Parts => "parts",
            HoldCause::Supplier => "supplier",
            HoldCause::Approval => "approval",
            HoldCause::Other => "other",
        }
    }
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
    /// Waiting for somebody else; its clocks stand still, unless the policy says otherwise for this cause.
    OnHold {
        /// How far the work was.
        step: WorkStep,
        /// For what it waits.
        #[serde(default)]
        cause: HoldCause,
        /// Why, in words.
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
                TicketEnd::Merged { .. } => "merged",
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
        /// A remark; may be empty.
        #[serde(default)]
        note: String,
    },
    /// Waits for somebody else.
    Hold {
        /// For what.
        #[serde(default)]
        cause: HoldCause,
        /// Why, in words.
        reason: String,
    },
    /// Goes on.
    Resume,
    /// Somebody shall do it, or nobody yet.
    Assign {
        /// Who.
        to: Option<PersonName>,
        /// What was proposed; none: nothing was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        dispatched: Option<Dispatched>,
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
    /// It is more or less urgent than it was taken for. Allowed from every step and from hold.
    Reclass {
        /// Which clocks run from now on; the time used is kept.
        class: TicketClass,
        /// Its new priority; none: as before.
        #[serde(default)]
        priority: Option<Priority>,
        /// Why.
        reason: String,
    },
    /// Work is done. Allowed from every step and from hold.
    Close {
        /// What was found.
        outcome: Outcome,
        /// A remark; may be empty.
        #[serde(default)]
        note: String,
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
    /// Something of the work is written down. Allowed until the ticket is archived.
    Work {
        /// What.
        work: WorkCommand,
    },
    /// Somebody has seen to a bad rating.
    FollowUp {
        /// What was agreed with the customer.
        agreed: String,
        /// Whether that is the end of it; else it goes one step up.
        is_settled: bool,
    },
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
    /// The incident is over whose ticket served for this one too, and the alarm stands.
    LeftIncident,
}

/// How urgent a ticket is. Every part only rises while the ticket lives, unless a person says otherwise.
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

/// What was known when a person judged how urgent a ticket is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    /// The worst severity then.
    pub severity: Option<Severity>,
    /// The highest risk then.
    pub risk: RiskLevel,
}

/// What changed, for the history and the audit trail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
#[allow(missing_docs)] // the fields are named as in the commands
pub enum TicketChange {
    /// The ticket was opened.
    Opened { reason: Text },
    /// The work is at another step.
    Stepped { from: WorkStep, to: WorkStep, note: String },
    /// Waits.
    Held {
        #[serde(default)]
        cause: HoldCause,
        reason: String,
    },
    /// Goes on.
    Resumed,
    /// Given to somebody.
    Assigned {
        from: Option<PersonName>,
        to: Option<PersonName>,
        /// What was proposed; none: nothing was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        dispatched: Option<Dispatched>,
    },
    /// A visit is agreed.
    Scheduled { at: Timestamp },
    /// A remark.
    Commented {
        text: String,
        /// The merged ticket in which it was written.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<TicketId>,
    },
    /// Work is done.
    Closed { outcome: Outcome, note: String },
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
    /// A person judged how urgent it is.
    Reclassed { from: Grade, to: Grade, reason: String },
    /// A further level of the chain was told.
    Told {
        level: u32,
        people: Vec<String>,
        because: ToldBecause,
    },
    /// Somebody has seen its alarm: the chain ends.
    Answered { alarm: AlarmId },
    /// It is part of another ticket from now on.
    MergedInto { ticket: TicketId },
    /// Another ticket is part of it from now on.
    Absorbed { absorbed: Absorbed },
    /// A ticket that was part of it goes on by itself, or an alarm has a ticket of its own.
    SplitOff {
        ticket: TicketId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        alarm: Option<AlarmId>,
    },
    /// It goes on by itself.
    SplitFrom { ticket: TicketId },
    /// A visit is proposed, or another time for it.
    Proposed { at: Timestamp, because: ProposedBecause },
    /// Something of the work was written down.
    Worked { work: WorkChange },
    /// A step was told of a bad rating.
    FollowUpTold {
        step: FollowUpStep,
        people: Vec<String>,
        because: FollowUpCause,
        due_at: Timestamp,
    },
    /// Somebody has seen to a bad rating.
    FollowUpAnswered {
        step: FollowUpStep,
        agreed: String,
        is_settled: bool,
    },
    /// The management has not settled a bad rating in time.
    FollowUpLate,
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
            TicketChange::Reclassed { .. } => "reclassed",
            TicketChange::Told { .. } => "told",
            TicketChange::Answered { .. } => "answered",
            TicketChange::MergedInto { .. } => "merged_into",
            TicketChange::Absorbed { .. } => "absorbed",
            TicketChange::SplitOff { .. } => "split_off",
            TicketChange::SplitFrom { .. } => "split_from",
            TicketChange::Proposed { .. } => "proposed",
            TicketChange::Worked { work } => work.as_str(),
            TicketChange::FollowUpTold { .. } => "follow_up_told",
            TicketChange::FollowUpAnswered { is_settled: true, .. } => "follow_up_settled",
            TicketChange::FollowUpAnswered { is_settled: false, .. } => "follow_up_answered",
            TicketChange::FollowUpLate => "follow_up_late",
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
    #[error("{failure_mode} is the fault that the ticket is about; then it is a confirmed one")]
    SameFault { failure_mode: FailureModeId },
    #[error("{field} is missing")]
    TextMissing { field: String },
    #[error("{field} has {bytes} bytes, at most {limit} are taken")]
    TextTooLong { field: String, bytes: usize, limit: usize },
    #[error("{proposed} is proposed; say why somebody else")]
    OverrideWithoutReason { proposed: PersonName },
    #[error("a ticket is not merged with itself")]
    MergedWithItself,
    #[error("the tickets are of different sites")]
    OtherSite,
    #[error("the ticket was merged into {into}; split it off there")]
    IsMerged { into: TicketId },
    #[error("{ticket} was not merged into this ticket")]
    NotMerged { ticket: TicketId },
    #[error("the alarm came with {ticket}; split that off")]
    CameWith { ticket: TicketId },
    #[error("the alarm {alarm} was not merged into this ticket")]
    NotItsAlarm { alarm: AlarmId },
    #[error("there is no entry {entry} in the ticket")]
    NoEntry { entry: u32 },
    #[error("{what} is full: at most {limit} entries")]
    ListFull { what: String, limit: usize },
    #[error("{field} must be from {from} to {to}")]
    OutOfRange { field: String, from: u64, to: u64 },
    #[error("the malfunction ends before it begins")]
    EndsBeforeItBegins,
    #[error("a ticket is not linked to itself")]
    LinkToItself,
    #[error("the ticket has a parent already")]
    HasParent,
    #[error("a ticket is no part of its own part")]
    LinkInCircle,
    #[error("{count} parts, at most {limit} are taken")]
    TooManyParts { count: usize, limit: usize },
    #[error("the history is full ({MAX_HISTORY} entries); the ticket can only be closed, cancelled or archived")]
    HistoryFull,
    #[error("its alarm {alarm} still stands; a ticket is archived when the alarm is normal again")]
    AlarmStands { alarm: AlarmId },
    #[error("no bad rating of this ticket is being followed up")]
    NoFollowUp,
    #[error("a bad rating is being followed up; settle it first")]
    FollowUpOpen,
    #[error("{ticket} is open for the same fault; go on there")]
    OtherOpen { ticket: TicketId },
}
