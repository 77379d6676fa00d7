//! Tickets: work for a technician, with running clocks.

use super::{
    Act, At, EvidenceView, FollowUp, FollowUpCause, FollowUpNow, FollowUpStep, Machine, Reported, SimilarEpisode,
    TicketPart, TimeLeft, Visit, Work, schema,
};
use domain::text::Text;
use domain::{DeviceName, FailureModeId, RiskLevel, Severity, SiteName};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which proactive service it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TicketKind {
    /// Work that is due by use or time.
    MaintenanceReminder,
    /// Somebody has to look.
    OnSiteInspection,
    /// People may be harmed.
    Emergency,
}

/// Which clocks run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TicketClass {
    /// Leak, people trapped, safety hazard.
    Emergency,
    /// Device down or safety at risk.
    Key,
    /// An ordinary fault.
    Ordinary,
    /// Planned maintenance.
    Planned,
}

impl TicketClass {
    /// All of them, the most urgent first.
    pub const ALL: [TicketClass; 4] = [
        TicketClass::Emergency,
        TicketClass::Key,
        TicketClass::Ordinary,
        TicketClass::Planned,
    ];
}

/// Where a ticket stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TicketState {
    /// Opened; nobody has answered.
    Reported,
    /// It is known what it is.
    Diagnosed,
    /// Time, parts and cost are agreed.
    Planned,
    /// Work is under way.
    InProgress,
    /// Functional test after the work.
    Testing,
    /// The customer is asked to confirm.
    AwaitingConfirmation,
    /// Done, with an outcome.
    Closed,
    /// Given up, with a reason.
    Cancelled,
    /// Part of another ticket.
    Merged,
}

impl TicketState {
    /// Every state, in the order of life.
    pub const ALL: [TicketState; 9] = [
        TicketState::Reported,
        TicketState::Diagnosed,
        TicketState::Planned,
        TicketState::InProgress,
        TicketState::Testing,
        TicketState::AwaitingConfirmation,
        TicketState::Closed,
        TicketState::Cancelled,
        TicketState::Merged,
    ];

    /// Whether nothing more will happen.
    pub fn is_final(self) -> bool {
        match self {
            TicketState::Closed | TicketState::Cancelled | TicketState::Merged => true,
            TicketState::Reported
            | TicketState::Diagnosed
            | TicketState::Planned
            | TicketState::InProgress
            | TicketState::Testing
            | TicketState::AwaitingConfirmation => false,
        }
    }
}

/// What a clock measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClockKind {
    /// Until somebody answers.
    FirstResponse,
    /// Until somebody is on site.
    OnSite,
    /// Until the cause is known.
    Diagnosis,
    /// From the diagnosis until time, parts and cost are agreed.
    Plan,
    /// Until it is solved.
    Resolution,
}

/// How a clock stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum ClockState {
    /// It runs towards `due_at`.
    Running,
    /// It stands still while the ticket is on hold.
    Paused,
    /// Done in time.
    Met {
        /// When.
        at: At,
    },
    /// Ran out.
    Breached {
        /// When it ran out.
        at: At,
    },
}

/// A clock of a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Clock {
    /// What it measures.
    pub kind: ClockKind,
    /// When it runs out, or did; none while it stands still.
    pub due_at: Option<At>,
    /// Working time left in milliseconds; negative once it ran out.
    pub remaining_ms: i64,
    /// How it stands.
    pub state: ClockState,
}

/// How a ticket ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The fault was there.
    FaultConfirmed,
    /// The machine was at fault, in another way: a right warning for the machine, a wrong one for the failure mode.
    DifferentFault,
    /// The fault was found and mended before it stopped the machine.
    Prevented,
    /// The technician looked and all was well: feedback for the models.
    NoFaultFound,
    /// Something else.
    Other,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Outcome; 5] = [
        Outcome::FaultConfirmed,
        Outcome::Prevented,
        Outcome::DifferentFault,
        Outcome::NoFaultFound,
        Outcome::Other,
    ];
}

/// What was found and done, when a ticket was closed.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Closing {
    /// How it ended.
    pub outcome: Outcome,
    /// The failure mode that it was, of a different fault.
    #[schema(value_type = Option<String>)]
    pub failure_mode: Option<FailureModeId>,
    /// Which part failed.
    pub part: String,
    /// What was wrong with it.
    pub damage: String,
    /// Why it failed.
    pub cause: String,
    /// What was done.
    pub remedy: String,
    /// Parts used.
    pub parts: Vec<String>,
    /// Anything else.
    pub note: String,
}

