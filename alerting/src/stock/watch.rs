//! Which parts run low, looked at once a day: each is told once until it has recovered.

use super::forecast::Forecast;
use super::parts::Parts;
use super::place::PartNumber;
use domain::text::Text;
use domain::{DeviceKey, Millis, SiteName, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// So often it is looked at.
pub const CHECK_EVERY: Millis = Millis::days(1);
/// Receivers for certain groups get the notice as this group.
pub const PARTS_KEEPERS: &str = "parts_keepers";
/// Parts listed in a notice, those to be ordered first.
const MOST_PARTS: usize = 50;
/// Machines named for each.
const MOST_DEVICES: usize = 10;
/// Parts named in the sentence for people.
const MOST_NAMED: usize = 10;

/// The stock belongs to no site; messages of it carry this name.
pub fn stock_site() -> SiteName {
    SiteName::new("stock").expect("a name")
}

/// What was found when it was looked at last.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StockWatch {
    /// Our time; none: never yet.
    pub checked_at: Option<Timestamp>,
    /// Parts that were low then, and were told.
    pub low: BTreeSet<PartNumber>,
}

/// A part that has become low.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LowPart {
    /// Which.
    pub part: PartNumber,
    /// For people; may be empty.
    pub name: Text,
    /// All places together.
    pub on_hand: u32,
    /// Of these, kept back for tickets.
    pub reserved: u32,
    /// Expected demand within the lead time, pieces.
    pub demand: f64,
    /// There shall never be fewer.
    pub reorder_point: u32,
    /// From ordering to having it, days.
    pub lead_time_days: u32,
    /// Order by then.
    pub order_by: Option<Timestamp>,
    /// So many.
    pub order_quantity: u32,
    /// The machines behind it, the likeliest first; at most 10.
    pub devices: Vec<DeviceKey>,
}

/// Parts that have become low, for receivers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LowParts {
    /// Which; at most 50.
    pub parts: Vec<LowPart>,
    /// How many there are.
    pub count: u32,
    /// Our time.
    pub at: Timestamp,
}

impl StockWatch {
    /// When it is looked at next.
    pub fn next_check(&self) -> Timestamp {
        self.checked_at.map_or(Timestamp(0), |at| at + CHECK_EVERY)
    }

    /// Takes what is foretold now; says which parts are low and were not before.
    pub fn check(&mut self, parts: &Parts, found: &[Forecast], now: Timestamp) -> Option<LowParts> {
        let low: BTreeSet<PartNumber> = found.iter().filter(|f| f.is_low).map(|f| f.part.clone()).collect();
        let mut fresh: Vec<&Forecast> = found
            .iter()
            .filter(|f| f.is_low && !self.low.contains(&f.part))
            .collect();
        (self.low, self.checked_at) = (low, Some(now));
        if fresh.is_empty() {
            return None;
        }
        fresh.sort_by(|a, b| (a.order_by, &a.part).cmp(&(b.order_by, &b.part)));
        let listed = fresh.iter().take(MOST_PARTS).filter_map(|found| {
            let part = parts.find(found.part.as_str())?;
            Some(LowPart {
                part: found.part.clone(),
                name: part.name.clone(),
                on_hand: found.counts.on_hand,
                reserved: found.counts.reserved,
                demand: found.foretold + found.unforeseen,
                reorder_point: part.reorder_point,
                lead_time_days: part.lead_time_days,
                order_by: found.order_by,
                order_quantity: found.order_quantity,
                devices: found
                    .causes
                    .iter()
                    .take(MOST_DEVICES)
                    .map(|c| c.device.clone())
                    .collect(),
            })
        });
        Some(LowParts {
            parts: listed.collect(),
            count: u32::try_from(fresh.len()).unwrap_or(u32::MAX),
            at: now,
        })
    }
}

impl LowParts {
    /// What it is about, in a few words.
    pub fn title(&self) -> Text {
        let count = self.count;
        Text {
            en: format!("Spare parts run low: {count}"),
            zh: format!("{count}种备件库存不足"),
        }
    }

    /// Each with what is there and what is needed.
    pub fn reason(&self) -> Text {
        let named = || self.parts.iter().take(MOST_NAMED);
        let en = named().map(|p| {
            format!(
                "{}: {} on hand, {} kept back, {:.1} expected within {} days; order {}",
                p.part, p.on_hand, p.reserved, p.demand, p.lead_time_days, p.order_quantity
            )
        });
        let zh = named().map(|p| {
            format!(
                "{}：现有{}，已预留{}，{}天内预计需要{:.1}；建议订货{}",
                p.part, p.on_hand, p.reserved, p.lead_time_days, p.demand, p.order_quantity
            )
        });
        Text {
            en: en.collect::<Vec<_>>().join(". "),
            zh: zh.collect::<Vec<_>>().join("。"),
        }
    }
}
