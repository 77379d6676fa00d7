//! Devices for people: the fleet by what needs attention, one device with everything, its history.

use super::LiveBackend;
use super::alarms::record_of;
use super::readers::unavailable;
use super::standing::{Attention, fleet_counts, sooner};
use crate::history::{Filter, Level};
use crate::pipeline::shard::{LiveDevice, LiveSummary, ToShard, shard_of};
use crate::store::{AlarmList, Reader, StoredDevice};
use crate::web::backend::{Answer, BackendError, DeviceQuery, HistoryQuery};
use dashboards::view::{
    AlarmSpan, At, Connectivity, Device, DeviceSummary, FailureModeStatus, FleetCounts, History, HistoryLevel,
    HistoryPoint, LastValue, Metric, Page, Range,
};
use domain::{DeviceIndex, DeviceKey, Health, Millis, Names, Profile, Prognosis, SiteName, Timestamp, wire};
use models::explain::Learning;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Within this time the fleet is not asked again: shards have other work.
const FRESH: Duration = Duration::from_millis(500);
/// A shard that has not answered by then is busy.
const PATIENCE: Duration = Duration::from_secs(5);
/// Alarms looked at to shade a plot.
const MOST_SPANS: u32 = 200;
/// Tickets of a device on its page.
const MOST_TICKETS: u32 = 20;
/// Drifts of its model there.
const MOST_DRIFTS: u32 = 20;

/// The fleet at one moment, in the order of attention.
#[derive(Debug)]
pub struct Fleet {
    /// Every known device.
    pub devices: Vec<DeviceSummary>,
    /// Devices by [`Connectivity`].
    pub by_connectivity: [u64; 4],
}

impl Fleet {
    fn online(&self) -> usize {
        self.by_connectivity[Connectivity::Online as usize] as usize
    }
}

/// The last look at the fleet; whoever comes meanwhile waits for it instead of asking too.
#[derive(Debug, Default)]
pub struct LastLook(tokio::sync::Mutex<Option<(Instant, Arc<Fleet>)>>);

/// Whether a device is there: its own word first, then ours.
fn connectivity(said: Option<wire::Connectivity>, last_received: Option<Timestamp>, is_silent: bool) -> Connectivity {
    match (said, last_received) {
        (Some(wire::Connectivity::Offline), _) => Connectivity::Offline,
        (Some(wire::Connectivity::Online) | None, _) if is_silent => Connectivity::Silent,
        (Some(wire::Connectivity::Online), _) | (None, Some(_)) => Connectivity::Online,
        (None, None) => Connectivity::Unknown,
    }
}

fn not_found(key: &DeviceKey) -> BackendError {
    BackendError::NotFound {
        what: format!("device {key}"),
    }
}

/// A device that was heard at least once has a health.
fn health_of(last_received: Option<Timestamp>, health: Health) -> Option<f64> {
    last_received.map(|_| health.percent())
}

fn metric_view(profile: &Profile, seen: &models::explain::MetricSnapshot, names: &dyn Names) -> Metric {
    let plain = Metric::of_profile(profile, &names.metric(seen.metric));
    Metric {
        last: seen.value.map(|value| LastValue {
            value,
            measured_at: seen.measured_at.into(),
            quality: seen.quality,
        }),
        expected: seen.expected.map(|(low, high)| Range { low, high }),
        learned: match seen.learning {
            Learning::Learning { share } => Some(share),
            Learning::Provisional | Learning::Active => Some(1.0),
            Learning::NotLearned => None,
        },
        ..plain
    }
}

fn modes_of(profile: &Profile, live: Option<&LiveDevice>) -> Vec<FailureModeStatus> {
    let view = |(place, mode): (usize, &domain::profile::FailureMode)| {
        let now = live
            .filter(|l| l.last_received.is_some())
            .and_then(|l| l.snapshot.modes.get(place));
        FailureModeStatus {
            id: mode.id.clone(),
            title: mode.title.clone(),
            active: now.and_then(|m| m.severity),
            is_safety: mode.is_safety,
            part: mode.part.clone(),
            health: now.map(|m| m.health.percent()),
            time_left: now.and_then(|m| match m.prognosis {
                Prognosis::NotYetKnown => None,
                Prognosis::Known(life) => Some(life.into()),
            }),
        }
    };
    profile.modes.iter().enumerate().map(view).collect()
}

