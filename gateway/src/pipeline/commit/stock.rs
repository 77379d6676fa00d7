//! Spare parts in the commit thread: whose ticket a command is about, and who is told of what changed.

use super::Changed;
use alerting::StockCommand;
use alerting::stock::StockChange;
use domain::TicketId;
use tokio::sync::broadcast;

/// The ticket that a command is about, if it is about one.
pub(super) fn ticket_of(command: &StockCommand) -> Option<TicketId> {
    match command {
        StockCommand::Reserve { ticket, .. } | StockCommand::Release { ticket, .. } => Some(*ticket),
        StockCommand::Book { .. } => None,
    }
}

/// A count or the parts of a ticket changed, and that is on disk.
pub(super) fn announce(change: &StockChange, changed: &broadcast::Sender<Changed>) {
    match change {
        StockChange::Level(level) => {
            let counts = level.counts;
            tracing::info!(part = %level.part, location = %level.location, on_hand = counts.on_hand, reserved = counts.reserved, "stock changed");
        }
        StockChange::Watch(watch) => tracing::info!(low = watch.low.len(), "stock looked at"),
        // its page shows them
        StockChange::Ticket(own) => {
            changed.send(Changed::Ticket(own.ticket.0)).ok();
        }
    }
}
