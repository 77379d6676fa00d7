//! A backend with believable content, for tests and for looking at the pages. Keeps everything in memory; commands work.

mod answers;
mod commands;
mod desk;
mod devices;
mod dispatch;
mod knowledge;
mod models;
mod on_call;
mod outbound;
mod stock;
mod storms;
mod topology;
mod work;

use crate::access::notes::Note;
use crate::access::{AccessEffect, AccessOrder, Accounts, Limits, Sight};
use crate::web::StreamEvent;
use crate::web::backend::{
    Actor, AlarmCommand, AlarmQuery, Answer, AuditQuery, Backend, BackendError, DeviceQuery, DrillResult, HistoryQuery,
    IncidentCommand, IncidentQuery, KnowledgeOrder, KnowledgeQuery, LiveReading, ModelCommand, Movement, Order,
    OverridePlan, PartsQuery, ReportFile, Reservation, Slice, StockQuery, TicketCommand, TicketQuery, WatchGuard,
    WindowPlan,
};
use dashboards::figures;
use dashboards::view::*;
use devices::*;
use dispatch::proposed;
use domain::profile::{Profile, Role as MetricRole, shipped};
use domain::text::Text;
use domain::*;
use std::sync::{Arc, Mutex};
use tokio::sync::broadcast;
use work::*;

/// The backend.
#[derive(Clone)]
pub struct Fake {
    state: Arc<Mutex<State>>,
    events: broadcast::Sender<StreamEvent>,
    clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    gate: Arc<tokio::sync::Mutex<()>>,
}

/// Everything it knows.
pub struct State {
    /// Devices, without alarms and tickets.
    pub devices: Vec<Device>,
    /// Alarms.
    pub alarms: Vec<Alarm>,
    /// Tickets.
    pub tickets: Vec<Ticket>,
    /// Incidents, the oldest first.
    pub incidents: Vec<Incident>,
    /// Floods by site.
    pub floods: Vec<SiteStorms>,
    /// Maintenance windows that are not over.
    pub windows: Vec<Window>,
    /// On-call overrides, the oldest first.
    pub overrides: Vec<OnCallOverride>,
    /// Drills that were held, the oldest first.
    pub drills: Vec<DrillHeld>,
    /// The knowledge base.
    pub entries: Vec<Entry>,
    /// Spare parts.
    pub stock: alerting::stock::Stock,
    /// Quarantine.
    pub packets: Vec<QuarantinedPacket>,
    /// Audit trail, oldest first.
    pub audit: Vec<AuditEntry>,
    /// Model versions.
    pub models: Vec<Model>,
    /// Users and tokens.
    pub accounts: Accounts,
    /// Reads, log-ins and refusals that were noted.
    pub notes: Vec<Note>,
    /// Commands carried out.
    pub commands: u64,
    /// Whether it takes readings.
    pub ready: bool,
    /// Watched devices.
    pub watched: Arc<Mutex<Vec<DeviceKey>>>,
}

struct Watch(Arc<Mutex<Vec<DeviceKey>>>, DeviceKey);

impl Drop for Watch {
    fn drop(&mut self) {
        let mut all = self.0.lock().expect("not poisoned");
        let at = all.iter().position(|k| *k == self.1).expect("was added");
        all.swap_remove(at);
    }
}

fn text(en: &str, zh: &str) -> Text {
    Text {
        en: en.into(),
        zh: zh.into(),
    }
}

fn not_found(what: impl std::fmt::Display) -> BackendError {
    BackendError::NotFound { what: what.to_string() }
}

fn conflict(detail: &str) -> BackendError {
    BackendError::Conflict { detail: detail.into() }
}

impl Fake {
    /// With content as of `now()`.
    pub fn new(clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Fake {
        let now = clock();
        Fake {
            state: Arc::new(Mutex::new(state(now))),
            events: broadcast::channel(256).0,
            clock: Arc::new(clock),
            gate: Arc::default(),
        }
    }

    /// Nothing at all, as after the first start.
    pub fn empty(clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Fake {
        let fake = Fake::new(clock);
        fake.with(|s| {
            s.devices.clear();
            s.alarms.clear();
            s.tickets.clear();
            s.incidents.clear();
            s.floods.clear();
            s.windows.clear();
            s.entries.clear();
            s.packets.clear();
            s.audit.clear();
        });
        fake
    }

    /// Looks at or changes what it knows.
    pub fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.state.lock().expect("not poisoned"))
    }

