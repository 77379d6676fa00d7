//! Storms in the book: which alarms are one incident, what people are told of it, and what is told as a summary.
//!
//! Alarms themselves are not touched by any of this: each stands in the list, with the incident that it is part of.

use super::alarms::Telling;
use super::{Book, ModeKey, Subject};
use crate::alarm::{AlarmReason, AlarmTransition, SuppressionCause};
use crate::effect::{AuditEntry, Background, Effect, Message, Outgoing};
use crate::record::AlarmRecord;
use crate::storm::{
    IncidentCause, IncidentId, IncidentRecord, IncidentState, MAX_EXAMPLES, NoticeWeight, SiteNotices, Summary,
};
use crate::ticket::{Actor, TicketChange, TicketState, WorkStep};
use domain::text::Text;
use domain::{AlarmId, DeviceKey, Severity, SiteName, Timestamp, Topology};
use std::collections::{BTreeMap, BTreeSet};

/// Incidents that are not over, and what people were told.
#[derive(Debug, Clone, Default)]
pub(super) struct Storms {
    incidents: BTreeMap<IncidentId, IncidentRecord>,
    last_incident: u64,
    by_cause: BTreeMap<IncidentCause, IncidentId>,
    /// Alarms that may be the beginning of an incident, by when they began to show.
    beginnings: BTreeMap<IncidentCause, BTreeMap<Timestamp, BTreeSet<ModeKey>>>,
    /// Incidents that changed in this step.
    changed: BTreeSet<IncidentId>,
    notices: BTreeMap<SiteName, SiteNotices>,
}

/// A cause that an alarm may be the beginning of, when it began to show, and which alarm.
pub(super) type Beginning = (IncidentCause, Timestamp, ModeKey);

/// The incident in which an alarm stands.
pub(super) fn membership(alarm: &AlarmRecord) -> Option<IncidentId> {
    alarm.incident.filter(|_| alarm.life.state.is_active())
}

impl Storms {
    pub(super) fn new(last_incident: u64) -> Self {
        Storms {
            last_incident,
            ..Storms::default()
        }
    }

    pub(super) fn incidents(&self) -> impl Iterator<Item = &IncidentRecord> {
        self.incidents.values()
    }

    pub(super) fn last_incident(&self) -> u64 {
        self.last_incident
    }

    pub(super) fn notices(&self) -> impl Iterator<Item = &SiteNotices> {
        self.notices.values()
    }

    /// Moves an alarm in the index of beginnings.
    pub(super) fn index(&mut self, from: Option<Beginning>, to: Option<Beginning>) {
        if from == to {
            return;
        }
        if let Some((cause, at, key)) = from
            && let Some(times) = self.beginnings.get_mut(&cause)
        {
            if let Some(keys) = times.get_mut(&at) {
                keys.remove(&key);
                if keys.is_empty() {
                    times.remove(&at);
                }
            }
            if times.is_empty() {
                self.beginnings.remove(&cause);
            }
        }
        if let Some((cause, at, key)) = to {
            self.beginnings
                .entry(cause)
                .or_default()
                .entry(at)
                .or_default()
                .insert(key);
        }
    }

    /// An alarm stands, or stands no longer, in an incident.
    pub(super) fn moved(&mut self, from: Option<IncidentId>, to: Option<IncidentId>) {
        if from == to {
            return;
        }
        if let Some(incident) = from.and_then(|id| self.incidents.get_mut(&id)) {
            incident.standing = incident.standing.saturating_sub(1);
            self.changed.insert(incident.id);
        }
        if let Some(incident) = to.and_then(|id| self.incidents.get_mut(&id)) {
            incident.standing = incident.standing.saturating_add(1);
            self.changed.insert(incident.id);
        }
    }

    fn is_open(&self, id: IncidentId) -> bool {
        self.incidents.get(&id).is_some_and(IncidentRecord::is_open)
    }

