//! What lies where: counts by part and place, changed by movements, by tickets that are given to people, and by parts used.
//!
//! At every place `0 ≤ reserved ≤ on hand`, and what is reserved there is exactly what tickets keep back there. A move takes
//! nothing away and adds nothing. What a ticket used is booked once, however often it is told.

use super::parts::Parts;
use super::place::{Location, PartNumber};
use super::ticket::{MAX_LINES, Need, TicketParts};
use super::watch::StockWatch;
use domain::{TicketId, Timestamp};
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

/// What a person books.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "do", deny_unknown_fields)]
pub enum Movement {
    /// They were counted, and there are so many.
    Count {
        /// Which part.
        part: String,
        /// Where.
        location: Location,
        /// So many are there, those that are kept back included.
        on_hand: u32,
    },
    /// They came in.
    Receive {
        /// Which part.
        part: String,
        /// Where.
        location: Location,
        /// How many; from 1.
        quantity: u32,
    },
    /// They went from one place to another.
    Move {
        /// Which part.
        part: String,
        /// From where.
        from: Location,
        /// To where.
        to: Location,
        /// How many; from 1.
        quantity: u32,
    },
    /// They left the stock for something else than a ticket.
    Issue {
        /// Which part.
        part: String,
        /// From where.
        location: Location,
        /// How many; from 1.
        quantity: u32,
    },
}

impl Movement {
    /// Its short name; bounded, fit for the audit trail.
    pub fn as_str(&self) -> &'static str {
        match self {
            Movement::Count { .. } => "counted",
            Movement::Receive { .. } => "received",
            Movement::Move { .. } => "moved",
            Movement::Issue { .. } => "issued",
        }
    }

    /// The part that it names.
    pub fn part(&self) -> &str {
        match self {
            Movement::Count { part, .. }
            | Movement::Receive { part, .. }
            | Movement::Move { part, .. }
            | Movement::Issue { part, .. } => part,
        }
    }

    /// In one line, for the audit trail.
    pub fn line(&self) -> String {
        match self {
            Movement::Count { location, on_hand, .. } => format!("{on_hand} at {location}"),
            Movement::Receive { location, quantity, .. } => format!("{quantity} at {location}"),
            Movement::Move { from, to, quantity, .. } => format!("{quantity} from {from} to {to}"),
            Movement::Issue { location, quantity, .. } => format!("{quantity} from {location}"),
        }
    }
}

/// Why nothing was booked; nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case", tag = "kind")]
#[allow(missing_docs)] // the texts say it
pub enum StockRefusal {
    #[error("no part {part:?} is kept in stock; see the file of parts")]
    UnknownPart { part: String },
    #[error("there is no place of stock {location}; see the files of parts and engineers")]
    UnknownLocation { location: Location },
    #[error("a quantity from 1 to {limit} is expected")]
    WrongQuantity { limit: u32 },
    #[error("only {free} of {part} are free at {location}")]
    NotFree {
        part: PartNumber,
        location: Location,
        free: u32,
    },
    #[error("{reserved} of {part} at {location} are kept back for tickets; release these first")]
    IsReserved {
        part: PartNumber,
        location: Location,
        reserved: u32,
    },
    #[error("the place is the same")]
    SamePlace,
    #[error("there would be more than {limit} of {part} at {location}")]
    TooMany {
        part: PartNumber,
        location: Location,
        limit: u32,
    },
    #[error("there are counts for {limit} parts and places already")]
    TooManyLevels { limit: usize },
    #[error("{limit} parts of tickets are kept back or used already; archive finished tickets first")]
    TooManyTickets { limit: usize },
    #[error("the ticket keeps {limit} parts and places back already")]
    TooManyLines { limit: usize },
    #[error("{ticket} keeps no {part} back at {location}")]
    NotReserved {
        ticket: TicketId,
        part: PartNumber,
        location: Location,
    },
    #[error("{ticket} is not open; parts are kept back for open tickets")]
    TicketNotOpen { ticket: TicketId },
    #[error("{ticket} is a drill; nothing real is kept back for it")]
    IsDrill { ticket: TicketId },
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
struct Kept {
    counts: Counts,
    /// Whether it was ever booked; otherwise it is the opening count of the file.
    is_booked: bool,
}

/// All counts. See the module's text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stock {
    levels: BTreeMap<(PartNumber, Location), Kept>,
    tickets: BTreeMap<TicketId, TicketParts>,
    /// What changed since it was last asked for.
    touched: BTreeSet<(PartNumber, Location)>,
    touched_tickets: BTreeSet<TicketId>,
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
        stock
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

