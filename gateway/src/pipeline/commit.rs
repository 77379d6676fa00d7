//! The commit thread: the one owner of alarms, tickets and the store. It takes whatever the shards, people and receivers
//! have for it, lets the book decide, writes everything in one transaction, and only then tells those who wait.
//!
//! The next commit takes whatever arrived during the last fsync: lowest latency at low rates, large commits at high ones.

mod access;
mod made;
mod models;
mod stock;
mod storms;

pub use access::AccessDone;
pub use made::Made;
pub use storms::{StormCounts, StormFigures};

use super::batch::{BatchReceipt, Processed, Reminder};
use super::catalogue::Catalogue;
use super::drifts::DriftCounts;
use super::records::{alarm_row, entry_row, episode_row, override_row, report_made, ticket_row, window_row};
use super::releases::{ModelOrder, ReleaseEffect, ReleaseRefusal, Releases};
use super::rounds::Rounds;
use super::shard::{ToShard, shard_of};
use crate::access::notes::Note;
use crate::access::{AccessEffect, AccessOrder, Accounts};
use crate::clock::Clock;
use crate::ingest::directory::Directory;
use crate::ledger::{Ledger, Outcomes};
use crate::outbound::Routing;
use crate::outbound::deliver::Delivered;
use crate::pipeline::positions::Positions;
use crate::store::codec::seal;
use crate::store::rows::{AuditRow, ComparedRow};
use crate::store::{Checkpoint, DrillRow, Repair, ReportRow, Store, StoreError};
use alerting::Book;
use alerting::effect::{Command, Effect, Input, Refusal};
use alerting::record::{Asset, DeviceFacts};
use alerting::ticket::{Actor, Report, TicketChange, TicketRecord};
use domain::{DeviceIndex, DeviceKey, FailureModeId, ModelVersion, Names, Timestamp};
use serde::Deserialize;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Notify, broadcast, mpsc, oneshot, watch};

/// Bytes of journal after which a commit is closed even if more is waiting.
const MOST_BYTES: usize = 4 << 20;
/// Pieces after which a commit is closed even if more is waiting.
const MOST_PIECES: usize = 4_096;
/// Journal entries removed at most in one commit.
const TRIM_AT_ONCE: u32 = 64;
/// Wait before a commit that failed is tried again.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// The section `store` of the configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreConfig {
    /// How often the learned state is written, or as often as the pace of writing it allows; a restart replays the journal
    /// from there.
    pub checkpoint_every_ms: u64,
    /// Shortest time from one commit to the next; 0: as fast as the disk. More saves flash memory and delays acknowledgements.
    pub commit_interval_ms: u64,
    /// Bytes of journal from which the stores it feeds must take everything at once.
    pub journal_bytes: u64,
}

impl Default for StoreConfig {
    fn default() -> Self {
        StoreConfig {
            checkpoint_every_ms: 10_000,
            commit_interval_ms: 0,
            journal_bytes: 1 << 30,
        }
    }
}

