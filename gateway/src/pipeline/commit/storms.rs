//! What the commit thread does about storms: the last word on each incident and site is written once a commit, what begins and
//! ends is logged and counted, pages hear of it.

use super::Changed;
use crate::pipeline::records::{incident_row, notices_row};
use crate::store::{Commit, StoreError};
use alerting::Book;
use alerting::effect::Effect;
use alerting::storm::{IncidentCause, IncidentId, IncidentRecord, SiteNotices};
use domain::SiteName;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::broadcast;

/// Storms in numbers, for whoever scrapes.
#[derive(Debug, Default)]
pub struct StormCounts {
    open: AtomicU64,
    by_parent: AtomicU64,
    by_common_cause: AtomicU64,
    flooded: AtomicU64,
    floods: AtomicU64,
}

/// The same at one moment. Counters begin at 0 with the process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StormFigures {
    /// Incidents that are not over.
    pub incidents_open: u64,
    /// Incidents found, because a machine is down that others hang on.
    pub incidents_by_parent: u64,
    /// Incidents found, because many machines show the same.
    pub incidents_by_common_cause: u64,
    /// Sites with a flood of alarms.
    pub sites_flooded: u64,
    /// Floods that began.
    pub floods: u64,
}

impl StormCounts {
    /// What stands in a book, and nothing counted yet.
    pub fn of(book: &Book) -> Arc<Self> {
        let counts = StormCounts::default();
        counts.open.store(book.incidents().count() as u64, Ordering::Relaxed);
        let flooded = book.notices().filter(|site| site.is_flooded()).count();
        counts.flooded.store(flooded as u64, Ordering::Relaxed);
        Arc::new(counts)
    }

    /// The figures now.
    pub fn figures(&self) -> StormFigures {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        StormFigures {
            incidents_open: of(&self.open),
            incidents_by_parent: of(&self.by_parent),
            incidents_by_common_cause: of(&self.by_common_cause),
            sites_flooded: of(&self.flooded),
            floods: of(&self.floods),
        }
    }
}

/// Which incidents last and which sites are flooded, as last announced.
pub(super) struct Watch {
    counts: Arc<StormCounts>,
    open: BTreeSet<IncidentId>,
    flooded: BTreeSet<SiteName>,
}

/// The last of each: in a storm thousands of effects name the same incident and the same site.
struct Last<'a> {
    incidents: BTreeMap<IncidentId, &'a IncidentRecord>,
    sites: BTreeMap<&'a SiteName, &'a SiteNotices>,
}

impl<'a> Last<'a> {
    fn of(effects: &'a [Effect]) -> Self {
        let (mut incidents, mut sites) = (BTreeMap::new(), BTreeMap::new());
        for effect in effects {
            match effect {
                Effect::IncidentChanged { record } => {
                    incidents.insert(record.id, &**record);
                }
                Effect::NoticesChanged { record } => {
                    sites.insert(&record.site, &**record);
                }
                Effect::AlarmChanged { .. }
                | Effect::TicketChanged { .. }
                | Effect::WindowChanged { .. }
                | Effect::OverrideChanged { .. }
                | Effect::KnowledgeChanged { .. }
                | Effect::EpisodeClosed { .. }
                | Effect::StockChanged { .. }
                | Effect::Audit(_)
                | Effect::Publish(_) => {}
            }
        }
        Last { incidents, sites }
    }
}

/// One row for each incident and site that changed.
pub(super) fn write(commit: &Commit<'_>, effects: &[Effect]) -> Result<(), StoreError> {
    let last = Last::of(effects);
    for incident in last.incidents.values() {
        commit.incident(&incident_row(incident))?;
    }
    for site in last.sites.values() {
        commit.notices(&notices_row(site))?;
    }
    Ok(())
}

impl Watch {
    pub(super) fn new(book: &Book, counts: Arc<StormCounts>) -> Self {
        let flooded = book.notices().filter(|site| site.is_flooded());
        Watch {
            counts,
            open: book.incidents().map(|incident| incident.id).collect(),
            flooded: flooded.map(|site| site.site.clone()).collect(),
        }
    }

    /// On disk: pages, log and counters hear of it.
    pub(super) fn announce(&mut self, effects: &[Effect], changed: &broadcast::Sender<Changed>) {
        let last = Last::of(effects);
        for incident in last.incidents.values() {
            self.incident(incident);
            // nobody may be listening; that is no error
            changed.send(Changed::Incident(incident.id.0)).ok();
        }
        for site in last.sites.values() {
            self.site(site);
        }
    }

    fn incident(&mut self, incident: &IncidentRecord) {
        // one that is not known and over again began and ended within this commit
        let is_new = !self.open.contains(&incident.id);
        if is_new {
            let found = match incident.cause {
                IncidentCause::ParentDown { .. } => &self.counts.by_parent,
                IncidentCause::CommonMode { .. } => &self.counts.by_common_cause,
            };
            found.fetch_add(1, Ordering::Relaxed);
            tracing::info!(incident = %incident.id, site = %incident.site, cause = incident.cause.as_str(), title = incident.title.en, members = incident.members, "incident found");
        }
        if incident.is_open() {
            self.open.insert(incident.id);
        } else {
            self.open.remove(&incident.id);
            tracing::info!(incident = %incident.id, site = %incident.site, members = incident.members, "incident over");
        }
        self.counts.open.store(self.open.len() as u64, Ordering::Relaxed);
    }

    fn site(&mut self, site: &SiteNotices) {
        if site.is_flooded() && self.flooded.insert(site.site.clone()) {
            self.counts.floods.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(site = %site.site, "a flood of alarms begins: more than one person can answer");
        } else if !site.is_flooded() && self.flooded.remove(&site.site) {
            let alarms = site.floods.last().map_or(0, |flood| flood.alarms);
            tracing::info!(site = %site.site, alarms, "the flood of alarms is over");
        }
        self.counts.flooded.store(self.flooded.len() as u64, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alerting::storm::Flood;
    use domain::Timestamp;

    fn site(until: Option<Timestamp>) -> Effect {
        let mut record = SiteNotices::new(SiteName::new("harbour").expect("fine"));
        let from = Timestamp(1);
        record.floods.push(Flood {
            from,
            until,
            alarms: 12,
        });
        Effect::NoticesChanged {
            record: Box::new(record),
        }
    }

    #[test]
    fn a_flood_is_counted_once_however_many_effects_name_its_site_and_only_the_last_is_written() {
        let counts = StormCounts::of(&Book::new(Arc::default()));
        let mut watch = Watch::new(&Book::new(Arc::default()), counts.clone());
        let (changed, _) = broadcast::channel(1);
        for _ in 0..3 {
            watch.announce(&[site(None), site(None)], &changed);
        }
        assert_eq!((counts.figures().floods, counts.figures().sites_flooded), (1, 1));
        watch.announce(&[site(None), site(Some(Timestamp(9)))], &changed);
        assert_eq!((counts.figures().floods, counts.figures().sites_flooded), (1, 0));
        let effects = [site(None), site(Some(Timestamp(9)))];
        let last = Last::of(&effects);
        assert_eq!(last.sites.len(), 1);
        assert!(last.sites.values().all(|site| !site.is_flooded()));
    }
}
