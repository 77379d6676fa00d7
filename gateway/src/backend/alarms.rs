//! Alarms for people: rows to views, lists, commands.

use super::readers::unavailable;
use super::similar::{similar_now, similar_views};
use super::{LiveBackend, revision_fits};
use crate::access::Sight;
use crate::store::rows::AlarmRow;
use crate::store::{AlarmList, StoreError};
use crate::web::backend::{AlarmCommand, AlarmQuery, Answer, BackendError, Order};
use alerting::alarm::{AlarmRefusal, AlarmState, SuppressionCause};
use alerting::effect::{Command, Refusal};
use alerting::habit::Habit;
use alerting::record::AlarmRecord;
use alerting::storm::ResponseRefusal;
use alerting::ticket::TicketRefusal;
use dashboards::view::{self, Act, Alarm, EvidenceView, Finding, OutOfService, Page, Rationale, Shelving};
use domain::text::Text;
use domain::{AlarmId, DeviceKey, Evidence, MetricName, Timestamp};

/// The record of a row.
pub fn record_of(row: &AlarmRow) -> Result<AlarmRecord, StoreError> {
    serde_json::from_str(&row.record).map_err(|error| StoreError::Damaged {
        what: format!("alarm {}", row.id),
        problem: error.to_string(),
    })
}

fn state_view(state: &AlarmState) -> view::AlarmState {
    match state {
        AlarmState::Normal => view::AlarmState::Normal,
        AlarmState::Unacknowledged => view::AlarmState::Unacknowledged,
        AlarmState::Acknowledged { .. } => view::AlarmState::Acknowledged,
        AlarmState::ReturnedUnacknowledged => view::AlarmState::ReturnedUnacknowledged,
        AlarmState::Latched { .. } => view::AlarmState::Latched,
    }
}

fn state_word(state: view::AlarmState) -> &'static str {
    match state {
        view::AlarmState::Normal => "normal",
        view::AlarmState::Unacknowledged => "unacknowledged",
        view::AlarmState::Acknowledged => "acknowledged",
        view::AlarmState::ReturnedUnacknowledged => "returned_unacknowledged",
        view::AlarmState::Latched => "latched",
    }
}

/// Where a page ended, as text.
fn cursor_of(row: &AlarmRow) -> String {
    format!("{}~{}", row.changed_at.0, row.id)
}

/// The place behind a cursor; one that is not ours stands behind the end.
fn place_of(cursor: &str) -> (Timestamp, String) {
    let place = cursor
        .split_once('~')
        .and_then(|(at, id)| Some((Timestamp(at.parse().ok()?), id.to_owned())));
    place.unwrap_or((Timestamp(i64::MIN), String::new()))
}

fn list_of(query: &AlarmQuery) -> AlarmList {
    AlarmList {
        site: query.site.as_ref().map(ToString::to_string),
        device: query.device.as_ref().map(ToString::to_string),
        state: query.state.map(state_word),
        severity: query.severity.map(domain::Severity::as_str),
        is_active: query.is_active,
        is_shelved: query.is_shelved,
        with_normal: query.with_normal,
        incident: query.incident,
        after: query.slice.cursor.as_deref().map(place_of),
    }
}

fn not_found(id: &AlarmId) -> BackendError {
    BackendError::NotFound {
        what: format!("alarm {id}"),
    }
}

/// What a person asked for, in the words of the book.
fn command_of(command: AlarmCommand) -> alerting::AlarmCommand {
    match command {
        AlarmCommand::Acknowledge { note } => alerting::AlarmCommand::Acknowledge { note },
        AlarmCommand::Shelve { reason, until } => alerting::AlarmCommand::Shelve { reason, until },
        AlarmCommand::Unshelve => alerting::AlarmCommand::Unshelve,
        AlarmCommand::Reset => alerting::AlarmCommand::Reset,
        AlarmCommand::TakeOutOfService { reason } => alerting::AlarmCommand::TakeOutOfService { reason },
        AlarmCommand::ReturnToService => alerting::AlarmCommand::ReturnToService,
    }
}