/// What the commit thread can be told.
#[derive(Debug)]
pub enum ToCommit {
    /// Work of a shard.
    Processed(Box<Processed>),
    /// Learned states of a shard's devices.
    Checkpoints(CheckpointSlice),
    /// Nothing has changed in a shard since its last checkpoints: all it handed over is in them. Writes nothing.
    NothingToCheckpoint {
        /// Which shard.
        shard: usize,
    },
    /// What a person wants.
    Command {
        /// Who.
        actor: Actor,
        /// What.
        command: Command,
        /// Only if the alarm or ticket still has this revision; none: in any case.
        if_revision: Option<u64>,
        /// Answered after it is on disk.
        reply: oneshot::Sender<Done>,
    },
    /// A drill was held.
    Drill {
        /// What came of it.
        row: Box<DrillRow>,
        /// Answered after it is on disk.
        reply: oneshot::Sender<()>,
    },
    /// A person reports a fault.
    Report {
        /// Who writes it down.
        actor: Actor,
        /// On which machine.
        device: DeviceKey,
        /// What.
        report: Report,
        /// Answered after it is on disk.
        reply: oneshot::Sender<Done>,
    },
    /// How a delivery ended; answered after it is on disk.
    Delivered(Delivered, oneshot::Sender<()>),
    /// Packets leave quarantine, for a line in the audit trail.
    Release {
        /// Their numbers.
        ids: Vec<u64>,
        /// Who.
        actor: Actor,
        /// `quarantine.replayed` or `quarantine.discarded`.
        action: &'static str,
        /// Answered after it is on disk.
        reply: oneshot::Sender<()>,
    },
    /// A receiver was tried, or a delivery that was given up is to be tried again; for a line in the audit trail.
    Outbound {
        /// The delivery to try again.
        again: Option<u64>,
        /// Who.
        actor: Actor,
        /// `receiver.tried` or `delivery.resent`.
        action: &'static str,
        /// Which receiver.
        subject: String,
        /// In words.
        detail: String,
        /// Answered after it is on disk.
        reply: oneshot::Sender<()>,
    },
    /// The review of a past month; answered after it is on disk.
    MonthlyReview {
        /// It.
        row: Box<ReportRow>,
        /// Whom to answer.
        reply: oneshot::Sender<()>,
    },
    /// What a person wants of a model version.
    Model {
        /// Which.
        version: ModelVersion,
        /// What.
        order: ModelOrder,
        /// Who.
        actor: Actor,
        /// Answered after it is on disk and in force: whatever a shard takes from then on is judged by it.
        reply: oneshot::Sender<Result<(), ReleaseRefusal>>,
    },
    /// What somebody wants of users and tokens.
    Access {
        /// What.
        order: Box<AccessOrder>,
        /// Who.
        actor: String,
        /// Answered after it is on disk.
        reply: oneshot::Sender<AccessDone>,
    },
    /// Lines for the audit trail that go with no change: reads, log-ins, refusals.
    Note(Vec<Note>),
    /// Time passes.
    Tick,
    /// A shard has handed over all it had.
    ShardStopped,
}

/// Learned states of some devices of a shard: everything that it handed over before is in them, nothing after.
#[derive(Debug)]
pub struct CheckpointSlice {
    /// Which shard.
    pub shard: usize,
    /// Device and state.
    pub states: Vec<(DeviceIndex, Vec<u8>)>,
    /// The first slice of a round.
    pub is_first: bool,
    /// The last slice of a round.
    pub is_last: bool,
}

/// What a command came to.
pub type Done = Result<Made, NotDone>;

/// An answer to a person, and whom to give it after the commit.
type Reply = (oneshot::Sender<Done>, Done);
/// The same about a model.
type ModelReply = (oneshot::Sender<Result<(), ReleaseRefusal>>, Result<(), ReleaseRefusal>);

/// Why a command was not followed; nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotDone {
    /// The book says why.
    Refused(Refusal),
    /// There is no such machine.
    UnknownDevice,
    /// What was to be changed is no longer what was looked at.
    Changed {
        /// Its revision now.
        revision: u64,
    },
}

/// Something that pages show has changed, and is on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// An alarm, by id.
    Alarm(String),
    /// A ticket, by number.
    Ticket(u64),
    /// An incident, by number.
    Incident(u64),
}

/// What the commit thread is given when it starts.
pub struct CommitSetup {
    /// The store.
    pub store: Store,
    /// Alarms and tickets.
    pub book: Book,
    /// Names.
    pub directory: Arc<Directory>,
    /// Models in force and in shadow.
    pub catalogue: Arc<Catalogue>,
    /// Model versions that were added.
    pub releases: Releases,
    /// Users and tokens.
    pub accounts: Accounts,
    /// The copy of them that everybody else looks at.
    pub access: watch::Sender<Arc<Accounts>>,
    /// What became of each message.
    pub ledger: Arc<Ledger>,
    /// How often normal has moved.
    pub drifts: Arc<DriftCounts>,
    /// Our time.
    pub clock: Clock,
    /// How it works.
    pub config: StoreConfig,
    /// Packets kept in quarantine.
    pub quarantine_packets: u64,
    /// Raw waveforms kept for each sensor.
    pub waveforms_per_sensor: u32,
    /// Who gets messages.
    pub routing: Routing,
    /// The shards' inboxes.
    pub shards: Vec<mpsc::Sender<ToShard>>,
    /// How far each store is.
    pub positions: Arc<Positions>,
    /// Told when the outbox has something new.
    pub outbox_wake: Arc<Notify>,
    /// Told what changed.
    pub changed: broadcast::Sender<Changed>,
    /// Storms in numbers.
    pub storms: Arc<StormCounts>,
    /// Repairs that their devices have not followed before the restart.
    pub repairs: Vec<Repair>,
    /// Devices and metric names that are on disk already.
    pub persisted: (usize, usize),
}