/// A ticket on the board.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct TicketSummary {
    /// Such as `T-000042`.
    pub id: String,
    /// Grows with every change; the ETag.
    pub revision: u64,
    /// Which proactive service.
    pub kind: TicketKind,
    /// Which clocks run.
    pub class: TicketClass,
    /// `P1` (most urgent) to `P5`.
    pub priority: String,
    /// Where it stands; archived tickets are closed or cancelled.
    pub state: TicketState,
    /// The place.
    #[schema(value_type = String)]
    pub site: SiteName,
    /// The machine.
    #[schema(value_type = String)]
    pub device: DeviceName,
    /// How it fails, or `plan.` and the maintenance plan.
    #[schema(value_type = String)]
    pub failure_mode: FailureModeId,
    /// What it is about, for people.
    #[schema(value_type = schema::Text)]
    pub title: Text,
    /// The worst severity of its alarms; none for planned maintenance.
    #[schema(value_type = Option<schema::Severity>)]
    pub severity: Option<Severity>,
    /// The matrix's answer.
    #[schema(value_type = Option<schema::RiskLevel>)]
    pub risk: Option<RiskLevel>,
    /// Opened, our time.
    pub opened_at: At,
    /// Who works on it.
    pub assignee: Option<String>,
    /// Set while the ticket waits.
    pub on_hold: Option<Hold>,
    /// Its clocks.
    pub clocks: Vec<Clock>,
    /// Set while somebody has to see to a bad rating.
    pub follow_up: Option<FollowUpNow>,
}

/// What a ticket on hold waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HoldCause {
    /// The customer's word.
    Customer,
    /// A way to the machine.
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
}

/// A clock that was too late: a line of the ledger.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Breach {
    /// Which clock.
    pub clock: ClockKind,
    /// Which class the ticket had.
    pub class: TicketClass,
    /// Under which contract; none: the site's terms.
    pub contract: Option<String>,
    /// When time was over.
    pub due_at: At,
    /// Who had the ticket then.
    pub assignee: Option<String>,
    /// When it was over: done late, judged anew, or cancelled. None: it lasts.
    pub ended_at: Option<At>,
}

/// A line of the ledger with its ticket.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct LedgerLine {
    /// Such as `T-000042`.
    pub ticket: String,
    /// The place.
    #[schema(value_type = String)]
    pub site: SiteName,
    /// The machine.
    #[schema(value_type = String)]
    pub device: DeviceName,
    /// What was too late.
    #[serde(flatten)]
    pub breach: Breach,
}

/// Why a ticket waits.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Hold {
    /// Who and when.
    #[serde(flatten)]
    pub act: Act,
    /// For what.
    pub cause: HoldCause,
    /// Why.
    pub reason: String,
}

/// Everything about a ticket.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Ticket {
    /// As on the board.
    #[serde(flatten)]
    pub summary: TicketSummary,
    /// What to do.
    #[schema(value_type = schema::Text)]
    pub action: Text,
    /// The part that fails; empty if not known.
    pub part: String,
    /// Parts to bring.
    pub parts: Vec<String>,
    /// Where these parts are, what is kept back and what was used; empty where no stock is kept.
    pub stock: Vec<TicketPart>,
    /// Skills needed.
    pub skills: Vec<String>,
    /// Whether people may be harmed.
    pub is_safety: bool,
    /// Why it was opened.
    pub evidence: Vec<EvidenceView>,
    /// Earlier episodes like the one that opened it.
    pub similar: Vec<SimilarEpisode>,
    /// Its alarms, oldest first.
    pub alarms: Vec<String>,
    /// The version of the model that gave cause for it, such as `pump@3`; empty if nobody wrote it down.
    pub model: String,
    /// Time left when last told.
    pub time_left: Option<TimeLeft>,
    /// The machine, as the registry knows it.
    pub machine: Machine,
    /// Who reported it by hand; none: an alarm or a plan opened it.
    pub report: Option<Reported>,
    /// What it likely comes from; empty if nobody knows.
    #[schema(value_type = schema::Text)]
    pub likely_cause: Text,
    /// When a visit was agreed.
    pub scheduled_for: Option<At>,
    /// The visit for planned work; none for other work.
    pub visit: Option<Visit>,
    /// Other tickets of the same machine that were open at the same time, and planned work that goes along.
    pub linked: Vec<String>,
    /// Tickets that were merged into it.
    pub absorbed: Vec<String>,
    /// The ticket into which it was merged.
    pub merged_into: Option<String>,
    /// What was written down of the work.
    pub work: Work,
    /// Bad ratings and what came of each, the oldest first.
    pub follow_ups: Vec<FollowUp>,
    /// The contract whose clocks and working hours count; none: the site's terms.
    pub contract: Option<String>,
    /// Clocks that were too late.
    pub breaches: Vec<Breach>,
    /// Who is told of it until somebody takes it up; none: no chain holds for it.
    pub chain: Option<Chain>,
    /// The states it may go to next.
    pub next_states: Vec<TicketState>,
    /// How it ended.
    pub closing: Option<Closing>,
    /// What happened, oldest first.
    pub history: Vec<TicketStep>,
}

