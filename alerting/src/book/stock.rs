//! Stock in the book: movements that people book, and what tickets keep back, use and let go as they change.

use super::alarms::person;
use super::{Book, Subject};
use crate::effect::{AuditEntry, Background, Effect, Message, Outgoing, Refusal, StockCommand};
use crate::stock::{
    Location, MAX_TICKETS_WITH_PARTS, Need, PartNumber, Parts, Stock, StockChange, StockRefusal, TicketParts, causes,
    forecast_all, needs, stock_site,
};
use crate::storm::NoticeWeight;
use crate::ticket::{Actor, MAX_TEXT_BYTES, Outcome, TicketChange, TicketRecord, TicketState, WorkChange, check_text};
use domain::{TicketId, Timestamp};
use std::collections::BTreeMap;

/// What a change of a ticket means for its parts.
enum Turn {
    /// It was given to somebody, or is open again: what it needs is kept back within their reach.
    Seek,
    /// Nobody has it any more, or it is over: what it keeps back is let go.
    LetGo,
    /// Parts were told as used, or not used after all.
    Use,
    /// It was closed: what the finding says was used, the rest is let go.
    UseAndLetGo,
    /// It is archived: nothing changes any more.
    Forget,
}

impl Book {
    /// All counts.
    pub fn stock(&self) -> &Stock {
        &self.stock
    }

    pub(super) fn command_stock(
        &mut self,
        command: StockCommand,
        actor: Actor,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let refuse = |why| Refusal::Stock { why };
        person(&actor)?;
        let (action, subject, detail) = match command {
            StockCommand::Book { movement, reason } => {
                check_text("reason", &reason, MAX_TEXT_BYTES).map_err(|why| Refusal::Text { why })?;
                let part = self.stock.book(&self.policy.parts, &movement).map_err(refuse)?;
                let subject = subject(&part);
                (movement.as_str(), subject, format!("{}: {reason}", movement.line()))
            }
            StockCommand::Reserve {
                ticket,
                part,
                location,
                quantity,
            } => {
                let record = self.open_for_parts(ticket)?;
                let location = match location {
                    Some(location) => location,
                    None => self.nearest(record, &part, quantity),
                };
                let parts = &self.policy.parts;
                let booked = self.stock.reserve(parts, ticket, &part, &location, quantity, now);
                let part = booked.map_err(refuse)?;
                let detail = format!("{quantity} × {part} from {location}");
                ("reserved", ticket.to_string(), detail)
            }
            StockCommand::Release {
                ticket,
                part,
                location,
                quantity,
            } => {
                let parts = &self.policy.parts;
                let booked = self.stock.release(parts, ticket, &part, &location, quantity, now);
                let part = booked.map_err(refuse)?;
                let detail = format!("{quantity} × {part} at {location}");
                ("released", ticket.to_string(), detail)
            }
        };
        out.push(audit(action, subject, detail, actor, now));
        self.tell_stock(out);
        Ok(())
    }

    /// What the ticket changes of this step mean for their parts. A drill takes nothing real.
    pub(super) fn settle_stock(&mut self, now: Timestamp, out: &mut Vec<Effect>) {
        if self.policy.parts.is_empty() {
            return;
        }
        let turns: Vec<(TicketRecord, Turn)> = out.iter().filter_map(turn).collect();
        for (ticket, turn) in turns {
            let by = ticket.history.last().map_or(Actor::System, |entry| entry.by.clone());
            match turn {
                Turn::Seek => self.seek_parts(&ticket, by, now, out),
                Turn::LetGo => self.let_parts_go(ticket.id, by, now, out),
                Turn::Use => self.settle_use(&ticket, by, now, out),
                Turn::UseAndLetGo => {
                    self.settle_use(&ticket, by.clone(), now, out);
                    self.let_parts_go(ticket.id, by, now, out);
                }
                Turn::Forget => {
                    self.let_parts_go(ticket.id, by, now, out);
                    self.tell_stock(out);
                    self.stock.forget(ticket.id);
                }
            }
        }
        self.tell_stock(out);
    }

    fn seek_parts(&mut self, ticket: &TicketRecord, by: Actor, now: Timestamp, out: &mut Vec<Effect>) {
        let mut wanted = needs(&self.policy.parts, &ticket.parts);
        // what a person kept back beyond that goes along
        let own = self.stock.ticket(ticket.id);
        for (part, held) in own.map(TicketParts::held).unwrap_or_default() {
            let quantity = held.saturating_add(own.map_or(0, |own| own.used(&part)));
            match wanted.iter_mut().find(|need| need.part == part) {
                Some(need) => need.quantity = need.quantity.max(quantity),
                None => wanted.push(Need { part, quantity }),
            }
        }
        if wanted.is_empty() {
            return;
        }
        self.stock.reserve_needs(ticket.id, &wanted, &reach(ticket), now);
        let Some(own) = self.stock.ticket(ticket.id) else {
            let limit = MAX_TICKETS_WITH_PARTS;
            let why = StockRefusal::TooManyTickets { limit }.to_string();
            out.push(audit("refused", ticket.id.to_string(), why, by, now));
            return;
        };
        let held = own.reserved.iter().map(|(p, l, n)| format!("{n} × {p} from {l}"));
        let missing = own.missing.iter().map(|(p, n)| format!("{n} × {p} is missing"));
        let detail: Vec<String> = held.chain(missing).collect();
        if !detail.is_empty() {
            out.push(audit("reserved", ticket.id.to_string(), detail.join("; "), by, now));
        }
    }