/// Why the book did not follow, for whoever asked.
pub fn refused(refusal: &Refusal) -> BackendError {
    let detail = refusal.to_string();
    let of_text = |why: &TicketRefusal| match why {
        TicketRefusal::TextMissing { field } | TicketRefusal::TextTooLong { field, .. } => {
            Some(BackendError::Invalid {
                pointer: format!("/{field}"),
                detail: why.to_string(),
            })
        }
        TicketRefusal::OutOfRange { field, .. } => Some(BackendError::Invalid {
            pointer: format!("/{field}"),
            detail: why.to_string(),
        }),
        TicketRefusal::SameFault { .. } => Some(BackendError::Invalid {
            pointer: "/failure_mode".to_owned(),
            detail: why.to_string(),
        }),
        TicketRefusal::EndsBeforeItBegins => Some(BackendError::Invalid {
            pointer: "/ended_at".to_owned(),
            detail: why.to_string(),
        }),
        TicketRefusal::TooManyParts { .. } => Some(BackendError::Invalid {
            pointer: "/parts".to_owned(),
            detail: why.to_string(),
        }),
        TicketRefusal::NotOpen { .. }
        | TicketRefusal::OnHold
        | TicketRefusal::NotOnHold
        | TicketRefusal::NotFinished { .. }
        | TicketRefusal::NoChange
        | TicketRefusal::BackToReported
        | TicketRefusal::HistoryFull
        | TicketRefusal::NoEntry { .. }
        | TicketRefusal::MergedWithItself
        | TicketRefusal::OtherSite
        | TicketRefusal::IsMerged { .. }
        | TicketRefusal::NotMerged { .. }
        | TicketRefusal::CameWith { .. }
        | TicketRefusal::NotItsAlarm { .. }
        | TicketRefusal::ListFull { .. }
        | TicketRefusal::OverrideWithoutReason { .. }
        | TicketRefusal::LinkToItself
        | TicketRefusal::HasParent
        | TicketRefusal::LinkInCircle
        | TicketRefusal::AlarmStands { .. }
        | TicketRefusal::NoFollowUp
        | TicketRefusal::FollowUpOpen
        | TicketRefusal::OtherOpen { .. } => None,
    };
    match refusal {
        // the row was there a moment ago: it is over by now
        Refusal::UnknownAlarm { .. }
        | Refusal::UnknownTicket { .. }
        | Refusal::AlreadyOpen { .. }
        | Refusal::NeedsPerson
        | Refusal::TooManyWindows { .. } => BackendError::Conflict { detail },
        Refusal::UnknownIncident { incident } => BackendError::NotFound {
            what: format!("incident {incident} that is not over"),
        },
        Refusal::Response { why } => match why {
            ResponseRefusal::NoNote | ResponseRefusal::LongNote => BackendError::Invalid {
                pointer: "/note".to_owned(),
                detail,
            },
            ResponseRefusal::NoLevel | ResponseRefusal::Responded | ResponseRefusal::Handled => {
                BackendError::Conflict { detail }
            }
        },
        Refusal::UnknownWindow { window } => BackendError::NotFound {
            what: format!("window {window} that is not over"),
        },
        Refusal::Override { why } => super::on_call::refused(why),
        Refusal::Knowledge { why } => super::knowledge::refused(why),
        Refusal::Schedule { why } => BackendError::Invalid {
            pointer: "/schedule".to_owned(),
            detail: why.to_string(),
        },
        Refusal::Covers { why } => BackendError::Invalid {
            pointer: "/covers".to_owned(),
            detail: why.clone(),
        },
        Refusal::Stock { why } => super::stock::refused(why),
        Refusal::Alarm { why, .. } => match why {
            AlarmRefusal::ShelvingInThePast | AlarmRefusal::ShelvingTooLong { .. } => BackendError::Invalid {
                pointer: "/until".to_owned(),
                detail: why.to_string(),
            },
            AlarmRefusal::AlreadyActive
            | AlarmRefusal::NotActive
            | AlarmRefusal::NothingToAcknowledge
            | AlarmRefusal::AlreadyShelved
            | AlarmRefusal::NotShelved
            | AlarmRefusal::NotExpired { .. }
            | AlarmRefusal::AlreadySuppressed
            | AlarmRefusal::NotSuppressed
            | AlarmRefusal::AlreadyOutOfService
            | AlarmRefusal::NotOutOfService
            | AlarmRefusal::ByWindow { .. }
            | AlarmRefusal::OutOfSight
            | AlarmRefusal::NotLatched => BackendError::Conflict { detail },
        },
        Refusal::Ticket { why, .. } | Refusal::Text { why } => {
            of_text(why).unwrap_or(BackendError::Conflict { detail })
        }
    }
}

