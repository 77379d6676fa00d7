//! Spare parts for people: counts and forecasts from rows, movements and reservations to commands.

use super::LiveBackend;
use super::alarms::record_of as alarm_record_of;
use super::tickets::record_of;
use crate::store::{Reader, StoreError};
use crate::web::backend::{Answer, BackendError, Order, PartsQuery, Reservation, StockQuery};
use alerting::StockCommand;
use alerting::book::parts_used;
use alerting::dispatch::Whereabouts;
use alerting::effect::Command;
use alerting::record::AlarmRecord;
use alerting::stock::{
    Cause, Counts, Forecast, Level, Movement, Part, PartNumber, Parts, Stock, StockRefusal, Use, causes, forecast_all,
    needs,
};
use alerting::ticket::{TicketChange, TicketRecord};
use dashboards::view::{DemandCause, Page, PartForecast, PartsAt, StockLevel, StockPart, Ticket, TicketPart};
use domain::{Millis, TicketId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// Tickets looked at for the rate of use: the newest.
const MOST_TICKETS: usize = 20_000;
/// So far back uses are counted: this year, and the season of the year before with its margins.
const USES_BACK: Millis = Millis::days(2 * 365 + 30);

/// Why nothing was booked, and which field it is about.
pub(super) fn refused(why: &StockRefusal) -> BackendError {
    let detail = why.to_string();
    let pointer = match why {
        StockRefusal::UnknownPart { .. } => "/part",
        StockRefusal::UnknownLocation { .. } => "/location",
        StockRefusal::WrongQuantity { .. } | StockRefusal::TooMany { .. } => "/quantity",
        StockRefusal::SamePlace => "/to",
        StockRefusal::NotFree { .. }
        | StockRefusal::IsReserved { .. }
        | StockRefusal::TooManyLevels { .. }
        | StockRefusal::TooManyTickets { .. }
        | StockRefusal::TooManyLines { .. }
        | StockRefusal::NotReserved { .. }
        | StockRefusal::TicketNotOpen { .. }
        | StockRefusal::IsDrill { .. } => return BackendError::Conflict { detail },
    };
    let pointer = pointer.to_owned();
    BackendError::Invalid { pointer, detail }
}

fn level_view(level: &Level) -> StockLevel {
    StockLevel {
        part: level.part.to_string(),
        location: level.location.to_string(),
        on_hand: level.counts.on_hand,
        reserved: level.counts.reserved,
    }
}

fn part_view(part: &Part, counts: Counts) -> StockPart {
    StockPart {
        part: part.number.to_string(),
        name: part.name.clone(),
        reorder_point: part.reorder_point,
        lead_time_days: part.lead_time_days,
        unit_price_cents: part.unit_price_cents,
        on_hand: counts.on_hand,
        reserved: counts.reserved,
    }
}

fn forecast_view(part: &Part, stock: &Stock, found: Forecast) -> PartForecast {
    let causes = found.causes.into_iter().map(|cause| DemandCause {
        site: cause.device.site,
        device: cause.device.device,
        failure_mode: cause.failure_mode.to_string(),
        alarm: cause.alarm.map(|id| id.to_string()),
        ticket: cause.ticket.map(|id| id.to_string()),
        probability: cause.probability,
        quantity: cause.quantity,
        reserved: cause.reserved,
    });
    PartForecast {
        part: part_view(part, found.counts),
        foretold: found.foretold,
        unforeseen: found.unforeseen,
        projected: found.projected,
        is_low: found.is_low,
        order_by: found.order_by.map(Into::into),
        order_quantity: found.order_quantity,
        levels: stock.places(&part.number).map(|level| level_view(&level)).collect(),
        causes: causes.collect(),
        cause_count: found.cause_count,
    }
}

fn stock_of(reader: &Reader, parts: &Parts) -> Result<Stock, StoreError> {
    let (levels, tickets) = (reader.stock_levels()?, reader.parts_of_live_tickets()?);
    Ok(Stock::restore(parts, levels, tickets))
}

fn causes_of(reader: &Reader, parts: &Parts, stock: &Stock, now: Timestamp) -> Result<Vec<Cause>, StoreError> {
    // also those that were closed, whose alarms may stand on for a while
    let tickets = reader.tickets_to_restore()?;
    let tickets: Vec<TicketRecord> = tickets.iter().map(record_of).collect::<Result<_, _>>()?;
    let alarms = reader.open_alarms()?;
    let alarms: Vec<AlarmRecord> = alarms.iter().map(alarm_record_of).collect::<Result<_, _>>()?;
    Ok(causes(parts, stock, tickets.iter(), alarms.iter(), now))
}

/// What tickets have used, at their closing, and of open ones at their latest change.
fn uses_of(reader: &Reader, parts: &Parts, now: Timestamp) -> Result<Vec<Use>, StoreError> {
    let mut uses = Vec::new();
    for row in reader.tickets_changed_since(now - USES_BACK, MOST_TICKETS)? {
        let ticket = record_of(&row)?;
        if ticket.device.site.is_drill() {
            continue;
        }
        let closed = ticket.history.iter().rev();
        let closed = closed
            .clone()
            .find(|entry| matches!(entry.what, TicketChange::Closed { .. }));
        let at = closed.map_or(ticket.changed_at, |entry| entry.at);
        uses.extend(parts_used(&ticket, parts).into_iter().map(|(part, quantity)| Use {
            part,
            quantity,
            at,
            known_since: ticket.opened_at,
        }));
    }
    Ok(uses)
}

/// What a ticket needs, keeps back and has used; nothing where no stock is kept.
pub(super) fn parts_of_ticket(
    reader: &Reader,
    parts: &Parts,
    ticket: &TicketRecord,
) -> Result<Vec<TicketPart>, StoreError> {
    if parts.is_empty() {
        return Ok(Vec::new());
    }
    let own = reader.ticket_parts(ticket.id)?;
    let mut needed: BTreeMap<PartNumber, u32> = BTreeMap::new();
    needed.extend(needs(parts, &ticket.parts).into_iter().map(|n| (n.part, n.quantity)));
    if let Some(own) = &own {
        let lines = own.reserved.iter().chain(own.issued.iter());
        let beside = own.unbooked.keys().chain(own.missing.keys());
        for part in lines.map(|(part, _, _)| part).chain(beside) {
            needed.entry(part.clone()).or_default();
        }
    }
    let kept = needed.into_iter().map(|(number, needed)| {
        let part = parts.find(number.as_str());
        let own = own.as_ref();
        let reserved = own.into_iter().flat_map(|own| own.reserved.places(&number));
        let reserved = reserved.map(|(location, quantity)| PartsAt {
            location: location.to_string(),
            quantity,
        });
        TicketPart {
            name: part.map(|p| p.name.clone()).unwrap_or_default(),
            is_kept: part.is_some(),
            needed,
            reserved: reserved.collect(),
            used: own.map_or(0, |own| own.used(&number)),
            missing: own.and_then(|own| own.missing.get(&number).copied()).unwrap_or(0),
            lead_time_days: part.map(|p| p.lead_time_days),
            part: number.to_string(),
        }
    });
    let named: BTreeSet<&String> = ticket.parts.iter().filter(|name| parts.find(name).is_none()).collect();
    let others = named.into_iter().map(|name| TicketPart {
        part: name.clone(),
        name: Default::default(),
        is_kept: false,
        needed: u32::try_from(ticket.parts.iter().filter(|own| *own == name).count()).unwrap_or(u32::MAX),
        reserved: Vec::new(),
        used: 0,
        missing: 0,
        lead_time_days: None,
    });
    Ok(kept.chain(others).collect())
}

impl LiveBackend {
    fn parts_kept(&self) -> &Parts {
        &self.running.policy.parts
    }

    /// Where the parts of a ticket are; none where no stock is kept.
    pub(super) fn whereabouts(
        &self,
        reader: &Reader,
        ticket: &TicketRecord,
    ) -> Result<Option<Whereabouts>, StoreError> {
        let parts = self.parts_kept();
        if parts.is_empty() {
            return Ok(None);
        }
        let stock = stock_of(reader, parts)?;
        let region = &ticket.asset.region;
        Ok(Some(Whereabouts::of(parts, &stock, ticket.id, &ticket.parts, region)))
    }

    pub(super) async fn list_parts(&self, query: PartsQuery) -> Answer<Page<StockPart>> {
        let policy = self.running.policy.clone();
        let ask = move |reader: &Reader| {
            let stock = stock_of(reader, &policy.parts)?;
            let all = policy
                .parts
                .iter()
                .map(|part| part_view(part, stock.whole(&part.number)));
            let (cursor, limit) = (query.slice.cursor.as_deref(), query.slice.limit);
            Ok(Page::cut(all, cursor, limit, |part| part.part.clone()))
        };
        self.readers.ask(ask).await
    }

    pub(super) async fn list_stock(&self, query: StockQuery) -> Answer<Page<StockLevel>> {
        let policy = self.running.policy.clone();
        let ask = move |reader: &Reader| {
            let stock = stock_of(reader, &policy.parts)?;
            let is_asked = |level: &Level| {
                query
                    .part
                    .as_ref()
                    .is_none_or(|part| part.eq_ignore_ascii_case(level.part.as_str()))
                    && query
                        .location
                        .as_ref()
                        .is_none_or(|location| *location == level.location)
            };
            let all = stock.levels().filter(is_asked).map(|level| level_view(&level));
            let (cursor, limit) = (query.slice.cursor.as_deref(), query.slice.limit);
            Ok(Page::cut(all, cursor, limit, |level| {
                format!("{}|{}", level.part, level.location)
            }))
        };
        self.readers.ask(ask).await
    }

    /// Those that are low first, then by the day of ordering, then by number.
    pub(super) async fn list_forecasts(&self, query: PartsQuery) -> Answer<Page<PartForecast>> {
        let (policy, now) = (self.running.policy.clone(), self.clock().now());
        let ask = move |reader: &Reader| {
            let parts = &policy.parts;
            let stock = stock_of(reader, parts)?;
            let (causes, uses) = (causes_of(reader, parts, &stock, now)?, uses_of(reader, parts, now)?);
            let since = reader.first_ticket_at()?.unwrap_or(now);
            let found = forecast_all(parts, &stock, &causes, &uses, since, now);
            let foretold = parts
                .iter()
                .zip(found)
                .map(|(part, found)| forecast_view(part, &stock, found));
            let mut all: Vec<PartForecast> = foretold.filter(|f| !query.only_low || f.is_low).collect();
            all.sort_by(|a, b| {
                let key = |f: &PartForecast| (!f.is_low, f.order_by.is_none(), f.order_by);
                key(a).cmp(&key(b)).then_with(|| a.part.part.cmp(&b.part.part))
            });
            let (cursor, limit) = (query.slice.cursor.as_deref(), query.slice.limit);
            Ok(Page::cut(all, cursor, limit, |f| f.part.part.clone()))
        };
        self.readers.ask(ask).await
    }

    /// Books a movement; answers with the counts of the part, wherever.
    pub(super) async fn move_stock(&self, order: Order, movement: Movement, reason: String) -> Answer<Vec<StockLevel>> {
        let part = self.parts_kept().find(movement.part()).map(|p| p.number.clone());
        let command = StockCommand::Book { movement, reason };
        self.command(&order, Command::Stock { command }).await?;
        let policy = self.running.policy.clone();
        let ask = move |reader: &Reader| {
            let stock = stock_of(reader, &policy.parts)?;
            let own = stock.levels().filter(|level| Some(&level.part) == part.as_ref());
            Ok(own.map(|level| level_view(&level)).collect())
        };
        self.readers.ask(ask).await
    }

    /// Keeps parts back for a ticket, or lets them go.
    pub(super) async fn change_reservation(
        &self,
        order: Order,
        ticket: TicketId,
        reservation: Reservation,
    ) -> Answer<Ticket> {
        let command = match reservation {
            Reservation::Keep {
                part,
                location,
                quantity,
            } => StockCommand::Reserve {
                ticket,
                part,
                location,
                quantity,
            },
            Reservation::LetGo {
                part,
                location,
                quantity,
            } => StockCommand::Release {
                ticket,
                part,
                location,
                quantity,
            },
        };
        self.command(&order, Command::Stock { command }).await?;
        self.read_ticket(ticket).await
    }
}
