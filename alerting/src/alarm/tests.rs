//! Every sequence of inputs up to a length, against a plain model made of four facts.

use super::*;

const LIMIT: Millis = Millis(100);
/// Time between inputs; a shelving lasts over one input and ends at the second.
const STEP: i64 = 4;
const SHELVED_FOR: i64 = 6;

/// What is true of an alarm, said without naming states.
#[derive(Clone)]
struct Model {
    is_active: bool,
    is_seen: bool,
    is_held: bool,
    shelved_until: Option<i64>,
    severity: Severity,
    episode: u32,
}

impl Model {
    fn new() -> Self {
        Model {
            is_active: false,
            is_seen: true,
            is_held: false,
            shelved_until: None,
            severity: Severity::Advisory,
            episode: 0,
        }
    }

    fn word(&self) -> &'static str {
        match (self.is_active, self.is_held, self.is_seen) {
            (true, _, false) => "unacknowledged",
            (true, _, true) => "acknowledged",
            (false, true, _) => "latched",
            (false, false, false) => "returned_unacknowledged",
            (false, false, true) => "normal",
        }
    }

    /// Whether the input changes anything, and if so whether it brings something new before a person.
    fn step(&mut self, input: &AlarmInput, is_latched: bool, now: i64) -> Option<bool> {
        match input {
            AlarmInput::ConditionRaised { severity } if !self.is_active => {
                if self.is_seen && !self.is_held {
                    self.episode += 1;
                }
                (self.is_active, self.is_seen, self.is_held, self.severity) = (true, false, false, *severity);
                Some(true)
            }
            AlarmInput::ConditionRaised { severity } | AlarmInput::SeverityChanged { severity } => {
                if !self.is_active || *severity == self.severity {
                    return None;
                }
                let is_worse = *severity > self.severity;
                self.severity = *severity;
                self.is_seen &= !is_worse;
                Some(is_worse)
            }
            AlarmInput::ConditionCleared => {
                if !self.is_active {
                    return None;
                }
                (self.is_active, self.is_held) = (false, is_latched);
                Some(false)
            }
            AlarmInput::Acknowledge { .. } => {
                if self.is_seen {
                    return None;
                }
                self.is_seen = true;
                Some(false)
            }
            AlarmInput::Shelve { until, .. } => {
                if self.shelved_until.is_some() || until.0 <= now || until.0 > now + LIMIT.0 {
                    return None;
                }
                self.shelved_until = Some(until.0);
                Some(false)
            }
            AlarmInput::Unshelve { .. } | AlarmInput::ShelvingExpired => {
                let until = self.shelved_until?;
                if matches!(input, AlarmInput::ShelvingExpired) && until > now {
                    return None;
                }
                self.shelved_until = None;
                if self.is_active {
                    self.is_seen = false;
                } else if !self.is_held {
                    self.is_seen = true;
                }
                Some(!self.is_seen)
            }
            AlarmInput::Reset { .. } => {
                if !self.is_held {
                    return None;
                }
                (self.is_held, self.is_seen) = (false, true);
                Some(false)
            }
        }
    }
}

fn inputs(now: i64) -> [AlarmInput; 9] {
    let by = || "w".to_owned();
    let until = Timestamp(now + SHELVED_FOR);
    [
        AlarmInput::ConditionRaised {
            severity: Severity::Warning,
        },
        AlarmInput::ConditionRaised {
            severity: Severity::Critical,
        },
        AlarmInput::SeverityChanged {
            severity: Severity::Advisory,
        },
        AlarmInput::ConditionCleared,
        AlarmInput::Acknowledge {
            by: by(),
            note: String::new(),
        },
        AlarmInput::Shelve {
            by: by(),
            reason: String::new(),
            until,
        },
        AlarmInput::Unshelve { by: by() },
        AlarmInput::ShelvingExpired,
        AlarmInput::Reset { by: by() },
    ]
}

/// Tries every continuation; sequences share their beginnings.
fn explore(life: &AlarmLife, model: &Model, rules: AlarmRules, now: i64, left: usize, tried: &mut u64) {
    if left == 0 {
        return;
    }
    for input in inputs(now) {
        let (mut life, mut model, before) = (life.clone(), model.clone(), life);
        let expected = model.step(&input, rules.is_latched, now);
        let found = life.step(input.clone(), rules, Timestamp(now));
        *tried += 1;
        let told = found.as_ref().ok().map(|t| t.effects.contains(&AlarmEffect::Announce));
        let is_told = expected.map(|is_new| is_new && model.shelved_until.is_none());
        assert_eq!(told, is_told, "{before:?} after {input:?}");
        if let Ok(transition) = &found {
            let is_visible = model.shelved_until.is_none() || matches!(input, AlarmInput::Shelve { .. });
            assert_eq!(
                transition.effects.contains(&AlarmEffect::Publish),
                is_visible,
                "{before:?} after {input:?}"
            );
            let begins = transition.effects.contains(&AlarmEffect::BeginEpisode);
            assert_eq!(begins, life.episode == before.episode + 1);
        } else {
            assert_eq!(life, *before, "a refused input changes nothing");
        }
        let seen = (life.state.as_str(), life.state.is_active(), life.severity, life.episode);
        assert_eq!(
            seen,
            (model.word(), model.is_active, model.severity, model.episode),
            "{before:?} after {input:?}"
        );
        assert_eq!(life.state.needs_acknowledgement(), !model.is_seen);
        assert_eq!(life.shelving.as_ref().map(|s| s.until.0), model.shelved_until);
        if found.is_ok() {
            explore(&life, &model, rules, now + STEP, left - 1, tried);
        } else if input == AlarmInput::ShelvingExpired {
            // Time passes though nothing changed, so that a shelving can run out.
            explore(&life, &model, rules, now + STEP, left - 1, tried);
        }
    }
}

#[test]
fn equals_a_plain_model_on_every_sequence_of_seven_inputs() {
    let mut tried = 0;
    for is_latched in [false, true] {
        let rules = AlarmRules {
            is_latched,
            shelving_limit: LIMIT,
        };
        explore(&AlarmLife::before_episode(0), &Model::new(), rules, 0, 7, &mut tried);
    }
    assert!(tried > 100_000, "{tried}");
}

#[test]
fn shelving_is_bounded_and_ends_in_the_future() {
    let rules = AlarmRules {
        is_latched: false,
        shelving_limit: Millis::hours(24),
    };
    let check = |until: Timestamp, expected: Option<AlarmRefusal>| {
        let shelve = AlarmInput::Shelve {
            by: "li".into(),
            reason: "sensor is being changed".into(),
            until,
        };
        let found = AlarmLife::before_episode(0).step(shelve, rules, Timestamp(0));
        assert_eq!(found.err(), expected);
    };
    let latest = Timestamp(0) + Millis::hours(24);
    check(latest, None);
    check(latest + Millis(1), Some(AlarmRefusal::ShelvingTooLong { latest }));
    check(Timestamp(0), Some(AlarmRefusal::ShelvingInThePast));
}
