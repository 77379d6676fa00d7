//! From "it shows in this reading" to "it shows": delays in readings and in device time, per failure mode of one device.
//!
//! Keeps only failure modes that show, are raised, or are about to clear; a healthy device keeps nothing.
//! No clock, no I/O; device time is the only time here. One tracker belongs to one device and one version of its profile.

use domain::profile::{AlarmPolicy, FailureMode};
use domain::{ModeIndex, Severity, Timestamp};
use serde::{Deserialize, Serialize};

/// The severities, the mildest first.
const LEVELS: [Severity; 3] = [Severity::Advisory, Severity::Warning, Severity::Critical];

/// What happened to a failure mode at a reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    /// It held through the on-delay.
    Raised {
        /// The worst level that held through the whole delay.
        severity: Severity,
    },
    /// A worse level held through the on-delay while it was raised. Milder readings change nothing: within one episode the
    /// severity never falls, so it cannot flap between two levels.
    Severity {
        /// Before.
        from: Severity,
        /// Now.
        to: Severity,
    },
    /// It was gone through the off-delay.
    Cleared,
}

/// Readings in a row, since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Run {
    since: Timestamp,
    readings: u32,
}

impl Run {
    fn extended(run: Option<Run>, at: Timestamp) -> Run {
        match run {
            None => Run { since: at, readings: 1 },
            Some(Run { since, readings }) => Run {
                since,
                readings: readings.saturating_add(1),
            },
        }
    }

    fn lasts(&self, readings: u32, delay_ms: i64, at: Timestamp) -> bool {
        self.readings >= readings.max(1) && (at - self.since).0 >= delay_ms
    }
}

/// For each severity, the run of readings that were at least so bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Rising([Option<Run>; 3]);

impl Rising {
    fn add(&mut self, severity: Severity, at: Timestamp) {
        for (run, level) in self.0.iter_mut().zip(LEVELS) {
            *run = (level <= severity).then(|| Run::extended(*run, at));
        }
    }

    /// The worst level that held through the on-delay.
    fn confirmed(&self, policy: &AlarmPolicy, at: Timestamp) -> Option<Severity> {
        let holds = |run: &Option<Run>| run.is_some_and(|r| r.lasts(policy.raise_after, policy.on_delay_ms, at));
        let levels = self.0.iter().zip(LEVELS);
        levels.rev().find(|(run, _)| holds(run)).map(|(_, level)| level)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Phase {
    /// It shows, not yet long enough.
    Pending(Rising),
    /// It is raised and shows.
    Raised { severity: Severity, rising: Rising },
    /// It is raised and does not show, not yet long enough.
    Clearing { severity: Severity, quiet: Run },
}

/// The delays of all failure modes of one device. See [`ConditionTracker::step`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ConditionTracker {
    /// By mode, ascending.
    busy: Vec<(ModeIndex, Phase)>,
}

impl ConditionTracker {
    /// Whether any failure mode is raised or pending. If not and nothing is active, [`Self::step`] need not be called.
    pub fn is_busy(&self) -> bool {
        !self.busy.is_empty()
    }

    /// The raised failure modes, one bit for each [`ModeIndex`].
    pub fn raised(&self) -> u64 {
        let is_raised = |phase: &Phase| match phase {
            Phase::Pending(_) => false,
            Phase::Raised { .. } | Phase::Clearing { .. } => true,
        };
        let raised = self.busy.iter().filter(|(_, phase)| is_raised(phase));
        raised.fold(0, |bits, (mode, _)| bits | bit(*mode))
    }

    /// Which failure modes are raised, and how badly.
    pub fn standing(&self) -> impl Iterator<Item = (ModeIndex, Severity)> + '_ {
        self.busy.iter().filter_map(|(mode, phase)| match phase {
            Phase::Pending(_) => None,
            Phase::Raised { severity, .. } | Phase::Clearing { severity, .. } => Some((*mode, *severity)),
        })
    }

    /// The mode is raised, whatever the readings said: an alarm that stands must see its end after a restart.
    pub fn adopt_raised(&mut self, mode: ModeIndex, severity: Severity) {
        if self.raised() & bit(mode) != 0 {
            return;
        }
        let rising = Rising::default();
        match self.busy.binary_search_by_key(&mode, |(m, _)| *m) {
            Ok(place) => self.busy[place].1 = Phase::Raised { severity, rising },
            Err(place) => self.busy.insert(place, (mode, Phase::Raised { severity, rising })),
        }
    }

