//! Where the parts of a job are: on whose van, in the region of its site, in the centre, or nowhere within reach.

use super::{Reason, distinct};
use crate::alarm::PersonName;
use crate::stock::{Counts, Location, Parts, Stock, needs};
use domain::TicketId;
use std::collections::{BTreeMap, BTreeSet};

/// Where enough of one part is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PartWhere {
    /// On the vans of these.
    pub vans: BTreeSet<PersonName>,
    /// In the region of the site.
    pub in_region: bool,
    /// In the centre.
    pub in_centre: bool,
    /// From ordering to having it, days.
    pub lead_time_days: u32,
}

/// Where the parts of a job are, by the name that the job has for them. What is not named is not kept in stock.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Whereabouts(BTreeMap<String, PartWhere>);

impl Whereabouts {
    /// Where enough of each part is that a ticket needs; what is kept back for itself counts as free.
    pub fn of(parts: &Parts, stock: &Stock, ticket: TicketId, named: &[String], region: &str) -> Whereabouts {
        let needs = needs(parts, named);
        let own = stock.ticket(ticket);
        let places = distinct(named).filter_map(|name| {
            let part = parts.find(&name)?;
            let needed = needs
                .iter()
                .find(|need| need.part == part.number)
                .map_or(1, |n| n.quantity);
            let used = own.map_or(0, |own| own.used(&part.number));
            let is_enough = |location: &Location, counts: Counts| {
                let kept = own.map_or(0, |own| own.reserved.at(&part.number, location));
                counts.free().saturating_add(kept) >= needed.saturating_sub(used)
            };
            let at = |location: &Location| is_enough(location, stock.at(&part.number, location));
            let vans = parts.locations().iter().filter_map(|location| match location {
                Location::Van(who) if at(location) => Some(who.clone()),
                Location::Van(_) | Location::Central | Location::Region(_) => None,
            });
            let found = PartWhere {
                vans: vans.collect(),
                in_region: !region.is_empty() && at(&Location::Region(region.to_owned())),
                in_centre: at(&Location::Central),
                lead_time_days: part.lead_time_days,
            };
            Some((name, found))
        });
        Whereabouts(places.collect())
    }

    /// Points of `most` for an engineer: all where every part is on the van, six tenths in the region, three in the centre, none
    /// where it has to be ordered. Parts that are not kept in stock count nothing.
    pub(super) fn judge(&self, who: &str, named: &[String], most: u64, reasons: &mut Vec<Reason>) -> u64 {
        let (mut van, mut region, mut centre, mut others) = (vec![], vec![], vec![], vec![]);
        let mut nowhere: BTreeMap<u32, Vec<String>> = BTreeMap::new();
        let mut tenths = 0;
        for name in distinct(named) {
            match self.0.get(&name) {
                None => others.push(name),
                Some(found) if found.vans.contains(who) => {
                    tenths += 10;
                    van.push(name);
                }
                Some(found) if found.in_region => {
                    tenths += 6;
                    region.push(name);
                }
                Some(found) if found.in_centre => {
                    tenths += 3;
                    centre.push(name);
                }
                Some(found) => nowhere.entry(found.lead_time_days).or_default().push(name),
            }
        }
        reasons.extend((!van.is_empty()).then_some(Reason::PartsOnVan { parts: van }));
        reasons.extend((!region.is_empty()).then_some(Reason::PartsInRegion { parts: region }));
        reasons.extend((!centre.is_empty()).then_some(Reason::PartsOnlyCentral { parts: centre }));
        let ordered = nowhere.into_iter().rev();
        reasons.extend(ordered.map(|(days, parts)| Reason::PartsNowhere { parts, days }));
        reasons.extend((!others.is_empty()).then_some(Reason::PartsNotKept { parts: others }));
        match self.0.len() as u64 {
            0 => most,
            kept => most * tenths / (10 * kept),
        }
    }
}
