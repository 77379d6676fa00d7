//! What a message says, in one shape for every receiver: what it is about, how it stands, and the facts people need.
//! Pure.

use alerting::effect::{Message, Outgoing, TicketEvent};
use alerting::storm::IncidentEvent;
use alerting::ticket::{Priority, TicketChange};
use domain::text::Language;
use domain::wire::AlarmMessage;
use domain::{DeviceKey, RiskLevel, Severity, SiteName, TicketId, Timestamp};

/// What is told about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// An alarm.
    Alarm,
    /// A ticket.
    Ticket,
    /// An incident.
    Incident,
    /// A proactive service.
    Service,
    /// Notices that were not told one by one.
    Summary,
    /// Nothing: somebody tries the receiver.
    Trial,
}

/// How it stands now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It stands, and somebody must look.
    Open,
    /// Somebody looks after it.
    Acknowledged,
    /// It stands, and something about it is news.
    Changed,
    /// It was over, and is not.
    Reopened,
    /// It stands, and people or logic put it out of sight.
    Hidden,
    /// It is over.
    Over,
}

/// A message as receivers need it.
#[derive(Debug, Clone, PartialEq)]
pub struct Note {
    /// The same on every try, another one for every change.
    pub key: String,
    /// The same for everything about one alarm, ticket or incident; no two of those share it.
    pub thread: String,
    /// What is told about.
    pub about: About,
    /// How it stands.
    pub phase: Phase,
    /// How the ticket's bad rating stands; none: it is not about that.
    pub rating: Option<Phase>,
    /// Whether people are to be told, not only those who follow along.
    pub is_told: bool,
    /// In which language.
    pub language: Language,
    /// The place.
    pub site: SiteName,
    /// The machine.
    pub device: Option<DeviceKey>,
    /// Where it stands and its serial number; may be empty.
    pub place: String,
    /// Whose it is; may be empty.
    pub customer: String,
    /// The machine's class; may be empty.
    pub profile: String,
    /// How it fails; empty where that is no question.
    pub failure_mode: String,
    /// What is wrong, in a few words.
    pub title: String,
    /// Why, with value and limit; may be empty.
    pub reason: String,
    /// What to do; may be empty.
    pub action: String,
    /// The news of this message in words; may be empty.
    pub news: String,
    /// The worst severity.
    pub severity: Option<Severity>,
    /// The risk.
    pub risk: Option<RiskLevel>,
    /// How urgent the ticket is.
    pub priority: Option<Priority>,
    /// The ticket.
    pub ticket: Option<TicketId>,
    /// The word of its state; may be empty.
    pub state: String,
    /// By when.
    pub due_at: Option<Timestamp>,
    /// When it began.
    pub began_at: Timestamp,
    /// When this was so.
    pub at: Timestamp,
    /// Who changed it; `system` for the program.
    pub by: String,
    /// Whether people may be harmed.
    pub is_emergency: bool,
    /// Its page.
    pub link: Option<String>,
}