    /// Makes an alarm a member.
    fn admit(&mut self, id: IncidentId, alarm: &mut AlarmRecord, topology: &Topology) {
        let Some(incident) = self.incidents.get_mut(&id) else {
            return;
        };
        alarm.incident = Some(id);
        let suspects = topology.suspects(&alarm.device);
        match incident.members {
            0 => incident.suspects = suspects,
            _ => incident.suspects.retain(|machine| suspects.contains(machine)),
        }
        incident.members = incident.members.saturating_add(1);
        incident.began_at = incident.began_at.min(alarm.showed_at);
        incident.grew_at = incident.grew_at.max(alarm.showed_at);
        incident.severity = incident.severity.max(alarm.life.severity);
        incident.risk = incident.risk.max(alarm.risk.level);
        if incident.first.len() < MAX_EXAMPLES {
            incident.first.push(alarm.id.clone());
        }
        self.changed.insert(id);
    }
}

impl Book {
    pub(super) fn restore_storms(&mut self, incidents: Vec<IncidentRecord>, notices: Vec<SiteNotices>) {
        for incident in incidents {
            self.storms.last_incident = self.storms.last_incident.max(incident.id.0);
            self.keep_incident(incident);
        }
        for notices in notices {
            self.keep_site(notices);
        }
    }

    /// Whether an alarm that changes is part of an incident; called before anything is decided about its ticket.
    pub(super) fn join_incident(
        &mut self,
        alarm: &mut AlarmRecord,
        reason: &AlarmReason,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) {
        let is_raised = matches!(reason, AlarmReason::Raised { .. } | AlarmReason::RaisedAgain { .. });
        let is_suppressed = matches!(reason, AlarmReason::Suppressed { .. });
        let is_shown = matches!(reason, AlarmReason::SuppressionEnded);
        if !is_raised && !is_suppressed && !is_shown {
            return;
        }
        if alarm.incident.is_some_and(|id| is_shown || !self.storms.is_open(id)) {
            alarm.incident = None;
        }
        if let (Some(id), Some(parent)) = (alarm.incident, hanging_on(alarm)) {
            let is_its_cause = self.trace_to(id, &alarm.id, parent);
            alarm.incident = is_its_cause.then_some(id);
        }
        if alarm.incident.is_some() || is_shown || !alarm.life.state.is_active() {
            return;
        }
        if let Some(parent) = hanging_on(alarm) {
            let cause = IncidentCause::ParentDown { parent: parent.clone() };
            let id = self
                .open_by(&cause, alarm)
                .unwrap_or_else(|| self.open_incident(cause, alarm, now));
            self.storms.admit(id, alarm, &self.policy.topology);
        } else if is_raised && let Some(cause) = self.beginning_of(alarm) {
            if let Some(id) = self.open_by(&cause, alarm) {
                self.storms.admit(id, alarm, &self.policy.topology);
            } else {
                self.find_common_cause(cause, alarm, now, out);
            }
        }
    }

    /// A machine above a member is down: whether the incident comes from that. One of which every member hangs on it turns out
    /// to, unless there is one already; any other goes on without the member.
    fn trace_to(&mut self, id: IncidentId, member: &AlarmId, parent: &DeviceKey) -> bool {
        let cause = IncidentCause::ParentDown { parent: parent.clone() };
        let known = self.storms.by_cause.get(&cause).copied();
        let ticket = self.ticket_on(parent);
        let Some(incident) = self.storms.incidents.get_mut(&id) else {
            return false;
        };
        if known == Some(id) {
            return true;
        }
        if known.is_some() || !incident.suspects.contains(parent) {
            // it never came from this one; nobody is well again because of that
            incident.members = incident.members.saturating_sub(1);
            incident.first.retain(|alarm| alarm != member);
            incident.told = match incident.told {
                Some((at, members)) if incident.members > 0 => Some((at, members.min(incident.members))),
                Some(_) | None => None,
            };
            return false;
        }
        let earlier = std::mem::replace(&mut incident.cause, cause.clone());
        incident.title = parent_title(parent);
        incident.ticket = incident.ticket.or(ticket);
        if self.storms.by_cause.get(&earlier) == Some(&id) {
            self.storms.by_cause.remove(&earlier);
        }
        self.storms.by_cause.insert(cause, id);
        self.storms.changed.insert(id);
        true
    }

