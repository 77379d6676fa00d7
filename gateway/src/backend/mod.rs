//! What pages and API ask, answered over the running gateway: lists from the state store, live values from the shards,
//! recorded ones from history, counters from memory. Commands go to the commit thread and are answered from disk.

mod access;
mod alarms;
mod desk;
mod dispatch;
mod drills;
mod fleet;
mod follow_up;
mod incidents;
mod knowledge;
mod metrics;
mod models;
mod on_call;
mod others;
mod outbound;
mod quarantine;
mod readers;
mod review;
mod similar;
mod standing;
mod stock;
mod stream;
mod system;
mod ticket_work;
mod tickets;
mod topology;
mod windows;

pub(crate) use alarms::record_of as alarm_of;
pub(crate) use tickets::record_of as ticket_of;

use crate::access::notes::{Note, Notes};
use crate::access::{AccessOrder, Accounts, Limits, Sight};
use crate::app::Running;
use crate::clock::Clock;
use crate::ingest::directory::Directory;
use crate::store::{StoreError, WaitingCounts};
use crate::web::StreamEvent;
use crate::web::backend::{
    Actor, AlarmCommand, AlarmQuery, Answer, AuditQuery, Backend, BackendError, DeviceQuery, DrillResult, HistoryQuery,
    IncidentCommand, IncidentQuery, KnowledgeOrder, KnowledgeQuery, ModelCommand, Movement, NewFile, Order,
    OverridePlan, PartsQuery, Report, ReportFile, Reservation, Slice, StockQuery, TicketCommand, TicketQuery,
    WatchGuard, WindowPlan,
};
use dashboards::view::{
    Alarm, AuditEntry, DeadLetter, Device, DeviceSummary, DrillHeld, DrillNotice, Drills, Entry, EntryList,
    FleetCounts, Heard, History, Incident, LedgerLine, Model, ModelDetail, MonthlyReport, OnCall, OnCallOverride, Page,
    PartForecast, Proposal, QuarantinedPacket, Receiver, Replayed, Review, ServiceReport, SiteNode, SiteStorms,
    StockLevel, StockPart, SystemHealth, Ticket, TicketSummary, TreeNode, Tried, Window,
};
use domain::text::Text;
use domain::{AlarmId, DeviceKey, Millis, ModelVersion, SiteName, TicketId, Timestamp};
use readers::Readers;
use standing::Standing;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::sync::{broadcast, watch};

/// Events that a slow page may be behind.
const EVENTS: usize = 4_096;

/// The web door's backend over a running gateway. Cheap to clone.
#[derive(Clone)]
pub struct LiveBackend {
    running: Arc<Running>,
    readers: Readers,
    /// What of it is seen; the readers see the same.
    sight: Sight,
    /// Whose each device of the registry is.
    customers: Arc<BTreeMap<DeviceKey, String>>,
    notes: Arc<Mutex<Notes>>,
    standing: Standing,
    last_look: Arc<fleet::LastLook>,
    titles: Arc<BTreeMap<String, Text>>,
    waiting: watch::Sender<WaitingCounts>,
    connectivity: watch::Sender<[u64; 4]>,
    stopping: watch::Sender<bool>,
    events: broadcast::Sender<StreamEvent>,
    started_at: Timestamp,
}

/// Keeps the backend up to date until it is told to stop.
pub struct Follower {
    backend: LiveBackend,
    task: tokio::task::JoinHandle<()>,
}

impl LiveBackend {
    /// Reads what is open, and follows what changes from now on.
    pub async fn start(running: Running) -> Result<(LiveBackend, Follower), StoreError> {
        // before anything is read, so that nothing falls between
        let (changed, live) = (running.changed.subscribe(), running.live.subscribe());
        let (path, policy) = (running.store_path.clone(), running.policy.clone());
        let open = move || {
            let reader = crate::store::Reader::open(&path)?;
            let standing = Standing::load(&reader, policy)?;
            let waiting = reader.waiting_counts()?;
            Ok::<_, StoreError>((Readers::new(&path, reader), standing, waiting))
        };
        let opened = tokio::task::spawn_blocking(open)
            .await
            .expect("reading the store does not panic");
        let (readers, standing, waiting) = opened?;
        let titles = running
            .catalogue
            .files()
            .map(|release| release.profile())
            .map(|p| (p.id.clone(), p.title.clone()))
            .collect();
        let registry = running.ingest.directory.registry();
        let owned = registry.device.iter().filter(|d| !d.customer.is_empty());
        let customers = owned.map(|d| {
            let key = DeviceKey {
                site: d.site.clone(),
                device: d.device.clone(),
            };
            (key, d.customer.clone())
        });
        let backend = LiveBackend {
            customers: Arc::new(customers.collect()),
            sight: Sight::all(),
            notes: Arc::default(),
            started_at: running.ingest.clock.now(),
            running: Arc::new(running),
            readers,
            standing,
            last_look: Arc::default(),
            titles: Arc::new(titles),
            waiting: watch::Sender::new(waiting),
            connectivity: watch::Sender::new([0; 4]),
            stopping: watch::Sender::new(false),
            events: broadcast::channel(EVENTS).0,
        };
        let task = tokio::spawn(backend.clone().follow(changed, live, backend.stopping.subscribe()));
        let follower = Follower {
            backend: backend.clone(),
            task,
        };
        Ok((backend, follower))
    }

