//! From conditions to alarms, risk and tickets with their clocks.
//!
//! Everything here is a pure function of (state, input, now): no clock, no I/O, no global, no randomness. The same input
//! gives the same alarms and tickets, byte for byte, live, in a replay and after a restart.

pub mod alarm;
pub mod book;
pub mod calendar;
pub mod clock;
pub mod condition;
pub mod dispatch;
pub mod drill;
pub mod effect;
pub mod episode;
pub mod habit;
pub mod impact;
pub mod knowledge;
pub mod ledger;
pub mod likeness;
pub mod on_call;
pub mod policy;
pub mod reason;
pub mod record;
pub mod review;
pub mod risk;
pub mod scope;
pub mod stock;
pub mod storm;
pub mod ticket;
pub mod window;

pub use book::{Book, LastEpisode, Snapshot};
pub use condition::{ConditionTracker, Edge};
pub use effect::{
    AlarmCommand, AuditEntry, Command, Effect, IncidentNotice, Input, Message, Outgoing, Refusal, StockCommand,
    TicketDecision, TicketEvent, WindowCommand,
};
pub use knowledge::KnowledgeCommand;
pub use policy::{AlertingConfig, Policy};
pub use record::{AlarmRecord, Asset, DeviceFacts};
pub use ticket::{Actor, TicketCommand, TicketRecord};
