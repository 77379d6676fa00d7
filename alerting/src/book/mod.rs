//! The book: all alarms that are not normal, all tickets that are not archived, and the one step function that changes them.
//!
//! Conditions, people's commands and deadlines go through [`Book::step`] alike; what follows comes out as [`Effect`]s. No
//! clock: whoever drives the book asks [`Book::next_deadline`] and sends [`Input::Tick`] then.
//!
//! Memory: live alarms and tickets, the newest [`MOST_EPISODES`] that are over of each failure mode of a profile, and for each (device, failure mode) that ever showed the number and time of its last
//! episode; so it is bounded by devices × failure modes, and by the tickets that people leave open.

mod alarms;
mod episodes;
mod hiding;
mod knowledge;
mod links;
mod merging;
mod overrides;
mod parents;
mod plans;
mod reports;
mod responses;
mod stock;
mod storms;
mod telling;
mod tickets;
mod windows;

#[cfg(test)]
mod desk_tests;
#[cfg(test)]
mod episode_tests;
#[cfg(test)]
mod hiding_tests;
#[cfg(test)]
mod invariants;
#[cfg(test)]
mod knowledge_tests;
#[cfg(test)]
mod outlook_tests;
#[cfg(test)]
mod stock_tests;
#[cfg(test)]
mod storm_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod topology_tests;

#[cfg(test)]
pub(crate) use tests::pump as test_pump;

pub use episodes::{MOST_EPISODES, MOST_SIMILAR};
pub use stock::{parts_used, reach};

use crate::effect::{Command, Effect, Input, Refusal};
use crate::episode::PastEpisode;
use crate::habit::Habit;
use crate::knowledge::EntryRecord;
use crate::on_call::overrides::{OverrideId, OverrideRecord};
use crate::policy::Policy;
use crate::record::AlarmRecord;
use crate::stock::{Level, Stock, StockWatch, TicketParts};
use crate::storm::{IncidentId, IncidentRecord, SiteNotices};
use crate::ticket::TicketRecord;
use crate::window::{WindowId, WindowRecord};
use domain::{DeviceKey, FailureModeId, SiteName, TicketId, Timestamp};
use episodes::Episodes;
use knowledge::Knowledge;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use storms::{Storms, membership};

/// A failure mode of a machine.
type ModeKey = (DeviceKey, FailureModeId);

/// The last episode of a failure mode (or occurrence of a maintenance plan) of a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastEpisode {
    /// Which machine.
    pub device: DeviceKey,
    /// How it fails.
    pub failure_mode: FailureModeId,
    /// Its number, from 1.
    pub episode: u32,
    /// Device time of its latest change.
    pub measured_at: Timestamp,
    /// Bad habits found.
    #[serde(default)]
    pub habit: Habit,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Last {
    episode: u32,
    measured_at: Timestamp,
    habit: Habit,
}

/// All that a book remembers, for storing it whole or building it from rows.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Snapshot {
    /// Alarms: all rows, or the latest of each failure mode. The live ones alone will do if `last` tells the other episodes.
    pub alarms: Vec<AlarmRecord>,
    /// Tickets: all rows. The live ones alone will do if `last` tells the occurrences of maintenance plans.
    pub tickets: Vec<TicketRecord>,
    /// Episodes that no row above tells.
    pub last: Vec<LastEpisode>,
    /// The highest ticket number ever given, if higher than those above.
    pub last_ticket: u64,
    /// Maintenance windows: all rows, or those that are not over.
    #[serde(default)]
    pub windows: Vec<WindowRecord>,
    /// The highest window number ever given, if higher than those above.
    #[serde(default)]
    pub last_window: u64,
    /// On-call overrides: all rows, or those that are not over.
    #[serde(default)]
    pub overrides: Vec<OverrideRecord>,
    /// The highest number of an override ever given, if higher than those above.
    #[serde(default)]
    pub last_override: u64,
    /// Episodes that are over.
    #[serde(default)]
    pub episodes: Vec<PastEpisode>,
    /// Incidents that are not over.
    #[serde(default)]
    pub incidents: Vec<IncidentRecord>,
    /// The highest incident number ever given, if higher than those above.
    #[serde(default)]
    pub last_incident: u64,
    /// What the people of each site were told.
    #[serde(default)]
    pub notices: Vec<SiteNotices>,
    /// The knowledge base: all rows.
    #[serde(default)]
    pub knowledge: Vec<EntryRecord>,
    /// The highest number of an entry ever given, if higher than those above.
    #[serde(default)]
    pub last_entry: u64,
    /// Counts of parts that were booked.
    #[serde(default)]
    pub stock: Vec<Level>,
    /// Parts of tickets that are not archived.
    #[serde(default)]
    pub ticket_parts: Vec<TicketParts>,
    /// Parts that run low, as they were looked at last.
    #[serde(default)]
    pub stock_watch: StockWatch,
}