impl LiveBackend {
    /// The profile of a device, with its own limits.
    pub(super) fn profile_of(&self, key: &DeviceKey) -> Option<Arc<Profile>> {
        let directory = self.directory();
        let index = directory.find(key)?;
        Some(self.running.catalogue.engine_of(index, directory).shared_profile())
    }

    async fn ask_shard<T>(&self, shard: usize, question: ToShard, answer: oneshot::Receiver<T>) -> Answer<T> {
        let busy = || unavailable("the models are busy");
        let asking = async {
            self.running.ingest.shards[shard]
                .send(question)
                .await
                .map_err(|_| unavailable("the gateway stops"))?;
            answer.await.map_err(|_| unavailable("the gateway stops"))
        };
        tokio::time::timeout(PATIENCE, asking).await.map_err(|_| busy())?
    }

    async fn live(&self, index: DeviceIndex) -> Answer<Option<LiveDevice>> {
        let (reply, answer) = oneshot::channel();
        let shard = shard_of(index, self.running.ingest.shards.len());
        self.ask_shard(shard, ToShard::Snapshot(index, reply), answer).await
    }

    async fn live_summaries(&self) -> Answer<HashMap<DeviceIndex, LiveSummary>> {
        let asked: Vec<_> = (0..self.running.ingest.shards.len())
            .map(|shard| {
                let (reply, answer) = oneshot::channel();
                self.ask_shard(shard, ToShard::Summaries(reply), answer)
            })
            .collect();
        let answers = futures::future::join_all(asked).await;
        let mut all = HashMap::new();
        for answer in answers {
            all.extend(answer?.into_iter().map(|s| (s.device, s)));
        }
        Ok(all)
    }

    fn summary_of(
        &self,
        stored: &StoredDevice,
        live: Option<&LiveSummary>,
        attention: Option<&Attention>,
    ) -> DeviceSummary {
        let attention = attention.copied().unwrap_or_default();
        let title = self.titles.get(&stored.profile).cloned();
        DeviceSummary {
            site: stored.key.site.clone(),
            device: stored.key.device.clone(),
            profile: stored.profile.clone(),
            title: title.unwrap_or_default(),
            connectivity: live.map_or(Connectivity::Unknown, |l| {
                connectivity(l.connectivity, l.last_received, l.is_silent)
            }),
            last_seen: live.and_then(|l| l.last_received).map(Into::into),
            health: live.and_then(|l| health_of(l.last_received, l.health)),
            severity: attention.severity,
            risk: attention.risk,
            open_alarms: attention.open_alarms,
            open_tickets: attention.open_tickets,
            time_left: attention.life.map(Into::into),
        }
    }

    /// The fleet now, or a moment ago.
    pub(super) async fn fleet(&self) -> Answer<Arc<Fleet>> {
        let mut last = self.last_look.0.lock().await;
        if let Some((at, fleet)) = &*last
            && at.elapsed() < FRESH
            // a device that has just come is seen at once
            && fleet.devices.len() == self.directory().sizes().0
        {
            return Ok(fleet.clone());
        }
        let live = self.live_summaries().await?;
        let attention = self.standing.attention();
        let (stored, _) = self.directory().since(0, 0);
        let summary = |s: &StoredDevice| self.summary_of(s, live.get(&s.index), attention.get(&s.key));
        let mut devices: Vec<DeviceSummary> = stored.iter().map(summary).collect();
        devices.sort_by(DeviceSummary::attention_order);
        let mut by_connectivity = [0; 4];
        for device in &devices {
            by_connectivity[device.connectivity as usize] += 1;
        }
        self.connectivity.send_replace(by_connectivity);
        let fleet = Arc::new(Fleet {
            devices,
            by_connectivity,
        });
        *last = Some((Instant::now(), fleet.clone()));
        Ok(fleet)
    }

    pub(super) async fn fleet_counts(&self) -> Answer<FleetCounts> {
        let (fleet, now) = (self.fleet().await?, self.clock().now());
        if self.sight.is_all() {
            return Ok(fleet_counts(
                fleet.devices.len(),
                fleet.online(),
                self.standing.counts(now),
            ));
        }
        let seen: Vec<&DeviceSummary> = fleet.devices.iter().filter(|d| self.sees(d)).collect();
        let online = seen.iter().filter(|d| d.connectivity == Connectivity::Online).count();
        let standing = self.standing.counts_of(now, |device| self.sight.sees(device));
        Ok(fleet_counts(seen.len(), online, standing))
    }