    fn clock(&self) -> Clock {
        self.running.ingest.clock
    }

    fn directory(&self) -> &Arc<Directory> {
        &self.running.ingest.directory
    }

    /// What waits, as of at most a second ago.
    fn waiting(&self) -> WaitingCounts {
        *self.waiting.borrow()
    }

    /// Batches that wait for each shard, and pieces that wait for the commit.
    fn queues(&self) -> Vec<usize> {
        let shards = self
            .running
            .ingest
            .shards
            .iter()
            .map(|s| s.max_capacity() - s.capacity());
        shards
            .chain([self.running.commit.max_capacity() - self.running.commit.capacity()])
            .collect()
    }

    /// What is not seen is not there.
    fn check(&self, key: &DeviceKey) -> Answer<()> {
        match self.sight.sees(key) {
            true => Ok(()),
            false => Err(BackendError::NotFound {
                what: format!("device {key}"),
            }),
        }
    }

    fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }
}

impl Follower {
    /// Ends open streams; from now on the gateway is not ready.
    pub async fn stop(self) {
        self.backend.stopping.send_replace(true);
        self.backend.flush_notes().await;
        self.backend.tell(StreamEvent::Closing);
        // a task that broke has stopped as well
        self.task.await.ok();
    }
}

/// Only if what is to be changed is still what was looked at.
fn revision_fits(order: &Order, revision: u64) -> Answer<()> {
    match order.if_revision {
        Some(seen) if seen != revision => Err(BackendError::Changed { revision }),
        Some(_) | None => Ok(()),
    }
}

/// Who acts, in the words of the book.
fn actor_of(actor: &Actor) -> alerting::Actor {
    alerting::Actor::Person {
        name: actor.name.clone(),
    }
}

impl Backend for LiveBackend {
    fn risk_grades(&self) -> u8 {
        self.running.policy.risk.levels
    }

    fn now(&self) -> Timestamp {
        self.clock().now()
    }

    fn clock_speed(&self) -> f64 {
        self.clock().speed()
    }

    fn mqtt_address(&self) -> Option<String> {
        self.running.mqtt_address.map(|address| address.to_string())
    }

    async fn counts(&self) -> Answer<FleetCounts> {
        self.fleet_counts().await
    }

    async fn sites(&self) -> Answer<Vec<SiteName>> {
        Ok(self.list_sites())
    }

    async fn devices(&self, query: DeviceQuery) -> Answer<Page<DeviceSummary>> {
        self.list_devices(query).await
    }

    async fn device(&self, key: DeviceKey) -> Answer<Device> {
        self.check(&key)?;
        self.read_device(key).await
    }

    async fn history(&self, query: HistoryQuery) -> Answer<History> {
        self.check(&query.device)?;
        self.read_history(query).await
    }

    async fn alarms(&self, query: AlarmQuery) -> Answer<Page<Alarm>> {
        self.list_alarms(query).await
    }

    async fn alarm(&self, id: AlarmId) -> Answer<Alarm> {
        self.read_alarm(id).await
    }

    async fn command_alarm(&self, order: Order, id: AlarmId, command: AlarmCommand) -> Answer<Alarm> {
        self.change_alarm(order, id, command).await
    }

    async fn tickets(&self, query: TicketQuery) -> Answer<Page<TicketSummary>> {
        self.list_tickets(query).await
    }

    async fn ticket(&self, id: TicketId) -> Answer<Ticket> {
        self.without_others(self.read_ticket(id).await?).await
    }

    async fn proposals(&self, id: TicketId) -> Answer<Vec<Proposal>> {
        self.list_proposals(id).await
    }