    /// Tells those who listen.
    pub fn tell(&self, event: StreamEvent) {
        let _nobody_may_listen = self.events.send(event);
    }

    /// While it lives, no ticket command is carried out.
    pub async fn hold_commands(&self) -> tokio::sync::OwnedMutexGuard<()> {
        self.gate.clone().lock_owned().await
    }

    /// A device measures something.
    pub fn read(&self, device: &DeviceKey, at: Timestamp, metric: &str, value: f64) {
        let metric = MetricName::new(metric).expect("name");
        let reading = Arc::new(LiveReading {
            at: at.into(),
            values: vec![(metric, value)],
        });
        self.tell(StreamEvent::Reading {
            device: device.clone(),
            reading,
        });
    }

    /// Sends a reading of each watched device.
    #[allow(dead_code)] // only the preview beats
    pub fn beat(&self) {
        let now = self.now();
        let watched = self.with(|s| s.watched.lock().expect("not poisoned").clone());
        for device in watched {
            let values = self.with(|s| {
                let found = s
                    .devices
                    .iter()
                    .find(|d| d.summary.site == device.site && d.summary.device == device.device);
                let metrics = found.map(|d| d.metrics.clone()).unwrap_or_default();
                metrics
                    .iter()
                    .map(|m| (m.name.clone(), value_at(m, &device, now)))
                    .collect()
            });
            let reading = Arc::new(LiveReading { at: now.into(), values });
            self.tell(StreamEvent::Reading { device, reading });
        }
    }

    fn note(&self, actor: &Actor, action: &str, subject: impl std::fmt::Display, detail: &str) {
        let at = self.now().into();
        self.with(|s| {
            s.commands += 1;
            let id = s.audit.len() as u64 + 1;
            s.audit.push(AuditEntry {
                id,
                act: Act {
                    by: actor.name.clone(),
                    at,
                },
                action: action.into(),
                subject: subject.to_string(),
                detail: detail.into(),
            });
        });
    }
}

fn next(state: TicketState) -> Vec<TicketState> {
    TicketState::ALL
        .into_iter()
        .filter(|s| *s > state && !s.is_final())
        .collect()
}

impl State {
    fn summary(&self, device: &Device) -> DeviceSummary {
        let s = &device.summary;
        let own = || {
            self.alarms
                .iter()
                .filter(|a| a.site == s.site && a.device == s.device && a.state != AlarmState::Normal)
        };
        let open = self
            .tickets
            .iter()
            .filter(|t| t.summary.site == s.site && t.summary.device == s.device && !t.summary.state.is_final());
        DeviceSummary {
            severity: own().filter(|a| a.is_active).map(|a| a.severity).max(),
            risk: own().map(|a| a.risk).max(),
            open_alarms: own().count() as u32,
            open_tickets: open.count() as u32,
            ..s.clone()
        }
    }
}

fn check_revision(order: &Order, revision: u64) -> Answer<()> {
    match order.if_revision {
        Some(seen) if seen != revision => Err(BackendError::Changed { revision }),
        Some(_) | None => Ok(()),
    }
}

impl Backend for Fake {
    fn accounts(&self) -> Arc<Accounts> {
        self.with(|s| Arc::new(s.accounts.clone()))
    }

    async fn change_access(&self, _: String, order: AccessOrder) -> Answer<Option<u64>> {
        let now = self.now();
        let done = self.with(|s| s.accounts.step(order, now));
        let effects = done.map_err(|refusal| conflict(&refusal.to_string()))?;
        let token = effects.into_iter().find_map(|effect| match effect {
            AccessEffect::Token(token) => Some(token.id),
            _ => None,
        });
        Ok(token)
    }