    fn let_parts_go(&mut self, ticket: TicketId, by: Actor, now: Timestamp, out: &mut Vec<Effect>) {
        let held = self.stock.release_all(ticket, now);
        if !held.is_empty() {
            let detail: Vec<String> = held.iter().map(|(p, l, n)| format!("{n} × {p} at {l}")).collect();
            out.push(audit("released", ticket.to_string(), detail.join("; "), by, now));
        }
    }

    fn settle_use(&mut self, ticket: &TicketRecord, by: Actor, now: Timestamp, out: &mut Vec<Effect>) {
        let mut used = parts_used(ticket, &self.policy.parts);
        // what was taken back altogether is not named any more
        for (part, _, _) in self.stock.ticket(ticket.id).iter().flat_map(|own| own.issued.iter()) {
            used.entry(part.clone()).or_default();
        }
        let beside = self
            .stock
            .ticket(ticket.id)
            .map(|own| own.unbooked.clone())
            .unwrap_or_default();
        for part in beside.into_keys() {
            used.entry(part).or_default();
        }
        let mut detail = Vec::new();
        for (part, count) in used {
            let before = self.stock.ticket(ticket.id).map_or(0, |own| own.used(&part));
            self.stock.settle_use(ticket.id, &part, count, &reach(ticket), now);
            let after = self.stock.ticket(ticket.id).map_or(0, |own| own.used(&part));
            if after != count {
                let limit = MAX_TICKETS_WITH_PARTS;
                let why = StockRefusal::TooManyTickets { limit };
                detail.push(format!("{part}: {count} are not booked, {why}"));
            } else if before != count {
                detail.push(format!("{part}: {before} to {count}"));
            }
        }
        if !detail.is_empty() {
            out.push(audit("used", ticket.id.to_string(), detail.join("; "), by, now));
        }
    }

    fn open_for_parts(&self, id: TicketId) -> Result<&TicketRecord, Refusal> {
        let ticket = self.tickets.get(&id).ok_or(Refusal::UnknownTicket { ticket: id })?;
        let why = match (ticket.state.is_open(), ticket.device.site.is_drill()) {
            (true, false) => return Ok(ticket),
            (_, true) => StockRefusal::IsDrill { ticket: id },
            (false, false) => StockRefusal::TicketNotOpen { ticket: id },
        };
        Err(Refusal::Stock { why })
    }

    /// The first place within reach where so many are free; the centre if there is none.
    fn nearest(&self, ticket: &TicketRecord, part: &str, quantity: u32) -> Location {
        let Some(part) = self.policy.parts.find(part) else {
            return Location::Central;
        };
        let is_enough = |place: &Location| self.stock.at(&part.number, place).free() >= quantity;
        reach(ticket).into_iter().find(is_enough).unwrap_or(Location::Central)
    }

    /// A day has passed: parts that have become low are told, once until they have recovered. What stands counts, not the usual use.
    pub(super) fn wake_stock(&mut self, now: Timestamp, out: &mut Vec<Effect>) {
        let parts = &self.policy.parts;
        let causes = causes(parts, &self.stock, self.tickets.values(), self.alarms.values(), now);
        let found = forecast_all(parts, &self.stock, &causes, &[], now, now);
        let fresh = self.stock_watch.check(parts, &found, now);
        out.push(Effect::StockChanged {
            change: StockChange::Watch(Box::new(self.stock_watch.clone())),
        });
        if let Some(low) = fresh {
            let subject = "parts".to_owned();
            out.push(audit("low", subject, low.reason().en, Actor::System, now));
            out.push(Effect::Publish(Box::new(Message {
                key: format!("parts/low/{}", now.0),
                site: stock_site(),
                device: None,
                notice: Some(NoticeWeight::Summary),
                about: Background {
                    title: low.title(),
                    reason: low.reason(),
                    ..Background::default()
                },
                content: Outgoing::Parts(low),
            })));
        }
        self.refresh_stock_deadline();
    }

    pub(super) fn refresh_stock_deadline(&mut self) {
        let at = (!self.policy.parts.is_empty()).then(|| self.stock_watch.next_check());
        self.set_deadline(Subject::Stock, at);
    }

