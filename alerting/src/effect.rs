//! What goes into the book and what comes out of it, as values.
//!
//! Carrying effects out (storing, publishing, sending) is the gateway's; nothing is done here.

use crate::alarm::{AlarmReason, AlarmRefusal};
use crate::episode::PastEpisode;
use crate::knowledge::{EntryRecord, KnowledgeCommand, KnowledgeRefusal};
use crate::on_call::overrides::{OverrideCommand, OverrideRecord, OverrideRefusal};
use crate::record::{AlarmRecord, Asset, DeviceFacts};
use crate::scope::Scope;
use crate::stock::{Location, LowParts, Movement, StockChange, StockRefusal};
use crate::storm::{
    IncidentCause, IncidentCommand, IncidentEvent, IncidentId, IncidentRecord, NoticeWeight, ResponseRefusal,
    SiteNotices, Summary,
};
use crate::ticket::{Actor, Priority, Report, TicketChange, TicketCommand, TicketKind, TicketRecord, TicketRefusal};
use crate::window::{Purpose, Schedule, ScheduleRefusal, WindowId, WindowRecord};
use domain::text::Text;
use domain::wire::{AlarmMessage, ServiceMessage};
use domain::{
    AlarmId, ConditionChange, ConditionOutlook, DeviceKey, FailureModeId, ModelVersion, RiskLevel, Severity, SiteName,
    TicketId, Timestamp,
};
use serde::{Deserialize, Serialize};

/// Everything that can happen to the book.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// A failure mode began to show, ceased to show, or changed, after its delays.
    Condition {
        /// What changed.
        change: ConditionChange,
        /// On which machine.
        device: DeviceFacts,
    },
    /// A failure mode goes on showing; the time left may have moved.
    Outlook {
        /// On which machine.
        device: DeviceKey,
        /// What is expected now.
        outlook: ConditionOutlook,
    },
    /// Maintenance comes due.
    MaintenanceDue {
        /// On which machine.
        device: DeviceFacts,
        /// Which plan of its profile.
        plan: FailureModeId,
        /// For the how manieth time, from 1; only rising numbers count.
        occurrence: u32,
        /// What the counter shows; hours since first seen for a calendar plan.
        at_value: f64,
        /// Device time.
        measured_at: Timestamp,
    },
    /// A machine raised a fault code of its own; whether its condition changed by that is told apart, and before.
    FaultCode {
        /// Which machine.
        device: DeviceFacts,
        /// The code.
        code: String,
        /// The maker's words; may be empty.
        text: String,
    },
    /// A person reports a fault.
    Reported {
        /// Who wrote it down.
        actor: Actor,
        /// On which machine.
        device: DeviceFacts,
        /// What.
        report: Report,
    },
    /// Somebody wants something.
    Command {
        /// Who.
        actor: Actor,
        /// What.
        command: Command,
    },
    /// Time has passed: whatever is due is done.
    Tick,
}

/// What a person (or a system on its behalf) wants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "about", deny_unknown_fields)]
pub enum Command {
    /// Something about an alarm.
    Alarm {
        /// Which.
        alarm: AlarmId,
        /// What.
        command: AlarmCommand,
    },
    /// Something about a ticket.
    Ticket {
        /// Which.
        ticket: TicketId,
        /// What.
        command: TicketCommand,
    },
    /// A ticket is the same trouble as another one and ends as part of it.
    Merge {
        /// Which.
        ticket: TicketId,
        /// Into which.
        into: TicketId,
    },
    /// Something that was merged goes on by itself.
    Split {
        /// Out of which.
        ticket: TicketId,
        /// What.
        off: SplitOff,
    },
    /// Something about a maintenance window.
    Window {
        /// What.
        command: WindowCommand,
    },
    /// Something about an incident.
    Incident {
        /// Which.
        incident: IncidentId,
        /// What.
        command: IncidentCommand,
    },
    /// Something about who is on call.
    Override {
        /// What.
        command: OverrideCommand,
    },
    /// Something about the knowledge base.
    Knowledge {
        /// What.
        command: KnowledgeCommand,
    },
    /// Something about spare parts.
    Stock {
        /// What.
        command: StockCommand,
    },
}

/// What is split off a ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SplitOff {
    /// A ticket that was merged into it: goes on where it was.
    Ticket {
        /// Which.
        ticket: TicketId,
    },
    /// An alarm that was merged into it: gets a ticket of its own.
    Alarm {
        /// Which.
        alarm: AlarmId,
    },
}