    fn note(&self, note: Note) {
        self.with(|s| s.notes.push(note));
    }

    fn sight_of(&self, limits: &Limits) -> Sight {
        Sight::of(limits, &Default::default())
    }

    // what people with limits see is tried against the real one
    fn seen_by(&self, _: Sight) -> Self {
        self.clone()
    }

    fn now(&self) -> Timestamp {
        (self.clock)()
    }

    fn mqtt_address(&self) -> Option<String> {
        Some("127.0.0.1:1883".into())
    }

    async fn counts(&self) -> Answer<FleetCounts> {
        Ok(self.with(|s| FleetCounts {
            devices: s.devices.len() as u32,
            online: s
                .devices
                .iter()
                .filter(|d| d.summary.connectivity == Connectivity::Online)
                .count() as u32,
            active_alarms: s.alarms.iter().filter(|a| a.is_active).count() as u32,
            unacknowledged_alarms: s
                .alarms
                .iter()
                .filter(|a| a.state == AlarmState::Unacknowledged)
                .count() as u32,
            open_tickets: s.tickets.iter().filter(|t| !t.summary.state.is_final()).count() as u32,
            breached_clocks: s
                .tickets
                .iter()
                .flat_map(|t| &t.summary.clocks)
                .filter(|c| matches!(c.state, ClockState::Breached { .. }))
                .count() as u32,
        }))
    }

    async fn sites(&self) -> Answer<Vec<SiteName>> {
        let sites = self.with(|s| {
            s.devices
                .iter()
                .map(|d| d.summary.site.clone())
                .collect::<std::collections::BTreeSet<_>>()
        });
        Ok(sites.into_iter().collect())
    }

    async fn devices(&self, query: DeviceQuery) -> Answer<Page<DeviceSummary>> {
        let mut all: Vec<DeviceSummary> = self.with(|s| s.devices.iter().map(|d| s.summary(d)).collect());
        let wanted = query.text.to_lowercase();
        all.retain(|d| query.site.as_ref().is_none_or(|site| *site == d.site));
        all.retain(|d| {
            format!("{} {} {} {} {}", d.site, d.device, d.profile, d.title.en, d.title.zh)
                .to_lowercase()
                .contains(&wanted)
        });
        all.sort_by(DeviceSummary::attention_order);
        Ok(Page::cut(all, query.slice.cursor.as_deref(), query.slice.limit, |d| {
            format!("{}/{}", d.site, d.device)
        }))
    }

    async fn device(&self, key: DeviceKey) -> Answer<Device> {
        self.with(|s| {
            let found = s
                .devices
                .iter()
                .find(|d| d.summary.site == key.site && d.summary.device == key.device);
            let found = found.ok_or_else(|| not_found(format!("device {key}")))?;
            let alarms = s
                .alarms
                .iter()
                .filter(|a| a.site == key.site && a.device == key.device && a.state != AlarmState::Normal);
            let tickets = s
                .tickets
                .iter()
                .map(|t| &t.summary)
                .filter(|t| t.site == key.site && t.device == key.device);
            Ok(Device {
                summary: s.summary(found),
                alarms: alarms.cloned().collect(),
                tickets: tickets.cloned().collect(),
                ..found.clone()
            })
        })
    }

    async fn history(&self, query: HistoryQuery) -> Answer<History> {
        self.tell_history(query).await
    }

    async fn alarms(&self, query: AlarmQuery) -> Answer<Page<Alarm>> {
        let fits = |a: &&Alarm| {
            query.site.as_ref().is_none_or(|v| *v == a.site)
                && query.device.as_ref().is_none_or(|v| *v == a.device)
                && query.severity.is_none_or(|v| v == a.severity)
                && query.incident.is_none_or(|v| a.incident == Some(format!("I-{v:06}")))
                && query.is_active.is_none_or(|v| v == a.is_active)
                && query.is_shelved.is_none_or(|v| v == a.shelved.is_some())
                && match query.state {
                    Some(state) => a.state == state,
                    None => query.with_normal || a.state != AlarmState::Normal,
                }
        };
        let mut all: Vec<Alarm> = self.with(|s| s.alarms.iter().filter(fits).cloned().collect());
        all.sort_by_key(|a| (std::cmp::Reverse(a.since), a.id.clone()));
        Ok(Page::cut(all, query.slice.cursor.as_deref(), query.slice.limit, |a| {
            a.id.to_string()
        }))
    }

