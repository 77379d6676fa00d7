//! Rows of spare parts: counts by part and place, and the parts of tickets.

use super::commit::Commit;
use super::reader::Reader;
use super::{Attempt, StoreError};
use alerting::stock::{Counts, Level, StockChange, TicketParts};
use domain::TicketId;
use rusqlite::{Row, params};

impl Commit<'_> {
    /// A count or the parts of a ticket as they are now.
    pub fn stock(&self, change: &StockChange) -> Result<(), StoreError> {
        match change {
            StockChange::Level(level) => {
                let sql = "INSERT INTO stock_level VALUES (?, ?, ?, ?) ON CONFLICT (part, location) DO UPDATE SET \
                           on_hand = excluded.on_hand, reserved = excluded.reserved";
                let Counts { on_hand, reserved } = level.counts;
                let values = params![level.part.as_str(), level.location.to_string(), on_hand, reserved];
                self.execute(sql, values, "store a count of parts").map(drop)
            }
            StockChange::Ticket(own) => {
                let sql = "INSERT INTO ticket_parts VALUES (?, ?) ON CONFLICT (ticket) DO UPDATE SET record = excluded.record";
                let record = serde_json::to_string(own).expect("records serialise");
                self.execute(sql, params![own.ticket.0 as i64, record], "store the parts of a ticket")
                    .map(drop)
            }
        }
    }
}

impl Reader {
    /// Counts that were booked, by part and place.
    pub fn stock_levels(&self) -> Result<Vec<Level>, StoreError> {
        let sql = "SELECT part, location, on_hand, reserved FROM stock_level ORDER BY part, location";
        let rows: Vec<(String, String, u32, u32)> = self.list(sql, [], count_row, "read the stock")?;
        let read = |(part, location, on_hand, reserved): (String, String, u32, u32)| {
            // as they were written: both are strings in JSON too
            let text = serde_json::json!({
                "part": part, "location": location, "counts": {"on_hand": on_hand, "reserved": reserved},
            });
            serde_json::from_value(text).map_err(|error| damaged(format!("count of {part} at {location}"), &error))
        };
        rows.into_iter().map(read).collect()
    }

    /// Parts of the tickets that can still change.
    pub fn parts_of_live_tickets(&self) -> Result<Vec<TicketParts>, StoreError> {
        let sql = "SELECT record FROM ticket_parts AS p WHERE EXISTS \
                   (SELECT 1 FROM ticket AS t WHERE t.id = p.ticket AND t.state <> 'archived') ORDER BY ticket";
        let rows: Vec<String> = self.list(sql, [], |row| row.get(0), "read the parts of tickets")?;
        rows.iter().map(|record| parts_of(record)).collect()
    }

    /// The parts of a ticket, archived or not.
    pub fn ticket_parts(&self, ticket: TicketId) -> Result<Option<TicketParts>, StoreError> {
        let sql = "SELECT record FROM ticket_parts WHERE ticket = ?";
        let rows: Vec<String> = self.list(sql, [ticket.0 as i64], |row| row.get(0), "read the parts of a ticket")?;
        rows.first().map(|record| parts_of(record)).transpose()
    }

    /// Our time of opening of the first ticket; none before.
    pub fn first_ticket_at(&self) -> Result<Option<domain::Timestamp>, StoreError> {
        let sql = "SELECT min(opened_at) FROM ticket";
        let first: Option<i64> = self
            .connection
            .query_row(sql, [], |row| row.get(0))
            .attempt("find the first ticket")?;
        Ok(first.map(domain::Timestamp))
    }
}

fn count_row(row: &Row<'_>) -> rusqlite::Result<(String, String, u32, u32)> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
}

fn parts_of(record: &str) -> Result<TicketParts, StoreError> {
    serde_json::from_str(record).map_err(|error| damaged("parts of a ticket".to_owned(), &error))
}

fn damaged(what: String, error: &serde_json::Error) -> StoreError {
    StoreError::Damaged {
        what,
        problem: error.to_string(),
    }
}