    /// Keeps parts back for a ticket at one place, because a person says so.
    ///
    /// # Errors
    /// Why not.
    pub fn reserve(
        &mut self,
        parts: &Parts,
        ticket: TicketId,
        part: &str,
        location: &Location,
        quantity: u32,
        now: Timestamp,
    ) -> Result<PartNumber, StockRefusal> {
        let part = self.known(parts, part)?;
        let quantity = quantity_of(quantity)?;
        self.free_at(&part, location, quantity)?;
        self.has_room(ticket, &part, location)?;
        self.keep_back(ticket, &part, location, quantity, now)?;
        let own = self.own(ticket, now);
        if let Some(missing) = own
            .missing
            .remove(&part)
            .and_then(|m| m.checked_sub(quantity))
            .filter(|m| *m > 0)
        {
            own.missing.insert(part.clone(), missing);
        }
        Ok(part)
    }

    /// Lets parts of a ticket go at one place, because a person says so.
    ///
    /// # Errors
    /// Why not.
    pub fn release(
        &mut self,
        parts: &Parts,
        ticket: TicketId,
        part: &str,
        location: &Location,
        quantity: u32,
        now: Timestamp,
    ) -> Result<PartNumber, StockRefusal> {
        let part = self.known(parts, part)?;
        let quantity = quantity_of(quantity)?;
        let held = self.ticket(ticket).map_or(0, |t| t.reserved.at(&part, location));
        if held < quantity {
            let location = location.clone();
            return Err(StockRefusal::NotReserved { ticket, part, location });
        }
        self.let_go(ticket, &part, location, quantity, now);
        Ok(part)
    }

    /// Lets go everything that is kept back for a ticket; says what.
    pub fn release_all(&mut self, ticket: TicketId, now: Timestamp) -> Vec<(PartNumber, Location, u32)> {
        let Some(own) = self.tickets.get(&ticket) else {
            return Vec::new();
        };
        let held: Vec<_> = own.reserved.iter().map(|(p, l, n)| (p.clone(), l.clone(), n)).collect();
        let had_missing = !own.missing.is_empty();
        for (part, location, count) in &held {
            self.let_go(ticket, part, location, *count, now);
        }
        if had_missing {
            self.own(ticket, now).missing.clear();
        }
        held
    }

    /// Keeps back what a ticket needs and has not used, at the places in their order; what is free nowhere is remembered as missing.
    /// What it kept back before is let go first.
    pub fn reserve_needs(&mut self, ticket: TicketId, needs: &[Need], places: &[Location], now: Timestamp) {
        self.release_all(ticket, now);
        for Need { part, quantity } in needs.iter().take(MAX_LINES) {
            let used = self.ticket(ticket).map_or(0, |t| t.used(part));
            let mut left = quantity.saturating_sub(used);
            for location in places {
                let quantity = left.min(self.at(part, location).free());
                let fits = quantity > 0
                    && self.has_room(ticket, part, location).is_ok()
                    && self.keep_back(ticket, part, location, quantity, now).is_ok();
                if fits {
                    left -= quantity;
                }
            }
            let is_known = self.tickets.contains_key(&ticket);
            if left > 0 && (is_known || self.tickets.len() < MAX_TICKETS_WITH_PARTS) {
                self.own(ticket, now).missing.insert(part.clone(), left);
            }
        }
    }

    /// Books what a ticket has used of a part so far: the difference to what was booked for it before. Taken from what is kept back
    /// for it, then from what is free at the places in their order; what the books do not have is remembered as used beside them.
    /// What was told by mistake goes back to where it was taken from.
    pub fn settle_use(&mut self, ticket: TicketId, part: &PartNumber, used: u32, places: &[Location], now: Timestamp) {
        let before = self.ticket(ticket).map_or(0, |t| t.used(part));
        let is_known = self.tickets.contains_key(&ticket);
        if used == before || (!is_known && self.tickets.len() >= MAX_TICKETS_WITH_PARTS) {
            return;
        }
        if used > before {
            self.take(ticket, part, used - before, places, now);
        } else {
            self.give_back(ticket, part, before - used, now);
        }
    }

    /// A ticket is archived: what became of it stands in its row, and it is not changed any more.
    pub fn forget(&mut self, ticket: TicketId) {
        self.tickets.remove(&ticket);
    }

    fn take(&mut self, ticket: TicketId, part: &PartNumber, quantity: u32, places: &[Location], now: Timestamp) {
        let mut left = quantity;
        let held: Vec<(Location, u32)> = match self.ticket(ticket) {
            Some(own) => own.reserved.places(part).map(|(l, n)| (l.clone(), n)).collect(),
            None => Vec::new(),
        };
        // the van first, as in the order of places
        let nearest = places.iter().filter_map(|place| held.iter().find(|(l, _)| l == place));
        let others = held.iter().filter(|(l, _)| !places.contains(l));
        for (location, count) in nearest.chain(others) {
            let taken = left.min(*count);
            if taken > 0 {
                self.let_go(ticket, part, location, taken, now);
                self.consume(ticket, part, location, taken, now);
                left -= taken;
            }
        }
        for location in places {
            let taken = left.min(self.at(part, location).free());
            if taken > 0 {
                self.consume(ticket, part, location, taken, now);
                left -= taken;
            }
        }
        if left > 0 {
            let unbooked = self.own(ticket, now).unbooked.entry(part.clone()).or_default();
            *unbooked = unbooked.saturating_add(left);
        }
    }