    async fn alarm(&self, id: AlarmId) -> Answer<Alarm> {
        self.with(|s| s.alarms.iter().find(|a| a.id == id).cloned())
            .ok_or_else(|| not_found(format!("alarm {id}")))
    }

    async fn command_alarm(&self, order: Order, id: AlarmId, command: AlarmCommand) -> Answer<Alarm> {
        self.carry_out_on_alarm(order, id, command).await
    }

    async fn incidents(&self, query: IncidentQuery) -> Answer<Page<Incident>> {
        let fits = |i: &&Incident| query.site.as_ref().is_none_or(|v| *v == i.site) && i.is_open() == query.is_open;
        let all: Vec<Incident> = self.with(|s| s.incidents.iter().rev().filter(fits).cloned().collect());
        Ok(Page::cut(all, query.slice.cursor.as_deref(), query.slice.limit, |i| {
            i.id.clone()
        }))
    }

    async fn incident(&self, id: u64) -> Answer<Incident> {
        let id = format!("I-{id:06}");
        self.with(|s| s.incidents.iter().find(|i| i.id == id).cloned())
            .ok_or_else(|| not_found(format!("incident {id}")))
    }

    async fn breaches(&self, _: Timestamp, _: Timestamp) -> Answer<Vec<LedgerLine>> {
        Ok(Vec::new())
    }

    async fn on_call(&self, ahead: Millis) -> Answer<Vec<OnCall>> {
        Ok(self.rotations(ahead))
    }

    async fn overrides(&self) -> Answer<Vec<OnCallOverride>> {
        Ok(self.with(|s| s.overrides.iter().rev().cloned().collect()))
    }

    async fn make_override(&self, order: Order, plan: OverridePlan) -> Answer<OnCallOverride> {
        self.take_the_call(&order, plan)
    }

    async fn end_override(&self, order: Order, id: u64) -> Answer<OnCallOverride> {
        self.give_the_call_back(&order, id)
    }

    async fn drills(&self) -> Answer<Drills> {
        let now = self.now();
        Ok(self.with(|s| Drills {
            now: now.into(),
            speed: 1.0,
            kinds: vec![DrillKind {
                kind: "device fault".to_owned(),
                scenario: "device_fault".to_owned(),
                last_at: s.drills.last().map(|held| held.at),
                was_good: s.drills.last().map(|held| held.is_good),
            }],
            next: "device_fault".to_owned(),
            due_by: (now + Millis::days(30)).into(),
            is_due: s.drills.is_empty(),
            held: s.drills.clone(),
        }))
    }

    async fn drill_notices(&self, _site: Option<String>) -> Answer<Vec<DrillNotice>> {
        Ok(Vec::new())
    }

    async fn record_drill(&self, actor: Actor, drill: DrillResult) -> Answer<DrillHeld> {
        let held = DrillHeld {
            at: drill.began_at.into(),
            kind: drill.kind,
            scenario: drill.scenario,
            is_good: drill.is_good,
            by: actor.name,
            conclusion: drill.conclusion,
        };
        self.with(|s| s.drills.push(held.clone()));
        Ok(held)
    }

    async fn reports(&self) -> Answer<Vec<MonthlyReport>> {
        Ok(Vec::new())
    }

    async fn report(&self, _month: String) -> Answer<Option<ReportFile>> {
        Ok(None)
    }