    /// The open incident of a cause, if it takes the alarm in.
    fn open_by(&self, cause: &IncidentCause, alarm: &AlarmRecord) -> Option<IncidentId> {
        let incident = self.storms.incidents.get(self.storms.by_cause.get(cause)?)?;
        incident
            .takes_in(alarm.showed_at, &self.policy.storms)
            .then_some(incident.id)
    }

    /// The common cause that an alarm may be the beginning of: it stands in sight and is no danger to people, of which each
    /// is told by itself.
    fn beginning_of(&self, alarm: &AlarmRecord) -> Option<IncidentCause> {
        let counts = alarm.life.state.is_active()
            && !alarm.life.is_hidden()
            && alarm.incident.is_none()
            && !alarm.facts.is_safety
            && self.policy.storms.common_cause_machines.is_some();
        counts.then(|| IncidentCause::CommonMode {
            site: alarm.device.site.clone(),
            mode: alarm.failure_mode.clone(),
        })
    }

    /// The place in the index of alarms that may be the beginning of an incident.
    pub(super) fn beginning(&self, alarm: &AlarmRecord) -> Option<Beginning> {
        let key = (alarm.device.clone(), alarm.failure_mode.clone());
        self.beginning_of(alarm).map(|cause| (cause, alarm.showed_at, key))
    }

    /// Opens an incident if enough machines show the same within the span.
    fn find_common_cause(
        &mut self,
        cause: IncidentCause,
        alarm: &mut AlarmRecord,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) {
        let others = self.others_near(&cause, alarm);
        if self
            .policy
            .storms
            .common_cause_machines
            .is_none_or(|n| others.len() + 1 < n)
        {
            return;
        }
        let id = self.open_incident(cause, alarm, now);
        for key in &others {
            if let Some(mut other) = self.alarms.get(key).cloned() {
                self.storms.admit(id, &mut other, &self.policy.topology);
                self.note(other, AlarmReason::JoinedIncident { incident: id }, now, out);
            }
        }
        self.storms.admit(id, alarm, &self.policy.topology);
        if self.policy.storms.is_one_ticket(&alarm.failure_mode) {
            self.keep_one_ticket(id, &others, now, out);
        }
    }

    /// Other machines that began to show the same shortly before or after, and still do, the earliest first.
    fn others_near(&self, cause: &IncidentCause, alarm: &AlarmRecord) -> Vec<ModeKey> {
        let (at, within) = (alarm.showed_at, self.policy.storms.common_cause_within);
        let Some(known) = self.storms.beginnings.get(cause) else {
            return Vec::new();
        };
        let near = known.range(at - within..=at + within).flat_map(|(_, keys)| keys);
        near.filter(|(device, _)| *device != alarm.device).cloned().collect()
    }

    fn open_incident(&mut self, cause: IncidentCause, alarm: &AlarmRecord, now: Timestamp) -> IncidentId {
        self.storms.last_incident += 1;
        let id = IncidentId(self.storms.last_incident);
        let (title, site, ticket) = match &cause {
            IncidentCause::ParentDown { parent } => (parent_title(parent), parent.site.clone(), self.ticket_on(parent)),
            IncidentCause::CommonMode { site, .. } => (common_title(&alarm.facts.title, site), site.clone(), None),
        };
        self.keep_incident(IncidentRecord {
            id,
            site,
            cause,
            title,
            suspects: Vec::new(),
            state: IncidentState::Open,
            members: 0,
            standing: 0,
            first: Vec::new(),
            severity: alarm.life.severity,
            risk: alarm.risk.level,
            ticket,
            response: None,
            opened_at: now,
            began_at: alarm.showed_at,
            grew_at: alarm.showed_at,
            told: None,
            changed_at: now,
            revision: 0,
        });
        id
    }

