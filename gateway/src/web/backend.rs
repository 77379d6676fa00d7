//! What the web door asks of the rest of the gateway. Implemented over pipeline and store; by a fake in tests.

use super::StreamEvent;
use crate::access::notes::Note;
use crate::access::{AccessOrder, Accounts, Limits, Sight};
pub use crate::access::{Right, Role};
pub use alerting::effect::SplitOff;
pub use alerting::stock::{Location, Movement};
pub use alerting::storm::IncidentCommand;
pub use alerting::ticket::{Report, WorkCommand};
use dashboards::view::{
    Alarm, AlarmState, At, AuditEntry, DeadLetter, Device, DeviceSummary, DrillHeld, DrillNotice, Drills, Entry,
    EntryList, EntryState, FleetCounts, Heard, History, HoldCause, Incident, LedgerLine, Model, ModelDetail,
    MonthlyReport, OnCall, OnCallOverride, Outcome, Page, PartForecast, Proposal, QuarantinedPacket, Receiver,
    Replayed, Review, ServiceReport, SiteNode, SiteStorms, StockLevel, StockPart, SystemHealth, Ticket, TicketClass,
    TicketState, TicketSummary, TreeNode, Tried, Window, WindowCovers, WindowPurpose, WindowSchedule,
};
use domain::{
    AlarmId, DeviceKey, DeviceName, FailureModeId, MetricName, Millis, ModelVersion, Severity, SiteName, TicketId,
    Timestamp,
};
use serde::Serialize;
use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use tokio::sync::broadcast;

/// The review of a past month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportFile {
    /// To read and print.
    pub html: String,
    /// For spreadsheets.
    pub csv: String,
}

/// Why something asked for is not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BackendError {
    /// There is no such thing.
    #[error("there is no {what}")]
    NotFound {
        /// What was looked for, such as `alarm a/b/c/1`.
        what: String,
    },
    /// It is there, but not for this person to change.
    #[error("{detail}")]
    Forbidden {
        /// Why not.
        detail: String,
    },
    /// It exists, but its state does not allow this.
    #[error("{detail}")]
    Conflict {
        /// Why not.
        detail: String,
    },
    /// It changed since the asker looked.
    #[error("it was changed meanwhile: its revision is {revision}")]
    Changed {
        /// Its revision now.
        revision: u64,
    },
    /// A value asked with is not one that can be taken.
    #[error("{pointer}: {detail}")]
    Invalid {
        /// JSON pointer into the body, such as `/minutes`, or `?name` for a query parameter.
        pointer: String,
        /// What would be right.
        detail: String,
    },
    /// What was sent has mistakes.
    #[error("{}", lines_of(problems))]
    Wrong {
        /// Each with its line and path.
        problems: Vec<domain::checked::Problem>,
    },
    /// Not now: starting, stopping, or the store does not answer.
    #[error("not available now: {detail}")]
    Unavailable {
        /// Why.
        detail: String,
    },
}

fn lines_of(problems: &[domain::checked::Problem]) -> String {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    lines.join("; ")
}

/// What a question is answered with.
pub type Answer<T> = Result<T, BackendError>;

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// Stands in the audit trail.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Which devices they may see.
    pub limits: Arc<Limits>,
    /// Only these rights of the role; empty: all of them.
    pub scopes: BTreeSet<Right>,
    /// Whether it is a person; a technician's own tickets are a person's.
    pub is_person: bool,
    /// Whether they showed a password, and no token.
    pub has_shown_password: bool,
}

impl Actor {
    /// Somebody with all that a role may do, of all devices.
    pub fn with_role(name: impl Into<String>, role: Role) -> Actor {
        Actor {
            name: name.into(),
            role,
            limits: Arc::default(),
            scopes: BTreeSet::new(),
            is_person: true,
            has_shown_password: false,
        }
    }

    /// Another system, that works on tickets.
    pub fn program(name: impl Into<String>) -> Actor {
        Actor {
            is_person: false,
            ..Actor::with_role(name, Role::Technician)
        }
    }

    /// Whether they may do that.
    pub fn may(&self, right: Right) -> bool {
        self.role.may(right)
            && (self.scopes.is_empty() || self.scopes.contains(&right))
            && (self.limits.is_none() || !right.is_gateway_wide())
    }
}

/// Who changes something, and what they saw before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Who.
    pub actor: Actor,
    /// Only if the revision still is this; none: in any case.
    pub if_revision: Option<u64>,
}