    async fn review(&self, from: Timestamp, until: Timestamp) -> Answer<Review> {
        let numbers = figures::Numbers {
            repeat_days: 30,
            call_back_hours: 24,
            good_rating: 4,
            satisfied: 0.9,
            repeat_repair: 0.05,
            answered: 1.0,
            called_back: 1.0,
            in_time: 1.0,
            complaints: 1.0,
        };
        let half = |kind| Figure::of(kind, Some(0.5), Some(1), Some(2)).filled(&numbers);
        Ok(Review {
            from: from.into(),
            until: until.into(),
            figures: figures::ALL.iter().map(half).collect(),
            by_mode: Vec::new(),
            by_rule: Vec::new(),
            by_model: Vec::new(),
            rules: vec![desk::a_rule()],
            clocks: Vec::new(),
            faults: vec![desk::a_fault()],
            frequent: Vec::new(),
            without_warning: vec!["harbour/pump-1/device_fault/1".into()],
            suggestions: vec![Suggestion {
                profile: "pump".into(),
                rule: "vibration_zone".into(),
                right: 12,
                false_alarms: 5,
                limit: Some(1.6),
                suggested_limit: Some(1.8),
                spared: Some(2),
                text: Text {
                    en: "limit 1.6 → 1.8".into(),
                    zh: "限值 1.6 → 1.8".into(),
                },
            }],
            is_cut: false,
        })
    }

    async fn command_incident(&self, order: Order, id: u64, command: IncidentCommand) -> Answer<Incident> {
        let at = self.now().into();
        self.with(|s| storms::respond(&mut s.incidents, id, command, order.actor.name, at))
    }

    async fn floods(&self) -> Answer<Vec<SiteStorms>> {
        Ok(self.with(|s| s.floods.clone()))
    }

    async fn topology(&self) -> Answer<Vec<SiteNode>> {
        Ok(self.with(|s| topology::sites(s)))
    }

    async fn site_topology(&self, site: SiteName, slice: Slice) -> Answer<Page<TreeNode>> {
        let tree = self.with(|s| topology::tree(s, &site));
        if tree.is_empty() {
            let what = format!("site {site}");
            return Err(BackendError::NotFound { what });
        }
        Ok(Page::cut(tree, slice.cursor.as_deref(), slice.limit, |node| {
            node.summary.device.to_string()
        }))
    }

    async fn search_knowledge(&self, query: KnowledgeQuery) -> Answer<EntryList> {
        Ok(self.find_entries(&query))
    }

    async fn entry(&self, id: u64) -> Answer<Entry> {
        self.find_entry(id)
    }

    async fn change_knowledge(&self, order: Order, wish: KnowledgeOrder) -> Answer<Entry> {
        self.write_knowledge(&order, wish)
    }

    async fn knowledge_of_ticket(&self, id: TicketId) -> Answer<Vec<Entry>> {
        self.ticket(id).await.map(|_| self.with(|s| s.entries.clone()))
    }

    async fn knowledge_of_alarm(&self, id: AlarmId) -> Answer<Vec<Entry>> {
        self.alarm(id).await.map(|_| self.with(|s| s.entries.clone()))
    }

    async fn windows(&self) -> Answer<Vec<Window>> {
        Ok(self.with(|s| s.windows.clone()))
    }

    async fn parts(&self, query: PartsQuery) -> Answer<Page<StockPart>> {
        self.parts_page(query).await
    }

    async fn stock(&self, query: StockQuery) -> Answer<Page<StockLevel>> {
        self.stock_page(query).await
    }

    async fn stock_forecast(&self, query: PartsQuery) -> Answer<Page<PartForecast>> {
        self.forecast_page(query).await
    }

    async fn book_stock(&self, order: Order, movement: Movement, _: String) -> Answer<Vec<StockLevel>> {
        self.book_a_movement(order, movement).await
    }

    async fn reserve_parts(&self, order: Order, ticket: TicketId, reservation: Reservation) -> Answer<Ticket> {
        self.reserve_for(order, ticket, reservation).await
    }

    async fn plan_window(&self, order: Order, plan: WindowPlan) -> Answer<Window> {
        self.plan_a_window(order, plan).await
    }

    async fn end_window(&self, order: Order, id: u64, reason: String) -> Answer<Window> {
        self.end_a_window(order, id, reason).await
    }

