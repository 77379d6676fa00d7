//! How much the people of a site are told: a budget of notices, a summary of what is beyond it, and a record of floods.
//!
//! Pure, and small whatever happens: times of the latest notices and alarms, and counts.

use crate::policy::StormSettings;
use domain::{Severity, SiteName, Timestamp};
use serde::{Deserialize, Serialize};

/// Floods that are remembered, the newest.
const MAX_FLOODS: usize = 100;
/// Subjects that a summary names.
const MAX_NAMED: usize = 10;

/// How much a notice matters when not all can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeWeight {
    /// An alarm or ticket of one machine.
    Ordinary,
    /// An incident, or a summary.
    Summary,
    /// Danger to people.
    Emergency,
}

/// Notices that were not given one by one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Our time of the first.
    pub since: Timestamp,
    /// How many.
    pub count: u32,
    /// The worst severity, if any told one.
    pub worst: Option<Severity>,
    /// What the first were about.
    pub named: Vec<String>,
}

/// A flood of alarms, from beginning to end, our time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flood {
    /// It began.
    pub from: Timestamp,
    /// It ended; none: it lasts.
    pub until: Option<Timestamp>,
    /// Alarms that were announced in it.
    pub alarms: u32,
}

/// A summary of held notices, ready to be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Of which site.
    pub site: SiteName,
    /// Its number at this site, from 1.
    pub number: u64,
    /// What was held.
    pub held: Held,
    /// Our time.
    pub at: Timestamp,
}

/// What the people of one site were told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteNotices {
    /// Which site.
    pub site: SiteName,
    /// Our times of the notices within the span of the limit, the oldest first.
    pub given: Vec<Timestamp>,
    /// What waits for a summary.
    pub held: Option<Held>,
    /// Our time of the last summary.
    pub summed_up_at: Option<Timestamp>,
    /// How many summaries there were.
    pub summaries: u64,
    /// Our times of the latest announced alarms, one more than a flood needs, the oldest first.
    pub announced: Vec<Timestamp>,
    /// Floods, the oldest first; the last may be going on.
    pub floods: Vec<Flood>,
}

impl SiteNotices {
    /// Nothing told yet.
    pub fn new(site: SiteName) -> Self {
        SiteNotices {
            site,
            given: Vec::new(),
            held: None,
            summed_up_at: None,
            summaries: 0,
            announced: Vec::new(),
            floods: Vec::new(),
        }
    }

    /// Whether a notice of this weight may be given at `now`; counts it if so.
    pub fn may_give(&mut self, weight: NoticeWeight, settings: &StormSettings, now: Timestamp) -> bool {
        let Some(limit) = settings.notices else {
            return true;
        };
        self.forget_given(settings, now);
        let free = match weight {
            NoticeWeight::Ordinary => limit - settings.notices_kept,
            // The last is for danger to people.
            NoticeWeight::Summary => limit - settings.notices_kept.min(1),
            NoticeWeight::Emergency => limit,
        };
        let is_free = self.given.len() < free;
        if is_free {
            self.given.push(now);
        }
        is_free
    }

    fn forget_given(&mut self, settings: &StormSettings, now: Timestamp) {
        self.given.retain(|at| now - *at < settings.notices_within);
    }

    /// Keeps a notice for the next summary.
    pub fn hold(&mut self, subject: &str, severity: Option<Severity>, now: Timestamp) {
        let held = self.held.get_or_insert_with(|| Held {
            since: now,
            count: 0,
            worst: None,
            named: Vec::new(),
        });
        held.count = held.count.saturating_add(1);
        held.worst = held.worst.max(severity);
        if held.named.len() < MAX_NAMED {
            held.named.push(subject.to_owned());
        }
    }

    /// The summary, if one is due and may be given.
    pub fn sum_up(&mut self, settings: &StormSettings, now: Timestamp) -> Option<Summary> {
        if self.summary_at(settings)? > now || !self.may_give(NoticeWeight::Summary, settings, now) {
            return None;
        }
        self.summaries += 1;
        self.summed_up_at = Some(now);
        Some(Summary {
            site: self.site.clone(),
            number: self.summaries,
            held: self.held.take()?,
            at: now,
        })
    }

    /// When the next summary is due: a while after the first held notice, an interval after the last summary, and not before
    /// the limit allows it.
    pub fn summary_at(&self, settings: &StormSettings) -> Option<Timestamp> {
        let gathered = self.held.as_ref()?.since + settings.wait;
        let spaced = self
            .summed_up_at
            .map_or(gathered, |at| gathered.max(at + settings.interval));
        let limit = settings.notices.unwrap_or(usize::MAX) - settings.notices_kept.min(1);
        let freed = match self.given.len().checked_sub(limit) {
            Some(over) => self.given.get(over).map(|at| *at + settings.notices_within),
            None => None,
        };
        Some(freed.map_or(spaced, |at| spaced.max(at)))
    }

    /// An alarm was announced. Says whether a flood begins with it.
    pub fn alarm(&mut self, settings: &StormSettings, now: Timestamp) -> bool {
        self.announced.push(now);
        let most = settings.flood_above + 1;
        if self.announced.len() > most {
            self.announced.drain(..self.announced.len() - most);
        }
        let is_many = self.announced.len() == most && now - self.announced[0] < settings.flood_within;
        if let Some(flood) = self.flood_mut() {
            flood.alarms = flood.alarms.saturating_add(1);
            return false;
        }
        if is_many {
            self.floods.push(Flood {
                from: self.announced[0],
                until: None,
                alarms: most as u32,
            });
            if self.floods.len() > MAX_FLOODS {
                self.floods.remove(0);
            }
        }
        is_many
    }

    /// Ends a flood whose time is over; gives it.
    pub fn end_flood(&mut self, settings: &StormSettings, now: Timestamp) -> Option<Flood> {
        let at = self.flood_ends_at(settings).filter(|at| *at <= now)?;
        let flood = self.flood_mut()?;
        flood.until = Some(at);
        Some(flood.clone())
    }

    fn flood_mut(&mut self) -> Option<&mut Flood> {
        self.floods.last_mut().filter(|flood| flood.until.is_none())
    }

    /// Whether there is a flood.
    pub fn is_flooded(&self) -> bool {
        self.floods.last().is_some_and(|flood| flood.until.is_none())
    }

    /// When the flood is over if no more alarms come.
    fn flood_ends_at(&self, settings: &StormSettings) -> Option<Timestamp> {
        if !self.is_flooded() {
            return None;
        }
        // As long as the alarm this many places from the end is within the span, there are enough.
        let place = self.announced.len().checked_sub(settings.flood_below.max(1))?;
        self.announced.get(place).map(|at| *at + settings.flood_within)
    }

    /// When it must be looked at next.
    pub fn next_deadline(&self, settings: &StormSettings) -> Option<Timestamp> {
        let all = [self.summary_at(settings), self.flood_ends_at(settings)];
        all.into_iter().flatten().min()
    }
}