    pub(super) fn sees(&self, device: &DeviceSummary) -> bool {
        // not everybody's names are cloned for those who see everything
        self.sight.is_all()
            || self.sight.sees(&DeviceKey {
                site: device.site.clone(),
                device: device.device.clone(),
            })
    }

    pub(super) fn list_sites(&self) -> Vec<SiteName> {
        let (stored, _) = self.directory().since(0, 0);
        let seen = stored.into_iter().filter(|s| self.sight.sees(&s.key));
        let sites: BTreeSet<SiteName> = seen.map(|s| s.key.site).collect();
        sites.into_iter().collect()
    }

    pub(super) async fn list_devices(&self, query: DeviceQuery) -> Answer<Page<DeviceSummary>> {
        let fleet = self.fleet().await?;
        let wanted = query.text.to_lowercase();
        let has = |text: &str| text.to_lowercase().contains(&wanted);
        let fits = |d: &&DeviceSummary| {
            self.sees(d)
                && query.site.as_ref().is_none_or(|site| *site == d.site)
                && (wanted.is_empty()
                    || has(&format!("{}/{}", d.site, d.device))
                    || has(&d.profile)
                    || has(&d.title.en)
                    || has(&d.title.zh))
        };
        let all = fleet.devices.iter().filter(fits).cloned();
        Ok(Page::cut(all, query.slice.cursor.as_deref(), query.slice.limit, |d| {
            format!("{}/{}", d.site, d.device)
        }))
    }

    pub(super) async fn read_device(&self, key: DeviceKey) -> Answer<Device> {
        let directory = self.directory();
        let index = directory.find(&key).ok_or_else(|| not_found(&key))?;
        let stored = directory.stored(index).ok_or_else(|| not_found(&key))?;
        let live = self.live(index).await?;
        let engine = match &live {
            Some(live) => live.engine.clone(),
            None => self.running.catalogue.engine_of(index, directory),
        };
        let profile = engine.profile();
        let (backend, wanted) = (self.clone(), key.clone());
        let ask = move |reader: &Reader| {
            let (site, device) = (wanted.site.to_string(), wanted.device.to_string());
            let tickets = reader.tickets_of_device(&site, &device, MOST_TICKETS)?;
            let list = AlarmList {
                site: Some(site),
                device: Some(device),
                ..AlarmList::default()
            };
            let alarms = reader.alarm_list(&list, 100)?;
            let alarms = alarms
                .iter()
                .map(|row| backend.alarm_view(row))
                .collect::<Result<Vec<_>, _>>()?;
            let tickets = tickets
                .iter()
                .map(|row| backend.ticket_summary(row))
                .collect::<Result<Vec<_>, _>>()?;
            let drifts = reader.drifts(&wanted, MOST_DRIFTS)?;
            Ok((alarms, tickets, drifts))
        };
        let (alarms, tickets, drifts) = self.readers.ask(ask).await?;
        let summary = live.as_ref().map(|l| LiveSummary {
            device: index,
            health: l.snapshot.health,
            connectivity: l.connectivity,
            last_received: l.last_received,
            is_silent: l.is_silent,
        });
        let mut attention = self.standing.attention().get(&key).copied().unwrap_or_default();
        // the models know more recent times than the alarms that they once raised
        let modes = live.iter().flat_map(|l| &l.snapshot.modes);
        attention.life = modes
            .fold(None, |life, mode| sooner(life, mode.prognosis))
            .or(attention.life);
        let entry = directory.registry().entry(&key);
        let text =
            |get: fn(&domain::registry::DeviceEntry) -> &String| entry.map(|e| get(e).clone()).unwrap_or_default();
        let mut device = Device {
            parent: None,
            carries: 0,
            summary: self.summary_of(&stored, summary.as_ref(), Some(&attention)),
            profile_title: profile.title.clone(),
            profile_version: profile.version,
            model: engine.version().to_string(),
            operating_mode: live.as_ref().and_then(|l| l.snapshot.operating_mode.clone()),
            serial_number: text(|e| &e.serial_number),
            location: text(|e| &e.location),
            customer: text(|e| &e.customer),
            metrics: live
                .iter()
                .flat_map(|l| &l.snapshot.metrics)
                .map(|metric| metric_view(profile, metric, &**directory))
                .collect(),
            failure_modes: modes_of(profile, live.as_ref()),
            alarms,
            tickets,
            drifts: drifts.into_iter().map(Into::into).collect(),
        };
        self.place_in_tree(&key, &mut device).await?;
        Ok(device)
    }

