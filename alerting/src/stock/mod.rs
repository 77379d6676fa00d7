//! Spare parts in three levels of stock: central, in regions, on vans. What lies where, what is kept back for which ticket, what was
//! used, and what will be needed.
//!
//! Pure: no clock, no I/O. Same parts, same commands: same counts.

mod causes;
mod forecast;
mod holding;
mod movement;
mod order;
mod parts;
mod place;
mod shelf;
mod ticket;
mod watch;

#[cfg(test)]
mod forecast_tests;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use causes::causes;
pub use forecast::{Cause, CauseShare, Forecast, Likelihood, Use, forecast, forecast_all};
pub use movement::{Movement, StockRefusal};
pub use order::{CERTAINTY, demand_quantile};
pub use parts::{MAX_LEAD_DAYS, MAX_LOCATIONS, MAX_OPENING, MAX_PARTS_KEPT, Part, Parts};
pub use place::{Location, PartNumber};
pub use shelf::{Counts, DamagedLevel, Level, MAX_LEVELS, MAX_ON_HAND, MAX_TICKETS_WITH_PARTS, Stock, StockChange};
pub use ticket::{Lines, MAX_LINES, Need, TicketParts, needs};
pub use watch::{CHECK_EVERY, LowPart, LowParts, PARTS_KEEPERS, StockWatch, stock_site};