/// What a person does with maintenance windows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "do", deny_unknown_fields)]
pub enum WindowCommand {
    /// There shall be work on machines.
    Plan {
        /// What for.
        purpose: Purpose,
        /// Which machines.
        covers: Scope,
        /// When.
        schedule: Schedule,
        /// Why.
        reason: String,
    },
    /// The work is over, or will not be done.
    End {
        /// Which.
        window: WindowId,
        /// Why.
        reason: String,
    },
}

/// What a person does with spare parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "do", deny_unknown_fields)]
pub enum StockCommand {
    /// Parts were counted, came, went elsewhere, or left.
    Book {
        /// What.
        movement: Movement,
        /// Why.
        reason: String,
    },
    /// Parts are kept back for a ticket.
    Reserve {
        /// Which ticket.
        ticket: TicketId,
        /// Which part.
        part: String,
        /// Where; none: the first place within reach where so many are free.
        location: Option<Location>,
        /// How many; from 1.
        quantity: u32,
    },
    /// Parts are not kept back any longer.
    Release {
        /// Which ticket.
        ticket: TicketId,
        /// Which part.
        part: String,
        /// Where.
        location: Location,
        /// How many; from 1.
        quantity: u32,
    },
}

/// What an operator does with an alarm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "do", deny_unknown_fields)]
pub enum AlarmCommand {
    /// It was seen.
    Acknowledge {
        /// A remark; may be empty.
        #[serde(default)]
        note: String,
    },
    /// It shall be out of sight for a time.
    Shelve {
        /// Why.
        reason: String,
        /// Until when.
        until: Timestamp,
    },
    /// It shall be seen again.
    Unshelve,
    /// There is work on the machine; until it is returned to service.
    TakeOutOfService {
        /// Why.
        reason: String,
    },
    /// The work is over.
    ReturnToService,
    /// It is latched and may go.
    Reset,
}

/// Why a command was not followed; nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case", tag = "about")]
pub enum Refusal {
    /// The alarm is not in the book: unknown, or normal again.
    #[error("there is no alarm {alarm} that is not normal")]
    UnknownAlarm {
        /// Which.
        alarm: AlarmId,
    },
    /// The ticket is not in the book: unknown, or archived.
    #[error("there is no ticket {ticket} that is not archived")]
    UnknownTicket {
        /// Which.
        ticket: TicketId,
    },
    /// The alarm's state does not allow it.
    #[error("cannot change alarm {alarm}: {why}")]
    Alarm {
        /// Which.
        alarm: AlarmId,
        /// Why.
        why: AlarmRefusal,
    },
    /// The ticket's state does not allow it.
    #[error("cannot change ticket {ticket}: {why}")]
    Ticket {
        /// Which.
        ticket: TicketId,
        /// Why.
        why: TicketRefusal,
    },
    /// The program cannot answer for that; a named person must.
    #[error("a person must answer for that by name")]
    NeedsPerson,
    /// The window is not in the book: unknown, or over.
    #[error("there is no window {window} that is not over")]
    UnknownWindow {
        /// Which.
        window: WindowId,
    },
    /// The window cannot be followed.
    #[error("cannot plan the window: {why}")]
    Schedule {
        /// Why.
        why: ScheduleRefusal,
    },
    /// The machines of the window cannot be told.
    #[error("cannot plan the window: {why}")]
    Covers {
        /// Why.
        why: String,
    },
    /// There are too many windows.
    #[error("there are {limit} windows that are not over; end one first")]
    TooManyWindows {
        /// How many there may be.
        limit: usize,
    },
    /// The incident is not in the book: unknown, or over.
    #[error("there is no incident {incident} that is not over")]
    UnknownIncident {
        /// Which.
        incident: IncidentId,
    },
    /// What was done about the incident cannot be taken.
    #[error("{why}")]
    Response {
        /// Why.
        why: ResponseRefusal,
    },
    /// The override cannot be made or ended.
    #[error("{why}")]
    Override {
        /// Why.
        why: OverrideRefusal,
    },
    /// Nothing was booked.
    #[error("{why}")]
    Stock {
        /// Why.
        why: StockRefusal,
    },
    /// There is a ticket for that already.
    #[error("{ticket} is about the same fault; go on there")]
    AlreadyOpen {
        /// Which.
        ticket: TicketId,
    },
    /// The knowledge base does not allow it.
    #[error("{why}")]
    Knowledge {
        /// Why.
        why: KnowledgeRefusal,
    },
    /// A text of the command is missing or too long.
    #[error("{why}")]
    Text {
        /// Why.
        why: TicketRefusal,
    },
}