impl Note {
    /// What a message says. Without a base there is no link.
    pub fn of(message: &Message, language: Language, link_base: Option<&str>) -> Note {
        let about = &message.about;
        let in_words = |text: &domain::text::Text| text.get(language).to_owned();
        let place = [about.asset.location.as_str(), about.asset.serial_number.as_str()];
        let place: Vec<&str> = place.into_iter().filter(|t| !t.is_empty()).collect();
        let mut note = Note {
            key: message.key.clone(),
            thread: String::new(),
            about: About::Summary,
            phase: Phase::Open,
            rating: None,
            is_told: message.notice.is_some(),
            language,
            site: message.site.clone(),
            device: message.device.clone(),
            place: place.join(", "),
            customer: about.asset.customer.clone(),
            profile: about.profile.clone(),
            failure_mode: String::new(),
            title: in_words(&about.title),
            reason: in_words(&about.reason),
            action: in_words(&about.action),
            news: String::new(),
            severity: about.severity,
            risk: None,
            priority: None,
            ticket: about.ticket,
            state: String::new(),
            due_at: None,
            began_at: Timestamp(0),
            at: Timestamp(0),
            by: "system".to_owned(),
            is_emergency: about.is_emergency,
            link: None,
        };
        let page = match &message.content {
            Outgoing::Alarm(alarm) => {
                note.take_alarm(alarm);
                Some(format!("/alarms/{}", alarm.alarm_id))
            }
            Outgoing::Ticket(ticket) => {
                note.take_ticket(ticket);
                Some(format!("/tickets/{}", ticket.ticket))
            }
            Outgoing::Incident(incident) => {
                note.about = About::Incident;
                note.thread = format!("incident/{}", incident.incident);
                note.phase = match incident.event {
                    IncidentEvent::Opened => Phase::Open,
                    IncidentEvent::Grew
                    | IncidentEvent::Lasts
                    | IncidentEvent::ResponseLate
                    | IncidentEvent::HandlingLate => Phase::Changed,
                    IncidentEvent::Over => Phase::Over,
                };
                note.state = incident.event.as_str().to_owned();
                note.risk = Some(incident.risk);
                note.news = match language {
                    Language::En => format!("{} alarms, {} of them stand", incident.members, incident.standing),
                    Language::Zh => format!("共{}条报警，其中{}条仍存在", incident.members, incident.standing),
                };
                let late = match (incident.event, language) {
                    (IncidentEvent::ResponseLate, Language::En) => "; nobody has answered in time",
                    (IncidentEvent::ResponseLate, Language::Zh) => "；无人按时响应",
                    (IncidentEvent::HandlingLate, Language::En) => "; not dealt with in time",
                    (IncidentEvent::HandlingLate, Language::Zh) => "；未按时处置",
                    (
                        IncidentEvent::Opened | IncidentEvent::Grew | IncidentEvent::Lasts | IncidentEvent::Over,
                        Language::En | Language::Zh,
                    ) => "",
                };
                note.news.push_str(late);
                (note.began_at, note.at) = (incident.opened_at, incident.at);
                Some(format!("/alarms?incident={}", incident.incident))
            }
            Outgoing::Service(service) => {
                note.about = About::Service;
                note.thread = format!("ticket/{}", service.ticket);
                note.failure_mode = service.failure_mode.to_string();
                note.due_at = service.due_at;
                (note.began_at, note.at) = (service.opened_at, service.opened_at);
                Some(format!("/tickets/{}", service.ticket))
            }
            Outgoing::Parts(low) => {
                note.thread = message.key.clone();
                (note.began_at, note.at) = (low.at, low.at);
                Some("/parts?low=yes".to_owned())
            }
            Outgoing::Summary(summary) => {
                note.thread = message.key.clone();
                note.news = summary.held.named.join(", ");
                (note.began_at, note.at) = (summary.held.since, summary.at);
                Some("/alarms".to_owned())
            }
        };
        let base = link_base.map(|base| base.trim_end_matches('/'));
        note.link = base.zip(page).map(|(base, page)| format!("{base}{page}"));
        note
    }

    /// A message that only tries a receiver.
    pub fn trial(language: Language, by: &str, now: Timestamp) -> Note {
        let (title, reason) = match language {
            Language::En => (
                "Test of this receiver",
                "This is a test. Nothing is wrong: vibration 0.0 mm/s, limit 7.1 mm/s.",
            ),
            Language::Zh => (
                "接收方测试",
                "这是一条测试消息，设备无异常：振动 0.0 mm/s，限值 7.1 mm/s。",
            ),
        };
        Note {
            key: format!("test/{}", now.0),
            thread: format!("test/{}", now.0),
            about: About::Trial,
            phase: Phase::Open,
            rating: None,
            is_told: true,
            language,
            site: SiteName::new("test").expect("a fixed word is a name"),
            device: None,
            place: String::new(),
            customer: String::new(),
            profile: String::new(),
            failure_mode: "test".to_owned(),
            title: title.to_owned(),
            reason: reason.to_owned(),
            action: String::new(),
            news: String::new(),
            severity: Some(Severity::Advisory),
            risk: Some(RiskLevel::VeryLow),
            priority: Some(Priority::P5),
            ticket: None,
            state: "test".to_owned(),
            due_at: None,
            began_at: now,
            at: now,
            by: by.to_owned(),
            is_emergency: false,
            link: None,
        }
    }

    fn take_alarm(&mut self, alarm: &AlarmMessage) {
        self.about = About::Alarm;
        self.thread = alarm.alarm_id.to_string();
        let is_hidden = alarm.is_shelved || alarm.is_suppressed || alarm.is_out_of_service;
        self.phase = match alarm.state.as_str() {
            "normal" | "returned_unacknowledged" => Phase::Over,
            _ if is_hidden => Phase::Hidden,
            "acknowledged" => Phase::Acknowledged,
            _ => Phase::Open,
        };
        self.failure_mode = alarm.failure_mode.to_string();
        self.severity = Some(alarm.severity);
        self.risk = Some(alarm.risk);
        self.state = alarm.state.clone();
        (self.began_at, self.at) = (alarm.raised_at, alarm.measured_at);
    }

    fn take_ticket(&mut self, ticket: &TicketEvent) {
        self.about = About::Ticket;
        self.thread = format!("ticket/{}", ticket.ticket_key);
        (self.phase, self.news) = phase_and_news(&ticket.change);
        self.rating = phase_of_rating(&ticket.change);
        self.failure_mode = ticket.failure_mode.to_string();
        self.priority = Some(ticket.priority);
        self.risk = Some(ticket.risk);
        self.ticket = Some(ticket.ticket);
        self.state = ticket.state.clone();
        self.due_at = ticket.due_at;
        self.by = ticket.by.name().to_owned();
        (self.began_at, self.at) = (ticket.at, ticket.at);
    }
}

