//! Machines on which others hang, by rules of the policy and by the tree of the registry: whether they are down, and what of
//! the others is hidden then.

use super::hiding::AlarmAbout;
use super::{Book, ModeKey};
use crate::policy::{ParentConfig, fits};
use crate::record::AlarmRecord;
use domain::{DeviceKey, FailureModeId, Millis, TicketId};

impl Book {
    /// The highest machine above that is down: what is between is silent because of it.
    pub(super) fn down_above(&self, about: &AlarmAbout<'_>) -> Option<DeviceKey> {
        let (device, mode) = about.key;
        let by_rule = self
            .rules_over(about)
            .find(|rule| self.shows(&rule.parent, &rule.modes));
        let nearest = by_rule.map(|rule| rule.parent.clone());
        let tree = self.policy.alarms.topology();
        if !fits(&tree.hides, mode) {
            return nearest;
        }
        let above = self.policy.topology.ancestors(nearest.as_ref().unwrap_or(device));
        let highest = above
            .into_iter()
            .rfind(|machine| machine != device && self.shows(machine, &tree.down_modes));
        highest.or(nearest)
    }

    fn shows<'a>(&self, machine: &DeviceKey, modes: impl IntoIterator<Item = &'a FailureModeId>) -> bool {
        modes.into_iter().any(|mode| {
            let alarm = self.alarms.get(&(machine.clone(), mode.clone()));
            alarm.is_some_and(|a| a.life.state.is_active())
        })
    }

    fn rules_over<'a>(&'a self, about: &'a AlarmAbout<'_>) -> impl Iterator<Item = &'a ParentConfig> {
        let (device, mode) = about.key;
        self.policy.alarms.parents().iter().filter(move |rule| {
            rule.parent != *device
                && fits(&rule.hides, mode)
                && rule.children.covers(device, about.profile, about.asset)
        })
    }

    /// Whether a machine on which others hang is down.
    pub(super) fn is_down(&self, parent: &DeviceKey) -> bool {
        self.shows(parent, self.down_modes(parent))
    }

    /// The ticket of a parent that is down.
    pub(super) fn ticket_on(&self, parent: &DeviceKey) -> Option<TicketId> {
        self.down_modes(parent)
            .find_map(|mode| self.open_ticket_of(parent, mode))
    }

    /// Failure modes of a machine that take down what hangs on it.
    fn down_modes<'a>(&'a self, parent: &'a DeviceKey) -> impl Iterator<Item = &'a FailureModeId> {
        let by_rule = self.rules_of(parent).flat_map(|rule| &rule.modes);
        let carries = self.policy.topology.may_carry(parent);
        let by_tree = carries.then(|| &self.policy.alarms.topology().down_modes);
        by_rule.chain(by_tree.into_iter().flatten())
    }

    fn rules_of<'a>(&'a self, parent: &'a DeviceKey) -> impl Iterator<Item = &'a ParentConfig> {
        let rules = self.policy.alarms.parents().iter();
        rules.filter(move |rule| rule.parent == *parent)
    }

    /// How long after a parent is back what hangs on it may still be silent.
    pub(super) fn release_after(&self, parent: &DeviceKey) -> Millis {
        let by_rule = self.rules_of(parent).map(|rule| rule.release_after_s);
        let carries = self.policy.topology.may_carry(parent);
        let by_tree = carries.then(|| self.policy.alarms.topology().release_after_s);
        let longest = by_rule.chain(by_tree).max().unwrap_or(0);
        Millis::seconds(i64::from(longest))
    }

    /// Whether an alarm takes down machines that hang on its machine.
    pub(super) fn takes_down(&self, alarm: &AlarmRecord) -> bool {
        self.down_modes(&alarm.device).any(|mode| *mode == alarm.failure_mode)
    }

    /// After an alarm that takes down others began or ceased to stand: the alarms of machines that hang on its machine.
    pub(super) fn below(&self, alarm: &AlarmRecord) -> Vec<ModeKey> {
        let (parent, mode) = (&alarm.device, &alarm.failure_mode);
        let rules: Vec<_> = self.rules_of(parent).filter(|rule| rule.modes.contains(mode)).collect();
        let tree = self.policy.alarms.topology();
        let carries = self.policy.topology.may_carry(parent) && tree.down_modes.contains(mode);
        if rules.is_empty() && !carries {
            return Vec::new();
        }
        let by_rule = |a: &AlarmRecord| {
            let covers = |rule: &&ParentConfig| {
                fits(&rule.hides, &a.failure_mode) && rule.children.covers(&a.device, &a.profile, &a.asset)
            };
            rules.iter().any(covers)
        };
        let by_tree = |a: &AlarmRecord| {
            carries
                && a.device.site == parent.site
                && fits(&tree.hides, &a.failure_mode)
                && self.policy.topology.hangs_on(&a.device, parent)
        };
        let hangs = |a: &AlarmRecord| a.device != *parent && (by_rule(a) || by_tree(a));
        let all = self.alarms.iter();
        all.filter(|(_, a)| hangs(a)).map(|(key, _)| key.clone()).collect()
    }
}