/// The commit thread.
pub struct Committer {
    setup: CommitSetup,
    rounds: Rounds,
    waiting_for_shards: VecDeque<(usize, ToShard)>,
    last_tick: Timestamp,
    storms: storms::Watch,
}

/// Everything one commit writes, decided before the first byte is written, so that a failed commit can be tried again.
#[derive(Default)]
struct Group {
    pieces: Vec<Processed>,
    checkpoints: Option<CheckpointSlice>,
    effects: Vec<Effect>,
    delivered: Vec<Delivered>,
    released: Vec<u64>,
    again: Vec<u64>,
    audits: Vec<AuditRow>,
    reports: Vec<ReportRow>,
    drills: Vec<DrillRow>,
    access: Vec<AccessEffect>,
    releases: Vec<ReleaseEffect>,
    compared: Vec<ComparedRow>,
    replies: Vec<Reply>,
    access_replies: Vec<access::AccessReply>,
    model_replies: Vec<ModelReply>,
    done: Vec<oneshot::Sender<()>>,
    bytes: usize,
    taken: usize,
}

impl Group {
    fn is_empty(&self) -> bool {
        self.pieces.is_empty()
            && self.checkpoints.is_none()
            && self.effects.is_empty()
            && self.delivered.is_empty()
            && self.released.is_empty()
            && self.again.is_empty()
            && self.audits.is_empty()
            && self.reports.is_empty()
            && self.drills.is_empty()
            && self.access.is_empty()
            && self.releases.is_empty()
    }

    fn is_full(&self) -> bool {
        // a checkpoint holds what its shard handed over before it and nothing after: the commit ends with it
        self.bytes >= MOST_BYTES || self.taken >= MOST_PIECES || self.checkpoints.is_some()
    }
}

impl Committer {
    /// With what it owns.
    pub fn new(mut setup: CommitSetup) -> Self {
        let count = setup.shards.len();
        let waiting_for_shards = setup.repairs.drain(..).map(|r| to_shard(r, count)).collect();
        let every = Duration::from_millis(setup.config.checkpoint_every_ms);
        let replay_from = setup.positions.replay_from();
        let rounds = Rounds::new(count, replay_from, every, Instant::now());
        Committer {
            storms: storms::Watch::new(&setup.book, setup.storms.clone()),
            setup,
            rounds,
            waiting_for_shards,
            last_tick: Timestamp(0),
        }
    }

    /// Works until every shard has stopped; returns the store.
    pub fn run(mut self, mut inbox: mpsc::Receiver<ToCommit>) -> Store {
        let mut running = self.setup.shards.len();
        while running > 0 {
            let Some(first) = inbox.blocking_recv() else { break };
            let began = Instant::now();
            let mut group = Group::default();
            let mut next = Some(first);
            while let Some(message) = next {
                if matches!(message, ToCommit::ShardStopped) {
                    running -= 1;
                }
                self.take(message, &mut group);
                next = if group.is_full() { None } else { inbox.try_recv().ok() };
            }
            self.pass_time(&mut group);
            if !group.is_empty() {
                self.commit(group);
                let pause = Duration::from_millis(self.setup.config.commit_interval_ms).saturating_sub(began.elapsed());
                if !pause.is_zero() {
                    std::thread::sleep(pause);
                }
            } else {
                answer(group);
            }
            self.ask_shards();
        }
        self.setup.store
    }

