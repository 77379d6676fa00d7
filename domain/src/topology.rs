//! What hangs on what: site → gateway → device, as the registry says. Parts of a machine are its profile's.

use crate::checked::Problem;
use crate::registry::{Registry, matches};
use crate::{DeviceKey, DeviceName, SiteName};
use std::collections::{BTreeMap, BTreeSet};

/// Machines above another one at most; what is higher is not looked at.
pub const MAX_LEVELS: usize = 8;

/// The parents of machines: by name, and by pattern for those that the registry does not name.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Topology {
    /// None: named, and on top.
    named: BTreeMap<DeviceKey, Option<DeviceName>>,
    /// In the order of the file; the first that fits decides.
    patterns: Vec<Pattern>,
    parents: BTreeSet<DeviceKey>,
    pattern_parents: BTreeSet<DeviceName>,
}

#[derive(Debug, Clone, PartialEq)]
struct Pattern {
    site: String,
    device: String,
    parent: Option<DeviceName>,
}

impl Topology {
    /// As the registry says.
    pub fn of(registry: &Registry) -> Topology {
        let mut topology = Topology::default();
        for entry in &registry.device {
            let key = DeviceKey {
                site: entry.site.clone(),
                device: entry.device.clone(),
            };
            if let Some(parent) = &entry.parent {
                topology.parents.insert(key.neighbour(parent));
            }
            topology.named.insert(key, entry.parent.clone());
        }
        for assign in &registry.assign {
            topology.pattern_parents.extend(assign.parent.clone());
            topology.patterns.push(Pattern {
                site: assign.site.clone(),
                device: assign.device.clone(),
                parent: assign.parent.clone(),
            });
        }
        topology
    }

    /// Whether nothing hangs on anything.
    pub fn is_flat(&self) -> bool {
        self.parents.is_empty() && self.pattern_parents.is_empty()
    }

    /// What a machine hangs on; nothing hangs on itself.
    pub fn parent_of(&self, device: &DeviceKey) -> Option<DeviceKey> {
        let parent = match self.named.get(device) {
            Some(parent) => parent.as_ref(),
            None => {
                let fits =
                    |p: &&Pattern| matches(&p.site, device.site.as_str()) && matches(&p.device, device.device.as_str());
                self.patterns.iter().find(fits).and_then(|p| p.parent.as_ref())
            }
        };
        parent.filter(|p| **p != device.device).map(|p| device.neighbour(p))
    }

    /// All that a machine hangs on, the nearest first; at most [`MAX_LEVELS`]. In a circle nothing comes twice.
    pub fn ancestors(&self, device: &DeviceKey) -> Vec<DeviceKey> {
        let mut above: Vec<DeviceKey> = Vec::new();
        if self.is_flat() {
            return above;
        }
        while above.len() < MAX_LEVELS
            && let Some(parent) = self.parent_of(above.last().unwrap_or(device))
            && parent != *device
            && !above.contains(&parent)
        {
            above.push(parent);
        }
        above
    }

    /// Whether something may hang on a machine; most machines are ruled out at once.
    pub fn may_carry(&self, device: &DeviceKey) -> bool {
        self.parents.contains(device) || self.pattern_parents.contains(&device.device)
    }

    /// Whether a machine hangs on another one, however far below.
    pub fn hangs_on(&self, device: &DeviceKey, above: &DeviceKey) -> bool {
        device.site == above.site && device != above && self.ancestors(device).contains(above)
    }

    /// A machine, if something may hang on it, and all that it hangs on, the nearest first: where a common cause may lie.
    pub fn suspects(&self, device: &DeviceKey) -> Vec<DeviceKey> {
        let own = self.may_carry(device).then(|| device.clone());
        own.into_iter().chain(self.ancestors(device)).collect()
    }

    /// The parents that the registry names at a site, whether they were ever heard or not.
    pub fn named_at(&self, site: &SiteName) -> BTreeSet<DeviceKey> {
        self.parents.iter().filter(|p| p.site == *site).cloned().collect()
    }