    async fn command_ticket(&self, order: Order, id: TicketId, command: TicketCommand) -> Answer<Ticket> {
        let changed = self.change_ticket(order, id, command).await?;
        self.without_others(changed).await
    }

    async fn report_fault(&self, order: Order, device: DeviceKey, report: Report) -> Answer<Ticket> {
        self.without_others(self.open_by_hand(order, device, report).await?)
            .await
    }

    async fn attach(&self, order: Order, id: TicketId, file: NewFile) -> Answer<Ticket> {
        self.without_others(self.keep_file(order, id, file).await?).await
    }

    async fn file(&self, id: TicketId, entry: u32) -> Answer<NewFile> {
        self.read_file(id, entry).await
    }

    async fn service_report(&self, id: TicketId) -> Answer<ServiceReport> {
        self.report_without_others(self.make_service_report(id).await?).await
    }

    async fn search_knowledge(&self, query: KnowledgeQuery) -> Answer<EntryList> {
        self.find_entries(query).await
    }

    async fn entry(&self, id: u64) -> Answer<Entry> {
        self.read_entry(id).await
    }

    async fn change_knowledge(&self, order: Order, wish: KnowledgeOrder) -> Answer<Entry> {
        self.order_knowledge(order, wish).await
    }

    async fn knowledge_of_ticket(&self, id: TicketId) -> Answer<Vec<Entry>> {
        self.list_entries_of_ticket(id).await
    }

    async fn knowledge_of_alarm(&self, id: AlarmId) -> Answer<Vec<Entry>> {
        self.list_entries_of_alarm(id).await
    }

    async fn parts(&self, query: PartsQuery) -> Answer<Page<StockPart>> {
        self.list_parts(query).await
    }

    async fn stock(&self, query: StockQuery) -> Answer<Page<StockLevel>> {
        self.list_stock(query).await
    }

    async fn stock_forecast(&self, query: PartsQuery) -> Answer<Page<PartForecast>> {
        self.list_forecasts(query).await
    }

    async fn book_stock(&self, order: Order, movement: Movement, reason: String) -> Answer<Vec<StockLevel>> {
        self.move_stock(order, movement, reason).await
    }

    async fn reserve_parts(&self, order: Order, ticket: TicketId, reservation: Reservation) -> Answer<Ticket> {
        let changed = self.change_reservation(order, ticket, reservation).await;
        self.without_others(changed?).await
    }

    async fn review(&self, from: Timestamp, until: Timestamp) -> Answer<Review> {
        self.make_review(from, until).await
    }

    async fn breaches(&self, from: Timestamp, until: Timestamp) -> Answer<Vec<LedgerLine>> {
        self.list_breaches(from, until).await
    }

    async fn on_call(&self, ahead: Millis) -> Answer<Vec<OnCall>> {
        self.list_on_call(ahead).await
    }

    async fn overrides(&self) -> Answer<Vec<OnCallOverride>> {
        self.list_overrides().await
    }

    async fn make_override(&self, order: Order, plan: OverridePlan) -> Answer<OnCallOverride> {
        self.make_an_override(order, plan).await
    }

    async fn end_override(&self, order: Order, id: u64) -> Answer<OnCallOverride> {
        self.end_an_override(order, id).await
    }

    async fn drills(&self) -> Answer<Drills> {
        self.list_drills().await
    }

    async fn drill_notices(&self, site: Option<String>) -> Answer<Vec<DrillNotice>> {
        self.list_drill_notices(site).await
    }

    async fn record_drill(&self, actor: Actor, drill: DrillResult) -> Answer<DrillHeld> {
        self.write_drill(actor, drill).await
    }

    async fn reports(&self) -> Answer<Vec<MonthlyReport>> {
        self.list_reports().await
    }

    async fn report(&self, month: String) -> Answer<Option<ReportFile>> {
        self.read_report(month).await
    }

    async fn incidents(&self, query: IncidentQuery) -> Answer<Page<Incident>> {
        self.list_incidents(query).await
    }

    async fn incident(&self, id: u64) -> Answer<Incident> {
        self.read_incident(id).await
    }

    async fn command_incident(&self, order: Order, id: u64, command: IncidentCommand) -> Answer<Incident> {
        self.respond(order, id, command).await
    }

    async fn floods(&self) -> Answer<Vec<SiteStorms>> {
        self.list_floods().await
    }