    /// The first ticket of the members serves all of them; others that nobody has begun with are taken back.
    fn keep_one_ticket(&mut self, id: IncidentId, members: &[ModeKey], now: Timestamp, out: &mut Vec<Effect>) {
        let mut tickets: Vec<_> = members.iter().filter_map(|(d, m)| self.open_ticket_of(d, m)).collect();
        tickets.sort();
        let mut tickets = tickets.into_iter();
        let Some(kept) = tickets.next() else {
            return;
        };
        if let Some(incident) = self.storms.incidents.get_mut(&id) {
            incident.ticket = Some(kept);
        }
        for other in tickets {
            let is_untouched = self.tickets.get(&other).is_some_and(|ticket| {
                let is_new = matches!(
                    ticket.state,
                    TicketState::Open {
                        step: WorkStep::Reported
                    }
                );
                is_new && ticket.assignee.is_none()
            });
            if is_untouched {
                let reason = format!("part of {id}; {kept} serves it");
                self.change_ticket(other, TicketChange::Cancelled { reason }, Actor::System, now, out);
            }
        }
    }

    /// At the end of a step: what has changed about incidents is decided and written down once.
    pub(super) fn settle_incidents(&mut self, now: Timestamp, out: &mut Vec<Effect>) {
        while let Some(id) = self.storms.changed.pop_first() {
            let Some(mut incident) = self.storms.incidents.get(&id).cloned() else {
                continue;
            };
            let is_easing = self.is_easing(&incident);
            incident.state = match incident.state {
                IncidentState::Open | IncidentState::Easing { .. } if incident.standing == 0 => {
                    IncidentState::Over { at: now }
                }
                IncidentState::Open if is_easing => IncidentState::Easing {
                    until: now + self.policy.storms.interval,
                },
                IncidentState::Easing { .. } if !is_easing => IncidentState::Open,
                state @ (IncidentState::Open | IncidentState::Easing { .. } | IncidentState::Over { .. }) => state,
            };
            self.change_incident(incident, now, out);
        }
    }

    /// Whether what an incident comes from seems to be gone: the parent is up again, or half of the members are well.
    fn is_easing(&self, incident: &IncidentRecord) -> bool {
        match &incident.cause {
            IncidentCause::CommonMode { .. } => incident.standing * 2 <= incident.members,
            IncidentCause::ParentDown { parent } => !self.is_down(parent),
        }
    }

    /// An incident's deadline has come: it is told, or over.
    pub(super) fn wake_incident(&mut self, id: IncidentId, now: Timestamp, out: &mut Vec<Effect>) {
        let Some(mut incident) = self.storms.incidents.get(&id).cloned() else {
            return;
        };
        if matches!(incident.state, IncidentState::Easing { until } if until <= now) {
            incident.state = match self.is_easing(&incident) {
                true => IncidentState::Over { at: now },
                false => IncidentState::Open,
            };
        }
        let is_over = !incident.is_open();
        self.change_incident(incident, now, out);
        if is_over {
            self.release_members(id, now, out);
        }
    }

    /// Who still stands has a trouble of its own, and is told and assessed like any other.
    fn release_members(&mut self, id: IncidentId, now: Timestamp, out: &mut Vec<Effect>) {
        let standing: Vec<_> = self
            .alarms
            .values()
            .filter(|a| membership(a) == Some(id))
            .cloned()
            .collect();
        for mut alarm in standing {
            alarm.incident = None;
            let reason = AlarmReason::LeftIncident { incident: id };
            let effects = alarm.life.effects(&reason, alarm.life.is_hidden());
            let telling = Telling {
                actor: Actor::System,
                is_muted: false,
            };
            self.write_down(alarm, AlarmTransition { reason, effects }, telling, now, out);
        }
    }