/// Where in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slice {
    /// What the page before gave as `next`; none: from the start.
    pub cursor: Option<String>,
    /// At most so many; 1 to 1000.
    pub limit: usize,
}

/// Which lines of the audit trail, the newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditQuery {
    /// Written then or later.
    pub from: Option<Timestamp>,
    /// Written before.
    pub to: Option<Timestamp>,
    /// What this actor did.
    pub actor: Option<String>,
    /// What was done to this.
    pub subject: Option<String>,
    /// Where in the list.
    pub slice: Slice,
}

impl AuditQuery {
    /// All lines.
    pub fn all(slice: Slice) -> AuditQuery {
        AuditQuery {
            from: None,
            to: None,
            actor: None,
            subject: None,
            slice,
        }
    }
}

/// Which devices, in the order of [`DeviceSummary::attention_order`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceQuery {
    /// Only this site.
    pub site: Option<SiteName>,
    /// Only with this in site, name, profile or title, whatever the case; empty: all.
    pub text: String,
    /// Where in the list.
    pub slice: Slice,
}

/// Which part of a history, in `[from, to)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryQuery {
    /// The device.
    pub device: DeviceKey,
    /// The metric.
    pub metric: MetricName,
    /// Start; none: the oldest there is.
    pub from: Option<Timestamp>,
    /// End, not included; none: now.
    pub to: Option<Timestamp>,
    /// Roll up until no more points than this are left; 2 to 5000.
    pub max_points: usize,
}

/// Which alarms: newest change first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlarmQuery {
    /// Only this site.
    pub site: Option<SiteName>,
    /// Only this device.
    pub device: Option<DeviceName>,
    /// Only in this state.
    pub state: Option<AlarmState>,
    /// Only this severity.
    pub severity: Option<Severity>,
    /// Only with the condition standing (true) or gone (false).
    pub is_active: Option<bool>,
    /// Only shelved (true) or not shelved (false).
    pub is_shelved: Option<bool>,
    /// Also those that are over (state normal). A `state` of normal includes them by itself.
    pub with_normal: bool,
    /// Only members of the incident with this number, whether they still are or not.
    pub incident: Option<u64>,
    /// Where in the list.
    pub slice: Slice,
}

/// Which incidents: the newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncidentQuery {
    /// Only this site.
    pub site: Option<SiteName>,
    /// Those that last (true), or those that are over (false).
    pub is_open: bool,
    /// Where in the list.
    pub slice: Slice,
}

/// Which parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartsQuery {
    /// Only those that are low; for forecasts.
    pub only_low: bool,
    /// Where in the list.
    pub slice: Slice,
}

/// Which counts, by part and place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockQuery {
    /// Only of this part.
    pub part: Option<String>,
    /// Only at this place.
    pub location: Option<Location>,
    /// Where in the list.
    pub slice: Slice,
}

/// What a person does with the parts of a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reservation {
    /// Keep back.
    Keep {
        /// Which.
        part: String,
        /// Where; none: the nearest place where so many are free.
        location: Option<Location>,
        /// How many.
        quantity: u32,
    },
    /// Let go.
    LetGo {
        /// Which.
        part: String,
        /// Where.
        location: Location,
        /// How many.
        quantity: u32,
    },
}

/// Which tickets: emergencies first, then the one whose clock runs out first; final ones newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketQuery {
    /// Only this site.
    pub site: Option<SiteName>,
    /// Only this device.
    pub device: Option<DeviceName>,
    /// Only in this state.
    pub state: Option<TicketState>,
    /// Only neither closed nor cancelled (true), or only closed or cancelled (false).
    pub is_open: Option<bool>,
    /// Only with a bad rating that somebody has to see to (true), or without (false).
    pub follow_up: Option<bool>,
    /// Where in the list.
    pub slice: Slice,
}

/// What a person does to an alarm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AlarmCommand {
    /// Seen.
    Acknowledge {
        /// Remark; may be empty.
        note: String,
    },
    /// Put aside for a time.
    Shelve {
        /// Why; not empty.
        reason: String,
        /// Until then; in the future. How long is too long, the backend decides.
        until: Timestamp,
    },
    /// Back on the list.
    Unshelve,
    /// A latched alarm whose condition is gone is let go.
    Reset,
    /// There is work on the machine.
    TakeOutOfService {
        /// Why; not empty.
        reason: String,
    },
    /// The work is over.
    ReturnToService,
}