    async fn tickets(&self, query: TicketQuery) -> Answer<Page<TicketSummary>> {
        let fits = |t: &&TicketSummary| {
            query.site.as_ref().is_none_or(|v| *v == t.site)
                && query.device.as_ref().is_none_or(|v| *v == t.device)
                && query.state.is_none_or(|v| v == t.state)
                && query.is_open.is_none_or(|v| v != t.state.is_final())
                && query.follow_up.is_none_or(|v| v == t.follow_up.is_some())
        };
        let mut all: Vec<TicketSummary> =
            self.with(|s| s.tickets.iter().map(|t| &t.summary).filter(fits).cloned().collect());
        let due = |t: &TicketSummary| {
            t.clocks
                .iter()
                .filter(|c| matches!(c.state, ClockState::Running | ClockState::Breached { .. }))
                .filter_map(|c| c.due_at)
                .min()
        };
        all.sort_by_key(|t| {
            (
                t.class != TicketClass::Emergency,
                due(t).map_or(i64::MAX, |at| at.0.0),
                t.id.clone(),
            )
        });
        Ok(Page::cut(all, query.slice.cursor.as_deref(), query.slice.limit, |t| {
            t.id.clone()
        }))
    }

    async fn ticket(&self, id: TicketId) -> Answer<Ticket> {
        let name = id.to_string();
        self.with(|s| s.tickets.iter().find(|t| t.summary.id == name).cloned())
            .ok_or_else(|| not_found(format!("ticket {id}")))
    }

    async fn proposals(&self, id: TicketId) -> Answer<Vec<Proposal>> {
        Ok(proposed(&self.ticket(id).await?.summary.id))
    }

    async fn report_fault(
        &self,
        order: Order,
        device: DeviceKey,
        report: crate::web::backend::Report,
    ) -> Answer<Ticket> {
        self.open(&order, &device, report)
    }

    async fn attach(&self, order: Order, id: TicketId, file: crate::web::backend::NewFile) -> Answer<Ticket> {
        self.add_file(order, id, file).await
    }

    async fn file(&self, id: TicketId, entry: u32) -> Answer<crate::web::backend::NewFile> {
        let ticket = self.ticket(id).await?;
        let file = ticket.work.files.into_iter().find(|f| f.entry == entry);
        let file = file.ok_or_else(|| not_found(format!("file {entry}")))?;
        Ok(crate::web::backend::NewFile {
            name: file.name,
            content_type: file.content_type,
            content: b"content".to_vec(),
        })
    }

    async fn service_report(&self, id: TicketId) -> Answer<ServiceReport> {
        Ok(self.sheet(self.ticket(id).await?))
    }

    async fn command_ticket(&self, order: Order, id: TicketId, command: TicketCommand) -> Answer<Ticket> {
        self.carry_out_on_ticket(order, id, command).await
    }

    async fn quarantine(&self, slice: Slice) -> Answer<Page<QuarantinedPacket>> {
        let all = self.with(|s| s.packets.clone());
        Ok(Page::cut(all, slice.cursor.as_deref(), slice.limit, |p| {
            p.id.to_string()
        }))
    }

    async fn quarantined(&self, id: u64) -> Answer<QuarantinedPacket> {
        self.with(|s| s.packets.iter().find(|p| p.id == id).cloned())
            .ok_or_else(|| not_found(format!("packet {id}")))
    }

    async fn replay(&self, actor: Actor, id: Option<u64>) -> Answer<Replayed> {
        if let Some(id) = id {
            self.quarantined(id).await?;
        }
        let before = self.with(|s| s.packets.iter().filter(|p| id.is_none_or(|id| p.id == id)).count() as u64);
        // The one with a time in seconds is understood after a fix of the profile.
        self.with(|s| s.packets.retain(|p| !(p.id == 2 && id.is_none_or(|id| id == 2))));
        let after = self.with(|s| s.packets.iter().filter(|p| id.is_none_or(|id| p.id == id)).count() as u64);
        self.note(
            &actor,
            "quarantine.replay",
            id.map_or("all".into(), |id| id.to_string()),
            "",
        );
        Ok(Replayed {
            accepted: before - after,
            refused: after,
        })
    }

