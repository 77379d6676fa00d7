//! What stands: open alarms and tickets in short, kept in memory so that counters, the fleet and `/metrics` ask no database.
//!
//! The database decides. Rows are read and taken over under one lock, so the newest reading of a row always wins.

use super::alarms::record_of as alarm_of;
use super::tickets::record_of as ticket_of;
use crate::store::rows::{AlarmRow, TicketRow};
use crate::store::{Reader, StoreError};
use alerting::policy::Policy;
use alerting::ticket::TicketKind;
use dashboards::view::FleetCounts;
use domain::{
    DeviceKey, DeviceName, FailureModeId, Prognosis, RemainingLife, RiskLevel, Severity, SiteName, Timestamp,
};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};

/// Open alarms and tickets.
#[derive(Clone)]
pub struct Standing {
    policy: Arc<Policy>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    alarms: BTreeMap<String, OpenAlarm>,
    tickets: BTreeMap<u64, OpenTicket>,
}

struct OpenAlarm {
    revision: u64,
    device: DeviceKey,
    mode: FailureModeId,
    stands: bool,
    is_active: bool,
    needs_acknowledgement: bool,
    severity: Severity,
    risk: RiskLevel,
    prognosis: Prognosis,
}

struct OpenTicket {
    revision: u64,
    device: DeviceKey,
    kind: TicketKind,
    breaches: Vec<Timestamp>,
}

/// Why a device needs attention.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Attention {
    /// The worst of its active alarms.
    pub severity: Option<Severity>,
    /// The highest of its alarms.
    pub risk: Option<RiskLevel>,
    /// Alarms that are not normal.
    pub open_alarms: u32,
    /// Tickets with work left.
    pub open_tickets: u32,
    /// The shortest time left that an active alarm tells.
    pub life: Option<RemainingLife>,
}

/// What stands, in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StandingCounts {
    /// Alarms that are not normal: advisory, warning, critical.
    pub alarms: [u64; 3],
    /// Open tickets: reminder, inspection, emergency.
    pub tickets: [u64; 3],
    /// Alarms whose condition stands.
    pub active: u64,
    /// Alarms that nobody has seen.
    pub unacknowledged: u64,
    /// Clocks that ran out.
    pub breached_clocks: u64,
}

/// A row that changed while nobody followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missed {
    /// An alarm.
    Alarm(String),
    /// A ticket.
    Ticket(u64),
    /// An incident; counters do not follow it.
    Incident(u64),
}