/// What a drill came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrillResult {
    /// Which scenario; not empty.
    pub scenario: String,
    /// Which kind of event; not empty.
    pub kind: String,
    /// When it began.
    pub began_at: Timestamp,
    /// Whether all went as it should.
    pub is_good: bool,
    /// What was slow or missed; not empty.
    pub conclusion: String,
}

/// Somebody shall take the call of a rotation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverridePlan {
    /// Of which.
    pub rotation: String,
    /// Who; not empty.
    pub person: String,
    /// Since then; none: from now on.
    pub from: Option<Timestamp>,
    /// Before then.
    pub until: Timestamp,
    /// Why; not empty.
    pub reason: String,
}

/// Work on machines that shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowPlan {
    /// What for.
    pub purpose: WindowPurpose,
    /// Which machines.
    pub covers: WindowCovers,
    /// When.
    pub schedule: WindowSchedule,
    /// Why; not empty.
    pub reason: String,
}

/// Which entries of the knowledge base; what is given must fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnowledgeQuery {
    /// Words, or a fault code; empty: all.
    pub text: String,
    /// Only about this class of machine.
    pub profile: Option<String>,
    /// Only about this failure mode.
    pub failure_mode: Option<FailureModeId>,
    /// Only with this fault code.
    pub fault_code: Option<String>,
    /// Only in this state; none: all but retired ones.
    pub state: Option<EntryState>,
    /// Only drafts that should be released.
    pub only_suggested: bool,
}

/// What an entry of the knowledge base says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // the fields are those of the entry
pub struct EntryText {
    pub title: String,
    pub profiles: Vec<String>,
    pub fault_codes: Vec<String>,
    pub symptoms: String,
    pub failure_mode: Option<FailureModeId>,
    pub part: String,
    pub cause: String,
    pub solution: String,
    pub parts: Vec<String>,
    pub safety_note: String,
}

/// What a person does with the knowledge base; numbers are those of entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KnowledgeOrder {
    /// A new draft.
    Draft(Box<EntryText>),
    /// What a closed ticket found becomes an entry, or a further proof of one.
    FromTicket(TicketId),
    /// Another text.
    Edit(u64, Box<EntryText>),
    /// An engineer stands for it.
    Release(u64),
    /// It no longer holds, and why.
    Retire(u64, String),
    /// Whether it helped with a ticket.
    Rate(u64, TicketId, bool),
}

/// What a person does to a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TicketCommand {
    /// On to another state; neither closed nor cancelled.
    Step {
        /// Which.
        to: TicketState,
        /// Remark; may be empty.
        note: String,
    },
    /// Given to somebody.
    Assign {
        /// Whom; not empty.
        assignee: String,
        /// Which proposal that is, as the person saw it.
        proposal_rank: Option<u32>,
        /// Why not the first proposal; may be empty.
        override_reason: String,
    },
    /// It waits.
    Hold {
        /// For what.
        cause: HoldCause,
        /// Why; not empty.
        reason: String,
    },
    /// It goes on.
    Resume,
    /// It is more or less urgent than it was taken for.
    Reclass {
        /// Which clocks run from now on.
        class: TicketClass,
        /// Why; not empty.
        reason: String,
    },
    /// Somebody has seen to a bad rating.
    FollowUp {
        /// What was agreed; not empty.
        agreed: String,
        /// Whether that is the end of it.
        is_settled: bool,
    },
    /// A remark.
    Comment {
        /// Not empty.
        text: String,
    },
    /// Done.
    Close {
        /// How it ended.
        outcome: Outcome,
        /// The failure mode that it was; for a different fault only.
        failure_mode: Option<FailureModeId>,
        /// Which part failed; may be empty.
        part: String,
        /// What was wrong with it; may be empty.
        damage: String,
        /// Why it failed; may be empty.
        cause: String,
        /// What was done; may be empty.
        remedy: String,
        /// Parts used.
        parts: Vec<String>,
        /// Anything else; may be empty.
        note: String,
    },
    /// Given up.
    Cancel {
        /// Why; not empty.
        reason: String,
    },
    /// It was not over.
    Reopen {
        /// Why; not empty.
        reason: String,
    },
    /// It is over for good.
    Archive,
    /// A visit is agreed.
    Schedule {
        /// When.
        at: Timestamp,
    },
    /// Something of the work is written down.
    Work(WorkCommand),
    /// It ends as part of another ticket.
    Merge {
        /// Which.
        into: TicketId,
    },
    /// What was merged into it goes on by itself.
    Split(SplitOff),
}

