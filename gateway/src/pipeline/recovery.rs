//! A restart: names, learned states, the journal's tail through the same code as live, and the book from its rows.

use super::batch::Side;
use super::catalogue::{Catalogue, put_in_force, release_of};
use super::device::DeviceMemory;
use super::releases::Releases;
use super::shard::{Shard, shard_of};
use crate::ingest::directory::Directory;
use crate::store::codec::EntryReader;
use crate::store::rows::ModelState;
use crate::store::{Reader, StoreError};
use alerting::Book;
use alerting::book::Snapshot;
use alerting::episode::PastEpisode;
use alerting::knowledge::EntryRecord;
use alerting::on_call::overrides::OverrideRecord;
use alerting::policy::Policy;
use alerting::record::AlarmRecord;
use alerting::storm::{IncidentRecord, SiteNotices};
use alerting::ticket::TicketRecord;
use alerting::window::WindowRecord;
use domain::DeviceIndex;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Bytes of journal read at a time.
const READ_BYTES: usize = 8 << 20;

/// What a restart found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Devices whose learned state was read.
    pub devices: u64,
    /// Devices whose learned state could not be read: they learn anew.
    pub damaged: u64,
    /// Records of the journal played again.
    pub replayed: u64,
    /// The last position played.
    pub position: u64,
}

/// What judges and what runs in shadow, before anything is judged again.
///
/// # Errors
/// A row cannot be read.
pub fn restore_models(reader: &Reader, catalogue: &Catalogue, directory: &Directory) -> Result<Releases, StoreError> {
    let releases = Releases::restore(reader.models()?);
    // checkpoints and journal may still name what has ended since
    let ran = releases.all().filter(|row| row.shadow_since.is_some());
    for release in ran.filter_map(|row| release_of(row, directory)) {
        catalogue.know(release);
    }
    let profiles: BTreeSet<&str> = releases.all().map(|row| row.profile.as_str()).collect();
    for profile in profiles {
        put_in_force(catalogue, &releases, profile, directory);
    }
    Ok(releases)
}

/// Devices with a failure mode that stands by the model in shadow must know it, so that its end is noticed.
///
/// # Errors
/// A row cannot be read.
pub fn restore_comparisons(
    reader: &Reader,
    releases: &Releases,
    directory: &Directory,
    shards: &mut [Shard],
) -> Result<(), StoreError> {
    let of = shards.len();
    for row in releases.all().filter(|row| row.state == ModelState::Shadow) {
        let (alarms, _) = reader.comparison(&row.version)?;
        for alarm in alarms
            .iter()
            .filter(|a| a.side == Side::Shadow && a.cleared_at.is_none())
        {
            if let Some(device) = directory.find(&alarm.device) {
                let shard = &mut shards[shard_of(device, of)];
                shard.adopt_standing_in_shadow(device, &row.version, alarm.failure_mode.as_str(), alarm.severity);
            }
        }
    }
    Ok(())
}

/// Gives the shards what they knew.
///
/// # Errors
/// The store cannot be read, or the journal is damaged: then a person must decide (restore a backup), because going on
/// would silently forget.
pub fn restore_shards(reader: &Reader, shards: &mut [Shard]) -> Result<Recovered, StoreError> {
    let mut recovered = Recovered::default();
    let of = shards.len();
    reader.checkpoints(|checkpoint| match DeviceMemory::from_bytes(&checkpoint.state) {
        Ok(memory) => {
            recovered.devices += 1;
            shards[shard_of(checkpoint.device, of)].restore(checkpoint.device, memory, checkpoint.position);
        }
        Err(error) => {
            recovered.damaged += 1;
            tracing::warn!(device = checkpoint.device.0, %error, "the learned state of a device cannot be read; it learns anew");
        }
    })?;
    let mut position = reader.meta("replay_from")?.unwrap_or(0) as u64;
    loop {
        let entries = reader.journal_after(position, READ_BYTES)?;
        if entries.is_empty() {
            break;
        }
        for (at, entry) in entries {
            let damaged = |problem: String| StoreError::Damaged {
                what: format!("journal entry {at}"),
                problem,
            };
            let mut records = EntryReader::new(&entry).map_err(|e| damaged(e.to_string()))?;
            while let Some(record) = records.next().map_err(|e| damaged(e.to_string()))? {
                let device: DeviceIndex = record.device();
                shards[shard_of(device, of)].replay(at, &record);
                recovered.replayed += 1;
            }
            position = at;
        }
    }
    recovered.position = position;
    Ok(recovered)
}