    async fn discard(&self, actor: Actor, id: u64) -> Answer<QuarantinedPacket> {
        let gone = self.quarantined(id).await?;
        self.with(|s| s.packets.retain(|p| p.id != id));
        self.note(&actor, "quarantine.discard", id, "");
        Ok(gone)
    }

    async fn receivers(&self) -> Answer<Vec<Receiver>> {
        Ok(outbound::receivers())
    }

    async fn try_receiver(&self, actor: Actor, name: String) -> Answer<Tried> {
        let tried = outbound::tried(&name)?;
        self.note(&actor, "receiver.tried", name, &tried.said);
        Ok(tried)
    }

    async fn dead_letters(&self, slice: Slice) -> Answer<Page<DeadLetter>> {
        let all = outbound::dead(self.now());
        Ok(Page::cut(all, slice.cursor.as_deref(), slice.limit, |d| {
            d.id.to_string()
        }))
    }

    async fn resend(&self, actor: Actor, id: u64) -> Answer<DeadLetter> {
        let found = outbound::dead(self.now()).into_iter().find(|d| d.id == id);
        let letter = found.ok_or_else(|| not_found(format!("delivery {id} that was given up")))?;
        self.note(&actor, "delivery.resent", &letter.target, &letter.key);
        Ok(letter)
    }

    async fn hear(&self, receiver: String, secret: String, _: serde_json::Value) -> Answer<Heard> {
        match (receiver.as_str(), secret.as_str()) {
            ("jira", outbound::SECRET) => Ok(Heard {
                done: "closed".to_owned(),
            }),
            (_, _) => Err(not_found("receiver with this secret".to_owned())),
        }
    }

    async fn health(&self) -> Answer<SystemHealth> {
        self.tell_health().await
    }

    async fn models(&self) -> Answer<Vec<Model>> {
        Ok(self.with(|s| s.models.clone()))
    }

    async fn model(&self, version: ModelVersion) -> Answer<ModelDetail> {
        let found = self.with(|s| s.models.iter().find(|m| m.model == version.as_str()).cloned());
        found
            .map(models::detail)
            .ok_or_else(|| not_found(format!("model {version}")))
    }

    async fn add_model(&self, actor: Actor, content: Vec<u8>) -> Answer<ModelDetail> {
        let model = models::added(&actor, &content, self.now())?;
        self.note(&actor, "model.added", &model.model, "");
        self.with(|s| s.models.push(model.clone()));
        Ok(models::detail(model))
    }

    async fn command_model(&self, actor: Actor, version: ModelVersion, command: ModelCommand) -> Answer<ModelDetail> {
        let mut model = self.model(version.clone()).await?.model;
        models::command(&mut model, &actor, command, self.now())?;
        self.note(&actor, "model.changed", &version, "");
        self.with(|s| {
            s.models.retain(|m| m.model != model.model);
            s.models.push(model.clone());
        });
        Ok(models::detail(model))
    }

    async fn audit(&self, query: AuditQuery) -> Answer<Page<AuditEntry>> {
        let mut all: Vec<AuditEntry> = self.with(|s| s.audit.iter().rev().cloned().collect());
        all.retain(|line| {
            query.from.is_none_or(|from| line.act.at.0 >= from)
                && query.to.is_none_or(|to| line.act.at.0 < to)
                && query.actor.as_ref().is_none_or(|actor| line.act.by == *actor)
                && query.subject.as_ref().is_none_or(|subject| line.subject == *subject)
        });
        let slice = query.slice;
        Ok(Page::cut(all, slice.cursor.as_deref(), slice.limit, |e| {
            e.id.to_string()
        }))
    }

    fn metrics(&self) -> String {
        "# TYPE forewarn_messages_total counter\nforewarn_messages_total{outcome=\"stored\"} 12\n".into()
    }

    fn subscribe(&self) -> broadcast::Receiver<StreamEvent> {
        self.events.subscribe()
    }

    fn watch(&self, device: &DeviceKey) -> WatchGuard {
        let watched = self.with(|s| s.watched.clone());
        watched.lock().expect("not poisoned").push(device.clone());
        Box::new(Watch(watched, device.clone()))
    }
}
