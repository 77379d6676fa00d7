//! Every sequence of inputs up to a length, against a plain model made of a few facts.

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
    /// By which logic, and whether it is about to end.
    suppressed_by: Option<(u64, bool)>,
    /// None: by a person.
    out_of_service: Option<Option<u64>>,
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
            suppressed_by: None,
            out_of_service: None,
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

    fn is_hidden(&self) -> bool {
        self.shelved_until.is_some() || self.suppressed_by.is_some() || self.out_of_service.is_some()
    }

    fn isa_word(&self) -> &'static str {
        match (self.out_of_service, self.shelved_until, self.suppressed_by) {
            (Some(_), _, _) => "out_of_service",
            (None, Some(_), _) => "shelved",
            (None, None, Some(_)) => "suppressed_by_design",
            (None, None, None) if self.is_held && !self.is_active && !self.is_seen => "returned_unacknowledged",
            (None, None, None) => self.word(),
        }
    }

    /// Something that hid it is gone; whether it comes into sight as something to look at.
    fn uncover(&mut self) -> bool {
        if self.is_hidden() {
            return false;
        }
        if self.is_active {
            self.is_seen = false;
        } else if !self.is_held {
            self.is_seen = true;
        }
        !self.is_seen
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
                Some(self.uncover())
            }
            AlarmInput::Suppress { cause } => {
                let SuppressionCause::Commissioning { window } = cause else {
                    panic!("the alphabet has no other cause");
                };
                if self.suppressed_by == Some((window.0, false)) {
                    return None;
                }
                self.suppressed_by = Some((window.0, false));
                Some(false)
            }
            AlarmInput::EndSuppressionAt { .. } => match &mut self.suppressed_by {
                Some((_, is_ending @ false)) => {
                    *is_ending = true;
                    Some(false)
                }
                Some((_, true)) | None => None,
            },
            AlarmInput::EndSuppression => {
                self.suppressed_by.take()?;
                Some(self.uncover())
            }
            AlarmInput::TakeOutOfService { window, .. } => {
                let window = window.map(|w| w.0);
                let may = match self.out_of_service {
                    None => true,
                    Some(None) => false,
                    Some(Some(known)) => Some(known) != window,
                };
                if may {
                    self.out_of_service = Some(window);
                }
                may.then_some(false)
            }
            AlarmInput::ReturnToService { by_window, .. } => {
                if self.out_of_service?.is_some() != *by_window {
                    return None;
                }
                self.out_of_service = None;
                Some(self.uncover())
            }
            AlarmInput::ReAlarm => {
                if !self.is_active || self.is_hidden() {
                    return None;
                }
                self.is_seen = false;
                Some(true)
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

/// Work on the machine, by a person or a window.
fn out(window: Option<u64>) -> AlarmInput {
    AlarmInput::TakeOutOfService {
        by: "w".into(),
        reason: String::new(),
        window: window.map(WindowId),
    }
}

fn suppress(window: u64) -> AlarmInput {
    let window = WindowId(window);
    AlarmInput::Suppress {
        cause: SuppressionCause::Commissioning { window },
    }
}

/// What hides an alarm beside a person's shelving, and the few inputs that matter to it.
fn hiding(now: i64) -> [AlarmInput; 14] {
    let by = || "w".to_owned();
    let severity = Severity::Warning;
    let until = Timestamp(now + SHELVED_FOR);
    [
        AlarmInput::ConditionRaised { severity },
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
        suppress(1),
        suppress(2),
        AlarmInput::EndSuppressionAt { at: until },
        AlarmInput::EndSuppression,
        out(None),
        out(Some(1)),
        AlarmInput::ReturnToService {
            by: by(),
            by_window: false,
        },
        AlarmInput::ReturnToService {
            by: by(),
            by_window: true,
        },
        AlarmInput::ReAlarm,
    ]
}

fn shelving(now: i64) -> [AlarmInput; 9] {
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
fn explore<const N: usize>(
    life: &AlarmLife,
    model: &Model,
    inputs: fn(i64) -> [AlarmInput; N],
    rules: AlarmRules,
    now: i64,
    left: usize,
    tried: &mut u64,
) {
    if left == 0 {
        return;
    }
    for input in inputs(now) {
        let (mut life, mut model, before) = (life.clone(), model.clone(), life);
        let expected = model.step(&input, rules.is_latched, now);
        let found = life.step(input.clone(), rules, Timestamp(now));
        *tried += 1;
        let told = found.as_ref().ok().map(|t| t.effects.contains(&AlarmEffect::Announce));
        let is_told = expected.map(|is_new| is_new && !model.is_hidden());
        assert_eq!(told, is_told, "{before:?} after {input:?}");
        if let Ok(transition) = &found {
            // What goes out of sight says so, once; what is out of sight says nothing.
            let is_visible = !model.is_hidden() || !before.is_hidden();
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
        assert_eq!(
            life.isa_state().as_str(),
            model.isa_word(),
            "{before:?} after {input:?}"
        );
        if found.is_ok() {
            explore(&life, &model, inputs, rules, now + STEP, left - 1, tried);
        } else if input == AlarmInput::ShelvingExpired {
            // Time passes though nothing changed, so that a shelving can run out.
            explore(&life, &model, inputs, rules, now + STEP, left - 1, tried);
        }
    }
}

#[test]
fn equals_a_plain_model_on_every_sequence_of_seven_inputs_about_shelving_and_of_six_about_all_that_hides() {
    let (mut tried, mut hidden) = (0, 0);
    for is_latched in [false, true] {
        let (life, model) = (AlarmLife::before_episode(0), Model::new());
        let rules = rules(is_latched, LIMIT);
        explore(&life, &model, shelving, rules, 0, 7, &mut tried);
        explore(&life, &model, hiding, rules, 0, 6, &mut hidden);
    }
    assert!(tried > 100_000 && hidden > 100_000, "{tried} {hidden}");
}

fn rules(is_latched: bool, shelving_limit: Millis) -> AlarmRules {
    AlarmRules {
        is_latched,
        shelving_limit,
        re_alarm_after: None,
        stale_after: None,
    }
}

#[test]
fn all_seven_states_of_the_standard_are_reached_and_out_of_service_counts_first() {
    let mut life = AlarmLife::before_episode(0);
    let mut states = vec![life.isa_state().as_str()];
    let by = || "w".to_owned();
    let (severity, until) = (Severity::Warning, Timestamp(50));
    let (note, reason) = (String::new(), "known".to_owned());
    for input in [
        AlarmInput::ConditionRaised { severity },
        AlarmInput::Acknowledge { by: by(), note },
        suppress(1),
        AlarmInput::Shelve {
            by: by(),
            reason,
            until,
        },
        out(None),
        AlarmInput::ConditionCleared,
        AlarmInput::ConditionRaised { severity },
        AlarmInput::Unshelve { by: by() },
        AlarmInput::EndSuppression,
        AlarmInput::ReturnToService {
            by: by(),
            by_window: false,
        },
        AlarmInput::ConditionCleared,
    ] {
        life.step(input, rules(false, LIMIT), Timestamp(0)).unwrap();
        states.push(life.isa_state().as_str());
    }
    let out = "out_of_service";
    let expected = [
        "normal",
        "unacknowledged",
        "acknowledged",
        "suppressed_by_design",
        "shelved",
        out,
        out,
        out,
        out,
        out,
        "unacknowledged",
        "returned_unacknowledged",
    ];
    assert_eq!(states, expected);
    assert_eq!(life.episode, 2, "the condition was tracked underneath");
}

#[test]
fn shelving_is_bounded_and_ends_in_the_future() {
    let rules = rules(false, Millis::hours(24));
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
