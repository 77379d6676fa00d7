//! Spare parts in the made-up content: the real counts over a small file of parts, and a forecast of one part that runs low.

use super::{Fake, State, conflict, not_found};
use crate::web::backend::{Answer, BackendError, Movement, Order, PartsQuery, Reservation, StockQuery};
use alerting::dispatch::Roster;
use alerting::stock::{Level, Parts, Stock, StockRefusal};
use dashboards::view::{DemandCause, Page, PartForecast, PartsAt, StockLevel, StockPart, Ticket, TicketPart};
use domain::{TicketId, Timestamp};

const PARTS: &str = r#"
regions = ["south"]
[[part]]
number = "6205-2RS"
name = { en = "Deep-groove ball bearing", zh = "深沟球轴承" }
reorder_point = 4
lead_time_days = 21
unit_price_cents = 1250
central = 3
regions = { south = 1 }
[[part]]
number = "strainer gasket"
lead_time_days = 5
central = 12
"#;

pub(super) fn parts() -> Parts {
    Parts::parse(PARTS, &Roster::default()).expect("sound")
}

pub(super) fn stock() -> Stock {
    Stock::restore(&parts(), Vec::new(), Vec::new())
}

fn level(level: &Level) -> StockLevel {
    StockLevel {
        part: level.part.to_string(),
        location: level.location.to_string(),
        on_hand: level.counts.on_hand,
        reserved: level.counts.reserved,
    }
}

fn listed(state: &State) -> Vec<StockPart> {
    let view = |part: &alerting::stock::Part| {
        let counts = state.stock.whole(&part.number);
        StockPart {
            part: part.number.to_string(),
            name: part.name.clone(),
            reorder_point: part.reorder_point,
            lead_time_days: part.lead_time_days,
            unit_price_cents: part.unit_price_cents,
            on_hand: counts.on_hand,
            reserved: counts.reserved,
        }
    };
    parts().iter().map(view).collect()
}

/// The first part runs low because of one machine; the others do not.
fn foretold(state: &State, now: Timestamp) -> Vec<PartForecast> {
    let forecast = |part: StockPart| {
        let is_low = part.part == "6205-2RS";
        let cause = state.alarms.first().filter(|_| is_low).map(|alarm| DemandCause {
            site: alarm.site.clone(),
            device: alarm.device.clone(),
            failure_mode: alarm.failure_mode.to_string(),
            alarm: Some(alarm.id.to_string()),
            ticket: None,
            probability: 0.8,
            quantity: 1,
            reserved: 0,
        });
        let foretold = cause.as_ref().map_or(0.0, |c| c.probability);
        let number = part.part.clone();
        let own = state.stock.levels().filter(|l| l.part.as_str() == number);
        PartForecast {
            projected: f64::from(part.on_hand) - f64::from(part.reserved) - foretold,
            foretold,
            unforeseen: 0.0,
            is_low,
            order_by: is_low.then(|| now.into()),
            order_quantity: u32::from(is_low),
            levels: own.map(|l| level(&l)).collect(),
            cause_count: u32::from(cause.is_some()),
            causes: cause.into_iter().collect(),
            part,
        }
    };
    listed(state).into_iter().map(forecast).collect()
}

fn refused(why: StockRefusal) -> BackendError {
    let detail = why.to_string();
    match why {
        StockRefusal::UnknownPart { .. } => BackendError::Invalid {
            pointer: "/part".to_owned(),
            detail,
        },
        _ => conflict(&detail),
    }
}

impl Fake {
    pub(super) async fn parts_page(&self, query: PartsQuery) -> Answer<Page<StockPart>> {
        let (cursor, limit) = (query.slice.cursor.as_deref(), query.slice.limit);
        Ok(Page::cut(self.with(|s| listed(s)), cursor, limit, |p| p.part.clone()))
    }

    pub(super) async fn stock_page(&self, query: StockQuery) -> Answer<Page<StockLevel>> {
        let fits = |l: &StockLevel| {
            query.part.as_ref().is_none_or(|part| *part == l.part)
                && query
                    .location
                    .as_ref()
                    .is_none_or(|place| place.to_string() == l.location)
        };
        let all: Vec<StockLevel> = self.with(|s| s.stock.levels().map(|l| level(&l)).filter(fits).collect());
        let (cursor, limit) = (query.slice.cursor.as_deref(), query.slice.limit);
        Ok(Page::cut(all, cursor, limit, |l| format!("{}|{}", l.part, l.location)))
    }

    pub(super) async fn forecast_page(&self, query: PartsQuery) -> Answer<Page<PartForecast>> {
        let now = (self.clock)();
        let mut all = self.with(|s| foretold(s, now));
        all.retain(|f| f.is_low || !query.only_low);
        let (cursor, limit) = (query.slice.cursor.as_deref(), query.slice.limit);
        Ok(Page::cut(all, cursor, limit, |f| f.part.part.clone()))
    }

    pub(super) async fn book_a_movement(&self, order: Order, movement: Movement) -> Answer<Vec<StockLevel>> {
        let booked = self.with(|s| s.stock.book(&parts(), &movement)).map_err(refused)?;
        self.note(&order.actor, "stock.booked", booked.as_str(), &movement.line());
        Ok(self.with(|s| s.stock.places(&booked).map(|l| level(&l)).collect()))
    }

    /// Kept back at the place named, or in the centre.
    pub(super) async fn reserve_for(&self, order: Order, id: TicketId, reservation: Reservation) -> Answer<Ticket> {
        let now = (self.clock)();
        let known = self.with(|s| s.tickets.iter().any(|t| t.summary.id == id.to_string()));
        if !known {
            return Err(not_found(format!("ticket {id}")));
        }
        self.with(|s| match &reservation {
            Reservation::Keep {
                part,
                location,
                quantity,
            } => {
                let place = location.clone().unwrap_or(alerting::stock::Location::Central);
                s.stock.reserve(&parts(), id, part, &place, *quantity, now)
            }
            Reservation::LetGo {
                part,
                location,
                quantity,
            } => s.stock.release(&parts(), id, part, location, *quantity, now),
        })
        .map_err(refused)?;
        self.note(&order.actor, "stock.reserved", id, "");
        self.with(|s| {
            let held = s.stock.ticket(id).map(|own| own.reserved.clone()).unwrap_or_default();
            let ticket = s.tickets.iter_mut().find(|t| t.summary.id == id.to_string());
            let ticket = ticket.ok_or_else(|| not_found(format!("ticket {id}")))?;
            for line in &mut ticket.stock {
                let own = held.iter().filter(|(part, _, _)| part.as_str() == line.part);
                line.reserved = own.map(|(_, location, quantity)| held_at(location, quantity)).collect();
            }
            Ok(ticket.clone())
        })
    }
}

fn held_at(location: &alerting::stock::Location, quantity: u32) -> PartsAt {
    PartsAt {
        location: location.to_string(),
        quantity,
    }
}

/// The parts of the first ticket: one is kept in stock and missing, one is not kept.
pub(super) fn needed() -> Vec<TicketPart> {
    let line = |part: &str, is_kept: bool| TicketPart {
        part: part.to_owned(),
        name: Default::default(),
        is_kept,
        needed: 1,
        reserved: Vec::new(),
        used: 0,
        missing: u32::from(is_kept),
        lead_time_days: is_kept.then_some(21),
    };
    vec![line("6205-2RS", true), line("rag", false)]
}