/// How far up a ticket was told.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Chain {
    /// The chain of the configuration.
    pub name: String,
    /// The level told last, from 1.
    pub level: u32,
    /// Who that was: people, and groups as `group:NAME`.
    pub people: Vec<String>,
    /// When the next level is told unless somebody answers; none: somebody has, or nobody is left.
    pub next_at: Option<At>,
    /// Who answered, and when.
    pub answered: Option<Act>,
}

/// Why a further level was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum ToldBecause {
    /// The level before did not answer.
    Unanswered,
    /// Nobody stood behind the level before at that time.
    NobodyThere,
    /// A clock had run out.
    ClockBreached {
        /// Which.
        clock: ClockKind,
    },
}

/// One thing that happened to a ticket.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct TicketStep {
    /// Who and when.
    #[serde(flatten)]
    pub act: Act,
    /// What.
    pub what: StepKind,
    /// In the words of who did it; empty if they said nothing.
    pub note: String,
}

/// What can happen to a ticket.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum StepKind {
    /// Opened by the gateway.
    Opened,
    /// The work is at another step.
    Stepped {
        /// Which.
        to: TicketState,
    },
    /// Told to wait.
    Held {
        /// For what.
        cause: HoldCause,
    },
    /// Goes on.
    Resumed,
    /// Given to somebody, or to nobody yet.
    Assigned {
        /// To whom.
        to: Option<String>,
    },
    /// A visit is agreed.
    Scheduled {
        /// When.
        visit_at: At,
    },
    /// A remark; with the merged ticket in which it was written.
    Commented {
        /// Which.
        from: Option<String>,
    },
    /// It is part of another ticket from now on.
    MergedInto {
        /// Which.
        ticket: String,
    },
    /// Another ticket is part of it from now on.
    Absorbed {
        /// Which.
        ticket: String,
    },
    /// What was part of it has a ticket of its own.
    SplitOff {
        /// Which.
        ticket: String,
    },
    /// It goes on by itself.
    SplitFrom {
        /// Out of which.
        ticket: String,
    },
    /// A visit is proposed.
    Proposed {
        /// When.
        visit_at: At,
    },
    /// Done.
    Closed {
        /// How.
        outcome: Outcome,
    },
    /// Given up.
    Cancelled,
    /// Opened again.
    Reopened,
    /// Over for good.
    Archived,
    /// A further level of the chain was told.
    Told {
        /// Which, from 1.
        level: u32,
        /// Who: people, and groups as `group:NAME`.
        people: Vec<String>,
        /// Why.
        because: ToldBecause,
    },
    /// Its alarm was acknowledged: nobody further is told.
    Answered {
        /// Which alarm.
        alarm_id: String,
    },
    /// The same failure mode showed again.
    Merged {
        /// Which alarm.
        alarm_id: String,
    },
    /// The same plan is due again.
    DueAgain,
    /// Another failure mode of the same machine has a ticket too.
    Linked {
        /// Which.
        ticket: String,
    },
    /// More urgent than before.
    Upgraded,
    /// A person judged how urgent it is.
    Reclassed {
        /// Which clocks run from now on.
        class: TicketClass,
    },
    /// Something of the work was written down; the note says what.
    Worked {
        /// Such as `labour_logged`.
        wrote: String,
    },
    /// A step was told of a bad rating.
    FollowUpTold {
        /// Which.
        step: FollowUpStep,
        /// Whom: people, and groups as `group:NAME`.
        people: Vec<String>,
        /// Why.
        because: FollowUpCause,
    },
    /// Somebody has seen to a bad rating; the note says what was agreed.
    FollowUpAnswered {
        /// At which step.
        step: FollowUpStep,
        /// Whether that was the end of it.
        is_settled: bool,
    },
    /// The management has not settled a bad rating in time.
    FollowUpLate,
    /// Time runs short.
    ClockWarning {
        /// Which clock.
        clock: ClockKind,
    },
    /// Time is over.
    ClockBreached {
        /// Which clock.
        clock: ClockKind,
    },
}