/// Whose deadline it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    /// Who is on call.
    Override(OverrideId),
    /// Windows first: what they hide is hidden before anything else is told at the same instant.
    Window(WindowId),
    Alarm(ModeKey),
    Ticket(TicketId),
    /// After alarms and tickets, so that it tells of them as they are.
    Incident(IncidentId),
    Site(SiteName),
    /// Once a day, of what is left of the parts then.
    Stock,
}

/// Alarms and tickets. See the module's text.
#[derive(Debug, Clone)]
pub struct Book {
    policy: Arc<Policy>,
    alarms: BTreeMap<ModeKey, AlarmRecord>,
    tickets: BTreeMap<TicketId, TicketRecord>,
    last: BTreeMap<ModeKey, Last>,
    last_ticket: u64,
    windows: BTreeMap<WindowId, WindowRecord>,
    last_window: u64,
    overrides: BTreeMap<OverrideId, OverrideRecord>,
    last_override: u64,
    episodes: Episodes,
    storms: Storms,
    knowledge: Knowledge,
    stock: Stock,
    stock_watch: StockWatch,
    /// Tickets with work to do, by machine and failure mode. One of each, unless a person split an alarm off or reported
    /// several faults that have no name; then the latest takes further alarms.
    open: BTreeMap<DeviceKey, BTreeMap<FailureModeId, BTreeSet<TicketId>>>,
    deadlines: BTreeSet<(Timestamp, Subject)>,
    deadline_of: BTreeMap<Subject, Timestamp>,
    /// Alarms that take down others and began or ceased to stand in this step.
    flipped: BTreeSet<ModeKey>,
    /// Alarms that must be looked at after a restart, because what they hang on has changed.
    misplaced: Vec<ModeKey>,
}

impl Book {
    /// An empty book.
    pub fn new(policy: Arc<Policy>) -> Self {
        Book::restore(policy, Snapshot::default())
    }

    /// A book as it was. It goes on exactly as the one would have that gave the snapshot.
    pub fn restore(policy: Arc<Policy>, snapshot: Snapshot) -> Self {
        let stock = Stock::restore(&policy.parts, snapshot.stock, snapshot.ticket_parts);
        let mut book = Book {
            policy,
            alarms: BTreeMap::new(),
            tickets: BTreeMap::new(),
            last: BTreeMap::new(),
            last_ticket: snapshot.last_ticket,
            windows: BTreeMap::new(),
            last_window: snapshot.last_window,
            overrides: BTreeMap::new(),
            last_override: snapshot.last_override,
            episodes: Episodes::new(),
            storms: Storms::new(snapshot.last_incident),
            knowledge: Knowledge::restore(snapshot.knowledge, snapshot.last_entry),
            stock,
            stock_watch: snapshot.stock_watch,
            open: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            deadline_of: BTreeMap::new(),
            flipped: BTreeSet::new(),
            misplaced: Vec::new(),
        };
        for last in snapshot.last {
            let key = (last.device, last.failure_mode);
            book.remember_episode(key, last.episode, last.measured_at, &last.habit);
        }
        for ticket in snapshot.tickets {
            book.last_ticket = book.last_ticket.max(ticket.id.0);
            if ticket.alarm.is_none() && ticket.report.is_none() {
                let key = (ticket.device.clone(), ticket.failure_mode.clone());
                book.remember_episode(key, ticket.last_episode, ticket.opened_at, &Habit::default());
            }
            book.keep_ticket(ticket);
        }
        for alarm in &snapshot.alarms {
            let key = (alarm.device.clone(), alarm.failure_mode.clone());
            book.remember_episode(key, alarm.life.episode, alarm.measured_at, &alarm.habit);
        }
        for alarm in snapshot.alarms {
            let key = (alarm.device.clone(), alarm.failure_mode.clone());
            // The row of an earlier episode may still say that it is shelved: the shelving went over to the later one.
            if book
                .last
                .get(&key)
                .is_some_and(|last| last.episode == alarm.life.episode)
            {
                book.keep_alarm(alarm);
            }
        }
        for window in snapshot.windows {
            book.last_window = book.last_window.max(window.id.0);
            book.keep_window(window);
        }
        for record in snapshot.overrides {
            book.last_override = book.last_override.max(record.id.0);
            book.keep_override(record);
        }
        for episode in snapshot.episodes {
            book.keep_episode(episode);
        }
        book.restore_storms(snapshot.incidents, snapshot.notices);
        book.refresh_stock_deadline();
        book.flipped.clear();
        book.find_misplaced();
        book
    }

