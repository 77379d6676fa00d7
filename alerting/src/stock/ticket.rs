//! The parts of one ticket: what is kept back for it and where, what was used of which stock, what is nowhere.

use super::parts::Parts;
use super::place::{Location, PartNumber};
use domain::{TicketId, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Parts of a ticket at most, and places for each.
pub const MAX_LINES: usize = 100;

/// Counts by part and place; none is 0.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lines(BTreeMap<PartNumber, BTreeMap<Location, u32>>);

impl Lines {
    /// Part, place and count, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&PartNumber, &Location, u32)> {
        let places = |(part, places): (_, _)| -> Vec<_> { listed(part, places) };
        self.0.iter().flat_map(places)
    }

    /// All of a part, wherever.
    pub fn of(&self, part: &PartNumber) -> u32 {
        let counts = self.0.get(part).into_iter().flat_map(BTreeMap::values);
        counts.fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// Those of a part, by place.
    pub fn places(&self, part: &PartNumber) -> impl Iterator<Item = (&Location, u32)> {
        let places = self.0.get(part).into_iter().flatten();
        places.map(|(location, count)| (location, *count))
    }

    /// How many at one place.
    pub fn at(&self, part: &PartNumber, location: &Location) -> u32 {
        self.0.get(part).and_then(|p| p.get(location)).copied().unwrap_or(0)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many pairs of part and place there are.
    pub fn len(&self) -> usize {
        self.0.values().map(BTreeMap::len).sum()
    }

    pub(super) fn set(&mut self, part: &PartNumber, location: &Location, count: u32) {
        let places = self.0.entry(part.clone()).or_default();
        match count {
            0 => places.remove(location),
            count => places.insert(location.clone(), count),
        };
        if places.is_empty() {
            self.0.remove(part);
        }
    }
}

fn listed<'a>(part: &'a PartNumber, places: &'a BTreeMap<Location, u32>) -> Vec<(&'a PartNumber, &'a Location, u32)> {
    places
        .iter()
        .map(|(location, count)| (part, location, *count))
        .collect()
}

/// The parts of a ticket, whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketParts {
    /// Whose.
    pub ticket: TicketId,
    /// Kept back for it.
    #[serde(default, skip_serializing_if = "Lines::is_empty")]
    pub reserved: Lines,
    /// Used for it, by where they were taken from.
    #[serde(default, skip_serializing_if = "Lines::is_empty")]
    pub issued: Lines,
    /// Used for it, but the books knew of none that was free.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unbooked: BTreeMap<PartNumber, u32>,
    /// Needed when the ticket was last given to somebody, and nowhere within reach.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub missing: BTreeMap<PartNumber, u32>,
    /// Our time of the latest change.
    pub changed_at: Timestamp,
}

impl TicketParts {
    pub(super) fn new(ticket: TicketId, now: Timestamp) -> Self {
        TicketParts {
            ticket,
            reserved: Lines::default(),
            issued: Lines::default(),
            unbooked: BTreeMap::new(),
            missing: BTreeMap::new(),
            changed_at: now,
        }
    }

    /// What is kept back, wherever.
    pub fn held(&self) -> BTreeMap<PartNumber, u32> {
        let parts: BTreeSet<&PartNumber> = self.reserved.iter().map(|(part, _, _)| part).collect();
        parts
            .into_iter()
            .map(|part| (part.clone(), self.reserved.of(part)))
            .collect()
    }

    /// How many of a part are told as used, out of the books or not.
    pub fn used(&self, part: &PartNumber) -> u32 {
        let unbooked = self.unbooked.get(part).copied().unwrap_or(0);
        self.issued.of(part).saturating_add(unbooked)
    }
}

/// How many of a part a repair takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// Which part.
    pub part: PartNumber,
    /// How many.
    pub quantity: u32,
}

/// What of a list of parts to bring is kept in stock, each once with how often it is named. At most [`MAX_LINES`].
pub fn needs(parts: &Parts, named: &[String]) -> Vec<Need> {
    let mut counts: BTreeMap<&PartNumber, u32> = BTreeMap::new();
    for part in named.iter().filter_map(|name| parts.find(name)) {
        *counts.entry(&part.number).or_default() += 1;
    }
    let needs = counts.into_iter().take(MAX_LINES);
    needs
        .map(|(part, quantity)| Need {
            part: part.clone(),
            quantity,
        })
        .collect()
}