    /// Machines that hang on themselves by way of others, or below more than [`MAX_LEVELS`].
    pub(crate) fn problems(&self, registry: &Registry) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (i, entry) in registry.device.iter().enumerate() {
            let Some(parent) = &entry.parent else {
                continue;
            };
            let device = DeviceKey {
                site: entry.site.clone(),
                device: entry.device.clone(),
            };
            problems.extend(
                self.wrong_above(&device, parent)
                    .map(|w| Problem::at(format!("device[{i}].parent"), w)),
            );
        }
        for (i, assign) in registry.assign.iter().enumerate() {
            // a site that fits; a name that is no pattern is one
            let site = SiteName::new(&assign.site.replace('*', "x")).ok();
            let device = site.zip(assign.parent.clone()).and_then(|(site, parent)| {
                let key = DeviceKey { site, device: parent };
                self.parent_of(&key).map(|above| (key, above.device))
            });
            problems.extend(device.and_then(|(key, above)| {
                self.wrong_above(&key, &above)
                    .map(|w| Problem::at(format!("assign[{i}].parent"), w))
            }));
        }
        problems
    }

    fn wrong_above(&self, device: &DeviceKey, parent: &DeviceName) -> Option<String> {
        if *parent == device.device {
            return Some("a machine cannot hang on itself".into());
        }
        let above = self.ancestors(device);
        let top = above.last()?;
        let further = self.parent_of(top)?;
        if further == *device || above.contains(&further) {
            let way: Vec<_> = above.iter().map(|a| a.device.as_str()).collect();
            return Some(format!(
                "{} hangs on itself by way of {}",
                device.device,
                way.join(", ")
            ));
        }
        Some(format!(
            "{} machines above it; at most {MAX_LEVELS} are expected",
            above.len() + 1
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(device: &str) -> DeviceKey {
        DeviceKey::new("plant", device).expect("a name")
    }

    fn topology(text: &str) -> Topology {
        Topology::of(&Registry::parse(text).expect("fine"))
    }

    const TREE: &str = "[[device]]\nsite=\"plant\"\ndevice=\"gateway-1\"\nprofile=\"generic\"\nparent=\"router\"\n\
        [[device]]\nsite=\"plant\"\ndevice=\"pump-9\"\nprofile=\"pump\"\n\
        [[assign]]\ndevice=\"pump-*\"\nprofile=\"pump\"\nparent=\"gateway-1\"\n";

    #[test]
    fn machines_hang_on_others_by_name_and_by_pattern() {
        let tree = topology(TREE);
        assert_eq!(tree.ancestors(&key("pump-1")), [key("gateway-1"), key("router")]);
        assert_eq!(
            tree.ancestors(&key("pump-9")),
            [],
            "whoever is named is as the entry says"
        );
        assert!(tree.hangs_on(&key("pump-1"), &key("router")) && !tree.hangs_on(&key("router"), &key("pump-1")));
        assert!(tree.may_carry(&key("router")) && tree.may_carry(&key("gateway-1")) && !tree.may_carry(&key("pump-1")));
        let elsewhere = DeviceKey::new("harbour", "router").expect("a name");
        assert!(!tree.hangs_on(&key("pump-1"), &elsewhere), "each site has its own tree");
    }

    #[test]
    fn a_cause_may_lie_in_whatever_carries() {
        let tree = topology(TREE);
        assert_eq!(tree.suspects(&key("pump-1")), [key("gateway-1"), key("router")]);
        assert_eq!(tree.suspects(&key("gateway-1")), [key("gateway-1"), key("router")]);
        assert_eq!(tree.suspects(&key("pump-9")), []);
    }

    #[test]
    fn a_circle_is_told_and_walked_once() {
        let text = "[[device]]\nsite=\"plant\"\ndevice=\"a\"\nprofile=\"p\"\nparent=\"b\"\n[[device]]\nsite=\"plant\"\ndevice=\"b\"\nprofile=\"p\"\nparent=\"a\"\n\
                    [[device]]\nsite=\"plant\"\ndevice=\"c\"\nprofile=\"p\"\nparent=\"c\"\n";
        let registry = Registry::parse(text).expect("fine");
        let tree = Topology::of(&registry);
        assert_eq!(tree.ancestors(&key("a")), [key("b")]);
        assert_eq!(tree.ancestors(&key("c")), []);
        let paths: Vec<_> = tree.problems(&registry).into_iter().map(|p| p.path).collect();
        assert_eq!(paths, ["device[0].parent", "device[1].parent", "device[2].parent"]);
    }

    #[test]
    fn a_pattern_that_catches_its_own_parent_stops_there() {
        let tree = topology("[[assign]]\nprofile=\"p\"\nparent=\"gateway\"\n");
        assert_eq!(tree.ancestors(&key("pump")), [key("gateway")]);
        assert_eq!(tree.ancestors(&key("gateway")), []);
    }

    #[test]
    fn too_many_levels_are_told() {
        let mut text = String::new();
        for i in 0..12 {
            text.push_str(&format!(
                "[[device]]\nsite=\"plant\"\ndevice=\"d{i}\"\nprofile=\"p\"\nparent=\"d{}\"\n",
                i + 1
            ));
        }
        let registry = Registry::parse(&text).expect("fine");
        let tree = Topology::of(&registry);
        assert_eq!(tree.ancestors(&key("d0")).len(), MAX_LEVELS);
        assert_eq!(tree.problems(&registry).len(), 4, "d0 to d3 have more than eight above");
    }
}