    /// The same for another profile, where `place` says which of its modes each of ours is; what has no place there is left
    /// out.
    #[must_use]
    pub fn moved(&self, place: impl Fn(ModeIndex) -> Option<ModeIndex>) -> ConditionTracker {
        let mut busy: Vec<_> = self
            .busy
            .iter()
            .filter_map(|(mode, phase)| Some((place(*mode)?, *phase)))
            .collect();
        busy.sort_by_key(|(mode, _)| *mode);
        busy.dedup_by_key(|(mode, _)| *mode);
        ConditionTracker { busy }
    }

    /// Takes one reading: which modes it speaks of (`judged`, one bit for each [`ModeIndex`] below 64), which of them show in
    /// it (`active`) and how badly. A mode that it does not speak of stays as it is: a message with other metrics neither
    /// confirms nor denies. Emits at most one edge for each mode, in the order of the modes. Both delays of a mode's [`AlarmPolicy`] must have passed: the
    /// number of readings in a row, and the device time from the first to the last of them.
    ///
    /// `modes` are those of the device's profile; a mode beyond them is forgotten.
    pub fn step(
        &mut self,
        modes: &[FailureMode],
        judged: u64,
        active: u64,
        severity: impl Fn(ModeIndex) -> Severity,
        measured_at: Timestamp,
        emit: &mut impl FnMut(ModeIndex, Edge),
    ) {
        let mut new = judged & active & !self.busy.iter().fold(0, |bits, (mode, _)| bits | bit(*mode));
        while new != 0 {
            let mode = ModeIndex(new.trailing_zeros() as u16);
            new &= new - 1;
            let place = self.busy.partition_point(|(m, _)| *m < mode);
            self.busy.insert(place, (mode, Phase::Pending(Rising::default())));
        }
        self.busy.retain_mut(|(mode, phase)| {
            let Some(policy) = modes.get(usize::from(mode.0)).map(|m| &m.policy) else {
                return false;
            };
            if judged & bit(*mode) == 0 {
                return true;
            }
            let shows = (active & bit(*mode) != 0).then(|| severity(*mode));
            let (next, edge) = advance(*phase, shows, policy, measured_at);
            if let Some(edge) = edge {
                emit(*mode, edge);
            }
            match next {
                Some(next) => {
                    *phase = next;
                    true
                }
                None => false,
            }
        });
    }
}

fn bit(mode: ModeIndex) -> u64 {
    1u64.checked_shl(u32::from(mode.0)).unwrap_or(0)
}

/// One mode, one reading; no phase means there is nothing left to remember.
fn advance(
    phase: Phase,
    shows: Option<Severity>,
    policy: &AlarmPolicy,
    at: Timestamp,
) -> (Option<Phase>, Option<Edge>) {
    match phase {
        Phase::Pending(mut rising) => match shows {
            None => (None, None),
            Some(now) => {
                rising.add(now, at);
                match rising.confirmed(policy, at) {
                    None => (Some(Phase::Pending(rising)), None),
                    Some(severity) => (
                        Some(Phase::Raised { severity, rising }),
                        Some(Edge::Raised { severity }),
                    ),
                }
            }
        },
        Phase::Raised { severity, rising } => match shows {
            None => quieten(severity, None, policy, at),
            Some(now) => worsen(severity, rising, now, policy, at),
        },
        Phase::Clearing { severity, quiet } => match shows {
            None => quieten(severity, Some(quiet), policy, at),
            Some(now) => worsen(severity, Rising::default(), now, policy, at),
        },
    }
}

fn quieten(
    severity: Severity,
    quiet: Option<Run>,
    policy: &AlarmPolicy,
    at: Timestamp,
) -> (Option<Phase>, Option<Edge>) {
    let quiet = Run::extended(quiet, at);
    if quiet.lasts(policy.clear_after, policy.off_delay_ms, at) {
        (None, Some(Edge::Cleared))
    } else {
        (Some(Phase::Clearing { severity, quiet }), None)
    }
}