/// Why no ticket was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeldBack {
    /// The profile says that this failure mode never opens one by itself.
    NeverByItself,
    /// Neither severity nor risk is high enough.
    BelowThreshold,
    /// A person took the alarm out of sight; decided again when that ends. Never for danger to people.
    Shelved,
    /// Logic hides the alarm; decided again when that ends. Never for danger to people.
    SuppressedByDesign,
    /// There is work on the machine; decided again when that ends. Never for danger to people.
    OutOfService,
    /// It shows no worse than the advisory that it was: the model has only left its first days.
    StageAlone,
    /// One ticket serves the whole incident; decided again when that ends. Never for danger to people.
    PartOfIncident,
}

/// What was decided about a ticket when an alarm changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum TicketDecision {
    /// The change gives no cause to think about it.
    NotAssessed,
    /// A new one.
    Opened {
        /// Its number.
        ticket: TicketId,
    },
    /// Listed in the open one.
    Merged {
        /// Its number.
        ticket: TicketId,
    },
    /// The open one is more urgent now.
    Upgraded {
        /// Its number.
        ticket: TicketId,
    },
    /// The finished one of the same episode is open again.
    Reopened {
        /// Its number.
        ticket: TicketId,
    },
    /// The one there is covers it.
    Covered {
        /// Its number.
        ticket: TicketId,
    },
    /// None.
    HeldBack {
        /// Why.
        why: HeldBack,
    },
}

impl TicketDecision {
    /// The short name under which it is counted; bounded, fit for a metric label.
    pub fn as_str(&self) -> &'static str {
        match self {
            TicketDecision::NotAssessed => "not_assessed",
            TicketDecision::Opened { .. } => "opened",
            TicketDecision::Merged { .. } => "merged",
            TicketDecision::Upgraded { .. } => "upgraded",
            TicketDecision::Reopened { .. } => "reopened",
            TicketDecision::Covered { .. } => "covered",
            TicketDecision::HeldBack { why } => match why {
                HeldBack::NeverByItself => "never_by_itself",
                HeldBack::BelowThreshold => "below_threshold",
                HeldBack::StageAlone => "stage_alone",
                HeldBack::Shelved => "shelved",
                HeldBack::SuppressedByDesign => "suppressed_by_design",
                HeldBack::OutOfService => "out_of_service",
                HeldBack::PartOfIncident => "part_of_incident",
            },
        }
    }
}

/// What the gateway has to do, in this order and in the same commit as the input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "effect")]
pub enum Effect {
    /// Store the alarm's row.
    AlarmChanged {
        /// The row, whole.
        record: Box<AlarmRecord>,
        /// Why it changed.
        reason: AlarmReason,
        /// What was decided about a ticket.
        ticket: TicketDecision,
    },
    /// Store the ticket's row.
    TicketChanged {
        /// The row, whole.
        record: Box<TicketRecord>,
        /// What changed.
        change: TicketChange,
    },
    /// Store the window's row.
    WindowChanged {
        /// The row, whole.
        record: Box<WindowRecord>,
    },
    /// Store the row of an on-call override.
    OverrideChanged {
        /// The row, whole.
        record: Box<OverrideRecord>,
    },
    /// Store the row of the knowledge base.
    KnowledgeChanged {
        /// The row, whole.
        record: Box<EntryRecord>,
    },
    /// Store the row of a count of parts, or of a ticket's parts.
    StockChanged {
        /// The row, whole.
        change: StockChange,
    },
    /// Remember an episode that is over, or what became of its ticket.
    EpisodeClosed {
        /// The row, whole.
        episode: Box<PastEpisode>,
    },
    /// Store the incident's row.
    IncidentChanged {
        /// The row, whole.
        record: Box<IncidentRecord>,
    },
    /// Store the row of what a site's people were told.
    NoticesChanged {
        /// The row, whole.
        record: Box<SiteNotices>,
    },
    /// Write a line into the audit trail.
    Audit(AuditEntry),
    /// Put a message into the outbox.
    Publish(Box<Message>),
}

