//! What hides alarms besides a person's shelving: open windows, parents that are down, alarms that came first.
//!
//! What shall be hidden is a function of the book's state, and looked at whenever that state changes; so a restored book hides
//! the same alarms. The condition underneath is tracked all the same. Danger to people is never suppressed by design.

use super::{Book, ModeKey};
use crate::alarm::{AlarmInput, AlarmLife, OutOfService, Suppression, SuppressionCause};
use crate::effect::Effect;
use crate::policy::{FirstUpConfig, fits};
use crate::record::{AlarmRecord, Asset};
use crate::window::{Purpose, WindowRecord};
use domain::{AlarmId, DeviceKey, FailureModeId, Millis, Severity, Timestamp};

/// An alarm as far as hiding needs it.
pub(super) struct AlarmAbout<'a> {
    pub(super) key: &'a ModeKey,
    pub(super) profile: &'a str,
    pub(super) asset: &'a Asset,
    pub(super) is_safety: bool,
    pub(super) severity: Severity,
}

impl<'a> AlarmAbout<'a> {
    fn of(alarm: &'a AlarmRecord, key: &'a ModeKey) -> Self {
        AlarmAbout {
            key,
            profile: &alarm.profile,
            asset: &alarm.asset,
            is_safety: alarm.facts.is_safety,
            severity: alarm.life.severity,
        }
    }
}

impl Book {
    /// Before an alarm is raised: what will hide it hides it from the start, so that nobody is told.
    pub(super) fn hide_from_the_start(&self, life: &mut AlarmLife, new: &AlarmAbout<'_>, now: Timestamp) {
        if life.out_of_service.is_none()
            && let Some(window) = self.windows_over(new, Purpose::Maintenance).next()
        {
            life.out_of_service = Some(OutOfService {
                by: window.by.clone(),
                reason: window.reason.clone(),
                at: now,
                window: Some(window.id),
            });
        }
        let lasting = self.lasting_cause(new);
        let cause = lasting.or_else(|| {
            self.first_up_of(new, now)
                .map(|first| SuppressionCause::FirstUp { first })
        });
        if let Some(cause) = cause {
            life.suppression = Some(Suppression {
                cause,
                at: now,
                release_at: None,
            });
        }
    }

    /// After an alarm has changed: it, those that follow from it, and those of machines that hang on its machine.
    pub(super) fn settle_around(&mut self, alarm: &AlarmRecord, now: Timestamp, out: &mut Vec<Effect>) {
        let key = (alarm.device.clone(), alarm.failure_mode.clone());
        self.settle(&key, now, out);
        if !self.policy.alarms.first_up().is_empty() {
            let follows = |other: &AlarmRecord| match other.life.suppression.as_ref().map(|s| &s.cause) {
                Some(SuppressionCause::FirstUp { first }) => *first == alarm.id,
                Some(SuppressionCause::ParentDown { .. } | SuppressionCause::Commissioning { .. }) | None => false,
            };
            let followers: Vec<_> = self
                .alarms_of(&alarm.device)
                .filter(|(_, a)| follows(a))
                .map(|(k, _)| k.clone())
                .collect();
            for follower in followers {
                self.settle(&follower, now, out);
            }
        }
        if self.flipped.remove(&key) {
            for child in self.below(alarm) {
                self.settle(&child, now, out);
            }
        }
    }

    /// Alarms that hang on something by what was known when they were stored, and no longer do: the registry or the rules have changed.
    pub(super) fn find_misplaced(&mut self) {
        let is_misplaced = |(key, alarm): &(&ModeKey, &AlarmRecord)| match &alarm.life.suppression {
            Some(Suppression {
                cause: cause @ SuppressionCause::ParentDown { .. },
                release_at: None,
                ..
            }) => self.lasting_cause(&AlarmAbout::of(alarm, key)).as_ref() != Some(cause),
            Some(_) | None => false,
        };
        let found = self.alarms.iter().filter(is_misplaced).map(|(key, _)| key.clone());
        self.misplaced = found.collect();
    }

    /// Brings those into line, at the first tick after a restart.
    pub(super) fn settle_misplaced(&mut self, now: Timestamp, out: &mut Vec<Effect>) {
        for key in std::mem::take(&mut self.misplaced) {
            self.settle(&key, now, out);
        }
    }

    /// After a window has opened or closed: all alarms of the machines that it covers.
    pub(super) fn settle_under(&mut self, window: &WindowRecord, now: Timestamp, out: &mut Vec<Effect>) {
        let is_under = |a: &AlarmRecord| window.covers.covers(&a.device, &a.profile, &a.asset);
        let under: Vec<_> = self
            .alarms
            .iter()
            .filter(|(_, a)| is_under(a))
            .map(|(k, _)| k.clone())
            .collect();
        for key in under {
            self.settle(&key, now, out);
        }
    }

    /// Brings what hides an alarm into line with what shall hide it; first what begins, then what ends, so that it does not
    /// come up between two causes.
    fn settle(&mut self, key: &ModeKey, now: Timestamp, out: &mut Vec<Effect>) {
        let Some(alarm) = self.alarms.get(key) else {
            return;
        };
        let about = AlarmAbout::of(alarm, key);
        let (begins, ends) = self.hiding_of(alarm, &about, now);
        for input in begins.into_iter().chain(ends).flatten() {
            self.step_alarm(key, input, now, out);
        }
    }