fn worsen(
    severity: Severity,
    mut rising: Rising,
    now: Severity,
    policy: &AlarmPolicy,
    at: Timestamp,
) -> (Option<Phase>, Option<Edge>) {
    rising.add(now, at);
    match rising.confirmed(policy, at) {
        Some(worse) if worse > severity => {
            let edge = Edge::Severity {
                from: severity,
                to: worse,
            };
            (
                Some(Phase::Raised {
                    severity: worse,
                    rising,
                }),
                Some(edge),
            )
        }
        Some(_) | None => (Some(Phase::Raised { severity, rising }), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::profile::shipped;

    const MODE: ModeIndex = ModeIndex(0);

    fn modes(policy: AlarmPolicy) -> Vec<FailureMode> {
        let mut modes = shipped::all().remove(0).modes;
        modes.iter_mut().for_each(|m| m.policy = policy);
        modes
    }

    fn policy(raise_after: u32, on_delay_ms: i64, clear_after: u32, off_delay_ms: i64) -> AlarmPolicy {
        AlarmPolicy {
            on_delay_ms,
            off_delay_ms,
            raise_after,
            clear_after,
            is_latched: false,
        }
    }

    fn step(tracker: &mut ConditionTracker, modes: &[FailureMode], shows: Option<Severity>, at: i64) -> Option<Edge> {
        let mut edge = None;
        let severity = |_| shows.unwrap_or(Severity::Advisory);
        tracker.step(
            modes,
            1,
            u64::from(shows.is_some()),
            severity,
            Timestamp(at),
            &mut |m, e| {
                assert_eq!(m, MODE);
                assert!(edge.replace(e).is_none(), "one edge for each reading");
            },
        );
        edge
    }

    /// The plain model: looks back over the whole history at every reading.
    #[derive(Default)]
    struct Model {
        history: Vec<(i64, Option<Severity>)>,
        raised: Option<Severity>,
        /// Where a run may begin: readings before the last clearing do not count again.
        from: usize,
    }

    impl Model {
        fn step(&mut self, policy: &AlarmPolicy, shows: Option<Severity>, at: i64) -> Option<Edge> {
            self.history.push((at, shows));
            let run = |fits: &dyn Fn(Option<Severity>) -> bool, count: u32, delay: i64| {
                let run: Vec<_> = self.history[self.from..]
                    .iter()
                    .rev()
                    .take_while(|(_, s)| fits(*s))
                    .collect();
                run.len() >= count as usize && run.last().is_some_and(|(first, _)| at - first >= delay)
            };
            let level = LEVELS
                .into_iter()
                .rev()
                .find(|l| run(&|s| s.is_some_and(|s| s >= *l), policy.raise_after, policy.on_delay_ms));
            match (self.raised, level) {
                (None, Some(severity)) => {
                    self.raised = Some(severity);
                    Some(Edge::Raised { severity })
                }
                (Some(from), Some(to)) if to > from => {
                    self.raised = Some(to);
                    Some(Edge::Severity { from, to })
                }
                (Some(_), _) if run(&|s| s.is_none(), policy.clear_after, policy.off_delay_ms) => {
                    self.raised = None;
                    self.from = self.history.len();
                    Some(Edge::Cleared)
                }
                (Some(_), _) | (None, None) => None,
            }
        }
    }

    #[test]
    fn equals_a_plain_model_on_every_sequence_of_eight_readings() {
        let inputs = [None, Some(Severity::Advisory), Some(Severity::Critical)];
        let policies = [
            policy(1, 0, 1, 0),
            policy(3, 0, 2, 0),
            policy(2, 25, 3, 0),
            policy(1, 20, 1, 20),
            policy(2, 10, 2, 30),
        ];
        for policy in policies {
            let modes = modes(policy);
            for code in 0..inputs.len().pow(8) {
                let (mut tracker, mut model, mut rest) = (ConditionTracker::default(), Model::default(), code);
                for i in 0..8i64 {
                    let shows = inputs[rest % inputs.len()];
                    rest /= inputs.len();
                    // Uneven spacing, so that readings and time are not the same thing.
                    let at = i * 10 + (i % 3) * 3;
                    let expected = model.step(&policy, shows, at);
                    let found = step(&mut tracker, &modes, shows, at);
                    assert_eq!(found, expected, "policy {policy:?}, sequence {code}, reading {i}");
                    assert_eq!(tracker.raised() != 0, model.raised.is_some());
                }
            }
        }
    }

    #[test]
    fn a_message_that_does_not_speak_of_a_mode_neither_confirms_nor_denies() {
        let modes = modes(policy(2, 0, 2, 0));
        let mut tracker = ConditionTracker::default();
        let mut edges = Vec::new();
        let mut emit = |m, e| edges.push((m, e));
        for judged in [1, 0, 0, 1, 0, 0] {
            tracker.step(&modes, judged, judged, |_| Severity::Warning, Timestamp(1), &mut emit);
        }
        let severity = Severity::Warning;
        assert_eq!(edges, [(MODE, Edge::Raised { severity })]);
    }

    #[test]
    fn an_adopted_mode_sees_its_end() {
        let modes = modes(policy(3, 0, 1, 0));
        let mut tracker = ConditionTracker::default();
        tracker.adopt_raised(MODE, Severity::Warning);
        assert_eq!(tracker.raised(), 1);
        assert_eq!(step(&mut tracker, &modes, None, 1), Some(Edge::Cleared));
    }

    #[test]
    fn what_stands_goes_on_under_the_places_of_another_profile() {
        let modes = modes(policy(1, 0, 1, 0));
        let mut tracker = ConditionTracker::default();
        tracker.adopt_raised(ModeIndex(0), Severity::Warning);
        tracker.adopt_raised(ModeIndex(2), Severity::Critical);
        let mut moved = tracker.moved(|mode| (mode == ModeIndex(2)).then_some(ModeIndex(0)));
        assert_eq!(moved.raised(), 1);
        assert_eq!(step(&mut moved, &modes, None, 1), Some(Edge::Cleared));
    }

    #[test]
    fn clearing_before_the_on_delay_raises_nothing_and_leaves_nothing() {
        let modes = modes(policy(3, 0, 5, 0));
        let mut tracker = ConditionTracker::default();
        for at in 0..2 {
            assert_eq!(step(&mut tracker, &modes, Some(Severity::Critical), at), None);
        }
        assert!(tracker.is_busy());
        assert_eq!(step(&mut tracker, &modes, None, 2), None);
        assert!(!tracker.is_busy());
        assert_eq!(tracker.raised(), 0);
    }

    #[test]
    fn a_value_hovering_around_the_critical_limit_escalates_at_most_once() {
        let modes = modes(policy(2, 0, 3, 0));
        let mut tracker = ConditionTracker::default();
        let pattern = [Severity::Warning, Severity::Critical, Severity::Critical];
        let edges: Vec<_> = (0..300)
            .filter_map(|i| step(&mut tracker, &modes, Some(pattern[i % 3]), i as i64))
            .collect();
        let (warning, critical) = (Severity::Warning, Severity::Critical);
        assert_eq!(
            edges,
            [
                Edge::Raised { severity: warning },
                Edge::Severity {
                    from: warning,
                    to: critical
                }
            ]
        );
    }

    #[test]
    fn the_last_of_sixty_four_modes_works_as_the_first() {
        let mut modes = modes(policy(1, 0, 1, 0));
        let last = modes[0].clone();
        modes.resize(64, last);
        let mut tracker = ConditionTracker::default();
        let mut edges = Vec::new();
        let mut emit = |m, e| edges.push((m, e));
        tracker.step(
            &modes,
            u64::MAX,
            1 << 63 | 1,
            |_| Severity::Warning,
            Timestamp(1),
            &mut emit,
        );
        tracker.step(&modes, u64::MAX, 1, |_| Severity::Warning, Timestamp(2), &mut emit);
        assert_eq!(tracker.raised(), 1);
        let severity = Severity::Warning;
        assert_eq!(
            edges,
            [
                (ModeIndex(0), Edge::Raised { severity }),
                (ModeIndex(63), Edge::Raised { severity }),
                (ModeIndex(63), Edge::Cleared)
            ]
        );
    }

    #[test]
    fn a_tracker_survives_a_restart() {
        let modes = modes(policy(3, 0, 5, 0));
        let mut tracker = ConditionTracker::default();
        for at in 0..2 {
            step(&mut tracker, &modes, Some(Severity::Warning), at);
        }
        let text = serde_json::to_string(&tracker).unwrap();
        let mut again: ConditionTracker = serde_json::from_str(&text).unwrap();
        let severity = Severity::Warning;
        assert_eq!(
            step(&mut again, &modes, Some(severity), 2),
            Some(Edge::Raised { severity })
        );
    }
}
