//! What tickets do with the stock: parts are kept back for them, used, given back and let go.

use super::movement::StockRefusal;
use super::parts::Parts;
use super::place::{Location, PartNumber};
use super::shelf::{Counts, MAX_TICKETS_WITH_PARTS, Stock, quantity_of};
use super::ticket::{MAX_LINES, Need, TicketParts};
use domain::{TicketId, Timestamp};

impl Stock {
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
}