    pub(super) async fn read_history(&self, query: HistoryQuery) -> Answer<History> {
        let profile = self.profile_of(&query.device).ok_or_else(|| not_found(&query.device))?;
        let unknown = || BackendError::NotFound {
            what: format!("metric {} of {}", query.metric, query.device),
        };
        self.directory().find_metric(&query.metric).ok_or_else(unknown)?;
        let (recorded, asked) = (self.running.history.clone(), query.clone());
        let to = query.to.unwrap_or(self.clock().now() + Millis(1));
        let from = query.from.unwrap_or(Timestamp(i64::MIN));
        let ask = move |reader: &Reader| {
            let until = query_rows(reader, &asked.device, to)?;
            let series = recorded.range(&asked.device, &asked.metric, from, to, asked.max_points);
            let is_known = series.as_ref().is_ok_and(|s| !s.points.is_empty()) || {
                let HistoryQuery { device, metric, .. } = asked;
                let filter = Filter {
                    site: Some(device.site),
                    device: Some(device.device),
                    metric: Some(metric),
                };
                !recorded.series(&filter).is_empty()
            };
            Ok((until, series, is_known))
        };
        let (rows, series, is_known) = self.readers.ask(ask).await?;
        let series = series.map_err(|error| {
            let source = std::error::Error::source(&error).map(ToString::to_string);
            tracing::error!(%error, source, "history does not answer a page");
            unavailable("the history does not answer")
        })?;
        let spec = profile.metrics.get(&query.metric);
        if !is_known && spec.is_none() {
            return Err(unknown());
        }
        let points: Vec<HistoryPoint> = (series.points.iter())
            .map(|p| HistoryPoint {
                at: p.at.into(),
                count: p.count,
                min: p.min,
                mean: p.mean,
                max: p.max,
            })
            .collect();
        let from = query.from.or(points.first().map(|p| p.at.0)).unwrap_or(to);
        Ok(History {
            metric: query.metric,
            unit: spec.map(|s| s.unit.clone()).unwrap_or_default(),
            from: from.into(),
            to: to.into(),
            level: match series.level {
                Level::Raw => HistoryLevel::Raw,
                Level::Minute => HistoryLevel::Minute,
                Level::Hour => HistoryLevel::Hour,
            },
            points,
            alarm_spans: rows
                .into_iter()
                .filter(|s| s.to.is_none_or(|end| end.0 > from))
                .collect(),
        })
    }

    /// How many devices each profile judges.
    pub(super) fn devices_by_profile(&self) -> HashMap<String, u32> {
        let (stored, _) = self.directory().since(0, 0);
        let mut counts = HashMap::new();
        for device in stored.into_iter().filter(|d| self.sight.sees(&d.key)) {
            *counts.entry(device.profile).or_default() += 1;
        }
        counts
    }
}

/// When alarms of a device stood, of those raised before `until`.
fn query_rows(reader: &Reader, key: &DeviceKey, until: Timestamp) -> Result<Vec<AlarmSpan>, crate::store::StoreError> {
    let rows = reader.alarms_of_device(key.site.as_str(), key.device.as_str(), until, MOST_SPANS)?;
    let span = |row: &crate::store::rows::AlarmRow| {
        let record = record_of(row)?;
        let is_active = record.life.state.is_active();
        Ok(AlarmSpan {
            alarm_id: row.id.clone(),
            failure_mode: row.failure_mode.clone(),
            severity: record.life.severity,
            from: record.raised_at.into(),
            // the latest change of a condition that is gone was its end
            to: (!is_active).then_some(At(record.measured_at)),
        })
    };
    rows.iter().map(span).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_what_it_says_until_it_falls_silent() {
        use wire::Connectivity::{Offline, Online};
        let heard = Some(Timestamp(1));
        for (said, last, is_silent, expected) in [
            (None, None, false, Connectivity::Unknown),
            (None, heard, false, Connectivity::Online),
            (None, heard, true, Connectivity::Silent),
            (Some(Online), heard, false, Connectivity::Online),
            (Some(Online), heard, true, Connectivity::Silent),
            (Some(Offline), heard, false, Connectivity::Offline),
            (Some(Offline), heard, true, Connectivity::Offline),
        ] {
            assert_eq!(
                connectivity(said, last, is_silent),
                expected,
                "{said:?} {last:?} {is_silent}"
            );
        }
    }
}