    fn give_back(&mut self, ticket: TicketId, part: &PartNumber, quantity: u32, now: Timestamp) {
        let own = self.own(ticket, now);
        let unbooked = own.unbooked.remove(part).unwrap_or(0);
        let first = quantity.min(unbooked);
        if unbooked > first {
            own.unbooked.insert(part.clone(), unbooked - first);
        }
        let mut left = quantity - first;
        let issued: Vec<(Location, u32)> = own.issued.places(part).map(|(l, n)| (l.clone(), n)).collect();
        for (location, count) in issued {
            let returned = left.min(count);
            if returned > 0 {
                self.own(ticket, now).issued.set(part, &location, count - returned);
                let counts = self.at(part, &location);
                let on_hand = counts.on_hand.saturating_add(returned);
                self.write(part, &location, Counts { on_hand, ..counts });
                left -= returned;
            }
        }
    }

    fn consume(&mut self, ticket: TicketId, part: &PartNumber, location: &Location, count: u32, now: Timestamp) {
        let counts = self.at(part, location);
        let on_hand = counts.on_hand.saturating_sub(count);
        self.write(part, location, Counts { on_hand, ..counts });
        let own = self.own(ticket, now);
        let issued = own.issued.at(part, location);
        own.issued.set(part, location, issued.saturating_add(count));
    }

    fn keep_back(
        &mut self,
        ticket: TicketId,
        part: &PartNumber,
        location: &Location,
        count: u32,
        now: Timestamp,
    ) -> Result<(), StockRefusal> {
        let counts = self.at(part, location);
        let reserved = counts.reserved.saturating_add(count);
        self.put(part, location, Counts { reserved, ..counts })?;
        let own = self.own(ticket, now);
        let held = own.reserved.at(part, location);
        own.reserved.set(part, location, held.saturating_add(count));
        Ok(())
    }

    fn let_go(&mut self, ticket: TicketId, part: &PartNumber, location: &Location, count: u32, now: Timestamp) {
        let counts = self.at(part, location);
        let reserved = counts.reserved.saturating_sub(count);
        self.write(part, location, Counts { reserved, ..counts });
        let own = self.own(ticket, now);
        let held = own.reserved.at(part, location);
        own.reserved.set(part, location, held.saturating_sub(count));
    }

    fn own(&mut self, ticket: TicketId, now: Timestamp) -> &mut TicketParts {
        self.touched_tickets.insert(ticket);
        let own = self.tickets.entry(ticket);
        let own = own.or_insert_with(|| TicketParts::new(ticket, now));
        own.changed_at = now;
        own
    }

    fn has_room(&self, ticket: TicketId, part: &PartNumber, location: &Location) -> Result<(), StockRefusal> {
        match self.tickets.get(&ticket) {
            None if self.tickets.len() >= MAX_TICKETS_WITH_PARTS => {
                let limit = MAX_TICKETS_WITH_PARTS;
                Err(StockRefusal::TooManyTickets { limit })
            }
            Some(own) if own.reserved.len() >= MAX_LINES && own.reserved.at(part, location) == 0 => {
                let limit = MAX_LINES;
                Err(StockRefusal::TooManyLines { limit })
            }
            None | Some(_) => Ok(()),
        }
    }

    fn known(&self, parts: &Parts, part: &str) -> Result<PartNumber, StockRefusal> {
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

    fn free_at(&self, part: &PartNumber, location: &Location, quantity: u32) -> Result<Counts, StockRefusal> {
        let counts = self.at(part, location);
        let (part, location, free) = (part.clone(), location.clone(), counts.free());
        match quantity <= free {
            true => Ok(counts),
            false => Err(StockRefusal::NotFree { part, location, free }),
        }
    }

    fn put(&mut self, part: &PartNumber, location: &Location, counts: Counts) -> Result<(), StockRefusal> {
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

    fn write(&mut self, part: &PartNumber, location: &Location, counts: Counts) {
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

fn quantity_of(quantity: u32) -> Result<u32, StockRefusal> {
    let limit = MAX_ON_HAND;
    match (1..=limit).contains(&quantity) {
        true => Ok(quantity),
        false => Err(StockRefusal::WrongQuantity { limit }),
    }
}