    async fn flooded(&self) -> Vec<SiteName> {
        if self.running.storms.figures().sites_flooded == 0 {
            return Vec::new();
        }
        let floods = self.list_floods().await.unwrap_or_default();
        floods.into_iter().filter(|s| s.is_flooded).map(|s| s.site).collect()
    }

    async fn topology(&self) -> Answer<Vec<SiteNode>> {
        self.list_topology().await
    }

    async fn site_topology(&self, site: SiteName, slice: Slice) -> Answer<Page<TreeNode>> {
        self.read_topology(site, slice).await
    }

    async fn windows(&self) -> Answer<Vec<Window>> {
        self.list_windows().await
    }

    async fn plan_window(&self, order: Order, plan: WindowPlan) -> Answer<Window> {
        self.make_window(order, plan).await
    }

    async fn end_window(&self, order: Order, id: u64, reason: String) -> Answer<Window> {
        self.close_window(order, id, reason).await
    }

    async fn quarantine(&self, slice: Slice) -> Answer<Page<QuarantinedPacket>> {
        self.list_quarantine(slice).await
    }

    async fn quarantined(&self, id: u64) -> Answer<QuarantinedPacket> {
        self.read_quarantined(id).await
    }

    async fn replay(&self, actor: Actor, id: Option<u64>) -> Answer<Replayed> {
        self.replay_packets(actor, id).await
    }

    async fn discard(&self, actor: Actor, id: u64) -> Answer<QuarantinedPacket> {
        self.discard_packet(actor, id).await
    }

    async fn receivers(&self) -> Answer<Vec<Receiver>> {
        self.list_receivers().await
    }

    async fn try_receiver(&self, actor: Actor, name: String) -> Answer<Tried> {
        self.try_one(actor, name).await
    }

    async fn dead_letters(&self, slice: Slice) -> Answer<Page<DeadLetter>> {
        self.list_dead(slice).await
    }

    async fn resend(&self, actor: Actor, id: u64) -> Answer<DeadLetter> {
        self.send_again(actor, id).await
    }

    async fn hear(&self, receiver: String, secret: String, body: serde_json::Value) -> Answer<Heard> {
        self.take_told(&receiver, &secret, &body).await
    }

    async fn health(&self) -> Answer<SystemHealth> {
        self.read_health().await
    }

    async fn models(&self) -> Answer<Vec<Model>> {
        self.list_models().await
    }

    async fn model(&self, version: ModelVersion) -> Answer<ModelDetail> {
        self.read_model(version).await
    }

    async fn add_model(&self, actor: Actor, content: Vec<u8>) -> Answer<ModelDetail> {
        self.keep_model(actor, content).await
    }

    async fn command_model(&self, actor: Actor, version: ModelVersion, command: ModelCommand) -> Answer<ModelDetail> {
        self.change_model(actor, version, command).await
    }

    async fn audit(&self, query: AuditQuery) -> Answer<Page<AuditEntry>> {
        self.list_audit(query).await
    }

    fn metrics(&self) -> String {
        let running = &self.running;
        metrics::render(metrics::Scrape {
            balance: running.ingest.ledger.balance(),
            listener: running.listener.as_deref(),
            broker: running.broker.as_deref(),
            influx: running.influx.as_ref().map(|status| status.borrow().clone()),
            journal: running.positions.last(),
            is_failing: running.positions.is_failing(),
            history_taken: running.positions.history_taken(),
            history_sealed: running.positions.history(),
            waiting: self.waiting(),
            devices: *self.connectivity.borrow(),
            metric_names: self.directory().sizes().1,
            queues: self.queues(),
            standing: self.standing.counts(self.clock().now()),
            drifts: running.drifts.now(),
            storms: running.storms.figures(),
            resident_bytes: metrics::resident_bytes(),
            started_at: self.started_at,
        })
    }

    fn subscribe(&self) -> broadcast::Receiver<StreamEvent> {
        self.events.subscribe()
    }

    fn accounts(&self) -> Arc<Accounts> {
        self.known_accounts()
    }

    async fn change_access(&self, actor: String, order: AccessOrder) -> Answer<Option<u64>> {
        self.order_access(actor, order).await
    }

    fn note(&self, note: Note) {
        self.add_note(note);
    }

    fn sight_of(&self, limits: &Limits) -> Sight {
        self.sight_within(limits)
    }

    fn seen_by(&self, sight: Sight) -> Self {
        self.limited_to(sight)
    }

    fn watch(&self, device: &DeviceKey) -> WatchGuard {
        self.watch_device(device)
    }
}
