//! What lies where: counts by part and place, changed by movements, by tickets that are given to people, and by parts used.
//!
//! At every place `0 ≤ reserved ≤ on hand`, and what is reserved there is exactly what tickets keep back there. A move takes
//! nothing away and adds nothing. What a ticket used is booked once, however often it is told.

use super::movement::{Movement, StockRefusal};
use super::parts::Parts;
use super::place::{Location, PartNumber};
use super::ticket::TicketParts;
use super::watch::StockWatch;
use domain::TicketId;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Counts at most, over all parts and places.
pub const MAX_LEVELS: usize = 200_000;
/// Tickets at most that keep parts back or have used some, and are not archived.
pub const MAX_TICKETS_WITH_PARTS: usize = 20_000;
/// The greatest count of a part at a place.
pub const MAX_ON_HAND: u32 = 10_000_000;

/// How many of a part are at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// There.
    pub on_hand: u32,
    /// Of these, kept back for tickets.
    pub reserved: u32,
}

impl Counts {
    /// Neither kept back nor gone.
    pub fn free(self) -> u32 {
        self.on_hand.saturating_sub(self.reserved)
    }
}

/// A part at a place, with its counts: one row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Level {
    /// Which part.
    pub part: PartNumber,
    /// Where.
    pub location: Location,
    /// How many.
    pub counts: Counts,
}

impl Level {
    /// A row as it was stored: the part's number and the place in words.
    ///
    /// # Errors
    /// The place is none, or the counts cannot be.
    pub fn of_row(part: String, location: &str, on_hand: u32, reserved: u32) -> Result<Level, DamagedLevel> {
        let place = location.parse::<Location>();
        match place {
            Ok(location) if reserved <= on_hand => Ok(Level {
                part: PartNumber::new(part),
                location,
                counts: Counts { on_hand, reserved },
            }),
            Ok(_) | Err(_) => Err(DamagedLevel {
                part,
                location: location.to_owned(),
            }),
        }
    }
}

/// A row that cannot be a count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the count of {part:?} at {location:?} cannot be")]
pub struct DamagedLevel {
    part: String,
    location: String,
}

/// A row that changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "row")]
pub enum StockChange {
    /// A count.
    Level(Level),
    /// The parts of a ticket.
    Ticket(Box<TicketParts>),
    /// What runs low, as it was looked at last.
    Watch(Box<StockWatch>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kept {
    counts: Counts,
    /// Whether it was ever booked; otherwise it is the opening count of the file.
    is_booked: bool,
}

/// All counts. See the module's text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stock {
    pub(super) levels: BTreeMap<(PartNumber, Location), Kept>,
    pub(super) tickets: BTreeMap<TicketId, TicketParts>,
    /// What changed since it was last asked for.
    pub(super) touched: BTreeSet<(PartNumber, Location)>,
    pub(super) touched_tickets: BTreeSet<TicketId>,
}

impl Stock {
    /// The stock as it was: booked counts, and the opening counts of the file where nothing was booked yet.
    pub fn restore(parts: &Parts, levels: Vec<Level>, tickets: Vec<TicketParts>) -> Stock {
        let mut stock = Stock::default();
        for (place, on_hand) in parts.opening() {
            let counts = Counts {
                on_hand: *on_hand,
                reserved: 0,
            };
            let is_booked = false;
            stock.levels.insert(place.clone(), Kept { counts, is_booked });
        }
        for level in levels {
            let (counts, is_booked) = (level.counts, true);
            stock
                .levels
                .insert((level.part, level.location), Kept { counts, is_booked });
        }
        stock.tickets = tickets.into_iter().map(|t| (t.ticket, t)).collect();
        stock.count_reserved();
        stock
    }

    /// What is kept back is what tickets keep back: a ticket that ended while no stock was kept lets go of its parts.
    fn count_reserved(&mut self) {
        for kept in self.levels.values_mut() {
            kept.counts.reserved = 0;
        }
        for own in self.tickets.values() {
            for (part, location, quantity) in own.reserved.iter() {
                if let Some(kept) = self.levels.get_mut(&(part.clone(), location.clone())) {
                    let reserved = kept.counts.reserved.saturating_add(quantity);
                    kept.counts.reserved = reserved.min(kept.counts.on_hand);
                }
            }
        }
    }

    /// Counts that were booked, in order.
    pub fn booked(&self) -> impl Iterator<Item = Level> {
        let booked = self.levels.iter().filter(|(_, kept)| kept.is_booked);
        booked.map(|((part, location), kept)| level(part, location, kept.counts))
    }

    /// All counts, in order.
    pub fn levels(&self) -> impl Iterator<Item = Level> {
        let all = self.levels.iter();
        all.map(|((part, location), kept)| level(part, location, kept.counts))
    }

    /// Parts of tickets that are not archived.
    pub fn tickets(&self) -> impl Iterator<Item = &TicketParts> {
        self.tickets.values()
    }

    /// The parts of a ticket, if it keeps some back or has used some.
    pub fn ticket(&self, id: TicketId) -> Option<&TicketParts> {
        self.tickets.get(&id)
    }

    /// How many of a part are at a place.
    pub fn at(&self, part: &PartNumber, location: &Location) -> Counts {
        let kept = self.levels.get(&(part.clone(), location.clone()));
        kept.map_or_else(Counts::default, |kept| kept.counts)
    }