/// Why logic hides an alarm, for people.
/// Names only what is seen.
fn suppressed_because(cause: &SuppressionCause, sight: &Sight) -> Text {
    let (en, zh) = match cause {
        SuppressionCause::ParentDown { parent } if !sight.sees(parent) => {
            ("what it hangs on is down".to_owned(), "上级设备不可用".to_owned())
        }
        SuppressionCause::ParentDown { parent } => (
            format!("{parent} is down, and this hangs on it"),
            format!("上级设备 {parent} 不可用"),
        ),
        SuppressionCause::FirstUp { first } => {
            (format!("likely to follow from {first}"), format!("可能由 {first} 引起"))
        }
        SuppressionCause::Commissioning { window } => {
            (format!("commissioning, {window}"), format!("设备调试中，{window}"))
        }
    };
    Text { en, zh }
}

fn findings_of(habit: &Habit) -> Vec<Finding> {
    [
        (habit.is_chattering, Finding::Chattering),
        (habit.fleeting > 0, Finding::Fleeting),
        (habit.is_stale, Finding::Stale),
    ]
    .into_iter()
    .filter_map(|(is_found, finding)| is_found.then_some(finding))
    .collect()
}

impl LiveBackend {
    /// Evidence in words, with the titles and units of the device's profile.
    pub(super) fn evidence_views(&self, device: &DeviceKey, evidence: &[Evidence]) -> Vec<EvidenceView> {
        let profile = self.profile_of(device);
        let spec = |metric: &Option<MetricName>| {
            let spec = profile
                .as_ref()
                .zip(metric.as_ref())
                .and_then(|(profile, name)| profile.metrics.get(name));
            spec.map(|s| (s.title.clone(), s.unit.clone()))
                .unwrap_or((Text::default(), String::new()))
        };
        let view = |e: &Evidence| {
            let (title, unit) = spec(&e.metric);
            EvidenceView::new(e, &title, &unit)
        };
        evidence.iter().map(view).collect()
    }

    /// An alarm as pages show it.
    pub(super) fn alarm_view(&self, row: &AlarmRow) -> Result<Alarm, StoreError> {
        let record = record_of(row)?;
        let acknowledged = match &record.life.state {
            AlarmState::Acknowledged { by, at } => Some(Act {
                by: by.clone(),
                at: (*at).into(),
            }),
            AlarmState::Normal
            | AlarmState::Unacknowledged
            | AlarmState::ReturnedUnacknowledged
            | AlarmState::Latched { .. } => None,
        };
        let shelved = record.life.shelving.as_ref().map(|s| Shelving {
            by: s.by.clone(),
            reason: s.reason.clone(),
            until: s.until.into(),
        });
        Ok(Alarm {
            revision: row.revision,
            site: record.device.site.clone(),
            device: record.device.device.clone(),
            failure_mode: record.failure_mode,
            title: record.facts.title,
            severity: record.life.severity,
            state: state_view(&record.life.state),
            is_active: record.life.state.is_active(),
            shelved,
            suppressed: record
                .life
                .suppression
                .as_ref()
                .map(|s| suppressed_because(&s.cause, &self.sight)),
            out_of_service: record.life.out_of_service.as_ref().map(|out| OutOfService {
                by: out.by.clone(),
                reason: out.reason.clone(),
                since: out.at.into(),
                window: out.window.map(|w| w.to_string()),
            }),
            findings: findings_of(&record.habit),
            rationale: record.facts.rationale.as_ref().map(|r| Rationale {
                cause: r.cause.clone(),
                consequence: r.consequence.clone(),
                response: r.response.clone(),
                time_to_respond_min: r.time_to_respond_min,
            }),
            risk: record.risk.level,
            risk_grade: record
                .risk
                .level
                .folded(self.running.policy.risk.levels)
                .map(|grade| grade.to_string()),
            risk_reason: record.risk.text(&record.facts.impact_reason),
            raised_at: record.raised_at.into(),
            since: acknowledged.as_ref().map_or(record.measured_at.into(), |act| act.at),
            acknowledged,
            evidence: self.evidence_views(&record.device, &record.evidence),
            similar: similar_views(&record.similar, &self.sight),
            ticket: record.ticket.map(|t| t.to_string()),
            incident: record.incident.map(|i| i.to_string()),
            model: record.model.to_string(),
            id: record.id,
        })
    }