/// A file for a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFile {
    /// What it is called; not empty.
    pub name: String,
    /// What it is, such as `image/jpeg`.
    pub content_type: String,
    /// Its content.
    pub content: Vec<u8>,
}

/// What a person wants of a model version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelCommand {
    /// Run it beside the one in force.
    Shadow,
    /// Let it judge.
    Promote {
        /// Who stands for it; not empty.
        approved_by: String,
        /// Why; may be empty.
        reason: String,
    },
    /// Let judge again what judged before it.
    Rollback {
        /// Who stands for it; not empty.
        approved_by: String,
        /// Why; may be empty.
        reason: String,
    },
    /// Set it aside.
    Discard,
}

/// As long as it lives, the backend sends the readings of a device to the stream.
pub type WatchGuard = Box<dyn Send + Sync>;

/// What the web door asks of the rest of the gateway.
///
/// Commands are durable before they are answered, and answer with the changed thing.
pub trait Backend: Clone + Send + Sync + 'static {
    /// The gateway's clock.
    fn now(&self) -> Timestamp;
    /// How much faster than real time it runs; more than 1 in a demo.
    fn clock_speed(&self) -> f64 {
        1.0
    }
    /// Into how many grades the site folds the five levels of risk; 5: not at all.
    fn risk_grades(&self) -> u8 {
        5
    }
    /// Where devices connect, for the text that helps newcomers, such as `192.168.1.5:1883`.
    fn mqtt_address(&self) -> Option<String>;

    /// Users and tokens.
    fn accounts(&self) -> Arc<Accounts>;
    /// Changes users and tokens; answers with the number of the token that was made, if one was.
    fn change_access(&self, actor: String, order: AccessOrder) -> impl Future<Output = Answer<Option<u64>>> + Send;
    /// Notes something in the audit trail, soon.
    fn note(&self, note: Note);
    /// What limits leave to be seen.
    fn sight_of(&self, limits: &Limits) -> Sight;
    /// The same backend, of which only this is seen: what lies outside is not there, whatever is asked or changed.
    fn seen_by(&self, sight: Sight) -> Self;

    /// The counters.
    fn counts(&self) -> impl Future<Output = Answer<FleetCounts>> + Send;
    /// The sites that have devices, sorted.
    fn sites(&self) -> impl Future<Output = Answer<Vec<SiteName>>> + Send;
    /// Devices.
    fn devices(&self, query: DeviceQuery) -> impl Future<Output = Answer<Page<DeviceSummary>>> + Send;
    /// One device.
    fn device(&self, key: DeviceKey) -> impl Future<Output = Answer<Device>> + Send;
    /// A metric over time, with the device's alarms.
    fn history(&self, query: HistoryQuery) -> impl Future<Output = Answer<History>> + Send;

    /// Alarms.
    fn alarms(&self, query: AlarmQuery) -> impl Future<Output = Answer<Page<Alarm>>> + Send;
    /// One alarm.
    fn alarm(&self, id: AlarmId) -> impl Future<Output = Answer<Alarm>> + Send;
    /// Changes an alarm.
    fn command_alarm(
        &self,
        order: Order,
        id: AlarmId,
        command: AlarmCommand,
    ) -> impl Future<Output = Answer<Alarm>> + Send;

    /// Tickets.
    fn tickets(&self, query: TicketQuery) -> impl Future<Output = Answer<Page<TicketSummary>>> + Send;
    /// One ticket.
    fn ticket(&self, id: TicketId) -> impl Future<Output = Answer<Ticket>> + Send;
    /// Whom to send for a ticket, the best first.
    fn proposals(&self, id: TicketId) -> impl Future<Output = Answer<Vec<Proposal>>> + Send;
    /// Changes a ticket.
    fn command_ticket(
        &self,
        order: Order,
        id: TicketId,
        command: TicketCommand,
    ) -> impl Future<Output = Answer<Ticket>> + Send;

    /// Opens a ticket for a fault that a person reports.
    fn report_fault(
        &self,
        order: Order,
        device: DeviceKey,
        report: Report,
    ) -> impl Future<Output = Answer<Ticket>> + Send;
    /// Keeps a file for a ticket.
    fn attach(&self, order: Order, id: TicketId, file: NewFile) -> impl Future<Output = Answer<Ticket>> + Send;
    /// A file of a ticket, with its content.
    fn file(&self, id: TicketId, entry: u32) -> impl Future<Output = Answer<NewFile>> + Send;
    /// The report of a ticket's service.
    fn service_report(&self, id: TicketId) -> impl Future<Output = Answer<ServiceReport>> + Send;

    /// Searches the knowledge base.
    fn search_knowledge(&self, query: KnowledgeQuery) -> impl Future<Output = Answer<EntryList>> + Send;
    /// One entry of the knowledge base.
    fn entry(&self, id: u64) -> impl Future<Output = Answer<Entry>> + Send;
    /// Changes the knowledge base; answers with the entry.
    fn change_knowledge(&self, order: Order, wish: KnowledgeOrder) -> impl Future<Output = Answer<Entry>> + Send;
    /// The best entries for a ticket.
    fn knowledge_of_ticket(&self, id: TicketId) -> impl Future<Output = Answer<Vec<Entry>>> + Send;
    /// The best entries for an alarm.
    fn knowledge_of_alarm(&self, id: AlarmId) -> impl Future<Output = Answer<Vec<Entry>>> + Send;
    /// Parts that are kept in stock, by number.
    fn parts(&self, query: PartsQuery) -> impl Future<Output = Answer<Page<StockPart>>> + Send;
    /// Counts, by part and place.
    fn stock(&self, query: StockQuery) -> impl Future<Output = Answer<Page<StockLevel>>> + Send;
    /// What will be needed, those that are low first.
    fn stock_forecast(&self, query: PartsQuery) -> impl Future<Output = Answer<Page<PartForecast>>> + Send;
    /// Books a movement; answers with the counts of the part.
    fn book_stock(
        &self,
        order: Order,
        movement: Movement,
        reason: String,
    ) -> impl Future<Output = Answer<Vec<StockLevel>>> + Send;
    /// Keeps parts back for a ticket, or lets them go.
    fn reserve_parts(
        &self,
        order: Order,
        ticket: TicketId,
        reservation: Reservation,
    ) -> impl Future<Output = Answer<Ticket>> + Send;

    /// What a span came to.
    fn review(&self, from: Timestamp, until: Timestamp) -> impl Future<Output = Answer<Review>> + Send;
    /// Clocks that ran out in a span, the newest first.
    fn breaches(&self, from: Timestamp, until: Timestamp) -> impl Future<Output = Answer<Vec<LedgerLine>>> + Send;
    /// Who is on call, from now on for so long.
    fn on_call(&self, ahead: Millis) -> impl Future<Output = Answer<Vec<OnCall>>> + Send;
    /// On-call overrides that stand, and those of the last 30 days, the newest first.
    fn overrides(&self) -> impl Future<Output = Answer<Vec<OnCallOverride>>> + Send;
    /// Somebody takes the call for a time.
    fn make_override(&self, order: Order, plan: OverridePlan) -> impl Future<Output = Answer<OnCallOverride>> + Send;
    /// Ends an override before its time.
    fn end_override(&self, order: Order, id: u64) -> impl Future<Output = Answer<OnCallOverride>> + Send;
    /// Drills that were held, and what is due.
    fn drills(&self) -> impl Future<Output = Answer<Drills>> + Send;
    /// Whom the notices of drills would have told, at one site or all, the newest first.
    fn drill_notices(&self, site: Option<String>) -> impl Future<Output = Answer<Vec<DrillNotice>>> + Send;
    /// Writes a drill down.
    fn record_drill(&self, actor: Actor, drill: DrillResult) -> impl Future<Output = Answer<DrillHeld>> + Send;
    /// Which reviews of past months there are, the newest first.
    fn reports(&self) -> impl Future<Output = Answer<Vec<MonthlyReport>>> + Send;
    /// The review of a past month, such as `2026-11`.
    fn report(&self, month: String) -> impl Future<Output = Answer<Option<ReportFile>>> + Send;
    /// Incidents.
    fn incidents(&self, query: IncidentQuery) -> impl Future<Output = Answer<Page<Incident>>> + Send;
    /// One incident.
    fn incident(&self, id: u64) -> impl Future<Output = Answer<Incident>> + Send;
    /// A person answers for an incident, or has dealt with it.
    fn command_incident(
        &self,
        order: Order,
        id: u64,
        command: IncidentCommand,
    ) -> impl Future<Output = Answer<Incident>> + Send;
    /// Floods and limits of notices, by site.
    fn floods(&self) -> impl Future<Output = Answer<Vec<SiteStorms>>> + Send;

    /// Sites with more alarms than one person can answer.
    fn flooded(&self) -> impl Future<Output = Vec<SiteName>> + Send {
        async {
            let floods = self.floods().await.unwrap_or_default();
            floods.into_iter().filter(|s| s.is_flooded).map(|s| s.site).collect()
        }
    }
    /// The sites, each with what stands there.
    fn topology(&self) -> impl Future<Output = Answer<Vec<SiteNode>>> + Send;
    /// The machines of a site as a tree, written from the top.
    fn site_topology(&self, site: SiteName, slice: Slice) -> impl Future<Output = Answer<Page<TreeNode>>> + Send;

    /// Maintenance windows that are not over, the oldest first.
    fn windows(&self) -> impl Future<Output = Answer<Vec<Window>>> + Send;
    /// Plans a maintenance window.
    fn plan_window(&self, order: Order, plan: WindowPlan) -> impl Future<Output = Answer<Window>> + Send;
    /// Ends a maintenance window before its time.
    fn end_window(&self, order: Order, id: u64, reason: String) -> impl Future<Output = Answer<Window>> + Send;

    /// Packets in quarantine, newest first.
    fn quarantine(&self, slice: Slice) -> impl Future<Output = Answer<Page<QuarantinedPacket>>> + Send;
    /// One packet in quarantine.
    fn quarantined(&self, id: u64) -> impl Future<Output = Answer<QuarantinedPacket>> + Send;
    /// Reads one packet again, or all; those that are understood now leave quarantine.
    fn replay(&self, actor: Actor, id: Option<u64>) -> impl Future<Output = Answer<Replayed>> + Send;
    /// Throws a packet away; answers with what is gone.
    fn discard(&self, actor: Actor, id: u64) -> impl Future<Output = Answer<QuarantinedPacket>> + Send;

    /// Receivers of messages, by name.
    fn receivers(&self) -> impl Future<Output = Answer<Vec<Receiver>>> + Send;
    /// Sends a marked message to a receiver now.
    fn try_receiver(&self, actor: Actor, name: String) -> impl Future<Output = Answer<Tried>> + Send;
    /// Deliveries that were given up, newest first.
    fn dead_letters(&self, slice: Slice) -> impl Future<Output = Answer<Page<DeadLetter>>> + Send;
    /// Tries one of them again; answers with what it was.
    fn resend(&self, actor: Actor, id: u64) -> impl Future<Output = Answer<DeadLetter>> + Send;
    /// Another system tells of a change; `secret` shows that it is that one.
    fn hear(
        &self,
        receiver: String,
        secret: String,
        body: serde_json::Value,
    ) -> impl Future<Output = Answer<Heard>> + Send;

    /// How the gateway does.
    fn health(&self) -> impl Future<Output = Answer<SystemHealth>> + Send;
    /// The model versions: first those in force, by profile, then those in shadow, candidates, and what is over.
    fn models(&self) -> impl Future<Output = Answer<Vec<Model>>> + Send;
    /// One of them.
    fn model(&self, version: ModelVersion) -> impl Future<Output = Answer<ModelDetail>> + Send;
    /// Adds one; the same content twice is the same model.
    fn add_model(&self, actor: Actor, content: Vec<u8>) -> impl Future<Output = Answer<ModelDetail>> + Send;
    /// Changes what judges or runs in shadow.
    fn command_model(
        &self,
        actor: Actor,
        version: ModelVersion,
        command: ModelCommand,
    ) -> impl Future<Output = Answer<ModelDetail>> + Send;
    /// The audit trail, newest first.
    fn audit(&self, query: AuditQuery) -> impl Future<Output = Answer<Page<AuditEntry>>> + Send;
    /// The Prometheus text.
    fn metrics(&self) -> String;

    /// What happens from now on.
    fn subscribe(&self) -> broadcast::Receiver<StreamEvent>;
    /// Asks for the readings of a device in the stream while the guard lives.
    fn watch(&self, device: &DeviceKey) -> WatchGuard;
}

/// A reading for the plots.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LiveReading {
    /// Device time.
    pub at: At,
    /// Metric and value.
    pub values: Vec<(MetricName, f64)>,
}
