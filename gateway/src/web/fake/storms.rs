//! Made-up incidents and floods.

use super::{not_found, text};
use crate::web::backend::{Answer, IncidentCommand};
use dashboards::view::*;
use domain::{FailureModeId, Millis, RiskLevel, Severity, SiteName, Timestamp};

/// The incident that an alarm of [`super::work::alarms`] is part of.
pub(super) const OPEN: &str = "I-000003";

fn site(name: &str) -> SiteName {
    SiteName::new(name).expect("a name")
}

pub(super) fn incidents(now: Timestamp) -> Vec<Incident> {
    let ago = |minutes| At(now - Millis::minutes(minutes));
    let make = |number: u64, state, standing, minutes| Incident {
        suspect: None,
        id: format!("I-{number:06}"),
        revision: 4,
        site: site("hotel-lotus"),
        cause: IncidentCause::CommonMode {
            failure_mode: FailureModeId::new("no_data").expect("a name"),
        },
        title: text(
            "No data on many machines of hotel-lotus",
            "hotel-lotus多台设备同时出现：无数据",
        ),
        state,
        members: 6,
        standing,
        first: vec!["hotel-lotus/ac-roof-2/no_data/1".into()],
        severity: Severity::Warning,
        risk: RiskLevel::Medium,
        ticket: Some("T-000042".into()),
        response: Some(EventResponse {
            level: "major".into(),
            plan: vec![text("Name one person in charge", "指定一名负责人")],
            contacts: vec!["Grid operator +86 571 0000".into()],
            respond_by: At(now + Millis::minutes(102)),
            handle_by: At(now + Millis::hours(23)),
            responded: None,
            handled: None,
        }),
        opened_at: ago(minutes),
        began_at: ago(minutes + 2),
        grew_at: ago(minutes),
        told_at: Some(ago(minutes)),
        changed_at: ago(minutes - 1),
    };
    let over = |minutes| IncidentState::Over { at: ago(minutes) };
    vec![
        make(1, over(8_000), 0, 9_000),
        make(2, over(3_000), 0, 3_100),
        make(3, IncidentState::Open, 5, 18),
    ]
}

pub(super) fn respond(
    incidents: &mut [Incident],
    id: u64,
    command: IncidentCommand,
    by: String,
    at: At,
) -> Answer<Incident> {
    let id = format!("I-{id:06}");
    let incident = incidents.iter_mut().find(|incident| incident.id == id);
    let incident = incident.ok_or_else(|| not_found(format!("incident {id}")))?;
    if let Some(response) = &mut incident.response {
        match command {
            IncidentCommand::Respond { note } => response.responded = Some(EventDone { by, at, note }),
            IncidentCommand::Handle { note } => response.handled = Some(EventDone { by, at, note }),
        }
    }
    incident.revision += 1;
    Ok(incident.clone())
}

pub(super) fn floods(now: Timestamp) -> Vec<SiteStorms> {
    let ago = |minutes| At(now - Millis::minutes(minutes));
    vec![SiteStorms {
        site: site("hotel-lotus"),
        is_flooded: true,
        floods: vec![Flood {
            from: ago(18),
            until: None,
            alarms: 14,
        }],
        notices: NoticeBudget {
            limit: Some(10),
            kept: 3,
            within_min: 10,
            given: 7,
            held: Some(HeldNotices {
                since: ago(2),
                count: 4,
                worst: Some(Severity::Warning),
            }),
            summaries: 1,
        },
    }]
}
