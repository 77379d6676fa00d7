//! Rows of spare parts: counts by part and place, and the parts of tickets.

use super::commit::Commit;
use super::reader::Reader;
use super::{Attempt, StoreError};
use alerting::stock::{Counts, Level, StockChange, StockWatch, TicketParts};
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
            StockChange::Watch(watch) => {
                let sql =
                    "INSERT INTO stock_watch VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET record = excluded.record";
                let record = serde_json::to_string(watch).expect("records serialise");
                self.execute(sql, [record], "store what runs low").map(drop)
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
            Level::of_row(part, &location, on_hand, reserved).map_err(|error| StoreError::Damaged {
                what: "stock".to_owned(),
                problem: error.to_string(),
            })
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

    /// What ran low when it was looked at last.
    pub fn stock_watch(&self) -> Result<StockWatch, StoreError> {
        let sql = "SELECT record FROM stock_watch";
        let rows: Vec<String> = self.list(sql, [], |row| row.get(0), "read what runs low")?;
        let read = |record: &String| {
            serde_json::from_str(record).map_err(|error| StoreError::Damaged {
                what: "what runs low".to_owned(),
                problem: error.to_string(),
            })
        };
        rows.first().map(read).transpose().map(Option::unwrap_or_default)
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
    serde_json::from_str(record).map_err(|error| StoreError::Damaged {
        what: "parts of a ticket".to_owned(),
        problem: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::Store;
    use super::*;
    use alerting::stock::{Location, Stock};
    use domain::Timestamp;

    const PARTS: &str = "[[part]]\nnumber = \"seal\"\nlead_time_days = 9\ncentral = 3\n";

    #[test]
    fn the_stock_is_again_what_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(folder.path()).unwrap();
        let parts = alerting::stock::Parts::parse(PARTS, &Default::default()).unwrap();
        let mut stock = Stock::restore(&parts, Vec::new(), Vec::new());
        let ticket = TicketId(7);
        for reserved in [1, 2] {
            let booked = stock.reserve(&parts, ticket, "SEAL", &Location::Central, 1, Timestamp(reserved));
            booked.unwrap();
            let commit = store.begin().unwrap();
            for change in stock.take_changes() {
                commit.stock(&change).unwrap();
            }
            commit.finish().unwrap();
        }
        let reader = store.reader().unwrap();
        assert_eq!(reader.stock_levels().unwrap(), stock.booked().collect::<Vec<_>>());
        assert_eq!(reader.ticket_parts(ticket).unwrap().as_ref(), stock.ticket(ticket));
        // who sees no device sees what there is, but nobody's parts
        let mut limited = store.reader().unwrap();
        limited.limit_to(&crate::access::Sight::default()).unwrap();
        assert_eq!(limited.stock_levels().unwrap().len(), 1);
        assert_eq!(limited.ticket_parts(ticket).unwrap(), None);
        // of a ticket that is not there (any more), nothing is live
        assert_eq!(reader.parts_of_live_tickets().unwrap(), []);
        assert_eq!(reader.first_ticket_at().unwrap(), None);
    }

    #[test]
    fn the_database_takes_no_count_that_cannot_be() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let raw = rusqlite::Connection::open(store.path()).unwrap();
        let wrong = raw.execute("INSERT INTO stock_level VALUES ('seal', 'central', 1, 2)", []);
        assert!(wrong.is_err());
        raw.execute("INSERT INTO stock_level VALUES ('seal', 'cellar', 2, 1)", [])
            .unwrap();
        let damaged = store.reader().unwrap().stock_levels();
        assert!(matches!(damaged, Err(StoreError::Damaged { .. })), "{damaged:?}");
    }
}