/// The book from its rows; devices whose alarms stand are told.
///
/// # Errors
/// A row cannot be read.
pub fn restore_book(
    reader: &Reader,
    policy: Arc<Policy>,
    directory: &Directory,
    shards: &mut [Shard],
) -> Result<Book, StoreError> {
    let damaged = |what: String| {
        move |error: serde_json::Error| StoreError::Damaged {
            what,
            problem: error.to_string(),
        }
    };
    let mut alarms: Vec<AlarmRecord> = Vec::new();
    for row in reader.last_alarms()? {
        alarms.push(serde_json::from_str(&row.record).map_err(damaged(format!("alarm {}", row.id)))?);
    }
    let mut tickets: Vec<TicketRecord> = Vec::new();
    for row in reader.tickets_to_restore()? {
        tickets.push(serde_json::from_str(&row.record).map_err(damaged(format!("ticket {}", row.id)))?);
    }
    let mut windows: Vec<WindowRecord> = Vec::new();
    for row in reader.open_windows()? {
        windows.push(serde_json::from_str(&row.record).map_err(damaged(format!("maintenance window {}", row.id)))?);
    }
    let mut overrides: Vec<OverrideRecord> = Vec::new();
    for row in reader.standing_overrides()? {
        overrides.push(serde_json::from_str(&row.record).map_err(damaged(format!("on-call override {}", row.id)))?);
    }
    let mut knowledge: Vec<EntryRecord> = Vec::new();
    for row in reader.entries()? {
        knowledge.push(serde_json::from_str(&row.record).map_err(damaged(format!("knowledge entry {}", row.id)))?);
    }
    let mut episodes: Vec<PastEpisode> = Vec::new();
    for row in reader.episodes()? {
        episodes.push(serde_json::from_str(&row.record).map_err(damaged(format!("episode {}", row.alarm)))?);
    }
    let mut incidents: Vec<IncidentRecord> = Vec::new();
    for row in reader.open_incidents()? {
        incidents.push(serde_json::from_str(&row.record).map_err(damaged(format!("incident {}", row.id)))?);
    }
    let mut notices: Vec<SiteNotices> = Vec::new();
    for row in reader.site_notices()? {
        notices.push(serde_json::from_str(&row.record).map_err(damaged(format!("notices of site {}", row.site)))?);
    }
    let of = shards.len();
    for alarm in alarms.iter().filter(|a| a.life.state.is_active()) {
        if let Some(device) = directory.find(&alarm.device) {
            shards[shard_of(device, of)].adopt_standing(device, alarm.failure_mode.as_str(), alarm.life.severity);
        }
    }
    let last_ticket = reader.last_ticket_number()?;
    Ok(Book::restore(
        policy,
        Snapshot {
            alarms,
            tickets,
            last: Vec::new(),
            last_ticket,
            windows,
            last_window: reader.last_window_number()?,
            overrides,
            last_override: reader.last_override_number()?,
            episodes,
            incidents,
            last_incident: reader.last_incident_number()?,
            notices,
            knowledge,
            last_entry: reader.last_entry_number()?,
            stock: reader.stock_levels()?,
            ticket_parts: reader.parts_of_live_tickets()?,
            stock_watch: reader.stock_watch()?,
        },
    ))
}