    /// Tells what there is to tell, numbers the change, keeps it.
    pub(super) fn change_incident(&mut self, mut incident: IncidentRecord, now: Timestamp, out: &mut Vec<Effect>) {
        let (is_new, is_over) = (incident.revision == 0, !incident.is_open());
        let event = incident.due(&self.policy.storms, now);
        incident.revision = incident.revision.saturating_add(1);
        incident.changed_at = now;
        if incident.is_open() {
            self.grade_event(&mut incident);
        }
        if let Some(event) = event {
            incident.told = Some((now, incident.members));
            out.push(self.incident_notice(&incident, event, now));
        }
        if incident.is_open() {
            self.tell_late(&mut incident, now, out);
        }
        out.push(Effect::IncidentChanged {
            record: Box::new(incident.clone()),
        });
        if is_new || is_over {
            out.push(Effect::Audit(AuditEntry {
                at: now,
                actor: Actor::System,
                action: format!("incident.{}", if is_over { "over" } else { "opened" }),
                subject: incident.id.to_string(),
                detail: format!("{}; {} alarms so far", incident.title.en, incident.members),
            }));
        }
        self.keep_incident(incident);
    }

    /// Puts an incident in its place, or forgets it when it is over, and moves its deadline.
    fn keep_incident(&mut self, incident: IncidentRecord) {
        let id = incident.id;
        self.set_deadline(Subject::Incident(id), incident.next_deadline(&self.policy.storms));
        if incident.is_open() {
            // a newer one of the same cause takes in what shows now
            let newest = self.storms.by_cause.entry(incident.cause.clone()).or_insert(id);
            *newest = id.max(*newest);
            self.storms.incidents.insert(id, incident);
        } else {
            if self.storms.by_cause.get(&incident.cause) == Some(&id) {
                self.storms.by_cause.remove(&incident.cause);
            }
            self.storms.incidents.remove(&id);
        }
    }

    /// An alarm was announced in the list: it counts for a flood.
    pub(super) fn count_announced(&mut self, site: &SiteName, now: Timestamp, out: &mut Vec<Effect>) {
        let mut notices = self.site(site);
        if notices.alarm(&self.policy.storms, now) {
            out.push(flood_line(
                site,
                "began",
                "more alarms than one person can answer".into(),
                now,
            ));
        }
        self.keep_site(notices);
    }

    /// At the end of a step: notices beyond the limit are held for a summary. An alarm and its ticket are one notice.
    pub(super) fn limit_notices(&mut self, now: Timestamp, out: &mut Vec<Effect>) {
        let mut given: BTreeMap<Option<DeviceKey>, bool> = BTreeMap::new();
        let mut sites = BTreeSet::new();
        for effect in out.iter_mut() {
            let Effect::Publish(message) = effect else {
                continue;
            };
            let Some(weight) = message
                .notice
                .filter(|_| !matches!(message.content, Outgoing::Summary(_) | Outgoing::Parts(_)))
            else {
                continue; // a summary was counted when it was made; parts are told once a day at most
            };
            let mut notices = self.site(&message.site);
            let is_single = message.device.is_some();
            let known = given.get(&message.device).copied().filter(|_| is_single);
            let is_given = known.unwrap_or_else(|| {
                let is_given = notices.may_give(weight, &self.policy.storms, now);
                if !is_given {
                    notices.hold(&subject_of(message), severity_of(message), now);
                }
                is_given
            });
            if !is_given {
                message.notice = None;
            }
            given.insert(message.device.clone(), is_given);
            sites.insert(message.site.clone());
            self.keep_site(notices);
        }
        for effect in out.iter() {
            if let Effect::AlarmChanged { record, .. } = effect {
                sites.insert(record.device.site.clone());
            }
        }
        for site in sites {
            if let Some(record) = self.storms.notices.get(&site).cloned() {
                out.push(Effect::NoticesChanged {
                    record: Box::new(record),
                });
            }
        }
    }

