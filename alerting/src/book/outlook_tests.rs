//! Risk follows the time left while a condition stands, and what the failure costs follows the machine.

use super::tests::{MINUTE, condition, pump};
use super::*;
use crate::alarm::AlarmReason;
use crate::effect::{Outgoing, TicketDecision};
use crate::impact::ImpactReason;
use crate::policy::AlertingConfig;
use crate::record::{Asset, DeviceFacts};
use crate::ticket::{TicketCommand, TicketKind};
use domain::checked::{from_tree, tree_of};
use domain::{
    ConditionOutlook, ConditionState, Health, Impact, Millis, ModelVersion, Prognosis, RemainingLife, RiskLevel,
    Severity,
};

struct World {
    book: Book,
    device: DeviceFacts,
    now: i64,
}

impl World {
    /// A pump whose bearing shows an advisory condition: no ticket yet.
    fn with_advisory(config: &str) -> World {
        let config: AlertingConfig = from_tree(tree_of(config).expect("TOML")).expect("sound");
        let profile = pump();
        let mut world = World {
            book: Book::new(Arc::new(config.check().expect("sound"))),
            now: 1_000_000 * MINUTE,
            device: DeviceFacts {
                key: DeviceKey::new("harbour", "pump-1").unwrap(),
                model: ModelVersion::of_file(&profile.id, profile.version),
                profile,
                asset: Asset::default(),
            },
        };
        let active = ConditionState::Active {
            severity: Severity::Advisory,
        };
        let input = condition(&world.device, "bearing_wear", active, world.now);
        world.step(input);
        world
    }

    fn step(&mut self, input: Input) -> Vec<Effect> {
        self.book.step(input, Timestamp(self.now)).expect("never refused")
    }

    /// An hour on, with so many days until one in two has failed.
    fn outlook(&mut self, p50_days: i64) -> Vec<Effect> {
        self.now += 60 * MINUTE;
        self.outlook_at(self.now, p50_days)
    }

    fn outlook_at(&mut self, at: i64, p50_days: i64) -> Vec<Effect> {
        let outlook = ConditionOutlook {
            failure_mode: FailureModeId::new("bearing_wear").unwrap(),
            measured_at: Timestamp(at),
            health: Health::new(50.0),
            prognosis: Prognosis::Known(RemainingLife {
                basis: domain::LifeBasis::Trend,
                made_at: Timestamp(at),
                p10: Millis::days(p50_days / 2),
                p50: Millis::days(p50_days),
                p90: Millis::days(2 * p50_days),
            }),
            model: self.device.model.clone(),
        };
        let device = self.device.key.clone();
        self.step(Input::Outlook { device, outlook })
    }

    fn alarm(&self) -> &AlarmRecord {
        self.book.alarms().next().expect("stands")
    }
}

fn announced(effects: &[Effect]) -> usize {
    let is_notice = |effect: &&Effect| matches!(effect, Effect::Publish(message) if message.notice.is_some() && matches!(message.content, Outgoing::Alarm(_)));
    effects.iter().filter(is_notice).count()
}

fn decision(effects: &[Effect]) -> Option<TicketDecision> {
    effects.iter().find_map(|effect| match effect {
        Effect::AlarmChanged { ticket, .. } => Some(*ticket),
        _ => None,
    })
}

#[test]
fn a_failure_that_comes_nearer_opens_the_ticket_that_its_severity_alone_did_not() {
    let mut world = World::with_advisory("");
    assert_eq!(world.book.tickets().count(), 0);
    world.outlook(60);
    assert_eq!(world.book.tickets().count(), 0, "far away");
    let effects = world.outlook(6);
    assert_eq!(world.alarm().risk.level, RiskLevel::High);
    assert_eq!(announced(&effects), 1);
    let ticket = world.book.tickets().next().expect("opened");
    assert_eq!(ticket.grade.kind, TicketKind::OnSiteInspection);
    assert_eq!(world.outlook(6), [], "told once");
}

#[test]
fn a_risk_that_swings_is_followed_but_told_only_at_a_new_height() {
    let mut world = World::with_advisory("");
    world.outlook(6);
    let falls = world.outlook(60);
    assert!(world.alarm().risk.level < RiskLevel::High);
    assert_eq!(
        (announced(&falls), decision(&falls)),
        (0, Some(TicketDecision::NotAssessed))
    );
    let rises = world.outlook(6);
    assert_eq!(
        (announced(&rises), decision(&rises)),
        (0, Some(TicketDecision::NotAssessed))
    );
    let Effect::AlarmChanged { reason, .. } = &rises[0] else {
        panic!("{rises:?}");
    };
    assert!(
        matches!(reason, AlarmReason::Reassessed { is_peak: false, .. }),
        "{reason:?}"
    );
}

#[test]
fn an_old_outlook_after_a_restart_changes_nothing() {
    let mut world = World::with_advisory("");
    let before = world.now + 60 * MINUTE;
    world.outlook(6);
    world.outlook(60);
    let alarm = world.alarm().clone();
    assert_eq!(world.outlook_at(before, 6), []);
    assert_eq!(*world.alarm(), alarm);
}

#[test]
fn a_ticket_that_was_closed_opens_again_when_the_failure_comes_nearer_than_it_ever_was() {
    let mut world = World::with_advisory("[risk.impact]\npeople_served_steps = [1, 2, 3, 4]");
    world.outlook(9);
    world.outlook(6);
    let id = world.book.tickets().next().expect("opened").id;
    let command = Command::Ticket {
        ticket: id,
        command: TicketCommand::Cancel {
            reason: "watched".into(),
        },
    };
    let actor = crate::Actor::Person { name: "li".into() };
    world.step(Input::Command { actor, command });
    assert_eq!(world.outlook(6), []);
    let effects = world.outlook(1);
    assert_eq!(decision(&effects), Some(TicketDecision::Reopened { ticket: id }));
}

#[test]
fn a_lift_that_serves_many_under_a_contract_costs_more_and_says_why() {
    let config = "[[contracts]]\nname = \"hospital\"\nimpact_at_least = 5\ncovers = { sites = [\"harbour\"] }";
    let world = World::with_advisory(config);
    let alarm = world.alarm();
    assert_eq!(alarm.facts.impact, Impact::new(5).unwrap());
    assert_eq!(
        alarm.facts.impact_reason,
        ImpactReason::Contract {
            name: "hospital".into()
        }
    );
    let why = alarm.risk.text(&alarm.facts.impact_reason).en;
    assert_eq!(
        why,
        "probability 2 of 5 (no prognosis, severity advisory) × impact 5 of 5 (contract hospital)"
    );
    assert_eq!(alarm.risk.level, RiskLevel::High);
}