impl Note {
    /// For receivers that know a thread as standing or over and nothing else: a bad rating stands by itself, since its ticket may
    /// have been over for long.
    pub fn apart(&self) -> Note {
        match self.rating {
            None => self.clone(),
            Some(phase) => Note {
                thread: format!("{}/rating", self.thread),
                phase,
                ..self.clone()
            },
        }
    }
}

/// How the bad rating of a ticket stands after a change; none: the change is not about one.
fn phase_of_rating(change: &TicketChange) -> Option<Phase> {
    use alerting::ticket::FollowUpCause;
    match change {
        TicketChange::FollowUpTold {
            because: FollowUpCause::BadRating { .. },
            ..
        } => Some(Phase::Open),
        TicketChange::FollowUpAnswered { is_settled: true, .. } => Some(Phase::Over),
        TicketChange::FollowUpTold { .. }
        | TicketChange::FollowUpAnswered { is_settled: false, .. }
        | TicketChange::FollowUpLate => Some(Phase::Changed),
        _ => None,
    }
}

/// How a ticket stands after a change, and what a person said with it.
fn phase_and_news(change: &TicketChange) -> (Phase, String) {
    match change {
        TicketChange::Opened { .. } => (Phase::Open, String::new()),
        TicketChange::Reopened { .. } => (Phase::Reopened, String::new()),
        TicketChange::Stepped { to, note, .. } => (Phase::Acknowledged, joined(to.as_str(), note)),
        TicketChange::Assigned { to, .. } => (Phase::Acknowledged, to.clone().unwrap_or_default()),
        TicketChange::Scheduled { at } => (Phase::Acknowledged, at.to_string()),
        TicketChange::Answered { .. } => (Phase::Acknowledged, String::new()),
        TicketChange::Closed { outcome, note } => {
            use alerting::ticket::Outcome;
            let found = match outcome {
                Outcome::FaultConfirmed(finding) => joined(&finding.cause, &finding.remedy),
                Outcome::DifferentFault { failure_mode, finding } => {
                    joined(failure_mode.as_str(), &joined(&finding.cause, &finding.remedy))
                }
                Outcome::Prevented(finding) => joined("failure prevented", &joined(&finding.cause, &finding.remedy)),
                Outcome::NoFaultFound => "no fault found".to_owned(),
                Outcome::Other { text } => text.clone(),
            };
            (Phase::Over, joined(&found, note))
        }
        TicketChange::Cancelled { reason } => (Phase::Over, reason.clone()),
        TicketChange::Archived => (Phase::Over, String::new()),
        TicketChange::Held { reason, .. } => (Phase::Changed, reason.clone()),
        TicketChange::Commented { text, .. } => (Phase::Changed, text.clone()),
        // its thread there ends; the other ticket's goes on
        TicketChange::MergedInto { ticket } => (Phase::Over, format!("merged into {ticket}")),
        TicketChange::SplitFrom { ticket } => (Phase::Reopened, format!("split from {ticket}")),
        TicketChange::Absorbed { absorbed } => (Phase::Changed, absorbed.ticket.to_string()),
        TicketChange::SplitOff { ticket, .. } => (Phase::Changed, ticket.to_string()),
        TicketChange::Proposed { at, because } => (Phase::Changed, joined(&at.to_string(), &because.to_string())),
        TicketChange::Reclassed { reason, .. } => (Phase::Changed, reason.clone()),
        TicketChange::Told { people, .. } => (Phase::Changed, people.join(", ")),
        TicketChange::FollowUpTold { step, people, .. } => (
            Phase::Changed,
            joined(&format!("bad rating: {}", step.as_str()), &people.join(", ")),
        ),
        TicketChange::FollowUpAnswered { agreed, .. } => (Phase::Changed, agreed.clone()),
        TicketChange::FollowUpLate => (Phase::Changed, "bad rating: not settled in time".to_owned()),
        TicketChange::ClockWarning { due_at, .. } | TicketChange::ClockBreached { due_at, .. } => {
            (Phase::Changed, due_at.map(|at| at.to_string()).unwrap_or_default())
        }
        TicketChange::Merged { alarm } => (Phase::Changed, alarm.to_string()),
        TicketChange::Worked { work } => (Phase::Changed, work.line()),
        TicketChange::Linked { ticket } => (Phase::Changed, ticket.to_string()),
        TicketChange::Resumed | TicketChange::DueAgain { .. } | TicketChange::Upgraded { .. } => {
            (Phase::Changed, String::new())
        }
    }
}

fn joined(first: &str, second: &str) -> String {
    match (first.is_empty(), second.is_empty()) {
        (false, false) => format!("{first}; {second}"),
        (_, true) => first.to_owned(),
        (true, false) => second.to_owned(),
    }
}