    fn take(&mut self, message: ToCommit, group: &mut Group) {
        group.taken += 1;
        match message {
            ToCommit::Processed(piece) => {
                group.bytes += piece.block.len() + piece.waveforms.iter().map(|w| w.payload.len()).sum::<usize>();
                self.decide(&piece, group);
                self.compare(&piece.shadow, group);
                group.pieces.push(*piece);
            }
            ToCommit::Checkpoints(slice) => group.checkpoints = Some(slice),
            ToCommit::NothingToCheckpoint { shard } => {
                // without this a shard whose devices are silent would keep the whole journal of the others
                let position = self.setup.store.last_position();
                self.rounds.nothing_to_write(shard, position, Instant::now());
            }
            ToCommit::Command {
                actor,
                command,
                if_revision,
                reply,
            } => {
                let answer = match if_revision.zip(self.revision_of(&command)) {
                    Some((seen, revision)) if seen != revision => Err(NotDone::Changed { revision }),
                    Some(_) | None => self.ask(Input::Command { actor, command }, group),
                };
                group.replies.push((reply, answer));
            }
            ToCommit::Report {
                actor,
                device,
                report,
                reply,
            } => {
                let directory = &self.setup.directory;
                // a machine of the registry may break before it has ever said a word
                let known = directory.find(&device).or_else(|| {
                    directory.registry().entry(&device)?;
                    directory.device_or_register(&device, self.setup.clock.now()).ok()
                });
                let answer = match known {
                    None => Err(NotDone::UnknownDevice),
                    Some(index) => {
                        let device = self.facts(index, &ModelVersion::default());
                        self.ask(Input::Reported { actor, device, report }, group)
                    }
                };
                group.replies.push((reply, answer));
            }
            ToCommit::Delivered(delivered, reply) => {
                group.delivered.push(delivered);
                group.done.push(reply);
            }
            ToCommit::Release {
                ids,
                actor,
                action,
                reply,
            } => {
                let at = self.setup.clock.now();
                for id in ids {
                    group.released.push(id);
                    let (actor, action, subject) =
                        (actor.name().to_owned(), action.to_owned(), format!("quarantine/{id}"));
                    group.audits.push(AuditRow {
                        id: 0,
                        at,
                        actor,
                        action,
                        subject,
                        detail: String::new(),
                    });
                }
                group.done.push(reply);
            }
            ToCommit::Outbound {
                again,
                actor,
                action,
                subject,
                detail,
                reply,
            } => {
                group.again.extend(again);
                group.audits.push(AuditRow {
                    id: 0,
                    at: self.setup.clock.now(),
                    actor: actor.name().to_owned(),
                    action: action.to_owned(),
                    subject,
                    detail,
                });
                group.done.push(reply);
            }
            ToCommit::Drill { row, reply } => {
                group.drills.push(*row);
                group.done.push(reply);
            }
            ToCommit::MonthlyReview { row, reply } => {
                group.reports.push(*row);
                group.done.push(reply);
            }
            ToCommit::Model {
                version,
                order,
                actor,
                reply,
            } => {
                let answer = self.release(version, order, &actor, group);
                group.model_replies.push((reply, answer));
            }
            ToCommit::Access { order, actor, reply } => {
                let done = self.change_access(*order, &actor, group);
                group.access_replies.push((reply, done));
            }
            ToCommit::Note(notes) => group.audits.extend(notes.into_iter().map(access::line)),
            ToCommit::Tick | ToCommit::ShardStopped => {}
        }
    }

    /// What the book makes of a person's wish.
    fn ask(&mut self, input: Input, group: &mut Group) -> Done {
        let now = self.setup.clock.now();
        let effects = self.setup.book.step(input, now).map_err(NotDone::Refused)?;
        let made = Made::of(&effects);
        group.effects.extend(effects);
        Ok(made)
    }

    /// The revision of what a command is about; none if the book does not know it, and will say so.
    fn revision_of(&self, command: &Command) -> Option<u64> {
        let book = &self.setup.book;
        match command {
            Command::Alarm { alarm, .. } => book.alarms().find(|a| a.id == *alarm).map(|a| u64::from(a.transitions)),
            Command::Ticket { ticket, .. } | Command::Merge { ticket, .. } | Command::Split { ticket, .. } => {
                book.ticket(*ticket).map(|t| u64::from(t.revision))
            }
            Command::Incident { incident, .. } => {
                let found = book.incidents().find(|i| i.id == *incident);
                found.map(|i| u64::from(i.revision))
            }
            Command::Window { .. } | Command::Override { .. } => None,
            Command::Knowledge { command } => Some(u64::from(book.entry(command.entry()?)?.revision)),
            Command::Stock { command } => {
                stock::ticket_of(command).and_then(|t| Some(u64::from(book.ticket(t)?.revision)))
            }
        }
    }

