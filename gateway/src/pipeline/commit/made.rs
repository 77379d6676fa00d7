//! What a command made, as far as whoever gave it cannot know: read from its effects.

use crate::store::DrillRow;
use crate::store::rows::AuditRow;
use alerting::effect::Effect;
use alerting::knowledge::EntryId;
use alerting::on_call::overrides::OverrideId;
use alerting::ticket::TicketChange;
use alerting::window::WindowId;
use domain::{TicketId, Timestamp};

/// What a command made or changed, as far as whoever gave it cannot know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Made {
    /// The maintenance window.
    pub window: Option<WindowId>,
    /// The on-call override.
    pub on_call_override: Option<OverrideId>,
    /// The ticket that it opened.
    pub ticket: Option<TicketId>,
    /// The entry of the knowledge base.
    pub entry: Option<EntryId>,
}

impl Made {
    /// The first of each.
    pub(super) fn of(effects: &[Effect]) -> Made {
        let mut made = Made::default();
        for effect in effects {
            match effect {
                Effect::WindowChanged { record } => made.window = made.window.or(Some(record.id)),
                Effect::OverrideChanged { record } => {
                    made.on_call_override = made.on_call_override.or(Some(record.id));
                }
                Effect::TicketChanged {
                    record,
                    change: TicketChange::Opened { .. },
                } => made.ticket = made.ticket.or(Some(record.id)),
                Effect::KnowledgeChanged { record } => made.entry = made.entry.or(Some(record.id)),
                Effect::TicketChanged { .. }
                | Effect::AlarmChanged { .. }
                | Effect::EpisodeClosed { .. }
                | Effect::IncidentChanged { .. }
                | Effect::NoticesChanged { .. }
                | Effect::StockChanged { .. }
                | Effect::Audit(_)
                | Effect::Publish(_) => {}
            }
        }
        made
    }
}

/// The line of the audit trail about a drill.
pub(super) fn drill_held(drill: &DrillRow, at: Timestamp) -> AuditRow {
    AuditRow {
        id: 0,
        at,
        actor: drill.by.clone(),
        action: "drill.held".to_owned(),
        subject: format!("drill/{}", drill.scenario),
        detail: drill.conclusion.clone(),
    }
}