    /// A site's deadline has come: a summary is due, or a flood over.
    pub(super) fn wake_site(&mut self, site: &SiteName, now: Timestamp, out: &mut Vec<Effect>) {
        let mut notices = self.site(site);
        if let Some(flood) = notices.end_flood(&self.policy.storms, now) {
            let detail = format!("{} alarms since {}", flood.alarms, flood.from);
            out.push(flood_line(site, "ended", detail, now));
        }
        if let Some(summary) = notices.sum_up(&self.policy.storms, now) {
            out.push(Effect::Publish(Box::new(Message {
                key: format!("summary/{site}/{}", summary.number),
                site: site.clone(),
                device: None,
                notice: Some(NoticeWeight::Summary),
                about: about_summary(&summary),
                content: Outgoing::Summary(summary),
            })));
        }
        let record = Box::new(notices.clone());
        self.keep_site(notices);
        out.push(Effect::NoticesChanged { record });
    }

    fn site(&self, site: &SiteName) -> SiteNotices {
        let known = self.storms.notices.get(site).cloned();
        known.unwrap_or_else(|| SiteNotices::new(site.clone()))
    }

    fn keep_site(&mut self, notices: SiteNotices) {
        let at = notices.next_deadline(&self.policy.storms);
        self.set_deadline(Subject::Site(notices.site.clone()), at);
        self.storms.notices.insert(notices.site.clone(), notices);
    }
}

/// The machine that an alarm hangs on and that is down.
fn hanging_on(alarm: &AlarmRecord) -> Option<&DeviceKey> {
    match &alarm.life.suppression.as_ref()?.cause {
        SuppressionCause::ParentDown { parent } => Some(parent),
        SuppressionCause::FirstUp { .. } | SuppressionCause::Commissioning { .. } => None,
    }
}

fn parent_title(parent: &DeviceKey) -> Text {
    Text {
        en: format!("{} is down, and others hang on it", parent.device),
        zh: format!("{}停机，影响下级设备", parent.device),
    }
}

fn common_title(mode: &Text, site: &SiteName) -> Text {
    use domain::text::Language::{En, Zh};
    Text {
        en: format!("{} on many machines of {site}", mode.get(En)),
        zh: format!("{site}多台设备同时出现：{}", mode.get(Zh)),
    }
}

fn about_summary(summary: &Summary) -> Background {
    Background {
        title: Text {
            en: format!("{} more notices", summary.held.count),
            zh: format!("另有{}条通知", summary.held.count),
        },
        severity: summary.held.worst,
        ..Background::default()
    }
}

fn flood_line(site: &SiteName, what: &str, detail: String, at: Timestamp) -> Effect {
    Effect::Audit(AuditEntry {
        at,
        actor: Actor::System,
        action: format!("flood.{what}"),
        subject: site.to_string(),
        detail,
    })
}

fn subject_of(message: &Message) -> String {
    match &message.content {
        Outgoing::Alarm(alarm) => alarm.alarm_id.to_string(),
        Outgoing::Service(service) => service.ticket.to_string(),
        Outgoing::Ticket(ticket) => ticket.ticket.to_string(),
        Outgoing::Incident(incident) => incident.incident.to_string(),
        Outgoing::Summary(summary) => format!("{}/{}", summary.site, summary.number),
        Outgoing::Parts(_) => "parts".to_owned(),
    }
}

fn severity_of(message: &Message) -> Option<Severity> {
    match &message.content {
        Outgoing::Alarm(alarm) => Some(alarm.severity),
        Outgoing::Incident(incident) => Some(incident.severity),
        Outgoing::Service(_) | Outgoing::Ticket(_) | Outgoing::Summary(_) | Outgoing::Parts(_) => None,
    }
}