    /// All that it remembers.
    pub fn snapshot(&self) -> Snapshot {
        let last = self.last.iter().map(|((device, failure_mode), last)| LastEpisode {
            device: device.clone(),
            failure_mode: failure_mode.clone(),
            episode: last.episode,
            measured_at: last.measured_at,
            habit: last.habit.clone(),
        });
        Snapshot {
            alarms: self.alarms.values().cloned().collect(),
            tickets: self.tickets.values().cloned().collect(),
            last: last.collect(),
            last_ticket: self.last_ticket,
            windows: self.windows.values().cloned().collect(),
            last_window: self.last_window,
            overrides: self.overrides.values().cloned().collect(),
            last_override: self.last_override,
            episodes: self.episodes().cloned().collect(),
            incidents: self.storms.incidents().cloned().collect(),
            last_incident: self.storms.last_incident(),
            notices: self.storms.notices().cloned().collect(),
            knowledge: self.knowledge.entries().cloned().collect(),
            last_entry: self.knowledge.last(),
            stock: self.stock.booked().collect(),
            ticket_parts: self.stock.tickets().cloned().collect(),
            stock_watch: self.stock_watch.clone(),
        }
    }

    /// Takes one input at `now` (our time; it should not fall) and says what follows. Repeats of a condition change nothing
    /// and give no effects.
    ///
    /// # Errors
    /// Why a command was not followed; nothing has changed then. Other inputs are never refused.
    pub fn step(&mut self, input: Input, now: Timestamp) -> Result<Vec<Effect>, Refusal> {
        let mut out = Vec::new();
        match input {
            Input::Condition { change, device } => self.take_condition(change, &device, now, &mut out),
            Input::Outlook { device, outlook } => self.take_outlook(&device, outlook, now, &mut out),
            Input::MaintenanceDue {
                device,
                plan,
                occurrence,
                at_value,
                measured_at,
            } => self.take_maintenance(&device, &plan, occurrence, at_value, measured_at, now, &mut out),
            Input::FaultCode { device, code, text } => self.take_code(&device, &code, &text, now, &mut out),
            Input::Reported { actor, device, report } => self.take_report(&device, report, actor, now, &mut out)?,
            Input::Command { actor, command } => match command {
                Command::Alarm { alarm, command } => self.command_alarm(alarm, command, actor, now, &mut out)?,
                Command::Ticket { ticket, command } => self.command_ticket(ticket, command, actor, now, &mut out)?,
                Command::Merge { ticket, into } => self.merge_tickets(ticket, into, actor, now, &mut out)?,
                Command::Split { ticket, off } => self.split_ticket(ticket, off, actor, now, &mut out)?,
                Command::Window { command } => self.command_window(command, actor, now, &mut out)?,
                Command::Incident { incident, command } => {
                    self.command_incident(incident, command, actor, now, &mut out)?;
                }
                Command::Override { command } => self.command_override(command, actor, now, &mut out)?,
                Command::Knowledge { command } => self.command_knowledge(command, actor, now, &mut out)?,
                Command::Stock { command } => self.command_stock(command, actor, now, &mut out)?,
            },
            Input::Tick => self.take_tick(now, &mut out),
        }
        self.withdraw_reopened(now, &mut out);
        self.settle_incidents(now, &mut out);
        self.settle_stock(now, &mut out);
        self.limit_notices(now, &mut out);
        Ok(out)
    }