/// A line of the audit trail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// When, our time.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// What was done: `alarm.raised`, `ticket.closed`; bounded.
    pub action: String,
    /// To what: an alarm id, or the number of a ticket, window, override or entry of the knowledge base.
    pub subject: String,
    /// In words.
    pub detail: String,
}

/// An order to tell the world something.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// The same on every try: `alarm_id/transition` or `ticket/T-000001/revision`, with `/service` for a service;
    /// `incident/I-000001/revision`, `summary/SITE/number`.
    pub key: String,
    /// Of which site.
    pub site: SiteName,
    /// About which machine; none for a summary.
    pub device: Option<DeviceKey>,
    /// How much it matters that a person is told; none: it is only for whoever follows along.
    pub notice: Option<NoticeWeight>,
    /// What people read and receivers choose by, beside what the wire has.
    #[serde(default)]
    pub about: Background,
    /// What.
    pub content: Outgoing,
}

/// What is told with a message in every language, and by what receivers choose.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Background {
    /// The machine's class; empty without one machine.
    pub profile: String,
    /// What the registry says of the machine.
    pub asset: Asset,
    /// What is wrong, in a few words.
    pub title: Text,
    /// Why, in a sentence with value and limit; empty for incidents and summaries.
    pub reason: Text,
    /// What to do; may be empty.
    pub action: Text,
    /// The worst severity, if one is known.
    pub severity: Option<Severity>,
    /// The ticket that serves it.
    pub ticket: Option<TicketId>,
    /// Whether people may be harmed.
    pub is_emergency: bool,
}

/// What is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type", content = "body")]
pub enum Outgoing {
    /// An alarm changed.
    Alarm(AlarmMessage),
    /// A proactive service begins, or becomes more urgent.
    Service(ServiceMessage),
    /// A ticket changed.
    Ticket(Box<TicketEvent>),
    /// Many alarms have one cause.
    Incident(IncidentNotice),
    /// What was too much to be told one by one.
    Summary(Summary),
    /// Spare parts have become low.
    Parts(LowParts),
}

/// An incident for receivers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IncidentNotice {
    /// Which.
    pub incident: IncidentId,
    /// Where.
    pub site: SiteName,
    /// `opened`, `grew`, `lasts`, `over`, `response_late` or `handling_late`.
    pub event: IncidentEvent,
    /// What its members come from.
    pub cause: IncidentCause,
    /// The machine above all of them in which the cause may lie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspect: Option<DeviceKey>,
    /// In English.
    pub title: String,
    /// How many alarms it had so far.
    pub members: u32,
    /// How many of them stand.
    pub standing: u32,
    /// The first of them.
    pub first: Vec<AlarmId>,
    /// The worst severity so far.
    pub severity: Severity,
    /// The highest risk so far.
    pub risk: RiskLevel,
    /// The ticket that serves it, if one does.
    pub ticket: Option<TicketId>,
    /// Its level of event; none: no level is meant for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
    /// Whom its response plan tells: people, and groups as `group:NAME`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub people: Vec<String>,
    /// When it was found.
    pub opened_at: Timestamp,
    /// When this is told.
    pub at: Timestamp,
}

/// A change of a ticket for receivers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TicketEvent {
    /// Which.
    pub ticket: TicketId,
    /// Its unique key, fit to find it again in another system.
    pub ticket_key: String,
    /// About which machine.
    pub device: DeviceKey,
    /// How it fails.
    pub failure_mode: FailureModeId,
    /// What changed, such as `opened`.
    pub event: String,
    /// The change in full.
    pub change: TicketChange,
    /// Its state now, such as `in_progress`.
    pub state: String,
    /// Which service.
    pub kind: TicketKind,
    /// How urgent.
    pub priority: Priority,
    /// The highest risk.
    pub risk: RiskLevel,
    /// By when, if a clock runs.
    pub due_at: Option<Timestamp>,
    /// In English.
    pub title: String,
    /// Why, with value and limit, in English.
    pub reason: String,
    /// The version of the model that gave cause for it, such as `pump@3`.
    #[serde(default)]
    pub model: ModelVersion,
    /// Who was told of it last: people, and groups as `group:NAME`.
    pub people: Vec<String>,
    /// Who changed it.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
    /// The number of the change.
    pub revision: u32,
}