    /// What the book makes of a piece.
    fn decide(&mut self, piece: &Processed, group: &mut Group) {
        let is_quiet = piece.changes.is_empty() && piece.outlooks.is_empty() && piece.codes.is_empty();
        if is_quiet && piece.reminders.is_empty() {
            return;
        }
        let now = self.setup.clock.now();
        for change in &piece.changes {
            let device = self.facts(change.device, &change.model);
            self.step(
                Input::Condition {
                    change: change.clone(),
                    device,
                },
                now,
                group,
            );
        }
        for (device, outlook) in &piece.outlooks {
            let (device, outlook) = (self.setup.directory.device(*device), outlook.clone());
            self.step(Input::Outlook { device, outlook }, now, group);
        }
        for said in &piece.codes {
            let device = self.facts(said.device, &said.model);
            let (code, text) = (said.code.clone(), said.text.clone());
            self.step(Input::FaultCode { device, code, text }, now, group);
        }
        for reminder in &piece.reminders {
            if let Some(input) = self.maintenance(reminder) {
                self.step(input, now, group);
            }
        }
    }

    fn maintenance(&self, reminder: &Reminder) -> Option<Input> {
        let device = self.facts(reminder.device, &reminder.model);
        let plan: FailureModeId = device.profile.maintenance.get(reminder.plan)?.id.clone();
        Some(Input::MaintenanceDue {
            device,
            plan,
            occurrence: reminder.occurrence,
            at_value: reminder.at_value,
            measured_at: reminder.measured_at,
        })
    }

    fn step(&mut self, input: Input, now: Timestamp, group: &mut Group) {
        match self.setup.book.step(input, now) {
            Ok(effects) => group.effects.extend(effects),
            Err(refusal) => tracing::error!(%refusal, "the book refused what is not a command"),
        }
    }

    fn facts(&self, index: DeviceIndex, judged_by: &ModelVersion) -> DeviceFacts {
        let key = self.setup.directory.device(index);
        let entry = self.setup.directory.registry().entry(&key);
        let region = self.setup.directory.registry().region_of(&key.site).to_owned();
        let asset = entry.map_or_else(Asset::default, |e| Asset {
            serial_number: e.serial_number.clone(),
            location: e.location.clone(),
            customer: e.customer.clone(),
            people_served: e.people_served,
            warranty_until: e.warranty_until.clone(),
            ..Asset::default()
        });
        let asset = Asset { region, ..asset };
        // what judged may be no longer in force
        let (catalogue, directory) = (&self.setup.catalogue, &self.setup.directory);
        let engine = catalogue.engine_named(judged_by, index, directory);
        let engine = engine.unwrap_or_else(|| catalogue.engine_of(index, directory));
        DeviceFacts {
            key,
            profile: engine.shared_profile(),
            model: engine.version().clone(),
            asset,
        }
    }

    /// Deadlines of alarms and tickets, and checkpoints that are due.
    fn pass_time(&mut self, group: &mut Group) {
        let now = self.setup.clock.now();
        if now > self.last_tick && self.setup.book.next_deadline().is_some_and(|deadline| deadline <= now) {
            self.last_tick = now;
            self.step(Input::Tick, now, group);
        }
        for shard in self.rounds.due(Instant::now()) {
            self.waiting_for_shards.push_back((shard, ToShard::Checkpoint));
        }
    }

    /// Never waits for a shard, which may be waiting for us.
    fn ask_shards(&mut self) {
        for _ in 0..self.waiting_for_shards.len() {
            let Some((shard, message)) = self.waiting_for_shards.pop_front() else {
                return;
            };
            match self.setup.shards[shard].try_send(message) {
                Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => {}
                Err(mpsc::error::TrySendError::Full(message)) => self.waiting_for_shards.push_back((shard, message)),
            }
        }
    }

    fn commit(&mut self, group: Group) {
        let now = self.setup.clock.now();
        let mut failures = 0u32;
        let written = loop {
            match self.write(&group, now) {
                Ok(written) => break written,
                Err(error) => {
                    failures += 1;
                    let source = std::error::Error::source(&error).map(ToString::to_string);
                    tracing::error!(%error, source, failures, "cannot commit; nothing is acknowledged until it works");
                    self.setup.positions.commit_failing(true);
                    std::thread::sleep(RETRY_AFTER);
                }
            }
        };
        if failures > 0 {
            self.setup.positions.commit_failing(false);
            tracing::info!("commits work again");
        }
        self.setup.persisted = written.persisted;
        self.setup.store.committed(written.position);
        self.after_checkpoint(&group, written.position);
        self.announce(group, written, now);
    }

