//! Records of the book as rows of the store. Pure.

use crate::store::rows::{AlarmRow, AuditRow, EntryRow, EpisodeRow, IncidentRow, NoticesRow, TicketRow, WindowRow};
use crate::store::{OverrideRow, ReportRow};
use alerting::episode::PastEpisode;
use alerting::knowledge::EntryRecord;
use alerting::on_call::overrides::OverrideRecord;
use alerting::policy::Policy;
use alerting::record::AlarmRecord;
use alerting::storm::{IncidentRecord, SiteNotices};
use alerting::ticket::TicketRecord;
use alerting::window::WindowRecord;

/// An alarm as its row.
pub fn alarm_row(record: &AlarmRecord) -> AlarmRow {
    AlarmRow {
        id: record.id.to_string(),
        device: record.device.clone(),
        failure_mode: record.failure_mode.clone(),
        episode: record.life.episode,
        is_open: record.is_live(),
        state: record.life.state.as_str().to_owned(),
        severity: record.life.severity.as_str().to_owned(),
        risk: record.risk.level.as_str().to_owned(),
        raised_at: record.raised_at,
        changed_at: record.changed_at,
        revision: u64::from(record.transitions),
        record: serde_json::to_string(record).expect("records serialise"),
        incident: record.incident.map(|id| id.0),
    }
}

/// An incident as its row.
pub fn incident_row(record: &IncidentRecord) -> IncidentRow {
    IncidentRow {
        id: record.id.0,
        site: record.site.to_string(),
        is_open: record.is_open(),
        opened_at: record.opened_at,
        record: serde_json::to_string(record).expect("records serialise"),
    }
}

/// What the people of a site were told, as its row.
pub fn notices_row(record: &SiteNotices) -> NoticesRow {
    NoticesRow {
        site: record.site.to_string(),
        record: serde_json::to_string(record).expect("records serialise"),
    }
}

/// An episode that is over as its row.
pub fn episode_row(episode: &PastEpisode) -> EpisodeRow {
    EpisodeRow {
        alarm: episode.alarm.to_string(),
        profile: episode.profile.clone(),
        failure_mode: episode.failure_mode.clone(),
        closed_at: episode.closed_at,
        record: serde_json::to_string(episode).expect("records serialise"),
    }
}

/// A maintenance window as its row.
pub fn window_row(record: &WindowRecord) -> WindowRow {
    WindowRow {
        id: record.id.0,
        is_open: record.is_live(),
        record: serde_json::to_string(record).expect("records serialise"),
    }
}

/// An on-call override as its row.
pub fn override_row(record: &OverrideRecord) -> OverrideRow {
    OverrideRow {
        id: record.id.0,
        is_open: record.over_at.is_none(),
        until: record.over_at.unwrap_or(record.until),
        record: serde_json::to_string(record).expect("records serialise"),
    }
}

/// An entry of the knowledge base as its row.
pub fn entry_row(record: &EntryRecord) -> EntryRow {
    EntryRow {
        id: record.id.0,
        state: record.state.as_str().to_owned(),
        record: serde_json::to_string(record).expect("records serialise"),
    }
}

/// The line of the audit trail for a review of a past month.
pub fn report_made(report: &ReportRow) -> AuditRow {
    AuditRow {
        id: 0,
        at: report.made_at,
        actor: "system".to_owned(),
        action: "report.made".to_owned(),
        subject: format!("report/{}", report.month),
        detail: String::new(),
    }
}

/// A ticket as its row. It is due when the first of its running clocks runs out.
pub fn ticket_row(record: &TicketRecord, policy: &Policy) -> TicketRow {
    let calendar = &record.terms(policy).calendar;
    let due_at = record.clocks.values().filter_map(|clock| clock.due_at(calendar)).min();
    TicketRow {
        id: record.id.0,
        device: record.device.clone(),
        failure_mode: record.failure_mode.clone(),
        episode: record.episode,
        is_open: record.state.is_open(),
        state: record.state.as_str().to_owned(),
        kind: record.grade.kind.as_str().to_owned(),
        opened_at: record.opened_at,
        due_at: due_at.filter(|_| record.state.is_open()),
        changed_at: record.changed_at,
        revision: u64::from(record.revision),
        record: serde_json::to_string(record).expect("records serialise"),
    }
}