    fn tell_stock(&mut self, out: &mut Vec<Effect>) {
        let changes = self.stock.take_changes().into_iter();
        out.extend(changes.map(|change| Effect::StockChanged { change }));
    }
}

/// Where parts for a ticket are looked for, in this order: the van of whoever has it, the region of its site, the centre.
pub fn reach(ticket: &TicketRecord) -> Vec<Location> {
    let van = ticket.assignee.clone().map(Location::Van);
    let region = Some(ticket.asset.region.clone())
        .filter(|r| !r.is_empty())
        .map(Location::Region);
    let mut places: Vec<Location> = van.into_iter().chain(region).collect();
    places.push(Location::Central);
    places
}

/// How many of each part a ticket has used: as many as its entries say, or as its closing says if that is more. A part that stands
/// in both is one part.
pub fn parts_used(ticket: &TicketRecord, parts: &Parts) -> BTreeMap<PartNumber, u32> {
    let find = |name: &str| parts.find(name).map(|p| p.number.clone());
    let mut used: BTreeMap<PartNumber, u32> = BTreeMap::new();
    for entry in &ticket.work.parts {
        if let Some(part) = find(&entry.part) {
            let count = used.entry(part).or_default();
            *count = count.saturating_add(entry.quantity);
        }
    }
    // what an earlier closing named was used, though the ticket was opened again
    let closings = ticket.history.iter().filter_map(|entry| match &entry.what {
        TicketChange::Closed { outcome, .. } => Some(outcome),
        _ => None,
    });
    for outcome in closings.chain(ticket.outcome()) {
        let finding = match outcome {
            Outcome::FaultConfirmed(finding)
            | Outcome::Prevented(finding)
            | Outcome::DifferentFault { finding, .. } => finding,
            Outcome::NoFaultFound | Outcome::Other { .. } => continue,
        };
        let mut named: BTreeMap<PartNumber, u32> = BTreeMap::new();
        for part in finding.parts.iter().filter_map(|name| find(name)) {
            *named.entry(part).or_default() += 1;
        }
        for (part, count) in named {
            let entries = used.entry(part).or_default();
            *entries = count.max(*entries);
        }
    }
    used
}

fn turn(effect: &Effect) -> Option<(TicketRecord, Turn)> {
    let Effect::TicketChanged { record, change } = effect else {
        return None;
    };
    if record.device.site.is_drill() {
        return None;
    }
    let given = |is_given: bool| if is_given { Turn::Seek } else { Turn::LetGo };
    let turn = match change {
        TicketChange::Assigned { to, .. } => given(to.is_some()),
        TicketChange::Reopened { .. } | TicketChange::SplitFrom { .. } => {
            let is_open = match record.state {
                TicketState::Open { .. } | TicketState::OnHold { .. } => true,
                TicketState::Finished { .. } | TicketState::Archived { .. } => false,
            };
            given(is_open && record.assignee.is_some())
        }
        TicketChange::Closed { .. } => Turn::UseAndLetGo,
        TicketChange::Cancelled { .. } | TicketChange::MergedInto { .. } => Turn::LetGo,
        TicketChange::Archived => Turn::Forget,
        TicketChange::Worked { work } => match work {
            WorkChange::Part { .. } | WorkChange::Removed { .. } => Turn::Use,
            WorkChange::Labour { .. }
            | WorkChange::Check { .. }
            | WorkChange::Ticked { .. }
            | WorkChange::File { .. }
            | WorkChange::Linked { .. }
            | WorkChange::Unlinked { .. }
            | WorkChange::Described { .. }
            | WorkChange::CalledBack { .. } => return None,
        },
        TicketChange::Opened { .. }
        | TicketChange::Stepped { .. }
        | TicketChange::Held { .. }
        | TicketChange::Resumed
        | TicketChange::Scheduled { .. }
        | TicketChange::Commented { .. }
        | TicketChange::Merged { .. }
        | TicketChange::Absorbed { .. }
        | TicketChange::SplitOff { .. }
        | TicketChange::Proposed { .. }
        | TicketChange::DueAgain { .. }
        | TicketChange::Linked { .. }
        | TicketChange::Upgraded { .. }
        | TicketChange::Reclassed { .. }
        | TicketChange::Told { .. }
        | TicketChange::Answered { .. }
        | TicketChange::FollowUpTold { .. }
        | TicketChange::FollowUpAnswered { .. }
        | TicketChange::FollowUpLate
        | TicketChange::ClockWarning { .. }
        | TicketChange::ClockBreached { .. } => return None,
    };
    Some((TicketRecord::clone(record), turn))
}

fn subject(part: &PartNumber) -> String {
    format!("part/{part}")
}

fn audit(action: &str, subject: String, detail: String, actor: Actor, at: Timestamp) -> Effect {
    Effect::Audit(AuditEntry {
        at,
        actor,
        action: format!("stock.{action}"),
        subject,
        detail,
    })
}