    /// Where a part is or was, with its counts, in order.
    pub fn places(&self, part: &PartNumber) -> impl Iterator<Item = Level> {
        let of_part = self.levels.range((part.clone(), Location::Central)..);
        let of_part = of_part.take_while(move |((own, _), _)| own == part);
        of_part.map(|((part, location), kept)| level(part, location, kept.counts))
    }

    /// All of a part, wherever.
    pub fn whole(&self, part: &PartNumber) -> Counts {
        self.places(part).fold(Counts::default(), |sum, level| Counts {
            on_hand: sum.on_hand.saturating_add(level.counts.on_hand),
            reserved: sum.reserved.saturating_add(level.counts.reserved),
        })
    }

    /// Rows that changed since this was last asked.
    pub fn take_changes(&mut self) -> Vec<StockChange> {
        let (levels, tickets) = (
            std::mem::take(&mut self.touched),
            std::mem::take(&mut self.touched_tickets),
        );
        let levels = levels.into_iter().map(|(part, location)| {
            let counts = self.at(&part, &location);
            StockChange::Level(Level { part, location, counts })
        });
        let tickets = tickets.iter().filter_map(|id| self.tickets.get(id).cloned());
        levels
            .chain(tickets.map(|t| StockChange::Ticket(Box::new(t))))
            .collect()
    }

    /// Books what a person says.
    ///
    /// # Errors
    /// Why not.
    pub fn book(&mut self, parts: &Parts, movement: &Movement) -> Result<PartNumber, StockRefusal> {
        let part = self.known(parts, movement.part())?;
        match movement {
            Movement::Count { location, on_hand, .. } => {
                self.place(parts, location)?;
                let counts = self.at(&part, location);
                if *on_hand < counts.reserved {
                    return Err(StockRefusal::IsReserved {
                        part,
                        location: location.clone(),
                        reserved: counts.reserved,
                    });
                }
                let on_hand = *on_hand;
                self.put(&part, location, Counts { on_hand, ..counts })?;
            }
            Movement::Receive { location, quantity, .. } => {
                self.place(parts, location)?;
                let quantity = quantity_of(*quantity)?;
                let counts = self.at(&part, location);
                let on_hand = counts.on_hand.saturating_add(quantity);
                self.put(&part, location, Counts { on_hand, ..counts })?;
            }
            Movement::Move { from, to, quantity, .. } => {
                self.place(parts, to)?;
                let quantity = quantity_of(*quantity)?;
                if from == to {
                    return Err(StockRefusal::SamePlace);
                }
                let (source, target) = (self.free_at(&part, from, quantity)?, self.at(&part, to));
                let on_hand = target.on_hand.saturating_add(quantity);
                // the one that may be refused first
                self.put(&part, to, Counts { on_hand, ..target })?;
                let on_hand = source.on_hand - quantity;
                self.put(&part, from, Counts { on_hand, ..source })?;
            }
            Movement::Issue { location, quantity, .. } => {
                let quantity = quantity_of(*quantity)?;
                let counts = self.free_at(&part, location, quantity)?;
                let on_hand = counts.on_hand - quantity;
                self.put(&part, location, Counts { on_hand, ..counts })?;
            }
        }
        Ok(part)
    }

    pub(super) fn known(&self, parts: &Parts, part: &str) -> Result<PartNumber, StockRefusal> {
        let known = parts.find(part).map(|p| p.number.clone());
        known.ok_or_else(|| StockRefusal::UnknownPart { part: part.to_owned() })
    }

    fn place(&self, parts: &Parts, location: &Location) -> Result<(), StockRefusal> {
        let location = location.clone();
        match parts.locations().contains(&location) {
            true => Ok(()),
            false => Err(StockRefusal::UnknownLocation { location }),
        }
    }

    pub(super) fn free_at(
        &self,
        part: &PartNumber,
        location: &Location,
        quantity: u32,
    ) -> Result<Counts, StockRefusal> {
        let counts = self.at(part, location);
        let (part, location, free) = (part.clone(), location.clone(), counts.free());
        match quantity <= free {
            true => Ok(counts),
            false => Err(StockRefusal::NotFree { part, location, free }),
        }
    }

    pub(super) fn put(&mut self, part: &PartNumber, location: &Location, counts: Counts) -> Result<(), StockRefusal> {
        if counts.on_hand > MAX_ON_HAND {
            return Err(StockRefusal::TooMany {
                part: part.clone(),
                location: location.clone(),
                limit: MAX_ON_HAND,
            });
        }
        let is_new = !self.levels.contains_key(&(part.clone(), location.clone()));
        if is_new && self.levels.len() >= MAX_LEVELS {
            return Err(StockRefusal::TooManyLevels { limit: MAX_LEVELS });
        }
        self.write(part, location, counts);
        Ok(())
    }

    pub(super) fn write(&mut self, part: &PartNumber, location: &Location, counts: Counts) {
        let place = (part.clone(), location.clone());
        self.touched.insert(place.clone());
        let is_booked = true;
        self.levels.insert(place, Kept { counts, is_booked });
    }
}

fn level(part: &PartNumber, location: &Location, counts: Counts) -> Level {
    Level {
        part: part.clone(),
        location: location.clone(),
        counts,
    }
}

pub(super) fn quantity_of(quantity: u32) -> Result<u32, StockRefusal> {
    let limit = MAX_ON_HAND;
    match (1..=limit).contains(&quantity) {
        true => Ok(quantity),
        false => Err(StockRefusal::WrongQuantity { limit }),
    }
}