    /// Inputs that begin, and inputs that end hiding.
    fn hiding_of(
        &self,
        alarm: &AlarmRecord,
        about: &AlarmAbout<'_>,
        now: Timestamp,
    ) -> ([Option<AlarmInput>; 2], [Option<AlarmInput>; 2]) {
        let by_window = alarm
            .life
            .out_of_service
            .as_ref()
            .map(|out| (out.window, out.by.clone()));
        let mut windows = self.windows_over(about, Purpose::Maintenance).peekable();
        let first = windows.peek().copied();
        let (taken, returned) = match (by_window, first) {
            // A person took it, and a person brings it back.
            (Some((None, _)), _) | (None, None) => (None, None),
            (Some((Some(_), by)), None) => (None, Some(AlarmInput::ReturnToService { by, by_window: true })),
            (Some((Some(known), _)), Some(_)) if windows.any(|w| w.id == known) => (None, None),
            (Some((Some(_), _)) | None, Some(window)) => {
                let input = AlarmInput::TakeOutOfService {
                    by: window.by.clone(),
                    reason: window.reason.clone(),
                    window: Some(window.id),
                };
                (Some(input), None)
            }
        };
        let known = alarm.life.suppression.as_ref();
        let (suppressed, ended) = match (known, self.lasting_cause(about)) {
            (None, None) => (None, None),
            (None, Some(cause)) => (Some(AlarmInput::Suppress { cause }), None),
            (Some(s), Some(cause)) if s.cause == cause && s.release_at.is_none() => (None, None),
            (Some(_), Some(cause)) => (Some(AlarmInput::Suppress { cause }), None),
            (Some(s), None) => (None, self.end_of(s, alarm, now)),
        };
        ([taken, suppressed], [returned, ended])
    }

    /// How a suppression ends that nothing lasting causes any more.
    fn end_of(&self, suppression: &Suppression, alarm: &AlarmRecord, now: Timestamp) -> Option<AlarmInput> {
        match &suppression.cause {
            SuppressionCause::Commissioning { .. } => Some(AlarmInput::EndSuppression),
            SuppressionCause::FirstUp { first } => {
                let lasts = self.alarm_by_id(first).is_some_and(|first| {
                    first.life.state.is_active()
                        && !first.life.is_hidden()
                        && alarm.life.severity <= first.life.severity
                });
                (!lasts).then_some(AlarmInput::EndSuppression)
            }
            // It was given time, and has used it.
            SuppressionCause::ParentDown { .. } if suppression.release_at.is_some() => {
                (!alarm.life.state.is_active()).then_some(AlarmInput::EndSuppression)
            }
            SuppressionCause::ParentDown { parent } => {
                let at = now + self.release_after(parent);
                Some(if at > now && alarm.life.state.is_active() {
                    AlarmInput::EndSuppressionAt { at }
                } else {
                    AlarmInput::EndSuppression
                })
            }
        }
    }

    /// A cause that lasts as long as something else does: a window, or a parent that is down.
    fn lasting_cause(&self, about: &AlarmAbout<'_>) -> Option<SuppressionCause> {
        if about.is_safety {
            return None;
        }
        if let Some(window) = self.windows_over(about, Purpose::Commissioning).next() {
            return Some(SuppressionCause::Commissioning { window: window.id });
        }
        let parent = self.down_above(about)?;
        Some(SuppressionCause::ParentDown { parent })
    }

    /// The alarm from which a new one of the same machine is likely to follow: in sight, not milder, and not long before.
    fn first_up_of(&self, new: &AlarmAbout<'_>, now: Timestamp) -> Option<AlarmId> {
        if new.is_safety {
            return None;
        }
        let (device, mode) = new.key;
        let is_about =
            |rule: &&FirstUpConfig| fits(&rule.modes, mode) && rule.covers.covers(device, new.profile, new.asset);
        let rules: Vec<_> = self.policy.alarms.first_up().iter().filter(is_about).collect();
        if rules.is_empty() {
            return None;
        }
        let comes_first = |a: &&AlarmRecord| {
            let is_recent = |rule: &&FirstUpConfig| {
                let within = Millis::minutes(i64::from(rule.within_min));
                fits(&rule.modes, &a.failure_mode) && now - a.standing_since() <= within
            };
            a.failure_mode != *mode
                && a.life.state.is_active()
                && !a.life.is_hidden()
                && a.life.severity >= new.severity
                && rules.iter().any(is_recent)
        };
        let firsts = self.alarms_of(device).map(|(_, a)| a).filter(comes_first);
        firsts.min_by_key(|a| a.standing_since()).map(|a| a.id.clone())
    }

    fn windows_over<'a>(
        &'a self,
        about: &'a AlarmAbout<'_>,
        purpose: Purpose,
    ) -> impl Iterator<Item = &'a WindowRecord> {
        let open = self
            .windows
            .values()
            .filter(move |w| w.is_open() && w.purpose == purpose);
        open.filter(|w| w.covers.covers(&about.key.0, about.profile, about.asset))
    }

    fn alarms_of<'a>(&'a self, device: &'a DeviceKey) -> impl Iterator<Item = (&'a ModeKey, &'a AlarmRecord)> {
        // No name is before "-".
        let first = FailureModeId::new("-").expect("a dash is a name");
        self.alarms
            .range((device.clone(), first)..)
            .take_while(move |((d, _), _)| d == device)
    }
}