    /// When something is due next: the end of a shelving or suppression, a re-alarm, the beginning or end of a window, a
    /// warning or breach of a clock, the archiving of a ticket.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let next = self.deadlines.first().map(|(at, _)| *at);
        // what has changed over a restart waits for nothing
        if self.misplaced.is_empty() {
            next
        } else {
            Some(Timestamp(i64::MIN))
        }
    }

    /// Maintenance windows that are not over.
    pub fn windows(&self) -> impl Iterator<Item = &WindowRecord> {
        self.windows.values()
    }

    /// On-call overrides that are not over.
    pub fn overrides(&self) -> impl Iterator<Item = &OverrideRecord> {
        self.overrides.values()
    }

    /// Alarms that are not normal, or put aside by a person.
    pub fn alarms(&self) -> impl Iterator<Item = &AlarmRecord> {
        self.alarms.values()
    }

    /// Tickets that are not archived.
    pub fn tickets(&self) -> impl Iterator<Item = &TicketRecord> {
        self.tickets.values()
    }

    /// A ticket that is not archived.
    pub fn ticket(&self, id: TicketId) -> Option<&TicketRecord> {
        self.tickets.get(&id)
    }

    /// The alarm of a failure mode, unless it is normal and not shelved.
    pub fn alarm(&self, device: &DeviceKey, mode: &FailureModeId) -> Option<&AlarmRecord> {
        self.alarms.get(&(device.clone(), mode.clone()))
    }

    /// Incidents that are not over.
    pub fn incidents(&self) -> impl Iterator<Item = &IncidentRecord> {
        self.storms.incidents()
    }

    /// What the people of each site were told.
    pub fn notices(&self) -> impl Iterator<Item = &SiteNotices> {
        self.storms.notices()
    }

    /// By what it works.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    fn take_tick(&mut self, now: Timestamp, out: &mut Vec<Effect>) {
        self.settle_misplaced(now, out);
        // Each subject moves its deadline beyond `now` or drops it, so this ends.
        while let Some((at, subject)) = self.deadlines.first().cloned() {
            if at > now {
                return;
            }
            match &subject {
                Subject::Override(id) => self.wake_override(*id, now, out),
                Subject::Window(id) => self.wake_window(*id, now, out),
                Subject::Alarm(key) => self.wake_alarm(key, now, out),
                Subject::Ticket(id) => self.wake_ticket(*id, now, out),
                Subject::Incident(id) => self.wake_incident(*id, now, out),
                Subject::Site(site) => self.wake_site(site, now, out),
                Subject::Stock => self.wake_stock(now, out),
            }
            if self.deadline_of.get(&subject).is_some_and(|next| *next <= now) {
                // A deadline that does not move would wake us forever.
                self.set_deadline(subject, None);
            }
        }
    }

    fn set_deadline(&mut self, subject: Subject, at: Option<Timestamp>) {
        if let Some(old) = self.deadline_of.remove(&subject) {
            self.deadlines.remove(&(old, subject.clone()));
        }
        if let Some(at) = at {
            self.deadline_of.insert(subject.clone(), at);
            self.deadlines.insert((at, subject));
        }
    }

    fn remember_episode(&mut self, key: ModeKey, episode: u32, measured_at: Timestamp, habit: &Habit) {
        let last = self.last.entry(key).or_insert_with(|| Last {
            episode,
            measured_at,
            habit: Habit::default(),
        });
        if (last.episode, last.measured_at) <= (episode, measured_at) {
            (last.episode, last.measured_at) = (episode, measured_at);
        }
        if last.episode == episode {
            last.habit = habit.clone();
        }
    }

    /// Puts an alarm in its place, or forgets it when it is normal, and moves its deadlines.
    fn keep_alarm(&mut self, alarm: AlarmRecord) {
        let key = (alarm.device.clone(), alarm.failure_mode.clone());
        let deadline = if alarm.is_live() {
            self.alarm_deadline(&alarm)
        } else {
            None
        };
        self.set_deadline(Subject::Alarm(key.clone()), deadline);
        let ticket = alarm.ticket;
        let (begins, member_of) = (self.beginning(&alarm), membership(&alarm));
        let stands = alarm.life.state.is_active();
        let takes_down = self.takes_down(&alarm);
        let name = key.clone();
        let before = if alarm.is_live() {
            self.alarms.insert(key, alarm)
        } else {
            self.alarms.remove(&key)
        };
        let stood = before.as_ref().is_some_and(|b| b.life.state.is_active());
        if takes_down && stands != stood {
            self.flipped.insert(name);
        }
        let began = before.as_ref().and_then(|b| self.beginning(b));
        self.storms.index(began, begins);
        self.storms.moved(before.as_ref().and_then(membership), member_of);
        // Whether a ticket may be archived depends on the alarm that it is about.
        for ticket in [before.and_then(|b| b.ticket), ticket].into_iter().flatten() {
            self.refresh_ticket_deadline(ticket);
        }
    }

    /// Puts a ticket in its place, or forgets it when it is archived, and moves its deadlines.
    fn keep_ticket(&mut self, ticket: TicketRecord) {
        let id = ticket.id;
        let parts: Vec<TicketId> = ticket.absorbed.iter().map(|a| a.ticket).collect();
        if let Some(before) = self.tickets.get(&id) {
            before.serves().into_iter().for_each(|key| self.unlist(&key, id));
        }
        if ticket.state.is_open() {
            for (device, mode) in ticket.serves() {
                let by_mode = self.open.entry(device).or_default();
                by_mode.entry(mode).or_default().insert(id);
            }
        }
        if ticket.is_live() {
            self.tickets.insert(id, ticket);
        } else {
            self.tickets.remove(&id);
        }
        self.refresh_ticket_deadline(id);
        // Whether a merged ticket may be archived depends on the one that it is part of.
        for part in parts {
            self.refresh_ticket_deadline(part);
        }
    }

    fn unlist(&mut self, (device, mode): &ModeKey, id: TicketId) {
        let Some(by_mode) = self.open.get_mut(device) else {
            return;
        };
        if let Some(all) = by_mode.get_mut(mode) {
            all.remove(&id);
        }
        by_mode.retain(|_, all| !all.is_empty());
        if by_mode.is_empty() {
            self.open.remove(device);
        }
    }

    fn open_ticket_of(&self, device: &DeviceKey, mode: &FailureModeId) -> Option<TicketId> {
        self.open.get(device)?.get(mode)?.last().copied()
    }
}
