//! Spare parts: what is kept, what lies where, what will be needed, and what a ticket keeps back.

use super::{At, schema};
use domain::text::Text;
use domain::{DeviceName, SiteName};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What is booked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MovementKind {
    /// They were counted: `quantity` is how many are there, those that are kept back included.
    Count,
    /// They came in.
    Receive,
    /// They went to another place.
    Move,
    /// They left for something else than a ticket.
    Issue,
}

/// A part that is kept in stock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct StockPart {
    /// By which it is ordered.
    pub part: String,
    /// For people; may be empty.
    #[schema(value_type = schema::Text)]
    pub name: Text,
    /// There shall never be fewer, all places together.
    pub reorder_point: u32,
    /// From ordering to having it, days.
    pub lead_time_days: u32,
    /// What one costs, in hundredths of the site's currency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit_price_cents: Option<u64>,
    /// All places together.
    pub on_hand: u32,
    /// Of these, kept back for tickets.
    pub reserved: u32,
}

/// How many of a part are at a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct StockLevel {
    /// Which part.
    pub part: String,
    /// `central`, `region/NAME` or `van/NAME`.
    pub location: String,
    /// There.
    pub on_hand: u32,
    /// Of these, kept back for tickets.
    pub reserved: u32,
}

/// A machine behind a forecast.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct DemandCause {
    /// Its site.
    #[schema(value_type = String)]
    pub site: SiteName,
    /// Its name.
    #[schema(value_type = String)]
    pub device: DeviceName,
    /// How it fails; `plan.` and the plan's name for maintenance.
    pub failure_mode: String,
    /// The alarm, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alarm: Option<String>,
    /// The ticket, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// Probability, 0 to 1, that the part is needed in time.
    pub probability: f64,
    /// How many it takes beyond those that are kept back for it.
    pub quantity: u32,
    /// How many are kept back for it.
    pub reserved: u32,
}

/// What is foretold of a part.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PartForecast {
    /// Which part, and how many there are.
    #[serde(flatten)]
    pub part: StockPart,
    /// Expected demand of foretold repairs and open tickets within the lead time, pieces.
    pub foretold: f64,
    /// Expected demand that nobody sees coming within the lead time, by the rate of use, pieces.
    pub unforeseen: f64,
    /// On hand − reserved − expected demand.
    pub projected: f64,
    /// Whether that is below the reorder point.
    pub is_low: bool,
    /// Order by then; none: not within twice the lead time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_by: Option<At>,
    /// So many, to be at the reorder point again with a certainty of 90 %.
    pub order_quantity: u32,
    /// How many are where.
    pub levels: Vec<StockLevel>,
    /// The machines behind it, the likeliest first; at most 50.
    pub causes: Vec<DemandCause>,
    /// How many there are.
    pub cause_count: u32,
}

/// Parts of a ticket at one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PartsAt {
    /// `central`, `region/NAME` or `van/NAME`.
    pub location: String,
    /// How many.
    pub quantity: u32,
}

/// A part that a ticket needs, keeps back or has used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TicketPart {
    /// Which; as the ticket names it, if it is not kept in stock.
    pub part: String,
    /// For people; may be empty.
    #[schema(value_type = schema::Text)]
    pub name: Text,
    /// Whether it is kept in stock.
    pub is_kept: bool,
    /// So many does the repair take.
    pub needed: u32,
    /// Kept back for it.
    pub reserved: Vec<PartsAt>,
    /// Used so far.
    pub used: u32,
    /// Neither kept back nor used when the ticket was given to somebody: free nowhere within reach.
    pub missing: u32,
    /// From ordering to having it, days; none: it is not kept in stock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lead_time_days: Option<u32>,
}