    fn write(&mut self, group: &Group, now: Timestamp) -> Result<Written, StoreError> {
        let next_position = self.setup.store.last_position() + 1;
        let replay_from = self.rounds.replay_from_with(group.checkpoints.as_ref(), next_position);
        let setup = &mut self.setup;
        let persisted = setup.directory.sizes();
        let (devices, metrics) = setup.directory.since(setup.persisted.0, setup.persisted.1);
        let trim_to = setup.positions.trim_to();
        let commit = setup.store.begin()?;
        let position = commit.position();
        for device in &devices {
            commit.device(device)?;
        }
        for (index, name) in &metrics {
            commit.metric(*index, name)?;
        }
        let messages: u64 = group.pieces.iter().map(|p| p.outcomes.messages()).sum();
        if group.pieces.iter().any(|p| !p.block.is_empty()) {
            commit.journal(&seal(group.pieces.iter().map(|p| p.block.as_slice())), messages, now)?;
        }
        for piece in &group.pieces {
            for row in &piece.quarantine {
                commit.quarantine(row, setup.quarantine_packets)?;
            }
            for row in &piece.waveforms {
                commit.waveform(row, setup.waveforms_per_sensor)?;
            }
            for (device, drift) in &piece.drifts {
                commit.drift(&setup.directory.device(*device), drift)?;
            }
        }
        for repair in group.pieces.iter().flat_map(|p| &p.repairs) {
            commit.repair_done(repair)?;
        }
        let mut has_orders = false;
        for effect in &group.effects {
            match effect {
                Effect::AlarmChanged { record, .. } => commit.alarm(&alarm_row(record))?,
                Effect::TicketChanged { record, change } => {
                    commit.ticket(&ticket_row(record, setup.book.policy()))?;
                    if let Some(repair) = repair_of(record, change, &setup.directory, now) {
                        commit.repair(&repair)?;
                    }
                }
                Effect::WindowChanged { record } => commit.window(&window_row(record))?,
                Effect::OverrideChanged { record } => commit.on_call_override(&override_row(record))?,
                Effect::KnowledgeChanged { record } => commit.entry(&entry_row(record))?,
                Effect::StockChanged { change } => commit.stock(change)?,
                Effect::EpisodeClosed { episode } => commit.episode(&episode_row(episode))?,
                // below, the last of each
                Effect::IncidentChanged { .. } | Effect::NoticesChanged { .. } => {}
                Effect::Audit(entry) => commit.audit(&AuditRow {
                    id: 0,
                    at: entry.at,
                    actor: entry.actor.name().to_owned(),
                    action: entry.action.clone(),
                    subject: entry.subject.clone(),
                    detail: entry.detail.clone(),
                })?,
                Effect::Publish(message) => {
                    if let Some(notice) = setup.routing.rehearsed(message, now) {
                        commit.notice_of_drill(&notice)?;
                    }
                    let (rows, retained) = setup.routing.orders(message, now);
                    for row in &rows {
                        has_orders |= commit.outbox(row)?.is_some();
                    }
                    if let Some(retained) = retained {
                        commit.retained(&retained.topic, retained.payload.as_bytes())?;
                    }
                }
            }
        }
        storms::write(&commit, &group.effects)?;
        for audit in &group.audits {
            commit.audit(audit)?;
        }
        for report in &group.reports {
            if commit.report(report)? {
                commit.audit(&report_made(report))?;
            }
        }
        for drill in &group.drills {
            commit.drill(drill)?;
            commit.audit(&made::drill_held(drill, now))?;
        }
        for effect in &group.access {
            commit.access(effect)?;
        }
        models::write(&commit, &group.releases, &group.compared)?;
        for delivered in &group.delivered {
            match &delivered.error {
                None => commit.outbox_done(delivered.id)?,
                Some(error) => commit.outbox_failed(delivered.id, delivered.next_attempt_at, error)?,
            }
        }
        for id in &group.again {
            has_orders |= commit.outbox_again(*id, now)?;
        }
        for id in &group.released {
            commit.release(*id)?;
        }
        if let Some(slice) = &group.checkpoints {
            for (device, state) in &slice.states {
                commit.checkpoint(&Checkpoint {
                    device: *device,
                    position,
                    state: state.clone(),
                })?;
            }
            if slice.is_last {
                commit.meta("replay_from", replay_from as i64)?;
            }
        }
        if trim_to > setup.positions.trimmed() {
            let removed = commit.trim_journal(trim_to, TRIM_AT_ONCE)?;
            if removed < TRIM_AT_ONCE as usize {
                setup.positions.trimmed_to(trim_to);
            }
        }
        let position = commit.finish()?;
        Ok(Written {
            position,
            persisted,
            has_orders,
        })
    }

