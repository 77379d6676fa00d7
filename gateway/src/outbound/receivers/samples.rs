//! Messages that the tests of receivers share.

#![allow(missing_docs)] // their names say it

use super::config::ReceiverConfig;
use super::note::Note;
use alerting::effect::{Background, Message, Outgoing, TicketEvent};
use alerting::record::Asset;
use alerting::storm::NoticeWeight;
use alerting::ticket::{Actor, Priority, TicketChange, TicketKind};
use domain::text::{Language, Text};
use domain::wire::AlarmMessage;
use domain::{AlarmId, DeviceKey, FailureModeId, ModelVersion, RiskLevel, Severity, TicketId, Timestamp};

/// 2026-10-01T08:00:00Z.
pub const AT: Timestamp = Timestamp(1_790_841_600_000);

pub fn config(toml: &str) -> ReceiverConfig {
    let config: ReceiverConfig = toml::from_str(toml).expect("has the shape");
    let problems = config.problems("r");
    assert!(problems.is_empty(), "{problems:?}");
    config
}

fn text(en: &str, zh: &str) -> Text {
    Text {
        en: en.to_owned(),
        zh: zh.to_owned(),
    }
}

fn pump() -> DeviceKey {
    DeviceKey::new("harbour", "pump-1").expect("names")
}

pub fn background() -> Background {
    Background {
        profile: "pump".into(),
        asset: Asset {
            serial_number: "SN-77".into(),
            location: "Hall 3".into(),
            customer: "Waterworks".into(),
            people_served: None,
            warranty_until: String::new(),
            region: String::new(),
        },
        title: text("Bearing wear", "轴承磨损"),
        reason: text(
            "vibration 9.2 mm/s is above the limit 7.1 mm/s",
            "振动 9.2 mm/s 超过限值 7.1 mm/s",
        ),
        action: text("Replace the bearing", "更换轴承"),
        severity: Some(Severity::Critical),
        ticket: Some(TicketId(7)),
        is_emergency: false,
    }
}

/// The alarm, in a state.
pub fn alarm_message(state: &str) -> Message {
    let mode = FailureModeId::new("bearing_wear").expect("a name");
    let device = pump();
    Message {
        key: format!("harbour/pump-1/bearing_wear/1/{state}"),
        site: device.site.clone(),
        notice: Some(NoticeWeight::Ordinary),
        about: background(),
        content: Outgoing::Alarm(AlarmMessage {
            alarm_id: AlarmId::new(&device, &mode, 1),
            site: device.site.clone(),
            device: device.device.clone(),
            failure_mode: mode,
            severity: Severity::Critical,
            state: state.to_owned(),
            is_shelved: false,
            is_suppressed: false,
            is_out_of_service: false,
            risk: RiskLevel::High,
            measured_at: AT,
            raised_at: AT,
            reason: "vibration 9.2 mm/s is above the limit 7.1 mm/s".into(),
            model: ModelVersion::default(),
        }),
        device: Some(device),
    }
}

/// The ticket after a change.
pub fn ticket_message(revision: u32, change: TicketChange, by: Actor) -> Message {
    let device = pump();
    Message {
        key: format!("ticket/T-000007/{revision}"),
        site: device.site.clone(),
        device: Some(device.clone()),
        notice: Some(NoticeWeight::Ordinary),
        about: background(),
        content: Outgoing::Ticket(Box::new(TicketEvent {
            ticket: TicketId(7),
            ticket_key: "harbour/pump-1/bearing_wear/1".into(),
            device,
            failure_mode: FailureModeId::new("bearing_wear").expect("a name"),
            event: change.as_str().to_owned(),
            change,
            state: "reported".into(),
            kind: TicketKind::OnSiteInspection,
            priority: Priority::P2,
            risk: RiskLevel::High,
            due_at: None,
            title: "Bearing wear".into(),
            reason: "vibration 9.2 mm/s is above the limit 7.1 mm/s".into(),
            model: ModelVersion::default(),
            people: vec!["li".into(), "group:supervisors".into()],
            by,
            at: AT,
            revision,
        })),
    }
}

pub fn alarm_in(state: &str, language: Language) -> Note {
    Note::of(&alarm_message(state), language, Some("https://fw.example/"))
}

pub fn alarm(language: Language) -> Note {
    alarm_in("unacknowledged", language)
}

pub fn opened() -> Note {
    let change = TicketChange::Opened {
        reason: Text::default(),
    };
    ticket(1, change, Actor::System)
}

pub fn ticket(revision: u32, change: TicketChange, by: Actor) -> Note {
    Note::of(
        &ticket_message(revision, change, by),
        Language::En,
        Some("https://fw.example"),
    )
}