    pub(super) async fn list_alarms(&self, query: AlarmQuery) -> Answer<Page<Alarm>> {
        let (list, limit, backend) = (list_of(&query), query.slice.limit, self.clone());
        let ask = move |reader: &crate::store::Reader| {
            let mut rows = reader.alarm_list(&list, limit + 1)?;
            let is_more = rows.len() > limit;
            rows.truncate(limit);
            let next = rows.last().filter(|_| is_more).map(cursor_of);
            let items = rows
                .iter()
                .map(|row| backend.alarm_view(row))
                .collect::<Result<_, _>>()?;
            Ok(Page { items, next })
        };
        self.readers.ask(ask).await
    }

    pub(super) async fn read_alarm(&self, id: AlarmId) -> Answer<Alarm> {
        let (wanted, backend) = (id.to_string(), self.clone());
        let ask = move |reader: &crate::store::Reader| {
            let Some(row) = reader.alarm(&wanted)? else {
                return Ok(None);
            };
            let similar = similar_now(reader, &record_of(&row)?.similar, &backend.sight)?;
            let alarm = backend.alarm_view(&row)?;
            Ok(Some(Alarm { similar, ..alarm }))
        };
        let found = self.readers.ask(ask);
        found.await?.ok_or_else(|| not_found(&id))
    }

    pub(super) async fn change_alarm(&self, order: Order, id: AlarmId, command: AlarmCommand) -> Answer<Alarm> {
        let before = self.read_alarm(id.clone()).await?;
        revision_fits(&order, before.revision)?;
        self.command(
            &order,
            Command::Alarm {
                alarm: id.clone(),
                command: command_of(command),
            },
        )
        .await?;
        let (wanted, standing) = (id.to_string(), self.standing.clone());
        // whoever looks at the counters next shall see their own doing
        let row = self.readers.ask(move |reader| standing.follow_alarm(reader, &wanted));
        let row = row.await?.ok_or_else(|| not_found(&id))?;
        self.alarm_view(&row)
            .map_err(|_| unavailable("the alarm cannot be read"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_leads_back_to_its_place_and_a_foreign_one_behind_the_end() {
        let (at, id) = place_of("1760000000000~north/pump-1/bearing_wear/2");
        assert_eq!((at.0, id.as_str()), (1_760_000_000_000, "north/pump-1/bearing_wear/2"));
        assert_eq!(place_of("nonsense").0, Timestamp(i64::MIN));
    }

    #[test]
    fn a_refusal_says_whether_the_state_or_a_value_is_the_matter() {
        let alarm = AlarmId("north/pump-1/bearing_wear/1".into());
        let of = |why| {
            refused(&Refusal::Alarm {
                alarm: alarm.clone(),
                why,
            })
        };
        assert!(matches!(
            of(AlarmRefusal::NothingToAcknowledge),
            BackendError::Conflict { .. }
        ));
        let BackendError::Invalid { pointer, .. } = of(AlarmRefusal::ShelvingTooLong { latest: Timestamp(1) }) else {
            panic!("a value is the matter");
        };
        assert_eq!(pointer, "/until");
    }
}
