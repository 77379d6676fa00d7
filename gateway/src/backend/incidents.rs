//! Incidents and floods for people: rows to views.

use super::LiveBackend;
use crate::store::rows::{IncidentRow, NoticesRow};
use crate::store::{IncidentList, Reader, StoreError};
use crate::web::backend::{Answer, BackendError, IncidentQuery, Order};
use alerting::effect::Command;
use alerting::policy::{Policy, StormSettings};
use alerting::storm::{
    Done, IncidentCause, IncidentCommand, IncidentId, IncidentRecord, IncidentState, Response, SiteNotices,
};
use dashboards::view::{self, EventDone, EventResponse, Flood, HeldNotices, Incident, NoticeBudget, Page, SiteStorms};
use domain::Timestamp;

fn cause_view(cause: IncidentCause) -> view::IncidentCause {
    match cause {
        IncidentCause::ParentDown { parent } => view::IncidentCause::ParentDown { parent },
        IncidentCause::CommonMode { mode, .. } => view::IncidentCause::CommonMode { failure_mode: mode },
    }
}

fn state_view(state: IncidentState) -> view::IncidentState {
    match state {
        IncidentState::Open => view::IncidentState::Open,
        IncidentState::Easing { until } => view::IncidentState::Easing { until: until.into() },
        IncidentState::Over { at } => view::IncidentState::Over { at: at.into() },
    }
}

/// An incident as pages show it.
pub(super) fn incident_view(row: &IncidentRow, policy: &Policy) -> Result<Incident, StoreError> {
    let record: IncidentRecord = serde_json::from_str(&row.record).map_err(|error| StoreError::Damaged {
        what: format!("incident {}", IncidentId(row.id)),
        problem: error.to_string(),
    })?;
    Ok(Incident {
        id: record.id.to_string(),
        revision: u64::from(record.revision),
        title: record.headline(),
        suspect: record.suspect().cloned(),
        site: record.site,
        cause: cause_view(record.cause),
        state: state_view(record.state),
        members: record.members,
        standing: record.standing,
        first: record.first.iter().map(ToString::to_string).collect(),
        severity: record.severity,
        risk: record.risk,
        ticket: record.ticket.map(|id| id.to_string()),
        response: record.response.map(|response| response_view(response, policy)),
        opened_at: record.opened_at.into(),
        began_at: record.began_at.into(),
        grew_at: record.grew_at.into(),
        told_at: record.told.map(|(at, _)| at.into()),
        changed_at: record.changed_at.into(),
    })
}

fn response_view(response: Response, policy: &Policy) -> EventResponse {
    let level = policy.events.named(&response.level);
    let done = |done: Done| EventDone {
        by: done.by,
        at: done.at.into(),
        note: done.note,
    };
    EventResponse {
        plan: level.map(|level| level.plan.clone()).unwrap_or_default(),
        contacts: level.map(|level| level.contacts.clone()).unwrap_or_default(),
        level: response.level,
        respond_by: response.respond_by.into(),
        handle_by: response.handle_by.into(),
        responded: response.responded.map(done),
        handled: response.handled.map(done),
    }
}

fn site_view(row: &NoticesRow, settings: &StormSettings, now: Timestamp) -> Result<SiteStorms, StoreError> {
    let record: SiteNotices = serde_json::from_str(&row.record).map_err(|error| StoreError::Damaged {
        what: format!("notices of site {}", row.site),
        problem: error.to_string(),
    })?;
    let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let given = record.given.iter().filter(|at| now - **at < settings.notices_within);
    Ok(SiteStorms {
        is_flooded: record.is_flooded(),
        floods: record
            .floods
            .iter()
            .rev()
            .map(|flood| Flood {
                from: flood.from.into(),
                until: flood.until.map(Into::into),
                alarms: flood.alarms,
            })
            .collect(),
        notices: NoticeBudget {
            limit: settings.notices.map(small),
            kept: small(settings.notices_kept),
            within_min: u32::try_from(settings.notices_within.0 / 60_000).unwrap_or(u32::MAX),
            given: small(given.count()),
            held: record.held.as_ref().map(|held| HeldNotices {
                since: held.since.into(),
                count: held.count,
                worst: held.worst,
            }),
            summaries: record.summaries,
        },
        site: record.site,
    })
}

impl LiveBackend {
    /// The newest first; the cursor is the number of the last one.
    pub(super) async fn list_incidents(&self, query: IncidentQuery) -> Answer<Page<Incident>> {
        let limit = query.slice.limit;
        let list = IncidentList {
            site: query.site.map(|site| site.to_string()),
            is_open: query.is_open,
            // a cursor that is not ours stands behind the end
            after: query.slice.cursor.map(|cursor| cursor.parse().unwrap_or(0)),
        };
        let policy = self.running.policy.clone();
        let ask = move |reader: &Reader| {
            let mut rows = reader.incident_list(&list, limit + 1)?;
            let is_more = rows.len() > limit;
            rows.truncate(limit);
            let next = rows.last().filter(|_| is_more).map(|row| row.id.to_string());
            let items = rows
                .iter()
                .map(|row| incident_view(row, &policy))
                .collect::<Result<_, _>>()?;
            Ok(Page { items, next })
        };
        self.readers.ask(ask).await
    }

    pub(super) async fn read_incident(&self, id: u64) -> Answer<Incident> {
        let policy = self.running.policy.clone();
        let ask = move |reader: &Reader| {
            let row = reader.incident(id)?;
            row.map(|row| incident_view(&row, &policy)).transpose()
        };
        self.readers.ask(ask).await?.ok_or_else(|| BackendError::NotFound {
            what: format!("incident {}", IncidentId(id)),
        })
    }

    /// A person answers for one, or has dealt with it; answered when it is on disk.
    pub(super) async fn respond(&self, order: Order, id: u64, command: IncidentCommand) -> Answer<Incident> {
        // whoever may not see it does not change it
        self.read_incident(id).await?;
        let incident = IncidentId(id);
        self.command(&order, Command::Incident { incident, command }).await?;
        self.read_incident(id).await
    }

    /// By site; those where no alarm was ever announced are left out.
    pub(super) async fn list_floods(&self) -> Answer<Vec<SiteStorms>> {
        let (policy, now) = (self.running.policy.clone(), self.clock().now());
        let ask = move |reader: &Reader| {
            let rows = reader.site_notices()?;
            rows.iter().map(|row| site_view(row, &policy.storms, now)).collect()
        };
        self.readers.ask(ask).await
    }
}