impl Standing {
    /// Everything that is open.
    pub fn load(reader: &Reader, policy: Arc<Policy>) -> Result<Self, StoreError> {
        let standing = Standing {
            policy,
            state: Arc::default(),
        };
        standing.reload(reader)?;
        Ok(standing)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Reads an alarm and takes it over.
    pub fn follow_alarm(&self, reader: &Reader, id: &str) -> Result<Option<AlarmRow>, StoreError> {
        let mut state = self.state();
        let row = reader.alarm(id)?;
        match &row {
            Some(row) if row.is_open => {
                let alarm = open_alarm(row)?;
                state.alarms.insert(row.id.clone(), alarm);
            }
            // not seen is not gone
            None if reader.is_limited() => {}
            Some(_) | None => {
                state.alarms.remove(id);
            }
        }
        Ok(row)
    }

    /// Reads a ticket and takes it over.
    pub fn follow_ticket(&self, reader: &Reader, id: u64) -> Result<Option<TicketRow>, StoreError> {
        let mut state = self.state();
        let row = reader.ticket(id)?;
        match &row {
            Some(row) if row.is_open => {
                let ticket = self.open_ticket(row)?;
                state.tickets.insert(row.id, ticket);
            }
            // not seen is not gone
            None if reader.is_limited() => {}
            Some(_) | None => {
                state.tickets.remove(&id);
            }
        }
        Ok(row)
    }

    /// Reads everything anew; what had changed meanwhile.
    pub fn reload(&self, reader: &Reader) -> Result<Vec<Missed>, StoreError> {
        let mut state = self.state();
        let mut now = State::default();
        for row in reader.open_alarms()? {
            let alarm = open_alarm(&row)?;
            now.alarms.insert(row.id, alarm);
        }
        for row in reader.all_open_tickets()? {
            let ticket = self.open_ticket(&row)?;
            now.tickets.insert(row.id, ticket);
        }
        let before = std::mem::replace(&mut *state, now);
        let alarms = changed(before.alarms, &state.alarms, |a| a.revision)
            .into_iter()
            .map(Missed::Alarm);
        let tickets = changed(before.tickets, &state.tickets, |t| t.revision)
            .into_iter()
            .map(Missed::Ticket);
        Ok(alarms.chain(tickets).collect())
    }

    fn open_ticket(&self, row: &TicketRow) -> Result<OpenTicket, StoreError> {
        let record = ticket_of(row)?;
        let calendar = &record.terms(&self.policy).calendar;
        Ok(OpenTicket {
            revision: row.revision,
            device: record.device.clone(),
            kind: record.grade.kind,
            breaches: record
                .clocks
                .values()
                .filter_map(|clock| clock.due_at(calendar))
                .collect(),
        })
    }

    /// What stands, in numbers.
    pub fn counts(&self, now: Timestamp) -> StandingCounts {
        self.counts_of(now, |_| true)
    }

    /// The same of some devices.
    pub fn counts_of(&self, now: Timestamp, is_meant: impl Fn(&DeviceKey) -> bool) -> StandingCounts {
        let state = self.state();
        let mut counts = StandingCounts::default();
        for alarm in state.alarms.values().filter(|a| is_meant(&a.device)) {
            counts.active += u64::from(alarm.is_active);
            counts.unacknowledged += u64::from(alarm.needs_acknowledgement);
            counts.alarms[alarm.severity as usize] += u64::from(alarm.stands);
        }
        for ticket in state.tickets.values().filter(|t| is_meant(&t.device)) {
            counts.tickets[ticket.kind as usize] += 1;
            counts.breached_clocks += ticket.breaches.iter().filter(|at| **at <= now).count() as u64;
        }
        counts
    }

    /// Why devices need attention, for those that do.
    pub fn attention(&self) -> HashMap<DeviceKey, Attention> {
        let state = self.state();
        let mut devices: HashMap<DeviceKey, Attention> = HashMap::new();
        for alarm in state.alarms.values().filter(|a| a.stands) {
            let attention = devices.entry(alarm.device.clone()).or_default();
            attention.open_alarms += 1;
            attention.risk = attention.risk.max(Some(alarm.risk));
            if alarm.is_active {
                attention.severity = attention.severity.max(Some(alarm.severity));
                attention.life = sooner(attention.life, alarm.prognosis);
            }
        }
        for ticket in state.tickets.values() {
            devices.entry(ticket.device.clone()).or_default().open_tickets += 1;
        }
        devices
    }
}

impl Standing {
    /// The active alarms of a site: of each machine the severity of each failure mode that shows.
    pub fn showing_at(&self, site: &SiteName) -> BTreeMap<DeviceName, BTreeMap<FailureModeId, Severity>> {
        let state = self.state();
        let mut showing: BTreeMap<DeviceName, BTreeMap<FailureModeId, Severity>> = BTreeMap::new();
        let here = state.alarms.values().filter(|a| a.is_active && a.device.site == *site);
        for alarm in here {
            let modes = showing.entry(alarm.device.device.clone()).or_default();
            let worst = modes.entry(alarm.mode.clone()).or_insert(alarm.severity);
            *worst = (*worst).max(alarm.severity);
        }
        showing
    }
}

/// The shorter of two, by what is as likely as not.
pub fn sooner(life: Option<RemainingLife>, other: Prognosis) -> Option<RemainingLife> {
    match (life, other) {
        (life, Prognosis::NotYetKnown) => life,
        (None, Prognosis::Known(other)) => Some(other),
        (Some(life), Prognosis::Known(other)) => {
            let ends = |l: &RemainingLife| l.made_at + l.p50;
            Some(if ends(&other) < ends(&life) { other } else { life })
        }
    }
}

/// The counters at the top of the pages.
pub fn fleet_counts(devices: usize, online: usize, standing: StandingCounts) -> FleetCounts {
    let small = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
    FleetCounts {
        devices: small(devices as u64),
        online: small(online as u64),
        active_alarms: small(standing.active),
        unacknowledged_alarms: small(standing.unacknowledged),
        open_tickets: small(standing.tickets.iter().sum()),
        breached_clocks: small(standing.breached_clocks),
    }
}

fn open_alarm(row: &AlarmRow) -> Result<OpenAlarm, StoreError> {
    let record = alarm_of(row)?;
    Ok(OpenAlarm {
        revision: row.revision,
        stands: record.stands(),
        is_active: record.life.state.is_active(),
        // logic and work on the machine hide it from the counter; a shelved one a person still owes an answer
        needs_acknowledgement: record.life.state.needs_acknowledgement()
            && record.life.suppression.is_none()
            && record.life.out_of_service.is_none(),
        severity: record.life.severity,
        risk: record.risk.level,
        prognosis: record.prognosis,
        mode: record.failure_mode,
        device: record.device,
    })
}

/// Keys that are new, gone, or of another revision.
fn changed<K: Ord + Clone, T>(before: BTreeMap<K, T>, now: &BTreeMap<K, T>, revision: impl Fn(&T) -> u64) -> Vec<K> {
    let is_same =
        |key: &K, value: &T, other: &BTreeMap<K, T>| other.get(key).is_some_and(|o| revision(o) == revision(value));
    let mut keys: Vec<K> = now
        .iter()
        .filter(|(k, v)| !is_same(k, v, &before))
        .map(|(k, _)| k.clone())
        .collect();
    keys.extend(before.keys().filter(|k| !now.contains_key(k)).cloned());
    keys
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Millis;

    #[test]
    fn of_two_prognoses_the_one_that_ends_first_counts() {
        let life = |made, p50| RemainingLife {
            made_at: Timestamp(made),
            p10: Millis(p50 / 2),
            p50: Millis(p50),
            p90: Millis(p50 * 2),
            basis: domain::LifeBasis::Trend,
        };
        assert_eq!(sooner(None, Prognosis::NotYetKnown), None);
        assert_eq!(sooner(Some(life(0, 10)), Prognosis::NotYetKnown), Some(life(0, 10)));
        assert_eq!(
            sooner(Some(life(0, 100)), Prognosis::Known(life(50, 20))),
            Some(life(50, 20))
        );
        assert_eq!(
            sooner(Some(life(0, 60)), Prognosis::Known(life(50, 20))),
            Some(life(0, 60))
        );
    }

    #[test]
    fn what_is_new_gone_or_revised_has_changed() {
        let map = |rows: &[(&str, u64)]| {
            rows.iter()
                .map(|(k, r)| ((*k).to_owned(), *r))
                .collect::<BTreeMap<_, _>>()
        };
        let before = map(&[("a", 1), ("b", 1), ("c", 1)]);
        let now = map(&[("a", 1), ("b", 2), ("d", 1)]);
        assert_eq!(changed(before, &now, |r| *r), ["b", "d", "c"]);
    }
}