    fn after_checkpoint(&mut self, group: &Group, position: u64) {
        let Some(slice) = &group.checkpoints else { return };
        self.rounds.written(slice, position, Instant::now());
        self.setup.positions.checkpointed(self.rounds.replay_from());
    }

    /// On disk: now those who wait may know.
    fn announce(&mut self, group: Group, written: Written, now: Timestamp) {
        let has_journal = group.pieces.iter().any(|p| !p.block.is_empty());
        if has_journal {
            self.setup.positions.committed(written.position);
        }
        let mut outcomes = Outcomes::default();
        for piece in &group.pieces {
            outcomes.add(&piece.outcomes);
        }
        self.setup.ledger.settle(&outcomes);
        for (device, drift) in group.pieces.iter().flat_map(|p| &p.drifts) {
            let (cause, device) = (drift.cause.as_str(), self.setup.directory.device(*device));
            tracing::info!(%device, metric = %drift.metric, rule = %drift.rule, cause, "what is held for normal has moved");
            self.setup.drifts.count(drift.cause);
        }
        for receipt in group.pieces.iter().flat_map(|p| &p.receipts) {
            BatchReceipt::part_is_durable(receipt);
        }
        self.swap(&group.releases);
        self.tell_access(&group.access);
        if written.has_orders {
            self.setup.outbox_wake.notify_one();
        }
        for effect in &group.effects {
            match effect {
                Effect::AlarmChanged { record, .. } => {
                    tracing::info!(alarm = %record.id, state = record.life.state.as_str(), reason = record.reason.en, "alarm changed");
                    self.setup.changed.send(Changed::Alarm(record.id.to_string())).ok();
                }
                Effect::TicketChanged { record, change } => {
                    tracing::info!(ticket = %record.id, change = change.as_str(), title = record.title.en, "ticket changed");
                    self.setup.changed.send(Changed::Ticket(record.id.0)).ok();
                    self.waiting_for_shards.extend(
                        repair_of(record, change, &self.setup.directory, now)
                            .map(|r| to_shard(r, self.setup.shards.len())),
                    );
                }
                Effect::WindowChanged { record } => {
                    tracing::info!(window = %record.id, purpose = record.purpose.as_str(), is_open = record.is_open(), "window changed");
                }
                Effect::StockChanged { change } => stock::announce(change, &self.setup.changed),
                Effect::OverrideChanged { .. }
                | Effect::EpisodeClosed { .. }
                | Effect::KnowledgeChanged { .. }
                | Effect::IncidentChanged { .. }
                | Effect::NoticesChanged { .. }
                | Effect::Audit(_)
                | Effect::Publish(_) => {}
            }
        }
        self.storms.announce(&group.effects, &self.setup.changed);
        answer(group);
    }
}

/// After a repair the machine is another one: what was learned of it is void.
fn repair_of(record: &TicketRecord, change: &TicketChange, directory: &Directory, at: Timestamp) -> Option<Repair> {
    let TicketChange::Closed { outcome, .. } = change else {
        return None;
    };
    let fault = outcome.mended(&record.failure_mode)?;
    Some(Repair {
        device: directory.find(&record.device)?,
        failure_mode: fault.as_str().to_owned(),
        at,
    })
}

fn to_shard(repair: Repair, shards: usize) -> (usize, ToShard) {
    (shard_of(repair.device, shards), ToShard::Repaired(repair))
}

struct Written {
    position: u64,
    persisted: (usize, usize),
    has_orders: bool,
}

/// Whoever asked may have gone; that is no error.
fn answer(group: Group) {
    for (reply, answer) in group.replies {
        reply.send(answer).ok();
    }
    for (reply, answer) in group.access_replies {
        reply.send(answer).ok();
    }
    for (reply, answer) in group.model_replies {
        reply.send(answer).ok();
    }
    for done in group.done {
        done.send(()).ok();
    }
}
